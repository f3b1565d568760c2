// SPDX-License-Identifier: GPL-2.0
/*
 * Comparisons for gnuplot: per point and workload a pair of panels, exits per unit by reason and
 * vCPU time per unit. Reasons look as in exitlab plot, since the same function dresses them. What
 * the times are stands at their axis.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/compare_print.h"
#include "analyze/plotdata.h"

/* Bytes of the name of a bar, and of it the set's own. */
#define MAX_BAR_NAME	80
#define MAX_LABEL	40
/* Characters of a line of the caption, which the narrowest plot has room for; and lines. */
#define CAPTION_WIDTH	108
#define MAX_CAPTIONS	24

/* plot_choose() wants its tables in a row; they are only borrowed. */
static struct table *borrow(const struct compare *c)
{
	struct table *tables = calloc(c->n, sizeof(*tables));
	size_t i;

	for (i = 0; tables && i < c->n; i++)
		tables[i] = c->list[i].table;
	return tables;
}

static const char *bar_name(const struct compare *all, const struct comparison *c, size_t col,
			    char *buf, size_t n)
{
	/* Bars of different kinds of time stand side by side: each says what it is. */
	snprintf(buf, n, "%.*s%s%s", MAX_LABEL, all->sets[c->cols[col].set].label,
		 c->same_time ? "" : ", ",
		 c->same_time ? "" : compare_time_kind(compare_record(c, col)));
	return buf;
}

/* The mean over the repeats. */
static double exits(const struct plot *p, const struct comparison *c, size_t col,
		    const struct plot_reason *r)
{
	size_t first = c->cols[col].first, n = c->cols[col].n, i;
	double sum = 0;

	for (i = first; i < first + n; i++)
		sum += r ? plot_value(p, &c->table, i, r) : table_rate(&c->table, NULL, i);
	return sum / n;
}

static const struct compare_value *time_of(const struct comparison *c, size_t part, size_t col)
{
	size_t i;

	for (i = 0; i < c->nr_rows; i++) {
		if (c->rows[i].kind == COMPARE_TIME && c->rows[i].from == part)
			break;
	}
	return &c->rows[i].values[col];
}

/* A bar cannot go below 0, as the rest does if the clocks of a window's ends do not quite agree. */
static double time_bar(const struct comparison *c, size_t part, size_t col)
{
	const struct compare_value *v = time_of(c, part, col);

	return v->has && v->mean > 0 ? v->mean : 0;
}

static double all_time(const struct comparison *c, size_t col)
{
	double sum = 0;
	size_t i;

	for (i = 0; i < NR_COMPARE_TIMES; i++)
		sum += time_bar(c, i, col);
	return sum;
}

static void write_exits(FILE *out, const struct compare *all, const struct plot *p,
			const struct comparison *c)
{
	char name[MAX_BAR_NAME];
	size_t col, i;

	fputs("# ", out);
	plot_commented(out, c->point);
	fputs(", ", out);
	plot_commented(out, c->table.workload);
	fputs(", exits per ", out);
	plot_commented(out, c->table.unit);
	fputs(": bar", out);
	for (i = 0; i < p->nr_reasons; i++) {
		fputs(", ", out);
		plot_commented(out, p->reasons[i].label);
	}
	fputs(", total\n", out);
	for (col = 0; col < c->nr_cols; col++) {
		plot_quoted(out, bar_name(all, c, col, name, sizeof(name)), true);
		for (i = 0; i < p->nr_reasons; i++)
			fprintf(out, " %.9g", exits(p, c, col, &p->reasons[i]));
		fprintf(out, " %.9g\n", exits(p, c, col, NULL));
	}
}

static void write_times(FILE *out, const struct compare *all, const struct comparison *c)
{
	char name[MAX_BAR_NAME];
	size_t col, i;

	fputs("\n\n# vCPU time in us per ", out);
	plot_commented(out, c->table.unit);
	fputs(": bar, in the guest, handling exits, halted, rest, total\n", out);
	for (col = 0; col < c->nr_cols; col++) {
		plot_quoted(out, bar_name(all, c, col, name, sizeof(name)), true);
		for (i = 0; i < NR_COMPARE_TIMES; i++)
			fprintf(out, " %.9g", time_bar(c, i, col));
		fprintf(out, " %.9g\n", all_time(c, col));
	}
}

int compare_plot_data(FILE *out, const struct compare *c)
{
	struct table *tables = borrow(c);
	struct plot p = { 0 };
	size_t i;
	int rc = tables ? plot_choose(tables, c->n, &p) : -ENOMEM;

	for (i = 0; i < c->n && !rc; i++) {
		if (i)
			fputs("\n\n", out);
		write_exits(out, c, &p, &c->list[i]);
		write_times(out, c, &c->list[i]);
	}
	plot_free(&p);
	free(tables);
	return rc;
}

static void write_legend_of_times(FILE *out)
{
	/* Dark, hatched, light, empty: apart without colour. Halted looks as HLT does. */
	static const struct { const char *label, *colour; int fill; } parts[NR_COMPARE_TIMES] = {
		[COMPARE_GUEST] = { "in the guest", "#4d4d4d", 3 },
		[COMPARE_HANDLING] = { "handling exits", "#b03a48", 4 },
		[COMPARE_HALTED] = { "halted (HLT)", "#dcdcdc", 3 },
		[COMPARE_REST] = { "rest of the window", "#000000", 0 },
	};
	size_t i;

	fprintf(out, "parts = %d\narray part_label[parts]\narray part_colour[parts]\n"
		"array part_fill[parts]\n", NR_COMPARE_TIMES);
	for (i = 0; i < NR_COMPARE_TIMES; i++) {
		plot_element(out, "part_label", i, parts[i].label);
		plot_element(out, "part_colour", i, parts[i].colour);
		fprintf(out, "part_fill[%zu] = %d\n", i + 1, parts[i].fill);
	}
}

static bool several_points(const struct compare *c)
{
	size_t i;

	for (i = 1; i < c->n; i++) {
		if (strcmp(c->list[i].point, c->list[0].point))
			return true;
	}
	return false;
}

static size_t write_panel(FILE *out, const struct compare *all, size_t n)
{
	const struct comparison *c = &all->list[n];
	double most_exits = 0, most_time = 0, v;
	size_t col, longest = 0, len;
	char name[MAX_BAR_NAME];

	for (col = 0; col < c->nr_cols; col++) {
		v = exits(NULL, c, col, NULL);
		most_exits = v > most_exits ? v : most_exits;
		v = all_time(c, col);
		most_time = v > most_time ? v : most_time;
		len = strlen(bar_name(all, c, col, name, sizeof(name)));
		longest = len > longest ? len : longest;
	}
	plot_element(out, "panel_title", n, c->table.title);
	plot_element(out, "panel_point", n, several_points(all) ? c->point : "");
	plot_element(out, "panel_unit", n, c->table.unit);
	plot_element(out, "panel_time", n, c->same_time ? compare_time_kind(compare_record(c, 0))
		     : "of different kinds, not comparable");
	fprintf(out, "panel_exits[%zu] = %.9g\npanel_us[%zu] = %.9g\npanel_bars[%zu] = %zu\n",
		n + 1, most_exits, n + 1, most_time, n + 1, c->nr_cols);
	return longest;
}

/* Where the numbers are from. A line for each set, or one if it is the same for all. */
static void caption_text(const struct record *r, char *buf, size_t n)
{
	json_t *machine = json_object_get(r->root, "machine");
	const char *kernel = json_string_value(json_object_get(machine, "kernel"));
	const char *testbed = json_string_value(json_object_get(machine, "testbed"));

	snprintf(buf, n, "kernel %.50s, testbed %.16s, scenario %.50s %.8s, times: %.90s",
		 kernel ? kernel : "unknown", testbed ? testbed : "unknown", r->scenario,
		 r->sha256, record_time_label(r));
}

struct captions {
	char lines[MAX_CAPTIONS][CAPTION_WIDTH + 1];
	size_t n;
};

/* Folded after a comma, or where it must be. */
static void add_caption(struct captions *out, const char *text)
{
	size_t room = CAPTION_WIDTH, len, i;
	const char *indent = "";

	while (*text && out->n < MAX_CAPTIONS) {
		len = strlen(text);
		if (len > room) {
			for (i = len = room; i > room / 2; i--) {
				if (text[i - 1] == ',' && text[i] == ' ') {
					len = i;
					break;
				}
			}
		}
		snprintf(out->lines[out->n++], CAPTION_WIDTH + 1, "%s%.*s", indent, (int)len,
			 text);
		text += len;
		text += strspn(text, " ");
		indent = "    ";
		room = CAPTION_WIDTH - 4;
	}
}

static void write_captions(FILE *out, const struct compare *all)
{
	char first[320] = "", text[320], line[400];
	struct captions lines = { .n = 0 };
	bool same = true;
	size_t i;

	for (i = 0; i < all->nr_sets; i++) {
		if (!all->sets[i].rs.n)
			continue;
		caption_text(&all->sets[i].rs.list[0], text, sizeof(text));
		if (!*first)
			strcpy(first, text);
		same &= !strcmp(first, text);
	}
	if (same)
		add_caption(&lines, first);
	for (i = 0; i < all->nr_sets && !same; i++) {
		if (!all->sets[i].rs.n)
			continue;
		caption_text(&all->sets[i].rs.list[0], text, sizeof(text));
		snprintf(line, sizeof(line), "%.*s: %s", MAX_LABEL, all->sets[i].label, text);
		add_caption(&lines, line);
	}
	fprintf(out, "captions = %zu\narray caption[captions]\n", lines.n);
	for (i = 0; i < lines.n; i++)
		plot_element(out, "caption", i, lines.lines[i]);
}

static void write_heading(FILE *out, const struct compare *all)
{
	static const char *const notes[] = {
		[COMPARE_EXACT] = "Counts are exact: deterministic mode, the same testbed",
		[COMPARE_OTHER_TESTBED] = "Counts are each exact, but of different testbeds",
		[COMPARE_INEXACT] = "Counts are not exact: a difference may be chance",
	};
	enum compare_exactness worst = COMPARE_EXACT;
	const char *title = compare_record(&all->list[0], 0)->title;
	bool same = true;
	size_t i;

	for (i = 0; i < all->n; i++)
		worst = all->list[i].exactness > worst ? all->list[i].exactness : worst;
	/* With one scenario its title tells most; of several points, panels have the names. */
	for (i = 0; i < all->n; i++) {
		const struct comparison *c = &all->list[i];
		size_t col;

		for (col = 0; col < c->table.nr_cols; col++)
			same &= !strcmp(c->table.cols[col].rec->title, title);
	}
	plot_variable(out, "heading", same ? title : several_points(all) ? "Points compared"
		      : all->list[0].point);
	plot_variable(out, "note", notes[worst]);
}

int compare_plot_variables(FILE *out, const struct compare *c, const char *base,
			   const char *data)
{
	struct table *tables = borrow(c);
	struct plot p = { 0 };
	size_t longest = 0, i, len;
	int rc = tables ? plot_choose(tables, c->n, &p) : -ENOMEM;

	if (rc)
		goto out;
	plot_variable(out, "base", base);
	plot_variable(out, "data", data);
	write_heading(out, c);
	write_captions(out, c);
	fprintf(out, "panels = %zu\narray panel_title[panels]\narray panel_point[panels]\n"
		"array panel_unit[panels]\narray panel_time[panels]\narray panel_exits[panels]\n"
		"array panel_us[panels]\narray panel_bars[panels]\n", c->n);
	for (i = 0; i < c->n; i++) {
		len = write_panel(out, c, i);
		longest = len > longest ? len : longest;
	}
	fprintf(out, "longest = %zu\n", longest);
	plot_write_reasons(out, &p);
	write_legend_of_times(out);
out:
	plot_free(&p);
	free(tables);
	return rc;
}
