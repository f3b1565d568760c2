/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the timed exits say about all of them.
 *
 * Each reason has an exact count and a sample of times, each with the number of exits it stands
 * for (core/sample.h). Its mean time is estimated by the weighted mean of the sample (Hajek's form
 * of the Horvitz-Thompson estimator), and its total by that mean times the exact count: a ratio
 * estimator with the count as the auxiliary number (W. G. Cochran, Sampling Techniques, chapter 6),
 * so an error of the weights' sum does not reach the total. Its bias is of the order of one in the
 * number of timed exits, and thus small beside the standard error once there are some tens; a
 * reason that was never timed has no time at all, rather than 0.
 *
 * The standard error takes the timed exits for independent draws: variance of the times, by the
 * histogram, with each value spread evenly over its bucket, so that it is a little too large rather
 * than too small; divided by the effective number of draws, (sum w)^2 / sum w^2 (L. Kish); and less
 * what has been seen of the population. It is no bound, and where a few long times make the sum
 * (halts), the truth is more often two or three of it away than a normal distribution has it.
 */
#ifndef EXITLAB_ESTIMATE_H
#define EXITLAB_ESTIMATE_H

#include <stdbool.h>

#include "engine/engine.h"

/* Some exits of @r were not timed, to save the time: what is said of times is an estimate. */
bool estimate_is_sampled(const struct exit_stat *r);
/* Time of all exits of @r, ns. 0 if none was timed. */
uint64_t estimate_total(const struct exit_stat *r);
/* Mean time of one, ns. 0 if none was timed. */
double estimate_mean(const struct exit_stat *r);
/* Standard error of estimate_total(), ns; 0 if every exit was timed; NAN if it cannot be told. */
double estimate_error(const struct exit_stat *r);

/* Time of @v in the guest, ns. */
uint64_t estimate_guest(const struct vcpu_trace *v);

/* How much of a snapshot was timed. */
struct estimate_all {
	uint64_t exits, timed;	/* exits, and those of them that were chosen */
	double total_ns, error_ns;	/* handling of all; NAN as above */
};

struct estimate_all estimate_snapshot(const struct trace_snapshot *s);

/* Adds the numbers of @from to @to, which may be of another vCPU or reason. */
void estimate_add(struct exit_stat *to, const struct exit_stat *from);

#endif
