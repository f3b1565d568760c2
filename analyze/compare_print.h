/* SPDX-License-Identifier: GPL-2.0 */
/* Comparisons for people, programs and gnuplot. */
#ifndef EXITLAB_COMPARE_PRINT_H
#define EXITLAB_COMPARE_PRINT_H

#include <stdio.h>

#include "analyze/compare.h"

/* Tables under 80 columns; reasons after the @top largest are put together as "other". 0, -ENOMEM */
int compare_text(FILE *out, const struct compare *c, size_t top);
/*
 * One value per line. Columns: point, workload, unit, kind, row, set, repeats, value, min, max,
 * difference, percent; an empty field is not available.
 */
void compare_csv(FILE *out, const struct compare *c);
/* An "exitlab-compare/1" object, described in exitlab-compare(1). NULL: no memory. */
json_t *compare_json(const struct compare *c);

/* The data of plots/compare.gp: two blocks per comparison, exits and time. 0 or -ENOMEM. */
int compare_plot_data(FILE *out, const struct compare *c);
/* Its variables; @base and @data are file names. 0 or -ENOMEM. */
int compare_plot_variables(FILE *out, const struct compare *c, const char *base,
			   const char *data);

#endif
