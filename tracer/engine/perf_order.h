/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Events of many rings, one per CPU, into the order in which every thread made them. Pure; not
 * thread-safe.
 */
#ifndef EXITLAB_PERF_ORDER_H
#define EXITLAB_PERF_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/replay.h"

struct order_item {
	struct kvm_event e;
	uint64_t round;
	uint64_t lost;		/* events, if is_loss */
	bool is_loss, ready;
};

/* Zero-initialised = empty. */
struct perf_order {
	struct order_item *item;
	size_t n, max;
	struct order_item *scratch;
	size_t max_scratch;
	pid_t *threads;		/* scratch of a round: an open hash table of @size */
	size_t size;
	uint64_t round;
};

/*
 * Takes an event that was just read. Those of one ring must come in the order of the ring, with
 * times that do not step back. 0 or -ENOMEM.
 */
int order_event(struct perf_order *o, const struct kvm_event *e);
/* Likewise a gap of @n events (0 = unknown) at time @ts_ns. */
int order_loss(struct perf_order *o, uint64_t ts_ns, uint64_t n);
/*
 * All rings have been read once more: hands to @r what is safe to hand on; with @all, everything.
 * Without memory it hands on everything, too.
 */
void order_round(struct perf_order *o, struct replay *r, bool all);
void order_free(struct perf_order *o);

#endif
