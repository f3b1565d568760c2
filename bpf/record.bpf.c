// SPDX-License-Identifier: GPL-2.0
/*
 * Single events for exitlab record: each goes into one ring buffer, or is counted as lost. Nothing
 * waits, and nothing wakes the reader up: it looks by itself, so that the traced threads pay the
 * same for every event.
 *
 * The hard part is who an event belongs to. Events of KVM come in the thread of the vCPU; while it
 * is in the ioctl KVM_RUN a preempt notifier of KVM hangs on it, and that is part of the struct
 * kvm_vcpu. So no event has to come first to make the thread known, which matters where kvm_entry
 * never fires. Before and after the ioctl the thread is known by what it was last.
 *
 * Events of vCPU threads are classic tracepoints: only their records hold the exit's reason. Those
 * that may come in an interrupt are raw tracepoints: the kernel would skip a classic one that
 * interrupts another. They can be classic, too, where nothing else loads.
 */
#include "kvm_types.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "record.h"
#include "tp_record.h"

enum { BPF_MAP_TYPE_RINGBUF = 27, BPF_RB_NO_WAKEUP = 1 };

#define MAX_THREADS	16384
#define PF_USER_WORKER	0x00004000	/* e297cd54b3f8 (6.4): vhost tasks */
#define PF_KTHREAD	0x00200000

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct task_struct___rec {
	int pid, tgid;
	unsigned int flags, __state;
	char comm[16];
	struct hlist_head preempt_notifiers;
};

struct kvm_lapic {
	struct kvm_vcpu *vcpu;
};

struct irqaction {
	const char *name;
};
#pragma clang attribute pop

struct who {
	__u64 kvm;
	__u32 tgid;
	int vcpu;		/* -1: a vhost worker */
};

const volatile __u32 only_targets;	/* trace only processes in @targets */
const volatile struct rec_field layout[NR_REC_TYPES][REC_FIELDS];
struct rec_count counts[NR_REC_TYPES];
__u64 lost_total;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);	/* user space sets it */
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);		/* tgid */
	__type(value, __u32);
} targets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_THREADS);
	__type(key, __u32);		/* tid */
	__type(value, struct who);
} threads SEC(".maps");

static __always_inline int wanted(__u32 tgid)
{
	return !only_targets || bpf_map_lookup_elem(&targets, &tgid);
}

static __always_inline void put(__u8 type, __u8 flags, __u32 tid, const struct who *w, __u64 a,
				__u64 b, __u64 c)
{
	struct rec_count *n = &counts[type];
	struct rec *r;

	__sync_fetch_and_add(&n->seen, 1);
	r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);
	if (!r) {
		__sync_fetch_and_add(&n->lost, 1);
		__sync_fetch_and_add(&lost_total, 1);
		return;
	}
	r->ts = bpf_ktime_get_ns();
	r->a = a;
	r->b = b;
	r->c = c;
	r->lost = lost_total;
	r->kvm = w ? w->kvm : 0;
	r->tgid = w ? w->tgid : 0;
	r->vcpu = w ? w->vcpu : -1;
	r->tid = tid;
	r->cpu = bpf_get_smp_processor_id();
	r->type = type;
	r->flags = flags;
	r->pad = 0;
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
}

static __always_inline void announce(struct task_struct___rec *t, __u32 tid, const struct who *w)
{
	__u64 comm[2] = { 0 };

	BPF_CORE_READ_INTO(&comm, t, comm);
	put(REC_THREAD, 0, tid, w, comm[0], comm[1], 0);
}

/* "vhost-" and the mark of a kernel thread or of a thread that the kernel added to a process. */
static __always_inline int is_vhost(struct task_struct___rec *t)
{
	__u64 comm = 0;

	if (!(BPF_CORE_READ(t, flags) & (PF_KTHREAD | PF_USER_WORKER)))
		return 0;
	bpf_core_read(&comm, sizeof(comm), &t->comm);
	return (comm & 0xffffffffffffull) == 0x2d74736f6876ull;	/* "vhost-" */
}

/*
 * The process that a worker serves. Before 6.4 (and with fork_owner since 6.17) a worker is a
 * thread of the kernel, named "vhost-" and the thread that set it up.
 */
static __noinline __u32 owner_of(struct task_struct___rec *t)
{
	struct who *w;
	__u8 comm[16];
	__u32 tid = 0;
	int i;

	if (!(BPF_CORE_READ(t, flags) & PF_KTHREAD))
		return BPF_CORE_READ(t, tgid);
	BPF_CORE_READ_INTO(&comm, t, comm);
	for (i = 6; i < 15; i++) {
		if (comm[i] < '0' || comm[i] > '9')
			break;
		tid = 10 * tid + comm[i] - '0';
	}
	w = bpf_map_lookup_elem(&threads, &tid);
	return w ? w->tgid : tid;
}

/* Who @t is, NULL if neither a vCPU's thread nor a worker. */
static __noinline struct who *who_is(struct task_struct___rec *t, __u32 tid)
{
	struct hlist_node *first = BPF_CORE_READ(t, preempt_notifiers.first);
	struct who *known = bpf_map_lookup_elem(&threads, &tid), w = { 0 };
	struct kvm_vcpu *vcpu;

	if (first) {
		vcpu = (void *)first - bpf_core_field_offset(struct kvm_vcpu___notified,
							      preempt_notifier.link);
		w.kvm = (__u64)BPF_CORE_READ(vcpu, kvm);
		w.vcpu = BPF_CORE_READ(vcpu, vcpu_id);
		if (known && known->kvm == w.kvm && known->vcpu == w.vcpu)
			return known;
	} else if (known) {
		return known;
	} else if (is_vhost(t)) {
		w.vcpu = -1;
		w.tgid = owner_of(t);
	} else {
		return 0;
	}
	if (first)
		w.tgid = BPF_CORE_READ(t, tgid);
	if (!wanted(w.tgid))
		return 0;
	bpf_map_update_elem(&threads, &tid, &w, BPF_ANY);
	announce(t, tid, &w);
	return bpf_map_lookup_elem(&threads, &tid);
}

static __always_inline __u64 field(void *ctx, int type, int i)
{
	__u32 off = layout[type][i].off;
	__u64 v = 0;

	switch (layout[type][i].size) {
	case 8:
		bpf_probe_read_kernel(&v, 8, ctx + off);
		break;
	case 4:
		bpf_probe_read_kernel(&v, 4, ctx + off);
		break;
	case 2:
		bpf_probe_read_kernel(&v, 2, ctx + off);
		break;
	case 1:
		bpf_probe_read_kernel(&v, 1, ctx + off);
		break;
	}
	return v;
}

/* An event of the vCPU that this thread runs. Returns 1: 0 would hide it from perf. */
static __always_inline int of_vcpu(void *ctx, int type)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct who *w, none = { 0, id >> 32, -1 };

	if (!wanted(id >> 32))
		return 1;
	w = who_is((void *)bpf_get_current_task(), (__u32)id);
	put(type, field(ctx, type, 3), (__u32)id, w ? w : &none, field(ctx, type, 0),
	    field(ctx, type, 1), field(ctx, type, 2) | field(ctx, type, 4) << 32);
	return 1;
}

#define OF_VCPU(event, type) \
SEC("tp/kvm/" #event) \
int rec_##event(void *ctx) \
{ \
	return of_vcpu(ctx, type); \
}

OF_VCPU(kvm_entry, REC_KVM_ENTRY)
OF_VCPU(kvm_exit, REC_KVM_EXIT)
OF_VCPU(kvm_msr, REC_KVM_MSR)
OF_VCPU(kvm_pio, REC_KVM_PIO)
OF_VCPU(kvm_mmio, REC_KVM_MMIO)
OF_VCPU(kvm_page_fault, REC_KVM_PAGE_FAULT)
OF_VCPU(kvm_fast_mmio, REC_KVM_FAST_MMIO)
OF_VCPU(kvm_cpuid, REC_KVM_CPUID)
OF_VCPU(kvm_userspace_exit, REC_KVM_USERSPACE_EXIT)
OF_VCPU(kvm_vcpu_wakeup, REC_KVM_VCPU_WAKEUP)
OF_VCPU(kvm_inj_virq, REC_KVM_INJ_VIRQ)

/* (struct kvm_lapic *, int vector): the vCPU is the interrupt controller's, whoever runs. */
SEC("raw_tp/kvm_eoi")
int rec_kvm_eoi(struct bpf_raw_tracepoint_args *ctx)
{
	struct kvm_vcpu *vcpu = BPF_CORE_READ((struct kvm_lapic *)ctx->args[0], vcpu);
	__u32 tid = BPF_CORE_READ(vcpu, pid, numbers[0].nr);
	struct who *known = bpf_map_lookup_elem(&threads, &tid);
	struct who w = { 0 };

	w.kvm = (__u64)BPF_CORE_READ(vcpu, kvm);
	w.vcpu = BPF_CORE_READ(vcpu, vcpu_id);
	w.tgid = known ? known->tgid : 0;
	if (wanted(w.tgid))
		put(REC_KVM_EOI, 0, tid, &w, (__u64)(int)ctx->args[1], 0, 0);
	return 0;
}

/*
 * Where struct kvm_lapic is not known: it is described by the BTF of kvm.ko alone, which takes
 * CAP_SYS_ADMIN to read. Then the event is taken for one of the vCPU whose thread this is; EOIs
 * come there, but for those that the I/O APIC's emulation makes in other threads.
 */
SEC("raw_tp/kvm_eoi")
int rec_kvm_eoi_here(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct who *w = who_is((void *)bpf_get_current_task(), (__u32)id);

	if (wanted(w ? w->tgid : 0))
		put(REC_KVM_EOI, 0, (__u32)id, w, (__u64)(int)ctx->args[1], 0, 0);
	return 0;
}

/* A record has no VM, either. */
SEC("tp/kvm/kvm_eoi")
int rec_kvm_eoi_tp(void *ctx)
{
	return of_vcpu(ctx, REC_KVM_EOI);
}

/*
 * (apicid, delivery mode, trigger mode, vector). In any context; apicid is the number of the vCPU,
 * and the event does not say of which VM.
 */
static __always_inline int accepted(struct bpf_raw_tracepoint_args *ctx, int type)
{
	struct who w = { 0, 0, (int)ctx->args[0] };

	put(type, 0, (__u32)bpf_get_current_pid_tgid(), &w, (__u8)ctx->args[3],
	    (__u16)ctx->args[1], (__u16)ctx->args[2]);
	return 0;
}

/* By its record. */
static __always_inline int accepted_tp(void *ctx, int type)
{
	struct who w = { 0, 0, (int)field(ctx, type, 4) };

	put(type, 0, (__u32)bpf_get_current_pid_tgid(), &w, field(ctx, type, 0),
	    field(ctx, type, 1), field(ctx, type, 2));
	return 1;
}

SEC("raw_tp/kvm_apic_accept_irq")
int rec_kvm_apic_accept_irq(struct bpf_raw_tracepoint_args *ctx)
{
	return accepted(ctx, REC_KVM_APIC_ACCEPT_IRQ);
}

SEC("raw_tp/kvm_apicv_accept_irq")
int rec_kvm_apicv_accept_irq(struct bpf_raw_tracepoint_args *ctx)
{
	return accepted(ctx, REC_KVM_APICV_ACCEPT_IRQ);
}

SEC("tp/kvm/kvm_apic_accept_irq")
int rec_kvm_apic_accept_irq_tp(void *ctx)
{
	return accepted_tp(ctx, REC_KVM_APIC_ACCEPT_IRQ);
}

SEC("tp/kvm/kvm_apicv_accept_irq")
int rec_kvm_apicv_accept_irq_tp(void *ctx)
{
	return accepted_tp(ctx, REC_KVM_APICV_ACCEPT_IRQ);
}

static __always_inline int named_vfio(const void *name)
{
	__u32 start = 0;

	bpf_probe_read_kernel(&start, sizeof(start), name);
	return start == 0x6f696676;	/* "vfio", as in "vfio-msix[0](0000:01:10.0)" */
}

static __always_inline int is_vfio(struct irqaction *action)
{
	return named_vfio(BPF_CORE_READ(action, name));
}

SEC("raw_tp/irq_handler_entry")
int rec_irq_handler_entry(struct bpf_raw_tracepoint_args *ctx)
{
	if (is_vfio((struct irqaction *)ctx->args[1]))
		put(REC_IRQ_ENTRY, 0, (__u32)bpf_get_current_pid_tgid(), 0,
		    (__u32)ctx->args[0], 0, 0);
	return 0;
}

SEC("raw_tp/irq_handler_exit")
int rec_irq_handler_exit(struct bpf_raw_tracepoint_args *ctx)
{
	if (is_vfio((struct irqaction *)ctx->args[1]))
		put(REC_IRQ_EXIT, 0, (__u32)bpf_get_current_pid_tgid(), 0,
		    (__u32)ctx->args[0], (__u64)(int)ctx->args[2], 0);
	return 0;
}

/* Host interrupt + 1 whose handler this CPU runs, if it is VFIO's: only its begin has the name. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} vfio_irq SEC(".maps");

SEC("tp/irq/irq_handler_entry")
int rec_irq_handler_entry_tp(void *ctx)
{
	__u32 zero = 0, irq = field(ctx, REC_IRQ_ENTRY, 0);
	__u32 *here = bpf_map_lookup_elem(&vfio_irq, &zero);
	/* The name is in the record; the field says where, in its lower half. */
	int vfio = named_vfio(ctx + (field(ctx, REC_IRQ_ENTRY, 1) & 0xffff));

	if (here)
		*here = vfio ? irq + 1 : 0;
	if (vfio)
		put(REC_IRQ_ENTRY, 0, (__u32)bpf_get_current_pid_tgid(), 0, irq, 0, 0);
	return 1;
}

SEC("tp/irq/irq_handler_exit")
int rec_irq_handler_exit_tp(void *ctx)
{
	__u32 zero = 0, irq = field(ctx, REC_IRQ_EXIT, 0);
	__u32 *here = bpf_map_lookup_elem(&vfio_irq, &zero);

	if (!here || *here != irq + 1)
		return 1;
	*here = 0;
	put(REC_IRQ_EXIT, 0, (__u32)bpf_get_current_pid_tgid(), 0, irq,
	    field(ctx, REC_IRQ_EXIT, 1), 0);
	return 1;
}

/* (preempt, prev, next, ...): these two have kept their places. */
SEC("raw_tp/sched_switch")
int rec_sched_switch(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct___rec *prev = (void *)ctx->args[1], *next = (void *)ctx->args[2];
	__u32 from = BPF_CORE_READ(prev, pid), to = BPF_CORE_READ(next, pid);
	__u64 state = 0;
	struct who *w;

	/* 2f064a59a11f (5.14) renamed it to __state. */
	if (bpf_core_field_exists(prev->__state))
		state = BPF_CORE_READ(prev, __state);
	w = from ? who_is(prev, from) : 0;
	if (w)
		put(REC_SCHED_OUT, 0, from, w, to, state, 0);
	w = to ? who_is(next, to) : 0;
	if (w)
		put(REC_SCHED_IN, 0, to, w, from, 0, 0);
	return 0;
}

/*
 * It is the current thread that leaves. Of the one that comes a record has the number alone, so it
 * is known only if it made an event, or left a CPU, before.
 */
SEC("tp/sched/sched_switch")
int rec_sched_switch_tp(void *ctx)
{
	__u32 from = field(ctx, REC_SCHED_OUT, 2), to = field(ctx, REC_SCHED_OUT, 0);
	struct who *w = from ? who_is((void *)bpf_get_current_task(), from) : 0;

	if (w)
		put(REC_SCHED_OUT, 0, from, w, to, field(ctx, REC_SCHED_OUT, 1), 0);
	w = to ? bpf_map_lookup_elem(&threads, &to) : 0;
	if (w)
		put(REC_SCHED_IN, 0, to, w, from, 0, 0);
	return 1;
}

char LICENSE[] SEC("license") = "GPL";
