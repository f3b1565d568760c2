// SPDX-License-Identifier: GPL-2.0
#include "core/reason_class.h"

#include <stddef.h>

#include "core/reason.h"

static enum reason_class vmx_class(unsigned long long code)
{
	switch (code) {
	case 30: case 49:			/* IO_INSTRUCTION EPT_MISCONFIG */
		return CLASS_IO;
	case 31: case 32: case 84: case 85:	/* MSR_READ MSR_WRITE, also immediate */
		return CLASS_MSR;
	case 12: case 36:			/* HLT MWAIT */
		return CLASS_HALT;
	case 1: case 7: case 8:			/* EXTERNAL_INTERRUPT, windows */
	case 43: case 44: case 45: case 56:	/* TPR_BELOW_THRESHOLD APIC_ACCESS EOI APIC_WRITE */
	case 52:				/* PREEMPTION_TIMER: the guest's own timer */
		return CLASS_INTERRUPT;
	case 14: case 48: case 58: case 62:	/* INVLPG EPT_VIOLATION INVPCID PML_FULL */
		return CLASS_MEMORY;
	case 9: case 10: case 13: case 15: case 16:	/* TASK_SWITCH CPUID INVD RDPMC RDTSC */
	case 28: case 29:			/* CR_ACCESS DR_ACCESS */
	case 46: case 47: case 51: case 54: case 55:	/* tables, RDTSCP WBINVD XSETBV */
	case 57: case 61: case 63: case 64:	/* RDRAND RDSEED XSAVES XRSTORS */
		return CLASS_EMULATION;
	default:
		return CLASS_OTHER;
	}
}

static enum reason_class svm_class(unsigned long long code)
{
	if (code < 0x40 || (code >= 0x65 && code <= 0x6f) ||
	    (code >= 0x8f && code <= 0x9f))	/* CR, DR, tables, TSC, PMC; write traps */
		return CLASS_EMULATION;
	switch (code) {
	case 0x7b:				/* IOIO */
		return CLASS_IO;
	case 0x7c:				/* MSR */
		return CLASS_MSR;
	case 0x78: case 0x8b: case 0x8c: case 0xa6:	/* HLT MWAIT MWAIT_COND IDLE_HLT */
		return CLASS_HALT;
	case 0x60: case 0x61: case 0x62: case 0x64:	/* INTR NMI SMI VINTR */
	case 0x74:				/* IRET: the window for an NMI */
	case 0x401: case 0x402:			/* AVIC */
		return CLASS_INTERRUPT;
	case 0x4e:				/* #PF, with shadow pages */
	case 0x79: case 0x7a:			/* INVLPG INVLPGA */
	case 0xa2: case 0x400:			/* INVPCID NPF */
		return CLASS_MEMORY;
	case 0x70: case 0x71: case 0x72:	/* PUSHF POPF CPUID */
	case 0x76: case 0x7d: case 0x87: case 0x89: case 0x8d: case 0x8e:
		return CLASS_EMULATION;		/* INVD TASK_SWITCH RDTSCP WBINVD XSETBV RDPRU */
	default:
		return CLASS_OTHER;
	}
}

enum reason_class reason_class(unsigned int isa, unsigned long long code)
{
	if (isa == KVM_ISA_VMX)
		return vmx_class(code);
	return isa == KVM_ISA_SVM ? svm_class(code) : CLASS_OTHER;
}

const char *reason_class_name(enum reason_class c)
{
	static const char *const name[NR_REASON_CLASSES] = {
		"io", "msr", "halt", "interrupt", "memory", "emulation", "other",
	};

	return c < NR_REASON_CLASSES ? name[c] : "other";
}

void reason_class_table(unsigned int isa, unsigned char *table)
{
	unsigned int i;

	for (i = 0; i < REASON_INDEXES; i++)
		table[i] = CLASS_OTHER;
	for (i = 0; i < 0x410; i++)
		if (reason_index(i) != 0xff)
			table[reason_index(i)] = (unsigned char)reason_class(isa, i);
}
