// SPDX-License-Identifier: GPL-2.0
/*
 * exitlab paper: every table and figure of the papers from run records, the claims judged by them,
 * and a report. It only reads files; without any record it shows what is printed.
 */
#include "cmd/paper.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/claims.h"
#include "analyze/compact.h"
#include "analyze/explain.h"
#include "analyze/paper.h"
#include "analyze/paper_out.h"
#include "analyze/report.h"
#include "analyze/timeline.h"
#include "cmd/cmd.h"
#include "util/datadir.h"
#include "util/fs.h"
#include "util/log.h"

#define MAX_WRITTEN 256

static const char usage[] =
"Usage: exitlab paper [OPTIONS] [RESULTS...]\n"
"       exitlab paper --list\n"
"\n"
"Rebuilds the tables and figures of the ELI, ELVIS and SYSTOR'12 papers. RESULTS\n"
"are run records, or folders with them (and their folders), of the scenarios eli-*\n"
"and elvis-*; without any, only what is printed is shown.\n"
"\n"
"  -o, --output DIR   where to write (default: results/paper): per item ITEM.csv,\n"
"                     ITEM.txt, ITEM.svg, ITEM.png; values.csv; measured/, for\n"
"                     exitlab claims; claims.csv; report.html\n"
"      --only ITEM    this item alone, without claims and report\n"
"      --no-plots     draw nothing (the report shows pictures that are there)\n"
"      --printed DIR  folder with items.yaml, claims.csv and the printed values\n"
"                     (default: plots/paper of the project)\n"
"      --save DIR     write RESULTS into DIR/SCENARIO/POINT.json, small enough to be\n"
"                     kept with the project, and stop\n"
"      --list         print the items' names and titles and stop\n"
"  -h, --help         this text\n"
"\n"
"Exit status: 0 all is written; 2 a file could not be used.\n"
"\n"
"Example: exitlab paper results/eli-rr results/elvis-stream\n";

struct options {
	const char *output, *only, *save;
	char printed[4096];
	bool no_plots, list;
};

static int printed_folder(char *buf, size_t n)
{
	char data[4000];

	if (datadir(data, sizeof(data))) {
		err("the project's plots/paper is not found; name it with --printed");
		return -ENOENT;
	}
	snprintf(buf, n, "%s/plots/paper", data);
	return 0;
}

static int load(const char *printed, struct paper *p)
{
	char path[4200];
	int ret;

	snprintf(path, sizeof(path), "%s/items.yaml", printed);
	ret = paper_load(path, printed, stderr, p);
	if (ret == -ENOMEM)
		err("out of memory");
	return ret;
}

static FILE *create(const char *dir, const char *name, const char *ending, const char *mode)
{
	char path[4300];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s%s", dir, name, ending);
	f = fopen(path, mode);
	if (!f)
		err("%s: %s", path, strerror(errno));
	return f;
}

static int finish(FILE *f, int ret)
{
	bool failed = ferror(f);

	if (fclose(f) || failed) {
		err("a file cannot be written: %s", strerror(errno));
		return -EIO;
	}
	if (ret == -ENOMEM)
		err("out of memory");
	return ret;
}

/* ---- drawing ---- */

static int write_data(FILE *out, const void *v)
{
	return paper_plot_data(out, v);
}

static int write_variables(FILE *out, const void *v, const char *base, const char *data)
{
	return paper_plot_variables(out, v, base, data);
}

int paper_draw_as(const char *id, const struct records *rs, const struct plot_names *names)
{
	const struct paper_item *item;
	struct paper_values v = { 0 };
	char printed[4096];
	struct paper p;
	int ret = printed_folder(printed, sizeof(printed));

	if (!ret)
		ret = load(printed, &p);
	if (ret)
		return ret;
	item = paper_find(&p, id);
	if (!item || !paper_drawn(item)) {
		err("--as %s: %s; exitlab paper --list names the items", id,
		    item ? "nothing of it is drawn" : "there is no such item");
		ret = -EINVAL;
	}
	if (!ret)
		ret = paper_evaluate(item, rs, true, &v);
	if (!ret)
		ret = gnuplot_draw(names, "plot", paper_template(item), write_data,
				   write_variables, &v);
	paper_values_free(&v);
	paper_free(&p);
	return ret;
}

static int timelines_write_data(FILE *out, const void *t)
{
	return timelines_data(out, t);
}

static int timelines_write_variables(FILE *out, const void *t, const char *base, const char *data)
{
	return timelines_variables(out, t, base, data);
}

static int read_trace(const struct options *o, const struct paper_pair *p, struct timeline *t)
{
	double at = -1, length = 60;
	const char *colon = strchr(p->b, ':');
	char path[4400], who[64] = "";
	bool core;
	FILE *f;
	int ret;

	/* "core:" for the I/O core, "VM/VCPU:" for a vCPU of several. */
	if (colon)
		snprintf(who, sizeof(who), "%.*s", (int)(colon - p->b), p->b);
	core = !strcmp(who, "core");
	snprintf(path, sizeof(path), "%s/traces/%.200s", o->printed, colon ? colon + 1 : p->b);
	ret = timeline_piece(path, &at, &length);
	if (ret) {
		err("traces: %s: not a file with @SECONDS+US", p->b);
		return ret;
	}
	f = fopen(path, "re");
	if (!f) {
		err("%s: %s", path, strerror(errno));
		return -EINVAL;
	}
	ret = core ? timeline_read_core(f, path, at, length, stderr, t) :
	      timeline_read(f, path, *who ? who : NULL, at, length, stderr, t);
	fclose(f);
	if (!ret)
		snprintf(t->title, sizeof(t->title), "%.63s", p->a);
	return ret;
}

/* ITEM-timeline: a schematic of the paper from real traces. */
static int draw_traces(const struct options *o, const struct paper_item *it)
{
	struct timelines t = { calloc(it->traces.n, sizeof(t.list[0])), 0, it->title };
	struct plot_names names;
	int ret = t.list ? 0 : -ENOMEM;

	while (!ret && t.n < it->traces.n) {
		ret = read_trace(o, &it->traces.p[t.n], &t.list[t.n]);
		t.n += !ret;
	}
	snprintf(names.dir, sizeof(names.dir), "%s", o->output);
	snprintf(names.base, sizeof(names.base), "%.200s-timeline", it->id);
	if (!ret)
		ret = gnuplot_draw(&names, "paper", "timeline", timelines_write_data,
				   timelines_write_variables, &t);
	while (t.n)
		timeline_free(&t.list[--t.n]);
	free(t.list);
	return ret;
}

/* ---- one item ---- */

static int write_item(const struct options *o, const struct paper_values *v)
{
	struct plot_names names;
	FILE *f = create(o->output, v->item->id, ".csv", "we");
	int ret;

	if (!f)
		return -EIO;
	paper_write_csv_head(f);
	paper_write_csv(f, v);
	ret = finish(f, 0);
	f = ret ? NULL : create(o->output, v->item->id, ".txt", "we");
	if (!f)
		return -EIO;
	ret = finish(f, paper_write_text(f, v));
	if (!ret && !o->no_plots && v->item->traces.n)
		ret = draw_traces(o, v->item);
	if (ret || o->no_plots || !paper_drawn(v->item))
		return ret;
	snprintf(names.dir, sizeof(names.dir), "%s", o->output);
	snprintf(names.base, sizeof(names.base), "%.200s", v->item->id);
	return gnuplot_draw(&names, "paper", paper_template(v->item), write_data,
			    write_variables, v);
}

/* ---- all ---- */

/* Tables of ours in the form of the printed ones, each begun when it is first met. */
struct written {
	const char *name[MAX_WRITTEN];
	size_t n;
};

static int write_measured(const char *dir, struct written *w, const struct paper_values *v)
{
	const struct paper_item *it = v->item;
	size_t i, j, k;

	for (i = 0; i < it->nr_panels; i++) {
		for (j = 0; j < it->panels[i].nr_printed; j++) {
			const char *name = it->panels[i].printed[j];
			FILE *f;

			/* All panels of an item are written at once; no two items share one. */
			for (k = 0; k < w->n && strcmp(w->name[k], name); k++)
				;
			if (k < w->n)
				continue;
			if (w->n == MAX_WRITTEN)
				return -ENOSPC;
			w->name[w->n++] = name;
			f = create(dir, name, ".csv", "we");
			if (!f)
				return -EIO;
			paper_write_measured(f, v, name);
			if (finish(f, 0))
				return -EIO;
		}
	}
	return 0;
}

static void claim_row(FILE *f, const struct judged_claim *j, const struct explanations *x)
{
	static const char *const names[] = { "", "holds", "fails" };
	const struct claim *c = j->c;
	const char *texts[] = { c->id, c->source, c->section, c->item, c->metric, c->expression,
				c->comparator };
	char explained[400];
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		paper_csv_text(f, texts[i]);
		fputc(',', f);
	}
	fprintf(f, "%.10g,%s,%s,", c->value, c->unit, names[j->printed]);
	if (j->printed != CLAIM_NO_DATA)
		fprintf(f, "%.10g", j->printed_value);
	fprintf(f, ",%s,", j->why ? "cannot be measured here" : names[j->measured]);
	if (j->measured != CLAIM_NO_DATA)
		fprintf(f, "%.10g", j->measured_value);
	fputc(',', f);
	paper_csv_text(f, j->why);
	fputc(',', f);
	paper_csv_text(f, j->over);
	fprintf(f, ",%s\n", explain_names(x, c->id, j->measured == CLAIM_FAILS, explained,
					   sizeof(explained)));
}

static int write_claims(const struct options *o, const struct judged_claim *all, size_t n,
			const struct explanations *x)
{
	FILE *f = create(o->output, "claims", ".csv", "we");
	size_t i;

	if (!f)
		return -EIO;
	fputs("id,source,section,item,metric,expression,comparator,value,unit,printed,"
	      "printed_value,measured,measured_value,why,over,explained\n", f);
	for (i = 0; i < n; i++)
		claim_row(f, &all[i], x);
	return finish(f, 0);
}

static int write_report(const struct options *o, const struct paper *p,
			const struct paper_values *all, const struct records *rs,
			const struct judged_claim *claims, size_t nr_claims,
			const struct explanations *x)
{
	struct report r = { p, all, rs, claims, nr_claims, o->output, x,
			    "exitlab paper -o DIR RECORDS..." };
	FILE *f = create(o->output, "report", ".html", "we");

	if (!f)
		return -EIO;
	return finish(f, report_write(f, &r));
}

static void summary(const struct options *o, const struct paper_values *all, size_t n,
		    const struct judged_claim *claims, size_t nr_claims,
		    const struct explanations *x)
{
	size_t i, j, ours = 0, cells = 0, holds = 0, fails = 0, open = 0;
	char names[400];

	for (i = 0; i < n; i++) {
		for (j = 0; j < all[i].n; j++, cells++)
			ours += all[i].cells[j].has_ours;
	}
	for (i = 0; i < nr_claims; i++) {
		holds += claims[i].measured == CLAIM_HOLDS;
		fails += claims[i].measured == CLAIM_FAILS;
		open += claims[i].measured == CLAIM_FAILS &&
			!strncmp(explain_names(x, claims[i].c->id, true, names, sizeof(names)), "not ", 4);
	}
	info("%zu items, %zu values, %zu of them ours; claims by ours: %zu hold, %zu fail (%zu not "
	     "explained yet), %zu cannot be measured; %s/report.html", n, cells, ours, holds, fails, open,
	     nr_claims - holds - fails, o->output);
}

static int write_values(const struct options *o, const struct paper *p,
			const struct paper_values *all)
{
	char dir[4200], drawn[4300];
	struct written w = { .n = 0 };
	FILE *f = create(o->output, "values", ".csv", "we");
	size_t i;
	int ret;

	if (!f)
		return -EIO;
	paper_write_csv_head(f);
	for (i = 0; i < p->nr_items; i++)
		paper_write_csv(f, &all[i]);
	ret = finish(f, 0);
	snprintf(dir, sizeof(dir), "%s/measured", o->output);
	snprintf(drawn, sizeof(drawn), "%s/drawn", dir);
	if (!ret)
		ret = make_dirs(drawn);
	for (i = 0; !ret && i < p->nr_items; i++)
		ret = write_measured(dir, &w, &all[i]);
	f = ret ? NULL : create(dir, "measured", ".csv", "we");
	return f ? finish(f, paper_write_measures(f, p, all, p->nr_items)) : ret ? ret : -EIO;
}

/* Mistyped names of claims and items would never be shown. */
static int check_names(const struct explanations *x, const struct paper *p,
		       const struct claims *claims)
{
	const char *wrong = NULL, *name;
	size_t i, j, k;

	for (i = 0; !wrong && i < x->n; i++) {
		for (j = 0; !wrong && (name = explain_name(&x->list[i], false, j)); j++)
			wrong = paper_find(p, name) ? NULL : name;
		for (j = 0; !wrong && (name = explain_name(&x->list[i], true, j)); j++) {
			for (k = 0; k < claims->n && strcmp(claims->claim[k].id, name); k++)
				;
			wrong = k < claims->n ? NULL : name;
		}
		if (wrong)
			err("differences: %s: there is no %s", x->list[i].id, wrong);
	}
	return wrong ? -EINVAL : 0;
}

static int explain(const struct options *o, const struct paper_values *all, size_t n,
		   const struct records *rs, struct explanations *x)
{
	char path[4300];
	FILE *f;
	int ret;

	snprintf(path, sizeof(path), "%s/differences.yaml", o->printed);
	ret = explain_load(path, stderr, x);
	if (!ret)
		ret = explain_evaluate(x, rs, all, n);
	if (ret)
		return ret;
	f = create(o->output, "differences", ".txt", "we");
	if (!f)
		return -EIO;
	explain_write(f, x);
	return finish(f, 0);
}

static int conclude(const struct options *o, const struct paper *p,
		    const struct paper_values *all, const struct records *rs)
{
	struct claim_values *printed = NULL, *measured = NULL;
	struct judged_claim *judged = NULL;
	struct explanations x = { 0 };
	struct claims list = { 0 };
	char path[4300], dir[4200];
	int ret = write_values(o, p, all);

	snprintf(path, sizeof(path), "%s/claims.csv", o->printed);
	snprintf(dir, sizeof(dir), "%s/measured", o->output);
	if (!ret)
		ret = claims_read(path, &list);
	if (!ret)
		ret = explain(o, all, p->nr_items, rs, &x);
	if (!ret)
		ret = check_names(&x, p, &list);
	if (!ret) {
		printed = claim_values_new(o->printed);
		measured = claim_values_new(dir);
		ret = printed && measured ? 0 : -ENOMEM;
	}
	if (!ret)
		ret = claims_judge_all(&list, printed, measured, &judged);
	if (!ret)
		ret = write_claims(o, judged, list.n, &x);
	if (!ret)
		ret = write_report(o, p, all, rs, judged, list.n, &x);
	if (!ret)
		summary(o, all, p->nr_items, judged, list.n, &x);
	claims_judged_free(judged, list.n);
	claim_values_free(printed);
	claim_values_free(measured);
	claims_free(&list);
	explain_free(&x);
	return ret;
}

static int paper(const struct options *o, const struct paper *p, const struct records *rs)
{
	struct paper_values *all = calloc(p->nr_items + 1, sizeof(*all));
	int ret = all ? make_dirs(o->output) : -ENOMEM;
	size_t i;

	if (ret)
		err("%s: %s", o->output, strerror(-ret));
	for (i = 0; !ret && i < p->nr_items; i++) {
		if (o->only && strcmp(o->only, p->items[i].id))
			continue;
		ret = paper_evaluate(&p->items[i], rs, false, &all[i]);
		if (!ret)
			ret = write_item(o, &all[i]);
	}
	if (!ret && !o->only)
		ret = conclude(o, p, all, rs);
	for (i = 0; all && i < p->nr_items; i++)
		paper_values_free(&all[i]);
	free(all);
	return ret;
}

static void list_items(const struct paper *p)
{
	size_t i;

	for (i = 0; i < p->nr_items; i++)
		printf("%-19s%-6s  %s\n", p->items[i].id, paper_kind_name(p->items[i].kind),
		       p->items[i].title);
}

/* -1: go on; else the exit status. */
static int parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "output", required_argument, NULL, 'o' }, { "only", required_argument, NULL, 'n' },
		{ "no-plots", no_argument, NULL, 'N' }, { "printed", required_argument, NULL, 'p' },
		{ "save", required_argument, NULL, 's' },
		{ "list", no_argument, NULL, 'l' }, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	int c;

	optind = 0;
	while ((c = getopt_long(argc, argv, "o:h", longs, NULL)) != -1) {
		switch (c) {
		case 'o':
			o->output = optarg;
			break;
		case 'n':
			o->only = optarg;
			break;
		case 'N':
			o->no_plots = true;
			break;
		case 'p':
			snprintf(o->printed, sizeof(o->printed), "%s", optarg);
			break;
		case 's':
			o->save = optarg;
			break;
		case 'l':
			o->list = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return EX_OK;
		default:
			fputs("Try: exitlab paper --help\n", stderr);
			return EX_INPUT;
		}
	}
	return -1;
}

int cmd_paper(int argc, char **argv)
{
	struct options o = { .output = "results/paper" };
	struct records rs = { 0 };
	struct paper p = { 0 };
	int ret = parse(argc, argv, &o), i;

	if (ret >= 0)
		return ret;
	ret = *o.printed ? 0 : printed_folder(o.printed, sizeof(o.printed));
	if (!ret)
		ret = load(o.printed, &p);
	if (!ret && o.list) {
		list_items(&p);
		goto out;
	}
	if (!ret && o.only && !paper_find(&p, o.only)) {
		err("--only %s: there is no such item; exitlab paper --list names them", o.only);
		ret = -EINVAL;
	}
	for (i = optind; !ret && i < argc; i++)
		ret = records_add(&rs, argv[i], stderr);
	if (!ret) {
		records_sort(&rs);
		ret = o.save ? compact_write(&rs, o.save) : paper(&o, &p, &rs);
	}
	if (!ret && rs.bad)
		ret = -EINVAL;
out:
	records_free(&rs);
	paper_free(&p);
	return ret ? EX_INPUT : EX_OK;
}
