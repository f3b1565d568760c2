/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What vhost's sidecores (elvis-ref/) say of themselves in debugfs: a line per thread and a line
 * per queue, each a word, then names and values by turns.
 */
#ifndef EXITLAB_SIDECORES_H
#define EXITLAB_SIDECORES_H

#include <jansson.h>

/* The text, or NULL if this host has no sidecores or it cannot be read. The caller frees it. */
char *sidecores_read(void);
/*
 * What came between two texts: {"cores": [...], "queues": [...]}, each line an object. Numbers that
 * name or describe (core, node, pid, workers, leaving, owner, worker, vq, polled) are those of
 * @after, all others are differences; a line that was not there before counts from zero. NULL if
 * @after is NULL, has no line, or is not such a text. Pure.
 */
json_t *sidecores_delta(const char *before, const char *after);

#endif
