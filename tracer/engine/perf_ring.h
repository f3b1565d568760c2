/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The perf events of one CPU and the ring buffer they share. Everything is file descriptors and a
 * mapping: nothing is left when the process ends, however it ends.
 */
#ifndef EXITLAB_PERF_RING_H
#define EXITLAB_PERF_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define RING_EVENTS 7	/* kinds of event in a ring */

/* What the kernel wrote about one event. */
struct ring_sample {
	uint64_t ts_ns;		/* CLOCK_MONOTONIC; does not step back within a ring */
	pid_t tgid, tid;
	int cpu;
	const void *raw;	/* the tracepoint's record; valid during the call */
	size_t raw_size;
};

struct ring_ops {
	void (*sample)(const struct ring_sample *s, void *arg);
	/* A gap: @n events did not fit. */
	void (*lost)(uint64_t ts_ns, uint64_t n, void *arg);
};

struct perf_ring {
	int cpu;
	int fd[RING_EVENTS];	/* -1 = none; the first one is to be polled */
	size_t n;
	void *map;
	size_t size;		/* bytes of data, a power of two */
	uint64_t last_ts;
	uint64_t lost_records;	/* sum of what the kernel told in the ring */
	bool counts_lost;	/* the kernel counts them outside of the ring, too (6.0) */
};

/*
 * Opens tracepoints @id[0..@n-1] of @cpu, switched off. 0 or negative errno (-ENODEV: @cpu is
 * offline); logs nothing.
 */
int ring_open(struct perf_ring *r, int cpu, const int *id, size_t n);
/*
 * Gives it a ring of @size bytes (a power of two, at least a page). 0 or negative errno (-EPERM:
 * more memory than may be locked).
 */
int ring_map(struct perf_ring *r, size_t size);
/* Switches event @i on or off. */
int ring_enable(struct perf_ring *r, size_t i, bool on);
/* Hands on everything that is in the ring now. */
void ring_drain(struct perf_ring *r, const struct ring_ops *ops, void *arg);
/* Events that did not fit, since ring_open(). */
uint64_t ring_lost(const struct perf_ring *r);
/* Of a ring that was opened, also in part. */
void ring_close(struct perf_ring *r);

#endif
