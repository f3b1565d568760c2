/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Loads that run inside the guests: timers, and fio on a disk. Like other loads they are prepared,
 * let go and awaited; each guest is told by one command to its agent, whose answer is the end.
 */
#ifndef EXITLAB_INSIDE_H
#define EXITLAB_INSIDE_H

#include <jansson.h>

#include "run/load.h"

/* Whether the load's tool is one of these. */
bool inside_is(const struct sc_workload *w);
/* The five steps of load.h. */
int inside_prepare(struct load *l);
int inside_go(struct load *l);
int inside_wait(struct load *l);
int inside_result(struct load *l, json_t **result, double *work);
void inside_end(struct load *l);

/*
 * What we keep of fio's report (its JSON, perhaps with messages before it). Pure. A new object, or
 * NULL if it is not the report of one job.
 */
json_t *inside_parse_fio(const char *text);

#endif
