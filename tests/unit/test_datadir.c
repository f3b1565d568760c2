// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/util/datadir.c */
/* Where the program looks for its data. Run from the top of the source. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "util/datadir.h"

static void test_environment_wins(void **state)
{
	char buf[256];

	(void)state;
	setenv("EXITLAB_DATA", ".", 1);
	assert_int_equal(datadir(buf, sizeof(buf)), 0);
	assert_string_equal(buf, ".");
}

static void test_wrong_environment_is_told(void **state)
{
	char buf[256];

	(void)state;
	setenv("EXITLAB_DATA", "tests", 1);
	assert_int_equal(datadir(buf, sizeof(buf)), -ENOENT);
	assert_string_equal(buf, "tests");
}

static void test_small_buffer(void **state)
{
	char buf[4];

	(void)state;
	setenv("EXITLAB_DATA", "a/longer/path", 1);
	assert_int_equal(datadir(buf, sizeof(buf)), -ENAMETOOLONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_environment_wins),
		cmocka_unit_test(test_wrong_environment_is_told),
		cmocka_unit_test(test_small_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
