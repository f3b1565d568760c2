/* SPDX-License-Identifier: GPL-2.0 */
/* What exits.bpf.c and engine/bpf.c share: plain structs, no pointers. */
#ifndef EXITLAB_BPF_EXITS_H
#define EXITLAB_BPF_EXITS_H

#include "core/hist.h"
#include "core/pair.h"

#define MAX_SLOTS	1024	/* vCPUs at a time */
#define RESERVE		128	/* kinds of exit that found no memory at once; 300 kB */

/* Who a slot belongs to. A struct kvm's address can be used again, by another process as a rule. */
struct slot_key {
	hist_u64 kvm;		/* address of struct kvm */
	unsigned int vm;	/* tgid of the VMM */
	int vcpu;
};

/* One vCPU. Written only by the thread that runs it, hence no atomic operations. */
struct slot {
	struct slot_key key;
	unsigned int index;	/* its own number */
	unsigned int tid;	/* last thread that ran it */
	unsigned int pad;
	unsigned int isa;	/* of the exit under way */
	hist_u64 reason;	/* likewise */
	hist_u64 detail;	/* likewise: MSR number + 1, 0 = none */
	struct pair pair;
	hist_u64 entries, exits;
	hist_u64 guest_ns;
	hist_u64 unmatched_entries, unmatched_exits;
	hist_u64 map_full;	/* exits for which there was no room in the map of reasons */
};

struct exit_key {
	unsigned int slot;
	unsigned int isa;
	hist_u64 reason;
	hist_u64 detail;
};

struct exit_val {
	hist_u64 count, timed, total_ns, min_ns, max_ns;
	struct hist hist;
};

/* Events that belong to no slot. */
struct global_counts {
	hist_u64 slots_full;	/* entries of vCPUs for which there was no slot */
	hist_u64 unknown_exits;	/* exits of a thread that has not made an entry yet */
};

#endif
