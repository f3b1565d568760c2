/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Maps of irqs.bpf.c, and how vCPUs, vectors and times get into them. For that file alone.
 */
#ifndef EXITLAB_BPF_IRQS_MAPS_H
#define EXITLAB_BPF_IRQS_MAPS_H

#include "kvm_types.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include "irqs.h"
#include "tp_record.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct kvm_lapic {
	struct kvm_vcpu *vcpu;
	_Bool sw_enabled;
	void *regs;
};

struct irqaction {
	const char *name;
};

struct task_struct___irqs {
	unsigned int flags;
};
#pragma clang attribute pop

/* Set by user space before loading. */
const volatile unsigned int target_vm;		/* trace this tgid only; 0 = all */
const volatile unsigned char by_records;	/* the lowest rung */
/* Of the records that the lowest rung reads. */
const volatile struct tp_field entry_vcpu_id, hardware_id, hardware_vector, inject_vector,
	inject_soft, inject_again, eoi_vector, pv_eoi_vector, host_irq, host_name;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4 * IRQ_MAX_VCPUS);
	__type(key, __u32);			/* thread id */
	__type(value, __u32);			/* slot */
} threads SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4 * IRQ_MAX_VCPUS);
	__type(key, __u64);			/* address of struct kvm_vcpu */
	__type(value, __u32);			/* slot */
} vcpus SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, IRQ_MAX_VCPUS);
	__type(key, __u32);
	__type(value, struct irq_vcpu);
} slots SEC(".maps");

/* Numbers of slots not in use; filled by user space. */
struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, IRQ_MAX_VCPUS);
	__type(value, __u32);
} free_slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, IRQ_MAX_VECTORS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct irq_vector_key);
	__type(value, struct irq_vector);
} vectors SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, IRQ_MAX_LEGS);
	/* 2.3 kB each: memory for those in use only */
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct irq_leg_key);
	__type(value, struct irq_leg_val);
} legs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, IRQ_MAX_HOST);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);			/* Linux' number of the interrupt */
	__type(value, struct irq_host_val);
} hosts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct irq_cpu);
} cpus SEC(".maps");

struct irq_globals globals;
/* New values; the second is too large for the stack. */
static const struct irq_vector no_vector;
static const struct irq_leg_val no_leg;

/* NULL outside the window. */
static __always_inline struct irq_cpu *this_cpu(void)
{
	__u32 zero = 0;
	struct irq_cpu *c;

	if (!*(volatile hist_u64 *)&globals.open)
		return 0;
	c = bpf_map_lookup_elem(&cpus, &zero);
	if (c)
		c->events++;
	return c;
}

/* The kernel's own count per CPU; BTF describes it since 5.10. */
extern const int bpf_prog_active __ksym __weak;

/*
 * Programs on records do not run here now: one of them (or a kprobe's, or perf's) was interrupted,
 * and the kernel skips all that would come in between. A function's entry is still seen.
 */
static __always_inline int records_are_off(void)
{
	const int *active;

	if (!by_records || !&bpf_prog_active)
		return 0;
	active = bpf_this_cpu_ptr(&bpf_prog_active);
	return *active > 0;
}

/* ---- vCPUs ---- */

static __always_inline struct irq_vcpu *slot_at(__u32 i)
{
	return bpf_map_lookup_elem(&slots, &i);
}

/* The vCPU that the current thread runs. @c->hint saves a look-up of the thread. */
static __always_inline struct irq_vcpu *current_vcpu(struct irq_cpu *c, __u32 tid)
{
	struct irq_vcpu *s = slot_at(c->hint);
	__u32 *i;

	if (s && s->tid == tid)
		return s;
	i = bpf_map_lookup_elem(&threads, &tid);
	if (!i)
		return 0;
	c->hint = *i;
	s = slot_at(*i);
	/* Else the vCPU has moved to another thread since. */
	return s && s->tid == tid ? s : 0;
}

static __always_inline struct irq_vcpu *new_vcpu(__u64 vcpu, __u64 kvm, int id)
{
	struct irq_vcpu *s;
	__u32 i;

	if (bpf_map_pop_elem(&free_slots, &i))
		return 0;
	s = slot_at(i);
	if (!s)
		return 0;
	s->vcpu = vcpu;
	s->kvm = kvm;
	s->id = id;
	s->index = i;
	bpf_map_update_elem(&vcpus, &vcpu, &i, BPF_ANY);
	return s;
}

/* The slot of a vCPU by its address, which a new VM can get again. */
static __always_inline struct irq_vcpu *known_vcpu(__u64 vcpu, __u64 kvm, int id)
{
	__u32 *i = bpf_map_lookup_elem(&vcpus, &vcpu);
	struct irq_vcpu *s = i ? slot_at(*i) : 0;

	return s && s->kvm == kvm && s->id == id ? s : 0;
}

/* This thread runs this vCPU for the first time. Rare. */
static __noinline int new_thread(__u64 vcpu, __u64 kvm, int id)
{
	__u64 me = bpf_get_current_pid_tgid();
	struct irq_vcpu *s = known_vcpu(vcpu, kvm, id);
	__u32 tid = (__u32)me, vm = me >> 32;

	if (!s || (s->vm && s->vm != vm))
		s = new_vcpu(vcpu, kvm, id);
	if (!s)
		return -1;
	s->vm = vm;
	s->tid = tid;
	return bpf_map_update_elem(&threads, &tid, &s->index, BPF_ANY) ? -1 : 0;
}

/* ---- what is booked ---- */

static __always_inline struct irq_vector *vector_of(const struct irq_vcpu *s, __u32 vector)
{
	struct irq_vector_key key = { s->index, vector };
	struct irq_vector *v = bpf_map_lookup_elem(&vectors, &key);

	if (v)
		return v;
	bpf_map_update_elem(&vectors, &key, &no_vector, BPF_NOEXIST);
	v = bpf_map_lookup_elem(&vectors, &key);
	if (!v)
		__sync_fetch_and_add(&globals.no_room, 1);
	return v;
}

static __always_inline struct irq_leg_val *leg_of(__u32 slot, __u32 vector, __u32 leg)
{
	struct irq_leg_key key = { slot, vector, leg };
	struct irq_leg_val *l = bpf_map_lookup_elem(&legs, &key);

	if (l)
		return l;
	bpf_map_update_elem(&legs, &key, &no_leg, BPF_NOEXIST);
	return bpf_map_lookup_elem(&legs, &key);
}

/*
 * Makes what an entry will book; 1 = all of it is there. An entry has host interrupts off, and then
 * BPF's allocator cannot fill up its stock, which at first is a single element on each CPU
 * (prefill_mem_cache() in kernel/bpf/memalloc.c).
 */
static __noinline int prepare_entry(__u32 slot, __u32 vector)
{
	return leg_of(slot, vector, IRQ_LEG_ENTRY) && leg_of(slot, vector, IRQ_LEG_EOI);
}

/* A function of its own: it is used six times, and each program has a limit. */
static __noinline int book(__u32 slot, __u32 vector, __u32 leg, __u64 ns)
{
	struct irq_leg_val *l = leg_of(slot, vector, leg);
	__u64 i;

	if (!l) {
		__sync_fetch_and_add(&globals.no_room, 1);
		return 0;
	}
	/* Two CPUs may set an extreme at once; of two that are new, either may stay. */
	if (!l->n || ns < l->min_ns)
		l->min_ns = ns;
	if (ns > l->max_ns)
		l->max_ns = ns;
	__sync_fetch_and_add(&l->n, 1);
	__sync_fetch_and_add(&l->total_ns, ns);
	i = hist_index(ns);
	barrier_var(i);		/* as in exits.bpf.c */
	if (i < HIST_BUCKETS)
		__sync_fetch_and_add(&l->hist.n[i], 1);
	return 0;
}

#endif
