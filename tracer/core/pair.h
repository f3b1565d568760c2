/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pairs entries and exits of one vCPU: guest time runs from an entry to the next exit, handling
 * time from an exit to the next entry. Plain C, shared by the BPF programs and the unit tests.
 *
 * The hard part is what does not come in turn. Older kernels re-enter the guest on a fast path
 * without tracing the entry (VMX before 5.12 traces exit, exit), a traced entry can fail before it
 * runs the guest, and tracing starts in the middle. Such events are counted as unmatched and never
 * given a time: a wrong pair would bill host time to the guest.
 */
#ifndef EXITLAB_PAIR_H
#define EXITLAB_PAIR_H

enum pair_where {
	PAIR_UNKNOWN,		/* nothing seen yet */
	PAIR_IN_GUEST,		/* last event was an entry */
	PAIR_IN_HOST,		/* last event was an exit */
};

enum pair_result {
	PAIR_FIRST,		/* first event of this vCPU: no time, and no fault of anybody */
	PAIR_TIMED,		/* *@ns is the time since the other event */
	PAIR_UNMATCHED,		/* same event twice in a row: no time */
};

struct pair {
	unsigned long long ts;	/* of the last event, ns */
	unsigned int where;	/* enum pair_where */
	unsigned int pad;
};

static inline enum pair_result pair_step(struct pair *p, unsigned int from, unsigned int to,
					 unsigned long long now, unsigned long long *ns)
{
	enum pair_result r = p->where == from ? PAIR_TIMED :
			     p->where == PAIR_UNKNOWN ? PAIR_FIRST : PAIR_UNMATCHED;

	/* Clocks of two CPUs may disagree by a little when the vCPU has moved. */
	*ns = r == PAIR_TIMED && now > p->ts ? now - p->ts : 0;
	p->ts = now;
	p->where = to;
	return r;
}

/* An entry at time @now; *@ns = handling time of the exit before it. */
static inline enum pair_result pair_entry(struct pair *p, unsigned long long now,
					  unsigned long long *ns)
{
	return pair_step(p, PAIR_IN_HOST, PAIR_IN_GUEST, now, ns);
}

/* An exit at time @now; *@ns = time in the guest. */
static inline enum pair_result pair_exit(struct pair *p, unsigned long long now,
					 unsigned long long *ns)
{
	return pair_step(p, PAIR_IN_GUEST, PAIR_IN_HOST, now, ns);
}

#endif
