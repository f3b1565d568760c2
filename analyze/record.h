/* SPDX-License-Identifier: GPL-2.0 */
/* Run records (exitlab-record(5)): reading, checking, putting them in order. */
#ifndef EXITLAB_RECORD_H
#define EXITLAB_RECORD_H

#include <stddef.h>
#include <stdio.h>

#include <jansson.h>

/* One checked record. Strings and objects belong to @root. */
struct record {
	char *path;
	json_t *root;
	const char *scenario, *title, *sha256;	/* of the scenario */
	const char *id;				/* of the point */
	const char *config, *config_title, *net;
	int repeat;				/* 1-based */
	json_t *point, *parameters, *windows;
};

struct records {
	struct record *list;
	size_t n;
	size_t bad;	/* files that could not be used; each was told */
};

/*
 * Adds the record of a file, or those of all *.json files of a folder and of its folders (but for
 * those named "previous", "logs" or with a dot, where old runs and scratch files are). What
 * cannot be used is told on @err, one line each "FILE: FIELD: what is wrong", and counted in
 * rs->bad; the rest is still read. 0 or -ENOMEM.
 */
int records_add(struct records *rs, const char *path, FILE *err);
/* The same from memory; @path only names the source. 0, -EINVAL (told) or -ENOMEM. */
int records_add_text(struct records *rs, const char *path, const char *text, size_t len, FILE *err);
/* Orders by scenario, then as a scenario orders its points: configuration, parameters, repeat. */
void records_sort(struct records *rs);
void records_free(struct records *rs);

/* The window of a workload, or NULL. */
json_t *record_window(const struct record *r, const char *workload);
/* What the times of the record are: short, for captions. */
const char *record_time_label(const struct record *r);
/* A swept value, a number or a name. */
const char *record_parameter(const json_t *value, char *buf, size_t n);
/* "host.cpus=4;guests.count=2", empty if nothing was swept. */
const char *record_parameters(const struct record *r, char *buf, size_t n);

#endif
