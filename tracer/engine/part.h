/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a signal beside exits (the time account, interrupts, I/O cores) adds to a snapshot: its
 * numbers, and how they are printed, subtracted, summed up and filtered. Whoever makes a part
 * brings its operations along, so that neither the engines nor the commands know the signals.
 */
#ifndef EXITLAB_PART_H
#define EXITLAB_PART_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "engine/engine.h"

struct csv_row;

/* What printing needs to know. */
struct part_ctx {
	vm_name_fn name;	/* may be NULL */
	void *arg;
	double seconds;		/* length of the interval */
	size_t top;		/* rows to show in a table; 0 = all */
	bool per_vcpu;		/* Prometheus: a label vcpu */
};

/* Whether somebody wants to see this vCPU; @vcpu -1: the VM as a whole. */
typedef bool (*part_keep_fn)(pid_t vm, int vcpu, void *arg);

struct part_ops {
	/* As in --signals; key of its JSON object. Lower case, '_' between words. */
	const char *name;
	void (*free)(struct part *p);
	/* Table for people, less than 80 columns wide, with a title line of its own. */
	void (*text)(FILE *f, const struct part *p, const struct part_ctx *c);
	/* New reference, NULL without memory. Every number keeps its unit in its key. */
	json_t *(*json)(const struct part *p, const struct part_ctx *c);
	/* By csv_number() of out/csv.h. */
	void (*csv)(struct csv_row *r, const struct part *p, const struct part_ctx *c);
	/* Families exitlab_...; @p: sums since the exporter started. */
	void (*prom)(FILE *f, const struct part *p, const struct part_ctx *c);
	/* What came between @before and @now (NULL: since the start, that is a copy of @now). */
	struct part *(*delta)(const struct part *now, const struct part *before);
	/* @total += @step. 0 or -ENOMEM. */
	int (*add)(struct part *total, const struct part *step);
	/* Removes the rows nobody wants. */
	void (*filter)(struct part *p, part_keep_fn keep, void *arg);
};

/* First member of every part. */
struct part {
	const struct part_ops *ops;
};

/* Adds @p to @s, which owns it from then on. 0 or -ENOSPC (@p is freed). */
int part_put(struct trace_snapshot *s, struct part *p);
/* The part called @name of @s, or NULL. */
struct part *part_get(const struct trace_snapshot *s, const char *name);

#endif
