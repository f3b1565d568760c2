/* SPDX-License-Identifier: GPL-2.0 */
/* What exitlab stat prints: intervals and the total, as tables, JSON or CSV. */
#ifndef EXITLAB_STAT_PRINT_H
#define EXITLAB_STAT_PRINT_H

#include <stdbool.h>
#include <stdio.h>

#include "cmd/stat_check.h"
#include "cmd/stat_options.h"

struct stat_print {
	const struct stat_options *o;
	const struct stat_check *check;	/* NULL: events come from a file */
	vm_name_fn name;
	void *arg;
	FILE *f;		/* NULL = not open */
	uint64_t traced;	/* exits shown so far */
	/* From a file: seconds since the epoch of what is printed; more for the total's JSON. */
	double at;
	json_t *more;		/* an object, borrowed; NULL = none */
};

/* Opens the output and writes what comes first. Everything is borrowed. 0 or negative errno. */
int stat_print_open(struct stat_print *p, const struct stat_options *o,
		    const struct stat_check *check, vm_name_fn name, void *arg);
/* Interval number @n. 0 or negative errno. */
int stat_print_interval(struct stat_print *p, const struct trace_snapshot *s, unsigned int n);
/* The whole time. @told: the numbers mean what they say (not: exits happen that nobody reports). */
int stat_print_total(struct stat_print *p, const struct trace_snapshot *s, bool told);
void stat_print_close(struct stat_print *p);

#endif
