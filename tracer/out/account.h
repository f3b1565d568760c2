/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The time account as a part of a snapshot: a row per vCPU, and how rows are printed, subtracted
 * and summed up.
 *
 * Wall time is user space's own: from the start of the tracing, or of the thread, to the reading,
 * or the end of the thread. What of it the account does not explain is the residual; negative, if
 * it explains too much.
 */
#ifndef EXITLAB_OUT_ACCOUNT_H
#define EXITLAB_OUT_ACCOUNT_H

#include "core/account.h"
#include "engine/part.h"

struct account_row {
	pid_t vm;		/* tgid of the VMM */
	uint64_t vm_key;	/* tells VMs of one process apart */
	int vcpu;
	pid_t tid;		/* last thread that ran it */
	uint64_t wall_ns;
	uint64_t unseen_ns;	/* of it, before the first entry: nothing is known of that */
	uint64_t ns[NR_ACCOUNT];	/* by enum account_kind */
	uint64_t kvm_poll_ns;	/* what KVM says it polled, interrupted or not */
	uint64_t moves;		/* to another thread */
	/*
	 * Between the first and the last switch away from the thread: time on a CPU and in a run
	 * queue, by the scheduler and by this account. All 0 before the second switch.
	 */
	uint64_t sched_run_ns, sched_wait_ns, run_ns, wait_ns;
};

/* What was booked, but perhaps to the wrong kind; what was not seen. */
struct account_ledger {
	uint64_t unmatched_entries, unmatched_exits, unmatched_irqs;
	uint64_t unseen_wakeups, unknown_exits;
	uint64_t skipped;	/* events in the middle of another: time stays with that one */
	uint64_t clock_back_ns;	/* steps back of the clock between CPUs */
	uint64_t map_full;
};

struct account_part {
	struct part part;
	struct account_row *rows;	/* sorted by vm, vm_key, vcpu */
	size_t nr_rows;
	bool has_poll;	/* KVM says how long it polls; else polling is part of handling halts */
	const char *no_poll_why;	/* static; NULL: because it does not */
	bool has_return;	/* from user space; else that is at the next entry */
	struct account_ledger ledger;
};

/* Empty, with room for @rows; NULL without memory. */
struct account_part *account_part_new(size_t rows);
/* Wall time that no kind explains; ns, may be negative. */
int64_t account_residual(const struct account_row *r);
/* Puts the rows into their order. */
void account_part_sort(struct account_part *p);

/* The operations that print; the others are in account_sums.c, which has them all. */
void account_text(FILE *f, const struct part *p, const struct part_ctx *c);
json_t *account_json(const struct part *p, const struct part_ctx *c);
void account_csv(struct csv_row *r, const struct part *p, const struct part_ctx *c);
void account_prom(FILE *f, const struct part *p, const struct part_ctx *c);

#endif
