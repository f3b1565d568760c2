// SPDX-License-Identifier: GPL-2.0
/*
 * Comparisons for people. Two sets fit beside their difference; more make blocks of four values,
 * then blocks of differences, with the same rows. A block is therefore a list of columns of which
 * each says what it shows: a value, a difference, a percentage.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/compare_print.h"
#include "analyze/text.h"

#define BLOCK_COLS	4
#define WIDTH		79
/* Fields that are still of use to a reader, for each set. */
#define MAX_FIELDS	10

enum show { VALUE, DIFFERENCE, PERCENT };

struct spec {
	enum show show;
	size_t col;
};

struct block {
	FILE *out;
	const struct compare *all;
	const struct comparison *c;
	struct spec specs[BLOCK_COLS];
	size_t n;
	bool missing;	/* an "n/a" was printed */
};

static void rule(const struct block *b)
{
	size_t n = TEXT_LABEL_WIDTH + b->n * (TEXT_COL_WIDTH + 1);

	while (n--)
		fputc('-', b->out);
	fputc('\n', b->out);
}

static const char *label_of(const struct compare *all, const struct comparison *c, size_t col)
{
	return all->sets[c->cols[col].set].label;
}

static void headings(const struct block *b, const char *what)
{
	char lines[BLOCK_COLS][TEXT_HEAD_LINES][TEXT_COL_WIDTH + 1];
	size_t n[BLOCK_COLS] = { 0 }, most = 0, i, l;

	for (i = 0; i < b->n; i++) {
		const struct spec *s = &b->specs[i];

		/* With two sets there is no doubt what differs from what. */
		if (s->show == VALUE || b->c->nr_cols > 2)
			text_fold(lines[i], &n[i], label_of(b->all, b->c, s->col));
		if (n[i] == TEXT_HEAD_LINES)
			n[i]--;
		if (s->show != VALUE)
			text_fold(lines[i], &n[i], s->show == PERCENT ? "percent" : "difference");
		most = n[i] > most ? n[i] : most;
	}
	/* Short names stand above the rule, not at the top. */
	for (l = 0; l < most; l++) {
		fprintf(b->out, "%-*.*s", TEXT_LABEL_WIDTH, TEXT_LABEL_WIDTH,
			l + 1 == most ? what : "");
		for (i = 0; i < b->n; i++)
			fprintf(b->out, " %*s", TEXT_COL_WIDTH,
				l + n[i] >= most ? lines[i][l + n[i] - most] : "");
		fputc('\n', b->out);
	}
	rule(b);
}

static void difference_text(char *buf, size_t n, double d)
{
	if (d == 0)
		snprintf(buf, n, "=");
	else if (fabs(d) < 0.0005)
		snprintf(buf, n, "%+.1e", d);
	else {
		buf[0] = d < 0 ? '-' : '+';
		text_cell(buf + 1, n - 1, fabs(d));
	}
}

static void percent_text(char *buf, size_t n, double p)
{
	if (p == 0)
		snprintf(buf, n, "=");
	else if (fabs(p) < 0.05)
		snprintf(buf, n, "%+.1g%%", p);
	else
		snprintf(buf, n, fabs(p) < 1e6 ? "%+.1f%%" : "%+.2g%%", p);
}

static void cell(struct block *b, const struct compare_row *row, const struct spec *s, char *buf,
		 size_t n)
{
	const struct compare_value *ref = &row->values[b->c->reference];
	double v;

	if (s->show == VALUE && row->values[s->col].has) {
		v = row->values[s->col].mean;
		text_cell(buf, n, v);
	} else if (s->show == VALUE || !compare_difference(b->c, row, s->col, &v)) {
		strcpy(buf, "n/a");
		b->missing = true;
	} else if (s->show == DIFFERENCE) {
		difference_text(buf, n, v);
	} else if (compare_percent(b->c, row, s->col, &v)) {
		percent_text(buf, n, v);
	} else {
		strcpy(buf, ref->mean == row->values[s->col].mean ? "=" : "new");
	}
}

/* The smallest (or largest) of the repeats, under a row where they are not the same. */
static void extremes(const struct block *b, const struct compare_row *row, bool largest)
{
	char buf[32];
	size_t i;

	fprintf(b->out, "%-*s", TEXT_LABEL_WIDTH, largest ? "  max of repeats"
		: "  min of repeats");
	for (i = 0; i < b->n; i++) {
		const struct compare_value *v = &row->values[b->specs[i].col];

		buf[0] = '\0';
		if (b->specs[i].show == VALUE && v->has && v->min != v->max)
			text_cell(buf, sizeof(buf), largest ? v->max : v->min);
		fprintf(b->out, " %*s", TEXT_COL_WIDTH, buf);
	}
	fputc('\n', b->out);
}

static void line(struct block *b, const struct compare_row *row)
{
	bool spread = false;
	char buf[32];
	size_t i;

	fprintf(b->out, "%-*.*s", TEXT_LABEL_WIDTH, TEXT_LABEL_WIDTH, row->label);
	for (i = 0; i < b->n; i++) {
		const struct compare_value *v = &row->values[b->specs[i].col];

		cell(b, row, &b->specs[i], buf, sizeof(buf));
		fprintf(b->out, " %*s", TEXT_COL_WIDTH, buf);
		spread |= b->specs[i].show == VALUE && v->has && v->min != v->max;
	}
	fputc('\n', b->out);
	if (spread) {
		extremes(b, row, false);
		extremes(b, row, true);
	}
}

/* What a part of the table is, across its columns. */
static void part(const struct block *b, const char *fmt, const char *unit, const char *kind)
{
	rule(b);
	fprintf(b->out, fmt, unit, kind);
	fputc('\n', b->out);
}

/* Reasons after the first @top as one row; they are the first rows of a comparison. */
static int other_line(struct block *b, size_t top)
{
	struct compare_row row = { .kind = COMPARE_OTHER, .from = top };
	int rc = compare_fill_row(b->c, &row);

	if (rc)
		return rc;
	snprintf(row.label, sizeof(row.label), "other (%zu reasons)", b->c->table.nr_rows - top);
	line(b, &row);
	free(row.values);
	return 0;
}

static int print_block(struct block *b, size_t top)
{
	const struct comparison *c = b->c;
	const char *unit = c->table.unit;
	enum compare_kind before = COMPARE_TOTAL;
	char what[64];
	size_t reasons = c->table.nr_rows, i;
	int rc = 0;

	/* A row that is put into "other" alone would only lose its name. */
	if (reasons <= top + 1)
		top = reasons;
	fputc('\n', b->out);
	snprintf(what, sizeof(what), "exits per %s", unit);
	headings(b, what);
	for (i = 0; i < c->nr_rows && !rc; i++) {
		const struct compare_row *row = &c->rows[i];

		if (i == top && top < reasons)
			rc = other_line(b, top);
		if (i >= top && i < reasons)
			continue;
		if (row->kind == COMPARE_SIGNAL && before != COMPARE_SIGNAL)
			part(b, "signals per %.40s%s", unit, "");
		if (row->kind == COMPARE_TIME && before != COMPARE_TIME)
			part(b, "vCPU time per %.20s, us (%s)", unit, c->same_time ?
			     compare_time_kind(c->table.cols[0].rec) : "of different kinds");
		before = row->kind;
		line(b, row);
	}
	return rc;
}

/* All blocks of a table, four columns each. */
static int print_specs(struct block *b, const struct spec *specs, size_t n, size_t top)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < n && !rc; i += b->n) {
		b->n = n - i < BLOCK_COLS ? n - i : BLOCK_COLS;
		memcpy(b->specs, specs + i, b->n * sizeof(*specs));
		rc = print_block(b, top);
	}
	return rc;
}

static int print_values(struct block *b, size_t top)
{
	const struct comparison *c = b->c;
	struct spec *specs = calloc(3 * c->nr_cols, sizeof(*specs));
	size_t n = 0, i;
	int rc = 0;

	if (!specs)
		return -ENOMEM;
	for (i = 0; i < c->nr_cols; i++)
		specs[n++] = (struct spec){ VALUE, i };
	if (c->nr_cols > 2) {
		rc = print_specs(b, specs, n, top);
		n = 0;
		if (!rc)
			fprintf(b->out, "\ndifferences from %.60s\n",
				label_of(b->all, c, c->reference));
	}
	for (i = 0; i < c->nr_cols; i++) {
		if (i == c->reference)
			continue;
		specs[n++] = (struct spec){ DIFFERENCE, i };
		specs[n++] = (struct spec){ PERCENT, i };
	}
	if (!rc)
		rc = print_specs(b, specs, n, top);
	free(specs);
	return rc;
}

/* Most of the time all points and workloads differ in the same. */
static bool same_fields(const struct comparison *a, const struct comparison *b)
{
	size_t i;

	if (a->nr_fields != b->nr_fields)
		return false;
	for (i = 0; i < a->nr_fields; i++) {
		const struct compare_field *f = &a->fields[i], *g = &b->fields[i];

		if (a->cols[f->col].set != b->cols[g->col].set || strcmp(f->path, g->path) ||
		    strcmp(f->from, g->from) || strcmp(f->to, g->to))
			return false;
	}
	return true;
}

static void print_fields(FILE *out, const struct compare *all, const struct comparison *c)
{
	size_t col, i, n;

	if (c > all->list && c->nr_fields && same_fields(c, c - 1)) {
		fprintf(out, "settings and machines differ as above (%zu field%s)\n", c->nr_fields,
			c->nr_fields == 1 ? "" : "s");
		return;
	}
	for (col = 0; col < c->nr_cols; col++) {
		for (i = n = 0; i < c->nr_fields; i++) {
			const struct compare_field *f = &c->fields[i];

			if (f->col != col || n++ >= MAX_FIELDS)
				continue;
			if (n == 1)
				fprintf(out, "%.30s differs from %.30s in:\n",
					label_of(all, c, col), label_of(all, c, c->reference));
			fprintf(out, "  %s:", f->path);
			if (strlen(f->path) + strlen(f->from) + strlen(f->to) + 8 > WIDTH)
				fputs("\n   ", out);
			fprintf(out, " %s -> %s\n", f->from, f->to);
		}
		if (n > MAX_FIELDS)
			fprintf(out, "  and %zu more\n", n - MAX_FIELDS);
	}
}

/* Words, folded into lines under 80 columns. */
static void wrap(FILE *out, const char *text)
{
	size_t used = 0, len;

	for (; *text; text += len) {
		text += strspn(text, " ");
		len = strcspn(text, " ");
		if (used && used + 1 + len > WIDTH) {
			fputc('\n', out);
			used = 0;
		}
		/* A word that is longer than a line is cut. */
		used += fprintf(out, "%s%.*s", used ? " " : "",
				(int)(len < WIDTH ? len : WIDTH), text);
	}
	fputc('\n', out);
}

static void wrap_parts(FILE *out, const char *a, const char *b, const char *c)
{
	char text[1024];

	snprintf(text, sizeof(text), "%s%s%s", a, b, c);
	wrap(out, text);
}

static void print_times(FILE *out, const struct compare *all, const struct comparison *c)
{
	const char *label = record_time_label(compare_record(c, 0));
	bool same = true;
	char head[160];
	size_t i;

	for (i = 1; i < c->nr_cols; i++)
		same &= !strcmp(record_time_label(compare_record(c, i)), label);
	if (same) {
		wrap_parts(out, "times: ", label, "");
		return;
	}
	for (i = 0; i < c->nr_cols; i++) {
		snprintf(head, sizeof(head), "times of %.100s: ", label_of(all, c, i));
		wrap_parts(out, head, record_time_label(compare_record(c, i)), "");
	}
}

static const char *exactness_text(const struct comparison *c)
{
	switch (c->exactness) {
	case COMPARE_EXACT:
		return c->nr_fields ? "counts: exact (deterministic mode, the same testbed)"
		       : "counts: exact (deterministic mode, the same testbed and settings)";
	case COMPARE_OTHER_TESTBED:
		return "counts: each exact (deterministic mode), but not of the same testbed";
	case COMPARE_INEXACT:
		break;
	}
	return "counts: not exact (not a deterministic mode): a difference may be chance";
}

/* Every cross check that does not agree, with the set it is of. */
static void print_failed(FILE *out, const struct compare *all, const struct comparison *c)
{
	size_t i, len;

	for (i = 0; i < c->nr_cols; i++) {
		struct table one = c->table;
		char *text = NULL;
		FILE *mem = open_memstream(&text, &len);

		one.cols += c->cols[i].first;
		one.nr_cols = c->cols[i].n;
		if (!mem)
			continue;
		if (text_failed_checks(mem, &one)) {
			fflush(mem);
			fprintf(out, "!! in %.60s:\n%s", label_of(all, c, i), text);
		}
		fclose(mem);
		free(text);
	}
}

static int print_one(FILE *out, const struct compare *all, const struct comparison *c, size_t top)
{
	struct block b = { .out = out, .all = all, .c = c };
	char head[400];
	int rc;

	fputc('\n', out);
	snprintf(head, sizeof(head), "point %s, workload %.60s: ", c->point, c->table.workload);
	wrap_parts(out, head, c->table.title, "");
	wrap(out, exactness_text(c));
	print_times(out, all, c);
	print_fields(out, all, c);
	rc = print_values(&b, top);
	if (b.missing)
		fprintf(out, "n/a: %s\n", c->same_time ? "no work was done, or the record does "
			"not have it" : "not in the record, or times of different kinds");
	print_failed(out, all, c);
	return rc;
}

int compare_text(FILE *out, const struct compare *c, size_t top)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < c->nr_sets; i++) {
		const struct compare_set *s = &c->sets[i];
		size_t len = strlen(s->path), room = WIDTH - 16;
		int used = fprintf(out, "%.30s%s: ", s->label,
				   i == c->reference ? " (reference)" : "");

		room -= used > 0 ? used : 0;
		fprintf(out, "%s%s, %zu record%s\n", len > room ? "..." : "",
			s->path + (len > room ? len - (room - 3) : 0), s->rs.n,
			s->rs.n == 1 ? "" : "s");
	}
	for (i = 0; i < c->n && !rc; i++)
		rc = print_one(out, c, &c->list[i], top);
	return rc;
}
