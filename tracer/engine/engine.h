/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An engine counts VM exits and times them for every vCPU of the host or of one VMM process, and on
 * request more signals (engine/signal.h) over the same time.
 *
 * All times are nanoseconds of the host's CLOCK_MONOTONIC.
 */
#ifndef EXITLAB_ENGINE_H
#define EXITLAB_ENGINE_H

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/hist.h"

struct engine;

/* Name of a VM for people, or NULL to use its pid. Returned string is borrowed. */
typedef const char *(*vm_name_fn)(pid_t vm, void *arg);

/* What can be measured. Exits always are. */
enum engine_signal {
	SIGNAL_EXITS = 1,
	SIGNAL_ACCOUNT = 2,	/* where a vCPU's wall time goes */
	SIGNAL_INTERRUPTS = 4,	/* the way of an interrupt, leg by leg */
	SIGNAL_IOCORES = 8,	/* vhost workers */
};

/* What exits can be split by besides their reason; each costs one to three more probes. */
enum engine_detail {
	DETAIL_MSR = 1,		/* MSR exits by register */
	DETAIL_PORT = 2,	/* I/O port exits by port and direction */
	DETAIL_GPA = 4,		/* page faults and MMIO by guest-physical page (4 kB) */
};

#define CPU_LIST_MAX 8192

/* A set of the host's CPUs. */
struct cpu_list {
	uint64_t mask[CPU_LIST_MAX / 64];
};

/* Which exits are timed; all are counted. With details or SIGNAL_ACCOUNT it is every one. */
enum engine_time {
	TIME_ALL,		/* every one */
	TIME_AUTO,		/* all of a vCPU that makes few, else a sample */
	TIME_EVERY,		/* one in about engine_opts.time_every */
	TIME_OFF,		/* none */
};

/* How exits are counted. Both give the same counts. */
enum engine_kind {
	ENGINE_AUTO,		/* BPF, or perf where BPF cannot */
	ENGINE_BPF,		/* programs in the kernel */
	ENGINE_PERF,		/* perf events, read by a thread */
};

struct engine_opts {
	enum engine_kind kind;
	unsigned int signals;	/* enum engine_signal; SIGNAL_EXITS is implied */
	pid_t pid;		/* VMM process (tgid) to trace; 0 = every VM of the host */
	unsigned int details;	/* enum engine_detail */
	enum engine_time time;	/* the perf engine has all times anyway */
	unsigned int time_every;
	bool own_cost;		/* measure the programs' run time; costs two clock reads an event */
	/* Forces rungs, as text: see rungs_parse(). NULL = $EXITLAB_RUNG, else the best. */
	const char *rung;
	/*
	 * Count exits that are taken on these CPUs only; NULL = all. An exit's time goes on until
	 * the next entry, wherever that happens. Borrowed until engine_close().
	 */
	const struct cpu_list *cpus;
};

/* One (isa, reason, detail) of one vCPU. */
struct exit_stat {
	uint32_t isa;		/* KVM_ISA_VMX (1), KVM_ISA_SVM (2), or what the event said */
	uint64_t reason;	/* full code as traced, flags included */
	/*
	 * If has_detail: MSR number; port, + 0x10000 for a write; or number of the guest-physical
	 * page. Which of these, the reason tells: detail_name() of core/reason.h.
	 */
	uint64_t detail;
	bool has_detail;
	uint64_t count;		/* exits seen */
	uint64_t timed;	/* of these, timed and followed by an entry: the n of the times */
	/*
	 * exit -> next entry of the same vCPU: handling, halt and blocking. If not every exit was
	 * timed, each times its weight: estimate_total() of core/estimate.h is that of all exits.
	 */
	uint64_t total_ns;
	uint64_t min_ns, max_ns;	/* of the timed; 0, 0 when timed == 0 */
	uint64_t skipped;	/* exits not timed, to save the time */
	uint64_t weight_more, square_more;	/* sums of weights and their squares, less timed */
	struct hist hist;
};

struct vcpu_trace {
	pid_t vm;		/* tgid of the VMM */
	/* Tells VMs of one process apart (address of struct kvm); 0: cannot be. Not printed. */
	uint64_t vm_key;
	int vcpu;		/* vCPU number inside its VM */
	pid_t tid;		/* last thread that ran it */
	uint64_t entries, exits;
	uint64_t guest_ns;	/* entry -> exit; estimate_guest(), likewise */
	uint64_t skipped;	/* exits not timed, to save the time */
	uint64_t guest_timed, guest_more;	/* if skipped: number, weights less that */
	uint64_t other_cpus;	/* exits on CPUs not in engine_opts.cpus: in no other count */
	struct exit_stat *reasons;	/* sorted by count, descending */
	size_t nr_reasons;
};

/* What was not seen; in every output. */
struct ledger {
	uint64_t events;	/* events handled by our programs */
	uint64_t map_full;	/* dropped: no room for a vCPU or a reason */
	uint64_t detail_full;	/* counted without their detail: the vCPU has too many */
	uint64_t other_cpus;	/* not counted because of engine_opts.cpus */
	uint64_t recursion_missed;	/* programs skipped by the kernel */
	uint64_t unmatched_exits;	/* exit without the entry before it */
	uint64_t unmatched_entries;	/* entry without the exit before it (after the first) */
	uint64_t unknown_exits;	/* exits of threads that have made no entry yet: uncounted */
	uint64_t lost;		/* events for which a ring buffer had no room */
};

struct probe_info {
	char name[32];		/* "kvm_exit" */
	char rung[24];		/* "tp_btf", "raw_tp", "tp" */
};

#define MAX_PROBES 64	/* named in a snapshot */
#define MAX_PARTS 8

struct part;		/* engine/part.h */

struct trace_snapshot {
	uint64_t duration_ns;	/* since engine_attach() */
	struct vcpu_trace *vcpus;	/* sorted by vm, vm_key, vcpu */
	size_t nr_vcpus;
	struct ledger ledger;
	struct part *parts[MAX_PARTS];	/* one per signal besides exits */
	size_t nr_parts;
	struct probe_info probes[MAX_PROBES];
	size_t nr_probes;
	enum engine_time time;	/* as it was done */
	unsigned int time_every;
	/*
	 * Own cost; 0 = not measured. BPF: runs of our programs, and their time by the kernel's
	 * statistics. Perf (cost_of_reader): events read, and the CPU time that reading took; what
	 * the kernel spends on writing them is not in it, nobody measures that.
	 */
	uint64_t run_cnt, run_ns;
	bool cost_of_reader;
};

/* Loads the programs without attaching. 0 or negative errno; the reason is logged in one line. */
int engine_open(const struct engine_opts *opts, struct engine **out);
/* Starts counting from zero. */
int engine_attach(struct engine *e);
/* Stops counting (counts stay readable). */
void engine_detach(struct engine *e);
/* Copies the counts; can be called while attached. Free with snapshot_free(). */
int engine_read(struct engine *e, struct trace_snapshot *out);
void engine_close(struct engine *e);
void snapshot_free(struct trace_snapshot *s);
/* No event in use shows which VM of a process a vCPU belongs to. */
bool snapshot_vm_is_process(const struct trace_snapshot *s);
/* Puts vCPUs and reasons into their documented order; for engines. */
void snapshot_sort(struct trace_snapshot *s);

#endif
