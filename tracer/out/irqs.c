// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts as a table for people. The hard part is to keep apart what was not there and what
 * could not be seen: the one is 0 or "-", the other says why.
 */
#include "out/irqs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "out/exits.h"

#define COUNTS_WIDTH 49		/* of a line, before the legs */

static uint64_t activity(const struct irq_row *r)
{
	return r->n.accepted + r->n.injected + r->n.eois;
}

static int by_activity(const void *a, const void *b)
{
	const struct irq_row *x = *(const struct irq_row *const *)a;
	const struct irq_row *y = *(const struct irq_row *const *)b;

	if (activity(x) != activity(y))
		return activity(x) > activity(y) ? -1 : 1;
	if (x->vcpu != y->vcpu)
		return x->vcpu < y->vcpu ? -1 : 1;
	return x->vector < y->vector ? -1 : x->vector > y->vector;
}

static void put_count(FILE *f, uint64_t n, const char *why)
{
	char text[24];

	fprintf(f, " %9s", why ? "n/a" : out_count(n, text, sizeof(text)));
}

/* One column: the exact leg, or else the bound, which gets a mark. */
static void put_leg(FILE *f, const struct irqs_part *p, const struct irq_row *r, enum irq_leg leg,
		    enum irq_leg bound, double percent)
{
	const struct irq_leg_stat *l = r->leg[leg] ? r->leg[leg] : r->leg[bound];
	const char *mark = r->leg[leg] ? "" : bound == IRQ_LEG_HOST_WORK ? ">" : "<";
	char time[24], text[32];

	snprintf(text, sizeof(text), "%s", irqs_leg_why(p, leg) ? "n/a" : "-");
	if (l)
		snprintf(text, sizeof(text), "%s%s", mark,
			 out_ns(irq_leg_percentile(l, percent), time, sizeof(time)));
	fprintf(f, " %6s", text);
}

static void put_legs(FILE *f, const struct irqs_part *p, const struct irq_row *r, double percent)
{
	put_leg(f, p, r, IRQ_LEG_HOST, IRQ_LEG_HOST_WORK, percent);
	put_leg(f, p, r, IRQ_LEG_INJECT, IRQ_LEG_INJECT, percent);
	put_leg(f, p, r, IRQ_LEG_ENTRY, IRQ_LEG_ENTRY, percent);
	put_leg(f, p, r, IRQ_LEG_EOI, IRQ_LEG_EOI_PV, percent);
	fputc('\n', f);
}

static void word(char *line, size_t size, const char *name, uint64_t n)
{
	size_t used = strlen(line);

	if (n)
		snprintf(line + used, size - used, "%s%s %" PRIu64, *line ? ", " : "", name, n);
}

/* Where they came from, and what is not the rule. */
static void put_row(FILE *f, const struct irqs_part *p, const struct irq_row *r)
{
	char line[400] = "";
	int i;

	fprintf(f, "%4d 0x%02x", r->vcpu, r->vector);
	put_count(f, r->n.accepted, p->limits.accept);
	put_count(f, r->n.coalesced, p->limits.accept);
	put_count(f, r->n.injected, p->limits.inject);
	put_count(f, r->n.eois, NULL);
	put_legs(f, p, r, 50);
	for (i = 0; i < IRQ_NR_SOURCES; i++)
		word(line, sizeof(line), irq_source_name((enum irq_source)i), r->n.source[i]);
	word(line, sizeof(line), "again", r->n.reinjected);
	word(line, sizeof(line), "by hardware", r->n.hardware);
	word(line, sizeof(line), "refused", r->n.refused);
	word(line, sizeof(line), "PV EOI", r->n.pv_eois);
	/* What does not fit gets a line of its own. */
	if (strlen(line) > COUNTS_WIDTH - 5) {
		fprintf(f, "     %s\n", line);
		*line = 0;
	}
	fprintf(f, "     %-*s", COUNTS_WIDTH - 5, line);
	put_legs(f, p, r, 99);
}

/* The rows @from to @to - 1, which are one VM's. */
static void put_vm(FILE *f, const struct irqs_part *p, size_t from, size_t to,
		   const struct part_ctx *c)
{
	const struct irq_row **order = calloc(to - from, sizeof(*order)), *r = &p->rows[from];
	const char *name = c->name ? c->name(r->vm, c->arg) : NULL;
	uint64_t windows = 0, empty = 0;
	size_t i, n = to - from, top = c->top && n > c->top + 1 ? c->top : n;

	if (!order)
		return;
	for (i = 0; i < n; i++)
		order[i] = &p->rows[from + i];
	qsort(order, n, sizeof(*order), by_activity);
	fprintf(f, "%s (pid %d): interrupts\n", name ? name : "VM", (int)r->vm);
	fprintf(f, "vCPU  VEC  ACCEPTED COALESCED  INJECTED       EOI   >ACC   >INJ   >ENT   >EOI\n");
	for (i = 0; i < top; i++)
		put_row(f, p, order[i]);
	if (top < n)
		fprintf(f, "     other vectors: %zu (--top 0 shows all)\n", n - top);
	for (i = 0; i < p->nr_vcpus; i++) {
		if (p->vcpus[i].vm != r->vm || p->vcpus[i].vm_key != r->vm_key)
			continue;
		windows += p->vcpus[i].windows;
		empty += p->vcpus[i].empty_eois;
	}
	fprintf(f, "irq windows opened: %" PRIu64 "; EOIs with nothing in service: %" PRIu64 "\n\n",
		windows, empty);
	free(order);
}

static void put_why(FILE *f, const char *what, const char *why)
{
	if (why)
		fprintf(f, "%s: not observable here\n  (%s)\n", what, why);
}

static void put_host(FILE *f, const struct irqs_part *p)
{
	const struct irq_limits *l = &p->limits;
	bool any = false;
	size_t i;

	for (i = 0; i < p->nr_hosts; i++)
		fprintf(f, "host irq %d %s: %" PRIu64 ", accepted in its handler: %" PRIu64 "\n",
			p->hosts[i].irq, p->hosts[i].name, p->hosts[i].count,
			p->hosts[i].delivered);
	for (i = 0; i < IRQ_NR_POSTED; i++) {
		if (!p->has_posted[i])
			continue;
		fprintf(f, "%s%s %" PRIu64, any ? ", " : "posted, whole host: ",
			irqs_posted_name((int)i), p->posted[i]);
		any = true;
	}
	fputs(any ? "\n" : "posted: this kernel has no such lines in /proc/interrupts\n", f);
	put_why(f, "accepted, coalesced", l->accept);
	put_why(f, "injected", l->inject);
	put_why(f, "injected again", l->reinjected);
	put_why(f, "given to APICv or AVIC", l->hardware);
	put_why(f, "paravirtual EOIs", l->pv_eoi);
	put_why(f, "host interrupts", l->host);
	if (p->unknown || p->no_room || p->lost_hardware)
		fprintf(f, "lost: %" PRIu64 " no room, %" PRIu64 " of unknown vCPUs, %" PRIu64
			" by hardware of unknown VMs\n", p->no_room, p->unknown, p->lost_hardware);
	fputc('\n', f);
}

void irqs_text(FILE *f, const struct part *part, const struct part_ctx *c)
{
	const struct irqs_part *p = (const struct irqs_part *)part;
	size_t i, from = 0;

	for (i = 1; i <= p->nr_rows; i++) {
		const struct irq_row *r = &p->rows[from];

		if (i < p->nr_rows && p->rows[i].vm == r->vm && p->rows[i].vm_key == r->vm_key)
			continue;
		put_vm(f, p, from, i, c);
		from = i;
	}
	fputs(p->nr_rows ? "p50 of each leg, below it p99; < > are bounds. >ACC: from the host's handler to\n"
	      "acceptance, >INJ: on to injection, >ENT: to entry, >EOI: to completion\n" :
	      "no interrupt of a VM was seen\n", f);
	put_host(f, p);
}
