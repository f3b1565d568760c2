/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Two or more sets of run records side by side: which points go together, what each exit reason,
 * signal and share of time is per unit of work, and what the records differ in.
 */
#ifndef EXITLAB_COMPARE_H
#define EXITLAB_COMPARE_H

#include "analyze/table.h"

/* What is compared: a record, or a folder of them. */
struct compare_set {
	char *label, *path;
	struct records rs;
};

/* Which points and workloads, NULL for all. */
struct compare_filter {
	const char *point;	/* an id; without "#2", its repeats as well */
	const char *workload;
};

/* One side of a comparison. */
struct compare_column {
	size_t set;
	size_t first, n;	/* its repeats, as columns of the table */
	bool same_time;		/* its times are of the reference's kind; if not, they have no
				   difference */
};

enum compare_kind {
	COMPARE_REASON,	/* exits of one reason */
	COMPARE_OTHER,	/* exits of all reasons from a certain row on */
	COMPARE_TOTAL,	/* all exits */
	COMPARE_SIGNAL,	/* interrupts and the like, as others counted them */
	COMPARE_TIME,	/* a share of the vCPUs' time, in us */
	COMPARE_TIME_TOTAL,
};

enum compare_time { COMPARE_GUEST, COMPARE_HANDLING, COMPARE_HALTED, COMPARE_REST };
#define NR_COMPARE_TIMES 4

/* Per unit of work, the mean of the repeats. */
struct compare_value {
	bool has;	/* false: no work was done, or no record has it */
	double mean, min, max;
};

struct compare_row {
	enum compare_kind kind;
	char label[128];
	const struct row *reason;	/* COMPARE_REASON */
	size_t from;			/* COMPARE_OTHER: first row of the table; COMPARE_SIGNAL:
					   which; COMPARE_TIME: an enum compare_time */
	struct compare_value *values;	/* one per column */
};

/* A setting or a part of the machine that is not the same. */
struct compare_field {
	size_t col;		/* of this column, compared with the reference */
	char path[72];
	char from[40], to[40];	/* the reference's and this column's */
};

enum compare_exactness {
	COMPARE_EXACT,		/* deterministic, of one testbed: any difference has a cause */
	COMPARE_OTHER_TESTBED,	/* deterministic, but the testbeds are not the same */
	COMPARE_INEXACT,	/* single measurements: a difference may be chance */
};

/* One workload of one point. */
struct comparison {
	char point[160];	/* the id that all have, or "ID, ID" */
	struct table table;	/* of all repeats of all columns */
	struct compare_column *cols;
	size_t nr_cols;
	size_t reference;	/* a column */
	struct compare_row *rows;	/* reasons by size, total, signals, time */
	size_t nr_rows;
	struct compare_field *fields;
	size_t nr_fields;
	enum compare_exactness exactness;
	bool same_time;		/* of all columns */
};

struct compare {
	const struct compare_set *sets;
	size_t nr_sets;
	size_t reference;	/* a set */
	struct comparison *list;
	size_t n;
	char **unmatched;	/* what was left out, a line each */
	size_t nr_unmatched;
};

/*
 * Compares @sets with the set @reference. Their records are sorted and must stay as long as @out.
 * Points belong together if configuration and parameters are equal; if every set has but one point,
 * these do. 0 or -ENOMEM; free with compare_free(). Nothing comparable: out->n is 0.
 */
int compare_build(struct compare_set *sets, size_t nr_sets, size_t reference,
		  const struct compare_filter *filter, struct compare *out);
void compare_free(struct compare *c);

/*
 * "LABEL=PATH" (or a path alone) into its parts, to be freed. @exists: there is a file named like
 * the whole of @arg, so it is a path even with a '='. The label of a path alone is the name of its
 * folder or file without ".json". 0 or -ENOMEM.
 */
int compare_parse_set(const char *arg, bool exists, struct compare_set *out);
/*
 * Tells sets of one name apart: by the folder above, else by "#2". -EEXIST if labels still are the
 * same, with @same set to one of them; -ENOMEM.
 */
int compare_unique_labels(struct compare_set *sets, size_t n, const char **same);

/* The record that a column's settings are taken from. */
const struct record *compare_record(const struct comparison *c, size_t col);
/* "instruction-counted", "modelled", ...: what the times are, in a word or two. */
const char *compare_time_kind(const struct record *r);
/* How column @col differs from the reference; false if one of them has no value. */
bool compare_difference(const struct comparison *c, const struct compare_row *row, size_t col,
			double *absolute);
/* The same in percent; false as well if the reference is 0. */
bool compare_percent(const struct comparison *c, const struct compare_row *row, size_t col,
		     double *percent);

/* For compare.c and those who print: the parts of a comparison. */
int compare_fill_rows(struct comparison *c);
/* @row->kind and what belongs to it are set, the values are filled in. 0 or -ENOMEM. */
int compare_fill_row(const struct comparison *c, struct compare_row *row);
int compare_fill_fields(struct comparison *c);

#endif
