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
 * Runs the point and makes its record, without what only the caller knows (schema, scenario,
 * backend, volatile). Everything set up is taken down again on every path.
 * 0 and a new object in *@record, or negative errno with the reason logged.
 */
int point_run(const struct scenario *sc, const struct sc_point *pt, const struct lab *lab,
	      point_phase_fn phase, void *arg, json_t **record);

#endif
