/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The BPF programs of one signal: attached together, detached together, and accounted for (how
 * often they ran, how long, and how often the kernel skipped them).
 */
#ifndef EXITLAB_PROGS_H
#define EXITLAB_PROGS_H

#include "engine/engine.h"

#define MAX_PROGS 32

struct bpf_link;
struct bpf_program;

struct prog_cost {
	uint64_t run_cnt, run_ns, missed;
};

/* Zero-initialised = empty. */
struct progs {
	struct bpf_program *prog[MAX_PROGS];	/* borrowed from the skeleton */
	struct bpf_link *link[MAX_PROGS];
	struct prog_cost at_start[MAX_PROGS];
	struct probe_info info[MAX_PROGS];
	size_t n;
};

/* @name: the tracepoint or function; @rung: how ("tp_btf", "raw_tp", "tp", "fentry"). */
void progs_add(struct progs *p, struct bpf_program *prog, const char *name, const char *rung);
/* All or none; says which one it was. 0 or negative errno. */
int progs_attach(struct progs *p);
void progs_detach(struct progs *p);
/* Adds probes, cost and skipped runs since progs_attach() to @out. */
void progs_read(const struct progs *p, struct trace_snapshot *out);

#endif
