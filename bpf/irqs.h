/* SPDX-License-Identifier: GPL-2.0 */
/* What irqs.bpf.c and engine/irqs.c share: plain structs, no pointers. */
#ifndef EXITLAB_BPF_IRQS_H
#define EXITLAB_BPF_IRQS_H

#include "core/irq_legs.h"

#define IRQ_MAX_VCPUS	1024		/* at a time */
#define IRQ_MAX_VECTORS	(16 * 1024)	/* (vCPU, vector) in use */
#define IRQ_MAX_LEGS	(64 * 1024)
#define IRQ_MAX_HOST	1024		/* host interrupts of assigned devices */
#define IRQ_NAME	40

/* An EOI whose kind is not known yet: kvm_pv_eoi comes behind kvm_eoi, or does not. */
struct irq_last_eoi {
	hist_u64 ns;
	unsigned int vector1;	/* vector + 1, 0 = none */
	unsigned int timed;
};

/* One vCPU. Written by the thread that runs it, but for regs. */
struct irq_vcpu {
	hist_u64 vcpu, kvm;	/* addresses of struct kvm_vcpu and struct kvm */
	hist_u64 regs;		/* address of the APIC's registers, 0 = not known yet */
	unsigned int vm;	/* tgid of the VMM, 0 = has not entered yet */
	unsigned int tid;	/* thread that runs it */
	int id;
	unsigned int index;	/* its own number */
	unsigned int in_user;	/* the thread is outside KVM_RUN */
	unsigned int to_enter;	/* vector + 1 that waits for the entry, 0 = none */
	struct irq_last_eoi eoi;
	hist_u64 empty_eois;	/* EOIs with nothing in service */
};

struct irq_vector_key {
	unsigned int slot, vector;
};

struct irq_numbers {
	hist_u64 accepted;	/* coalesced ones included */
	hist_u64 coalesced;
	hist_u64 refused;	/* by an APIC that is switched off */
	hist_u64 injected;	/* first attempts */
	hist_u64 reinjected;	/* further attempts of the same */
	hist_u64 soft;		/* INT instructions that KVM has to repeat; no interrupts */
	hist_u64 unaccepted;	/* of the injected: nobody saw them accepted */
	hist_u64 eois;		/* exits for EOI and paravirtual ones */
	hist_u64 pv_eois;	/* of these, paravirtual */
	hist_u64 uninjected;	/* of the EOIs: nobody saw the interrupt injected */
	hist_u64 hardware;	/* of the accepted: given to APICv or AVIC */
	hist_u64 source[IRQ_NR_SOURCES];	/* of the accepted */
};

struct irq_vector {
	struct irq_flow flow;
	struct irq_numbers n;
	unsigned int host_irq1;	/* last host interrupt it came from, + 1; 0 = none */
	unsigned int prepared;	/* its legs behind the injection have their memory */
};

struct irq_leg_key {
	unsigned int slot, vector, leg;
};

struct irq_leg_val {
	hist_u64 n, total_ns, min_ns, max_ns;
	struct hist hist;
};

/* A host interrupt of an assigned device. */
struct irq_host_val {
	hist_u64 count;
	hist_u64 delivered;	/* interrupts accepted in its handler */
	char name[IRQ_NAME];
};

/* What a CPU is doing, and what it counts alone. */
struct irq_cpu {
	hist_u64 events;	/* handled by our programs */
	hist_u64 since;		/* when the handler of an assigned device began */
	hist_u64 missed_since;	/* the same, of the last one that delivered nothing; 0 = none */
	unsigned int vfio_irq1;	/* host interrupt + 1 whose handler runs, 0 = none */
	unsigned int missed_irq1;
	unsigned int delivered;	/* interrupts accepted in the handler that runs */
	unsigned int hint;	/* slot that ran here last */
	/* The interrupt that was accepted here last: */
	unsigned int slot, vector1;
	int vcpu_id;
	unsigned int pad;
};

/* What belongs to no vCPU. */
struct irq_globals {
	/*
	 * User space opens and closes the window of all programs at one moment. Attaching and
	 * detaching one takes up to some 100 ms (fentry: until every task has been seen outside),
	 * in which the others would run on.
	 */
	hist_u64 open;
	hist_u64 no_room;	/* dropped: a map is full */
	hist_u64 unknown;	/* of a thread that has not entered yet, as far as we know */
	hist_u64 unknown_injections;	/* of these */
	hist_u64 lost_hardware;	/* given to hardware, but not known which */
};

#endif
