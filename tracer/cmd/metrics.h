/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What `exitlab export` has counted since it started, by VM, and its text for Prometheus. Counters
 * only grow. A VM's series stay for ten minutes after it has ended; one of the same name that
 * starts meanwhile goes on with them, a later one starts from zero.
 */
#ifndef EXITLAB_METRICS_H
#define EXITLAB_METRICS_H

#include <stdbool.h>
#include <stdio.h>

#include "cmd/watch.h"

struct metrics;

struct metrics_opts {
	bool per_vcpu;			/* a label vcpu on everything that is known by vCPU */
	bool histograms;		/* exitlab_exit_duration_seconds */
	const char *version;
};

/* NULL without memory. */
struct metrics *metrics_new(const struct metrics_opts *o);
void metrics_free(struct metrics *m);
/* Adds what a look has shown. 0 or -ENOMEM. */
int metrics_add(struct metrics *m, const struct watch_view *v);
/* All of it as text. */
void metrics_write(const struct metrics *m, FILE *f);

#endif
