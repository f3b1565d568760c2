// SPDX-License-Identifier: GPL-2.0
/*
 * Reading a perf ring buffer. The kernel writes at data_head and stops when it would run into
 * data_tail, which is ours: what does not fit is counted, and told by a record of its own once
 * there is room again.
 */
#include "engine/perf_ring.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SAMPLE_TYPE (PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_CPU | PERF_SAMPLE_RAW)

/* Records as SAMPLE_TYPE makes them. */
struct sample_record {
	struct perf_event_header header;
	uint32_t pid, tid;
	uint64_t time;
	uint32_t cpu, res;
	uint32_t raw_size;
	char raw[];
};

struct lost_record {
	struct perf_event_header header;
	uint64_t id, lost;
	uint32_t pid, tid;	/* sample_id_all */
	uint64_t time;
	uint32_t cpu, res;
};

static int event_open(int cpu, int id, uint64_t read_format)
{
	struct perf_event_attr a = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(a),
		.config = (uint64_t)id,
		.sample_period = 1,
		.sample_type = SAMPLE_TYPE,
		.read_format = read_format,
		.disabled = 1,
		.sample_id_all = 1,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
		.watermark = 1,		/* and its default: when half of the ring is full */
	};

	return (int)syscall(SYS_perf_event_open, &a, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

int ring_open(struct perf_ring *r, int cpu, const int *id, size_t n)
{
	size_t i;

	*r = (struct perf_ring){ .cpu = cpu, .counts_lost = true };
	for (i = 0; i < n; i++) {
		int fd = event_open(cpu, id[i], r->counts_lost ? PERF_FORMAT_LOST : 0);

		/* 119a784c8127 (6.0) */
		if (fd < 0 && errno == EINVAL && i == 0) {
			r->counts_lost = false;
			fd = event_open(cpu, id[i], 0);
		}
		if (fd < 0) {
			int ret = -errno;

			ring_close(r);
			return ret;
		}
		r->fd[r->n++] = fd;
	}
	return 0;
}

int ring_map(struct perf_ring *r, size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), i;
	void *p = mmap(NULL, page + size, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd[0], 0);

	if (p == MAP_FAILED)
		return -errno;
	r->map = p;
	r->size = size;
	for (i = 1; i < r->n; i++)
		if (ioctl(r->fd[i], PERF_EVENT_IOC_SET_OUTPUT, r->fd[0]))
			return -errno;
	return 0;
}

int ring_enable(struct perf_ring *r, size_t i, bool on)
{
	return ioctl(r->fd[i], on ? PERF_EVENT_IOC_ENABLE : PERF_EVENT_IOC_DISABLE, 0) ? -errno : 0;
}

/*
 * The kernel's fast clock may step back by a little when the time keeper adjusts it; the order in
 * the ring is the true one.
 */
static uint64_t forward(struct perf_ring *r, uint64_t ts)
{
	if (ts > r->last_ts)
		r->last_ts = ts;
	return r->last_ts;
}

static void take(struct perf_ring *r, const void *record, size_t size, const struct ring_ops *ops,
		 void *arg)
{
	const struct perf_event_header *h = record;
	const struct sample_record *s = record;
	const struct lost_record *l = record;

	/* The raw data begins in the padding of the struct. */
	const size_t before = offsetof(struct sample_record, raw);

	if (h->type == PERF_RECORD_SAMPLE && size >= before && s->raw_size <= size - before) {
		struct ring_sample out = { forward(r, s->time), (pid_t)s->pid, (pid_t)s->tid,
			(int)s->cpu, s->raw, s->raw_size };

		ops->sample(&out, arg);
	} else if (h->type == PERF_RECORD_LOST && size >= sizeof(*l)) {
		r->lost_records += l->lost;
		ops->lost(forward(r, l->time), l->lost, arg);
	}
}

void ring_drain(struct perf_ring *r, const struct ring_ops *ops, void *arg)
{
	struct perf_event_mmap_page *page = r->map;
	const char *data = (const char *)r->map + sysconf(_SC_PAGESIZE);
	char whole[UINT16_MAX + 1] __attribute__((aligned(8)));
	uint64_t head, tail;

	if (!page)
		return;
	head = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE);
	for (tail = page->data_tail; tail < head;) {
		size_t at = tail & (r->size - 1), first = r->size - at;
		const struct perf_event_header *h = (const void *)(data + at);
		size_t size = h->size;	/* records are multiples of 8, so it does not wrap */

		if (size < sizeof(*h) || size > head - tail)
			break;		/* cannot be */
		if (size <= first) {
			take(r, h, size, ops, arg);
		} else {
			memcpy(whole, h, first);
			memcpy(whole + first, data, size - first);
			take(r, whole, size, ops, arg);
		}
		tail += size;
	}
	/* What was read is no longer needed before the kernel may overwrite it. */
	__atomic_store_n(&page->data_tail, head, __ATOMIC_RELEASE);
}

uint64_t ring_lost(const struct perf_ring *r)
{
	struct { uint64_t value, lost; } c;
	uint64_t sum = 0;
	size_t i;

	if (!r->counts_lost)
		return r->lost_records;
	for (i = 0; i < r->n; i++)
		if (read(r->fd[i], &c, sizeof(c)) == sizeof(c))
			sum += c.lost;
	return sum;
}

void ring_close(struct perf_ring *r)
{
	size_t i;

	if (r->map)
		munmap(r->map, (size_t)sysconf(_SC_PAGESIZE) + r->size);
	for (i = 0; i < r->n; i++)
		close(r->fd[i]);
	*r = (struct perf_ring){ .cpu = -1 };
}
