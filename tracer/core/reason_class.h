/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Classes of exit reasons: what a guest's exit was for, the same words for Intel and AMD, so that
 * time spent on exits can be summed up in a few lines.
 *
 * A class follows from the reason alone. What the reason does not tell is not guessed: on AMD a
 * device register in memory is a nested page fault like any other and counts as memory, on Intel
 * it is a misconfigured page on purpose and counts as I/O.
 */
#ifndef EXITLAB_REASON_CLASS_H
#define EXITLAB_REASON_CLASS_H

enum reason_class {
	CLASS_IO,		/* ports; device memory where the reason says so */
	CLASS_MSR,		/* machine registers: x2APIC, timers, EOI */
	CLASS_HALT,		/* HLT, MWAIT: nothing to do */
	CLASS_INTERRUPT,	/* of the host, windows for the guest's, APIC helpers, timer */
	CLASS_MEMORY,		/* nested page faults, TLB, dirty log */
	CLASS_EMULATION,	/* CPUID, control registers and other instructions */
	CLASS_OTHER,		/* hypercalls, PAUSE, exceptions, nesting, unknown codes */
	NR_REASON_CLASSES
};

/* Enough for every code of VMX and SVM that has a class other than CLASS_OTHER. */
#define REASON_INDEXES 256

/*
 * Where a code is in a table of REASON_INDEXES entries, so that a program in the kernel finds its
 * class by one load. A code with flags, or beyond the table, is at a place that no code with a
 * class has. Always below REASON_INDEXES.
 */
static inline unsigned int reason_index(unsigned long long code)
{
	if (code >= 0x400 && code < 0x410)	/* SVM: nested pages, AVIC */
		return 0xe0 | (unsigned int)(code & 0xf);
	return code < 0xe0 ? (unsigned int)code : 0xff;
}

/* @isa: enum kvm_isa; @code: the full code as traced. */
enum reason_class reason_class(unsigned int isa, unsigned long long code);
/* "io", "msr", ...: lower case, for every format. */
const char *reason_class_name(enum reason_class c);
/* The class of every index; @isa as above. */
void reason_class_table(unsigned int isa, unsigned char *table);

#endif
