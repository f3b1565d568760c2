// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/engine/tracefs.c */
/* Offsets of trace record fields, from format files of several kernels. */
#include "unit.h"

#include <errno.h>

#include "engine/tracefs.h"

static const char linux_6_12[] =
	"name: kvm_exit\nID: 1781\nformat:\n"
	"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
	"\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"
	"\tfield:unsigned int exit_reason;\toffset:8;\tsize:4;\tsigned:0;\n"
	"\tfield:unsigned long guest_rip;\toffset:16;\tsize:8;\tsigned:0;\n"
	"\tfield:u32 isa;\toffset:24;\tsize:4;\tsigned:0;\n"
	"\tfield:u64 info1;\toffset:32;\tsize:8;\tsigned:0;\n\n"
	"print fmt: \"vcpu %u reason %s%s%s\"\n";

static void fields_are_found(void **state)
{
	struct event_field f;

	(void)state;
	assert_int_equal(format_field(linux_6_12, "exit_reason", &f), 0);
	assert_int_equal(f.offset, 8);
	assert_int_equal(f.size, 4);
	assert_int_equal(format_field(linux_6_12, "isa", &f), 0);
	assert_int_equal(f.offset, 24);
}

static void whole_names_only(void **state)
{
	struct event_field f;

	(void)state;
	assert_int_equal(format_field(linux_6_12, "reason", &f), -ENOENT);
	assert_int_equal(format_field(linux_6_12, "info", &f), -ENOENT);
	assert_int_equal(format_field(linux_6_12, "pid", &f), -ENOENT);
}

static void moved_and_widened_fields(void **state)
{
	struct event_field f;

	(void)state;
	assert_int_equal(format_field("\tfield:u64 exit_reason;\toffset:48;\tsize:8;\tsigned:0;\n",
				      "exit_reason", &f), 0);
	assert_int_equal(f.offset, 48);
	assert_int_equal(f.size, 8);
}

static void damaged_text(void **state)
{
	struct event_field f;

	(void)state;
	assert_int_equal(format_field("", "isa", &f), -ENOENT);
	assert_int_equal(format_field("field:u32 isa", "isa", &f), -EINVAL);
	assert_int_equal(format_field("field:u32 isa;\toffs", "isa", &f), -EINVAL);
	assert_int_equal(format_field("field:;", "isa", &f), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_found),
		cmocka_unit_test(whole_names_only),
		cmocka_unit_test(moved_and_widened_fields),
		cmocka_unit_test(damaged_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
