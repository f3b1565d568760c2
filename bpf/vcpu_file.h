/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From an open file to the counters of a vCPU.
 *
 * The hard part is to know a vCPU's file for sure, because its private_data is then taken for a
 * struct kvm_vcpu. The name alone is not enough (anybody can name a file so); together with the
 * anonymous inode file system, whose files only the kernel makes, it is.
 */
#ifndef EXITLAB_VCPU_FILE_H
#define EXITLAB_VCPU_FILE_H

#include "kvm_types.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define ANON_INODE_FS_MAGIC 0x09041934	/* uapi/linux/magic.h */
#define KVM_VCPU_NAME	0x757063762d6d766bull	/* "kvm-vcpu", little endian */

static __always_inline int is_vcpu_file(struct file *file)
{
	union {
		__u64 eight;
		char text[16];
	} name = {};
	struct dentry *d = BPF_CORE_READ(file, f_path.dentry);

	if (BPF_CORE_READ(d, d_sb, s_magic) != ANON_INODE_FS_MAGIC)
		return 0;
	if (bpf_probe_read_kernel(name.text, 9, BPF_CORE_READ(d, d_name.name)))
		return 0;
	/* Eight characters at a time: a loop around this is dear to the verifier. */
	/* "kvm-vcpu:0", but not "kvm-vcpu-stats:0" */
	return name.eight == KVM_VCPU_NAME && (name.text[8] == ':' || name.text[8] == 0);
}

#define READ_STAT(field)							\
	do {									\
		if (bpf_core_field_exists(vcpu->stat.field)) {			\
			r.stat[KVM_STAT_##field] = BPF_CORE_READ(vcpu, stat.field); \
			r.have |= 1u << KVM_STAT_##field;			\
		}								\
	} while (0);

/* All of @r but the process. */
static __always_inline void read_vcpu(struct kvm_vcpu *vcpu, struct vcpu_record *out)
{
	struct vcpu_record r = {};

	r.tgid = out->tgid;
	r.kvm = (__u64)BPF_CORE_READ(vcpu, kvm);
	r.vcpu = (__u64)vcpu;
	r.tid = BPF_CORE_READ(vcpu, pid, numbers[0].nr);
	r.id = BPF_CORE_READ(vcpu, vcpu_id);
	KVM_STATS(READ_STAT)
	*out = r;
}

#endif
