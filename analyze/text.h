/* SPDX-License-Identifier: GPL-2.0 */
/* Tables for people: under 80 columns, one per workload. */
#ifndef EXITLAB_TEXT_H
#define EXITLAB_TEXT_H

#include <stdio.h>

#include "analyze/table.h"

/* A line of a table: a label, then up to 4 columns with a space before each. */
#define TEXT_LABEL_WIDTH	26
#define TEXT_COL_WIDTH		12
#define TEXT_HEAD_LINES		12

/* The scenario, its kernel and its time base: what stands above its tables. */
void text_heading(FILE *out, const struct record *r);
/* A table; reasons after the @top largest are put together as "other". */
void text_table(FILE *out, const struct table *t, size_t top);
/*
 * Every cross check that does not agree and every event that was lost, loudly. Returns how many
 * there are.
 */
size_t text_failed_checks(FILE *out, const struct table *t);

/* Three significant digits or better, never wider than a column. */
void text_cell(char *buf, size_t n, double v);
/*
 * Appends @text to the @n lines of a column's heading, folded after '-', ',', '.' or '=' where that
 * is possible.
 */
void text_fold(char lines[TEXT_HEAD_LINES][TEXT_COL_WIDTH + 1], size_t *n, const char *text);

#endif
