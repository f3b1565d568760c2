// SPDX-License-Identifier: GPL-2.0
/*
 * Reads KVM's counters of a process that is about to end, before its files are closed: afterwards
 * nobody can ask. Serves to tell "no exits" from "exits nobody told us about" for a VM that does
 * not outlive the measurement.
 *
 * The hard part is the moment. A process ends thread by thread, and its files are closed by the
 * last one that has them, after this tracepoint; so that one looks. It need not be the last thread:
 * KVM's own vhost_task in the process (kvm-nx-lpage-recovery, since 6.13) has no files and ends
 * later. Walking the file table costs a process that ends some microseconds while a measurement
 * runs.
 */
#include "vcpu_file.h"

#define MAX_FDS		1024
#define MAX_ENDED	4096	/* vCPUs; 1 MB, while stat runs */

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

typedef struct {
	int counter;
} atomic_t;

struct files_struct {
	atomic_t count;
	struct fdtable *fdt;
};

struct task_struct___ending {
	int tgid;
	char comm[16];
	struct files_struct *files;
};
#pragma clang attribute pop

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_ENDED);
	__type(key, struct ended_key);
	__type(value, struct ended_record);
} ended SEC(".maps");

/* vCPUs whose last reading found no room; read by user space. */
__u64 missed;

static const struct ended_record zero;

/* Global, hence verified once and not for every round of the loop. Numbers instead of pointers,
 * which the verifier of 5.10 would not let through. */
__noinline int look_at(__u64 file_addr, __u64 task_addr)
{
	struct task_struct___ending *task = (void *)task_addr;
	struct file *file = (void *)file_addr;
	struct ended_key key = {};
	struct ended_record *e;
	struct kvm_vcpu *vcpu;

	if (!is_vcpu_file(file))
		return 0;
	vcpu = BPF_CORE_READ(file, private_data);
	key.vcpu = (__u64)vcpu;
	key.tgid = BPF_CORE_READ(task, tgid);
	bpf_map_update_elem(&ended, &key, &zero, BPF_ANY);
	e = bpf_map_lookup_elem(&ended, &key);
	if (!e) {
		__sync_fetch_and_add(&missed, 1);
		return 0;
	}
	e->vcpu.tgid = key.tgid;
	read_vcpu(vcpu, &e->vcpu);
	BPF_CORE_READ_STR_INTO(&e->comm, task, comm);
	return 1;
}

/* It is the current thread that ends, whatever the tracepoint shows of it. */
static __always_inline void thread_ends(void)
{
	struct task_struct___ending *task = (void *)bpf_get_current_task();
	struct file **fds;
	__u64 file;
	unsigned int i, n;

	if (BPF_CORE_READ(task, files, count.counter) != 1)
		return;
	n = BPF_CORE_READ(task, files, fdt, max_fds);
	fds = BPF_CORE_READ(task, files, fdt, fd);
	for (i = 0; i < MAX_FDS && i < n; i++) {
		if (!bpf_probe_read_kernel(&file, sizeof(file), fds + i) && file)
			look_at(file, (__u64)task);
	}
}

SEC("raw_tp/sched_process_exit")
int process_exit(void *ctx)
{
	thread_ends();
	return 0;
}

/* Returns 1: 0 would hide the event from perf. */
SEC("tp/sched/sched_process_exit")
int process_exit_tp(void *ctx)
{
	thread_ends();
	return 1;
}

char LICENSE[] SEC("license") = "GPL";
