// SPDX-License-Identifier: GPL-2.0
/*
 * One engine for exits, chosen once, and the signals that were asked for beside it; started,
 * stopped and read together, so that all numbers are of one interval.
 */
#include "engine/engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "engine/backend.h"
#include "engine/signal.h"
#include "util/bpf_log.h"
#include "util/clock.h"
#include "util/log.h"

#define MAX_SIGNALS 8

struct engine {
	struct engine_opts opts;
	const struct engine_backend *backend;
	void *exits;			/* the backend's */
	const struct signal_ops *signal[MAX_SIGNALS];
	void *state[MAX_SIGNALS];
	size_t nr_signals;
	int stats_fd;			/* the kernel measures BPF programs while it is open */
	bool attached;
	uint64_t attached_ns, detached_ns;
};

static int open_backend(struct engine *e, const struct engine_backend *b)
{
	e->backend = b;
	return b->open(&e->opts, &e->exits);
}

/* BPF, or perf where BPF cannot; then the reason is no error, but worth a line. */
static int open_either(struct engine *e)
{
	char why[512];
	int ret, bpf;

	log_hold(true);
	bpf = open_backend(e, &bpf_backend);
	snprintf(why, sizeof(why), "%s", log_last_error());
	ret = bpf ? open_backend(e, &perf_backend) : 0;
	log_hold(false);
	if (bpf && !ret)
		info("%s; the perf engine counts instead", why);
	else if (ret)
		err("%s", why);
	return ret ? bpf : 0;
}

static int open_exits(struct engine *e)
{
	switch (e->opts.kind) {
	case ENGINE_BPF:
		return open_backend(e, &bpf_backend);
	case ENGINE_PERF:
		return open_backend(e, &perf_backend);
	default:
		/* Only BPF is linked into exitlab-point; and who asks for a rung asks for BPF. */
		return &perf_backend && !e->opts.rung ? open_either(e) :
							open_backend(e, &bpf_backend);
	}
}

/* Signals beside exits are BPF programs. */
static int refuse_signals(const struct engine *e)
{
	const struct signal_ops *const *s;
	int ret = 0;

	for (s = engine_signals; *s; s++) {
		if (!(e->opts.signals & (*s)->bit))
			continue;
		err("the signal '%s' takes BPF; the perf engine counts exits only", (*s)->name);
		ret = -EOPNOTSUPP;
	}
	return ret;
}

static int open_signals(struct engine *e)
{
	const struct signal_ops *const *s;
	int ret = 0;

	for (s = engine_signals; !ret && *s; s++) {
		if (!(e->opts.signals & (*s)->bit))
			continue;
		ret = (*s)->open(&e->opts, &e->state[e->nr_signals]);
		if (!ret)
			e->signal[e->nr_signals++] = *s;
	}
	return ret;
}

int engine_open(const struct engine_opts *opts, struct engine **out)
{
	struct engine *e = calloc(1, sizeof(*e));
	int ret;

	if (!e)
		return -ENOMEM;
	e->opts = *opts;
	e->stats_fd = -1;
	libbpf_set_print(bpf_log);
	ret = open_exits(e);
	if (!ret)
		ret = e->backend == &bpf_backend ? open_signals(e) : refuse_signals(e);
	if (ret) {
		engine_close(e);
		return ret;
	}
	*out = e;
	return 0;
}

int engine_attach(struct engine *e)
{
	size_t i;
	int ret = 0;

	engine_detach(e);
	if (e->opts.own_cost && e->backend == &bpf_backend)
		e->stats_fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
	/* Exits last: attaching the others can take long, and the duration is that of the exits. */
	for (i = 0; !ret && i < e->nr_signals; i++)
		ret = e->signal[i]->attach(e->state[i]);
	if (!ret)
		ret = e->backend->attach(e->exits);
	if (ret) {
		engine_detach(e);
		return ret;
	}
	e->attached = true;
	e->attached_ns = clock_ns();
	e->detached_ns = 0;
	return 0;
}

void engine_detach(struct engine *e)
{
	size_t i;

	if (!e)
		return;
	if (e->attached)
		e->detached_ns = clock_ns();
	e->attached = false;
	if (e->exits)
		e->backend->detach(e->exits);
	for (i = e->nr_signals; i > 0; i--)
		e->signal[i - 1]->detach(e->state[i - 1]);
	if (e->stats_fd >= 0)
		close(e->stats_fd);
	e->stats_fd = -1;
}

int engine_read(struct engine *e, struct trace_snapshot *out)
{
	size_t i;
	int ret;

	memset(out, 0, sizeof(*out));
	out->duration_ns = (e->detached_ns ? e->detached_ns : clock_ns()) - e->attached_ns;
	ret = e->backend->read(e->exits, out);
	for (i = 0; !ret && i < e->nr_signals; i++)
		ret = e->signal[i]->read(e->state[i], out);
	if (ret) {
		snapshot_free(out);
		return ret;
	}
	snapshot_sort(out);
	return 0;
}

void engine_close(struct engine *e)
{
	size_t i;

	if (!e)
		return;
	engine_detach(e);
	for (i = 0; i < e->nr_signals; i++)
		e->signal[i]->close(e->state[i]);
	if (e->exits)
		e->backend->close(e->exits);
	free(e);
}
