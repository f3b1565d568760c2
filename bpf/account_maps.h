/* SPDX-License-Identifier: GPL-2.0 */
/* Constants, types and maps of account.bpf.c. For that file alone. */
#ifndef EXITLAB_BPF_ACCOUNT_MAPS_H
#define EXITLAB_BPF_ACCOUNT_MAPS_H

#include "kvm_types.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include "account.h"
#include "tp_record.h"

/* Set by user space before loading. */
const volatile unsigned int target_vm;		/* trace this tgid only; 0 = all */
const volatile unsigned int exit_reason_off, exit_reason_size, exit_isa_off;	/* in kvm_exit */
/* Arguments of sched_switch: fa2c3254d7cf (5.18) put prev_state in, as the fourth. */
const volatile unsigned int switch_args;
/* Of the records that the lowest rung reads. */
const volatile struct tp_field entry_vcpu_id, fpu_load, switch_prev, switch_state, switch_next,
	woken_pid;
/* Classes of reasons by isa (0 and what is unknown: other) and reason_index(). */
const volatile unsigned char class_of[4][REASON_INDEXES];

unsigned int enabled;	/* nothing is booked before and after */
unsigned int has_poll;	/* this kernel says how long it polled */
struct account_counts counts;
/*
 * Set if a thread id with these low bits has run a vCPU: nearly all others are known by one load,
 * and the hash look-up is only for those that are left. Bytes, since bits would need atomics.
 */
unsigned char maybe_vcpu[ACCOUNT_TIDS];

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct sched_entity {
	__u64 sum_exec_runtime;
};

struct sched_info {
	unsigned long long run_delay;
};

struct task_struct___account {
	int pid;
	__u64 start_time;
	struct sched_entity se;
	struct sched_info sched_info;
};

/* Before 56bcd40ca1d2 (5.14) "state", a long. */
struct task_struct___state {
	unsigned int __state;
};

struct task_struct___old {
	long state;
};

/* The statistics of halts moved into a struct of all architectures with 0193cc908b5a (5.14). */
struct kvm_vcpu_stat_generic {
	__u64 halt_poll_success_ns, halt_poll_fail_ns;
};

struct kvm_vcpu_stat___generic {
	struct kvm_vcpu_stat_generic generic;
};

struct kvm_vcpu___generic {
	struct kvm_vcpu_stat___generic stat;
};

struct kvm_vcpu_stat___flat {
	__u64 halt_poll_success_ns, halt_poll_fail_ns;
};

struct kvm_vcpu___flat {
	struct kvm_vcpu_stat___flat stat;
};
#pragma clang attribute pop

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4 * ACCOUNT_SLOTS);
	__type(key, __u32);			/* thread id */
	__type(value, __u32);			/* slot */
} threads SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ACCOUNT_SLOTS);
	__type(key, struct account_key);
	__type(value, __u32);
} slot_of SEC(".maps");

/* Read by user space in place, so that it can tell a slot that is being written (seq). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, ACCOUNT_SLOTS);
	__type(key, __u32);
	__type(value, struct account_slot);
} slots SEC(".maps");

/* Numbers of slots not in use; filled by user space. */
struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, ACCOUNT_SLOTS);
	__type(value, __u32);
} free_slots SEC(".maps");

/* The vCPU thread that this CPU runs now. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct account_cpu);
} running SEC(".maps");

#endif
