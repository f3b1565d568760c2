/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where the wall time of an I/O worker (a thread that serves devices of a VM) goes. Every moment is
 * in exactly one state, so that the states add up to wall time. Plain C, shared by the BPF programs
 * and the unit tests.
 *
 * The hard part is the beginning: what a worker was doing when tracing began shows only by what it
 * does next, so the time until then waits in IOCORE_UNKNOWN for its first event. And a scheduler
 * does not say "asleep" and "waiting for a CPU" in so many words: a thread that left its CPU is
 * asleep until its wake-up if it went to sleep, and waits from the start if it was preempted.
 */
#ifndef EXITLAB_IOCORE_H
#define EXITLAB_IOCORE_H

enum iocore_state {
	IOCORE_UNKNOWN,		/* nothing seen yet */
	IOCORE_USEFUL,		/* on a CPU, inside a work function */
	IOCORE_POLL,		/* on a CPU, inside a work function's busy polling */
	IOCORE_OTHER,		/* on a CPU, between work functions */
	IOCORE_WAIT,		/* wants a CPU */
	IOCORE_BLOCKED,		/* asleep in the middle of a work function (a lock, a page) */
	IOCORE_IDLE,		/* asleep without work */
	NR_IOCORE_STATES
};

#define IOCORE_ON_CPU(state) ((state) >= IOCORE_USEFUL && (state) <= IOCORE_OTHER)

struct iocore {
	unsigned long long since;			/* when @state began, ns */
	unsigned long long ns[NR_IOCORE_STATES];	/* up to @since */
	unsigned int state;
	unsigned char in_work, in_poll;
	unsigned char woken;				/* since it left the CPU */
	unsigned char pad;
	unsigned long long wakeups;			/* times it ran after sleep */
	unsigned long long unmatched;			/* ends without a beginning and the like */
};

/* Books the time since the last change, and goes over to @state. */
static inline void iocore_to(struct iocore *c, unsigned long long now, unsigned int state)
{
	unsigned long long old = c->state;

	/* The check below is always true, and for the verifier: of the very index. */
	asm volatile("" : "+r"(old));
	/* Clocks of two CPUs may disagree by a little when the worker has moved. */
	if (now < c->since)
		now = c->since;
	if (old < NR_IOCORE_STATES)
		c->ns[old] += now - c->since;
	c->since = now;
	c->state = state;
}

/* The first event tells what was before it. */
static inline void iocore_first(struct iocore *c, unsigned int before)
{
	if (c->state == IOCORE_UNKNOWN)
		c->state = before;
}

static inline unsigned int iocore_running(const struct iocore *c)
{
	return c->in_poll ? IOCORE_POLL : c->in_work ? IOCORE_USEFUL : IOCORE_OTHER;
}

/* It gets a CPU. */
static inline void iocore_run(struct iocore *c, unsigned long long now)
{
	iocore_first(c, IOCORE_WAIT);
	if (IOCORE_ON_CPU(c->state))
		c->unmatched++;
	/* A sleeper whose wake-up was not seen: it slept, for all that is known. */
	if (c->woken || c->state == IOCORE_IDLE || c->state == IOCORE_BLOCKED)
		c->wakeups++;
	c->woken = 0;
	iocore_to(c, now, iocore_running(c));
}

/* It leaves its CPU, to sleep or (@asleep 0) because others want to run. */
static inline void iocore_leave(struct iocore *c, unsigned long long now, int asleep)
{
	iocore_first(c, iocore_running(c));
	if (!IOCORE_ON_CPU(c->state))
		c->unmatched++;
	c->woken = 0;
	iocore_to(c, now, !asleep ? IOCORE_WAIT : c->in_work ? IOCORE_BLOCKED : IOCORE_IDLE);
}

/* Somebody wakes it; not for one that has not left its CPU yet. */
static inline void iocore_wake(struct iocore *c, unsigned long long now)
{
	iocore_first(c, IOCORE_IDLE);
	if (c->state != IOCORE_IDLE && c->state != IOCORE_BLOCKED)
		return;
	c->woken = 1;
	iocore_to(c, now, IOCORE_WAIT);
}

/* A work function begins. */
static inline void iocore_work(struct iocore *c, unsigned long long now)
{
	iocore_first(c, IOCORE_OTHER);
	if (c->in_work)
		c->unmatched++;
	c->in_work = 1;
	c->in_poll = 0;
	iocore_to(c, now, IOCORE_USEFUL);
}

/* It ends. */
static inline void iocore_work_end(struct iocore *c, unsigned long long now)
{
	iocore_first(c, IOCORE_USEFUL);
	/* The one under way when tracing began is nobody's fault; later ones would be. */
	if (!c->in_work && c->state != IOCORE_USEFUL)
		c->unmatched++;
	c->in_work = 0;
	c->in_poll = 0;
	iocore_to(c, now, IOCORE_OTHER);
}

static inline void iocore_poll(struct iocore *c, unsigned long long now)
{
	iocore_first(c, IOCORE_USEFUL);
	c->in_work = 1;		/* or else nobody would poll */
	c->in_poll = 1;
	iocore_to(c, now, IOCORE_POLL);
}

static inline void iocore_poll_end(struct iocore *c, unsigned long long now)
{
	iocore_first(c, IOCORE_POLL);
	c->in_work = 1;
	c->in_poll = 0;
	iocore_to(c, now, IOCORE_USEFUL);
}

#endif
