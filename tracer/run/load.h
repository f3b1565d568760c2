/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Load: what the guests and the peer do in a window. A load is prepared (servers started, warm-up
 * done, clients waiting), let go, and awaited, so that the window's counters can be switched on
 * between preparing and letting go.
 */
#ifndef EXITLAB_LOAD_H
#define EXITLAB_LOAD_H

#include <jansson.h>

#include "run/guest.h"
#include "run/hostnet.h"
#include "run/scenario.h"

struct load {
	const struct sc_workload *w;
	struct guest *guests;
	int nr_guests;
	const struct lab *lab;
	int cpu, cpus;		/* of the load generators: first, how many; -1: anywhere */
	struct proc client[HOSTNET_MAX_GUESTS];
	char log[256];		/* stderr of the clients */
	char peer_log[256];	/* output of a client whose output is a report */
	char answer[HOSTNET_MAX_GUESTS][256];	/* of loads inside a guest: what it said last */
	struct memcached_ops { uint64_t get, set; } before; /* served so far, by its own count */
};

/*
 * Load generators run on @cpus CPUs from @cpu on, or anywhere (-1). 0 or negative errno, the reason
 * logged; load_end() is due in either case.
 */
int load_prepare(struct load *l, const struct sc_workload *w, struct guest *guests, int nr_guests,
		 const struct lab *lab, int cpu, int cpus);
/* Lets the clients do the counted work. Does not wait. */
int load_go(struct load *l);
/* Waits for the end of the work; what it needs of the guests is asked later, in load_result(). */
int load_wait(struct load *l);
/* After the window: *@result is a new object, *@work the units of work done (sc_tool_unit()). */
int load_result(struct load *l, json_t **result, double *work);
/* Stops clients and servers. */
void load_end(struct load *l);

/* Parses the report of memcaslap; pure. New object or NULL if the expected line is not there. */
json_t *load_parse_memcaslap(const char *report);

#endif
