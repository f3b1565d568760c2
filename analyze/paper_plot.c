// SPDX-License-Identifier: GPL-2.0
/*
 * Items as gnuplot data. A panel is two frames side by side, theirs and ours, with the same series
 * in the same dash, point and filling. What has no value is not drawn as 0: a place in a frame says
 * that it is missing, and captions say why.
 */
#include "analyze/paper_out.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/plotdata.h"

#define MAX_REASONS	6
#define CAPTION_CHARS	146
#define MAX_CAPTIONS	24

/* A word for what has no number: gnuplot skips it. */
#define NONE		"NaN"

static void put_number(FILE *out, bool has, double v)
{
	if (has)
		fprintf(out, " %.9g", v);
	else
		fputs(" " NONE, out);
}

static void put_value(FILE *out, const struct paper_cell *c, bool ours)
{
	bool has = c && (ours ? c->has_ours : c->has_printed);

	put_number(out, has, has ? ours ? c->ours : c->printed : 0);
}

static void put_band(FILE *out, const struct paper_cell *c, bool ours)
{
	bool has = c && ours && c->has_ours;

	put_number(out, has, has ? c->low : 0);
	put_number(out, has, has ? c->high : 0);
}

/* x as a number, or its place among the names. */
static double place(const char *x, size_t i)
{
	char *end;
	double v = strtod(x, &end);

	return end == x || *end ? (double)i + 1 : v;
}

static bool numeric(const struct paper_names *xs)
{
	char *end;
	size_t i;

	for (i = 0; i < xs->n; i++) {
		strtod(xs->name[i], &end);
		if (end == xs->name[i] || *end)
			return false;
	}
	return xs->n > 0;
}

static const char *shown(const struct paper_panel *p, const char *x)
{
	size_t i;

	for (i = 0; i < p->x.n; i++)
		if (!strcmp(p->x.p[i].a, x) && p->x.p[i].b)
			return p->x.p[i].b;
	return x;
}

/* A row per x: per series x, y, low, high; then the name of x. */
static void lines_block(FILE *out, const struct paper_values *v, const struct paper_panel *p,
			const struct paper_names *series, const struct paper_names *xs, bool ours)
{
	size_t i, j;

	for (i = 0; i < xs->n; i++) {
		for (j = 0; j < series->n; j++) {
			const struct paper_cell *c = paper_cell(v, p, series->name[j], xs->name[i],
								p->draw);
			const struct paper_cell *a = NULL;
			size_t k;

			/* Whoever has it: the papers print one x for all series. */
			for (k = 0; p->across && !a && k < v->n; k++)
				if (v->cells[k].panel == p && !strcmp(v->cells[k].x, xs->name[i]) &&
				    !strcmp(v->cells[k].metric, p->across))
					a = &v->cells[k];
			if (p->across)
				put_value(out, a, ours);
			else
				put_number(out, true, place(xs->name[i], i));
			put_value(out, c, ours);
			put_band(out, c, ours);
		}
		fputc(' ', out);
		plot_quoted(out, shown(p, xs->name[i]), true);
		fputc('\n', out);
	}
}

/* Where a bar's number stands, and the number; a missing bar has a word on the axis. */
static void put_label(FILE *out, const struct paper_cell *c, bool ours)
{
	bool has = c && (ours ? c->has_ours : c->has_printed);
	double y = has ? ours ? c->ours : c->printed : 0;
	char buf[32];

	put_number(out, true, has && ours ? fmax(y, c->high) : y);
	fprintf(out, " \"%s\"", !c ? "" : !has ? "n/a" : paper_number(true, y, buf, sizeof(buf)));
}

/* A row per configuration: its name; per x value, low, high, place and text of a label. */
static void bars_block(FILE *out, const struct paper_values *v, const struct paper_panel *p,
		       const struct paper_names *groups, const struct paper_names *xs, bool ours)
{
	size_t i, j;

	for (i = 0; i < groups->n; i++) {
		plot_quoted(out, groups->name[i], true);
		for (j = 0; j < xs->n; j++) {
			const struct paper_cell *c = paper_cell(v, p, groups->name[i], xs->name[j],
								p->draw);

			put_value(out, c, ours);
			put_band(out, c, ours);
			put_label(out, c, ours);
		}
		fputc('\n', out);
	}
}

/* Series of all drawn panels, each once: the legend. */
static int all_names(const struct paper_values *v, enum paper_axis axis, struct paper_names *out)
{
	struct paper_names one;
	size_t i, j, k;
	int ret = 0;

	*out = (struct paper_names){ calloc(v->n + 1, sizeof(out->name[0])), 0 };
	if (!out->name)
		return -ENOMEM;
	for (i = 0; !ret && i < v->item->nr_panels; i++) {
		const struct paper_panel *p = &v->item->panels[i];

		if (!p->draw)
			continue;
		ret = paper_axis_names(v, p, axis, p->draw, &one);
		for (j = 0; !ret && j < one.n; j++) {
			for (k = 0; k < out->n && strcmp(out->name[k], one.name[j]); k++)
				;
			if (k == out->n)
				out->name[out->n++] = one.name[j];
		}
		free(one.name);
	}
	return ret;
}

/* The x of lines: those that the panel lists, with a value or not, else those that are there. */
static int line_xs(const struct paper_values *v, const struct paper_panel *p,
		   struct paper_names *out)
{
	size_t i;

	if (!p->x.n)
		return paper_axis_names(v, p, PAPER_XS, p->draw, out);
	*out = (struct paper_names){ calloc(p->x.n, sizeof(out->name[0])), 0 };
	for (i = 0; out->name && i < p->x.n; i++)
		out->name[out->n++] = p->x.p[i].a;
	return out->name ? 0 : -ENOMEM;
}

int paper_plot_data(FILE *out, const struct paper_values *v)
{
	bool bars = v->item->kind != PAPER_LINES, first = true;
	struct paper_names series, xs = { 0 }, own = { 0 };
	size_t i;
	int ours, ret = all_names(v, bars ? PAPER_XS : PAPER_CONFIGURATIONS, &series);

	for (i = 0; !ret && i < v->item->nr_panels; i++) {
		const struct paper_panel *p = &v->item->panels[i];

		if (!p->draw)
			continue;
		ret = bars ? paper_axis_names(v, p, PAPER_CONFIGURATIONS, p->draw, &xs) :
		      line_xs(v, p, &xs);
		/* Bars stand for the x of this panel; a panel of one x has no bars for others. */
		if (!ret)
			ret = paper_axis_names(v, p, PAPER_XS, p->draw, &own);
		for (ours = 0; !ret && ours < 2; ours++) {
			fputs(first ? "" : "\n\n", out);
			first = false;
			fputs("# ", out);
			plot_commented(out, p->title);
			fprintf(out, ", %s\n", ours ? "ours" : "as printed");
			if (bars)
				bars_block(out, v, p, &xs, &own, ours);
			else
				lines_block(out, v, p, &series, &xs, ours);
		}
		free(xs.name);
		free(own.name);
		xs.name = own.name = NULL;
	}
	free(series.name);
	return ret;
}

/* ---- variables ---- */

static double highest(const struct paper_values *v, const struct paper_panel *p, bool ours,
		      size_t *values)
{
	double max = 0;
	size_t i;

	*values = 0;
	for (i = 0; i < v->n; i++) {
		const struct paper_cell *c = &v->cells[i];

		if (c->panel != p || strcmp(c->metric, p->draw))
			continue;
		if (ours ? !c->has_ours : !c->has_printed)
			continue;
		max = fmax(max, ours ? c->high : c->printed);
		++*values;
	}
	return max;
}

struct captions {
	FILE *out;
	size_t n;
};

/* Lines of a readable length; a long word is not cut. */
static void caption(struct captions *cs, const char *text)
{
	char line[CAPTION_CHARS + 1];

	while (*text && cs->n < MAX_CAPTIONS) {
		size_t n = strlen(text);

		if (n > CAPTION_CHARS) {
			for (n = CAPTION_CHARS; n && text[n] != ' '; n--)
				;
			n = n ? n : CAPTION_CHARS;
		}
		snprintf(line, sizeof(line), "%.*s", (int)n, text);
		plot_element(cs->out, "caption", cs->n++, line);
		text += n;
		while (*text == ' ')
			text++;
	}
}

static void provenance(const struct paper_values *v, char *buf, size_t n)
{
	size_t i, len;

	*buf = 0;
	for (i = 0; i < v->n; i++) {
		const struct paper_cell *c = &v->cells[i];

		if (!c->has_printed || strstr(buf, c->provenance))
			continue;
		len = strlen(buf);
		snprintf(buf + len, n - len, "%s%s", len ? ", " : "", c->provenance);
	}
	if (!*buf)
		snprintf(buf, n, "none published");
}

static void write_captions(FILE *out, const struct paper_values *v)
{
	struct captions cs = { out, 0 };
	struct paper_reason r[MAX_REASONS];
	char text[900], from[200], labels[200];
	size_t i, j, n;

	fprintf(out, "array caption[%d]\n", MAX_CAPTIONS);
	provenance(v, from, sizeof(from));
	for (i = 0; i < v->n && v->cells[i].variants < 2; i++)
		;
	snprintf(text, sizeof(text), "As printed: %s; values: %s. Ours: %s%s.", v->item->source, from,
		 paper_labels(v, labels, sizeof(labels)),
		 i < v->n ? "; with the band of the cost set's ranges and of repetitions" : "");
	caption(&cs, text);
	for (i = 0; i < v->item->nr_panels; i++) {
		const struct paper_panel *p = &v->item->panels[i];

		n = p->draw ? paper_reasons(v, p, p->draw, r, MAX_REASONS) : 0;
		for (j = 0; j < n; j++) {
			snprintf(text, sizeof(text), "%s: n/a: %s: %s", p->title, r[j].who,
				 r[j].why);
			caption(&cs, text);
		}
	}
	for (i = 0; i < v->item->notes.n; i++)
		caption(&cs, v->item->notes.p[i].a);
	fprintf(out, "captions = %zu\n", cs.n);
}

/* "('1+6' 1, '2+5' 2)" or "": gnuplot chooses. */
static void xtics(FILE *out, size_t panel, const struct paper_panel *p,
		  const struct paper_names *xs)
{
	size_t i, j;

	fprintf(out, "panel_xtics[%zu] = \"", panel);
	for (i = 0; !p->across && !numeric(xs) && i < xs->n; i++) {
		const char *s = shown(p, xs->name[i]);

		fputs(i ? ", '" : "('", out);
		for (j = 0; s[j]; j++)
			fputc(strchr("'\"\\", s[j]) || (unsigned char)s[j] < 0x20 ? ' ' : s[j],
			      out);
		fprintf(out, "' %zu", i + 1);
	}
	fputs(!p->across && !numeric(xs) && xs->n ? ")\"\n" : "\"\n", out);
}

/* The longest word of a name, and how many there are: each stands on a line of its own. */
static void measure(const char *name, size_t *longest, size_t *words)
{
	size_t n = 1, len;

	for (; *name; name += len + (name[len] == ' '), n++) {
		len = strcspn(name, " ");
		*longest = len > *longest ? len : *longest;
	}
	*words = n - 1 > *words ? n - 1 : *words;
}

static int write_panel(FILE *out, const struct paper_values *v, const struct paper_panel *p,
		       size_t at, bool bars)
{
	struct paper_names groups, xs = { 0 };
	size_t theirs, ours, i, longest = 0, words = 1;
	double a = highest(v, p, false, &theirs), b = highest(v, p, true, &ours);
	int ret = paper_axis_names(v, p, PAPER_CONFIGURATIONS, p->draw, &groups);

	if (!ret)
		ret = bars ? paper_axis_names(v, p, PAPER_XS, p->draw, &xs) : line_xs(v, p, &xs);
	if (ret)
		goto out;
	if (p->shared)
		a = b = fmax(a, b);
	plot_element(out, "panel_title", at, p->title);
	plot_element(out, "panel_ylabel", at, p->ylabel);
	plot_element(out, "panel_xlabel", at, bars || !p->xlabel ? "" : p->xlabel);
	xtics(out, at + 1, p, &xs);
	for (i = 0; i < groups.n; i++)
		measure(groups.name[i], &longest, &words);
	fprintf(out, "panel_max[%zu] = %.9g\npanel_max[%zu] = %.9g\n", 2 * at + 1, a, 2 * at + 2,
		b);
	fprintf(out, "panel_values[%zu] = %zu\npanel_values[%zu] = %zu\n", 2 * at + 1, theirs,
		2 * at + 2, ours);
	fprintf(out, "panel_groups[%zu] = %zu\npanel_longest[%zu] = %zu\npanel_words[%zu] = %zu\n",
		at + 1, groups.n, at + 1, longest, at + 1, words);
	fprintf(out, "panel_named[%zu] = %d\npanel_series[%zu] = %zu\n", at + 1,
		p->across != NULL, at + 1, xs.n);
out:
	free(groups.name);
	free(xs.name);
	return ret;
}

int paper_plot_variables(FILE *out, const struct paper_values *v, const char *base,
			 const char *data)
{
	bool bars = v->item->kind != PAPER_LINES;
	const struct paper_panel *first = NULL;
	struct paper_names series;
	size_t i, n = 0;
	int ret;

	for (i = 0; i < v->item->nr_panels; i++) {
		if (v->item->panels[i].draw && !n++)
			first = &v->item->panels[i];
	}
	/* Bars have one legend, that of the first panel. */
	ret = bars && first ? paper_axis_names(v, first, PAPER_XS, first->draw, &series) :
	      all_names(v, PAPER_CONFIGURATIONS, &series);
	plot_variable(out, "base", base);
	plot_variable(out, "data", data);
	plot_variable(out, "heading", v->item->title);
	plot_variable(out, "note", v->item->caption);
	fprintf(out, "panels = %zu\narray panel_title[panels]\narray panel_ylabel[panels]\n"
		"array panel_xlabel[panels]\narray panel_xtics[panels]\n"
		"array panel_max[2*panels]\narray panel_values[2*panels]\n"
		"array panel_groups[panels]\narray panel_longest[panels]\n"
		"array panel_words[panels]\narray panel_named[panels]\narray panel_series[panels]\n", n);
	for (i = n = 0; !ret && i < v->item->nr_panels; i++)
		if (v->item->panels[i].draw)
			ret = write_panel(out, v, &v->item->panels[i], n++, bars);
	fprintf(out, "series = %zu\narray series_name[series]\n", series.n);
	for (i = 0; i < series.n; i++)
		plot_element(out, "series_name", i, bars && first ? shown(first, series.name[i]) :
			     series.name[i]);
	if (!ret)
		write_captions(out, v);
	free(series.name);
	return ret;
}

const char *paper_template(const struct paper_item *item)
{
	return item->kind == PAPER_LINES ? "paper-lines" : "paper-bars";
}
