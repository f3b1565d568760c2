// SPDX-License-Identifier: GPL-2.0
/*
 * Reading files of events.
 *
 * The hard part is the end. A writer that was killed leaves a piece of a block, or zeros where the
 * file system had not got to it: that is a file cut short, and what is before is good. A whole
 * block with a wrong checksum is something else, damage, and nobody should count on such a file.
 */
#include "offline/recordfile.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "offline/layout.h"
#include "offline/sorter.h"

struct reading {
	struct reader *r;
	const struct recfile_ops *ops;
	void *arg;
	struct sorter *order;
	uint64_t newest, newest_before;	/* times of this and of the last block of events */
	uint32_t seq;
	unsigned char *buf;	/* content of the block; @room bytes */
	size_t room;
};

static int check_head(struct reader *r, uint64_t *first)
{
	struct recfile_head h;
	int ret = reader_at(r, 0, &h, sizeof(h));

	if (ret)
		return ret;
	if (memcmp(h.magic, RECFILE_MAGIC, sizeof(h.magic)))
		return reader_fail(r, 0, "this is no file of exitlab record");
	if (h.version != RECFILE_VERSION)
		return reader_fail(r, 8, "the file has version %u, this program reads version %u; use "
				   "the exitlab that wrote it", h.version, RECFILE_VERSION);
	if (h.size < sizeof(h) || h.size > 4096)
		return reader_fail(r, 12, "the head cannot be %u bytes long; the file is damaged",
				   h.size);
	*first = h.size;
	return 0;
}

static bool all_zero(const void *p, size_t n)
{
	const unsigned char *c = p;

	while (n > 0 && !*c)
		c++, n--;
	return n == 0;
}

static int make_room(struct reading *x, size_t n)
{
	unsigned char *more;

	if (n < x->room)
		return 0;
	more = realloc(x->buf, n + 1);
	if (!more)
		return -ENOMEM;
	x->buf = more;
	x->room = n + 1;
	return 0;
}

/* The next block's head and content. 1: there is one; 0: the file ends (cut: before this block was
 * whole); negative errno. */
static int next_block(struct reading *x, uint64_t off, struct recfile_block_head *h, bool *cut)
{
	struct reader *r = x->r;
	uint32_t crc;
	int ret;

	*cut = off < r->size;
	if (off >= r->size || r->size - off < sizeof(*h))
		return 0;
	ret = reader_at(r, off, h, sizeof(*h));
	if (ret)
		return ret;
	if (all_zero(h, sizeof(*h)))
		return 0;
	if (h->magic != BLOCK_MAGIC || h->len > BLOCK_MAX)
		return reader_fail(r, off, "no block begins here; the file is damaged, record again");
	if (h->len > r->size - off - sizeof(*h))
		return 0;
	ret = make_room(x, h->len);
	if (!ret)
		ret = reader_at(r, off + sizeof(*h), x->buf, h->len);
	if (ret)
		return ret;
	crc = h->crc;
	h->crc = 0;
	if ((uint32_t)crc32(crc32(0, (void *)h, sizeof(*h)), x->buf, h->len) != crc) {
		/* The head was written, its data had not reached the disk. */
		if (off + sizeof(*h) + h->len == r->size && h->len && all_zero(x->buf, h->len))
			return 0;
		return reader_fail(r, off, "the checksum of block %u is wrong; the file is damaged, "
				   "record again", h->seq);
	}
	if (h->seq != x->seq)
		return reader_fail(r, off, "block %u is where block %u should be; the file is damaged, "
				   "record again", h->seq, x->seq);
	*cut = false;
	return 1;
}

static int give(struct reading *x, uint64_t until)
{
	struct trace_event e;
	int ret = 0;

	while (!ret && sorter_take(x->order, until, &e))
		ret = x->ops->event ? x->ops->event(&e, x->arg) : 0;
	return ret < 0 ? ret : 0;
}

static int read_events(struct reading *x, uint64_t off, const struct recfile_block_head *h)
{
	size_t i, n = h->len / sizeof(struct recfile_event);
	int ret;

	if (h->len % sizeof(struct recfile_event))
		return reader_fail(x->r, off, "a block of events is %u bytes long, no multiple of %zu; "
				   "the file is damaged", h->len, sizeof(struct recfile_event));
	/* Nothing that comes now is older than the block before the last one: no CPU holds an event
	 * back that long. */
	x->newest_before = x->newest;
	for (i = 0; i < n; i++) {
		struct recfile_event d;
		struct trace_event e;

		memcpy(&d, x->buf + i * sizeof(d), sizeof(d));
		if (d.type >= NR_REC_TYPES)
			return reader_fail(x->r, off, "event %zu of the block is of the unknown kind %u; "
					   "the file is damaged", i, d.type);
		e = (struct trace_event){ .ts_ns = h->base_ns + d.dt, .a = d.a, .b = d.b, .c = d.c,
			.tid = d.tid, .cpu = d.cpu, .vm = d.vm, .type = d.type, .flags = d.flags,
			.vcpu = d.vcpu > INT16_MAX ? -1 : (int16_t)d.vcpu };
		if (e.ts_ns > x->newest)
			x->newest = e.ts_ns;
		ret = sorter_put(x->order, e.ts_ns, &e);
		if (ret)
			return ret;
	}
	return give(x, x->newest_before);
}

static int read_json(struct reading *x, uint64_t off, const struct recfile_block_head *h)
{
	json_error_t e;
	json_t *o = json_loadb((const char *)x->buf, h->len, JSON_REJECT_DUPLICATES, &e);
	int ret = 0;

	if (!json_is_object(o)) {
		json_decref(o);
		return reader_fail(x->r, off, "the text of the block is no JSON object; the file is "
				   "damaged");
	}
	if (x->ops->json)
		ret = x->ops->json(h->type, o, x->arg);
	json_decref(o);
	return ret < 0 ? ret : 0;
}

static int read_blocks(struct reading *x, uint64_t off, struct recfile_end *end)
{
	struct recfile_block_head h;
	int ret;

	for (;; off += sizeof(h) + h.len, x->seq++) {
		ret = next_block(x, off, &h, &end->cut);
		end->cut_at = off;
		if (ret <= 0)
			return ret;
		if (x->seq == 0 && h.type != RECFILE_INFO)
			return reader_fail(x->r, off, "the file does not begin with a block about the "
					   "host; it is damaged");
		/* Kinds of blocks may be added; who does not know one leaves it out. */
		if (h.type == RECFILE_EVENTS)
			ret = read_events(x, off, &h);
		else if (h.type <= RECFILE_LEDGER)
			ret = read_json(x, off, &h);
		if (ret < 0)
			return ret;
	}
}

int recfile_read(struct reader *r, const struct recfile_ops *ops, void *arg,
		 struct recfile_end *end)
{
	struct reading *x = calloc(1, sizeof(*x));
	uint64_t off = 0;
	int ret = check_head(r, &off);

	*end = (struct recfile_end){ 0 };
	if (x)
		x->order = sorter_new(sizeof(struct trace_event));
	if (!ret && (!x || !x->order))
		ret = -ENOMEM;
	if (!ret) {
		x->r = r;
		x->ops = ops;
		x->arg = arg;
		ret = read_blocks(x, off, end);
	}
	if (!ret)
		ret = give(x, UINT64_MAX);
	if (x) {
		sorter_free(x->order);
		free(x->buf);
	}
	free(x);
	return ret;
}
