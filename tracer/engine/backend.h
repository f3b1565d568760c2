/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One way to count and time exits. All of them give the same counts on the same run; the difference
 * is what they need and what they cost. Called by engine.c alone.
 */
#ifndef EXITLAB_BACKEND_H
#define EXITLAB_BACKEND_H

#include "engine/engine.h"

struct engine_backend {
	const char *name;	/* as in --engine */
	/* Loads without attaching. 0 or negative errno; the reason is logged in one line. */
	int (*open)(const struct engine_opts *opts, void **out);
	/* Starts counting from zero. 0 or negative errno, and then nothing is attached. */
	int (*attach)(void *b);
	/* May be called when not attached. */
	void (*detach)(void *b);
	/* Adds vCPUs, ledger, probes and cost to @out (zero but for duration_ns), in any order. */
	int (*read)(void *b, struct trace_snapshot *out);
	void (*close)(void *b);
};

extern const struct engine_backend bpf_backend;
/*
 * Weak, so that exitlab-point is linked without it: inside the emulated host there is BPF, and its
 * image need not carry one more library.
 */
extern const struct engine_backend perf_backend __attribute__((weak));

#endif
