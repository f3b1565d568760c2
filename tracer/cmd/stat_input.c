// SPDX-License-Identifier: GPL-2.0
/*
 * exitlab stat -i: events of a file through the rules that the programs in the kernel follow
 * (core/replay.h), printed as a live measurement. Time is the file's, so an interval ends when the
 * first event behind it comes.
 */
#include "cmd/stat_input.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/stat_print.h"
#include "core/replay.h"
#include "offline/input.h"
#include "out/delta.h"
#include "util/log.h"

/* What event() returns when everything that was asked for has been read. */
#define ENOUGH	(-ECANCELED)

struct stat_file {
	const struct stat_options *o;
	struct input_info info;
	struct replay *replay;
	struct delta *delta;	/* NULL = no intervals */
	struct names names;
	struct stat_print print;
	bool started;
	uint64_t start, now, end;	/* ns of the file's clock; @end UINT64_MAX = none */
	unsigned int interval;	/* the one under way: 1, 2, ... */
};

static uint64_t ns(double seconds)
{
	return (uint64_t)(seconds * 1e9);
}

static int snapshot(struct stat_file *f, struct trace_snapshot *out)
{
	int ret;

	*out = (struct trace_snapshot){ .duration_ns = f->now - f->start, .nr_probes = 1 };
	snprintf(out->probes[0].name, sizeof(out->probes[0].name), "file");
	snprintf(out->probes[0].rung, sizeof(out->probes[0].rung), "%s", f->info.format);
	f->print.at = f->info.start_time + (double)out->duration_ns / 1e9;
	ret = replay_snapshot(f->replay, out);
	if (ret)
		return ret;
	snapshot_sort(out);
	return 0;
}

static int show_interval(struct stat_file *f, bool final)
{
	struct trace_snapshot all, step = { 0 };
	int ret = snapshot(f, &all);

	if (!ret)
		ret = delta_step(f->delta, &all, final, &step);
	if (!ret) {
		filter_apply(&f->o->filter, &step, &f->names);
		ret = stat_print_interval(&f->print, &step, f->interval++);
	}
	snapshot_free(&step);
	snapshot_free(&all);
	return ret;
}

static uint64_t interval_end(const struct stat_file *f)
{
	return f->start + (uint64_t)f->interval * ns(f->o->interval_s);
}

static void start(struct stat_file *f, uint64_t first)
{
	const struct stat_options *o = f->o;
	double seconds = o->duration_s;

	f->started = true;
	f->start = f->info.start_ns && f->info.start_ns <= first ? f->info.start_ns : first;
	f->now = f->start;
	if (o->count && (seconds <= 0 || o->count * o->interval_s < seconds))
		seconds = o->count * o->interval_s;
	f->end = seconds > 0 ? f->start + ns(seconds) : UINT64_MAX;
}

static int take_event(const struct kvm_event *e, void *arg)
{
	struct stat_file *f = arg;
	int ret = 0;

	if (!f->started)
		start(f, e->ts_ns);
	/* One that ends with the measurement is the last one, and shown at its end. */
	while (!ret && f->delta && e->ts_ns >= interval_end(f) && interval_end(f) < f->end) {
		f->now = interval_end(f);
		ret = show_interval(f, false);
	}
	if (ret)
		return ret;
	if (e->ts_ns >= f->end)
		return ENOUGH;
	replay_event(f->replay, e);
	if (e->ts_ns > f->now)
		f->now = e->ts_ns;
	return 0;
}

static void take_lost(uint64_t n, void *arg)
{
	replay_lost(((struct stat_file *)arg)->replay, n);
}

static json_t *about(const struct stat_file *f, uint64_t exits)
{
	const struct input_info *i = &f->info;
	json_t *o = json_pack("{s:s, s:s, s:s*, s:I, s:I, s:b, s:I, s:b, s:s}", "file", f->o->input,
		"format", i->format, "kernel", i->kernel[0] ? i->kernel : NULL,
		"kvm_events", (json_int_t)i->events, "lost", (json_int_t)i->lost,
		"lost_unknown", i->lost_unknown, "skipped_by_kernel", (json_int_t)i->skipped,
		"cut_short", i->cut, "pids", i->pids ? i->pids : "processes");

	o = json_pack("{s:o, s:I, s:s}", "input", o, "exits", (json_int_t)exits, "clock",
		      strcmp(i->format, "exitlab-trace") ? "as recorded" : "CLOCK_MONOTONIC");
	if (o && i->lost_unknown)
		json_object_set_new(o, "ledger", json_pack("{s:n, s:s}", "lost", "lost_why",
			"the file says that events were lost, not how many"));
	return o;
}

/* What people should know of the file, beside its numbers. */
static void say(const struct stat_file *f, uint64_t exits)
{
	const struct input_info *i = &f->info;

	if (i->cut)
		info("%s is cut short at offset 0x%" PRIx64 ": what is before was read",
		     f->o->input, i->cut_at);
	if (i->lost)
		info("%s lacks %" PRIu64 " events that were lost when it was recorded", f->o->input,
		     i->lost);
	else if (i->lost_unknown)
		info("%s lacks events that were lost when it was recorded, nobody knows how many",
		     f->o->input);
	if (i->pids)
		info("a %s names threads: each vCPU's thread is shown as a VM of its own", i->format);
	if (!exits)
		info("%s has no kvm_exit%s", f->o->input, i->events ? " of these VMs, but other events "
		     "of KVM" : "");
}

static uint64_t count_exits(const struct trace_snapshot *s)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < s->nr_vcpus; i++)
		n += s->vcpus[i].exits;
	return n;
}

static int answer(struct stat_file *f)
{
	struct trace_snapshot total = { 0 };
	uint64_t exits = 0;
	int ret = 0;

	if (!f->started)
		start(f, f->info.start_ns);
	/* The recording ended later than its last event, unless less was asked for. */
	if (f->info.end_ns > f->now)
		f->now = f->info.end_ns < f->end ? f->info.end_ns : f->end;
	if (f->delta)
		ret = show_interval(f, true);
	if (!ret)
		ret = snapshot(f, &total);
	if (!ret) {
		total.ledger.recursion_missed += f->info.skipped;
		filter_apply(&f->o->filter, &total, &f->names);
		exits = count_exits(&total);
		f->print.more = about(f, exits);
		ret = f->print.more ? stat_print_total(&f->print, &total, true) : -ENOMEM;
		json_decref(f->print.more);
	}
	snapshot_free(&total);
	if (ret) {
		err("cannot write the result: %s", strerror(-ret));
		return EX_FAIL;
	}
	say(f, exits);
	return EX_OK;
}

static int bad(const char *what)
{
	err("stat: %s cannot be used with -i; see exitlab stat --help", what);
	return EX_INPUT;
}

static int check(const struct stat_options *o)
{
	if (o->command)
		return bad("a command");
	if (o->cost)
		return bad("--cost");
	if (o->time == TIME_EVERY || o->time == TIME_OFF)
		return bad("--time");
	if (o->filter.cgroup[0])
		return bad("--cgroup");
	if (o->signals & ~(unsigned int)SIGNAL_EXITS)
		return bad("--signals other than exits");
	return EX_OK;
}

static int read_file(struct stat_file *f)
{
	struct input_ops ops = { take_event, take_lost, f, &f->names };
	char why[sizeof(((struct reader *)0)->why)];
	int ret = input_read(f->o->input, &ops, &f->info, why);

	if (!ret || ret == ENOUGH)
		return answer(f);
	if (why[0])
		err("%s: %s", f->o->input, why);
	else
		err("%s: %s", f->o->input, strerror(-ret));
	return why[0] ? EX_INPUT : EX_FAIL;
}

int stat_input(const struct stat_options *o)
{
	struct replay_opts ro = { .pid = o->pid, .detail = o->details,
				  .cpus = o->some_cpus ? &o->cpus : NULL };
	/* Nobody who lives now is in the file: no look into /proc. */
	struct stat_file f = { .o = o, .names = { .root = "/nonexistent" }, .interval = 1,
			       .end = UINT64_MAX };
	int ret = check(o);

	if (ret)
		return ret;
	f.replay = replay_new(&ro);
	f.delta = o->interval_s > 0 ? delta_new() : NULL;
	if (!f.replay || (o->interval_s > 0 && !f.delta)) {
		err("out of memory");
		ret = EX_FAIL;
		goto out;
	}
	ret = stat_print_open(&f.print, o, NULL, names_name, &f.names);
	if (ret) {
		err("%s: %s", o->output, strerror(-ret));
		ret = EX_INPUT;
		goto out;
	}
	ret = read_file(&f);
out:
	stat_print_close(&f.print);
	delta_free(f.delta);
	replay_free(f.replay);
	names_free(&f.names);
	return ret;
}
