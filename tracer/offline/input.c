// SPDX-License-Identifier: GPL-2.0
/* Which kind of file it is, and what all kinds have in common. */
#include "offline/input.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "offline/recordfile.h"

struct watch {
	const struct input_ops *ops;
	uint64_t told;		/* events said to be lost, one gap after the other */
};

static int pass_event(const struct kvm_event *e, void *arg)
{
	struct watch *w = arg;

	return w->ops->event(e, w->ops->arg);
}

static void pass_lost(uint64_t n, void *arg)
{
	struct watch *w = arg;

	w->told += n;
	w->ops->lost(n, w->ops->arg);
}

static int dispatch(struct reader *r, const struct input_ops *ops, struct input_info *info)
{
	char magic[8] = "";

	if (r->size == 0)
		return reader_fail(r, 0, "the file is empty; was the recording started?");
	if (reader_at(r, 0, magic, r->size < sizeof(magic) ? r->size : sizeof(magic)))
		return -EIO;
	if (!memcmp(magic, RECFILE_MAGIC, 8))
		return recfile_input(r, ops, info);
	if (!memcmp(magic, "PERFILE2", 8) || !memcmp(magic, "2ELIFREP", 8))
		return perfdata_input(r, ops, info);
	if (!memcmp(magic, "\x17\x08\x44traci", 8))
		return tracedat_input(r, ops, info);
	return reader_fail(r, 0, "neither a file of exitlab record, nor a perf.data, nor a trace.dat");
}

int input_read(const char *path, const struct input_ops *ops, struct input_info *info, char *why)
{
	struct watch w = { .ops = ops };
	struct input_ops watched = { pass_event, pass_lost, &w, ops->names };
	struct reader r;
	int ret = reader_open(&r, path);

	*info = (struct input_info){ 0 };
	if (!ret)
		ret = dispatch(&r, &watched, info);
	if (!ret && info->lost > w.told)
		ops->lost(info->lost - w.told, ops->arg);	/* nobody knows where */
	else if (!ret)
		info->lost = w.told;
	memcpy(why, r.why, sizeof(r.why));
	reader_close(&r);
	return ret;
}
