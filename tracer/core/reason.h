/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Names of exit reasons. A reason is the pair (isa, full code): the isa comes with the event, never
 * from the CPU this runs on, and a code without a name keeps its number. The tables are generated
 * from the kernel's uapi headers by gen-reasons.sh.
 */
#ifndef EXITLAB_REASON_H
#define EXITLAB_REASON_H

#include <stddef.h>
#include <stdint.h>

/* Values of the `isa` field of kvm_exit (arch/x86/include/asm/kvm_host.h). */
enum kvm_isa { KVM_ISA_VMX = 1, KVM_ISA_SVM = 2 };

/* VMX puts flags above the 16 bits of the basic reason (Intel SDM 3C, "Basic VM-exit information"). */
#define VMX_FAILED_VMENTRY 0x80000000u

/* "vmx", "svm", or "isaN" in @buf. */
const char *isa_name(uint32_t isa, char *buf, size_t size);
/*
 * Name of the reason without its vendor prefix: "HLT", "MSR", "NPF". "FAILED_VMENTRY|X" with that
 * flag; "0x1234" if it has no name. Returns a constant or @buf.
 */
const char *reason_name(uint32_t isa, uint64_t reason, char *buf, size_t size);
/*
 * Detail of an exit of this reason: the MSR's name, "0x3f8 out" (port in the low 16 bits, and
 * PORT_WRITE), the address of the page that is numbered @detail, or just its number. In @buf or a
 * constant.
 */
#define PORT_WRITE 0x10000u
const char *detail_name(uint32_t isa, uint64_t reason, uint64_t detail, char *buf, size_t size);
/* Name of an MSR that matters here ("EOI", "ICR", "TMICT", ...) or its number in @buf. */
const char *msr_name(uint64_t msr, char *buf, size_t size);

#endif
