/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A session: the points of one scenario, run in the emulated testbed, several at a time, with
 * progress, until all are done, one fails, or the user interrupts.
 */
#ifndef EXITLAB_SESSION_H
#define EXITLAB_SESSION_H

#include <stdbool.h>
#include <stddef.h>

#include "run/emulated.h"
#include "run/results.h"
#include "run/scenario.h"

struct session_opts {
	int jobs;		/* points at a time; 0 = as many as CPUs and memory allow */
	int timeout_s;		/* longest wall time of a point */
	bool no_snapshot;	/* leave the cache of snapshots alone */
	bool again;		/* if every point is complete, measure all of them anew */
};

/* From now on SIGINT, SIGTERM and SIGHUP end a session in good order instead of the process. */
void session_catch_signals(void);

/* Returns an enum exit_status. Records of finished points stay whatever happens to others. */
int session_run(const struct scenario *sc, struct sc_point *points, size_t n,
		const struct testbed *t, struct results *r, const struct session_opts *o);

#endif
