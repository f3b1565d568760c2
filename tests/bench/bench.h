/* SPDX-License-Identifier: GPL-2.0 */
/* What bench.c and the ways of attaching (attach.c, tools.c) share. */
#ifndef EXITLAB_BENCH_H
#define EXITLAB_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where everything attaches: kvm_entry and kvm_exit, or one tracepoint that stands for both. */
#define STAND_IN "kvm_emulate_insn"
extern bool stand_in;

/*
 * One way of watching. attach() starts from zero; check() compares what was counted since with
 * @events turns of the guest's loop in @runs runs. Each returns 0 or a negative errno after one
 * message; -ENOSYS from attach(): not possible here, @why says why, nothing was attached.
 */
struct method {
	const char *name;	/* in JSON */
	const char *title;	/* in the table */
	int (*attach)(const struct method *m, const char **why);
	int (*check)(const struct method *m, uint64_t events, uint64_t runs);
	void (*detach)(const struct method *m);
	int arg;
};

/* --- attach.c: programs loaded by this process */

/* Does this KVM call kvm_exit? Sets @stand_in. 0 or negative errno. */
int attach_find_tracepoints(void);
#define MAX_OTHERS	6
/* Loads all programs; @others: other builds of exits.bpf.o, up to the first NULL. */
int attach_open(const char *const others[MAX_OTHERS]);
void attach_close(void);

/* --- stand_in.c: a KVM without kvm_exit */

/* The next engine is opened with this build of exits.bpf.o; NULL: no more. 0 or negative errno. */
int use_other_object(const char *path);
/* A program of the object that was loaded last, or NULL. */
struct bpf_program *last_program(const char *name);
/* How many of the programs are loaded still; to be 0 after attach_close(). */
int attach_left_over(void);

/* With the exit on a classic tracepoint, or (BTF) on tp_btf like the entry. */
enum { FLOOR_EMPTY, FLOOR_COUNT, FLOOR_BTF_EMPTY, FLOOR_BTF_COUNT };
int floor_attach(const struct method *m, const char **why);
int floor_check(const struct method *m, uint64_t events, uint64_t runs);
void floor_detach(const struct method *m);

/*
 * PLAIN: times by --time auto; ALL, OFF: by these. TP: the exit on a classic tracepoint. CPUS:
 * with -C, of all CPUs. COST: with
 * the kernel's BPF statistics, as exitlab stat --cost. OTHER: and those after it.
 */
enum {
	EXITLAB_PLAIN, EXITLAB_ALL, EXITLAB_OFF, EXITLAB_TP, EXITLAB_MSR, EXITLAB_PORT,
	EXITLAB_GPA, EXITLAB_CPUS,
	EXITLAB_COST, EXITLAB_OTHER
};
int engine_method_attach(const struct method *m, const char **why);
int engine_method_check(const struct method *m, uint64_t events, uint64_t runs);
void engine_method_detach(const struct method *m);

/* --- test_run.c */

/* Runs the programs by BPF_PROG_TEST_RUN, @runs times each, and prints what one takes, as JSON. */
int test_run(uint64_t runs);

/* --- tools.c: other tracers, as child processes */

extern int tools_cpu;	/* where they run: not where the guest does, if there is a choice; or -1 */

enum { PERF_STAT, PERF_RECORD, PERF_KVM };
int perf_attach(const struct method *m, const char **why);
int perf_check(const struct method *m, uint64_t events, uint64_t runs);
void perf_detach(const struct method *m);

/* kvmexit of the bcc tools */
int kvmexit_attach(const struct method *m, const char **why);
int kvmexit_check(const struct method *m, uint64_t events, uint64_t runs);

enum { BPFTRACE_COUNT, BPFTRACE_TIME };
int bpftrace_attach(const struct method *m, const char **why);
int bpftrace_check(const struct method *m, uint64_t events, uint64_t runs);
void bpftrace_detach(const struct method *m);

/*
 * 0 if the guest's @events are what was @seen; else says so. Not @exact where events of other kinds
 * or of other VMs are counted, too.
 */
int expect_events(const char *who, uint64_t seen, uint64_t events, bool exact);

#endif
