/* SPDX-License-Identifier: GPL-2.0 */
/* Load of the tools people measure networks with: iperf3 and sockperf, server in the guest. */
#ifndef EXITLAB_FIELDTOOLS_H
#define EXITLAB_FIELDTOOLS_H

#include <stdbool.h>

#include <jansson.h>

#include "run/load.h"

/* Whether @w is a load of this kind. The rest is for these only. */
bool fieldtools_is(const struct sc_workload *w);
/* The command that starts the server of a guest, and the one that ends it. */
void fieldtools_server(const struct sc_workload *w, const struct guest *g, char *cmd, size_t size);
const char *fieldtools_kill(const struct sc_workload *w);
/* Waits for the servers, then warm-up. 0 or negative errno, the reason logged. */
int fieldtools_prepare(struct load *l);
/* Starts the client of guest @i. */
int fieldtools_go(struct load *l, int i);
/* As load_result(). */
int fieldtools_result(struct load *l, json_t **result, double *work);

/*
 * What we keep of a report. Pure. A new object, or NULL if it is none, or one of a failure.
 * iperf3, of its JSON: "bytes" (that arrived), "sent_bytes", "elapsed_ns", "bytes_per_s", "retransmits".
 * sockperf, of its text: "requests" (answered, of the whole run), "sent", "dropped", "observed" and
 * of these "rtt_mean_ns", "rtt_min_ns", "rtt_p50_ns", "rtt_p99_ns", "rtt_max_ns".
 */
json_t *fieldtools_parse_iperf3(const char *report);
json_t *fieldtools_parse_sockperf(const char *report);

#endif
