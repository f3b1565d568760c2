/* SPDX-License-Identifier: GPL-2.0 */
/* What record.bpf.c and offline/recorder.c share: plain structs, no pointers. */
#ifndef EXITLAB_BPF_RECORD_H
#define EXITLAB_BPF_RECORD_H

/* Kinds of events; the numbers are those of the file format and never change (exitlab-trace(5)). */
enum rec_type {
	REC_THREAD,		/* who a thread is; not an event, and only in the ring ... */
	REC_LOST = REC_THREAD,	/* ... a = events lost before the next one; only in the file */
	REC_KVM_ENTRY,
	REC_KVM_EXIT,
	REC_KVM_MSR,
	REC_KVM_PIO,
	REC_KVM_MMIO,
	REC_KVM_PAGE_FAULT,
	REC_KVM_FAST_MMIO,
	REC_KVM_CPUID,
	REC_KVM_USERSPACE_EXIT,
	REC_KVM_VCPU_WAKEUP,
	REC_KVM_INJ_VIRQ,
	REC_KVM_EOI,
	REC_KVM_APIC_ACCEPT_IRQ,
	REC_KVM_APICV_ACCEPT_IRQ,
	REC_IRQ_ENTRY,
	REC_IRQ_EXIT,
	REC_SCHED_IN,
	REC_SCHED_OUT,
	NR_REC_TYPES
};

/* Fields of a classic trace record that one event takes: into a, b, c, flags, upper half of c. */
#define REC_FIELDS 5

struct rec_field {
	unsigned short off, size;	/* bytes; size 0 = this kernel has none */
};

/* One event in the ring buffer. */
struct rec {
	unsigned long long ts;		/* CLOCK_MONOTONIC, ns */
	unsigned long long a, b, c;	/* by type */
	unsigned long long lost;	/* so far, of all kinds */
	unsigned long long kvm;		/* address of struct kvm; 0 = no VM is known */
	unsigned int tgid, tid;		/* of the thread it is about; tgid 0 = unknown */
	unsigned short cpu;
	short vcpu;			/* -1 = none, or unknown */
	unsigned char type;		/* enum rec_type */
	unsigned char flags;		/* exit: isa; MSR, port, MMIO: see exitlab-trace(5) */
	unsigned short pad;
};

/* Kept per type. seen = what came into the ring + lost. */
struct rec_count {
	unsigned long long seen, lost;
};

#endif
