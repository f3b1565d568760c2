// SPDX-License-Identifier: GPL-2.0
/*
 * Counts and times VM exits by VM, vCPU, isa and reason, in the kernel.
 *
 * The vCPU is known at kvm_entry (its argument), the reason at kvm_exit (only in the trace record
 * since commit 0a62a0319abb, 5.16, took it out of the arguments), the MSR number at kvm_msr, and
 * the time at the next kvm_entry. All four happen in the thread that runs the vCPU, so the thread
 * id joins them, and nothing needs a lock: an exit waits in the vCPU's slot until the next entry,
 * which books it. Cost per exit and entry: one hash look-up, two clock reads (make bench).
 */
#include "kvm_types.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include "exits.h"

/* Set by user space before loading. */
const volatile unsigned int target_vm;		/* trace this tgid only; 0 = all */
const volatile unsigned int exit_reason_off, exit_reason_size, exit_isa_off; /* in kvm_exit */
const volatile unsigned int msr_ecx_off;	/* in kvm_msr */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4 * MAX_SLOTS);
	__type(key, __u32);			/* thread id */
	__type(value, __u32);			/* slot */
} threads SEC(".maps");

/*
 * The slot of the vCPU that this CPU ran last: saves two of three hash look-ups an exit. It is a
 * hint: the slot's own tid says whether it is this thread's.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} last_slot SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_SLOTS);
	__type(key, struct slot_key);
	__type(value, __u32);
} slot_of SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_SLOTS);
	__type(key, __u32);
	__type(value, struct slot);
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32 * MAX_SLOTS);
	/* 2.3 kB each: memory for those in use only */
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct exit_key);
	__type(value, struct exit_val);
} exits SEC(".maps");

/*
 * For what cannot wait: the kernel keeps little memory at hand for new elements of the map above,
 * and has none for a moment when a CPU needs several in a row. The next exit of the kind gets its
 * element there.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, RESERVE);
	__type(key, struct exit_key);
	__type(value, struct exit_val);
} reserve SEC(".maps");

/* Numbers of slots not in use; filled by user space. A queue because an atomic add that returns the
 * old value needs 5.12. */
struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, MAX_SLOTS);
	__type(value, __u32);
} free_slots SEC(".maps");

struct global_counts counts;
/* A new value of the exits map; too large for the stack. */
static const struct exit_val zero;

/* SVM_EXIT_MSR; EXIT_REASON_MSR_READ and _WRITE */
static __always_inline int is_msr_exit(const struct slot *s)
{
	return s->isa == 2 ? s->reason == 0x7c : s->reason == 31 || s->reason == 32;
}

static __always_inline struct slot *slot_of_thread(__u32 tid)
{
	__u32 zero_key = 0, *last = bpf_map_lookup_elem(&last_slot, &zero_key), *i;
	struct slot *s;

	if (!last)
		return 0;
	s = bpf_map_lookup_elem(&slots, last);
	if (s && s->tid == tid)
		return s;
	i = bpf_map_lookup_elem(&threads, &tid);
	if (!i)
		return 0;
	*last = *i;
	return bpf_map_lookup_elem(&slots, i);
}

/* Room for the first exit of a kind, or what there is already. Rare. */
static __noinline struct exit_val *new_exit(const struct exit_key *key)
{
	struct exit_val *v;

	if (!key)
		return 0;
	bpf_map_update_elem(&exits, key, &zero, BPF_NOEXIST);
	v = bpf_map_lookup_elem(&exits, key);
	if (v)
		return v;
	v = bpf_map_lookup_elem(&reserve, key);
	if (v)
		return v;
	bpf_map_update_elem(&reserve, key, &zero, BPF_NOEXIST);
	return bpf_map_lookup_elem(&reserve, key);
}

/* Books the exit that waits in @s; @ns is its handling time if @timed. */
static __always_inline void book_exit(struct slot *s, int timed, __u64 ns)
{
	struct exit_key key = { s->index, s->isa, s->reason, s->detail };
	struct exit_val *v = bpf_map_lookup_elem(&exits, &key);
	__u64 i;

	if (!v) {
		v = new_exit(&key);
		if (!v) {
			s->map_full++;
			return;
		}
	}
	v->count++;
	if (!timed)
		return;
	if (!v->timed || ns < v->min_ns)
		v->min_ns = ns;
	if (ns > v->max_ns)
		v->max_ns = ns;
	v->timed++;
	v->total_ns += ns;
	i = hist_index(ns);
	/*
	 * The check is always true, and for the verifier. It must be of the very register that
	 * is the index, 64 bits wide: that of 6.1 does not see that two hold the same.
	 */
	barrier_var(i);
	if (i < HIST_BUCKETS)
		v->hist.n[i]++;
}

/* The slot of a vCPU that this thread runs for the first time. Rare. */
static __noinline int new_thread(__u32 tid, const struct slot_key *key)
{
	__u32 *known, i = 0;
	struct slot *s;

	if (!key)
		return -1;
	/* A thread that ran another vCPU until now: no hint may lead it there any more. */
	known = bpf_map_lookup_elem(&threads, &tid);
	s = known ? bpf_map_lookup_elem(&slots, known) : 0;
	if (s && s->tid == tid)
		s->tid = 0;
	known = bpf_map_lookup_elem(&slot_of, key);
	if (known) {
		i = *known;
	} else {
		if (bpf_map_pop_elem(&free_slots, &i)) {
			/* Its exits belong to nobody, least of all to the vCPU before. */
			bpf_map_delete_elem(&threads, &tid);
			return -1;
		}
		bpf_map_update_elem(&slot_of, key, &i, BPF_NOEXIST);
	}
	s = bpf_map_lookup_elem(&slots, &i);
	if (!s)
		return -1;
	s->key = *key;
	s->index = i;
	s->tid = tid;
	return bpf_map_update_elem(&threads, &tid, &i, BPF_ANY) ? -1 : 0;
}

static __always_inline int handle_entry(__u64 kvm, int vcpu_id)
{
	__u64 id = bpf_get_current_pid_tgid(), now, ns;
	__u32 tid = (__u32)id;
	struct slot_key key = { kvm, id >> 32, vcpu_id };
	struct slot *s;
	enum pair_result r;
	int pending;

	if (target_vm && target_vm != key.vm)
		return 0;
	s = slot_of_thread(tid);
	if (!s || s->key.kvm != kvm || s->key.vcpu != vcpu_id) {
		if (new_thread(tid, &key)) {
			__sync_fetch_and_add(&counts.slots_full, 1);
			return 0;
		}
		s = slot_of_thread(tid);
		if (!s)
			return 0;
	}
	now = bpf_ktime_get_ns();
	pending = s->pair.where == PAIR_IN_HOST;
	r = pair_entry(&s->pair, now, &ns);
	s->entries++;
	if (r == PAIR_UNMATCHED)
		s->unmatched_entries++;
	if (pending)
		book_exit(s, r == PAIR_TIMED, ns);
	return 0;
}

/* 9c9025ea003a (6.9, backported) added a second argument; only the first is used. */
SEC("tp_btf/kvm_entry")
int BPF_PROG(entry_tp_btf, struct kvm_vcpu *vcpu)
{
	if (!vcpu)	/* 6.12's verifier takes the argument for one that may be NULL */
		return 0;
	return handle_entry((__u64)vcpu->kvm, vcpu->vcpu_id);
}

/* The same where BTF does not describe the tracepoint of a module. */
SEC("raw_tp/kvm_entry")
int entry_raw_tp(struct bpf_raw_tracepoint_args *ctx)
{
	struct kvm_vcpu *vcpu = (struct kvm_vcpu *)ctx->args[0];

	return handle_entry((__u64)BPF_CORE_READ(vcpu, kvm), BPF_CORE_READ(vcpu, vcpu_id));
}

/* Reason and isa of a kvm_exit record with another layout. */
static __always_inline void read_record(void *ctx, __u64 *reason, __u32 *isa)
{
	__u32 r32 = 0;

	if (exit_reason_size == 8) {
		bpf_probe_read_kernel(reason, 8, ctx + exit_reason_off);
	} else {
		bpf_probe_read_kernel(&r32, 4, ctx + exit_reason_off);
		*reason = r32;
	}
	bpf_probe_read_kernel(isa, 4, ctx + exit_isa_off);
}

/*
 * Programs on classic tracepoints return 1: 0 would hide the event from every perf user of the same
 * tracepoint (perf_trace_run_bpf_submit).
 */
SEC("tp/kvm/kvm_exit")
int exit_tp(void *ctx)
{
	__u64 id = bpf_get_current_pid_tgid(), now, ns, reason = 0;
	__u32 isa = 0;
	struct slot *s;

	if (target_vm && target_vm != id >> 32)
		return 1;
	s = slot_of_thread((__u32)id);
	if (!s) {
		__sync_fetch_and_add(&counts.unknown_exits, 1);
		return 1;
	}
	now = bpf_ktime_get_ns();
	if (s->pair.where == PAIR_IN_HOST)
		book_exit(s, 0, 0);
	/* The layout of 6.12 and 6.18, read without a call. */
	if (exit_reason_size == 4 && exit_reason_off == 8 && exit_isa_off == 24) {
		reason = *(__u32 *)(ctx + 8);
		isa = *(__u32 *)(ctx + 24);
	} else {
		read_record(ctx, &reason, &isa);
	}
	s->isa = isa;
	s->reason = reason;
	s->detail = 0;
	s->exits++;
	if (pair_exit(&s->pair, now, &ns) == PAIR_UNMATCHED)
		s->unmatched_exits++;
	s->guest_ns += ns;
	return 1;
}

SEC("tp/kvm/kvm_msr")
int msr_tp(void *ctx)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct slot *s;
	__u32 ecx = 0;

	if (target_vm && target_vm != id >> 32)
		return 1;
	s = slot_of_thread((__u32)id);
	/* KVM emulates RDMSR and WRMSR after other exits, too: those are not MSR exits. */
	if (!s || s->pair.where != PAIR_IN_HOST || s->detail || !is_msr_exit(s))
		return 1;
	bpf_probe_read_kernel(&ecx, sizeof(ecx), ctx + msr_ecx_off);
	s->detail = (__u64)ecx + 1;
	return 1;
}

char LICENSE[] SEC("license") = "GPL";
