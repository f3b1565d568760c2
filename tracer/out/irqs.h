/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Interrupts by VM, vCPU and vector, as a part of a snapshot (engine/part.h): how many, and how
 * long each leg of their way took. Filled by engine/irqs.c.
 */
#ifndef EXITLAB_OUT_IRQS_H
#define EXITLAB_OUT_IRQS_H

#include <stdbool.h>

#include "bpf/irqs.h"
#include "engine/part.h"

/* One vector of one vCPU. */
struct irq_row {
	pid_t vm;
	uint64_t vm_key;		/* as in struct vcpu_trace */
	int vcpu;
	unsigned int vector;
	struct irq_numbers n;
	int host_irq;			/* last host interrupt it came from, -1 = none */
	struct irq_leg_stat *leg[IRQ_NR_LEGS];	/* NULL = nothing measured */
};

/* What has no vector. */
struct irq_vcpu_row {
	pid_t vm;
	uint64_t vm_key;
	int vcpu;
	uint64_t windows;	/* exits because the guest can take interrupts again */
	uint64_t empty_eois;	/* EOIs with nothing in service */
};

/* A host interrupt of an assigned device. */
struct irq_host_row {
	int irq;
	char name[IRQ_NAME];
	uint64_t count, delivered;	/* how often; interrupts accepted in its handler */
};

/* Lines of /proc/interrupts about posted interrupts: sums over all CPUs, of the whole host. */
enum { IRQ_PIN, IRQ_NPI, IRQ_PIW, IRQ_NR_POSTED };

/* Things that this host cannot show, each with its reason, a constant string; NULL = it can. */
struct irq_limits {
	const char *accept;	/* acceptance, and the legs that begin or end there */
	const char *inject;	/* injection, likewise */
	const char *reinjected;	/* telling first attempts from others */
	const char *hardware;	/* deliveries by APICv and AVIC */
	const char *pv_eoi;	/* telling paravirtual EOIs from exits */
	const char *host;	/* host interrupts */
};

struct irqs_part {
	struct part part;
	struct irq_row *rows;		/* sorted by vm, vm_key, vcpu, vector */
	size_t nr_rows;
	struct irq_vcpu_row *vcpus;	/* sorted likewise */
	size_t nr_vcpus;
	struct irq_host_row *hosts;	/* sorted by irq */
	size_t nr_hosts;
	bool has_posted[IRQ_NR_POSTED];
	uint64_t posted[IRQ_NR_POSTED];
	struct irq_limits limits;
	uint64_t unknown;		/* events of vCPUs that had not entered yet */
	uint64_t no_room, lost_hardware;
};

/* Empty; NULL without memory. Free with its operations. */
struct irqs_part *irqs_part_new(void);
/* The row of this vector, made if there is none; NULL without memory. Valid until the next call. */
struct irq_row *irqs_part_row(struct irqs_part *p, pid_t vm, uint64_t vm_key, int vcpu,
			      unsigned int vector);
struct irq_vcpu_row *irqs_part_vcpu(struct irqs_part *p, pid_t vm, uint64_t vm_key, int vcpu);
struct irq_host_row *irqs_part_host(struct irqs_part *p, int irq, const char *name);
/* The leg of @r, made if there is none; NULL without memory. */
struct irq_leg_stat *irqs_row_leg(struct irq_row *r, enum irq_leg leg);
/* Puts rows into their documented order; after the last one was made. */
void irqs_part_sort(struct irqs_part *p);
/* Why @leg cannot be measured on this host, or NULL. */
const char *irqs_leg_why(const struct irqs_part *p, enum irq_leg leg);
/* "PIN", as in /proc/interrupts. */
const char *irqs_posted_name(int i);
/* Reads the three lines from the text of /proc/interrupts into @posted and @has. Pure. */
void irqs_posted_parse(const char *text, uint64_t posted[], bool has[]);

/* ---- for out/irqs_part.c and the operations' table ---- */

void irqs_text(FILE *f, const struct part *p, const struct part_ctx *c);
json_t *irqs_json(const struct part *p, const struct part_ctx *c);
void irqs_csv(struct csv_row *r, const struct part *p, const struct part_ctx *c);
void irqs_prom(FILE *f, const struct part *p, const struct part_ctx *c);

#endif
