/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Counts and times exits from single events, one after the other: what bpf/exits.bpf.c does inside
 * the kernel, done in user space, for the perf engine and for files of events. The same events give
 * the same counts. Pure: no I/O, no clock of its own. Not thread-safe.
 */
#ifndef EXITLAB_REPLAY_H
#define EXITLAB_REPLAY_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "engine/engine.h"

enum kvm_event_type {
	KVM_EVENT_OTHER,	/* taken, and without effect */
	KVM_EVENT_ENTRY,
	KVM_EVENT_EXIT,
	KVM_EVENT_MSR,
	KVM_EVENT_PIO,
	KVM_EVENT_MMIO,
	KVM_EVENT_PAGE_FAULT,
	KVM_EVENT_FAST_MMIO,
};

struct kvm_event {
	uint64_t ts_ns;		/* of any one clock */
	pid_t tgid, tid;
	int cpu;		/* -1 unknown */
	enum kvm_event_type type;
	int vcpu;		/* -1 unknown; needed of an entry only */
	uint32_t isa;		/* exit: KVM_ISA_VMX, KVM_ISA_SVM, or what the event said */
	uint64_t reason;	/* exit: full code as traced */
	uint64_t detail;	/* MSR number, port, or guest physical address, by type */
	bool write;		/* MSR, port and MMIO: by the guest */
};

struct replay_opts {
	pid_t pid;		/* events of this process only; 0 = all */
	unsigned int detail;	/* enum engine_detail */
	/* As in engine_opts; borrowed until replay_free(). */
	const struct cpu_list *cpus;
};

struct replay;

/* NULL without memory. */
struct replay *replay_new(const struct replay_opts *opts);
/*
 * Takes the next event; they must come in order of time. Never fails: an event for which there is
 * no memory is counted in the ledger (map_full).
 */
void replay_event(struct replay *r, const struct kvm_event *e);
/*
 * @n events (0: an unknown number) were lost before the next one: counted in the ledger. All pairs
 * under way are ended without a time, as the missing event may be of any of them.
 */
void replay_lost(struct replay *r, uint64_t n);
/*
 * Adds vCPUs and ledger to @out, which needs snapshot_sort() and, in the end, snapshot_free(). What
 * is being handled is counted and has no time yet. 0 or -ENOMEM.
 */
int replay_snapshot(const struct replay *r, struct trace_snapshot *out);
/* @r may be NULL. */
void replay_free(struct replay *r);

#endif
