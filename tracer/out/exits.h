/* SPDX-License-Identifier: GPL-2.0 */
/* A snapshot as a table for people, less than 80 columns wide. */
#ifndef EXITLAB_OUT_EXITS_H
#define EXITLAB_OUT_EXITS_H

#include <stdint.h>
#include <stdio.h>

#include "engine/engine.h"
#include "engine/snapshot_json.h"

/* "87ns", "1.23us", ..., "86400s", "1.5d": at most 6 characters. Returns @buf. */
const char *out_ns(uint64_t ns, char *buf, size_t size);
/* Plain number up to 9 digits, then "12.3e9". Returns @buf. */
const char *out_count(uint64_t n, char *buf, size_t size);

/* How many of the exits were timed, in one line. False if all, and there is nothing to say. */
bool out_times(const struct trace_snapshot *s, char *buf, size_t size);

enum out_sort { OUT_BY_TIME, OUT_BY_COUNT, OUT_BY_NAME };

/* The reasons of one vCPU, with a line of titles; its part of out_exits(). */
void out_reasons(FILE *f, const struct vcpu_trace *v, size_t top, enum out_sort sort,
		 double seconds);
/*
 * One table per vCPU, reasons in the order of @sort, the @top first ones (0 = all) and the rest as "other"; then
 * what was lost and how it was traced. @name as in snapshot_to_json().
 */
void out_exits(FILE *f, const struct trace_snapshot *s, size_t top, enum out_sort sort,
	       vm_name_fn name, void *arg);

#endif
