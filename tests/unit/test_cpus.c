// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/util/cpus.c tracer/engine/details.c */
/* Lists on the command line: CPUs of -C, details of --detail. */
#include "unit.h"

#include <errno.h>

#include "engine/details.h"
#include "engine/engine.h"
#include "util/cpus.h"

static void lists_of_cpus(void **state)
{
	static const char *const wrong[] = { "", ",", "1,", "-1", "1-", "3-1", "x", "1 2", "0x1", "1--2",
					     "99999999999999999999" };
	uint64_t m[2], all[2];
	size_t i;

	(void)state;
	assert_int_equal(cpus_parse("0-3,7,64", m, 2), 0);
	assert_int_equal(m[0], 0x8f);
	assert_int_equal(m[1], 1);
	assert_int_equal(cpus_parse("127\n", m, 2), 0);
	assert_int_equal(m[1], 1ull << 63);
	assert_int_equal(cpus_parse("128", m, 2), -ERANGE);
	assert_int_equal(cpus_parse("0-4000000000", m, 2), -ERANGE);
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (cpus_parse(wrong[i], m, 2) != -EINVAL)
			fail_msg("'%s' is taken", wrong[i]);
	cpus_parse("0-1", all, 2);
	cpus_parse("1", m, 2);
	assert_int_equal(cpus_missing(m, all, 2), -1);
	cpus_parse("1,70", m, 2);
	assert_int_equal(cpus_missing(m, all, 2), 70);
}

static void lists_of_details(void **state)
{
	static const char *const wrong[] = { "", "msr,", ",", "ms", "msrs", "port,,gpa", "all" };
	unsigned int bits;
	size_t i;

	(void)state;
	assert_int_equal(details_parse("msr", &bits), 0);
	assert_int_equal(bits, DETAIL_MSR);
	assert_int_equal(details_parse("gpa,port,gpa", &bits), 0);
	assert_int_equal(bits, DETAIL_GPA | DETAIL_PORT);
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (details_parse(wrong[i], &bits) != -EINVAL)
			fail_msg("'%s' is taken", wrong[i]);
}

static void messages_of_the_kernel(void **state)
{
	(void)state;
	assert_int_equal(cpus_gone_message("offline@/devices/system/cpu/cpu17"), 17);
	assert_int_equal(cpus_gone_message("online@/devices/system/cpu/cpu17"), -1);
	assert_int_equal(cpus_gone_message("offline@/devices/system/cpu/cpu"), -1);
	assert_int_equal(cpus_gone_message("offline@/devices/system/cpu/cpu1/x"), -1);
	assert_int_equal(cpus_gone_message("offline@/devices/system/cpu/cpu9999"), -1);
	assert_int_equal(cpus_gone_message(""), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_of_cpus),
		cmocka_unit_test(lists_of_details),
		cmocka_unit_test(messages_of_the_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
