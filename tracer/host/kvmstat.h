/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KVM's own counters, which it keeps whether or not anybody traces: an independent witness for what
 * the tracer counted.
 */
#ifndef EXITLAB_KVM_STAT_H
#define EXITLAB_KVM_STAT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>

#include "bpf/vcpus.h"

/* Sums over all vCPUs of a VMM process, since each vCPU was created. */
struct kvmstat {
#define X(name) uint64_t name;
	KVM_STATS(X)
#undef X
	uint64_t present; /* bit per KVM_STAT_<name> of bpf/vcpus.h: this kernel has that counter */
	int vcpus;
	const char *source;	/* "debugfs" or "bpf"; a constant */
};

/*
 * Reads the counters of the VMM process @vm (a tgid), from debugfs if that can be read, else with a
 * BPF iterator. 0; -ESRCH: no vCPU there; -EPERM: not root; other negative errno.
 */
int kvmstat_read(pid_t vm, struct kvmstat *out);
/* One source only, for comparing them; as kvmstat_read(). */
int kvmstat_read_debugfs(const char *kvm_dir, pid_t vm, struct kvmstat *out);
int kvmstat_read_bpf(pid_t vm, struct kvmstat *out);
/* Loads ahead of time what kvmstat_read() needs, so that the first call is as quick as the next. */
void kvmstat_prepare(void);
/* Releases it. */
void kvmstat_end(void);

/* Adds one vCPU's counters. */
void kvmstat_add(struct kvmstat *out, const struct vcpu_record *r);

/* What was counted between two readings of the same process; absent counters stay absent. */
void kvmstat_sub(const struct kvmstat *before, const struct kvmstat *after, struct kvmstat *delta);
/*
 * Differences summed over @n processes: { "exits": N, ..., "vcpus": N, "source": "debugfs" }. New
 * reference, NULL on -ENOMEM. A counter that the kernel does not have is null, with a "_why".
 */
json_t *kvmstat_delta_json(const struct kvmstat *before, const struct kvmstat *after, size_t n);

#endif
