/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A measurement without end, looked at again and again: what `exitlab top` and `exitlab export`
 * have in common. Each look gives what the tracer saw since the last one, per vCPU and reason, and
 * what KVM itself counted, per VM.
 */
#ifndef EXITLAB_WATCH_H
#define EXITLAB_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/engine.h"
#include "host/filter.h"

struct watch;

struct watch_opts {
	pid_t pid;			/* one VMM process; 0 = all that @filter lets through */
	const struct filter *filter;	/* borrowed */
	unsigned int details;	/* enum engine_detail */
	unsigned int signals;	/* enum engine_signal */
	enum engine_time time;
	unsigned int time_every;
	bool own_cost;
	/*
	 * Keep what re-attaching takes, out of effect: the engine's room for vCPUs (1024) is then
	 * made free again by starting anew when VMs have come and gone, and a vhost that is loaded
	 * later is traced.
	 */
	bool endless;
};

/* One VMM process that is or was there. */
struct watch_vm {
	pid_t pid;
	char label[VM_NAME_MAX + 16];	/* its name; with its pid if a running one has that name */
	int vcpus;			/* 0 = it has ended */
	uint64_t ended_ns;		/* CLOCK_MONOTONIC of the first look without it; 0 = runs */
	uint64_t kvm_exits;		/* KVM's own count since the last look */
	uint64_t kvm_total;		/* and since the first */
	uint64_t traced_total;		/* exits traced since the first */
};

struct watch_view {
	struct trace_snapshot step;	/* since the last look; filtered */
	const struct watch_vm *vms;	/* sorted by label; the watch's, until the next look */
	size_t nr_vms;
	bool kvm_known;			/* kvm_exits and kvm_total mean something */
	uint64_t restarts;		/* how often the engine was started anew */
};

/* KVM counts exits of @vm, and none has ever been traced. */
static inline bool watch_blind(const struct watch_vm *vm)
{
	/* A moment's exits may still be on their way. */
	return vm->kvm_total > 100 && !vm->traced_total;
}

/* Loads, attaches, gives up privileges. An enum exit_status; it has said why if not EX_OK. */
int watch_open(const struct watch_opts *opts, struct watch **out);
/* 0 or negative errno. */
int watch_look(struct watch *w, struct watch_view *v);
void watch_view_free(struct watch_view *v);
/* NULL is fine. */
void watch_close(struct watch *w);

#endif
