// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/core/reason_class.c tracer/core/reason.c */
/* Classes of exit reasons: the table that programs use says the same as the function. */
#include "unit.h"

#include <string.h>

#include "core/reason.h"
#include "core/reason_class.h"

static void known_reasons(void **state)
{
	static const struct {
		unsigned int isa;
		unsigned long long code;
		const char *name, *class;
	} t[] = {
		{ 1, 30, "IO_INSTRUCTION", "io" },	{ 2, 0x7b, "IOIO", "io" },
		{ 1, 49, "EPT_MISCONFIG", "io" },	{ 2, 0x400, "NPF", "memory" },
		{ 1, 48, "EPT_VIOLATION", "memory" },	{ 1, 62, "PML_FULL", "memory" },
		{ 1, 32, "MSR_WRITE", "msr" },		{ 2, 0x7c, "MSR", "msr" },
		{ 1, 12, "HLT", "halt" },		{ 2, 0x78, "HLT", "halt" },
		{ 1, 36, "MWAIT_INSTRUCTION", "halt" },	{ 2, 0x8b, "MWAIT", "halt" },
		{ 2, 0xa6, "IDLE_HLT", "halt" },
		{ 1, 1, "EXTERNAL_INTERRUPT", "interrupt" }, { 2, 0x60, "INTR", "interrupt" },
		{ 1, 7, "INTERRUPT_WINDOW", "interrupt" }, { 2, 0x64, "VINTR", "interrupt" },
		{ 1, 45, "EOI_INDUCED", "interrupt" },	{ 1, 56, "APIC_WRITE", "interrupt" },
		{ 2, 0x401, "AVIC_INCOMPLETE_IPI", "interrupt" },
		{ 1, 10, "CPUID", "emulation" },	{ 2, 0x72, "CPUID", "emulation" },
		{ 1, 28, "CR_ACCESS", "emulation" },	{ 2, 0x10, "WRITE_CR0", "emulation" },
		{ 1, 18, "VMCALL", "other" },		{ 2, 0x81, "VMMCALL", "other" },
		{ 1, 40, "PAUSE_INSTRUCTION", "other" },	{ 2, 0x77, "PAUSE", "other" },
		{ 1, 0, "EXCEPTION_NMI", "other" },	{ 2, 0x4e, "EXCP_14", "memory" },
		{ 2, 0x403, "VMGEXIT", "other" },
	};
	char buf[64];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		assert_string_equal(reason_name(t[i].isa, t[i].code, buf, sizeof(buf)), t[i].name);
		assert_string_equal(reason_class_name(reason_class(t[i].isa, t[i].code)),
				    t[i].class);
	}
}

/* Flags, failures and foreign instruction sets are never taken for what they look like. */
static void unknown_is_other(void **state)
{
	(void)state;
	assert_int_equal(reason_class(1, 0x8000001e), CLASS_OTHER);
	assert_int_equal(reason_class(1, 0x1000c), CLASS_OTHER);
	assert_int_equal(reason_class(2, 0xffffffff), CLASS_OTHER);
	assert_int_equal(reason_class(2, ~0ull), CLASS_OTHER);
	assert_int_equal(reason_class(3, 12), CLASS_OTHER);
	assert_int_equal(reason_class(0, 0x78), CLASS_OTHER);
	assert_string_equal(reason_class_name(NR_REASON_CLASSES), "other");
}

static void the_table_is_the_function(void **state)
{
	unsigned char table[REASON_INDEXES];
	unsigned int isa;
	unsigned long long code;

	(void)state;
	for (isa = 0; isa < 4; isa++) {
		memset(table, 0xee, sizeof(table));
		reason_class_table(isa, table);
		for (code = 0; code < 0x20000; code++) {
			assert_true(reason_index(code) < REASON_INDEXES);
			assert_int_equal(table[reason_index(code)], reason_class(isa, code));
		}
		assert_int_equal(table[reason_index(0x8000000c)], CLASS_OTHER);
		assert_int_equal(table[reason_index(~0ull)], CLASS_OTHER);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_reasons),
		cmocka_unit_test(unknown_is_other),
		cmocka_unit_test(the_table_is_the_function),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
