// SPDX-License-Identifier: GPL-2.0
/*
 * The signal "io_cores": loads bpf/iocores.bpf.c, attaches it where there is a vhost to trace, and
 * turns its maps into a part of the snapshot.
 *
 * Without a vhost module nothing is loaded and nothing attached. With one, everything is attached
 * at once, workers or not: the programs find workers by themselves, because a VM may come and go
 * between two looks from here, and because privileges are given up after attaching, so that nothing
 * could be attached later. Programs on vhost's functions cost nothing while nobody calls them; the
 * one on sched_switch costs a test of two flags.
 *
 * A source of per-core statistics beside vhost (sidecores that account for themselves) would add
 * its rows in iocores_read(), with a name of its own.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "bpf/iocores.h"
#include "bpf/tp_field.h"
#include "bpf/iocores.skel.h"
#include "engine/iocores_progs.h"
#include "engine/progs.h"
#include "engine/signal.h"
#include "host/vhost.h"
#include "out/iocores.h"
#include "util/bpf_log.h"
#include "util/clock.h"
#include "util/log.h"

struct signal_iocores {
	struct engine_opts opts;
	struct iocores_bpf *skel;	/* NULL = nothing is loaded */
	struct progs progs[NR_PROG_SETS];
	struct iocores_host host;	/* as it was when the programs were loaded */
	bool running;			/* between attach and detach */
	bool attached, tried_late;
	uint64_t started_ns, stopped_ns;	/* 0 = not (yet) */
	char why[160];			/* nothing is attached, or late */
};

/* Again if modules have come or gone since the last time. */
static int load(struct signal_iocores *s)
{
	if (s->skel && iocores_host_same(&s->host))
		return 0;
	iocores_bpf__destroy(s->skel);
	libbpf_set_print(bpf_log);
	return iocores_load(&s->opts, &s->host, s->progs, &s->skel);
}

static int iocores_open(const struct engine_opts *opts, void **out)
{
	struct signal_iocores *s = calloc(1, sizeof(*s));
	int ret = 0;

	if (!s)
		return -ENOMEM;
	s->opts = *opts;
	/* Takes a while; not to be done between the start of one signal and of another. */
	if (vhost_module("", "vhost"))
		ret = load(s);
	if (ret)
		free(s);
	else
		*out = s;
	return ret;
}

/* ---- Attaching ---- */

/* Puts the workers that are there into the maps, or those that sleep all the time were not seen. */
static int seed(struct signal_iocores *s)
{
	int queue = bpf_map__fd(s->skel->maps.free_slots), ret;
	struct vhost_list l;
	size_t i;

	ret = vhost_find("", &l);
	s->started_ns = clock_ns();
	for (i = 0; !ret && i < l.n; i++) {
		struct worker w = { .tid = (unsigned int)l.worker[i].tid,
				    .tgid = (unsigned int)l.worker[i].pid,
				    .flags = l.worker[i].flags, .born = s->started_ns,
				    .core.since = s->started_ns };
		__u32 slot;

		memcpy(w.comm, l.worker[i].comm, sizeof(w.comm));
		if (bpf_map_lookup_and_delete_elem(queue, NULL, &slot)) {
			s->skel->bss->counts.no_room++;
			continue;
		}
		if (bpf_map_update_elem(bpf_map__fd(s->skel->maps.workers), &slot, &w, BPF_ANY) ||
		    bpf_map_update_elem(bpf_map__fd(s->skel->maps.slot_of), &w.tid, &slot,
					BPF_ANY))
			ret = -errno;
	}
	vhost_free(&l);
	return ret;
}

static void clear_map(struct bpf_map *map)
{
	char key[64];
	int fd = bpf_map__fd(map);

	while (!bpf_map_get_next_key(fd, NULL, key))
		if (bpf_map_delete_elem(fd, key))
			return;
}

/* All counts to zero, all slots free. */
static int reset(struct signal_iocores *s)
{
	int queue = bpf_map__fd(s->skel->maps.free_slots);
	int workers = bpf_map__fd(s->skel->maps.workers);
	struct worker w, none = { 0 };
	__u32 i, v;

	clear_map(s->skel->maps.slot_of);
	clear_map(s->skel->maps.cpus);
	while (!bpf_map_lookup_and_delete_elem(queue, NULL, &v))
		;
	for (i = 0; i < MAX_WORKERS; i++) {
		if (bpf_map_lookup_elem(workers, &i, &w))
			return -errno;
		if (w.tid && bpf_map_update_elem(workers, &i, &none, BPF_ANY))
			return -errno;
		if (bpf_map_update_elem(queue, NULL, &i, BPF_ANY))
			return -errno;
	}
	memset(&s->skel->bss->counts, 0, sizeof(s->skel->bss->counts));
	return 0;
}

static int attach_programs(struct signal_iocores *s)
{
	int ret = reset(s), i;

	if (!ret)
		ret = progs_attach(&s->progs[PROGS_SCHED]);
	/* Without those of vhost there is still the scheduler's account. */
	for (i = PROGS_SCHED + 1; !ret && i < NR_PROG_SETS; i++) {
		int e = progs_attach(&s->progs[i]);

		if (!e)
			continue;
		while (--i > PROGS_SCHED)
			progs_detach(&s->progs[i]);
		iocores_no_functions(&s->host, "attaching to vhost's functions: %s", strerror(-e));
		break;
	}
	return ret;
}

static void detach_programs(struct signal_iocores *s)
{
	int i;

	for (i = 0; i < NR_PROG_SETS; i++)
		progs_detach(&s->progs[i]);
}

static int try_attach(struct signal_iocores *s)
{
	int ret;

	if (!vhost_module("", "vhost")) {
		snprintf(s->why, sizeof(s->why), "this host has no vhost: its module is not loaded");
		return 0;
	}
	ret = load(s);
	if (!ret)
		ret = attach_programs(s);
	/* Last, and while they are off: all that happens from now on is seen. */
	if (!ret)
		ret = seed(s);
	if (ret) {
		if (s->skel)
			detach_programs(s);
		return ret;
	}
	s->skel->bss->on = 1;
	s->attached = true;
	s->why[0] = 0;
	return 0;
}

static int iocores_attach(void *state)
{
	struct signal_iocores *s = state;

	s->stopped_ns = 0;
	s->tried_late = false;
	s->running = true;
	return try_attach(s);
}

static void iocores_detach(void *state)
{
	struct signal_iocores *s = state;

	s->running = false;
	if (!s->attached)
		return;
	/* Off first: so that all of them stop at one time. */
	s->skel->bss->on = 0;
	s->stopped_ns = clock_ns();
	s->attached = false;
	detach_programs(s);
}

static void iocores_close(void *state)
{
	struct signal_iocores *s = state;

	iocores_detach(s);
	iocores_bpf__destroy(s->skel);
	free(s);
}

/* ---- Reading ---- */

/* A copy of a slot that no program was writing meanwhile. 0 or negative errno. */
static int read_slot(int fd, __u32 i, struct worker *w)
{
	unsigned int seq;
	int tries;

	for (tries = 0; tries < 100; tries++) {
		struct worker again;

		if (bpf_map_lookup_elem(fd, &i, w))
			return -errno;
		seq = w->seq;
		if (!w->tid)
			return 0;
		if (!(seq & 1) && !bpf_map_lookup_elem(fd, &i, &again) && again.seq == seq)
			return 0;
	}
	return 0;	/* one that changes state all the time: a copy that is off by one event */
}

/* What the worker has been doing since its last event, up to @now. */
static void up_to_now(struct worker *w, uint64_t now)
{
	struct vhost_thread t;

	/* No event since tracing began, and asleep: so it was all the time. */
	if (w->core.state == IOCORE_UNKNOWN && !vhost_thread_read("", (pid_t)w->tid, &t) &&
	    t.state == 'S')
		w->core.state = IOCORE_IDLE;
	if (!w->ended)
		iocore_to(&w->core, now, w->core.state);
}

static pid_t vm_of(const struct worker *w)
{
	struct vhost_thread t = { .tid = (pid_t)w->tid, .pid = (pid_t)w->tgid, .flags = w->flags };

	memcpy(t.comm, w->comm, sizeof(t.comm));
	t.comm[sizeof(t.comm) - 1] = 0;
	return w->vm ? (pid_t)w->vm : vhost_vm("", &t);
}

static void fill_row(struct iocore_row *r, const struct worker *w)
{
	int i;

	r->source = "vhost";
	r->tid = (pid_t)w->tid;
	r->vm = vm_of(w);
	r->kthread = w->flags & TASK_IS_KTHREAD;
	r->ended = w->ended;
	r->born_ns = w->born;
	r->cpu = w->cpu;
	memcpy(r->name, w->comm, sizeof(r->name));
	r->name[sizeof(r->name) - 1] = 0;
	r->wall_ns = w->core.since - w->born;
	for (i = 0; i < NR_IOCORE_STATES; i++)
		r->ns[i] = w->core.ns[i];
	r->switches = w->switches;
	r->wakeups = w->core.wakeups;
	r->unmatched = w->core.unmatched;
	r->kicks = w->kicks;
	r->replies = w->replies;
	r->buffers = w->buffers;
	for (i = 0; i < NR_VHOST_WORKS; i++)
		r->works[i] = w->works[i];
}

/* Times by CPU as they were a little before the slots are read: never more than these say. */
struct cpu_times {
	struct worker_cpu_key key;
	struct worker_cpu val;
};

static int read_cpus(struct signal_iocores *s, struct cpu_times **out, size_t *n)
{
	struct worker_cpu_key key, *prev = NULL;
	int fd = bpf_map__fd(s->skel->maps.cpus);

	*n = 0;
	*out = malloc(MAX_WORKER_CPUS * sizeof(**out));
	if (!*out)
		return -ENOMEM;
	while (*n < MAX_WORKER_CPUS && !bpf_map_get_next_key(fd, prev, &key)) {
		prev = &key;
		(*out)[*n].key = key;
		if (!bpf_map_lookup_elem(fd, &key, &(*out)[*n].val))
			(*n)++;
	}
	return 0;
}

/* The CPUs of the worker in @slot. What it has run since is of the CPU it runs on. */
static int fill_cpus(struct iocore_row *r, __u32 slot, const struct cpu_times *t, size_t n)
{
	uint64_t rest[3] = { r->ns[IOCORE_USEFUL], r->ns[IOCORE_POLL], r->ns[IOCORE_OTHER] };
	int ret = 0, k;
	size_t i;

	for (i = 0; !ret && i < n; i++) {
		uint64_t ns[3];

		if (t[i].key.slot != slot)
			continue;
		for (k = 0; k < 3; k++) {
			ns[k] = t[i].val.ns[k] < rest[k] ? t[i].val.ns[k] : rest[k];
			rest[k] -= ns[k];
		}
		ret = iocore_add_cpu(r, t[i].key.cpu, ns);
	}
	if (!ret && (rest[0] || rest[1] || rest[2]))
		ret = iocore_add_cpu(r, r->cpu, rest);
	return ret;
}

static int read_workers(struct signal_iocores *s, struct iocores *p)
{
	int fd = bpf_map__fd(s->skel->maps.workers), ret;
	struct cpu_times *cpus;
	size_t nr_cpus;
	uint64_t now;
	__u32 i;

	ret = read_cpus(s, &cpus, &nr_cpus);
	/* Before the slots: a state that a slot is in at this time is one it was in until it. */
	now = s->stopped_ns ? s->stopped_ns : clock_ns();
	for (i = 0; !ret && i < MAX_WORKERS; i++) {
		struct iocore_row *r;
		struct worker w;

		ret = read_slot(fd, i, &w);
		if (ret || !w.tid)
			continue;
		up_to_now(&w, now);
		if (s->opts.pid && vm_of(&w) != s->opts.pid)
			continue;
		r = iocores_add_row(p);
		if (r)
			fill_row(r, &w);
		ret = r ? fill_cpus(r, i, cpus, nr_cpus) : -ENOMEM;
	}
	free(cpus);
	return ret;
}

/* A vhost that came after tracing began: as much as can still be done. */
static void look_again(struct signal_iocores *s)
{
	if (s->attached || s->stopped_ns || s->tried_late || !vhost_module("", "vhost"))
		return;
	s->tried_late = true;
	if (!s->running || try_attach(s))
		snprintf(s->why, sizeof(s->why),
			 "vhost was loaded after tracing began; start again to trace it");
	else
		snprintf(s->why, sizeof(s->why),
			 "vhost was loaded after tracing began: its numbers begin later");
}

static int iocores_read(void *state, struct trace_snapshot *out)
{
	struct signal_iocores *s = state;
	struct iocores *p = iocores_new();
	int ret = 0, i;

	if (!p)
		return -ENOMEM;
	look_again(s);
	p->traced = s->attached || s->stopped_ns;
	if (p->traced) {
		iocores_host_gaps(&s->host, p);
		ret = read_workers(s, p);
		p->no_room = s->skel->bss->counts.no_room;
		p->lost_kicks = s->skel->bss->counts.lost_kicks;
		out->ledger.map_full += p->no_room;
	}
	if (s->why[0])
		snprintf(p->why[GAP_ALL], sizeof(p->why[GAP_ALL]), "%s", s->why);
	if (ret) {
		iocores_free(&p->part);
		return ret;
	}
	for (i = 0; p->traced && i < NR_PROG_SETS; i++)
		progs_read(&s->progs[i], out);
	iocores_sort(p);
	return part_put(out, &p->part);
}

const struct signal_ops iocores_signal = {
	.name = IOCORES,
	.bit = SIGNAL_IOCORES,
	.what = "vhost workers: useful, polling, idle; kicks",
	.open = iocores_open,
	.attach = iocores_attach,
	.detach = iocores_detach,
	.read = iocores_read,
	.close = iocores_close,
};
