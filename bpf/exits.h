/* SPDX-License-Identifier: GPL-2.0 */
/* What exits.bpf.c and engine/bpf.c share: plain structs, no pointers. */
#ifndef EXITLAB_BPF_EXITS_H
#define EXITLAB_BPF_EXITS_H

#include "core/hist.h"
#include "core/pair.h"
#include "core/sample.h"

#define MAX_SLOTS	1024	/* vCPUs at a time; a power of two */
#define MAX_CPUS	8192	/* NR_CPUS of the largest x86 configuration; a power of two */
#define MAX_DETAILS	256	/* details (ports, MSRs, pages) of one vCPU that are told apart */
#define CACHE_BITS	5
#define CACHE_SIZE	(1u << CACHE_BITS)

/* Who a slot belongs to. A struct kvm's address can be used again, by another process as a rule. */
struct slot_key {
	hist_u64 kvm;		/* address of struct kvm; 0 if the rung does not show it */
	unsigned int vm;	/* tgid of the VMM */
	int vcpu;
};

/* Where a reason's numbers are, so that the hash map need not be asked. */
struct cached_value {
	hist_u64 reason, detail;
	unsigned int isa;
	unsigned int value;	/* index + 1; 0 = nothing cached */
	hist_u64 count;		/* of exits_fast.h: exits that are not in exit_val.count yet */
};

/* enum pair_where of exits_fast.h, besides those of core/pair.h: the time of this is taken. */
enum { FAST_TIMED_HOST = 3, FAST_TIMED_GUEST = 4 };

/* Of a slot, where not every exit is timed (exits_fast.h). */
struct slot_times {
	hist_u64 pid;		/* address of the struct pid of the thread that ran it last */
	hist_u64 kvm_exits;	/* KVM's own count at its last entry, 1 at least */
	hist_u64 since;		/* when what is timed began */
	hist_u64 now;		/* the time, if it has been read for this event already; else 0 */
	unsigned int weight;	/* of what is timed */
	unsigned int value;	/* where the time of the exit goes, index into values */
	struct sampler sampler;
	hist_u64 guest_timed, guest_weight;	/* of slot.guest_ns */
};

/* One vCPU. Written only by the thread that runs it, hence no atomic operations. */
struct slot {
	struct slot_key key;
	hist_u64 vcpu;		/* address of struct kvm_vcpu; 0 if the rung does not show it */
	unsigned int index;	/* its own number */
	unsigned int tid;	/* last thread that ran it */
	unsigned int nr_details;
	unsigned int isa;	/* of the exit under way */
	hist_u64 reason;	/* likewise */
	hist_u64 detail;	/* likewise: + 1, 0 = none; see DETAIL_ below */
	struct pair pair;
	hist_u64 entries, exits;
	hist_u64 guest_ns;
	hist_u64 unmatched_entries, unmatched_exits;
	hist_u64 map_full;	/* exits for which there was no room in the map of reasons */
	hist_u64 other_cpus;	/* exits on CPUs that are not wanted: counted nowhere else */
	hist_u64 detail_full;	/* exits that were counted without their detail */
	struct cached_value cache[CACHE_SIZE];
	struct slot_times times;
};

struct exit_key {
	unsigned int slot;
	unsigned int isa;
	hist_u64 reason;
	hist_u64 detail;
};

/* The first five are those of programs that time every exit; all weights are 1 then. */
struct exit_val {
	hist_u64 count, timed, total_ns, min_ns, max_ns;
	hist_u64 chosen;	/* to be timed; counted before the exit itself is */
	hist_u64 weight, square;	/* sums over the timed */
	struct hist hist;	/* of weights */
};

/* A field of a trace record, from the event's `format`. */
struct record_field {
	unsigned int offset, size;	/* bytes; size 4 or 8, 0 = not used */
};

#define MAX_HINTS	1024	/* hosts with more CPUs share some; a power of two */

/* The slot that a CPU used last. A cache line each: a CPU writes its own only. */
struct hint {
	unsigned int slot;
	unsigned int pad[15];
};

/* Slot of a vCPU by its address, for exits_fast.h; two that hash to the same take turns. */
#define PLACE_BITS	12

/* What no exit reason is: an empty place in the cache of exits_fast.h. */
#define NO_REASON	(~2ull)

/* Events that belong to no slot. */
struct global_counts {
	hist_u64 slots_full;	/* entries of vCPUs for which there was no slot */
	hist_u64 unknown_exits;	/* exits of a thread that has not made an entry yet */
};

#endif
