/* SPDX-License-Identifier: GPL-2.0 */
/* Where guests have come to be and what their devices have got, read back for the record. */
#ifndef EXITLAB_PLACEMENT_H
#define EXITLAB_PLACEMENT_H

#include <stdio.h>

#include <jansson.h>

#include "run/guest.h"

/* Of each guest {"pid", "cpu", "node", "memory_pages": {"0": N, ...}}: of its first vCPU and of its memory. */
json_t *placement_nodes(const struct guest *guests, int n);
/* Of each guest {"net": {"receive", "send"}, "disk"}: entries of its rings, as its drivers say; null: none. */
json_t *placement_rings(struct guest *guests, int n);

/* Adds up what /proc/PID/numa_maps says of memory bound to a node. Pure. New object or NULL. */
json_t *placement_parse(FILE *numa_maps);

#endif
