/* SPDX-License-Identifier: GPL-2.0 */
/* Inside of the gate: judges the numbers of one workload. */
#ifndef EXITLAB_GATE_JUDGE_H
#define EXITLAB_GATE_JUDGE_H

#include "analyze/gate.h"

/* One workload of both sides, as in analyze/baseline.h, and what is known of their origin. */
struct judging {
	const struct gate_options *options;
	bool deterministic, same_testbed;
	const json_t *old, *new;
};

/* Did both do as much work, run by run? Repeats that are all the same may be unlike many. */
bool judge_same_work(const struct judging *j);

/*
 * Fills in numbers and verdict of @l, whose method, minimum effect, runs and amounts of work are
 * set already. 0 or -ENOMEM.
 */
int judge_load(const struct judging *j, struct gate_load *l);

#endif
