// SPDX-License-Identifier: GPL-2.0
/*
 * What any tracer of kvm_entry and kvm_exit must pay, for comparison: programs on the same two
 * attach points, of the same types as those of bpf/exits.bpf.c, that do nothing (floor 1) or add
 * one to a counter (floor 2). Twice: tp_btf for both, which is the default of bpf/exits.bpf.c, and
 * with a classic tracepoint for the exit, which is what it falls back to.
 */
#include "kvm_types.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define MAP_TYPE_PERCPU_ARRAY	6	/* uapi/linux/bpf.h */

struct {
	__uint(type, MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);		/* entries, exits */
	__type(key, __u32);
	__type(value, __u64);
} events SEC(".maps");

static __always_inline void count(__u32 which)
{
	__u64 *n = bpf_map_lookup_elem(&events, &which);

	if (n)
		++*n;
}

SEC("tp_btf/kvm_entry")
int BPF_PROG(empty_entry, struct kvm_vcpu *vcpu)
{
	return 0;
}

/* Programs on classic tracepoints return 1: 0 hides the event from perf. */
SEC("tp/kvm/kvm_exit")
int empty_exit(void *ctx)
{
	return 1;
}

SEC("tp_btf/kvm_entry")
int BPF_PROG(count_entry, struct kvm_vcpu *vcpu)
{
	count(0);
	return 0;
}

SEC("tp_btf/kvm_exit")
int BPF_PROG(empty_exit_btf, struct kvm_vcpu *vcpu)
{
	return 0;
}

SEC("tp_btf/kvm_exit")
int BPF_PROG(count_exit_btf, struct kvm_vcpu *vcpu)
{
	count(1);
	return 0;
}

SEC("tp/kvm/kvm_exit")
int count_exit(void *ctx)
{
	count(1);
	return 1;
}

/* For BPF_PROG_TEST_RUN, which no other type of the three has. */
SEC("raw_tp/kvm_entry")
int empty_raw(void *ctx)
{
	return 0;
}

SEC("raw_tp/kvm_entry")
int count_raw(void *ctx)
{
	count(0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
