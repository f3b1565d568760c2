// SPDX-License-Identifier: GPL-2.0
/*
 * The BPF engine: loads bpf/exits.bpf.c, attaches it, and turns its maps into a snapshot. Programs
 * and maps live by file descriptors only (nothing is pinned), so they vanish with the process,
 * however it ends.
 *
 * Which way kvm_entry is attached is decided by trying, best first: stable kernels carry backports,
 * so that a version number says nothing about a tracepoint.
 */
#include "engine/backend.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/exits.h"
#include "bpf/exits.skel.h"
#include "engine/progs.h"
#include "engine/tracefs.h"
#include "util/bpf_log.h"
#include "util/log.h"

struct bpf_engine {
	struct engine_opts opts;
	struct exits_bpf *skel;
	struct progs progs;
};

static int no_events(int e)
{
	if (e == -ENODEV)
		err("tracefs is not mounted; try: mount -t tracefs tracefs /sys/kernel/tracing");
	else if (e == -ENOENT)
		err("this kernel has no kvm_exit tracepoint; is the kvm module loaded?");
	else if (e == -EACCES || e == -EPERM)
		err("tracing needs root (CAP_BPF, CAP_PERFMON and read access to tracefs)");
	else
		err("cannot read the format of kvm_exit: %s", strerror(-e));
	return e == -ENOENT ? -EOPNOTSUPP : e;
}

/* Writes the offsets of the fields the programs read into their constants. */
static int set_offsets(struct exits_bpf *skel, bool msr)
{
	struct event_field reason, isa, ecx;
	static char text[65536];
	int ret = tracefs_format("kvm/kvm_exit", text, sizeof(text));

	if (ret)
		return no_events(ret);
	if (format_field(text, "exit_reason", &reason) || format_field(text, "isa", &isa) ||
	    (reason.size != 4 && reason.size != 8) || isa.size != 4) {
		err("the kvm_exit tracepoint of this kernel has an unknown layout");
		return -EOPNOTSUPP;
	}
	skel->rodata->exit_reason_off = reason.offset;
	skel->rodata->exit_reason_size = reason.size;
	skel->rodata->exit_isa_off = isa.offset;
	if (!msr)
		return 0;
	ret = tracefs_format("kvm/kvm_msr", text, sizeof(text));
	if (ret || format_field(text, "ecx", &ecx)) {
		err("the kvm_msr tracepoint of this kernel is missing or has an unknown layout");
		return -EOPNOTSUPP;
	}
	skel->rodata->msr_ecx_off = ecx.offset;
	return 0;
}

/* Loads with kvm_entry on the given rung. */
static int try_load(struct bpf_engine *e, const char *rung)
{
	bool btf = !strcmp(rung, "tp_btf");
	int ret;

	e->skel = exits_bpf__open();
	if (!e->skel)
		return -errno;
	ret = set_offsets(e->skel, e->opts.msr_detail);
	if (ret)
		goto fail;
	e->skel->rodata->target_vm = (unsigned int)e->opts.pid;
	bpf_program__set_autoload(e->skel->progs.entry_tp_btf, btf);
	bpf_program__set_autoload(e->skel->progs.entry_raw_tp, !btf);
	bpf_program__set_autoload(e->skel->progs.msr_tp, e->opts.msr_detail);
	ret = exits_bpf__load(e->skel);
	if (ret)
		goto fail;
	e->progs.n = 0;
	progs_add(&e->progs, btf ? e->skel->progs.entry_tp_btf : e->skel->progs.entry_raw_tp,
		  "kvm_entry", rung);
	progs_add(&e->progs, e->skel->progs.exit_tp, "kvm_exit", "tp");
	if (e->opts.msr_detail)
		progs_add(&e->progs, e->skel->progs.msr_tp, "kvm_msr", "tp");
	return 0;
fail:
	exits_bpf__destroy(e->skel);
	e->skel = NULL;
	return ret;
}

static int bpf_open(const struct engine_opts *opts, void **out)
{
	static const char *const ladder[] = { "tp_btf", "raw_tp" };
	const char *forced = opts->rung ? opts->rung : getenv("EXITLAB_RUNG");
	struct bpf_engine *e = calloc(1, sizeof(*e));
	int ret = -EINVAL;
	size_t i;

	if (!e)
		return -ENOMEM;
	e->opts = *opts;
	libbpf_set_print(bpf_log);
	for (i = 0; i < 2; i++) {
		if (forced && strcmp(forced, ladder[i]))
			continue;
		ret = try_load(e, ladder[i]);
		/* Without a layout the other rung does not work either. */
		if (!ret || ret == -EOPNOTSUPP || ret == -ENODEV)
			break;
		verb("kvm_entry by %s: %s", ladder[i], strerror(-ret));
	}
	if (!ret) {
		*out = e;
		return 0;
	}
	if (ret == -EPERM || ret == -EACCES)
		err("loading BPF programs is not permitted; run as root");
	else if (ret != -EOPNOTSUPP && ret != -ENODEV)
		err("the tracing programs do not load on this kernel: %s (-vv shows why)",
		    strerror(-ret));
	free(e);
	return ret;
}

/* Removes every element of a hash map. */
static void clear_map(struct bpf_map *map)
{
	char key[64];
	int fd = bpf_map__fd(map);

	while (!bpf_map_get_next_key(fd, NULL, key))
		if (bpf_map_delete_elem(fd, key))
			return;
}

/* All counts to zero, all slots free. */
static int reset(struct bpf_engine *e)
{
	int queue = bpf_map__fd(e->skel->maps.free_slots);
	int slots = bpf_map__fd(e->skel->maps.slots);
	struct slot none = { 0 };
	__u32 i, v;

	clear_map(e->skel->maps.threads);
	clear_map(e->skel->maps.slot_of);
	clear_map(e->skel->maps.exits);
	clear_map(e->skel->maps.reserve);
	while (!bpf_map_lookup_and_delete_elem(queue, NULL, &v))
		;
	for (i = 0; i < MAX_SLOTS; i++) {
		struct slot s;

		if (bpf_map_lookup_elem(slots, &i, &s))
			return -errno;
		if (s.key.kvm && bpf_map_update_elem(slots, &i, &none, BPF_ANY))
			return -errno;
		if (bpf_map_update_elem(queue, NULL, &i, BPF_ANY))
			return -errno;
	}
	memset(&e->skel->bss->counts, 0, sizeof(e->skel->bss->counts));
	return 0;
}

static int bpf_attach(void *b)
{
	struct bpf_engine *e = b;
	int ret = reset(e);

	return ret ? ret : progs_attach(&e->progs);
}

static void bpf_detach(void *b)
{
	progs_detach(&((struct bpf_engine *)b)->progs);
}

static void bpf_close(void *b)
{
	struct bpf_engine *e = b;

	exits_bpf__destroy(e->skel);
	free(e);
}

/* Room for one more reason of @v; NULL without memory. */
static struct exit_stat *add_reason(struct vcpu_trace *v)
{
	struct exit_stat *r = realloc(v->reasons, (v->nr_reasons + 1) * sizeof(*r));

	if (!r)
		return NULL;
	v->reasons = r;
	r += v->nr_reasons++;
	memset(r, 0, sizeof(*r));
	return r;
}

static struct exit_stat *find_reason(struct vcpu_trace *v, uint32_t isa, uint64_t reason,
				     uint64_t detail)
{
	struct exit_stat *r;
	size_t i;

	for (i = 0; i < v->nr_reasons; i++) {
		r = &v->reasons[i];
		if (r->isa == isa && r->reason == reason && r->has_detail == !!detail &&
		    (!detail || r->detail == detail - 1))
			return r;
	}
	r = add_reason(v);
	if (r) {
		r->isa = isa;
		r->reason = reason;
		r->has_detail = detail > 0;
		r->detail = detail > 0 ? detail - 1 : 0;
	}
	return r;
}

static int read_slots(struct bpf_engine *e, struct trace_snapshot *out, int *vcpu_of_slot)
{
	int fd = bpf_map__fd(e->skel->maps.slots);
	struct exit_stat *r;
	__u32 i;

	out->vcpus = calloc(MAX_SLOTS, sizeof(out->vcpus[0]));
	if (!out->vcpus)
		return -ENOMEM;
	for (i = 0; i < MAX_SLOTS; i++) {
		struct vcpu_trace *v = &out->vcpus[out->nr_vcpus];
		struct slot s;

		vcpu_of_slot[i] = -1;
		if (bpf_map_lookup_elem(fd, &i, &s))
			return -errno;
		if (!s.key.kvm)
			continue;
		vcpu_of_slot[i] = (int)out->nr_vcpus++;
		*v = (struct vcpu_trace){ .vm = (pid_t)s.key.vm, .vm_key = s.key.kvm,
			.vcpu = s.key.vcpu, .tid = (pid_t)s.tid, .entries = s.entries,
			.exits = s.exits, .guest_ns = s.guest_ns };
		out->ledger.events += s.entries + s.exits;
		out->ledger.map_full += s.map_full;
		out->ledger.unmatched_entries += s.unmatched_entries;
		out->ledger.unmatched_exits += s.unmatched_exits;
		/* The exit that is being handled right now has not been booked yet. */
		if (s.pair.where == PAIR_IN_HOST) {
			r = find_reason(v, s.isa, s.reason, s.detail);
			if (!r)
				return -ENOMEM;
			r->count++;
		}
	}
	return 0;
}

static void add_exits(struct exit_stat *r, const struct exit_val *v)
{
	if (v->timed && (!r->timed || v->min_ns < r->min_ns))
		r->min_ns = v->min_ns;
	if (v->max_ns > r->max_ns)
		r->max_ns = v->max_ns;
	r->count += v->count;
	r->timed += v->timed;
	r->total_ns += v->total_ns;
	hist_merge(&r->hist, &v->hist);
}

/* @map: exits, or those that had to wait for room there. */
static int read_exits(struct bpf_map *map, struct trace_snapshot *out, const int *vcpu_of_slot)
{
	struct exit_key key, *prev = NULL;
	int fd = bpf_map__fd(map);
	struct exit_val val;

	while (!bpf_map_get_next_key(fd, prev, &key)) {
		struct exit_stat *r;

		prev = &key;
		if (bpf_map_lookup_elem(fd, &key, &val))
			continue;
		if (key.slot >= MAX_SLOTS || vcpu_of_slot[key.slot] < 0)
			continue;
		r = find_reason(&out->vcpus[vcpu_of_slot[key.slot]], key.isa, key.reason,
				key.detail);
		if (!r)
			return -ENOMEM;
		add_exits(r, &val);
	}
	return 0;
}

static int bpf_read(void *b, struct trace_snapshot *out)
{
	static int vcpu_of_slot[MAX_SLOTS];
	struct bpf_engine *e = b;
	int ret = read_slots(e, out, vcpu_of_slot);

	if (!ret)
		ret = read_exits(e->skel->maps.exits, out, vcpu_of_slot);
	if (!ret)
		ret = read_exits(e->skel->maps.reserve, out, vcpu_of_slot);
	if (ret)
		return ret;
	progs_read(&e->progs, out);
	out->ledger.map_full += e->skel->bss->counts.slots_full;
	out->ledger.unknown_exits = e->skel->bss->counts.unknown_exits;
	return 0;
}

const struct engine_backend bpf_backend = {
	.name = "bpf",
	.open = bpf_open,
	.attach = bpf_attach,
	.detach = bpf_detach,
	.read = bpf_read,
	.close = bpf_close,
};
