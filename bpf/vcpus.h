/* SPDX-License-Identifier: GPL-2.0 */
/* What vcpus.bpf.c tells user space about a vCPU. Shared by both, so only fixed types. */
#ifndef EXITLAB_VCPUS_H
#define EXITLAB_VCPUS_H

/*
 * Counters of struct kvm_vcpu_stat; each is also a file of that name in KVM's debugfs folder. Only
 * `exits` is in every kernel since 5.10 for certain.
 */
#define KVMSTAT_COUNTERS(X)	\
	X(exits)		\
	X(irq_exits)		\
	X(irq_window_exits)	\
	X(irq_injections)	\
	X(nmi_window_exits)	\
	X(nmi_injections)	\
	X(halt_exits)		\
	X(io_exits)		\
	X(mmio_exits)		\
	X(signal_exits)		\
	X(request_irq_exits)	\
	X(hypercalls)		\
	X(insn_emulation)

enum kvmstat_counter {
#define X(name) KVMSTAT_##name,
	KVMSTAT_COUNTERS(X)
#undef X
	KVMSTAT_NR
};

struct vcpu_record {
	unsigned long long kvm, vcpu;	/* addresses: identity only */
	unsigned int tgid;
	int vcpu_id;
	unsigned long long present;	/* bit per kvmstat_counter that this kernel has */
	unsigned long long value[KVMSTAT_NR];
};

#endif
