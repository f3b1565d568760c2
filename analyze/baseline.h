/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Baselines (exitlab-baseline(5)): the numbers of a scenario's points and what they depend on.
 *
 * In memory a baseline is a tree of JSON objects, the same whether it was made of records or read
 * from a file, so that comparing with records is comparing two baselines:
 *
 *   { "from": path (for messages), "scenario": name,
 *     "common": facts that are the same for all points (analyze/facts.h),
 *     "points": { ID: { "from": path, "machine": facts, "settings": facts,
 *         "workloads": { NAME: { "settings": facts, "unit": text, "work": [number...],
 *             "numbers": { KEY: [integer...] or a text that says why there is none } } } } } }
 *
 * The lists have one value per repeat of the point, as many in a workload's work as in its numbers.
 */
#ifndef EXITLAB_BASELINE_H
#define EXITLAB_BASELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <jansson.h>

#include "analyze/record.h"

#define BASELINE_SCHEMA		"exitlab-baseline/1"
/* What the reader takes; a point with three workloads is about 3 kB. */
#define BASELINE_MAX_BYTES	(1024 * 1024)
#define BASELINE_MAX_REPEATS	1000

/*
 * A baseline of records, which records_sort() has put in order. Refused with one line on @err, as
 * "FILE: FIELD: what; what would be right", if they cannot be compared with each other or one of
 * them must not be judged. 0, -EINVAL (told) or -ENOMEM; release with json_decref().
 */
int baseline_of_records(const struct records *rs, FILE *err, json_t **out);

/* From a file's text; one line "FILE:LINE: FIELD: what; what would be right" on @err if it is
 * refused. 0, -EINVAL (told) or -ENOMEM. */
int baseline_read(const char *path, const char *text, size_t len, FILE *err, json_t **out);
/* The same from a file, which is read once and at most BASELINE_MAX_BYTES of it. */
int baseline_load(const char *path, FILE *err, json_t **out);

/* Writes the file: the same baseline gives the same bytes, whatever order it was made in. 0 or
 * -ENOMEM; whether @out took it is for the caller to look at. */
int baseline_write(FILE *out, const json_t *baseline);

/*
 * Puts the points and workloads of @update into @base, in place of what it has of them. Numbers
 * that change are told on @changes, a line each. Refused with one line on @err, @base being left as
 * it was, if something that stays cannot be compared with what comes. 0, -EINVAL, -ENOMEM.
 */
int baseline_update(json_t *base, const json_t *update, FILE *changes, FILE *err);

/* Counts of a number added up, and work added up: their ratio is the rate. NULL @key: work. */
double baseline_sum(const json_t *workload, const char *key);
/* A rate for people: three decimals or three significant digits, whatever shows more. */
const char *rate_text(double v, char *buf, size_t n);

/* Is this member of "machine" in a record the same for all points of a run? */
bool baseline_is_common(const char *fact);
/* Is it "kvm", "kvm_amd" or "kvm_intel", or a parameter of one, "kvm.x"? */
bool baseline_is_module(const char *fact);

/* Amounts of work that are taken: others can only be a mistake, and rates stay finite. */
#define BASELINE_WORK_MIN	1e-9
#define BASELINE_WORK_MAX	1e18

#endif
