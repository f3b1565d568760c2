// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts for machines: JSON, CSV and Prometheus' text. What could not be seen is null with a
 * reason beside it in JSON, and has no line in the others.
 */
#include "out/irqs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "out/csv.h"
#include "out/prom.h"

/* A vector's count by name; what is not observable has @why. */
struct number {
	const char *name;
	uint64_t n;
	const char *why;
};

#define NR_NUMBERS 10

static void numbers(const struct irqs_part *p, const struct irq_row *r, struct number out[])
{
	const struct irq_limits *l = &p->limits;
	const struct irq_numbers *n = &r->n;
	const struct number all[NR_NUMBERS] = {
		{ "accepted", n->accepted, l->accept },
		{ "coalesced", n->coalesced, l->accept },
		{ "refused", n->refused, l->accept },
		{ "injected", n->injected, l->inject },
		{ "injected_unaccepted", n->unaccepted, l->accept ? l->accept : l->inject },
		{ "reinjected", n->reinjected, l->inject ? l->inject : l->reinjected },
		{ "eoi_exits", n->eois > n->pv_eois ? n->eois - n->pv_eois : 0, l->pv_eoi },
		{ "pv_eois", n->pv_eois, l->pv_eoi },
		{ "eois_uninjected", n->uninjected, l->inject },
		{ "apicv_deliveries", n->hardware, l->accept ? l->accept : l->hardware },
	};

	memcpy(out, all, sizeof(all));
}

static void put(json_t *o, const char *key, uint64_t n)
{
	json_object_set_new(o, key, json_integer((json_int_t)n));
}

static void put_or_why(json_t *o, const char *key, uint64_t n, const char *why)
{
	char name[64];

	if (!why) {
		put(o, key, n);
		return;
	}
	json_object_set_new(o, key, json_null());
	snprintf(name, sizeof(name), "%s_why", key);
	json_object_set_new(o, name, json_string(why));
}

static json_t *leg_json(const struct irq_leg_stat *l, enum irq_leg leg)
{
	json_t *hist = json_array(), *o;
	unsigned int i;

	for (i = 0; i < HIST_BUCKETS; i++)
		if (l->hist.n[i])
			json_array_append_new(hist, json_pack("[I, I]", (json_int_t)hist_lower(i),
							      (json_int_t)l->hist.n[i]));
	o = json_pack("{s:s, s:o}", "label", irq_leg_label(leg), "hist", hist);
	put(o, "count", l->n);
	put(o, "total_ns", l->total_ns);
	put(o, "min_ns", l->min_ns);
	put(o, "p50_ns", irq_leg_percentile(l, 50));
	put(o, "p90_ns", irq_leg_percentile(l, 90));
	put(o, "p99_ns", irq_leg_percentile(l, 99));
	put(o, "max_ns", l->max_ns);
	return o;
}

static json_t *vector_json(const struct irqs_part *p, const struct irq_row *r)
{
	json_t *o = json_object(), *legs = json_object(), *sources = json_object();
	struct number n[NR_NUMBERS];
	int i;

	put(o, "vector", r->vector);
	numbers(p, r, n);
	for (i = 0; i < NR_NUMBERS; i++)
		put_or_why(o, n[i].name, n[i].n, n[i].why);
	for (i = 0; i < IRQ_NR_SOURCES; i++)
		put(sources, irq_source_name((enum irq_source)i), r->n.source[i]);
	json_object_set_new(o, "sources", p->limits.accept ? json_null() : json_incref(sources));
	json_decref(sources);
	if (r->host_irq >= 0)
		put(o, "host_irq", (uint64_t)r->host_irq);
	for (i = 0; i < IRQ_NR_LEGS; i++)
		if (r->leg[i])
			json_object_set_new(legs, irq_leg_name((enum irq_leg)i),
					    leg_json(r->leg[i], (enum irq_leg)i));
	json_object_set_new(o, "legs", legs);
	return o;
}

/* The object of this vCPU inside @vms, made if there is none. */
static json_t *vcpu_object(json_t *vms, pid_t vm, uint64_t vm_key, int vcpu,
			   const struct part_ctx *c)
{
	const char *name = c->name ? c->name(vm, c->arg) : NULL;
	json_t *o = NULL, *v;
	char text[24];
	size_t i;

	/* By the address that tells two VMs of a process apart; taken out again at the end. */
	json_array_foreach(vms, i, v) {
		if (json_integer_value(json_object_get(v, "pid")) == vm &&
		    json_integer_value(json_object_get(v, "key")) == (json_int_t)vm_key)
			o = v;
	}
	if (!o) {
		snprintf(text, sizeof(text), "%d", (int)vm);
		o = json_pack("{s:s, s:i, s:I, s:[]}", "vm", name ? name : text, "pid", (int)vm,
			      "key", (json_int_t)vm_key, "vcpus");
		json_array_append_new(vms, o);
	}
	json_array_foreach(json_object_get(o, "vcpus"), i, v) {
		if (json_integer_value(json_object_get(v, "vcpu")) == vcpu)
			return v;
	}
	v = json_pack("{s:i, s:i, s:i, s:[]}", "vcpu", vcpu, "irq_windows", 0,
		      "eois_with_nothing_in_service", 0, "vectors");
	json_array_append_new(json_object_get(o, "vcpus"), v);
	return v;
}

static json_t *vms_json(const struct irqs_part *p, const struct part_ctx *c)
{
	json_t *vms = json_array(), *v;
	size_t i;

	for (i = 0; i < p->nr_rows; i++) {
		const struct irq_row *r = &p->rows[i];

		v = vcpu_object(vms, r->vm, r->vm_key, r->vcpu, c);
		json_array_append_new(json_object_get(v, "vectors"), vector_json(p, r));
	}
	for (i = 0; i < p->nr_vcpus; i++) {
		const struct irq_vcpu_row *r = &p->vcpus[i];

		v = vcpu_object(vms, r->vm, r->vm_key, r->vcpu, c);
		put(v, "irq_windows", r->windows);
		put(v, "eois_with_nothing_in_service", r->empty_eois);
	}
	json_array_foreach(vms, i, v)
		json_object_del(v, "key");
	return vms;
}

/* Every leg with its label, whether anything was measured or not. */
static json_t *labels_json(const struct irqs_part *p)
{
	json_t *o = json_object();
	int i;

	for (i = 0; i < IRQ_NR_LEGS; i++) {
		const char *why = irqs_leg_why(p, (enum irq_leg)i);
		json_t *l = json_pack("{s:s}", "label", why ? "not observable here" :
				      irq_leg_label((enum irq_leg)i));

		if (why)
			json_object_set_new(l, "why", json_string(why));
		json_object_set_new(o, irq_leg_name((enum irq_leg)i), l);
	}
	return o;
}

static void host_json(json_t *o, const struct irqs_part *p)
{
	json_t *hosts = json_array(), *posted = json_object();
	size_t i;

	for (i = 0; i < p->nr_hosts; i++) {
		const struct irq_host_row *h = &p->hosts[i];

		json_array_append_new(hosts, json_pack("{s:i, s:s, s:I, s:I}", "irq", h->irq,
			"name", h->name, "count", (json_int_t)h->count,
			"accepted_in_handler", (json_int_t)h->delivered));
	}
	if (p->limits.host) {
		json_decref(hosts);
		json_object_set_new(o, "host_irqs", json_null());
		json_object_set_new(o, "host_irqs_why", json_string(p->limits.host));
	} else {
		json_object_set_new(o, "host_irqs", hosts);
	}
	json_object_set_new(posted, "scope", json_string("host"));
	for (i = 0; i < IRQ_NR_POSTED; i++)
		put_or_why(posted, irqs_posted_name((int)i), p->posted[i], p->has_posted[i] ? NULL :
			   "this kernel has no such line in /proc/interrupts");
	json_object_set_new(o, "posted", posted);
}

json_t *irqs_json(const struct part *part, const struct part_ctx *c)
{
	const struct irqs_part *p = (const struct irqs_part *)part;
	json_t *o = json_pack("{s:o, s:o}", "legs", labels_json(p), "vms", vms_json(p, c)), *l;

	if (!o)
		return NULL;
	host_json(o, p);
	l = json_object();
	put(l, "map_full", p->no_room);
	put(l, "unknown_vcpus", p->unknown);
	put(l, "apicv_of_unknown_vms", p->lost_hardware);
	json_object_set_new(o, "ledger", l);
	return o;
}

static void csv_leg(const struct csv_row *r, const char *leg, const struct irq_leg_stat *l)
{
	const struct {
		const char *name;
		uint64_t n;
	} all[] = {
		{ "count", l->n }, { "total_ns", l->total_ns }, { "min_ns", l->min_ns },
		{ "p50_ns", irq_leg_percentile(l, 50) }, { "p90_ns", irq_leg_percentile(l, 90) },
		{ "p99_ns", irq_leg_percentile(l, 99) }, { "max_ns", l->max_ns },
	};
	char metric[64];
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		snprintf(metric, sizeof(metric), "irq_%s_%s", leg, all[i].name);
		csv_number(r, metric, all[i].n);
	}
}

static void csv_vector(struct csv_row *r, const struct irqs_part *p, const struct irq_row *row)
{
	struct number n[NR_NUMBERS];
	char text[64];
	int i;

	snprintf(text, sizeof(text), "vector 0x%02x", row->vector);
	r->detail = text;
	numbers(p, row, n);
	for (i = 0; i < NR_NUMBERS; i++) {
		char metric[64];

		snprintf(metric, sizeof(metric), "irq_%s", n[i].name);
		if (!n[i].why)
			csv_number(r, metric, n[i].n);
	}
	for (i = 0; i < IRQ_NR_SOURCES; i++) {
		char metric[64];

		snprintf(metric, sizeof(metric), "irq_from_%s", irq_source_name((enum irq_source)i));
		if (!p->limits.accept)
			csv_number(r, metric, row->n.source[i]);
	}
	for (i = 0; i < IRQ_NR_LEGS; i++)
		if (row->leg[i])
			csv_leg(r, irq_leg_name((enum irq_leg)i), row->leg[i]);
	r->detail = "";
}

static void csv_vm(struct csv_row *r, pid_t vm, int vcpu, const struct part_ctx *c)
{
	const char *name = c->name ? c->name(vm, c->arg) : NULL;

	r->vm = name ? name : "";
	r->pid = vm;
	r->vcpu = vcpu;
}

void irqs_csv(struct csv_row *r, const struct part *part, const struct part_ctx *c)
{
	const struct irqs_part *p = (const struct irqs_part *)part;
	size_t i;

	for (i = 0; i < p->nr_rows; i++) {
		csv_vm(r, p->rows[i].vm, p->rows[i].vcpu, c);
		csv_vector(r, p, &p->rows[i]);
	}
	for (i = 0; i < p->nr_vcpus; i++) {
		csv_vm(r, p->vcpus[i].vm, p->vcpus[i].vcpu, c);
		csv_number(r, "irq_windows", p->vcpus[i].windows);
		csv_number(r, "irq_eois_with_nothing_in_service", p->vcpus[i].empty_eois);
	}
	r->vm = NULL;
	for (i = 0; i < p->nr_hosts; i++) {
		char text[80];

		snprintf(text, sizeof(text), "irq %d %s", p->hosts[i].irq, p->hosts[i].name);
		r->detail = text;
		csv_number(r, "irq_host", p->hosts[i].count);
		csv_number(r, "irq_host_accepted_in_handler", p->hosts[i].delivered);
		r->detail = "";
	}
	for (i = 0; i < IRQ_NR_POSTED; i++) {
		r->detail = irqs_posted_name((int)i);
		if (p->has_posted[i])
			csv_number(r, "irq_posted_whole_host", p->posted[i]);
		r->detail = "";
	}
	csv_number(r, "ledger_irq_map_full", p->no_room);
	csv_number(r, "ledger_irq_unknown_vcpus", p->unknown);
	csv_number(r, "ledger_irq_apicv_of_unknown_vms", p->lost_hardware);
}
