/* SPDX-License-Identifier: GPL-2.0 */
/* The difference of two means that were both measured a few times. */
#ifndef EXITLAB_WELCH_H
#define EXITLAB_WELCH_H

#include <stdbool.h>
#include <stddef.h>

/* Runs that each side needs before a spread can be estimated at all sensibly. */
#define WELCH_MIN_RUNS 3

struct welch {
	double difference;	/* mean of b minus mean of a */
	double low, high;	/* confidence interval of the difference */
	double df;		/* degrees of freedom; 0 if no value varies */
};

/*
 * Welch's interval: the variances need not be equal. @confidence is that of the interval,
 * two-sided, between 0 and 1. Without any variance the interval is the difference. False if a
 * side has fewer than two values or the result is not finite.
 */
bool welch_interval(const double *a, size_t na, const double *b, size_t nb, double confidence,
		    struct welch *out);

#endif
