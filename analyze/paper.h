/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The tables and figures of the papers, rebuilt from run records. plots/paper/items.yaml says for
 * each item what it looks like, which printed values belong to it, and by which expression over
 * which records ours come about. What cannot be had has its reason there: no cell is empty without
 * one.
 */
#ifndef EXITLAB_PAPER_H
#define EXITLAB_PAPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "analyze/record.h"
#include "analyze/values.h"

#define PAPER_MAX_PRINTED	4

struct yt_node;

enum paper_kind { PAPER_TABLE, PAPER_BARS, PAPER_LINES };

/* Printed name and ours, or a name and a reason. Texts belong to the file that was read. */
struct paper_pair {
	const char *a, *b;
};

struct paper_pairs {
	struct paper_pair *p;
	size_t n;
};

/* How one metric of a printed table is had from a record: an expression, or why it is not. */
struct paper_metric {
	const char *name, *value, *why;
};

struct paper_metrics {
	struct paper_metric *m;
	size_t n;
};

struct paper_panel {
	const char *title;
	const char *printed[PAPER_MAX_PRINTED];	/* tables; the first with a value wins */
	struct value_table table[PAPER_MAX_PRINTED];
	size_t nr_printed;
	struct paper_pairs x;		/* only these; b: name to show, or NULL. Empty: all */
	const char *scenario, *workload;
	const char *parameter;		/* the setting that is x, or NULL */
	struct paper_pairs values;	/* x as printed, value of the setting */
	const struct paper_metrics *metrics;
	const char *only;		/* this metric alone, or NULL */
	const char *series;		/* of what nobody printed, this alone, or NULL */
	const char *draw;		/* metric on the y axis, NULL: nothing is drawn */
	const char *across;		/* metric on the x axis, NULL: x itself */
	const char *xlabel, *ylabel;
	bool shared;			/* one y axis for paper and ours */
};

struct paper_item {
	const char *id, *title, *source, *caption;
	enum paper_kind kind;
	const char *why;		/* nothing of it can be had here */
	const char *costs;		/* cost set of ours, if records of several are there */
	const struct paper_pairs *configurations, *absent;
	struct paper_pairs traces;	/* a: title; b: "FILE@SECONDS+US" in traces/ */
	struct paper_pairs notes;	/* a: substitutions and differences, one each */
	struct paper_panel *panels;
	size_t nr_panels;
};

/* A value that only claims ask for: over our tables, or why it is not had. */
struct paper_measure {
	const char *configuration, *x, *metric, *value, *why;
};

struct paper {
	struct yt_node *tree;
	struct paper_pairs *configurations;	/* sets of names; the last pair's end is n */
	struct paper_pairs *absent;
	struct paper_metrics *metrics;
	const char **set_id, **metrics_id;
	size_t nr_sets, nr_metrics;
	struct paper_item *items;
	size_t nr_items;
	struct paper_measure *measures;
	size_t nr_measures;
};

/*
 * Reads an items file and the printed tables, which are in @dir. Everything wrong is told on @err,
 * one line each, "FILE:LINE: ITEM.FIELD: what is wrong". 0 or negative errno.
 */
int paper_load(const char *path, const char *dir, FILE *err, struct paper *out);
/* The same from memory, @path only names it. */
int paper_parse(const char *path, const char *text, size_t len, const char *dir, FILE *err,
		struct paper *out);
void paper_free(struct paper *p);
const struct paper_item *paper_find(const struct paper *p, const char *id);
const char *paper_kind_name(enum paper_kind kind);

/* What a number of ours is. */
enum paper_label {
	PAPER_NONE,
	PAPER_MEASURED,		/* counted; or timed on hardware */
	PAPER_MODELLED,		/* virtual time with a cost set */
	PAPER_INSTRUCTIONS,	/* virtual time of one instruction a nanosecond */
};

const char *paper_label_name(enum paper_label label);

/* One number, theirs and ours. */
struct paper_cell {
	const struct paper_panel *panel;
	const char *configuration, *x, *metric, *unit;
	bool has_printed;
	double printed;
	const char *provenance, *printed_in;	/* which table */
	bool has_ours;
	double ours, low, high;		/* band: over the variants of the set, and repetitions */
	size_t variants;		/* records that the band is over; 1: no band */
	enum paper_label label;
	const char *costs;		/* "" in instruction-counted time */
	char *why;			/* no value of ours */
	char *own_x;			/* if x is not printed: what owns it */
};

struct paper_values {
	const struct paper_item *item;
	struct paper_cell *cells;
	size_t n;
};

/*
 * Evaluates an item over records. @any: scenarios may have any name (the records of a user), which
 * configuration and workload decide then. -ENOMEM, or -EINVAL for an expression that is wrong
 * (told).
 */
int paper_evaluate(const struct paper_item *item, const struct records *rs, bool any,
		   struct paper_values *out);
void paper_values_free(struct paper_values *v);
const struct paper_cell *paper_cell(const struct paper_values *v, const struct paper_panel *panel,
				    const char *configuration, const char *x, const char *metric);
/* Ours over theirs; false if one is missing or theirs is 0. */
bool paper_ratio(const struct paper_cell *c, double *ratio);
/* "0.93 to 1.2", empty without a band. */
const char *paper_band(const struct paper_cell *c, char *buf, size_t n);

/* What a table or plot has as columns and rows: names in the order in which they are printed. */
struct paper_names {
	const char **name;
	size_t n;
};
enum paper_axis { PAPER_CONFIGURATIONS, PAPER_XS, PAPER_METRICS };
/* Those of a panel; @metric limits them to its cells, NULL: all. 0 or -ENOMEM; free the array. */
int paper_axis_names(const struct paper_values *v, const struct paper_panel *panel,
		     enum paper_axis axis, const char *metric, struct paper_names *out);

#endif
