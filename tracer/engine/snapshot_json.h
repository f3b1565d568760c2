/* SPDX-License-Identifier: GPL-2.0 */
/* The one JSON form of a snapshot, used by `exitlab stat --json` and by run records. */
#ifndef EXITLAB_SNAPSHOT_JSON_H
#define EXITLAB_SNAPSHOT_JSON_H

#include <jansson.h>

#include "engine/engine.h"

/* New reference, NULL on -ENOMEM. Layout: schema "exitlab-stat/1" in exitlab-record(5). */
json_t *snapshot_to_json(const struct trace_snapshot *s, vm_name_fn name, void *arg);

#endif
