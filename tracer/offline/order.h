/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Puts events in order of time. Buffers of several CPUs come one after the other, so the next event
 * may be older than the last; how far back, only the kind of file knows. Pure; not thread-safe.
 */
#ifndef EXITLAB_OFFLINE_ORDER_H
#define EXITLAB_OFFLINE_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct order;

/* For items of @item bytes each. NULL without memory. */
struct order *order_new(size_t item);
void order_free(struct order *o);
/* Takes a copy of @item. 0 or -ENOMEM. */
int order_put(struct order *o, uint64_t ts, const void *item);
/*
 * The oldest item not newer than @until into @item; those of equal time in the order in which they
 * came. false: there is none.
 */
bool order_take(struct order *o, uint64_t until, void *item);
size_t order_count(const struct order *o);

#endif
