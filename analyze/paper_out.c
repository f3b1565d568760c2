// SPDX-License-Identifier: GPL-2.0
#include "analyze/paper_out.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NAME_WIDTH	24
#define CELL_WIDTH	13
#define MAX_REASONS	24

const char *paper_label_name(enum paper_label label)
{
	static const char *const names[] = { "", "measured", "modelled", "instruction time" };

	return names[label];
}

bool paper_ratio(const struct paper_cell *c, double *ratio)
{
	if (!c->has_printed || !c->has_ours || c->printed == 0)
		return false;
	*ratio = c->ours / c->printed;
	return true;
}

const char *paper_number(bool has, double v, char *buf, size_t n)
{
	if (!has)
		snprintf(buf, n, "-");
	else
		snprintf(buf, n, fabs(v) >= 10000 ? "%.0f" : "%.4g", v);
	return buf;
}

const char *paper_band(const struct paper_cell *c, char *buf, size_t n)
{
	char a[32], b[32];

	*buf = 0;
	if (c->has_ours && c->variants > 1)
		snprintf(buf, n, "%s to %s", paper_number(true, c->low, a, sizeof(a)),
			 paper_number(true, c->high, b, sizeof(b)));
	return buf;
}

int paper_axis_names(const struct paper_values *v, const struct paper_panel *panel,
		     enum paper_axis axis, const char *metric, struct paper_names *out)
{
	size_t i, j;

	*out = (struct paper_names){ calloc(v->n + 1, sizeof(out->name[0])), 0 };
	if (!out->name)
		return -ENOMEM;
	for (i = 0; i < v->n; i++) {
		const struct paper_cell *c = &v->cells[i];
		const char *name = axis == PAPER_XS ? c->x : axis == PAPER_METRICS ? c->metric :
				   c->configuration;

		if (c->panel != panel || (metric && strcmp(c->metric, metric)))
			continue;
		for (j = 0; j < out->n && strcmp(out->name[j], name); j++)
			;
		if (j == out->n)
			out->name[out->n++] = name;
	}
	return 0;
}

/* ---- CSV ---- */

void paper_csv_text(FILE *out, const char *text)
{
	if (!text || !strpbrk(text, ",\"\n\r")) {
		fputs(text ? text : "", out);
		return;
	}
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '"')
			fputc('"', out);
		fputc(*text, out);
	}
	fputc('"', out);
}

static void csv_texts(FILE *out, const char *const *texts, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		paper_csv_text(out, texts[i]);
		fputc(',', out);
	}
}

void paper_write_csv_head(FILE *out)
{
	fputs("item,panel,configuration,x,metric,unit,provenance,printed_in,printed,ours,ratio,"
	      "label,costs,band_low,band_high,records,why\n", out);
}

void paper_write_csv(FILE *out, const struct paper_values *v)
{
	size_t i;
	double ratio;

	for (i = 0; i < v->n; i++) {
		const struct paper_cell *c = &v->cells[i];
		const char *texts[] = { v->item->id, c->panel->title, c->configuration, c->x,
					c->metric, c->unit, c->provenance, c->printed_in };

		csv_texts(out, texts, sizeof(texts) / sizeof(texts[0]));
		if (c->has_printed)
			fprintf(out, "%.10g", c->printed);
		fputc(',', out);
		if (c->has_ours)
			fprintf(out, "%.10g", c->ours);
		fputc(',', out);
		if (paper_ratio(c, &ratio))
			fprintf(out, "%.6g", ratio);
		fprintf(out, ",%s,%s,", paper_label_name(c->label), c->has_ours ? c->costs : "");
		if (c->variants > 1)
			fprintf(out, "%.10g,%.10g", c->low, c->high);
		else
			fputc(',', out);
		fprintf(out, ",%zu,", c->variants);
		paper_csv_text(out, c->why);
		fputc('\n', out);
	}
}

void paper_write_measured(FILE *out, const struct paper_values *v, const char *name)
{
	size_t i, j;

	fputs("configuration,x,metric,value,unit,provenance,source,note\n", out);
	for (i = 0; i < v->n; i++) {
		const struct paper_cell *c = &v->cells[i];
		const char *texts[] = { c->configuration, c->x, c->metric };
		char label[96];

		for (j = 0; j < c->panel->nr_printed && strcmp(c->panel->printed[j], name); j++)
			;
		if (j == c->panel->nr_printed)
			continue;
		csv_texts(out, texts, 3);
		if (c->has_ours)
			fprintf(out, "%.10g", c->ours);
		fputc(',', out);
		snprintf(label, sizeof(label), "%s%s%s", paper_label_name(c->label),
			 c->has_ours && *c->costs ? " " : "", c->has_ours ? c->costs : "");
		paper_csv_text(out, c->unit);
		fprintf(out, ",%s,", label);
		paper_csv_text(out, v->item->id);
		fputc(',', out);
		paper_csv_text(out, c->why);
		fputc('\n', out);
	}
}

/* ---- reasons and labels ---- */

/* Whether a list "Baseline, ELI" has this name. */
static bool names(const char *list, const char *name)
{
	size_t n = strlen(name);

	while (strncmp(list, name, n) || (list[n] && list[n] != ',')) {
		list = strstr(list, ", ");
		if (!list)
			return false;
		list += 2;
	}
	return true;
}

size_t paper_reasons(const struct paper_values *v, const struct paper_panel *p,
		     const char *metric, struct paper_reason *out, size_t max)
{
	size_t i, j, n = 0, len;

	for (i = 0; i < v->n; i++) {
		const struct paper_cell *c = &v->cells[i];

		if (c->panel != p || !c->why || (metric && strcmp(c->metric, metric)))
			continue;
		for (j = 0; j < n && strcmp(out[j].why, c->why); j++)
			;
		if (j == n && n == max)
			continue;
		if (j == n) {
			out[n++] = (struct paper_reason){ .why = c->why };
			snprintf(out[j].who, sizeof(out[j].who), "%s", c->configuration);
		}
		out[j].cells++;
		if (names(out[j].who, c->configuration))
			continue;
		len = strlen(out[j].who);
		snprintf(out[j].who + len, sizeof(out[j].who) - len, ", %s", c->configuration);
	}
	return n;
}

const char *paper_labels(const struct paper_values *v, char *buf, size_t n)
{
	char one[96];
	size_t i, len;

	*buf = 0;
	for (i = 0; i < v->n; i++) {
		const struct paper_cell *c = &v->cells[i];

		if (!c->has_ours)
			continue;
		snprintf(one, sizeof(one), "%s%s%.*s%s", paper_label_name(c->label),
			 *c->costs ? " (" : "", (int)strcspn(c->costs, "@"), c->costs,
			 *c->costs ? ")" : "");
		len = strlen(buf);
		if (!strstr(buf, one))
			snprintf(buf + len, n - len, "%s%s", len ? ", " : "", one);
	}
	if (!*buf)
		snprintf(buf, n, "no value");
	return buf;
}

bool paper_drawn(const struct paper_item *item)
{
	size_t i;

	for (i = 0; i < item->nr_panels; i++)
		if (item->panels[i].draw)
			return true;
	return false;
}

/* ---- text ---- */

enum line { PRINTED, OURS, BAND, RATIO, NR_LINES };

static bool cell_text(const struct paper_cell *c, enum line line, char *buf, size_t n)
{
	double ratio;
	bool has;

	switch (line) {
	case PRINTED:
		paper_number(c->has_printed, c->printed, buf, n);
		return true;
	case OURS:
		if (c->has_ours)
			paper_number(true, c->ours, buf, n);
		else
			snprintf(buf, n, "n/a");
		return true;
	case BAND:
		return *paper_band(c, buf, n) != 0;
	default:
		has = paper_ratio(c, &ratio);
		paper_number(has, ratio, buf, n);
		return has;
	}
}

static void text_line(FILE *out, const struct paper_values *v, const struct paper_panel *p,
		      const struct paper_names *configs, const char *x, const char *metric,
		      enum line line)
{
	static const char *const names[] = { "printed", "ours", "band", "ours/printed" };
	char buf[64], label[64] = "", name[96];
	bool any = line <= OURS;
	size_t i;

	for (i = 0; i < configs->n; i++) {
		const struct paper_cell *c = paper_cell(v, p, configs->name[i], x, metric);

		any |= c && cell_text(c, line, buf, sizeof(buf));
		if (c && c->has_ours && line == OURS)
			snprintf(label, sizeof(label), ", %s", paper_label_name(c->label));
	}
	if (!any)
		return;
	snprintf(name, sizeof(name), "  %s%s", names[line], label);
	fprintf(out, "%-*s", NAME_WIDTH, name);
	for (i = 0; i < configs->n; i++) {
		const struct paper_cell *c = paper_cell(v, p, configs->name[i], x, metric);

		if (!c || !cell_text(c, line, buf, sizeof(buf)))
			strcpy(buf, c ? "-" : "");
		fprintf(out, " %*s", CELL_WIDTH, buf);
	}
	fputc('\n', out);
}

static void heading(FILE *out, const struct paper_names *configs)
{
	size_t i;

	fprintf(out, "%-*s", NAME_WIDTH, "");
	for (i = 0; i < configs->n; i++)
		fprintf(out, " %*.*s", CELL_WIDTH, CELL_WIDTH, configs->name[i]);
	fputc('\n', out);
}

bool paper_row_known(const struct paper_values *v, const struct paper_panel *p,
		     const struct paper_names *configs, const char *x, const char *metric)
{
	size_t i;

	for (i = 0; i < configs->n; i++) {
		const struct paper_cell *c = paper_cell(v, p, configs->name[i], x, metric);

		if (c && (c->has_printed || c->has_ours))
			return true;
	}
	return false;
}

static int text_metric(FILE *out, const struct paper_values *v, const struct paper_panel *p,
		       const char *metric, struct paper_names *last)
{
	struct paper_names configs, xs = { 0 };
	size_t i;
	int ret = paper_axis_names(v, p, PAPER_CONFIGURATIONS, metric, &configs);
	bool same;

	if (!ret)
		ret = paper_axis_names(v, p, PAPER_XS, metric, &xs);
	same = last->name && last->n == configs.n;
	for (i = 0; same && i < configs.n; i++)
		same = !strcmp(last->name[i], configs.name[i]);
	if (!ret && !same)
		heading(out, &configs);
	for (i = 0; !ret && i < xs.n; i++) {
		const struct paper_cell *c = NULL;
		size_t j;
		int line;

		for (j = 0; !c && j < configs.n; j++)
			c = paper_cell(v, p, configs.name[j], xs.name[i], metric);
		if (xs.n > 1 && !paper_row_known(v, p, &configs, xs.name[i], metric)) {
			fprintf(out, "%s, %s: neither printed nor ours\n", metric, xs.name[i]);
			continue;
		}
		fprintf(out, "%s, %s%s%s\n", metric, c ? c->unit : "", xs.n > 1 ? ": " : "",
			xs.n > 1 ? xs.name[i] : "");
		for (line = 0; line < NR_LINES; line++)
			text_line(out, v, p, &configs, xs.name[i], metric, (enum line)line);
	}
	free(xs.name);
	free(last->name);
	*last = configs;
	return ret;
}

int paper_write_text(FILE *out, const struct paper_values *v)
{
	struct paper_reason reasons[MAX_REASONS];
	struct paper_names metrics;
	char buf[200];
	size_t i, j, n;
	int ret = 0;

	fprintf(out, "%s: %s\n%s\n", v->item->id, v->item->title, v->item->source);
	fprintf(out, "ours: %s\n", paper_labels(v, buf, sizeof(buf)));
	for (i = 0; !ret && i < v->item->nr_panels; i++) {
		const struct paper_panel *p = &v->item->panels[i];
		struct paper_names last = { 0 };

		fprintf(out, "\n%s\n", p->title);
		ret = paper_axis_names(v, p, PAPER_METRICS, NULL, &metrics);
		for (j = 0; !ret && j < metrics.n; j++)
			ret = text_metric(out, v, p, metrics.name[j], &last);
		free(metrics.name);
		free(last.name);
		n = paper_reasons(v, p, NULL, reasons, MAX_REASONS);
		for (j = 0; j < n; j++)
			fprintf(out, "n/a: %s: %s\n", reasons[j].who, reasons[j].why);
	}
	for (i = 0; i < v->item->notes.n; i++)
		fprintf(out, "%snote: %s\n", i ? "" : "\n", v->item->notes.p[i].a);
	return ret;
}
