// SPDX-License-Identifier: GPL-2.0
/*
 * Counts and times VM exits by VM, vCPU, isa and reason, in the kernel.
 *
 * The vCPU is known at kvm_entry, the reason at kvm_exit, what a detail needs at a third event, and
 * the time at the next kvm_entry. All happen in the thread that runs the vCPU, so nothing needs a
 * lock: an exit waits in the vCPU's slot until the next entry, which books it.
 *
 * Every event has three programs over one handler, from which engine/rungs.c chooses: tp_btf
 * (arguments, typed), raw_tp (arguments, plain numbers) and tp (the trace record, as perf gets it).
 * What each costs is measured by tests/bench.
 */
#include "kvm_types.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include "exits.h"
#include "exits_slots.h"
#include "exits_book.h"
#include "exits_reason.h"
#include "exits_fast.h"

/* ---- entries ---- */

static __always_inline int handle_entry(__u64 vcpu, __u64 kvm, int vcpu_id)
{
	__u64 id = bpf_get_current_pid_tgid(), now, ns;
	__u32 tid = (__u32)id;
	enum pair_result r;
	struct slot *s;

	if (target_vm && target_vm != id >> 32)
		return 0;
	s = slot_of_thread(tid);
	/* All of it, because all of it is used again by VMs that come and go. */
	if (!s || s->tid != tid || s->vcpu != vcpu || s->key.kvm != kvm || s->key.vcpu != vcpu_id ||
	    s->key.vm != id >> 32) {
		struct slot_key key = { kvm, id >> 32, vcpu_id };

		if (new_thread(tid, vcpu, &key)) {
			__sync_fetch_and_add(&counts.slots_full, 1);
			return 0;
		}
		s = slot_of_thread(tid);
		if (!s)
			return 0;
	}
	now = bpf_ktime_get_ns();
	r = pair_entry(&s->pair, now, &ns);
	if (cpu_is_wanted()) {
		s->entries++;
		if (r == PAIR_UNMATCHED)
			s->unmatched_entries++;
	}
	if (r == PAIR_TIMED)
		book_exit(s, 1, ns);
	return 0;
}

/* 9c9025ea003a (6.9, backported) added a second argument; only the first is used. */
SEC("tp_btf/kvm_entry")
int BPF_PROG(entry_tp_btf, struct kvm_vcpu *vcpu)
{
	if (!vcpu)	/* 6.12's verifier takes the argument for one that may be NULL */
		return 0;
	return handle_entry((__u64)vcpu, (__u64)vcpu->kvm, vcpu->vcpu_id);
}

SEC("tp_btf/kvm_entry")
int BPF_PROG(fast_entry_tp_btf, struct kvm_vcpu *vcpu)
{
	if (!vcpu)
		return 0;
	return fast_entry(vcpu, PLACE_OF_POINTER(vcpu));
}

SEC("raw_tp/kvm_entry")
int entry_raw_tp(struct bpf_raw_tracepoint_args *ctx)
{
	struct kvm_vcpu *vcpu = (struct kvm_vcpu *)ctx->args[0];

	return handle_entry((__u64)vcpu, (__u64)BPF_CORE_READ(vcpu, kvm),
			    BPF_CORE_READ(vcpu, vcpu_id));
}

SEC("raw_tp/kvm_entry")
int fast_entry_raw_tp(struct bpf_raw_tracepoint_args *ctx)
{
	struct kvm_vcpu *vcpu = (struct kvm_vcpu *)ctx->args[0];

	return slow_entry((__u64)vcpu, (__u64)BPF_CORE_READ(vcpu, kvm),
			  (__u32)BPF_CORE_READ(vcpu, vcpu_id), PLACE((__u64)vcpu));
}

const volatile struct record_field entry_vcpu_id;	/* in kvm_entry's record */

/*
 * The record has only the vCPU's number. So a VM is a process here, and two VMs of one process
 * cannot be told apart. Programs on classic tracepoints return 1: 0 would hide the event from every
 * perf user of the same tracepoint (perf_trace_run_bpf_submit).
 */
SEC("tp/kvm/kvm_entry")
int entry_tp(void *ctx)
{
	handle_entry(0, 0, read_field(ctx, &entry_vcpu_id));
	return 1;
}

SEC("tp/kvm/kvm_entry")
int fast_entry_tp(void *ctx)
{
	slow_entry(0, 0, read_field(ctx, &entry_vcpu_id), 0);
	return 1;
}

/* ---- exits ---- */

static __always_inline void handle_exit(struct slot *s, __u64 reason, __u32 isa)
{
	__u64 now = bpf_ktime_get_ns(), ns;

	if (s->pair.where == PAIR_IN_HOST)
		book_exit(s, 0, 0);
	if (!cpu_is_wanted()) {
		/* Neither this exit nor the next entry is without its partner. */
		s->pair.where = PAIR_UNKNOWN;
		s->other_cpus++;
		return;
	}
	s->isa = isa;
	s->reason = reason;
	s->detail = 0;
	s->exits++;
	if (pair_exit(&s->pair, now, &ns) == PAIR_UNMATCHED)
		s->unmatched_exits++;
	s->guest_ns += ns;
}

/* @vcpu is a pointer or a plain number, as the type of program has it. */
#define EXIT_BY_ARGS(vcpu, first, isa) do {						\
	struct slot *s = slot_of_vcpu((__u64)(vcpu));					\
											\
	if (!s)										\
		unknown_exit();								\
	else										\
		handle_exit(s, reason_in_args ? (__u32)(first) :			\
			    vendor_reason((const void *)(vcpu), isa), isa);		\
} while (0)

/*
 * The two layouts must not share an access to the context: the compiler would compute its address,
 * and the verifier takes constant ones only. So each has a pointer of its own.
 */
SEC("tp_btf/kvm_exit")
int exit_tp_btf(__u64 *ctx)
{
	__u64 *old = ctx, *new = ctx, vcpu;

	barrier_var(old);
	barrier_var(new);
	if (reason_in_args) {
		EXIT_BY_ARGS(old[1], old[0], (__u32)old[2]);
		return 0;
	}
	vcpu = new[0];
	if (vcpu)	/* as in entry_tp_btf */
		EXIT_BY_ARGS(vcpu, 0, (__u32)new[1]);
	return 0;
}

SEC("raw_tp/kvm_exit")
int exit_raw_tp(__u64 *ctx)
{
	__u64 *old = ctx, *new = ctx;

	barrier_var(old);
	barrier_var(new);
	if (reason_in_args)
		EXIT_BY_ARGS(old[1], old[0], (__u32)old[2]);
	else
		EXIT_BY_ARGS(new[0], 0, (__u32)new[1]);
	return 0;
}

SEC("tp_btf/kvm_exit")
int fast_exit_tp_btf(__u64 *ctx)
{
	__u64 vcpu = ctx[0];

	if (!vcpu)
		return 0;
	return fast_exit(vcpu, fast_reason((const void *)vcpu, ctx[1]), ctx[1],
			 PLACE_OF_POINTER(vcpu));
}

SEC("raw_tp/kvm_exit")
int fast_exit_raw_tp(__u64 *ctx)
{
	return fast_exit(ctx[0], fast_reason((const void *)ctx[0], ctx[1]), ctx[1], PLACE(ctx[0]));
}

/* The two layouts are two programs here, so that none has to ask which. */
SEC("tp_btf/kvm_exit")
int fast_old_exit_tp_btf(__u64 *ctx)
{
	return fast_exit(ctx[1], (__u32)ctx[0], ctx[2], PLACE_OF_POINTER(ctx[1]));
}

SEC("raw_tp/kvm_exit")
int fast_old_exit_raw_tp(__u64 *ctx)
{
	return fast_exit(ctx[1], (__u32)ctx[0], ctx[2], PLACE(ctx[1]));
}

#define EXIT_TP(name, handle)								\
SEC("tp/kvm/kvm_exit")									\
int name(void *ctx)									\
{											\
	__u64 id = bpf_get_current_pid_tgid(), reason = 0;				\
	__u32 isa = 0;									\
	struct slot *s;									\
											\
	if (target_vm && target_vm != id >> 32)						\
		return 1;								\
	s = slot_of_thread((__u32)id);							\
	if (!s) {									\
		unknown_exit();								\
		return 1;								\
	}										\
	record_reason(ctx, &reason, &isa);						\
	handle(s, reason, isa);								\
	return 1;									\
}

EXIT_TP(exit_tp, handle_exit)
#define fast_exit_of(s, reason, isa)	any_exit(s->index, reason, isa)
EXIT_TP(fast_exit_tp, fast_exit_of)

/* ---- details ---- */

/* The exit under way of this thread's vCPU, if it has no detail yet; else 0. */
static __always_inline struct slot *exit_without_detail(void)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct slot *s;

	if (target_vm && target_vm != id >> 32)
		return 0;
	s = slot_of_thread((__u32)id);
	return s && s->pair.where == PAIR_IN_HOST && !s->detail ? s : 0;
}

/*
 * KVM emulates RDMSR, IN and memory accesses after other exits, too: those are not exits of that
 * kind. Of several accesses of one exit the first counts.
 */
#define NOTE(is_kind, value) do {		\
	struct slot *s = exit_without_detail();	\
						\
	if (s && is_kind(s))			\
		s->detail = (value) + 1;	\
} while (0)

const volatile struct record_field msr_ecx, pio_rw, pio_port, fault_address, mmio_gpa, fast_gpa;
/* 5.10 lacks the vCPU as first argument of kvm_page_fault, 6.1 has it. */
const volatile unsigned char fault_has_vcpu;

static __always_inline __u64 fault_page(const __u64 *ctx)
{
	__u64 old = ctx[0], new = ctx[1];

	/* Both are read, for the reason given at exit_tp_btf. */
	barrier_var(old);
	barrier_var(new);
	return (fault_has_vcpu ? new : old) >> 12;
}

#define DETAIL(name, event, is_kind, from_args, from_record)					\
SEC("tp_btf/" event) int name##_tp_btf(__u64 *ctx) { NOTE(is_kind, from_args); return 0; }	\
SEC("raw_tp/" event) int name##_raw_tp(__u64 *ctx) { NOTE(is_kind, from_args); return 0; }	\
SEC("tp/kvm/" event) int name##_tp(void *ctx) { NOTE(is_kind, from_record); return 1; }

/* (write, ecx, data, exception); (rw, port, size, count, data); ([vcpu,] address, error code);
 * (type, len, gpa, value); (gpa) */
DETAIL(msr, "kvm_msr", is_msr_exit, (__u32)ctx[1], read_field(ctx, &msr_ecx))
DETAIL(pio, "kvm_pio", is_port_exit, (__u16)ctx[1] | (__u64)(ctx[0] & 1) << 16,
       (__u16)read_field(ctx, &pio_port) | (read_field(ctx, &pio_rw) & 1) << 16)
DETAIL(fault, "kvm_page_fault", is_page_exit, fault_page(ctx),
       read_field(ctx, &fault_address) >> 12)
DETAIL(mmio, "kvm_mmio", is_page_exit, ctx[2] >> 12, read_field(ctx, &mmio_gpa) >> 12)
DETAIL(fast, "kvm_fast_mmio", is_page_exit, ctx[0] >> 12, read_field(ctx, &fast_gpa) >> 12)

char LICENSE[] SEC("license") = "GPL";
