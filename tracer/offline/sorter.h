/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Puts events in order of time. Buffers of several CPUs come one after the other, so the next event
 * may be older than the last; how far back, only the kind of file knows. Pure; not thread-safe.
 */
#ifndef EXITLAB_OFFLINE_SORTER_H
#define EXITLAB_OFFLINE_SORTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sorter;

/* For items of @item bytes each. NULL without memory. */
struct sorter *sorter_new(size_t item);
void sorter_free(struct sorter *o);
/* Takes a copy of @item. 0 or -ENOMEM. */
int sorter_put(struct sorter *o, uint64_t ts, const void *item);
/*
 * The oldest item not newer than @until into @item; those of equal time in the order in which they
 * came. false: there is none.
 */
bool sorter_take(struct sorter *o, uint64_t until, void *item);
size_t sorter_count(const struct sorter *o);

#endif
