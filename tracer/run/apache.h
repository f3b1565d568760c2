/* SPDX-License-Identifier: GPL-2.0 */
/* The load of Apache: a static page served in the guest, fetched by ab on the peer. */
#ifndef EXITLAB_APACHE_H
#define EXITLAB_APACHE_H

#include <jansson.h>

#include "run/load.h"

/* The command that makes the page and starts the server. */
void apache_server(const struct sc_workload *w, char *cmd, size_t size);
/* Warm-up, or one page to see that it is served. 0 or negative errno, the reason logged. */
int apache_prepare(struct load *l);
/* Starts the client of guest @i. */
int apache_go(struct load *l, int i);
/* As load_result(). */
int apache_result(struct load *l, json_t **result, double *work);

/*
 * What we keep of a report of ab's: "requests", "requests_per_s", "response_mean_ns". Pure. A new
 * object, or NULL if it is no report, or one of requests that failed: these are no work.
 */
json_t *apache_parse_ab(const char *report);

#endif
