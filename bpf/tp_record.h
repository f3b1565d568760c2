/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What programs on classic tracepoints have: a trace record, and the thread that made it.
 *
 * A record has no pointers. Of a vCPU it has the number, but not the VM; of a thread the number,
 * but not its flags. For the thread itself the kernel can be asked instead: the thread that
 * leaves its CPU, ends or makes an event of KVM's is the current one. A vCPU's thread in the ioctl
 * KVM_RUN has a preempt notifier of KVM's, and that is part of its struct kvm_vcpu; so the VM is
 * known wherever the kernel's BTF describes that struct. Where it does not, a VM is a process.
 *
 * Programs on classic tracepoints return 1: 0 would hide the event from every perf user of the same
 * tracepoint (perf_trace_run_bpf_submit). The kernel skips one that interrupts another of its kind.
 */
#ifndef EXITLAB_BPF_TP_RECORD_H
#define EXITLAB_BPF_TP_RECORD_H

#include "kvm_types.h"
#include "tp_field.h"

#define TASK_DEAD	0x80	/* include/linux/sched.h, since 4.14 */
/* States as sched_switch records them (TASK_REPORT): by their letters, the same since 4.14. */
#define RECORDED_SLEEP	0xff	/* all of S, D, T, t, X, Z, P, I; not 0x100, preempted */
#define RECORDED_DEAD	0x30	/* X, Z */

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct hlist_node {
	struct hlist_node *next;
};

struct hlist_head {
	struct hlist_node *first;
};

struct preempt_notifier {
	struct hlist_node link;
};

struct task_struct___notified {
	struct hlist_head preempt_notifiers;
};

struct kvm_vcpu___notified {
	struct preempt_notifier preempt_notifier;
};
#pragma clang attribute pop

/* Set by user space to read nothing but records, as where BTF has no struct kvm_vcpu. */
const volatile unsigned char records_only;

/* Little endian; 0 if the record has no such field. */
static __always_inline __u64 tp_read(const void *record, const volatile struct tp_field *f)
{
	__u32 size = f->size;
	__u64 v = 0;

	if (size <= sizeof(v))
		bpf_probe_read_kernel(&v, size, record + f->offset);
	return v;
}

/* The struct kvm_vcpu that the current thread runs, in KVM_RUN; 0: cannot be told. */
static __always_inline __u64 tp_vcpu(void)
{
	struct task_struct___notified *t = (void *)bpf_get_current_task();
	struct kvm_vcpu___notified *v = 0;
	__u64 first;

	if (records_only || !bpf_core_field_exists(t->preempt_notifiers) ||
	    !bpf_core_field_exists(v->preempt_notifier) ||
	    !bpf_core_field_exists(((struct kvm_vcpu *)0)->kvm))
		return 0;
	first = (__u64)BPF_CORE_READ(t, preempt_notifiers.first);
	return first ? first - bpf_core_field_offset(struct kvm_vcpu___notified,
						     preempt_notifier.link) : 0;
}

/* The struct kvm of what tp_vcpu() has found. */
static __always_inline __u64 tp_kvm(__u64 vcpu)
{
	if (!vcpu || !bpf_core_field_exists(((struct kvm_vcpu *)0)->kvm))
		return 0;
	return (__u64)BPF_CORE_READ((struct kvm_vcpu *)vcpu, kvm);
}

/* A state that sched_switch has recorded: 0 = the thread could go on, TASK_DEAD, else it sleeps. */
static __always_inline __u64 tp_state(__u64 recorded)
{
	return recorded & RECORDED_DEAD ? TASK_DEAD : recorded & RECORDED_SLEEP ? 1 : 0;
}

#endif
