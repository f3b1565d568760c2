/* SPDX-License-Identifier: GPL-2.0 */
/* Snapshots as CSV (RFC 4180, lines end with LF), long form: one number per line. */
#ifndef EXITLAB_OUT_CSV_H
#define EXITLAB_OUT_CSV_H

#include <stdio.h>

#include "engine/engine.h"
#include "engine/snapshot_json.h"

/* One field: in quotes if it holds a comma, a quote or a line break; quotes inside are doubled. */
void csv_field(FILE *f, const char *text);

/* What a block of lines is about; the first three columns. */
struct csv_block {
	double time;		/* seconds since the epoch at its end */
	unsigned int interval;	/* 1, 2, ...; 0 = "total" */
};

/* What the lines about one thing have in common: all columns but the last two. */
struct csv_row {
	FILE *f;
	const struct csv_block *b;
	double seconds;
	const char *vm;			/* NULL: no VM, and no pid and vcpu either */
	pid_t pid;
	int vcpu;			/* -1: the VM as a whole, an empty column */
	const char *isa, *reason, *detail;	/* "" = empty */
};

/* One line. Metrics are lower case, end in their unit, and have no value that is not known. */
void csv_number(const struct csv_row *r, const char *metric, uint64_t n);

/* The line with the columns' names. They are stable: new numbers get new metrics, no new column. */
void csv_header(FILE *f);
/* All numbers of @s. What has no value (the time of exits without an entry) has no line. */
void csv_exits(FILE *f, const struct csv_block *b, const struct trace_snapshot *s, vm_name_fn name,
	       void *arg);

#endif
