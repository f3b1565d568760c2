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
#include "bpf/irqs.skel.h"
#include "engine/irqs.h"
#include "engine/rungs.h"
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

static void set_limits(struct irq_limits *l, const struct have *h, bool fentry)
{
	*l = (struct irq_limits){ 0 };
	if (!fentry)
		l->accept = "no fentry on __apic_accept_irq: not in this kernel, or no CAP_SYS_ADMIN";
	if (!h->reinjected)
		l->reinjected = "kvm_inj_virq of this kernel does not say it; they are among the injected";
	if (!h->hardware)
		l->hardware = "this kernel has no kvm_apicv_accept_irq tracepoint";
	if (!h->pv_eoi)
		l->pv_eoi = "this kernel has no kvm_pv_eoi tracepoint; EOIs of both kinds are one";
	if (!h->host)
		l->host = "this kernel has no irq_handler_entry tracepoint";
}

/* Of two programs for one tracepoint loads one, or none. */
static void choose(struct irqs *q, const char *name, struct bpf_program *btf,
		   struct bpf_program *raw, bool wanted, bool use_btf)
{
	bpf_program__set_autoload(btf, wanted && use_btf);
	bpf_program__set_autoload(raw, wanted && !use_btf);
	if (wanted)
		progs_add(&q->progs, use_btf ? btf : raw, name, use_btf ? "tp_btf" : "raw_tp");
}

static void choose_all(struct irqs *q, const struct have *h, bool btf, bool fentry)
{
	struct irqs_bpf *s = q->skel;

	q->progs.n = 0;
	bpf_program__set_autoload(s->progs.accept_fentry, fentry);
	if (fentry)
		progs_add(&q->progs, s->progs.accept_fentry, "__apic_accept_irq", "fentry");
	choose(q, "kvm_apicv_accept_irq", s->progs.hardware_tp_btf, s->progs.hardware_raw_tp,
	       h->hardware && fentry, btf);
	choose(q, "kvm_inj_virq", s->progs.inject_tp_btf, s->progs.inject_raw_tp, h->reinjected,
	       btf);
	choose(q, "kvm_inj_virq", s->progs.inject1_tp_btf, s->progs.inject1_raw_tp,
	       !h->reinjected, btf);
	choose(q, "kvm_entry", s->progs.entry_tp_btf, s->progs.entry_raw_tp, true, btf);
	choose(q, "kvm_eoi", s->progs.eoi_tp_btf, s->progs.eoi_raw_tp, true, btf);
	choose(q, "kvm_pv_eoi", s->progs.pv_eoi_tp_btf, s->progs.pv_eoi_raw_tp, h->pv_eoi, btf);
	choose(q, "kvm_userspace_exit", s->progs.user_tp_btf, s->progs.user_raw_tp, fentry, btf);
	choose(q, "irq_handler_entry", s->progs.irq_tp_btf, s->progs.irq_raw_tp, h->host, btf);
	choose(q, "irq_handler_exit", s->progs.irq_end_tp_btf, s->progs.irq_end_raw_tp, h->host,
	       btf);
}

static int try_load(struct irqs *q, const struct have *h, bool btf, bool fentry)
{
	int ret;

	q->skel = irqs_bpf__open();
	if (!q->skel)
		return -errno;
	q->skel->rodata->target_vm = (unsigned int)q->opts.pid;
	choose_all(q, h, btf, fentry);
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

static int load(struct irqs *q)
{
	const char *forced = rungs_forced_entry(q->opts.rung);
	/* Forced to "tp", as on a host without BTF; which has no fentry either. */
	bool may = !getenv("EXITLAB_NO_FENTRY") && (!forced || strcmp(forced, "tp") != 0);
	struct have h;
	int ret = -EINVAL, btf, fentry;

	look_at_events(&h);
	for (btf = 1; btf >= 0; btf--) {
		if (btf && forced && strcmp(forced, "tp_btf"))
			continue;
		if (!btf && forced && !strcmp(forced, "tp_btf"))
			break;
		for (fentry = may; fentry >= 0; fentry--) {
			ret = try_load(q, &h, btf, fentry);
			verb("interrupts by %s%s: %s", btf ? "tp_btf" : "raw_tp",
			     fentry ? " and fentry" : "", strerror(-ret));
			if (!ret && fentry && !fentry_attaches(q)) {
				irqs_bpf__destroy(q->skel);
				q->skel = NULL;
				continue;
			}
			if (!ret) {
				set_limits(&q->limits, &h, fentry);
				return 0;
			}
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
	ret = vcpus_open(&q->vcpus);
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
