/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Differences of snapshots: what happened since the last look, while the engine goes on counting.
 * Summed over all steps they give exactly what the engine has counted at the end.
 */
#ifndef EXITLAB_OUT_DELTA_H
#define EXITLAB_OUT_DELTA_H

#include <stdbool.h>

#include "engine/engine.h"

struct delta;

/* NULL without memory. */
struct delta *delta_new(void);
void delta_free(struct delta *d);

/*
 * What came since the last step (the first: since engine_attach()), as a snapshot of its own in
 * @out (snapshot_free()). vCPUs and reasons without an event are left out. Differences are never
 * negative. With @final nothing may run any more (the engine is detached): then the counts are
 * taken as they are. 0 or -ENOMEM.
 *
 * An exit is counted in the step in which its handling ended; one under way is not counted before
 * its vCPU has been quiet for a step, or by the final one. Percentiles are those of the step.
 * max_ns is exact if it is the largest of the whole measurement, else the upper end of its bucket
 * (up to 12.5 % above); min_ns likewise the lower end.
 */
int delta_step(struct delta *d, const struct trace_snapshot *now, bool final,
	       struct trace_snapshot *out);

#endif
