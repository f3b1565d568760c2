/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Signals between guests and their devices, counted by the host's kernel in perf's counting mode:
 * kicks, by which a guest tells a device of work, and replies, by which devices interrupt a vCPU.
 * exitlab-record(5) says what exactly is counted.
 */
#ifndef EXITLAB_SIGNALS_H
#define EXITLAB_SIGNALS_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "run/guest.h"
#include "run/scenario.h"

#define SIGNALS_MAX_RANGES 32

/* Guest-physical addresses of notification registers. */
struct notify_range {
	uint64_t start, end;	/* end is the first byte after it */
};

struct signal_events {
	int *fd;		/* one per CPU and tracepoint */
	size_t n;
	uint64_t count;		/* once stopped */
	char why[160];		/* why there is no count; "" if there is one */
};

struct signals {
	struct signal_events kicks, replies;
	bool want_kicks, want_replies;
};

/*
 * Asks the guests for the addresses of their registers and makes the counters, which stay off. A
 * kernel that cannot count is no error: the JSON will say why. 0 or negative errno, logged.
 */
int signals_open(struct signals *s, const struct sc_measure *m, struct guest *guests,
		 int nr_guests);
/* On, and off and read. To be called while no vCPU runs. */
void signals_start(struct signals *s);
void signals_stop(struct signals *s);
/* A new object, or NULL if nothing was asked for. */
json_t *signals_json(const struct signals *s);
void signals_close(struct signals *s);

/*
 * The notification registers of virtio devices in what a guest printed of its PCI devices: a line
 * "config HEX" (the configuration space) and the lines of the file "resource" for each. Adds those
 * that are not in @r yet, @max at most; *@n is how many there are. Pure. 0 or -EINVAL.
 */
int notify_ranges_parse(const char *text, struct notify_range *r, size_t max, size_t *n);
/*
 * perf's filter for them; -ENOSPC if @size is too small. @type: whether events have that field.
 * Pure.
 */
int notify_filter(const struct notify_range *r, size_t n, bool type, char *buf, size_t size);

#endif
