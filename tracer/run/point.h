/* SPDX-License-Identifier: GPL-2.0 */
/* Runs one point on the host this is executed on: guests, load, windows, record. */
#ifndef EXITLAB_POINT_H
#define EXITLAB_POINT_H

#include <jansson.h>

#include "run/guest.h"
#include "run/scenario.h"

/* Told at every step; must return quickly. */
typedef void (*point_phase_fn)(const char *text, void *arg);

/*
 * A point is run in two steps, between which the machine may be saved: what depends only on the
 * point's shape (network, guests), and what it measures. Points of the same shape find the guests
 * in the same memory and at the same time, whatever their workloads are.
 */
struct point;

/*
 * Network set up, guests booted and held still. On error everything is taken down again and the
 * reason is logged. 0 or negative errno.
 */
int point_prepare(const struct sc_point *shape, const struct lab *lab, point_phase_fn phase,
		  void *arg, struct point **out);
/*
 * Lets the guests go on and makes the record of @pt, which has the prepared shape, without what
 * only the caller knows (schema, scenario, backend, volatile). 0 and a new object in *@record, or
 * negative errno with the reason logged.
 */
int point_measure(struct point *p, const struct scenario *sc, const struct sc_point *pt,
		  json_t **record);
/* Takes everything down; NULL is harmless. */
void point_end(struct point *p);

#endif
