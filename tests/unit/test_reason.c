// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/core/reason.c */
/* Names of exit reasons: by the event's isa, flags shown, unknown codes kept. */
#include "unit.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "core/reason.h"

#define FORMAT "/sys/kernel/tracing/events/kvm/kvm_exit/format"

static void check(uint32_t isa, uint64_t reason, const char *want)
{
	char buf[64];

	assert_string_equal(reason_name(isa, reason, buf, sizeof(buf)), want);
}

static void known_codes(void **state)
{
	(void)state;
	/* Numbers from the manuals, typed in here apart from the generated tables. */
	check(KVM_ISA_SVM, 0x60, "INTR");
	check(KVM_ISA_SVM, 0x64, "VINTR");
	check(KVM_ISA_SVM, 0x72, "CPUID");
	check(KVM_ISA_SVM, 0x78, "HLT");
	check(KVM_ISA_SVM, 0x7b, "IOIO");
	check(KVM_ISA_SVM, 0x7c, "MSR");
	check(KVM_ISA_SVM, 0x400, "NPF");
	check(KVM_ISA_VMX, 1, "EXTERNAL_INTERRUPT");
	check(KVM_ISA_VMX, 10, "CPUID");
	check(KVM_ISA_VMX, 12, "HLT");
	check(KVM_ISA_VMX, 30, "IO_INSTRUCTION");
	check(KVM_ISA_VMX, 32, "MSR_WRITE");
	check(KVM_ISA_VMX, 48, "EPT_VIOLATION");
	check(KVM_ISA_VMX, 77, "TDCALL");
}

static void the_isa_decides(void **state)
{
	(void)state;
	check(KVM_ISA_VMX, 0x78, "0x78");
	check(KVM_ISA_SVM, 12, "0xc");
	check(3, 12, "0xc");
}

static void flags_and_exceptions(void **state)
{
	(void)state;
	check(KVM_ISA_VMX, 0x80000021u, "FAILED_VMENTRY|INVALID_STATE");
	check(KVM_ISA_VMX, 0x8000ffffu, "0x8000ffff");
	check(KVM_ISA_SVM, 0x4e, "EXCP_14");
	check(KVM_ISA_SVM, 0x40, "EXCP_0");
	check(KVM_ISA_SVM, 0x5f, "EXCP_31");
	check(KVM_ISA_SVM, 0xffffffffu, "ERR");
	check(KVM_ISA_SVM, UINT64_MAX, "ERR");
}

static void unknown_codes_keep_their_number(void **state)
{
	(void)state;
	check(KVM_ISA_VMX, 0x20000, "0x20000");	/* seen with PVM, virt-pvm/linux#8 */
	check(KVM_ISA_SVM, 0xabcdef0123ull, "0xabcdef0123");
}

static void isas_and_msrs(void **state)
{
	char buf[32];

	(void)state;
	assert_string_equal(isa_name(1, buf, sizeof(buf)), "vmx");
	assert_string_equal(isa_name(2, buf, sizeof(buf)), "svm");
	assert_string_equal(isa_name(9, buf, sizeof(buf)), "isa9");
	assert_string_equal(msr_name(0x80b, buf, sizeof(buf)), "EOI");
	assert_string_equal(msr_name(0x830, buf, sizeof(buf)), "ICR");
	assert_string_equal(msr_name(0x6e0, buf, sizeof(buf)), "TSC_DEADLINE");
	assert_string_equal(msr_name(0x12345, buf, sizeof(buf)), "0x12345");
}

/* Where tracefs is not mounted, root can still mount it for this process alone. */
static FILE *open_format(void)
{
	FILE *f = fopen(FORMAT, "re");

	if (f || unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL) ||
	    mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL))
		return f;
	return fopen(FORMAT, "re");
}

/* The kernel this runs on may be newer than the headers: its event format lists the codes it has,
 * first VMX's in decimal, then SVM's in hexadecimal: { 12, "HLT" }, ... { 0x078, "hlt" }. */
static void codes_of_this_kernel_have_names(void **state)
{
	static char text[65536];
	uint32_t isa = KVM_ISA_VMX;
	FILE *f = open_format();
	char *p, buf[64];
	int n = 0;

	(void)state;
	if (!f) {
		print_message("SKIP: cannot read " FORMAT " (no KVM here, or not root)\n");
		skip();
	}
	text[fread(text, 1, sizeof(text) - 1, f)] = 0;
	fclose(f);
	for (p = strstr(text, "__print_symbolic"); p && (p = strstr(p, "{ ")); p += 2) {
		uint64_t code = strtoull(p + 2, NULL, 0);
		const char *end = strchr(p, '}');

		if (!strncmp(p + 2, "0x", 2))
			isa = KVM_ISA_SVM;
		/* A flag, and what SEV guests ask for by VMGEXIT: not codes of exits. */
		if (!end || memmem(p, (size_t)(end - p), "FAILED_VMENTRY", 14) ||
		    memmem(p, (size_t)(end - p), "vmgexit_", 8))
			continue;
		if (!strncmp(reason_name(isa, code, buf, sizeof(buf)), "0x", 2))
			fail_msg("%.40s has no name here", p);
		n++;
	}
	assert_true(n > 100);
}

static void details_are_named_by_the_reason(void **state)
{
	char buf[64];

	(void)state;
	assert_string_equal(detail_name(2, 0x7c, 0x80b, buf, sizeof(buf)), "EOI");
	assert_string_equal(detail_name(1, 32, 0x80b, buf, sizeof(buf)), "EOI");
	assert_string_equal(detail_name(2, 0x7b, 0x3f8 | PORT_WRITE, buf, sizeof(buf)), "0x3f8 out");
	assert_string_equal(detail_name(1, 30, 0xffff, buf, sizeof(buf)), "0xffff in");
	assert_string_equal(detail_name(2, 0x400, 0xfe000, buf, sizeof(buf)), "0xfe000000");
	/* Flags above the basic reason do not make it another kind. */
	assert_string_equal(detail_name(1, 0x8000000u | 49, 1, buf, sizeof(buf)), "0x1000");
	/* The same numbers on the other isa are other reasons. */
	assert_string_equal(detail_name(2, 48, 0x80b, buf, sizeof(buf)), "EOI");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_codes),
		cmocka_unit_test(the_isa_decides),
		cmocka_unit_test(flags_and_exceptions),
		cmocka_unit_test(unknown_codes_keep_their_number),
		cmocka_unit_test(isas_and_msrs),
		cmocka_unit_test(codes_of_this_kernel_have_names),
		cmocka_unit_test(details_are_named_by_the_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
