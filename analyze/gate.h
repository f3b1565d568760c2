/* SPDX-License-Identifier: GPL-2.0 */
/* The regression gate: compares records with a baseline, and says what moved (exitlab-check(1)). */
#ifndef EXITLAB_GATE_H
#define EXITLAB_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <jansson.h>

#include "analyze/numbers.h"

struct gate_options {
	double min_effect;	/* percent; below 0: the default of the method */
	double confidence;	/* percent, of statistical comparisons */
	bool exact;		/* no tolerance, even between testbeds */
	bool any_scenario, partial;
	const char *only;	/* one point of the baseline; NULL: all */
};

#define GATE_EFFECT_REBUILT	10.0	/* percent; deterministic, but not the same testbed */
#define GATE_EFFECT_REPEATED	2.0	/* percent; statistical */
#define GATE_CONFIDENCE		99.0	/* percent */

/* How a workload is compared. */
enum gate_method {
	GATE_EXACT,		/* counts as integers */
	GATE_EFFECT,		/* rates, against a minimum effect */
	GATE_STATISTICAL,	/* intervals, against a minimum effect */
};

enum gate_move {
	MOVE_NONE, MOVE_UP, MOVE_DOWN,
	MOVE_UNDECIDED,
	MOVE_NOT_JUDGED,	/* neither side has it, or the baseline has not */
};

/* In the order of their weight. */
enum gate_verdict {
	GATE_PASS, GATE_IMPROVEMENT, GATE_UNDECIDED, GATE_UNUSABLE, GATE_REGRESSION,
};

struct gate_number {
	char key[NUMBER_KEY_MAX];
	enum number_kind kind;
	enum gate_move move;
	double old_count, new_count;	/* repeats added up */
	double old_rate, new_rate;	/* per unit of work */
	double threshold;		/* per unit; what a difference must reach, 0: any */
	bool has_interval;
	double low, high;		/* of the difference per unit */
	bool not_counted;		/* by one of the sides, or both; then there is no rate */
	char why[160];			/* if undecided or not judged */
};

struct gate_load {
	char *point, *name, *unit;
	enum gate_method method;
	enum gate_verdict verdict;
	char why[200];
	double min_effect, confidence;	/* as used: percent, and that of each interval */
	size_t old_runs, new_runs;
	double old_work, new_work;
	struct gate_number *numbers;	/* total, reasons by key, signals */
	size_t n;
};

struct gate {
	char *scenario;
	enum gate_verdict verdict;
	struct gate_load *loads;
	size_t n;
	json_t *differences;	/* list of {point or null, field, baseline, now} */
	json_t *missing;	/* "POINT/WORKLOAD" of the baseline that no record has */
	bool missing_allowed;
	json_t *extra;		/* "POINT/WORKLOAD" of the records that the baseline has not */
};

/*
 * Compares two baselines (analyze/baseline.h), @now being made of records. -EINVAL with a line on
 * @err if they cannot be compared at all: other scenario, backend or mode, or a point that is not
 * there. 0 or -ENOMEM else; gate_free() in every case.
 */
int gate_compare(const json_t *base, const json_t *now, const struct gate_options *o, FILE *err,
		 struct gate *g);
void gate_free(struct gate *g);

const char *gate_verdict_name(enum gate_verdict v);
const char *gate_move_name(enum gate_move m);
/* A sentence: how the workload was compared. Returns @buf. */
const char *gate_method_text(const struct gate_load *l, char *buf, size_t n);

#endif
