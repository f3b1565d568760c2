/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The I/O cores' part of a snapshot: the account of every worker, and of the CPUs they ran on. The
 * workers of now are vhost's; whatever else serves devices (a sidecore with statistics of its own)
 * would add rows of the same kind under another name of @source.
 */
#ifndef EXITLAB_OUT_IOCORES_H
#define EXITLAB_OUT_IOCORES_H

#include "bpf/iocores.h"
#include "engine/part.h"

#define IOCORES "io_cores"

struct iocore_cpu {
	unsigned int cpu;
	uint64_t ns[3];		/* useful, polling, other: times of its worker on this CPU */
};

/* One worker. Times are of its own life, or as much of it as was traced. */
struct iocore_row {
	pid_t tid;
	pid_t vm;		/* process it serves; 0 = that has ended unseen */
	uint64_t born_ns;	/* CLOCK_MONOTONIC; with @tid its identity */
	bool kthread, ended;
	const char *source;	/* "vhost"; static */
	char name[16];
	unsigned int cpu;	/* last one it ran on */
	uint64_t wall_ns;
	uint64_t ns[NR_IOCORE_STATES];	/* with IOCORE_UNKNOWN they add up to wall_ns */
	uint64_t switches, wakeups;	/* times it got a CPU; and after sleep */
	uint64_t kicks, replies, buffers, unmatched;
	uint64_t works[NR_VHOST_WORKS];
	struct iocore_cpu *cpus;	/* sorted by cpu */
	size_t nr_cpus;
};

/* What may be missing, and then why. */
enum iocores_gap {
	GAP_ALL,		/* nothing is traced, or not from the start */
	GAP_WORKS,		/* works; useful and other time are then one */
	GAP_POLL,		/* polling counts as useful */
	GAP_KICKS,
	GAP_REPLIES,
	GAP_BUFFERS,
	NR_IOCORES_GAPS
};

struct iocores {
	struct part part;
	bool traced;
	char why[NR_IOCORES_GAPS][160];	/* "" = it is there */
	struct iocore_row *rows;	/* sorted by vm, tid */
	size_t nr;
	uint64_t no_room;		/* events of workers beyond MAX_WORKERS */
	uint64_t lost_kicks;		/* kicks of which nobody knows the worker */
};

/* Empty, or NULL without memory. Free with part.ops->free(). */
struct iocores *iocores_new(void);
/* A zeroed row, or NULL without memory; valid until the next one. */
struct iocore_row *iocores_add_row(struct iocores *p);
/* Adds time to a CPU of @r. 0 or -ENOMEM. */
int iocore_add_cpu(struct iocore_row *r, unsigned int cpu, const uint64_t ns[3]);
/* Puts rows and CPUs into their documented order. */
void iocores_sort(struct iocores *p);
/* The CPUs of all rows in one, sorted; @out of *@n entries is the caller's. 0 or -ENOMEM. */
int iocores_cpus(const struct iocores *p, struct iocore_cpu **out, size_t *n);

static inline uint64_t iocore_works(const struct iocore_row *r)
{
	uint64_t n = 0;
	int i;

	for (i = 0; i < NR_VHOST_WORKS; i++)
		n += r->works[i];
	return n;
}

static inline uint64_t iocore_on_cpu(const struct iocore_row *r)
{
	return r->ns[IOCORE_USEFUL] + r->ns[IOCORE_POLL] + r->ns[IOCORE_OTHER];
}

/* Wall time that no state has got. */
static inline int64_t iocore_residual(const struct iocore_row *r)
{
	int64_t left = (int64_t)r->wall_ns;
	int i;

	for (i = IOCORE_UNKNOWN + 1; i < NR_IOCORE_STATES; i++)
		left -= (int64_t)r->ns[i];
	return left;
}

/* The operations: arithmetic in out/iocores_sum.c, printing in out/iocores.c. */
void iocores_free(struct part *p);
struct part *iocores_delta(const struct part *now, const struct part *before);
int iocores_add(struct part *total, const struct part *step);
void iocores_filter(struct part *p, part_keep_fn keep, void *arg);
extern const struct part_ops iocores_ops;

#endif
