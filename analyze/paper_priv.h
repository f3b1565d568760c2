/* SPDX-License-Identifier: GPL-2.0 */
/* Shared by the parts of paper.h. */
#ifndef EXITLAB_PAPER_PRIV_H
#define EXITLAB_PAPER_PRIV_H

#include <stdbool.h>
#include <stddef.h>

#include "analyze/paper.h"

/*
 * Whether an expression can be evaluated: of a record (@of_record), or of tables of ours. 0 or
 * -EINVAL with @why.
 */
int paper_expression_check(const char *text, bool of_record, char *why, size_t n);

/* Records that belong together: made with one cost set, and of one repetition. */
struct paper_variant {
	const char *costs;
	int repeat;
};

struct paper_eval {
	const struct paper_item *item;
	const struct paper_panel *panel;
	const struct records *rs;
	bool any;
	struct paper_variant variant;
	const char *configuration, *x;
	const struct record *rec;
	json_t *window, *numbers;
	bool timed;			/* a time went into it */
	bool used;			/* a record did */
	bool modelled;			/* of mode timed */
	bool hardware;
	int depth;
	char why[240];
};

/* Our value of @metric at e->configuration and e->x. -ENODATA with e->why. */
int paper_eval_metric(struct paper_eval *e, const char *metric, double *out);
/* The cost set a record was made with, "" in instruction-counted time. */
const char *paper_costs(const struct record *r);
/* "guests.count" of what was asked for; NULL if there is no such setting. */
const json_t *paper_setting(const struct record *r, const char *path);
/* The window of a workload by its name or by its tool; NULL as name: the first that is not idle. */
json_t *paper_window(const struct record *r, const char *workload);
/* What window('KEY') is in an expression, of one window. 0, -ENODATA with @why, or -ENOMEM. */
int paper_window_number(const struct record *r, const char *workload, const char *key, double *out,
			char *why, size_t n);
bool paper_in_scenario(const struct paper_eval *e, const struct record *r);
/* Whether the panel shows this x. */
bool paper_x_wanted(const struct paper_panel *p, const char *x);

#endif
