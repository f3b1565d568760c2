// SPDX-License-Identifier: GPL-2.0
/*
 * The BPF engine: loads bpf/exits.bpf.c, attaches it, and turns its maps into a snapshot. Programs
 * and maps live by file descriptors only (nothing is pinned), so they vanish with the process,
 * however it ends.
 *
 * Which way an event is attached is planned from BTF (engine/rungs.h), and if the plan does not
 * load, one with lower rungs is tried: what a verifier accepts is known to itself alone.
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
#include "bpf/exits_plain.skel.h"
#include "engine/progs.h"
#include "engine/rungs.h"
#include "engine/tracefs.h"
#include "util/log.h"

struct bpf_engine {
	struct engine_opts opts;
	struct exits_bpf *skel;
	struct progs progs;
	enum engine_time time;
	unsigned int wanted;			/* bit for each event that is needed */
	enum rung plan[NR_RUNG_EVENTS];
};

/* ---- layout of records ---- */

static int no_events(const char *event, int e)
{
	if (e == -ENODEV)
		err("tracefs is not mounted; try: mount -t tracefs tracefs /sys/kernel/tracing");
	else if (e == -ENOENT)
		err("this kernel has no %s tracepoint; is the kvm module loaded?", event);
	else if (e == -EACCES || e == -EPERM)
		err("tracing needs root (CAP_BPF, CAP_PERFMON and read access to tracefs)");
	else
		err("cannot read the format of %s: %s", event, strerror(-e));
	return e == -ENOENT ? -EOPNOTSUPP : e;
}

/* Fields that the programs on the lowest rung read. */
struct wanted_field {
	enum rung_event event;
	const char *name;
	struct record_field *to;	/* a constant of the programs */
};

static int set_fields(const struct bpf_engine *e)
{
	struct exits_bpf__rodata *ro = e->skel->rodata;
	const struct wanted_field fields[] = {
		{ EVENT_ENTRY, "vcpu_id", &ro->entry_vcpu_id },
		{ EVENT_EXIT, "exit_reason", &ro->exit_reason },
		{ EVENT_EXIT, "isa", &ro->exit_isa },
		{ EVENT_MSR, "ecx", &ro->msr_ecx },
		{ EVENT_PIO, "rw", &ro->pio_rw },
		{ EVENT_PIO, "port", &ro->pio_port },
		{ EVENT_FAULT, "fault_address", &ro->fault_address },
		{ EVENT_MMIO, "gpa", &ro->mmio_gpa },
		{ EVENT_FAST_MMIO, "gpa", &ro->fast_gpa },
	};
	static char text[65536];
	char path[64];
	size_t i;
	int ret;

	for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const char *event = rung_event_name(fields[i].event);
		struct event_field at;

		if (!(e->wanted & 1u << fields[i].event) || e->plan[fields[i].event] != RUNG_TP)
			continue;
		snprintf(path, sizeof(path), "kvm/%s", event);
		ret = tracefs_format(path, text, sizeof(text));
		if (ret)
			return no_events(event, ret);
		if (format_field(text, fields[i].name, &at) || (at.size != 4 && at.size != 8)) {
			err("the %s tracepoint of this kernel has an unknown layout: no field %s", event,
			    fields[i].name);
			return -EOPNOTSUPP;
		}
		*fields[i].to = (struct record_field){ at.offset, at.size };
	}
	return 0;
}

/* ---- loading ---- */

static struct bpf_program *program_of(struct exits_bpf *s, enum rung_event e, enum rung r)
{
#define RUNGS(name) { s->progs.name##_tp_btf, s->progs.name##_raw_tp, s->progs.name##_tp }
	struct bpf_program *const all[NR_RUNG_EVENTS][NR_RUNGS] = {
		[EVENT_ENTRY] = RUNGS(entry), [EVENT_EXIT] = RUNGS(exit),
		[EVENT_MSR] = RUNGS(msr), [EVENT_PIO] = RUNGS(pio),
		[EVENT_FAULT] = RUNGS(fault), [EVENT_MMIO] = RUNGS(mmio),
		[EVENT_FAST_MMIO] = RUNGS(fast),
	};
	return all[e][r];
}

/* The same where not every exit is timed. */
static struct bpf_program *fast_program_of(struct exits_bpf *s, enum rung_event e, enum rung r)
{
	struct bpf_program *const all[2][NR_RUNGS] = {
		[EVENT_ENTRY] = RUNGS(fast_entry), [EVENT_EXIT] = RUNGS(fast_exit),
	};
#undef RUNGS
	if (e == EVENT_EXIT && s->rodata->reason_in_args && r < RUNG_TP)
		return r == RUNG_TP_BTF ? s->progs.fast_old_exit_tp_btf :
					  s->progs.fast_old_exit_raw_tp;
	return all[e][r];
}

static void choose_programs(struct bpf_engine *e)
{
	struct bpf_program *p;
	unsigned int i;

	e->progs.n = 0;
	bpf_object__for_each_program(p, e->skel->obj)
		bpf_program__set_autoload(p, false);
	for (i = 0; i < NR_RUNG_EVENTS; i++) {
		if (!(e->wanted & 1u << i))
			continue;
		p = e->time == TIME_ALL ? program_of(e->skel, i, e->plan[i]) :
					  fast_program_of(e->skel, i, e->plan[i]);
		bpf_program__set_autoload(p, true);
		progs_add(&e->progs, p, rung_event_name(i), rung_name(e->plan[i]));
	}
}

/* Numbers for as many reasons as that many CPUs may bring: 2.3 kB each. */
static int size_maps(struct exits_bpf *s)
{
	int cpus = libbpf_num_possible_cpus(), ret;
	__u32 n = cpus > 0 ? 256u * (__u32)cpus : 0;

	n = n < 2048 ? 2048 : n > 32 * MAX_SLOTS ? 32 * MAX_SLOTS : n;
	ret = bpf_map__set_max_entries(s->maps.exits, n);
	if (!ret)
		ret = bpf_map__set_max_entries(s->maps.values, n);
	return ret ? ret : bpf_map__set_max_entries(s->maps.free_values, n);
}

static int fill_queue(const struct bpf_map *queue)
{
	__u32 i, n = bpf_map__max_entries(queue);

	for (i = 0; i < n; i++)
		if (bpf_map_update_elem(bpf_map__fd(queue), NULL, &i, BPF_ANY))
			return -errno;
	return 0;
}

/* exits.bpf.c, compiled for this kernel: the two differ in code only. NULL and errno. */
static struct exits_bpf *open_programs(const struct rung_facts *facts)
{
	struct exits_bpf *s = calloc(1, sizeof(*s));
	int ret = s ? exits_bpf__create_skeleton(s) : -ENOMEM;

	if (!ret) {
		if (!facts->casts)
			s->skeleton->data = exits_plain_bpf__elf_bytes(&s->skeleton->data_sz);
		ret = bpf_object__open_skeleton(s->skeleton, NULL);
	}
	if (!ret)
		return s;
	exits_bpf__destroy(s);
	errno = -ret;
	return NULL;
}

/* Opens and loads by e->plan. */
static int try_load(struct bpf_engine *e, const struct rung_facts *facts)
{
	int ret;

	e->skel = open_programs(facts);
	if (!e->skel)
		return -errno;
	e->skel->rodata->target_vm = (unsigned int)e->opts.pid;
	e->skel->rodata->reason_in_args = rungs_reason_in_args(facts);
	e->skel->rodata->fault_has_vcpu = rungs_fault_has_vcpu(facts);
	e->skel->rodata->time_every = e->time == TIME_EVERY ? e->opts.time_every : 0;
	e->skel->rodata->time_off = e->time == TIME_OFF;
	if (e->opts.cpus) {
		e->skel->rodata->only_some_cpus = 1;
		memcpy((void *)e->skel->rodata->cpu_mask, e->opts.cpus->mask,
		       sizeof(e->opts.cpus->mask));
	}
	choose_programs(e);
	ret = set_fields(e);
	if (!ret)
		ret = size_maps(e->skel);
	if (!ret)
		ret = exits_bpf__load(e->skel);
	if (!ret)
		ret = fill_queue(e->skel->maps.free_slots);
	if (!ret)
		ret = fill_queue(e->skel->maps.free_values);
	if (ret) {
		exits_bpf__destroy(e->skel);
		e->skel = NULL;
	}
	return ret;
}

static unsigned int wanted_events(unsigned int details)
{
	unsigned int e = 1u << EVENT_ENTRY | 1u << EVENT_EXIT;

	if (details & DETAIL_MSR)
		e |= 1u << EVENT_MSR;
	if (details & DETAIL_PORT)
		e |= 1u << EVENT_PIO;
	if (details & DETAIL_GPA)
		e |= 1u << EVENT_FAULT | 1u << EVENT_MMIO | 1u << EVENT_FAST_MMIO;
	return e;
}

/* From the best rung down, until one plan loads. 0 or negative errno, which may not be told yet. */
static int load_best(struct bpf_engine *e, const struct rung_force *force)
{
	struct rung_facts facts;
	int ret = -EINVAL;
	char why[200];
	unsigned int best;

	rungs_learn_host(&facts);
	for (best = RUNG_TP_BTF; best < NR_RUNGS; best++) {
		enum rung before[NR_RUNG_EVENTS];

		memcpy(before, e->plan, sizeof(before));
		if (rungs_plan(&facts, force, e->wanted, best, e->plan, why, sizeof(why))) {
			err("%s", why);
			return -EOPNOTSUPP;
		}
		if (best > RUNG_TP_BTF && !memcmp(before, e->plan, sizeof(before)))
			continue;
		ret = try_load(e, &facts);
		/* What is not there is not there on other rungs, either. */
		if (!ret || ret == -EOPNOTSUPP || ret == -ENODEV)
			return ret;
		verb("kvm_entry by %s, kvm_exit by %s: %s", rung_name(e->plan[EVENT_ENTRY]),
		     rung_name(e->plan[EVENT_EXIT]), strerror(-ret));
	}
	return ret;
}

static int bpf_open(const struct engine_opts *opts, void **out)
{
	const char *forced = opts->rung ? opts->rung : getenv("EXITLAB_RUNG");
	struct bpf_engine *e = calloc(1, sizeof(*e));
	struct rung_force force;
	int ret;

	if (!e)
		return -ENOMEM;
	e->opts = *opts;
	e->wanted = wanted_events(opts->details);
	/* What comes between exit and entry, or must be known of each, takes the other programs. */
	e->time = opts->details || opts->cpus || opts->signals & SIGNAL_ACCOUNT ? TIME_ALL :
									   opts->time;
	ret = rungs_parse(forced, &force);
	if (ret) {
		err("'%s' is not a rung: tp_btf, raw_tp, tp, or EVENT=RUNG, with commas between", forced);
		free(e);
		return ret;
	}
	ret = load_best(e, &force);
	if (!ret) {
		*out = e;
		return 0;
	}
	/* A verifier that refuses says EACCES, too. */
	if (ret == -EPERM || (ret == -EACCES && geteuid() != 0))
		err("loading BPF programs is not permitted; it takes root, or CAP_BPF and CAP_PERFMON");
	else if (ret != -EOPNOTSUPP && ret != -ENODEV)
		err("the tracing programs do not load on this kernel: %s (-vv shows why)",
		    strerror(-ret));
	free(e);
	return ret;
}

/* ---- from zero ---- */

/* Gives the numbers of all reasons back. */
static int reset_values(const struct exits_bpf *s)
{
	static const struct exit_val zero;
	int exits = bpf_map__fd(s->maps.exits), values = bpf_map__fd(s->maps.values);
	struct exit_key key;
	__u32 i;

	while (!bpf_map_get_next_key(exits, NULL, &key)) {
		if (bpf_map_lookup_elem(exits, &key, &i) ||
		    bpf_map_update_elem(values, &i, &zero, BPF_ANY) ||
		    bpf_map_update_elem(bpf_map__fd(s->maps.free_values), NULL, &i, BPF_ANY) ||
		    bpf_map_delete_elem(exits, &key))
			return -errno;
	}
	return 0;
}

static int reset_slots(const struct exits_bpf *s, bool fast)
{
	int keys = bpf_map__fd(s->maps.slot_of_key), of = bpf_map__fd(s->maps.slot_of);
	struct slot_key key;
	__u64 who;
	__u32 i;

	while (!bpf_map_get_next_key(of, NULL, &who))
		if (bpf_map_delete_elem(of, &who))
			return -errno;
	while (!bpf_map_get_next_key(keys, NULL, &key)) {
		if (bpf_map_lookup_elem(keys, &key, &i) ||
		    bpf_map_update_elem(bpf_map__fd(s->maps.free_slots), NULL, &i, BPF_ANY) ||
		    bpf_map_delete_elem(keys, &key))
			return -errno;
		memset(&s->bss->slots[i], 0, sizeof(s->bss->slots[i]));
	}
	for (i = 0; fast && i < MAX_SLOTS * CACHE_SIZE; i++)
		s->bss->slots[i / CACHE_SIZE].cache[i % CACHE_SIZE].reason = NO_REASON;
	return 0;
}

static int bpf_attach(void *b)
{
	struct bpf_engine *e = b;
	int ret = reset_values(e->skel);

	if (!ret)
		ret = reset_slots(e->skel, e->time != TIME_ALL);
	if (ret)
		return ret;
	memset(&e->skel->bss->counts, 0, sizeof(e->skel->bss->counts));
	return progs_attach(&e->progs);
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
	struct exit_stat *r;
	__u32 i;

	out->vcpus = calloc(MAX_SLOTS, sizeof(out->vcpus[0]));
	if (!out->vcpus)
		return -ENOMEM;
	for (i = 0; i < MAX_SLOTS; i++) {
		struct vcpu_trace *v = &out->vcpus[out->nr_vcpus];
		struct slot s = e->skel->bss->slots[i];

		vcpu_of_slot[i] = -1;
		if (!s.key.vm)
			continue;
		vcpu_of_slot[i] = (int)out->nr_vcpus++;
		*v = (struct vcpu_trace){ .vm = (pid_t)s.key.vm, .vm_key = s.key.kvm,
			.vcpu = s.key.vcpu, .tid = (pid_t)s.tid, .entries = s.entries,
			.exits = s.exits, .guest_ns = s.guest_ns,
			.other_cpus = s.other_cpus };
		if (e->time != TIME_ALL) {
			/* The others are counted by reason. */
			v->exits = s.map_full;
			v->guest_timed = s.times.guest_timed;
			v->guest_more = s.times.guest_weight - s.times.guest_timed;
		}
		out->ledger.events += s.entries + v->exits;
		out->ledger.map_full += s.map_full;
		out->ledger.other_cpus += s.other_cpus;
		out->ledger.detail_full += s.detail_full;
		out->ledger.unmatched_entries += s.unmatched_entries;
		out->ledger.unmatched_exits += s.unmatched_exits;
		/* The exit that is being handled right now has not been booked yet. */
		if (s.pair.where == PAIR_IN_HOST && e->time == TIME_ALL) {
			r = find_reason(v, s.isa, s.reason, s.detail);
			if (!r)
				return -ENOMEM;
			r->count++;
		}
	}
	return 0;
}

/* Exits of the kind with number @value that are not in its sums yet. */
static uint64_t cached_count(const struct slot *s, __u32 value)
{
	size_t i;

	for (i = 0; i < CACHE_SIZE; i++) {
		const volatile struct cached_value *c = &s->cache[i];
		uint64_t n;

		if (c->value != value + 1)
			continue;
		n = c->count;
		/* Another kind may have taken its place meanwhile. */
		return c->value == value + 1 ? n : 0;
	}
	return 0;
}

/*
 * Where not every exit is timed, the count is in two places. The order of reading is such that an
 * exit may be missed that happens just now, but none is seen twice, nor taken for one not chosen.
 */
static void read_sampled(struct bpf_engine *e, const struct exit_key *key, __u32 value,
			 struct vcpu_trace *v, struct exit_stat *r)
{
	struct exit_val val;

	r->count += cached_count(&e->skel->bss->slots[key->slot], value);
	v->exits += r->count;
	if (bpf_map_lookup_elem(bpf_map__fd(e->skel->maps.values), &value, &val))
		return;
	r->skipped = r->count > val.chosen ? r->count - val.chosen : 0;
	v->skipped += r->skipped;
}

static int read_exits(struct bpf_engine *e, struct trace_snapshot *out, const int *vcpu_of_slot)
{
	int fd = bpf_map__fd(e->skel->maps.exits), values = bpf_map__fd(e->skel->maps.values);
	struct exit_key key, *prev = NULL;
	struct exit_val val;
	__u32 i;

	while (!bpf_map_get_next_key(fd, prev, &key)) {
		struct vcpu_trace *v;
		struct exit_stat *r;

		prev = &key;
		if (bpf_map_lookup_elem(fd, &key, &i) || bpf_map_lookup_elem(values, &i, &val))
			continue;
		if (key.slot >= MAX_SLOTS || vcpu_of_slot[key.slot] < 0)
			continue;
		v = &out->vcpus[vcpu_of_slot[key.slot]];
		r = find_reason(v, key.isa, key.reason, key.detail);
		if (!r)
			return -ENOMEM;
		r->count += val.count;
		r->timed = val.timed;
		r->total_ns = val.total_ns;
		r->min_ns = val.min_ns;
		r->max_ns = val.max_ns;
		r->hist = val.hist;
		if (e->time != TIME_ALL) {
			r->weight_more = val.weight - val.timed;
			r->square_more = val.square - val.timed;
			read_sampled(e, &key, i, v, r);
			out->ledger.events += r->count;
		}
	}
	return 0;
}

static int bpf_read(void *b, struct trace_snapshot *out)
{
	static int vcpu_of_slot[MAX_SLOTS];
	struct bpf_engine *e = b;
	int ret = read_slots(e, out, vcpu_of_slot);

	if (!ret)
		ret = read_exits(e, out, vcpu_of_slot);
	if (ret)
		return ret;
	progs_read(&e->progs, out);
	out->time = e->time;
	out->time_every = e->opts.time_every;
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
