// SPDX-License-Identifier: GPL-2.0
/*
 * Loads and attaches the programs of exitlab record. Each event has its own program; those of
 * events that are not wanted, or that this kernel does not have, are not loaded.
 */
#include "offline/recorder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/tp_field.h"
#include "bpf/record.skel.h"
#include "engine/progs.h"
#include "engine/rungs.h"
#include "engine/tracefs.h"
#include "offline/events.h"
#include "util/bpf_log.h"
#include "util/log.h"

struct recorder {
	struct recorder_opts o;
	struct record_bpf *skel;
	struct progs progs;
	struct ring_buffer *ring;
	recorder_fn fn;
	void *arg;
	uint32_t events;
	enum rung rung;		/* of the events that have a choice */
	bool no_lapic;		/* struct kvm_lapic is not known */
	char missing[NR_REC_TYPES][100];
};

static int leave_out(struct recorder *r, int type, const char *why)
{
	snprintf(r->missing[type], sizeof(r->missing[type]), "%s", why);
	r->events &= ~(1u << type);
	return 0;
}

/* Two kinds of events come from one record, which has one layout. */
static int layout_of(int type)
{
	return type == REC_SCHED_IN ? REC_SCHED_OUT : type;
}

/* Whether the kernel has the event, and where its fields are. 0 or -ENODEV, -EACCES. */
static int find_event(struct recorder *r, int type)
{
	const struct event_kind *k = &event_kinds[type];
	static char text[65536];
	struct event_field f;
	int i, at = layout_of(type), ret = tracefs_format(k->tracepoint, text, sizeof(text));

	if (ret == -ENOENT)
		return leave_out(r, type, "this kernel has no such tracepoint");
	if (ret)
		return ret;
	for (i = 0; i < REC_FIELDS; i++) {
		if (!k->field[i] || format_field(text, k->field[i], &f) || f.size > 8)
			continue;
		r->skel->rodata->layout[at][i].off = (unsigned short)f.offset;
		r->skel->rodata->layout[at][i].size = (unsigned short)f.size;
	}
	if ((k->classic || r->rung == RUNG_TP) && !r->skel->rodata->layout[at][0].size)
		return leave_out(r, type, "its record has an unknown layout");
	if (type == REC_IRQ_EXIT && r->rung == RUNG_TP && !(r->events & 1u << REC_IRQ_ENTRY))
		return leave_out(r, type, "rung tp: its record has no name; takes irq_handler_entry, too");
	return 0;
}

static int find_events(struct recorder *r)
{
	int type, ret = 0;

	r->events = r->o.events & ALL_EVENTS;
	for (type = 1; !ret && type < NR_REC_TYPES; type++)
		if (r->events & 1u << type)
			ret = find_event(r, type);
	if (ret == -ENODEV)
		err("tracefs is not mounted; try: mount -t tracefs tracefs /sys/kernel/tracing");
	else if (ret)
		err("cannot read the formats of events: %s", strerror(-ret));
	if (!ret && !r->events) {
		err("this kernel has none of these events; is the kvm module loaded?");
		ret = -EOPNOTSUPP;
	}
	return ret;
}

static struct bpf_program *program_of(struct recorder *r, int type)
{
	const struct event_kind *k = &event_kinds[type];
	char name[64];

	if (type == REC_KVM_EOI && r->rung == RUNG_RAW_TP && r->no_lapic)
		return r->skel->progs.rec_kvm_eoi_here;
	snprintf(name, sizeof(name), "%s%s", k->prog, k->classic || r->rung == RUNG_RAW_TP ? "" :
		 "_tp");
	return bpf_object__find_program_by_name(r->skel->obj, name);
}

/* Which programs are loaded: one can be of two kinds of events. */
static void choose_programs(struct recorder *r)
{
	struct bpf_program *p;
	int type;

	bpf_object__for_each_program(p, r->skel->obj)
		bpf_program__set_autoload(p, false);
	for (type = 1; type < NR_REC_TYPES; type++) {
		const struct event_kind *k = &event_kinds[type];

		p = r->events & 1u << type ? program_of(r, type) : NULL;
		if (!p || bpf_program__autoload(p))
			continue;
		bpf_program__set_autoload(p, true);
		progs_add(&r->progs, p, strchr(k->tracepoint, '/') + 1,
			  rung_name(k->classic ? RUNG_TP : r->rung));
	}
}

static int take(void *arg, void *data, size_t size)
{
	struct recorder *r = arg;

	return size < sizeof(struct rec) ? 0 : r->fn(data, r->arg);
}

static int set_targets(struct recorder *r)
{
	__u32 one = 1, pid;
	size_t i;

	for (i = 0; i < r->o.nr_pids; i++) {
		pid = (__u32)r->o.pids[i];
		if (bpf_map_update_elem(bpf_map__fd(r->skel->maps.targets), &pid, &one, BPF_ANY))
			return -errno;
	}
	return 0;
}

/* Opens and loads by r->rung. 0 or negative errno, which may not be told yet. */
static int try_load(struct recorder *r)
{
	int ret;

	record_bpf__destroy(r->skel);
	r->skel = record_bpf__open();
	if (!r->skel)
		return -errno;
	ret = find_events(r);
	if (ret)
		return ret;
	r->progs.n = 0;
	choose_programs(r);
	r->skel->rodata->only_targets = r->o.nr_pids > 0;
	bpf_map__set_max_entries(r->skel->maps.ring, (__u32)r->o.ring_bytes);
	ret = record_bpf__load(r->skel);
	verb("events by %s%s: %s", rung_name(r->rung), r->rung == RUNG_RAW_TP && !r->no_lapic ?
	     " with struct kvm_lapic" : "", strerror(-ret));
	return ret;
}

/* Best first; what has no choice is on the rung tp anyway. */
static int load_best(struct recorder *r)
{
	static const struct {
		enum rung rung;
		bool no_lapic;
	} ladder[] = { { RUNG_RAW_TP, false }, { RUNG_RAW_TP, true }, { RUNG_TP, true } };
	const char *forced = rungs_forced_entry(r->o.rung);
	int ret = -EOPNOTSUPP;
	size_t i;

	for (i = 0; i < sizeof(ladder) / sizeof(ladder[0]); i++) {
		r->rung = ladder[i].rung;
		r->no_lapic = ladder[i].no_lapic;
		if (forced && strcmp(forced, rung_name(r->rung)))
			continue;
		ret = try_load(r);
		/* What is not there is not there on other rungs, either. */
		if (!ret || ret == -EOPNOTSUPP || ret == -ENODEV)
			return ret;
	}
	if (ret == -EOPNOTSUPP)
		err("record: there is no rung %s (raw_tp, tp)", forced);
	return ret;
}

static int load(struct recorder *r)
{
	int ret = load_best(r);

	if (!ret)
		ret = set_targets(r);
	if (!ret) {
		r->ring = ring_buffer__new(bpf_map__fd(r->skel->maps.ring), take, r, NULL);
		ret = r->ring ? 0 : -errno;
	}
	if (ret == -EPERM || ret == -EACCES)
		err("loading BPF programs is not permitted; run as root");
	else if (ret && ret != -EOPNOTSUPP && ret != -ENODEV)
		err("the recording programs do not load on this kernel: %s (-vv shows why)",
		    strerror(-ret));
	return ret;
}

int recorder_open(const struct recorder_opts *o, recorder_fn fn, void *arg, struct recorder **out)
{
	struct recorder *r = calloc(1, sizeof(*r));
	int ret;

	if (!r)
		return -ENOMEM;
	r->o = *o;
	r->fn = fn;
	r->arg = arg;
	libbpf_set_print(bpf_log);
	ret = load(r);
	if (ret) {
		recorder_close(r);
		return ret;
	}
	*out = r;
	return 0;
}

uint32_t recorder_events(const struct recorder *r)
{
	return r->events;
}

const char *recorder_missing(const struct recorder *r, unsigned int type)
{
	return r->missing[type][0] ? r->missing[type] : NULL;
}

int recorder_attach(struct recorder *r)
{
	return progs_attach(&r->progs);
}

void recorder_detach(struct recorder *r)
{
	progs_detach(&r->progs);
	/* One may still run on another CPU. It is not preempted, so a grace period ends it. */
	syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

int recorder_consume(struct recorder *r)
{
	int ret = ring_buffer__consume(r->ring);

	return ret < 0 ? ret : 0;
}

struct rec_count recorder_count(const struct recorder *r, unsigned int type)
{
	return r->skel->bss->counts[type];
}

uint64_t recorder_skipped(const struct recorder *r)
{
	struct trace_snapshot s = { 0 };

	progs_read(&r->progs, &s);
	return s.ledger.recursion_missed;
}

void recorder_close(struct recorder *r)
{
	if (!r)
		return;
	recorder_detach(r);
	ring_buffer__free(r->ring);
	record_bpf__destroy(r->skel);
	free(r);
}
