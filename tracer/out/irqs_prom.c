// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts for Prometheus. The hard part is that series are told apart by their labels alone: two
 * VMs with one name, or the vCPUs of one VM, must become one series and not two of the same name.
 */
#include <stdlib.h>
#include <string.h>

#include "out/irqs.h"
#include "out/prom.h"

/* What the labels of a series are made of. */
struct series {
	char vm[128], vcpu[16], vector[8];
	struct irq_numbers n;
	struct irq_leg_stat leg[IRQ_NR_LEGS];
};

struct all {
	struct series *s;
	size_t n;
};

static struct series *find(struct all *a, const struct series *key)
{
	struct series *s;
	size_t i;

	for (i = 0; i < a->n; i++) {
		s = &a->s[i];
		if (!strcmp(s->vm, key->vm) && !strcmp(s->vcpu, key->vcpu) &&
		    !strcmp(s->vector, key->vector))
			return s;
	}
	s = reallocarray(a->s, a->n + 1, sizeof(*s));
	if (!s)
		return NULL;
	a->s = s;
	s += a->n++;
	*s = *key;
	return s;
}

static int add(struct all *a, const struct irq_row *r, const struct part_ctx *c)
{
	const char *name = c->name ? c->name(r->vm, c->arg) : NULL;
	const hist_u64 *from = (const hist_u64 *)&r->n;
	static struct series key;	/* large */
	struct series *s;
	size_t i;

	memset(&key, 0, sizeof(key));
	if (name)
		snprintf(key.vm, sizeof(key.vm), "%s", name);
	else
		snprintf(key.vm, sizeof(key.vm), "%d", (int)r->vm);
	if (c->per_vcpu)
		snprintf(key.vcpu, sizeof(key.vcpu), "%d", r->vcpu);
	snprintf(key.vector, sizeof(key.vector), "0x%02x", r->vector);
	s = find(a, &key);
	if (!s)
		return -1;
	for (i = 0; i < sizeof(s->n) / sizeof(hist_u64); i++)
		((hist_u64 *)&s->n)[i] += from[i];
	for (i = 0; i < IRQ_NR_LEGS; i++)
		if (r->leg[i])
			irq_leg_add(&s->leg[i], r->leg[i]);
	return 0;
}

#define LABELS(s) "vm", (s)->vm, "vcpu", *(s)->vcpu ? (s)->vcpu : NULL, "vector", (s)->vector

static void events(FILE *f, const struct irqs_part *p, const struct series *s)
{
	const struct irq_limits *l = &p->limits;
	const struct {
		const char *name;
		uint64_t n;
		const char *why;
	} all[] = {
		{ "accepted", s->n.accepted, l->accept },
		{ "coalesced", s->n.coalesced, l->accept },
		{ "injected", s->n.injected, l->inject },
		{ "reinjected", s->n.reinjected, l->inject ? l->inject : l->reinjected },
		{ "eoi_exit", s->n.eois > s->n.pv_eois ? s->n.eois - s->n.pv_eois : 0, l->pv_eoi },
		{ "pv_eoi", s->n.pv_eois, l->pv_eoi },
		{ "apicv", s->n.hardware, l->accept ? l->accept : l->hardware },
	};
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (!all[i].why)
			prom_count(f, "exitlab_interrupts_total", all[i].n, LABELS(s), "event",
				   all[i].name, (char *)NULL);
}

static void leg_family(FILE *f, const struct all *a, const char *family, const char *help,
		       bool seconds)
{
	size_t i;
	int leg;

	prom_family(f, family, "counter", help);
	for (i = 0; i < a->n; i++) {
		for (leg = 0; leg < IRQ_NR_LEGS; leg++) {
			const struct irq_leg_stat *l = &a->s[i].leg[leg];
#define LEG LABELS(&a->s[i]), "leg", irq_leg_name((enum irq_leg)leg), \
	    "label", irq_leg_label((enum irq_leg)leg), (char *)NULL
			if (l->n && seconds)
				prom_seconds(f, family, l->total_ns, LEG);
			else if (l->n)
				prom_count(f, family, l->n, LEG);
#undef LEG
		}
	}
}

static void hosts(FILE *f, const struct irqs_part *p)
{
	char irq[16];
	size_t i;

	prom_family(f, "exitlab_host_device_interrupts_total", "counter",
		    "Interrupts of assigned devices that the host handled.");
	for (i = 0; i < p->nr_hosts; i++) {
		snprintf(irq, sizeof(irq), "%d", p->hosts[i].irq);
		prom_count(f, "exitlab_host_device_interrupts_total", p->hosts[i].count,
			   "irq", irq, "name", p->hosts[i].name, (char *)NULL);
	}
	prom_family(f, "exitlab_posted_interrupts_total", "counter",
		    "Posted-interrupt notifications of the whole host, by line of /proc/interrupts.");
	for (i = 0; i < IRQ_NR_POSTED; i++)
		if (p->has_posted[i])
			prom_count(f, "exitlab_posted_interrupts_total", p->posted[i], "kind",
				   irqs_posted_name((int)i), (char *)NULL);
	prom_family(f, "exitlab_interrupts_lost_total", "counter",
		    "Events of interrupts that were not counted, by cause.");
	prom_count(f, "exitlab_interrupts_lost_total", p->no_room, "cause", "no_room", (char *)NULL);
	prom_count(f, "exitlab_interrupts_lost_total", p->unknown, "cause", "unknown_vcpu",
		   (char *)NULL);
	prom_count(f, "exitlab_interrupts_lost_total", p->lost_hardware, "cause", "apicv_unknown_vm",
		   (char *)NULL);
}

void irqs_prom(FILE *f, const struct part *part, const struct part_ctx *c)
{
	const struct irqs_part *p = (const struct irqs_part *)part;
	struct all a = { 0 };
	size_t i;

	for (i = 0; i < p->nr_rows; i++)
		if (add(&a, &p->rows[i], c))
			break;
	prom_family(f, "exitlab_interrupts_total", "counter",
		    "Interrupts of VMs by vector and what happened to them.");
	for (i = 0; i < a.n; i++)
		events(f, p, &a.s[i]);
	leg_family(f, &a, "exitlab_interrupt_leg_seconds_total",
		   "Time interrupts spent on a leg of their way.", true);
	leg_family(f, &a, "exitlab_interrupt_legs_total",
		   "Legs measured: what the time is to be divided by.", false);
	hosts(f, p);
	free(a.s);
}
