// SPDX-License-Identifier: GPL-2.0
/*
 * The interrupts signal: loads bpf/irqs.bpf.c, attaches it, and turns its maps into a part.
 *
 * What can be seen is decided by trying. Injection, entry and EOI come from tracepoints that every
 * KVM has; acceptance from the entry of a function, which takes the module's BTF and a kernel that
 * can patch functions. Without that the signal goes on and says what is missing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/irqs.h"
#include "bpf/tp_field.h"
#include "bpf/irqs.skel.h"
#include "engine/irqs.h"
#include "engine/record_fields.h"
#include "engine/signal.h"
#include "engine/tracefs.h"
#include "host/vcpus.h"
#include "util/bpf_log.h"
#include "util/log.h"

/* ---- what this kernel has ---- */

/* Features by the layout of events; never by version. */
struct have {
	bool reinjected, hardware, pv_eoi, host;
};

static void look_at_events(struct have *h)
{
	static char text[65536];
	struct event_field f;

	h->reinjected = !tracefs_format("kvm/kvm_inj_virq", text, sizeof(text)) &&
			!format_field(text, "reinjected", &f);
	h->hardware = !tracefs_format("kvm/kvm_apicv_accept_irq", text, sizeof(text));
	h->pv_eoi = !tracefs_format("kvm/kvm_pv_eoi", text, sizeof(text));
	h->host = !tracefs_format("irq/irq_handler_entry", text, sizeof(text));
}

static void set_limits(struct irq_limits *l, const struct have *h, enum rung r, bool fentry)
{
	*l = (struct irq_limits){ 0 };
	if (!fentry)
		l->accept = r == RUNG_TP ?
			"no fentry on __apic_accept_irq; kvm_apic_accept_irq's record has no VM" :
			"no fentry on __apic_accept_irq: not in this kernel, or no CAP_SYS_ADMIN";
	if (!h->reinjected)
		l->reinjected = "kvm_inj_virq of this kernel does not say it; they are among the injected";
	if (!h->hardware)
		l->hardware = "this kernel has no kvm_apicv_accept_irq tracepoint";
	if (!h->pv_eoi)
		l->pv_eoi = "this kernel has no kvm_pv_eoi tracepoint; EOIs of both kinds are one";
	if (!h->host)
		l->host = "this kernel has no irq_handler_entry tracepoint";
}

static int set_constants(struct irqs *q, enum rung r)
{
	struct irqs_bpf__rodata *ro = q->skel->rodata;
	const struct wanted_field fields[] = {
		{ "kvm/kvm_entry", "vcpu_id", &ro->entry_vcpu_id, false },
		{ "kvm/kvm_inj_virq", "vector", &ro->inject_vector, false },
		{ "kvm/kvm_inj_virq", "soft", &ro->inject_soft, true },
		{ "kvm/kvm_inj_virq", "reinjected", &ro->inject_again, true },
		{ "kvm/kvm_eoi", "vector", &ro->eoi_vector, false },
		{ "kvm/kvm_pv_eoi", "vector", &ro->pv_eoi_vector, true },
		{ "kvm/kvm_apicv_accept_irq", "apicid", &ro->hardware_id, true },
		{ "kvm/kvm_apicv_accept_irq", "vec", &ro->hardware_vector, true },
		{ "irq/irq_handler_entry", "irq", &ro->host_irq, true },
		{ "irq/irq_handler_entry", "name", &ro->host_name, true },
	};

	ro->target_vm = (unsigned int)q->opts.pid;
	ro->records_only = records_only();
	ro->by_records = r == RUNG_TP;
	return r == RUNG_TP ? record_fields("interrupts", fields,
					    sizeof(fields) / sizeof(fields[0])) : 0;
}

/* Of the programs for one tracepoint loads one, or none. */
static void choose(struct irqs *q, const char *name, struct bpf_program *const p[NR_RUNGS],
		   bool wanted, enum rung use)
{
	enum rung r;

	/* One can be of two calls. */
	for (r = 0; r < NR_RUNGS; r++)
		bpf_program__set_autoload(p[r], wanted && r == use);
	if (wanted)
		progs_add(&q->progs, p[use], name, rung_name(use));
}

static void choose_all(struct irqs *q, const struct have *h, enum rung r, bool fentry)
{
	struct irqs_bpf *s = q->skel;
	struct bpf_program *const inject1[NR_RUNGS] = { s->progs.inject1_tp_btf,
		s->progs.inject1_raw_tp, s->progs.inject_tp };
	struct bpf_program *const inject[NR_RUNGS] = { s->progs.inject_tp_btf,
		s->progs.inject_raw_tp, s->progs.inject_tp };

#define RUNGS(name) (struct bpf_program *const[]){ s->progs.name##_tp_btf, \
	s->progs.name##_raw_tp, s->progs.name##_tp }
	q->progs.n = 0;
	bpf_program__set_autoload(s->progs.accept_fentry, fentry);
	if (fentry)
		progs_add(&q->progs, s->progs.accept_fentry, "__apic_accept_irq", "fentry");
	choose(q, "kvm_apicv_accept_irq", RUNGS(hardware), h->hardware && fentry, r);
	choose(q, "kvm_inj_virq", h->reinjected ? inject1 : inject, false, r);
	choose(q, "kvm_inj_virq", h->reinjected ? inject : inject1, true, r);
	choose(q, "kvm_entry", RUNGS(entry), true, r);
	choose(q, "kvm_eoi", RUNGS(eoi), true, r);
	choose(q, "kvm_pv_eoi", RUNGS(pv_eoi), h->pv_eoi, r);
	choose(q, "kvm_userspace_exit", RUNGS(user), fentry, r);
	choose(q, "irq_handler_entry", RUNGS(irq), h->host, r);
	choose(q, "irq_handler_exit", RUNGS(irq_end), h->host, r);
#undef RUNGS
}

static int try_load(struct irqs *q, const struct have *h, enum rung r, bool fentry)
{
	int ret;

	q->skel = irqs_bpf__open();
	if (!q->skel)
		return -errno;
	choose_all(q, h, r, fentry);
	ret = set_constants(q, r);
	if (!ret)
		ret = irqs_bpf__load(q->skel);
	if (ret) {
		irqs_bpf__destroy(q->skel);
		q->skel = NULL;
	}
	return ret;
}

/* That it loads does not mean that it attaches: not every kernel can patch functions. */
static bool fentry_attaches(const struct irqs *q)
{
	struct bpf_link *l = bpf_program__attach(q->skel->progs.accept_fentry);

	if (!l)
		return false;
	bpf_link__destroy(l);
	return true;
}

/* @r with what there is of fentry. 0 or negative errno. */
static int load_rung(struct irqs *q, const struct have *h, enum rung r)
{
	/* Acceptance is told by the address of the vCPU, which records alone do not show. */
	bool may = !getenv("EXITLAB_NO_FENTRY") && !(r == RUNG_TP && records_only());
	int ret = -EINVAL, fentry;

	for (fentry = may; fentry >= 0; fentry--) {
		ret = try_load(q, h, r, fentry);
		verb("interrupts by %s%s: %s", rung_name(r), fentry ? " and fentry" : "",
		     strerror(-ret));
		if (!ret && fentry && !fentry_attaches(q)) {
			irqs_bpf__destroy(q->skel);
			q->skel = NULL;
			continue;
		}
		if (!ret) {
			set_limits(&q->limits, h, r, fentry);
			return 0;
		}
	}
	return ret;
}

static int load(struct irqs *q)
{
	const char *forced = rungs_forced_entry(q->opts.rung);
	int ret = -EINVAL;
	struct have h;
	enum rung r;

	look_at_events(&h);
	for (r = 0; r < NR_RUNGS; r++) {
		if (forced && strcmp(forced, rung_name(r)))
			continue;
		ret = load_rung(q, &h, r);
		if (!ret) {
			q->rung = r;
			return 0;
		}
	}
	return ret;
}

static void irqs_close(void *s)
{
	struct irqs *q = s;

	progs_detach(&q->progs);
	vcpus_close(q->vcpus);
	irqs_bpf__destroy(q->skel);
	free(q);
}

static int irqs_open(const struct engine_opts *opts, void **out)
{
	struct irqs *q = calloc(1, sizeof(*q));
	int ret;

	if (!q)
		return -ENOMEM;
	q->opts = *opts;
	libbpf_set_print(bpf_log);
	ret = load(q);
	if (ret) {
		err("the programs for interrupts do not load on this kernel: %s (-vv shows why)",
		    strerror(-ret));
		irqs_close(q);
		return ret;
	}
	/* Without it, what comes before the first entry of a running vCPU is not known. */
	ret = q->rung == RUNG_TP && records_only() ? -EOPNOTSUPP : vcpus_open(&q->vcpus);
	if (ret) {
		verb("vCPUs that run already are known from their next entry: %s", strerror(-ret));
		q->vcpus = NULL;
	}
	*out = q;
	return 0;
}

/* ---- start ---- */

/* Reads a file of /proc, which can be long on hosts with many CPUs; free(). NULL on error. */
static char *read_proc(const char *path)
{
	size_t size = 1 << 16, have = 0;
	char *text = NULL, *more;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 1;

	while (fd >= 0 && n > 0) {
		more = realloc(text, size);
		if (!more)
			break;
		text = more;
		while ((n = read(fd, text + have, size - 1 - have)) > 0)
			have += (size_t)n;
		/* Full, or at the end? */
		n = have == size - 1;
		size *= 2;
	}
	if (fd >= 0)
		close(fd);
	if (text)
		text[have] = 0;
	return text;
}

void irqs_posted_now(uint64_t posted[], bool has[])
{
	char *text = read_proc("/proc/interrupts");

	irqs_posted_parse(text ? text : "", posted, has);
	free(text);
}

static void clear_map(struct bpf_map *map)
{
	char key[64];
	int fd = bpf_map__fd(map);

	while (!bpf_map_get_next_key(fd, NULL, key))
		if (bpf_map_delete_elem(fd, key))
			return;
}

/* vCPUs that run already, so that nothing of them is lost before their first entry. */
static int seed(struct irqs *q)
{
	int free_slots = bpf_map__fd(q->skel->maps.free_slots);
	int threads = bpf_map__fd(q->skel->maps.threads);
	int slots = bpf_map__fd(q->skel->maps.slots);
	int vcpus = bpf_map__fd(q->skel->maps.vcpus);
	struct vcpu_record *v = NULL;
	size_t i, n = 0;
	int ret = q->vcpus ? vcpus_read(q->vcpus, &v, &n) : 0;

	q->injections = 0;
	for (i = 0; !ret && i < n; i++) {
		struct irq_vcpu s = { .vcpu = v[i].vcpu, .kvm = v[i].kvm, .vm = v[i].tgid,
				      .tid = v[i].tid, .id = v[i].id };
		__u64 address = v[i].vcpu;
		__u32 slot;

		if (q->opts.pid && (unsigned int)q->opts.pid != v[i].tgid)
			continue;
		q->injections += v[i].stat[KVM_STAT_irq_injections];
		/* A vCPU's file can be open more than once. */
		if (!bpf_map_lookup_elem(vcpus, &address, &slot))
			continue;
		if (bpf_map_lookup_and_delete_elem(free_slots, NULL, &slot))
			break;
		s.index = slot;
		if (bpf_map_update_elem(slots, &slot, &s, BPF_ANY) ||
		    bpf_map_update_elem(vcpus, &address, &slot, BPF_ANY) ||
		    (s.tid && bpf_map_update_elem(threads, &s.tid, &slot, BPF_ANY)))
			ret = -errno;
	}
	free(v);
	return ret;
}

static int clear_cpus(int fd)
{
	int n = libbpf_num_possible_cpus(), ret;
	struct irq_cpu *none;
	__u32 zero = 0;

	if (n < 0)
		return n;
	none = calloc((size_t)n, sizeof(*none));
	if (!none)
		return -ENOMEM;
	ret = bpf_map_update_elem(fd, &zero, none, BPF_ANY) ? -errno : 0;
	free(none);
	return ret;
}

static int reset(struct irqs *q)
{
	int queue = bpf_map__fd(q->skel->maps.free_slots);
	int slots = bpf_map__fd(q->skel->maps.slots);
	const struct irq_vcpu none = { 0 };
	struct irq_vcpu s;
	__u32 i, v;

	clear_map(q->skel->maps.threads);
	clear_map(q->skel->maps.vcpus);
	clear_map(q->skel->maps.vectors);
	clear_map(q->skel->maps.legs);
	clear_map(q->skel->maps.hosts);
	while (!bpf_map_lookup_and_delete_elem(queue, NULL, &v))
		;
	for (i = 0; i < IRQ_MAX_VCPUS; i++) {
		if (bpf_map_lookup_elem(slots, &i, &s))
			return -errno;
		if (s.kvm && bpf_map_update_elem(slots, &i, &none, BPF_ANY))
			return -errno;
		if (bpf_map_update_elem(queue, NULL, &i, BPF_ANY))
			return -errno;
	}
	memset(&q->skel->bss->globals, 0, sizeof(q->skel->bss->globals));
	return clear_cpus(bpf_map__fd(q->skel->maps.cpus));
}

static int irqs_attach(void *s)
{
	struct irqs *q = s;
	int ret;

	progs_detach(&q->progs);
	ret = reset(q);
	if (!ret)
		ret = seed(q);
	if (!ret)
		ret = progs_attach(&q->progs);
	if (ret)
		return ret;
	irqs_posted_now(q->posted, q->has_posted);
	q->attached = true;
	q->skel->bss->globals.open = 1;
	return 0;
}

/* The programs stay attached until the end: to detach them would only delay the others. */
static void irqs_detach(void *s)
{
	struct irqs *q = s;

	if (!q->attached)
		return;
	q->skel->bss->globals.open = 0;
	q->attached = false;
	irqs_posted_now(q->posted_end, q->has_posted);
}

const struct signal_ops irqs_signal = {
	.name = "interrupts",
	.bit = SIGNAL_INTERRUPTS,
	.what = "way of an interrupt, leg by leg",
	.open = irqs_open,
	.attach = irqs_attach,
	.detach = irqs_detach,
	.read = irqs_read,
	.close = irqs_close,
};
