/* SPDX-License-Identifier: GPL-2.0 */
/* Reports of foreign clients (ab, iperf3, sockperf): one file per guest, what it printed. */
#ifndef EXITLAB_REPORTS_H
#define EXITLAB_REPORTS_H

#include "run/load.h"

/* Room for the path of a report. */
#define REPORTS_PATH	300

/* The path of the report about guest @i. */
void reports_path(const struct load *l, int i, char *path, size_t size);

/* Its text, cut at @size - 1 bytes; empty if there is none. Returns its length. */
size_t reports_text(const struct load *l, int i, char *text, size_t size);

/* The report about guest @i; *@out is a new object. 0 or negative errno, the reason logged. */
typedef int (*reports_one)(struct load *l, int i, json_t **out);

/*
 * All of them: *@result is the object of the only guest, or {"per_guest": [...]}; *@work is the sum
 * of their @key times @scale. 0, or what @one returned.
 */
int reports_result(struct load *l, reports_one one, const char *key, double scale, json_t **result,
		   double *work);

#endif
