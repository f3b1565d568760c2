/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which way each event of the exits programs is attached: its rung. A decision from what the
 * kernel's BTF says, never from a version number, because stable kernels carry backports. Pure but
 * for rungs_learn_host().
 */
#ifndef EXITLAB_RUNGS_H
#define EXITLAB_RUNGS_H

#include <stdbool.h>
#include <stddef.h>

struct btf;

/* Best first: what each costs is measured by tests/bench. */
enum rung {
	RUNG_TP_BTF,	/* arguments, with their types: needs BTF of the tracepoint */
	RUNG_RAW_TP,	/* arguments as plain numbers: their order must be known */
	RUNG_TP,	/* the trace record and its `format` */
	NR_RUNGS
};

enum rung_event {
	EVENT_ENTRY, EVENT_EXIT, EVENT_MSR, EVENT_PIO, EVENT_FAULT, EVENT_MMIO, EVENT_FAST_MMIO,
	NR_RUNG_EVENTS
};

/* "kvm_exit"; "tp_btf". */
const char *rung_event_name(enum rung_event e);
const char *rung_name(enum rung r);

/* What BTF says. All zero: there is no BTF. */
struct rung_facts {
	unsigned int members;	/* of rungs.c */
	bool vcpu;		/* the layout of struct kvm_vcpu */
	bool casts;		/* programs may call bpf_rdonly_cast(): a35b9af4ec2c (6.2) */
	bool vendor;		/* where KVM on VMX or SVM keeps the exit reason of a vCPU */
	struct {
		bool known;		/* the tracepoint's arguments */
		unsigned int nr_args;
		bool first_is_pointer;
	} event[NR_RUNG_EVENTS];
};

/* Adds what @btf holds (the kernel's, or a module's on top of it; NULL is fine). */
void rungs_learn(const struct btf *btf, struct rung_facts *f);
/* All BTF of this host that libbpf can use, too: that of modules takes CAP_SYS_ADMIN. */
void rungs_learn_host(struct rung_facts *f);

/* kvm_exit's first argument is the reason: kernels before 0a62a0319abb (5.16). */
bool rungs_reason_in_args(const struct rung_facts *f);
/* kvm_page_fault's first argument is the vCPU. */
bool rungs_fault_has_vcpu(const struct rung_facts *f);

/* What is forced: for each event a rung, or -1. */
struct rung_force {
	signed char rung[NR_RUNG_EVENTS];
};

/*
 * Text as of --rung and $EXITLAB_RUNG: RUNG or EVENT=RUNG, several with commas between, the later
 * ones win: "tp_btf", "kvm_entry=raw_tp,kvm_exit=tp". NULL and "": nothing is forced.
 * 0 or -EINVAL.
 */
int rungs_parse(const char *text, struct rung_force *out);

/*
 * The rung that @opt (engine_opts.rung), or else $EXITLAB_RUNG, forces for kvm_entry, by its name;
 * NULL: none. It stands for all events of a signal that has no rungs for each.
 */
const char *rungs_forced_entry(const char *opt);

/* 0, or -EOPNOTSUPP and the reason in @why. RUNG_TP always can, as far as BTF is concerned. */
int rungs_possible(const struct rung_facts *f, enum rung_event e, enum rung r, char *why,
		   size_t size);
/*
 * The rung of every event: the forced one, else the best possible that is not above @best. 0, or
 * -EOPNOTSUPP and why in @why if one that is forced is not possible. Events not in @wanted (a bit
 * for each) are left out of that.
 */
int rungs_plan(const struct rung_facts *f, const struct rung_force *force, unsigned int wanted,
	       enum rung best, enum rung plan[NR_RUNG_EVENTS], char *why, size_t size);

#endif
