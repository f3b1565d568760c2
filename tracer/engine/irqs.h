/* SPDX-License-Identifier: GPL-2.0 */
/* What irqs.c and irqs_read.c share; for them alone. */
#ifndef EXITLAB_ENGINE_IRQS_H
#define EXITLAB_ENGINE_IRQS_H

#include "bpf/irqs.h"
#include "engine/progs.h"
#include "engine/rungs.h"
#include "out/irqs.h"

struct irqs_bpf;
struct vcpus;

struct irqs {
	struct engine_opts opts;
	struct irqs_bpf *skel;
	struct progs progs;
	struct vcpus *vcpus;		/* NULL: vCPUs are known by their entries only */
	struct irq_limits limits;
	enum rung rung;
	uint64_t posted[IRQ_NR_POSTED];	/* when the measurement began */
	uint64_t posted_end[IRQ_NR_POSTED];	/* and ended */
	bool has_posted[IRQ_NR_POSTED];
	bool attached;
	uint64_t injections;		/* by KVM's own count, when it began */
};

/* Into @posted and @has, as irqs_posted_parse(), of now. */
void irqs_posted_now(uint64_t posted[], bool has[]);
/* As in struct signal_ops. */
int irqs_read(void *state, struct trace_snapshot *out);

#endif
