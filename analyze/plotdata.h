/* SPDX-License-Identifier: GPL-2.0 */
/* What gnuplot needs to draw tables: a data file, and the variables that a template works with. */
#ifndef EXITLAB_PLOTDATA_H
#define EXITLAB_PLOTDATA_H

#include <stdio.h>

#include "analyze/table.h"

/* One reason of the legend: the same colour and filling in every panel of every plot. */
struct plot_reason {
	char label[128];
	enum family family;
	const char *colour;	/* "#rrggbb" */
	int fill;		/* gnuplot's pattern; 3 is solid */
};

struct plot {
	const struct table *tables;
	size_t nr_tables;
	struct plot_reason *reasons;	/* as stacked, from the bottom; the last may be "other" */
	size_t nr_reasons;
};

/*
 * Chooses what is drawn: reasons that are nowhere 1 % of a bar are put together as "other". The
 * tables (of one scenario) are referred to. 0 or -ENOMEM; free with plot_free().
 */
int plot_choose(const struct table *tables, size_t n, struct plot *out);
void plot_free(struct plot *p);

/* The data file: one block per table. */
void plot_write_data(FILE *out, const struct plot *p);
/* The variables of plots/exits-per-work.gp; @base and @data are file names. */
void plot_write_variables(FILE *out, const struct plot *p, const char *base, const char *data);

/* Parts of these, for other plots. */

/* Exits per unit of the rows that go by this label; for "other", of all that have no other. */
double plot_value(const struct plot *p, const struct table *t, size_t col,
		  const struct plot_reason *r);
/* The reasons' variables: reasons, reason_label[], reason_colour[], reason_fill[]. */
void plot_write_reasons(FILE *out, const struct plot *p);
/* In quotes, for gnuplot's commands or (@data) for its data files. */
void plot_quoted(FILE *out, const char *text, bool data);
/* In a comment: one line whatever the text holds. */
void plot_commented(FILE *out, const char *text);
/* NAME = 'TEXT' and NAME[i + 1] = 'TEXT'. */
void plot_variable(FILE *out, const char *name, const char *text);
void plot_element(FILE *out, const char *name, size_t i, const char *text);

#endif
