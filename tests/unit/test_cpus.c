// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/util/cpus.c */
/* Lists of CPUs, as the kernel writes them and as people do. */
#include "unit.h"

#include <errno.h>

#include "util/cpus.h"

static void lists(void **state)
{
	cpu_set_t s;

	(void)state;
	assert_int_equal(cpus_parse("0-3,7\n", &s), 0);
	assert_int_equal(CPU_COUNT(&s), 5);
	assert_true(CPU_ISSET(3, &s) && CPU_ISSET(7, &s) && !CPU_ISSET(4, &s));
	assert_int_equal(cpus_parse("1023", &s), 0);
	assert_int_equal(CPU_COUNT(&s), 1);
	assert_int_equal(cpus_online(&s), 0);
	assert_true(CPU_COUNT(&s) > 0);
}

static void no_lists(void **state)
{
	static const char *const bad[] = { "", "x", "1024", "3-1", "1-", "1,,2", "1,", "-1", "1 2", "0x1" };
	cpu_set_t s;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(cpus_parse(bad[i], &s), -EINVAL);
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
		cmocka_unit_test(lists),
		cmocka_unit_test(no_lists),
		cmocka_unit_test(messages_of_the_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
