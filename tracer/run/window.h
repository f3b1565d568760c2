/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One window: the measured interval of a workload. Every counter is switched on, off and read while
 * the guests stand still, so that all of them speak of exactly the same exits.
 */
#ifndef EXITLAB_WINDOW_H
#define EXITLAB_WINDOW_H

#include <jansson.h>

#include "engine/engine.h"
#include "run/guest.h"
#include "run/hostdisk.h"
#include "run/scenario.h"

struct window_env {
	struct engine *engine;
	struct guest *guests;
	int nr_guests;
	bool bare;		/* no VMs: the one guest is the host itself (run/bare.h) */
	int load_cpu, load_cpus;	/* of the load generators: first, how many; -1: anywhere */
	const struct lab *lab;
	const struct sc_measure *measure;
	const struct hostdisk *disk;	/* of the host's target; may have none */
	enum sc_eli eli;
	void (*phase)(const char *text, void *arg);
	void *arg;
};

/* Warm-up, window, counters. 0 and a new object for the record's "windows", or negative errno. */
int window_run(const struct window_env *env, const struct sc_workload *w, json_t **out);

#endif
