/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the papers claim, each as an expression over values and a bound, evaluated twice: over what
 * the papers print (does the paper agree with itself?) and over what we measured.
 *
 * Functions of the expressions: v(TABLE,CONFIGURATION,X,METRIC) a value of a table of the paper;
 * m(CONFIGURATION,X,METRIC) a value that only a measurement gives (measured.csv);
 * min_upto(TABLE,X), max_upto(TABLE,X) of all values up to that x; mono(TABLE,METRIC) 1 if its
 * values only rise or only fall; same(A,B,X) 1 if both tables hold the same values there.
 */
#ifndef EXITLAB_CLAIMS_H
#define EXITLAB_CLAIMS_H

#include <stdbool.h>
#include <stddef.h>

#include "analyze/values.h"

enum claim_verdict {
	CLAIM_NO_DATA,		/* a value is missing */
	CLAIM_HOLDS,
	CLAIM_FAILS,
};

struct claim {
	const char *id, *source, *section, *item, *metric, *expression, *unit, *note;
	const char *comparator;		/* ">=", "<=", "~" */
	const char *decided_by;		/* "print", "drawing", "measurement" */
	double value;
	double tolerance;		/* same unit as value */
};

struct claims {
	struct text_table text;
	struct claim *claim;
	size_t n;
};

/* Reads claims.csv. 0 or negative errno, said in one line. */
int claims_read(const char *path, struct claims *out);
void claims_free(struct claims *c);

/* Where values come from: a folder of tables, read when first asked for. */
struct claim_values;
/* NULL without memory. @dir is borrowed. */
struct claim_values *claim_values_new(const char *dir);
void claim_values_free(struct claim_values *v);

/*
 * Evaluates one claim; *@value is what its expression gives, if anything. A verdict, or negative
 * errno: the expression is wrong or a table is, said in one line.
 */
int claim_judge(const struct claim *c, struct claim_values *v, double *value);
/* Why the claim judged last has no data: the note of the value that is missing; else "". */
const char *claim_why(const struct claim_values *v);

/* One claim, judged by what is printed and by what was measured. */
struct judged_claim {
	const struct claim *c;
	int printed, measured;		/* enum claim_verdict */
	double printed_value, measured_value;
	char *why;			/* no measured value */
	char *over;			/* what a measured value is over: "over N = 1, 3", or NULL */
};

/* Judges all; @measured may be NULL. 0 or negative errno; free with claims_judged_free(). */
int claims_judge_all(const struct claims *list, struct claim_values *printed,
		     struct claim_values *measured, struct judged_claim **out);
void claims_judged_free(struct judged_claim *all, size_t n);

#endif
