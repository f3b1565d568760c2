// SPDX-License-Identifier: GPL-2.0
/*
 * Data and variables for gnuplot. Colours belong to families of reasons and not to ranks, so that
 * plots can be laid side by side. All texts come from records: what is special to gnuplot in them
 * must not be (a backquote runs a command), hence single quotes everywhere.
 */
#include "analyze/plotdata.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The first reason of a family gets its first look, and so on. Dark and light take turns. */
static const struct look { const char *colour; int fill; } looks[NR_FAMILIES][4] = {
	[FAMILY_INTERRUPT] = { { "#1f4e8c", 3 }, { "#1f4e8c", 5 }, { "#5b8fce", 2 },
			       { "#5b8fce", 3 } },
	[FAMILY_EOI] = { { "#f28e2b", 3 }, { "#c25e00", 4 }, { "#c25e00", 1 }, { "#c25e00", 6 } },
	[FAMILY_HLT] = { { "#dcdcdc", 3 }, { "#9a9a9a", 4 }, { "#9a9a9a", 5 }, { "#9a9a9a", 2 } },
	[FAMILY_MMIO] = { { "#2e7d5b", 3 }, { "#2e7d5b", 4 }, { "#2e7d5b", 2 }, { "#7cc4a2", 3 } },
	[FAMILY_IO] = { { "#7b3f98", 2 }, { "#7b3f98", 3 }, { "#7b3f98", 5 }, { "#7b3f98", 4 } },
	[FAMILY_MSR] = { { "#a87b00", 4 }, { "#ffe08a", 3 }, { "#a87b00", 2 }, { "#a87b00", 5 } },
	[FAMILY_OTHER] = { { "#b03a48", 3 }, { "#b03a48", 5 }, { "#b03a48", 4 },
			   { "#b03a48", 2 } },
};

/* Smaller than this share of every bar, a reason is only a line. */
#define SMALLEST_SHARE 0.01
#define MAX_REASONS 16
/* Bytes of the text below a bar. */
#define MAX_BAR_NAME 72

static const char other_label[] = "other reasons";

static bool is_visible(const struct table *t, const struct row *row)
{
	size_t col;

	for (col = 0; col < t->nr_cols; col++) {
		if (t->cols[col].exits &&
		    row->cells[col].count >= SMALLEST_SHARE * t->cols[col].exits)
			return true;
	}
	return false;
}

static struct plot_reason *find_reason(const struct plot *p, const char *label)
{
	size_t i;

	for (i = 0; i < p->nr_reasons; i++) {
		if (!strcmp(p->reasons[i].label, label))
			return &p->reasons[i];
	}
	return NULL;
}

static int by_family(const void *pa, const void *pb)
{
	const struct plot_reason *a = pa, *b = pb;

	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return strcmp(a->label, b->label);
}

/* Looks by order within the family. */
static void dress(struct plot *p)
{
	unsigned seen[NR_FAMILIES] = { 0 };
	size_t i;

	for (i = 0; i < p->nr_reasons; i++) {
		struct plot_reason *r = &p->reasons[i];
		const struct look *look = &looks[r->family][seen[r->family]++ % 4];

		r->colour = look->colour;
		r->fill = look->fill;
	}
}

int plot_choose(const struct table *tables, size_t n, struct plot *out)
{
	struct plot p = { .tables = tables, .nr_tables = n };
	bool others = false;
	size_t i, j;

	/* One more than the reasons, for "other". */
	p.reasons = calloc(MAX_REASONS + 1, sizeof(*p.reasons));
	if (!p.reasons)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		for (j = 0; j < tables[i].nr_rows; j++) {
			const struct row *row = &tables[i].rows[j];

			if (find_reason(&p, row->label))
				continue;
			if (!is_visible(&tables[i], row) || p.nr_reasons == MAX_REASONS)
				continue;
			p.reasons[p.nr_reasons].family = row->family;
			memcpy(p.reasons[p.nr_reasons++].label, row->label, sizeof(row->label));
		}
	}
	for (i = 0; i < n; i++) {
		for (j = 0; j < tables[i].nr_rows; j++)
			others |= tables[i].rows[j].weight > 0 &&
				  !find_reason(&p, tables[i].rows[j].label);
	}
	if (p.nr_reasons)
		qsort(p.reasons, p.nr_reasons, sizeof(*p.reasons), by_family);
	dress(&p);
	if (others || !p.nr_reasons) {
		struct plot_reason *r = &p.reasons[p.nr_reasons++];

		strcpy(r->label, other_label);
		r->family = FAMILY_OTHER;
		r->colour = "#000000";
		r->fill = 0;
	}
	*out = p;
	return 0;
}

void plot_free(struct plot *p)
{
	free(p->reasons);
	*p = (struct plot){ 0 };
}

void plot_quoted(FILE *out, const char *text, bool data)
{
	char quote = data ? '"' : '\'';

	fputc(quote, out);
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			fputc(' ', out);
		else if (*text == '\'' && !data)
			fputs("''", out);
		else if ((*text == '"' || *text == '\\') && data)
			fputc('\'', out);
		else
			fputc(*text, out);
	}
	fputc(quote, out);
}

void plot_commented(FILE *out, const char *text)
{
	for (; *text; text++)
		fputc((unsigned char)*text < 0x20 ? ' ' : *text, out);
}

/* Below a bar: "vf host.cpus=4 #2". */
static void bar_name(const struct record *r, char *buf, size_t n)
{
	char text[64];
	const char *key;
	size_t used;
	json_t *v;

	used = snprintf(buf, n, "%.40s", r->config);
	json_object_foreach(r->parameters, key, v) {
		/* The panel's title says which workload it is. */
		const char *shown = strncmp(key, "workloads.", 10) ? key : key + 10;

		if (used < n)
			used += snprintf(buf + used, n - used, " %s=%s", shown,
					 record_parameter(v, text, sizeof(text)));
	}
	if (r->repeat > 1 && used < n)
		snprintf(buf + used, n - used, " #%d", r->repeat);
}

double plot_value(const struct plot *p, const struct table *t, size_t col,
		  const struct plot_reason *r)
{
	double sum = 0;
	size_t i;

	for (i = 0; i < t->nr_rows; i++) {
		const struct plot_reason *own = find_reason(p, t->rows[i].label);

		if (own == r || (!own && !strcmp(r->label, other_label)))
			sum += table_rate(t, &t->rows[i], col);
	}
	return sum;
}

void plot_write_data(FILE *out, const struct plot *p)
{
	char name[MAX_BAR_NAME];
	size_t i, j, col;

	for (i = 0; i < p->nr_tables; i++) {
		const struct table *t = &p->tables[i];

		fputs(i ? "\n\n# " : "# ", out);
		plot_commented(out, t->workload);
		fputs(", exits per ", out);
		plot_commented(out, t->unit);
		fputs(": bar", out);
		for (j = 0; j < p->nr_reasons; j++) {
			fputs(", ", out);
			plot_commented(out, p->reasons[j].label);
		}
		fputs(", total\n", out);
		for (col = 0; col < t->nr_cols; col++) {
			bar_name(t->cols[col].rec, name, sizeof(name));
			plot_quoted(out, name, true);
			for (j = 0; j < p->nr_reasons; j++)
				fprintf(out, " %.9g", plot_value(p, t, col, &p->reasons[j]));
			fprintf(out, " %.9g\n", table_rate(t, NULL, col));
		}
	}
}

void plot_variable(FILE *out, const char *name, const char *text)
{
	fprintf(out, "%s = ", name);
	plot_quoted(out, text, false);
	fputc('\n', out);
}

void plot_element(FILE *out, const char *name, size_t i, const char *text)
{
	fprintf(out, "%s[%zu] = ", name, i + 1);
	plot_quoted(out, text, false);
	fputc('\n', out);
}

static void caption(FILE *out, const struct record *r)
{
	json_t *machine = json_object_get(r->root, "machine");
	const char *kernel = json_string_value(json_object_get(machine, "kernel"));
	char buf[512];

	snprintf(buf, sizeof(buf), "kernel %.80s; scenario %.100s, sha256 %.16s",
		 kernel ? kernel : "unknown", r->scenario, r->sha256);
	plot_variable(out, "caption", buf);
}

void plot_write_reasons(FILE *out, const struct plot *p)
{
	size_t i;

	fprintf(out, "reasons = %zu\narray reason_label[reasons]\narray reason_colour[reasons]\n"
		"array reason_fill[reasons]\n", p->nr_reasons);
	for (i = 0; i < p->nr_reasons; i++) {
		plot_element(out, "reason_label", i, p->reasons[i].label);
		plot_element(out, "reason_colour", i, p->reasons[i].colour);
		fprintf(out, "reason_fill[%zu] = %d\n", i + 1, p->reasons[i].fill);
	}
}

void plot_write_variables(FILE *out, const struct plot *p, const char *base, const char *data)
{
	const struct record *r = p->tables[0].cols[0].rec;
	size_t longest = 0, i, col;
	char name[MAX_BAR_NAME];

	for (i = 0; i < p->nr_tables; i++) {
		for (col = 0; col < p->tables[i].nr_cols; col++) {
			bar_name(p->tables[i].cols[col].rec, name, sizeof(name));
			longest = strlen(name) > longest ? strlen(name) : longest;
		}
	}
	plot_variable(out, "base", base);
	plot_variable(out, "data", data);
	plot_variable(out, "heading", r->title);
	plot_variable(out, "note", record_time_label(r));
	caption(out, r);
	fprintf(out, "longest = %zu\n", longest);
	fprintf(out, "panels = %zu\narray panel_title[panels]\narray panel_unit[panels]\n"
		"array panel_max[panels]\narray panel_bars[panels]\n", p->nr_tables);
	for (i = 0; i < p->nr_tables; i++) {
		const struct table *t = &p->tables[i];
		double max = 0;

		for (col = 0; col < t->nr_cols; col++) {
			double rate = table_rate(t, NULL, col);

			max = rate > max ? rate : max;
		}
		plot_element(out, "panel_title", i, t->title);
		plot_element(out, "panel_unit", i, t->unit);
		fprintf(out, "panel_max[%zu] = %.9g\npanel_bars[%zu] = %zu\n", i + 1, max, i + 1,
			t->nr_cols);
	}
	plot_write_reasons(out, p);
}
