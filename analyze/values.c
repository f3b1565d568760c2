// SPDX-License-Identifier: GPL-2.0
/* Tables of values. The CSV itself is read by libcsv. */
#include "analyze/values.h"

#include <csv.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/log.h"

#define MAX_COLUMNS	32
#define MAX_ROWS	100000

/* What libcsv's callbacks fill. */
struct reader {
	struct text_table *t;
	size_t column;		/* of the next field */
	char *title[MAX_COLUMNS];
	int error;		/* negative errno */
	const char *what;	/* with -EINVAL */
};

static int fail(struct reader *r, int error, const char *what)
{
	r->error = error;
	r->what = what;
	return error;
}

static int new_row(struct reader *r)
{
	struct text_table *t = r->t;
	char **more;

	if (t->rows == MAX_ROWS)
		return fail(r, -EINVAL, "more than 100000 lines");
	more = realloc(t->cells, (t->rows + 1) * t->columns * sizeof(*more));
	if (!more)
		return fail(r, -ENOMEM, NULL);
	t->cells = more;
	memset(more + t->rows * t->columns, 0, t->columns * sizeof(*more));
	t->rows++;
	return 0;
}

static void on_field(void *text, size_t len, void *arg)
{
	struct reader *r = arg;
	struct text_table *t = r->t;
	char *s;

	if (r->error)
		return;
	/* Only their end tells how many titles there are, so they wait until then. */
	if (r->column >= (t->columns ? t->columns : MAX_COLUMNS)) {
		fail(r, -EINVAL, t->columns ? "more fields than titles" : "more than 32 columns");
		return;
	}
	if (t->columns && !r->column && new_row(r))
		return;
	s = strndup(text, len);
	if (!s)
		fail(r, -ENOMEM, NULL);
	else if (t->columns)
		t->cells[(t->rows - 1) * t->columns + r->column] = s;
	else
		r->title[r->column] = s;
	r->column++;
}

static void on_row(int c, void *arg)
{
	struct reader *r = arg;
	struct text_table *t = r->t;

	(void)c;
	if (!r->error && !t->columns) {
		t->columns = r->column;
		if (!new_row(r)) {
			memcpy(t->cells, r->title, t->columns * sizeof(r->title[0]));
			memset(r->title, 0, sizeof(r->title));
		}
	}
	r->column = 0;
}

static int parse(FILE *f, struct reader *r)
{
	struct csv_parser p;
	char buf[4096];
	size_t n;

	if (csv_init(&p, CSV_STRICT | CSV_STRICT_FINI))
		return -ENOMEM;
	while (!r->error && (n = fread(buf, 1, sizeof(buf), f)) > 0)
		if (csv_parse(&p, buf, n, on_field, on_row, r) != n)
			fail(r, csv_error(&p) == CSV_EPARSE ? -EINVAL : -ENOMEM,
			     "a quote where none can be");
	if (!r->error && ferror(f))
		r->error = -EIO;
	if (!r->error && csv_fini(&p, on_field, on_row, r))
		fail(r, -EINVAL, "a quote is never closed");
	if (!r->error && !r->t->columns)
		fail(r, -EINVAL, "empty; the first line names the columns");
	csv_free(&p);
	return r->error;
}

int text_table_read(const char *path, struct text_table *out)
{
	struct reader r = { .t = out };
	FILE *f = fopen(path, "re");
	size_t i;
	int ret;

	memset(out, 0, sizeof(*out));
	if (!f) {
		ret = -errno;
		if (ret != -ENOENT)
			err("cannot read %s: %s", path, strerror(-ret));
		return ret;
	}
	ret = parse(f, &r);
	fclose(f);
	if (ret == -EINVAL)
		err("%s:%zu: %s", path, out->rows + !out->columns, r.what);
	else if (ret)
		err("cannot read %s: %s", path, strerror(-ret));
	for (i = 0; i < MAX_COLUMNS; i++)
		free(r.title[i]);
	if (ret)
		text_table_free(out);
	return ret;
}

void text_table_free(struct text_table *t)
{
	size_t i;

	for (i = 0; i < t->rows * t->columns; i++)
		free(t->cells[i]);
	free(t->cells);
	memset(t, 0, sizeof(*t));
}

const char *text_table_cell(const struct text_table *t, size_t row, int column)
{
	const char *s = t->cells[row * t->columns + (size_t)column];

	return s ? s : "";
}

int text_table_column(const struct text_table *t, const char *path, const char *title)
{
	size_t i;

	for (i = 0; i < t->columns; i++)
		if (!strcmp(text_table_cell(t, 0, (int)i), title))
			return (int)i;
	err("%s:1: there is no column '%s'", path, title);
	return -EINVAL;
}

/* Row @row of the text, @col as in values_read(). */
static int read_row(const struct text_table *t, const char *path, size_t row, const int *col,
		    struct value_row *v)
{
	const char *text = text_table_cell(t, row, col[3]);
	char *end;

	*v = (struct value_row){
		.configuration = text_table_cell(t, row, col[0]),
		.x = text_table_cell(t, row, col[1]), .metric = text_table_cell(t, row, col[2]),
		.unit = text_table_cell(t, row, col[4]),
		.provenance = text_table_cell(t, row, col[5]), .has_value = *text != 0,
		.note = col[6] < 0 ? "" : text_table_cell(t, row, col[6]) };
	if (!v->has_value)
		return 0;
	v->value = strtod(text, &end);
	if (!*end && isfinite(v->value))
		return 0;
	err("%s:%zu: value '%s' is not a number", path, row + 1, text);
	return -EINVAL;
}

int values_read(const char *path, struct value_table *out)
{
	static const char *const titles[] = { "configuration", "x", "metric", "value", "unit",
					      "provenance" };
	int col[7], ret;
	size_t i;

	memset(out, 0, sizeof(*out));
	ret = text_table_read(path, &out->text);
	for (i = 0; !ret && i < 6; i++) {
		col[i] = text_table_column(&out->text, path, titles[i]);
		ret = col[i] < 0 ? col[i] : 0;
	}
	for (col[6] = ret ? -1 : (int)out->text.columns - 1; col[6] >= 0; col[6]--)
		if (!strcmp(text_table_cell(&out->text, 0, col[6]), "note"))
			break;
	if (!ret)
		out->rows = calloc(out->text.rows, sizeof(out->rows[0]));
	if (!ret && !out->rows)
		ret = -ENOMEM;
	for (i = 1; !ret && i < out->text.rows; i++)
		ret = read_row(&out->text, path, i, col, &out->rows[out->n++]);
	if (ret)
		values_free(out);
	return ret;
}

void values_free(struct value_table *t)
{
	text_table_free(&t->text);
	free(t->rows);
	memset(t, 0, sizeof(*t));
}

const struct value_row *values_find(const struct value_table *t, const char *configuration,
				    const char *x, const char *metric)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		if (!strcmp(t->rows[i].configuration, configuration) &&
		    !strcmp(t->rows[i].x, x) && !strcmp(t->rows[i].metric, metric))
			return &t->rows[i];
	return NULL;
}
