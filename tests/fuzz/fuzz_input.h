/* SPDX-License-Identifier: GPL-2.0 */
/* Any bytes through a reader of events, and what it finds through the counting. */
#ifndef EXITLAB_FUZZ_INPUT_H
#define EXITLAB_FUZZ_INPUT_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/replay.h"
#include "offline/input.h"
#include "tests/unit/memfile.h"

struct fuzz_state {
	struct replay *replay;
	uint64_t events, last, back;
};

static int fuzz_event(const struct kvm_event *e, void *arg)
{
	struct fuzz_state *s = arg;

	if (e->tid <= 0 || e->type > KVM_EVENT_FAST_MMIO)
		abort();
	s->events++;
	replay_event(s->replay, e);
	return 0;
}

static void fuzz_lost(uint64_t n, void *arg)
{
	replay_lost(((struct fuzz_state *)arg)->replay, n);
}

static void fuzz_input(const void *data, size_t size,
		       int (*input)(struct reader *, const struct input_ops *, struct input_info *))
{
	struct replay_opts o = { .detail = DETAIL_MSR | DETAIL_PORT | DETAIL_GPA };
	struct fuzz_state s = { .replay = replay_new(&o) };
	struct names names = { .root = "/nonexistent" };
	struct input_ops ops = { fuzz_event, fuzz_lost, &s, &names };
	struct trace_snapshot out = { 0 };
	struct input_info info = { 0 };
	struct reader r;
	int ret;

	if (!s.replay || reader_fd(&r, memfile(data, size)))
		abort();
	ret = input(&r, &ops, &info);
	/* A file that is refused is refused with a reason, in one line. */
	if ((ret == -EINVAL || ret == -ENODATA) && !r.why[0])
		abort();
	if (strchr(r.why, '\n') || info.events != s.events)
		abort();
	if (!replay_snapshot(s.replay, &out)) {
		snapshot_sort(&out);
		snapshot_free(&out);
	}
	reader_close(&r);
	replay_free(s.replay);
	names_free(&names);
}

#endif
