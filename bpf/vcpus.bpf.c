// SPDX-License-Identifier: GPL-2.0
/*
 * Reads KVM's own counters (struct kvm_vcpu_stat) of running vCPUs without debugfs and without any
 * tracepoint: the vCPUs are found as open files of the VMM, by an iterator over tasks and files.
 *
 * The hard part is to be sure that a file is a vCPU before its private_data is taken for one. The
 * test is the one of /proc/PID/fd: an anonymous inode whose name begins with "kvm-vcpu:".
 */
#include "kvm_types.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#include "vcpus.h"

#define ANON_INODE_FS_MAGIC 0x09041934ul	/* linux/magic.h */

/* Only the fields that are read; found by name in the running kernel's types. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct task_struct {
	int tgid;
};

struct qstr {
	const unsigned char *name;
};

struct super_block {
	unsigned long s_magic;
};

struct dentry {
	struct qstr d_name;
	struct super_block *d_sb;
};

struct path {
	struct dentry *dentry;
};

struct file {
	struct path f_path;
	void *private_data;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	unsigned int fd;
	struct file *file;
};

struct kvm_vcpu_stat {
#define X(name) unsigned long long name;
	KVMSTAT_COUNTERS(X)
#undef X
};

/* What comes after ___ does not count for the match by name. */
struct kvm_vcpu___stat {
	struct kvm *kvm;
	int vcpu_id;
	struct kvm_vcpu_stat stat;
};
#pragma clang attribute pop

/* VMM process to report, or 0 for all; set before loading. */
const volatile unsigned int wanted_tgid = 0;

static __always_inline int is_vcpu(struct file *file)
{
	static const char prefix[] = "kvm-vcpu:";	/* "kvm-vcpu-stats:" is another thing */
	char name[sizeof(prefix) - 1] = {};
	struct dentry *d = BPF_CORE_READ(file, f_path.dentry);
	unsigned int i;

	if (BPF_CORE_READ(d, d_sb, s_magic) != ANON_INODE_FS_MAGIC)
		return 0;
	bpf_probe_read_kernel(name, sizeof(name), BPF_CORE_READ(d, d_name.name));
#pragma unroll
	for (i = 0; i < sizeof(name); i++)
		if (name[i] != prefix[i])
			return 0;
	return 1;
}

SEC("iter/task_file")
int vcpus(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct vcpu_record r = {};
	struct kvm_vcpu___stat *vcpu;

	if (!task || !file)
		return 0;
	r.tgid = (unsigned int)task->tgid;
	if ((wanted_tgid && r.tgid != wanted_tgid) || !is_vcpu(file))
		return 0;
	vcpu = BPF_CORE_READ(file, private_data);
	r.vcpu = (unsigned long long)vcpu;
	r.kvm = (unsigned long long)BPF_CORE_READ(vcpu, kvm);
	r.vcpu_id = BPF_CORE_READ(vcpu, vcpu_id);
#define X(name) \
	if (bpf_core_field_exists(vcpu->stat.name)) { \
		r.present |= 1ull << KVMSTAT_##name; \
		r.value[KVMSTAT_##name] = BPF_CORE_READ(vcpu, stat.name); \
	}
	KVMSTAT_COUNTERS(X)
#undef X
	bpf_seq_write(ctx->meta->seq, &r, sizeof(r));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
