// SPDX-License-Identifier: GPL-2.0
/*
 * Writing files of events. A block is written with one call and, if that fails half-way, cut off
 * again: on a full disk the file ends with the last whole block, and the room of the broken one is
 * left for the ledger.
 */
#include "offline/recordfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>
#include <zlib.h>

#include "offline/layout.h"

/* Kept free for the blocks after the last event. */
#define RESERVE	65536u

struct recfile_writer {
	int fd;
	uint64_t bytes, max_bytes;
	uint32_t seq;
	size_t n;
	struct trace_event event[BLOCK_EVENTS];
	struct recfile_event disk[BLOCK_EVENTS];
	uint64_t written[NR_REC_TYPES];
};

/* All of it or nothing. */
static int append(struct recfile_writer *w, struct iovec *v, int n)
{
	uint64_t end = w->bytes;
	int ret;

	while (n > 0) {
		ssize_t got = pwritev(w->fd, v, n, (off_t)end);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			ret = got ? -errno : -EIO;
			if (ftruncate(w->fd, (off_t)w->bytes))
				return ret;	/* a reader finds out by the checksum */
			return ret;
		}
		end += (uint64_t)got;
		for (; n > 0 && (size_t)got >= v->iov_len; n--, v++)
			got -= (ssize_t)v->iov_len;
		if (n > 0) {
			v->iov_base = (char *)v->iov_base + got;
			v->iov_len -= (size_t)got;
		}
	}
	w->bytes = end;
	return 0;
}

static int put_block(struct recfile_writer *w, enum recfile_block type, uint64_t base_ns,
		     const void *data, size_t len)
{
	struct recfile_block_head h = { .magic = BLOCK_MAGIC, .type = type,
		.len = (uint32_t)len, .base_ns = base_ns, .seq = w->seq };
	struct iovec v[2] = { { &h, sizeof(h) }, { (void *)data, len } };
	int ret;

	if (len > BLOCK_MAX)
		return -EMSGSIZE;
	h.crc = (uint32_t)crc32(crc32(0, (void *)&h, sizeof(h)), data, (uInt)len);
	ret = append(w, v, 2);
	if (!ret)
		w->seq++;
	return ret;
}

int recfile_create(const char *path, uint64_t max_bytes, struct recfile_writer **out)
{
	struct recfile_head h = { RECFILE_MAGIC, RECFILE_VERSION, sizeof(h) };
	struct recfile_writer *w = calloc(1, sizeof(*w));
	struct iovec v = { &h, sizeof(h) };
	int ret;

	if (!w)
		return -ENOMEM;
	w->max_bytes = max_bytes;
	w->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	ret = w->fd < 0 ? -errno : append(w, &v, 1);
	if (ret) {
		recfile_close(w);
		return ret;
	}
	*out = w;
	return 0;
}

static int by_time(const void *x, const void *y)
{
	const struct trace_event *a = x, *b = y;

	return a->ts_ns < b->ts_ns ? -1 : a->ts_ns > b->ts_ns;
}

/* Mostly sorted already: insertion, which keeps equal ones in order. */
static void sort_events(struct trace_event *e, size_t n)
{
	size_t i, k;

	for (i = 1; i < n; i++) {
		struct trace_event x = e[i];

		for (k = i; k > 0 && by_time(&x, &e[k - 1]) < 0; k--)
			e[k] = e[k - 1];
		e[k] = x;
	}
}

int recfile_flush(struct recfile_writer *w)
{
	uint64_t base, len = w->n * sizeof(w->disk[0]);
	size_t i;
	int ret;

	if (!w->n)
		return 0;
	if (w->bytes + sizeof(struct recfile_block_head) + len + RESERVE > w->max_bytes)
		return -EFBIG;
	sort_events(w->event, w->n);
	base = w->event[0].ts_ns;
	for (i = 0; i < w->n; i++) {
		const struct trace_event *e = &w->event[i];

		w->disk[i] = (struct recfile_event){ .dt = (uint32_t)(e->ts_ns - base),
			.tid = e->tid, .a = e->a, .b = e->b, .c = e->c, .cpu = e->cpu,
			.vcpu = e->vcpu < 0 ? NO_VCPU : (uint16_t)e->vcpu, .vm = e->vm,
			.type = e->type, .flags = e->flags };
	}
	ret = put_block(w, RECFILE_EVENTS, base, w->disk, len);
	if (ret)
		return ret;
	for (i = 0; i < w->n; i++)
		w->written[w->event[i].type]++;
	w->n = 0;
	return 0;
}

int recfile_put_event(struct recfile_writer *w, const struct trace_event *e)
{
	int ret;

	/* @dt has 32 bits; the margin is for events that come later and are older. */
	if (w->n == BLOCK_EVENTS || (w->n && (e->ts_ns > w->event[0].ts_ns + 2000000000 ||
					      e->ts_ns + 2000000000 < w->event[0].ts_ns))) {
		ret = recfile_flush(w);
		if (ret)
			return ret;
	}
	w->event[w->n++] = *e;
	return 0;
}

int recfile_put_json(struct recfile_writer *w, enum recfile_block type, const json_t *o)
{
	char *text = json_dumps(o, JSON_COMPACT);
	int ret;
	if (!text)
		return -ENOMEM;
	ret = put_block(w, type, 0, text, strlen(text));
	free(text);
	return ret;
}

uint64_t recfile_bytes(const struct recfile_writer *w)
{
	return w->bytes;
}

uint64_t recfile_written(const struct recfile_writer *w, unsigned int type)
{
	return w->written[type];
}

int recfile_close(struct recfile_writer *w)
{
	int ret = 0;

	if (!w)
		return 0;
	if (w->fd >= 0 && close(w->fd))
		ret = -errno;
	free(w);
	return ret;
}
