/* SPDX-License-Identifier: GPL-2.0 */
/* Items of the papers as CSV, as text, as tables that claims are judged by, and as plots. */
#ifndef EXITLAB_PAPER_OUT_H
#define EXITLAB_PAPER_OUT_H

#include <stdio.h>

#include "analyze/paper.h"

/* "102222", "0.1708", "-" without one. */
const char *paper_number(bool has, double v, char *buf, size_t n);
/* The line of titles, and a line per cell. */
void paper_write_csv_head(FILE *out);
void paper_write_csv(FILE *out, const struct paper_values *v);
/* The same rows and columns as printed; ours and the ratio below. 0 or -ENOMEM. */
int paper_write_text(FILE *out, const struct paper_values *v);
/* Ours in the form of the printed table @name. What is missing has its reason as note. */
void paper_write_measured(FILE *out, const struct paper_values *v, const char *name);
/* Whether any configuration has a value there, printed or ours. */
bool paper_row_known(const struct paper_values *v, const struct paper_panel *p,
		     const struct paper_names *configs, const char *x, const char *metric);
/* Texts for a CSV field, quoted where needed. */
void paper_csv_text(FILE *out, const char *text);

/*
 * What only claims ask for (measured.csv): over our values of all items. 0 or -ENOMEM, or -EINVAL
 * for an expression that is wrong (told).
 */
int paper_write_measures(FILE *out, const struct paper *p, const struct paper_values *all,
			 size_t n);

/* One reason and whom it is about: "Bare metal, ELI". Reasons of a panel, each once. */
struct paper_reason {
	const char *why;
	char who[200];
	size_t cells;
};
/* Returns how many, at most @max; those of cells that have a value of ours are none. */
size_t paper_reasons(const struct paper_values *v, const struct paper_panel *p,
		     const char *metric, struct paper_reason *out, size_t max);
/* What ours are: "modelled (x5570), measured", "not run" without any. */
const char *paper_labels(const struct paper_values *v, char *buf, size_t n);
/* Whether anything of the item is drawn. */
bool paper_drawn(const struct paper_item *item);
/* For gnuplot: blocks of numbers, and the variables of the kind's template. 0 or -ENOMEM. */
int paper_plot_data(FILE *out, const struct paper_values *v);
int paper_plot_variables(FILE *out, const struct paper_values *v, const char *base,
			 const char *data);
/* The name of the template in plots/. */
const char *paper_template(const struct paper_item *item);

#endif
