/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tables of values, as plots/paper/ holds those the papers print: CSV with the columns
 * configuration,x,metric,value,unit,provenance,source,note. A value may be missing (not printed).
 * Values of our own runs come in the same form, so that one set can stand beside the other.
 */
#ifndef EXITLAB_VALUES_H
#define EXITLAB_VALUES_H

#include <stdbool.h>
#include <stddef.h>

/* Any CSV file (RFC 4180) with a line of titles. */
struct text_table {
	char **cells;		/* rows times columns; the first row are the titles */
	size_t rows, columns;
};

/* 0, or negative errno, said in one line that names file and line; -ENOENT is not said. */
int text_table_read(const char *path, struct text_table *out);
void text_table_free(struct text_table *t);
/* Number of the column called @title, or -EINVAL, said in one line with @path. */
int text_table_column(const struct text_table *t, const char *path, const char *title);
/* "" for a field that its line does not have. */
const char *text_table_cell(const struct text_table *t, size_t row, int column);

struct value_row {
	const char *configuration, *x, *metric, *unit, *provenance;	/* the table's */
	const char *note;	/* "" if the table has no such column */
	double value;
	bool has_value;
};

struct value_table {
	struct text_table text;
	struct value_row *rows;
	size_t n;
};

/* As text_table_read(). Free with values_free(). */
int values_read(const char *path, struct value_table *out);
void values_free(struct value_table *t);
/* The first such row, or NULL. */
const struct value_row *values_find(const struct value_table *t, const char *configuration,
				    const char *x, const char *metric);

#endif
