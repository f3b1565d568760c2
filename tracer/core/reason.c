// SPDX-License-Identifier: GPL-2.0
/* Names of exit reasons and MSRs. Look-ups are linear: they happen once per line of output. */
#include "core/reason.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#include "core/reason_table.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* SVM has one code per intercepted exception: 0x40 + vector (AMD APM 2, appendix C). */
#define SVM_EXCP_FIRST	0x40
#define SVM_EXCP_LAST	0x5f

static const struct reason_entry msrs[] = {
	{ 0x10, "TSC" },	{ 0x3b, "TSC_ADJUST" },	{ 0x1b, "APIC_BASE" },
	{ 0x48, "SPEC_CTRL" },	{ 0x8b, "UCODE_REV" },	{ 0x6e0, "TSC_DEADLINE" },
	/* x2APIC: 0x800 + register offset / 16 (Intel SDM 3A, "x2APIC Register Address Space") */
	{ 0x808, "TPR" },	{ 0x80b, "EOI" },	{ 0x80f, "SVR" },
	{ 0x830, "ICR" },	{ 0x832, "LVTT" },	{ 0x838, "TMICT" },
	{ 0x839, "TMCCT" },	{ 0x83e, "TDCR" },	{ 0x83f, "SELF_IPI" },
	/* KVM's own (asm/kvm_para.h) */
	{ 0x4b564d00, "KVM_WALL_CLOCK" }, { 0x4b564d01, "KVM_SYSTEM_TIME" },
	{ 0x4b564d02, "KVM_ASYNC_PF" },	{ 0x4b564d03, "KVM_STEAL_TIME" },
	{ 0x4b564d04, "KVM_PV_EOI" },	{ 0x4b564d05, "KVM_POLL_CONTROL" },
};

static const char *find(const struct reason_entry *t, size_t n, uint64_t code)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (t[i].code == code)
			return t[i].name;
	return NULL;
}

const char *isa_name(uint32_t isa, char *buf, size_t size)
{
	if (isa == KVM_ISA_VMX)
		return "vmx";
	if (isa == KVM_ISA_SVM)
		return "svm";
	snprintf(buf, size, "isa%u", isa);
	return buf;
}

static const char *vmx_name(uint64_t reason, char *buf, size_t size)
{
	const char *name = find(vmx_reasons, COUNT(vmx_reasons), reason);

	if (name)
		return name;
	if (!(reason & VMX_FAILED_VMENTRY))
		return NULL;
	name = find(vmx_reasons, COUNT(vmx_reasons), reason & ~(uint64_t)VMX_FAILED_VMENTRY);
	if (!name)
		return NULL;
	snprintf(buf, size, "FAILED_VMENTRY|%s", name);
	return buf;
}

static const char *svm_name(uint64_t reason, char *buf, size_t size)
{
	/* Before the 64-bit codes of 7.x the event truncates -1 (VMEXIT_INVALID) to 32 bits. */
	if (reason == 0xffffffffu)
		reason = UINT64_MAX;
	if (reason == UINT64_MAX)
		return "ERR";
	if (reason >= SVM_EXCP_FIRST && reason <= SVM_EXCP_LAST) {
		snprintf(buf, size, "EXCP_%u", (unsigned int)(reason - SVM_EXCP_FIRST));
		return buf;
	}
	return find(svm_reasons, COUNT(svm_reasons), reason);
}

const char *reason_name(uint32_t isa, uint64_t reason, char *buf, size_t size)
{
	const char *name = NULL;

	if (isa == KVM_ISA_VMX)
		name = vmx_name(reason, buf, size);
	else if (isa == KVM_ISA_SVM)
		name = svm_name(reason, buf, size);
	if (name)
		return name;
	snprintf(buf, size, "0x%" PRIx64, reason);
	return buf;
}

const char *msr_name(uint64_t msr, char *buf, size_t size)
{
	const char *name = find(msrs, COUNT(msrs), msr);

	if (name)
		return name;
	snprintf(buf, size, "0x%" PRIx64, msr);
	return buf;
}

const char *detail_name(uint32_t isa, uint64_t reason, uint64_t detail, char *buf, size_t size)
{
	/* As is_port_exit() and is_page_exit() of bpf/exits_reason.h. */
	unsigned int vmx = reason & 0xffff;
	bool port = isa == KVM_ISA_SVM ? reason == 0x7b : isa == KVM_ISA_VMX && vmx == 30;
	bool page = isa == KVM_ISA_SVM ? reason == 0x400 :
		    isa == KVM_ISA_VMX && (vmx == 48 || vmx == 49);

	if (!port && !page)
		return msr_name(detail, buf, size);
	if (port)
		snprintf(buf, size, "0x%x %s", (unsigned int)(detail & 0xffff),
			 detail & PORT_WRITE ? "out" : "in");
	else
		snprintf(buf, size, "0x%" PRIx64, detail << 12);
	return buf;
}
