// SPDX-License-Identifier: GPL-2.0
/*
 * The records of perf.data: samples of KVM's tracepoints, losses, names of processes.
 *
 * The hard part is the order. perf writes the buffers of the CPUs one after the other; after each
 * round a record says so. What is older than the newest event of the round before last cannot come
 * any more, so until then, and no longer, events wait.
 *
 * With perf record -z what the kernel wrote is in records of another kind, compressed: one stream
 * through all of them, in which a record may begin in one piece and end in the next.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zstd.h>

#include "offline/input.h"
#include "offline/sorter.h"
#include "offline/perfdata.h"

/* Records that perf itself makes (tools/lib/perf/include/perf/event.h). */
enum { REC_FINISHED_ROUND = 68, REC_AUXTRACE = 71, REC_COMPRESSED = 81, REC_COMPRESSED2 = 83 };

#define MISC_LOST_BY_FILTER (1u << 15)	/* PERF_RECORD_LOST_SAMPLES: dropped on purpose */

/* What waits for its turn. */
struct item {
	struct kvm_event e;
	uint64_t lost;		/* > 0: so many were lost here, and there is no event */
};

struct reading {
	struct perf_file f;
	const struct input_ops *ops;
	struct input_info *info;
	struct sorter *order;
	uint64_t round, newest;		/* newest event at the end of the last round, and at all */
	uint64_t lost, lost_samples;	/* two counts of the same thing */
	unsigned char buf[65536];
	ZSTD_DStream *zstd;		/* NULL: nothing was compressed */
	unsigned char plain[4 * 65536];	/* decompressed, of which */
	size_t nr_plain;		/* so many bytes are not a whole record yet */
};

/* What a sample says besides its raw data. */
struct sample {
	uint64_t id, time;
	uint32_t pid, tid, cpu, raw_size;
	const unsigned char *raw;
};

struct walk {
	const unsigned char *p, *end;
};

static uint64_t take(struct walk *w, size_t size, int *bad)
{
	uint64_t v = 0;

	if (size > (size_t)(w->end - w->p)) {
		*bad = -EINVAL;
		w->p = w->end;
		return 0;
	}
	memcpy(&v, w->p, size);
	w->p += size;
	return v;
}

static void pass(struct walk *w, uint64_t n, int *bad)
{
	if (n > (uint64_t)(w->end - w->p)) {
		*bad = -EINVAL;
		n = (uint64_t)(w->end - w->p);
	}
	w->p += n;
}

/* PERF_SAMPLE_READ: the counter's value, of one or of a group. */
static void pass_read(struct walk *w, uint64_t format, int *bad)
{
	uint64_t times = !!(format & PERF_FORMAT_TOTAL_TIME_ENABLED) +
			 !!(format & PERF_FORMAT_TOTAL_TIME_RUNNING);
	uint64_t each = 1 + !!(format & PERF_FORMAT_ID) + !!(format & PERF_FORMAT_LOST), n = 1;

	if (format & PERF_FORMAT_GROUP)
		n = take(w, 8, bad);
	pass(w, 8 * times, bad);
	if (n > 65536)
		*bad = -EINVAL;
	else
		pass(w, 8 * n * each, bad);
}

/* In the order of perf_event_open(2). */
static int parse_sample(const struct perf_event_attr *a, struct walk w, struct sample *s)
{
	uint64_t t = a->sample_type;
	int bad = 0;

	*s = (struct sample){ .cpu = UINT32_MAX };
	if (t & PERF_SAMPLE_IDENTIFIER)
		s->id = take(&w, 8, &bad);
	if (t & PERF_SAMPLE_IP)
		take(&w, 8, &bad);
	if (t & PERF_SAMPLE_TID) {
		s->pid = (uint32_t)take(&w, 4, &bad);
		s->tid = (uint32_t)take(&w, 4, &bad);
	}
	if (t & PERF_SAMPLE_TIME)
		s->time = take(&w, 8, &bad);
	if (t & PERF_SAMPLE_ADDR)
		take(&w, 8, &bad);
	if (t & PERF_SAMPLE_ID)
		s->id = take(&w, 8, &bad);
	if (t & PERF_SAMPLE_STREAM_ID)
		take(&w, 8, &bad);
	if (t & PERF_SAMPLE_CPU)
		s->cpu = (uint32_t)take(&w, 8, &bad);
	if (t & PERF_SAMPLE_PERIOD)
		take(&w, 8, &bad);
	if (t & PERF_SAMPLE_READ)
		pass_read(&w, a->read_format, &bad);
	if (t & PERF_SAMPLE_CALLCHAIN) {
		uint64_t n = take(&w, 8, &bad);

		if (n > 65536 / 8)
			bad = -EINVAL;
		else
			pass(&w, 8 * n, &bad);
	}
	if (t & PERF_SAMPLE_RAW) {
		s->raw_size = (uint32_t)take(&w, 4, &bad);
		s->raw = w.p;
		pass(&w, s->raw_size, &bad);
	}
	return bad;
}

/* Where the id is in every sample, so that the sample's event can be found. */
static const struct perf_event_attr *attr_of_sample(const struct perf_file *f, struct walk w)
{
	const struct perf_event_attr *a = &f->attr[0];
	uint64_t id, before;
	int bad = 0;

	if (f->nr_attrs == 1)
		return a;
	/* perf sees to it that all events have it at the same place. */
	if (a->sample_type & PERF_SAMPLE_IDENTIFIER) {
		id = take(&w, 8, &bad);
	} else {
		before = 8 * (!!(a->sample_type & PERF_SAMPLE_IP) +
			      !!(a->sample_type & PERF_SAMPLE_TID) +
			      !!(a->sample_type & PERF_SAMPLE_TIME) +
			      !!(a->sample_type & PERF_SAMPLE_ADDR));
		pass(&w, before, &bad);
		id = take(&w, 8, &bad);
	}
	return bad ? NULL : perf_attr_of(f, id);
}

static int put(struct reading *x, uint64_t time, const struct item *i)
{
	if (time > x->newest)
		x->newest = time;
	return sorter_put(x->order, time, i);
}

static int read_sample(struct reading *x, uint64_t off, struct walk w)
{
	static const uint64_t needed = PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_RAW;
	const struct perf_event_attr *a = attr_of_sample(&x->f, w);
	struct reader *r = x->f.r;
	struct item i = { .lost = 0 };
	struct sample s;

	if (!a)
		return reader_fail(r, off, "a sample is of an event that the head does not have; the "
				   "file is damaged");
	if (a->type != PERF_TYPE_TRACEPOINT)
		return 0;
	if (parse_sample(a, w, &s))
		return reader_fail(r, off, "a sample is shorter than it should be; the file is damaged");
	if ((a->sample_type & needed) != needed)
		return reader_fail(r, off, "samples lack time, thread or data; record with: perf record "
				   "-T -R -e kvm:kvm_entry,kvm:kvm_exit -a");
	if (kvm_decoder_read(x->f.decoder, s.raw, s.raw_size, &i.e))
		return reader_fail(r, off, "the data of a sample is too short; the file is damaged");
	if (i.e.type == KVM_EVENT_OTHER)
		return 0;
	i.e.ts_ns = s.time;
	i.e.tgid = (pid_t)s.pid;
	i.e.tid = (pid_t)s.tid;
	i.e.cpu = s.cpu > INT32_MAX ? -1 : (int)s.cpu;
	/* What the decoder tells them apart by is the thread, 0 is none. */
	if (i.e.tid <= 0)
		return 0;
	return put(x, s.time, &i);
}

/* The time of a record that is no sample: at its end, if it was asked for. */
static uint64_t record_time(const struct reading *x, struct walk w, size_t fixed)
{
	const struct perf_event_attr *a = &x->f.attr[0];
	int bad = 0;
	uint64_t time;

	if (!a->sample_id_all || !(a->sample_type & PERF_SAMPLE_TIME))
		return x->newest;
	pass(&w, fixed + (a->sample_type & PERF_SAMPLE_TID ? 8 : 0), &bad);
	time = take(&w, 8, &bad);
	return bad ? x->newest : time;
}

static int read_lost(struct reading *x, struct walk w)
{
	uint64_t time = record_time(x, w, 16);
	struct item i = { .lost = 0 };
	int bad = 0;

	pass(&w, 8, &bad);
	i.lost = take(&w, 8, &bad);
	if (bad || !i.lost)
		return 0;
	x->lost += i.lost;
	return put(x, time, &i);
}

/* The name of a process is that of its first thread. */
static int read_comm(struct reading *x, struct walk w)
{
	char name[VM_NAME_MAX];
	uint32_t pid, tid;
	int bad = 0;

	pid = (uint32_t)take(&w, 4, &bad);
	tid = (uint32_t)take(&w, 4, &bad);
	if (bad || pid != tid || !x->ops->names)
		return 0;
	snprintf(name, sizeof(name), "%.*s-%u", (int)strnlen((const char *)w.p,
		 w.end - w.p < 16 ? (size_t)(w.end - w.p) : 16), (const char *)w.p, pid);
	return names_add(x->ops->names, (pid_t)pid, name);
}

static int give(struct reading *x, uint64_t until)
{
	struct item i;
	int ret = 0;

	while (ret >= 0 && sorter_take(x->order, until, &i)) {
		if (i.lost) {
			x->ops->lost(i.lost, x->ops->arg);
			continue;
		}
		if (!x->info->events++)
			x->info->start_ns = i.e.ts_ns;
		x->info->end_ns = i.e.ts_ns;
		ret = x->ops->event(&i.e, x->ops->arg);
	}
	return ret < 0 ? ret : 0;
}

static int unpack(struct reading *x, uint64_t off, struct walk w, bool sized);

/* @w: what follows the head. */
static int one(struct reading *x, uint64_t off, const struct perf_event_header *h, struct walk w)
{
	int bad = 0, ret;

	switch (h->type) {
	case PERF_RECORD_SAMPLE:
		return read_sample(x, off, w);
	case PERF_RECORD_LOST:
		return read_lost(x, w);
	case PERF_RECORD_LOST_SAMPLES:
		if (!(h->misc & MISC_LOST_BY_FILTER))
			x->lost_samples += take(&w, 8, &bad);
		return 0;
	case PERF_RECORD_COMM:
		return read_comm(x, w);
	case REC_FINISHED_ROUND:
		ret = give(x, x->round);
		x->round = x->newest;
		return ret;
	case REC_COMPRESSED:
	case REC_COMPRESSED2:
		return unpack(x, off, w, h->type == REC_COMPRESSED2);
	default:
		return 0;
	}
}

/* ---- compressed records ---- */

/* Those that are whole by now; @off is where the piece was that ended them. */
static int plain_records(struct reading *x, uint64_t off)
{
	struct perf_event_header h;
	size_t at = 0;
	int ret = 0;

	while (!ret && x->nr_plain - at >= sizeof(h)) {
		memcpy(&h, x->plain + at, sizeof(h));
		if (h.size < sizeof(h) || h.type == REC_COMPRESSED || h.type == REC_COMPRESSED2)
			return reader_fail(x->f.r, off, "what was compressed here is no record; the file "
					   "is damaged");
		if (h.size > x->nr_plain - at)
			break;
		ret = one(x, off, &h, (struct walk){ x->plain + at + sizeof(h),
						     x->plain + at + h.size });
		at += h.size;
	}
	x->nr_plain -= at;
	memmove(x->plain, x->plain + at, x->nr_plain);
	return ret;
}

/* @sized: the newer kind (6.16), which says its length, because it is filled up. */
static int unpack(struct reading *x, uint64_t off, struct walk w, bool sized)
{
	ZSTD_inBuffer in = { .src = w.p, .size = (size_t)(w.end - w.p) };
	int bad = 0, ret = 0;
	bool more = true;

	if (sized) {
		in.size = take(&w, 8, &bad);
		in.src = w.p;
		if (bad || in.size > (size_t)(w.end - w.p))
			return reader_fail(x->f.r, off, "a compressed record is longer than it can be; "
					   "the file is damaged");
	}
	if (!x->zstd)
		x->zstd = ZSTD_createDStream();
	if (!x->zstd)
		return -ENOMEM;
	while (!ret && more) {
		/* There is room for one more: what is left over is less than one record. */
		ZSTD_outBuffer out = { x->plain, sizeof(x->plain), x->nr_plain };
		size_t got = ZSTD_decompressStream(x->zstd, &out, &in);

		if (ZSTD_isError(got))
			return reader_fail(x->f.r, off, "compressed records cannot be unpacked (%s); the "
					   "file is damaged", ZSTD_getErrorName(got));
		more = in.pos < in.size || out.pos == out.size;
		x->nr_plain = out.pos;
		ret = plain_records(x, off);
	}
	return ret;
}

/* ---- the file ---- */

static int read_records(struct reading *x)
{
	struct perf_event_header h;
	uint64_t off = x->f.data_off, end = off + x->f.data_size, aux;
	int ret = 0;

	for (; !ret && off < end; off += h.size) {
		ret = reader_at(x->f.r, off, &h, sizeof(h));
		if (ret)
			return ret;
		if (h.size < sizeof(h) || h.size > end - off)
			return reader_fail(x->f.r, off, "a record cannot be %u bytes long; the file is "
					   "damaged", h.size);
		ret = reader_at(x->f.r, off + sizeof(h), x->buf, h.size - sizeof(h));
		if (!ret)
			ret = one(x, off, &h, (struct walk){ x->buf, x->buf + h.size - sizeof(h) });
		/* The data of a hardware trace follows its record. */
		if (!ret && h.type == REC_AUXTRACE && h.size >= sizeof(h) + 8) {
			memcpy(&aux, x->buf, 8);
			if (aux > end - off - h.size)
				return reader_fail(x->f.r, off, "a hardware trace is longer than the "
						   "file; the file is damaged");
			off += aux;
		}
	}
	if (!ret && x->nr_plain)
		return reader_fail(x->f.r, end, "the last compressed record is not whole; the file is "
				   "damaged");
	return ret;
}

int perfdata_input(struct reader *r, const struct input_ops *ops, struct input_info *info)
{
	struct reading *x = calloc(1, sizeof(*x));
	int ret = -ENOMEM;

	if (!x)
		return ret;
	info->format = "perf.data";
	x->ops = ops;
	x->info = info;
	x->f.r = r;
	x->order = sorter_new(sizeof(struct item));
	if (x->order)
		ret = perf_file_open(&x->f);
	if (!ret)
		ret = read_records(x);
	if (!ret)
		ret = give(x, UINT64_MAX);
	memcpy(info->kernel, x->f.kernel, sizeof(info->kernel));
	/* New perf counts in the kernel, too; both are counts of the same losses. */
	info->lost = x->lost > x->lost_samples ? x->lost : x->lost_samples;
	ZSTD_freeDStream(x->zstd);
	perf_file_free(&x->f);
	sorter_free(x->order);
	free(x);
	return ret;
}
