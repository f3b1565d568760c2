/* SPDX-License-Identifier: GPL-2.0 */
/* What vcpus.bpf.c hands to user space: one record per vCPU of the host. */
#ifndef EXITLAB_BPF_VCPUS_H
#define EXITLAB_BPF_VCPUS_H

/*
 * KVM's own counters of a vCPU (struct kvm_vcpu_stat), by the names they also have in debugfs. A
 * kernel that lacks one is no problem: it is then not reported. `exits` must stay the first.
 */
#define KVM_STATS(X) \
	X(exits) X(io_exits) X(mmio_exits) X(signal_exits) X(irq_window_exits) \
	X(nmi_window_exits) X(halt_exits) X(request_irq_exits) X(irq_exits) \
	X(host_state_reload) X(fpu_reload) X(insn_emulation) X(hypercalls) X(irq_injections) \
	X(nmi_injections) X(req_event) X(nested_run)

#define KVM_STAT_INDEX(name) KVM_STAT_##name,
enum { KVM_STATS(KVM_STAT_INDEX) NR_KVM_STATS };

struct vcpu_record {
	unsigned long long kvm, vcpu;	/* addresses of struct kvm and struct kvm_vcpu */
	unsigned int tgid;		/* of the VMM */
	unsigned int tid;		/* thread that ran it last; 0 = never ran */
	int id;				/* number inside its VM */
	unsigned int have;		/* bit i: stat[i] exists on this kernel */
	unsigned long long stat[NR_KVM_STATS];
};

/*
 * Which vCPU of endings.bpf.c: once, however often it is open. Its address is not enough: that of a
 * VM that has ended is given to the next one.
 */
struct ended_key {
	unsigned long long vcpu;
	unsigned int tgid, pad;
};

/* The same from endings.bpf.c, for a process that has ended. */
struct ended_record {
	struct vcpu_record vcpu;
	char comm[16];
};

#endif
