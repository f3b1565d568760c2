/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The second opinion of `exitlab stat`: what KVM itself counted for each VM in the same time, and
 * what follows from it when the tracer saw nothing.
 */
#ifndef EXITLAB_STAT_CHECK_H
#define EXITLAB_STAT_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <jansson.h>

#include "engine/engine.h"
#include "host/endings.h"
#include "host/filter.h"
#include "host/kvmstat.h"
#include "host/names.h"
#include "host/vcpus.h"
#include "host/vms.h"

enum stat_verdict {
	STAT_SEEN,	/* exits were traced */
	STAT_QUIET,	/* there were none to trace */
	STAT_BLIND,	/* KVM counted exits, the tracer none */
	STAT_UNKNOWN,	/* the tracer saw none, and KVM's counters could not be read */
	STAT_NO_VM,	/* no VM ran */
};

/* One VMM process. */
struct vm_check {
	struct vm_info vm;
	struct kvmstat before, after;
	int error;		/* negative errno: KVM's counters are unknown */
};

struct stat_check {
	pid_t pid;		/* 0 = all that @filter has */
	const struct filter *filter;	/* NULL = no filter; its vCPUs do not matter here */
	struct names *names;		/* with a filter */
	struct vcpus *vcpus;		/* NULL = only /proc is asked for VMs */
	struct vm_check *vm;
	size_t n;
	struct endings *endings;	/* VMs that end meanwhile; NULL = not possible here */
};

/*
 * Before the tracer is attached, with pid, filter and names set and the rest zero. Needs the
 * privileges of a tracer; what comes after does not. 0 or negative errno.
 */
int stat_check_begin(struct stat_check *c);
/*
 * Once it is attached, before privileges are given up: attaching many programs can take seconds, in
 * which exits happen that nobody could trace.
 */
void stat_check_attached(struct stat_check *c);
/* After it was detached. 0 or negative errno. */
int stat_check_end(struct stat_check *c);
void stat_check_free(struct stat_check *c);

enum stat_verdict stat_check_verdict(const struct stat_check *c, const struct trace_snapshot *s);
/* Tells people, on stderr, what is wrong; nothing if nothing is. */
void stat_check_say(const struct stat_check *c, const struct trace_snapshot *s);
/*
 * Adds to @o: "exits", the number traced, or null and "exits_why"; "kvm", an array with KVM's own
 * counts per VM. 0 or -ENOMEM.
 */
int stat_check_json(const struct stat_check *c, const struct trace_snapshot *s, json_t *o);
/* Name of the VM(s) of a process, NULL if unknown. */
const char *stat_check_name(const struct stat_check *c, pid_t vm);

#endif
