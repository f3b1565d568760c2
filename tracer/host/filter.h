/* SPDX-License-Identifier: GPL-2.0 */
/* Which VMs and vCPUs somebody wants to see. */
#ifndef EXITLAB_FILTER_H
#define EXITLAB_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "engine/engine.h"
#include "host/names.h"

#define FILTER_MAX_VMS	64
#define FILTER_MAX_VCPU	4095	/* KVM's own limit is 4096 vCPUs a VM */

struct filter {
	const char *vm[FILTER_MAX_VMS];	/* names or pids; borrowed */
	size_t nr_vms;
	char cgroup[4096];		/* as in /proc/PID/cgroup; "" = all */
	bool some_vcpus;		/* only those set in @vcpu */
	unsigned char vcpu[(FILTER_MAX_VCPU + 8) / 8];
};

/* "0-3,7" into f->vcpu. 0 or -EINVAL. Pure. */
int filter_vcpus(struct filter *f, const char *list);
/* 0 or -E2BIG. */
int filter_add_vm(struct filter *f, const char *name_or_pid);
/*
 * Takes a cgroup of the unified hierarchy as people write it: "/machine.slice", "machine.slice" or
 * "/sys/fs/cgroup/machine.slice". 0; -ENOENT: there is no such cgroup; -ENODEV: the unified
 * hierarchy is not mounted.
 */
int filter_cgroup(struct filter *f, const char *path);
/* Where cgroup v2 is mounted, from the text of /proc/self/mountinfo. Pure. 0 or -ENODEV. */
int filter_cgroup2_mount(const char *mountinfo, char *path, size_t size);

/* Whether it lets everything through. */
bool filter_empty(const struct filter *f);
/* Whether the VM of process @pid is wanted. */
bool filter_has_vm(const struct filter *f, struct names *names, pid_t pid);
/* Removes the vCPUs that are not wanted from @s; the ledger stays that of the whole host. */
void filter_apply(const struct filter *f, struct trace_snapshot *s, struct names *names);

#endif
