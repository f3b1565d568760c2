/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sums of the signals' parts since the exporter started. A row belongs to a VM's process; it goes
 * when that is forgotten, and at once when another VM runs under its label, whose series then begin
 * at zero: two series of the same name would be no valid text.
 */
#ifndef EXITLAB_METRICS_PARTS_H
#define EXITLAB_METRICS_PARTS_H

#include <stdbool.h>
#include <stdio.h>

#include "cmd/watch.h"

/* Zero-initialised = empty. */
struct metrics_parts {
	struct part *total[MAX_PARTS];
	size_t n;
	struct watch_vm *vms;		/* as of the last look */
	size_t nr_vms;
};

/* 0 or -ENOMEM. */
int metrics_parts_add(struct metrics_parts *m, const struct watch_view *v);
void metrics_parts_write(const struct metrics_parts *m, FILE *f, bool per_vcpu);
void metrics_parts_free(struct metrics_parts *m);

#endif
