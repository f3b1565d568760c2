/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The few kernel types the programs touch, cut down to the fields they read. CO-RE finds the real
 * offsets in the BTF of the running kernel (of kvm.ko, where KVM is a module), so this replaces a
 * generated vmlinux.h.
 */
#ifndef EXITLAB_KVM_TYPES_H
#define EXITLAB_KVM_TYPES_H

#include "vcpus.h"

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;

enum { BPF_MAP_TYPE_HASH = 1, BPF_MAP_TYPE_ARRAY = 2, BPF_MAP_TYPE_PERCPU_ARRAY = 6,
       BPF_MAP_TYPE_QUEUE = 22 };
enum { BPF_ANY = 0, BPF_NOEXIST = 1, BPF_F_NO_PREALLOC = 1, BPF_F_MMAPABLE = 1 << 10 };

/* Context of raw tracepoint programs (uapi/linux/bpf.h). */
struct bpf_raw_tracepoint_args {
	__u64 args[0];
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct mm_struct;
struct seq_file;

struct list_head {
	struct list_head *next;
};

struct task_struct {
	int tgid;
	struct mm_struct *mm;
};

struct upid {
	int nr;
};

struct pid {
	struct upid numbers[1];
};

struct kvm {
	struct mm_struct *mm;
};

#define KVM_STAT_FIELD(name) __u64 name;
struct kvm_vcpu_stat {
	KVM_STATS(KVM_STAT_FIELD)
};

struct kvm_vcpu {
	struct kvm *kvm;
	int vcpu_id;
	struct pid *pid;	/* the thread that ran it last */
	struct kvm_vcpu_stat stat;
};

/* What the vendors have around a vCPU, which is their first member. */
struct vmcb_control_area {
	__u32 exit_code;
};

struct vmcb {
	struct vmcb_control_area control;
};

struct vcpu_svm {
	struct vmcb *vmcb;
};

union vmx_exit_reason {
	__u32 full;
};

struct vcpu_vmx {
	union vmx_exit_reason exit_reason;
};

struct vcpu_vt {
	union vmx_exit_reason exit_reason;
};

struct vcpu_vmx___vt {
	struct vcpu_vt vt;
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
	void *private_data;
	struct path f_path;
};

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};

#pragma clang attribute pop

#endif
