/* SPDX-License-Identifier: GPL-2.0 */
/* What account.bpf.c and engine/account.c share: plain structs, no pointers. */
#ifndef EXITLAB_BPF_ACCOUNT_H
#define EXITLAB_BPF_ACCOUNT_H

#include "core/account.h"

#define ACCOUNT_SLOTS	1024	/* vCPUs at a time */
#define ACCOUNT_TIDS	16384	/* a power of two: thread ids told apart before any look-up */

struct account_key {
	account_u64 kvm;	/* address of struct kvm; 0 if the rung does not show it */
	unsigned int vm;	/* tgid of the VMM */
	int vcpu;
};

/*
 * What the scheduler has booked for a thread, and this account, at the same switch away from it: an
 * independent witness of on-CPU and run-queue time.
 */
struct account_witness {
	account_u64 sched_run, sched_wait;	/* sum_exec_runtime, run_delay */
	account_u64 run, wait;
};

/*
 * One vCPU. Written by the CPU that runs its thread, except for a.woken. @seq is odd while somebody
 * writes: user space reads again, and an interrupt that comes just then is not booked.
 */
struct account_slot {
	struct account_key key;
	account_u64 vcpu_addr;	/* struct kvm_vcpu, whose own statistics are read; 0 likewise */
	account_u64 born;	/* of the thread, ns */
	account_u64 poll_ns;	/* KVM's sum of polling, as of the last halt */
	account_u64 kvm_poll_ns;	/* of it, while this account ran */
	unsigned int seq;
	unsigned int tid;	/* thread that runs it; 0 = none any more */
	unsigned int last_tid;
	unsigned int moves;	/* to another thread */
	account_u64 skipped;	/* events that came in the middle of another one */
	account_u64 switches;	/* away from its last thread */
	struct account_witness first, last;	/* of these */
	struct account a;
};

/* What a CPU runs: a vCPU thread, and its slot; tid 0 = another thread. */
struct account_cpu {
	unsigned int slot, tid;
};

/* Events that belong to no slot. */
struct account_counts {
	account_u64 slots_full;	/* vCPUs for which there was no slot: entries */
	account_u64 unknown_exits;	/* exits of a thread that has made no entry yet */
};

#endif
