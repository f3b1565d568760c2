// SPDX-License-Identifier: GPL-2.0
/*
 * Follows interrupts from the host's device interrupt to the guest's EOI, by VM, vCPU and vector.
 *
 * The hard part is to know whose interrupt it is. KVM accepts one in whatever context it comes: a
 * hard interrupt, a vhost worker, a work item, another vCPU; and the tracepoint kvm_apic_accept_irq
 * has a number of a vCPU, but no VM. So acceptance is seen at the entry of __apic_accept_irq, which
 * has the APIC as its argument. (kvm_apic_set_irq, the function that everybody calls, is inlined
 * into the paths of MSIs and IPIs.) Everything later happens in the thread that runs the vCPU, and
 * is joined by the thread's id.
 *
 * Acceptance can happen on several CPUs at a time, so what it writes is added atomically; the rest
 * is written by the vCPU's own thread.
 */
#include "irqs_maps.h"

#define APIC_IRR	0x200
#define APIC_LVTT	0x320
#define LVT_MASKED	(1u << 16)
#define DM_FIXED	0
#define DM_LOWEST	0x100

#define PF_WQ_WORKER	0x20		/* include/linux/sched.h */
#define PF_USER_WORKER	0x4000		/* since 6.4: vhost tasks */
#define PF_KTHREAD	0x200000

/* ---- acceptance ---- */

static __always_inline __u32 apic_reg(__u64 regs, __u32 offset)
{
	__u32 v = 0;

	bpf_probe_read_kernel(&v, sizeof(v), (void *)(regs + offset));
	return v;
}

static __always_inline int irr_bit(__u64 regs, __u32 vector)
{
	return regs && apic_reg(regs, APIC_IRR + (vector >> 5 & 7) * 0x10) >> (vector & 31) & 1;
}

static __always_inline int is_vhost(__u32 flags)
{
	union {
		__u64 eight;
		char text[16];
	} comm = {};

	if (!(flags & (PF_KTHREAD | PF_USER_WORKER)))
		return 0;
	bpf_get_current_comm(comm.text, sizeof(comm.text));
	return (comm.eight & 0xffffffffffffull) == 0x2d74736f6876ull;	/* "vhost-" */
}

/* Who makes KVM accept @vector for @s; not in the handler of an assigned device. */
static __always_inline enum irq_source source_of(struct irq_cpu *c, const struct irq_vcpu *s,
						 __u32 vector)
{
	struct task_struct___irqs *task = (void *)bpf_get_current_task();
	__u32 flags = BPF_CORE_READ(task, flags), lvtt = apic_reg(s->regs, APIC_LVTT);
	__u64 id = bpf_get_current_pid_tgid();
	struct irq_vcpu *me;

	if ((lvtt & 0xff) == vector && !(lvtt & LVT_MASKED))
		return IRQ_FROM_TIMER;
	/* We may be in a handler that began unseen: then the thread says nothing. */
	if (records_are_off())
		return IRQ_FROM_OTHER;
	if (is_vhost(flags))
		return IRQ_FROM_VHOST;
	if ((flags & PF_WQ_WORKER) && c->missed_since)
		return IRQ_FROM_DEVICE_WORK;
	if (flags & PF_KTHREAD)
		return IRQ_FROM_OTHER;
	me = current_vcpu(c, (__u32)id);
	if (me && me->kvm == s->kvm && !me->in_user)
		return IRQ_FROM_IPI;
	return s->vm && id >> 32 == s->vm ? IRQ_FROM_USER : IRQ_FROM_OTHER;
}

/* The way from the host's interrupt until here. */
static __always_inline enum irq_source host_leg(struct irq_cpu *c, const struct irq_vcpu *s,
						struct irq_vector *v, __u32 vector, __u64 now)
{
	struct irq_host_val *h;
	enum irq_source from;
	__u32 irq;

	if (c->vfio_irq1) {
		irq = c->vfio_irq1 - 1;
		v->host_irq1 = irq + 1;
		c->delivered++;
		h = bpf_map_lookup_elem(&hosts, &irq);
		if (h)
			__sync_fetch_and_add(&h->delivered, 1);
		book(s->index, vector, IRQ_LEG_HOST, irq_since(c->since, now));
		return IRQ_FROM_DEVICE;
	}
	from = source_of(c, s, vector);
	if (from == IRQ_FROM_DEVICE_WORK) {
		v->host_irq1 = c->missed_irq1;
		book(s->index, vector, IRQ_LEG_HOST_WORK, irq_since(c->missed_since, now));
		c->missed_since = 0;
	}
	return from;
}

static __always_inline int handle_accept(struct irq_cpu *c, struct irq_vcpu *s, __u32 vector,
					 int enabled)
{
	struct irq_vector *v = vector_of(s, vector);
	__u64 now = bpf_ktime_get_ns();
	__u32 from;

	if (!v)
		return 0;
	if (!enabled) {
		__sync_fetch_and_add(&v->n.refused, 1);
		return 0;
	}
	c->slot = s->index;
	c->vector1 = vector + 1;
	c->vcpu_id = s->id;
	__sync_fetch_and_add(&v->n.accepted, 1);
	from = host_leg(c, s, v, vector, now);
	if (from < IRQ_NR_SOURCES)
		__sync_fetch_and_add(&v->n.source[from], 1);
	if (!irq_accept(&v->flow, now, irr_bit(s->regs, vector)))
		__sync_fetch_and_add(&v->n.coalesced, 1);
	return 0;
}

/* KVM's only way to put an interrupt into an APIC; static, so some build may lack it. */
SEC("fentry/__apic_accept_irq")
int BPF_PROG(accept_fentry, struct kvm_lapic *apic, int mode, int vector, int level, int trig)
{
	struct kvm_vcpu *vcpu = apic->vcpu;
	struct irq_cpu *c = this_cpu();
	struct irq_vcpu *s;
	int enabled = 1;
	__u64 kvm;

	/* NMI, SMI, INIT and the like have no vector; the end of a level is no interrupt. */
	if ((mode != DM_FIXED && mode != DM_LOWEST) || (trig && !level))
		return 0;
	if (!c || !vcpu)
		return 0;
	kvm = (__u64)vcpu->kvm;
	s = known_vcpu((__u64)vcpu, kvm, vcpu->vcpu_id);
	if (!s) {
		/* The wanted VM's are known since the start or their first entry. */
		if (target_vm)
			return 0;
		s = new_vcpu((__u64)vcpu, kvm, vcpu->vcpu_id);
		if (!s) {
			__sync_fetch_and_add(&globals.no_room, 1);
			return 0;
		}
	}
	s->regs = (__u64)apic->regs;
	if (bpf_core_field_exists(apic->sw_enabled))
		enabled = apic->sw_enabled;
	return handle_accept(c, s, vector & 0xff, enabled);
}

/* Called by __apic_accept_irq, so for what was accepted last on this CPU. */
static __always_inline int handle_hardware(int vcpu_id, __u32 vector)
{
	struct irq_cpu *c = this_cpu();
	struct irq_vcpu *s;
	struct irq_vector *v;

	if (!c)
		return 0;
	s = c->vector1 == vector + 1 && c->vcpu_id == vcpu_id ? slot_at(c->slot) : 0;
	v = s ? vector_of(s, vector) : 0;
	if (!v) {
		__sync_fetch_and_add(&globals.lost_hardware, 1);
		return 0;
	}
	c->vector1 = 0;
	__sync_fetch_and_add(&v->n.hardware, 1);
	irq_hardware(&v->flow);
	return 0;
}

SEC("tp_btf/kvm_apicv_accept_irq")
int BPF_PROG(hardware_tp_btf, __u32 vcpu_id, __u16 mode, __u16 trig, __u8 vector)
{
	return handle_hardware(vcpu_id, vector);
}

SEC("raw_tp/kvm_apicv_accept_irq")
int hardware_raw_tp(struct bpf_raw_tracepoint_args *ctx)
{
	return handle_hardware((int)ctx->args[0], (__u8)ctx->args[3]);
}

SEC("tp/kvm/kvm_apicv_accept_irq")
int hardware_tp(void *ctx)
{
	handle_hardware(tp_read(ctx, &hardware_id), tp_read(ctx, &hardware_vector));
	return 1;
}

/* ---- the vCPU's thread ---- */

static __always_inline struct irq_vcpu *my_vcpu(struct irq_cpu *c)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct irq_vcpu *s;

	if (target_vm && target_vm != id >> 32)
		return 0;
	s = current_vcpu(c, (__u32)id);
	if (!s)
		__sync_fetch_and_add(&globals.unknown, 1);
	return s;
}

static __always_inline int handle_inject(__u32 vector, int soft, int again)
{
	struct irq_cpu *c = this_cpu();
	struct irq_vcpu *s = c ? my_vcpu(c) : 0;
	struct irq_vector *v;
	enum irq_result r;
	int pending = 0;
	__u64 ns;

	if (!s) {
		if (c)
			__sync_fetch_and_add(&globals.unknown_injections, 1);
		return 0;
	}
	vector &= 0xff;
	v = vector_of(s, vector);
	if (!v)
		return 0;
	if (soft) {
		v->n.soft++;
		return 0;
	}
	if (!v->prepared)
		v->prepared = prepare_entry(s->index, vector);
	if (irq_waiting(&v->flow) > 1)
		pending = irr_bit(s->regs, vector);
	r = irq_inject(&v->flow, bpf_ktime_get_ns(), again, pending, &ns);
	s->to_enter = vector + 1;
	if (r == IRQ_AGAIN) {
		v->n.reinjected++;
		return 0;
	}
	v->n.injected++;
	if (r == IRQ_TIMED)
		book(s->index, vector, IRQ_LEG_INJECT, ns);
	else
		v->n.unaccepted++;
	return 0;
}

/* Since 2d61391270a3 (6.0); before, there was the vector alone. */
SEC("tp_btf/kvm_inj_virq")
int BPF_PROG(inject_tp_btf, unsigned int vector, _Bool soft, _Bool reinjected)
{
	return handle_inject(vector, soft, reinjected);
}

SEC("raw_tp/kvm_inj_virq")
int inject_raw_tp(struct bpf_raw_tracepoint_args *ctx)
{
	return handle_inject((__u32)ctx->args[0], ctx->args[1] & 1, ctx->args[2] & 1);
}

SEC("tp_btf/kvm_inj_virq")
int BPF_PROG(inject1_tp_btf, unsigned int vector)
{
	return handle_inject(vector, 0, 0);
}

SEC("raw_tp/kvm_inj_virq")
int inject1_raw_tp(struct bpf_raw_tracepoint_args *ctx)
{
	return handle_inject((__u32)ctx->args[0], 0, 0);
}

/* Of any kernel: a field that is not there is read as 0. */
SEC("tp/kvm/kvm_inj_virq")
int inject_tp(void *ctx)
{
	handle_inject(tp_read(ctx, &inject_vector), tp_read(ctx, &inject_soft),
		      tp_read(ctx, &inject_again));
	return 1;
}

/* The last EOI was an exit: no kvm_pv_eoi came behind it. */
static __always_inline void settle_eoi(struct irq_vcpu *s)
{
	if (s->eoi.timed)
		book(s->index, s->eoi.vector1 - 1, IRQ_LEG_EOI, s->eoi.ns);
	s->eoi.vector1 = 0;
	s->eoi.timed = 0;
}

static __always_inline int handle_entry(__u64 vcpu, __u64 kvm, int id)
{
	__u64 me = bpf_get_current_pid_tgid(), ns;
	struct irq_cpu *c = this_cpu();
	struct irq_vector *v;
	struct irq_vcpu *s;

	if (!c || (target_vm && target_vm != me >> 32))
		return 0;
	s = current_vcpu(c, (__u32)me);
	if (!s || s->vcpu != vcpu || s->vm != me >> 32) {
		if (new_thread(vcpu, kvm, id))
			__sync_fetch_and_add(&globals.no_room, 1);
		return 0;
	}
	s->in_user = 0;
	if (s->eoi.vector1)
		settle_eoi(s);
	if (!s->to_enter)
		return 0;
	v = vector_of(s, s->to_enter - 1);
	if (v && irq_entry(&v->flow, bpf_ktime_get_ns(), &ns) == IRQ_TIMED)
		book(s->index, s->to_enter - 1, IRQ_LEG_ENTRY, ns);
	s->to_enter = 0;
	return 0;
}

SEC("tp_btf/kvm_entry")
int BPF_PROG(entry_tp_btf, struct kvm_vcpu *vcpu)
{
	if (!vcpu)	/* 6.12's verifier takes the argument for one that may be NULL */
		return 0;
	return handle_entry((__u64)vcpu, (__u64)vcpu->kvm, vcpu->vcpu_id);
}

SEC("raw_tp/kvm_entry")
int entry_raw_tp(struct bpf_raw_tracepoint_args *ctx)
{
	struct kvm_vcpu *vcpu = (struct kvm_vcpu *)ctx->args[0];

	return handle_entry((__u64)vcpu, (__u64)BPF_CORE_READ(vcpu, kvm),
			    BPF_CORE_READ(vcpu, vcpu_id));
}

/* The record has only the vCPU's number. */
SEC("tp/kvm/kvm_entry")
int entry_tp(void *ctx)
{
	__u64 vcpu = tp_vcpu();

	handle_entry(vcpu, tp_kvm(vcpu), tp_read(ctx, &entry_vcpu_id));
	return 1;
}

static __always_inline int handle_eoi(int vector)
{
	struct irq_cpu *c = this_cpu();
	struct irq_vcpu *s = c ? my_vcpu(c) : 0;
	struct irq_vector *v;
	__u64 ns;

	if (!s)
		return 0;
	if (s->eoi.vector1)
		settle_eoi(s);
	if (vector < 0 || vector > 255) {
		s->empty_eois++;
		return 0;
	}
	v = vector_of(s, vector);
	if (!v)
		return 0;
	v->n.eois++;
	s->eoi.timed = irq_eoi(&v->flow, bpf_ktime_get_ns(), &ns) == IRQ_TIMED;
	s->eoi.ns = ns;
	s->eoi.vector1 = vector + 1;
	if (!s->eoi.timed)
		v->n.uninjected++;
	return 0;
}

SEC("tp_btf/kvm_eoi")
int BPF_PROG(eoi_tp_btf, struct kvm_lapic *apic, int vector)
{
	return handle_eoi(vector);
}

SEC("raw_tp/kvm_eoi")
int eoi_raw_tp(struct bpf_raw_tracepoint_args *ctx)
{
	return handle_eoi((int)ctx->args[1]);
}

SEC("tp/kvm/kvm_eoi")
int eoi_tp(void *ctx)
{
	handle_eoi((int)tp_read(ctx, &eoi_vector));
	return 1;
}

/* Comes right behind kvm_eoi, in the first exit after the guest's EOI. */
static __always_inline int handle_pv_eoi(int vector)
{
	struct irq_cpu *c = this_cpu();
	struct irq_vcpu *s = c ? my_vcpu(c) : 0;
	struct irq_vector *v;

	if (!s || vector < 0 || vector > 255)
		return 0;
	v = vector_of(s, vector);
	if (!v)
		return 0;
	v->n.pv_eois++;
	if (s->eoi.vector1 != vector + 1)
		return 0;
	if (s->eoi.timed)
		book(s->index, vector, IRQ_LEG_EOI_PV, s->eoi.ns);
	s->eoi.vector1 = 0;
	s->eoi.timed = 0;
	return 0;
}

SEC("tp_btf/kvm_pv_eoi")
int BPF_PROG(pv_eoi_tp_btf, struct kvm_lapic *apic, int vector)
{
	return handle_pv_eoi(vector);
}

SEC("raw_tp/kvm_pv_eoi")
int pv_eoi_raw_tp(struct bpf_raw_tracepoint_args *ctx)
{
	return handle_pv_eoi((int)ctx->args[1]);
}

SEC("tp/kvm/kvm_pv_eoi")
int pv_eoi_tp(void *ctx)
{
	handle_pv_eoi((int)tp_read(ctx, &pv_eoi_vector));
	return 1;
}

/* What the thread does from here to its next entry, the VMM does. */
static __always_inline int handle_user(void)
{
	struct irq_cpu *c = this_cpu();
	struct irq_vcpu *s = c ? current_vcpu(c, (__u32)bpf_get_current_pid_tgid()) : 0;

	if (s)
		s->in_user = 1;
	return 0;
}

SEC("tp_btf/kvm_userspace_exit")
int BPF_PROG(user_tp_btf)
{
	return handle_user();
}

SEC("raw_tp/kvm_userspace_exit")
int user_raw_tp(struct bpf_raw_tracepoint_args *ctx)
{
	return handle_user();
}

SEC("tp/kvm/kvm_userspace_exit")
int user_tp(void *ctx)
{
	handle_user();
	return 1;
}

/* ---- the host's interrupts ---- */

static __always_inline int handle_irq(__u32 irq, const void *name)
{
	__u64 head = 0;
	struct irq_host_val *h, new = {};
	struct irq_cpu *c;

	/* "vfio-msi[0](0000:01:10.0)", "vfio-msix...", "vfio-intx..." */
	bpf_probe_read_kernel(&head, 5, name);
	if (head != 0x2d6f696676ull)
		return 0;
	c = this_cpu();
	if (!c)
		return 0;
	h = bpf_map_lookup_elem(&hosts, &irq);
	if (!h) {
		bpf_probe_read_kernel_str(new.name, sizeof(new.name), name);
		bpf_map_update_elem(&hosts, &irq, &new, BPF_NOEXIST);
		h = bpf_map_lookup_elem(&hosts, &irq);
	}
	if (h)
		__sync_fetch_and_add(&h->count, 1);
	else
		__sync_fetch_and_add(&globals.no_room, 1);
	c->vfio_irq1 = irq + 1;
	c->delivered = 0;
	c->since = bpf_ktime_get_ns();
	return 0;
}

SEC("tp_btf/irq_handler_entry")
int BPF_PROG(irq_tp_btf, int irq, struct irqaction *action)
{
	if (!action)
		return 0;
	return handle_irq(irq, action->name);
}

SEC("raw_tp/irq_handler_entry")
int irq_raw_tp(struct bpf_raw_tracepoint_args *ctx)
{
	struct irqaction *action = (struct irqaction *)ctx->args[1];

	return handle_irq((__u32)ctx->args[0], BPF_CORE_READ(action, name));
}

/* The name is in the record itself; the field says where, in its lower half. */
SEC("tp/irq/irq_handler_entry")
int irq_tp(void *ctx)
{
	handle_irq(tp_read(ctx, &host_irq), ctx + (tp_read(ctx, &host_name) & 0xffff));
	return 1;
}

static __always_inline int handle_irq_end(void)
{
	__u32 zero = 0;
	struct irq_cpu *c = bpf_map_lookup_elem(&cpus, &zero);

	if (!c || !c->vfio_irq1)
		return 0;
	c->events++;
	if (!c->delivered) {
		c->missed_since = c->since;
		c->missed_irq1 = c->vfio_irq1;
	}
	c->vfio_irq1 = 0;
	return 0;
}

SEC("tp_btf/irq_handler_exit")
int BPF_PROG(irq_end_tp_btf)
{
	return handle_irq_end();
}

SEC("raw_tp/irq_handler_exit")
int irq_end_raw_tp(struct bpf_raw_tracepoint_args *ctx)
{
	return handle_irq_end();
}

SEC("tp/irq/irq_handler_exit")
int irq_end_tp(void *ctx)
{
	handle_irq_end();
	return 1;
}

char LICENSE[] SEC("license") = "GPL";
