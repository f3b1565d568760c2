// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/run/sidecores.c */
/* Differences of what sidecores say of themselves. */
#include "unit.h"

#include <jansson.h>
#include <stdlib.h>

#include "run/sidecores.h"

#define CORE(works, ns) "core 2 node 0 pid 9 workers 1 leaving 0 works " works " poll_ns " ns "\n"
#define QUEUE(vq, kicks) "queue core 2 owner 77 worker 0 vq " vq " kicks " kicks " polled 1\n"

static void check(const char *before, const char *after, const char *expected)
{
	json_t *o = sidecores_delta(before, after);
	char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;

	if (expected)
		assert_string_equal(text, expected);
	else
		assert_null(o);
	free(text);
	json_decref(o);
}

static void test_difference(void **state)
{
	(void)state;
	check(CORE("10", "100") QUEUE("0", "5") QUEUE("1", "7"),
	      CORE("13", "350") QUEUE("0", "5") QUEUE("1", "18"),
	      "{\"cores\":[{\"core\":2,\"node\":0,\"pid\":9,\"workers\":1,\"leaving\":0,\"works\":3,"
	      "\"poll_ns\":250}],\"queues\":["
	      "{\"core\":2,\"owner\":77,\"worker\":0,\"vq\":0,\"kicks\":0,\"polled\":1},"
	      "{\"core\":2,\"owner\":77,\"worker\":0,\"vq\":1,\"kicks\":11,\"polled\":1}]}");
}

static void test_devices_of_one_guest(void **state)
{
#define DEVICE(n, kicks) "queue core 2 device " n " owner 77 worker 0 vq 0 kicks " kicks " passed_max 4\n"
	(void)state;
	check(CORE("10", "100") DEVICE("1", "5") DEVICE("2", "7"),
	      CORE("10", "100") DEVICE("1", "6") DEVICE("2", "18"),
	      "{\"cores\":[{\"core\":2,\"node\":0,\"pid\":9,\"workers\":1,\"leaving\":0,\"works\":0,"
	      "\"poll_ns\":0}],\"queues\":["
	      "{\"core\":2,\"device\":1,\"owner\":77,\"worker\":0,\"vq\":0,\"kicks\":1,\"passed_max\":4},"
	      "{\"core\":2,\"device\":2,\"owner\":77,\"worker\":0,\"vq\":0,\"kicks\":11,\"passed_max\":4}]}");
}

static void test_new_lines_count_from_zero(void **state)
{
	(void)state;
	check(NULL, CORE("13", "350"),
	      "{\"cores\":[{\"core\":2,\"node\":0,\"pid\":9,\"workers\":1,\"leaving\":0,\"works\":13,"
	      "\"poll_ns\":350}],\"queues\":[]}");
}

static void test_queues_that_nobody_has_used(void **state)
{
	(void)state;
	check(CORE("10", "100") QUEUE("0", "5") QUEUE("1", "0") QUEUE("2", "0"),
	      CORE("10", "100") QUEUE("0", "5") QUEUE("1", "3") QUEUE("2", "0"),
	      "{\"cores\":[{\"core\":2,\"node\":0,\"pid\":9,\"workers\":1,\"leaving\":0,\"works\":0,"
	      "\"poll_ns\":0}],\"queues\":["
	      "{\"core\":2,\"owner\":77,\"worker\":0,\"vq\":0,\"kicks\":0,\"polled\":1},"
	      "{\"core\":2,\"owner\":77,\"worker\":0,\"vq\":1,\"kicks\":3,\"polled\":1}]}");
}

static void test_nothing(void **state)
{
	(void)state;
	check(NULL, NULL, NULL);
	check("", "", NULL);
	check("", "core 2 works\n", NULL);
	check("", "core 2 works many\n", NULL);
	check("", "something else\n", NULL);
	check("core x\n", CORE("1", "1"), NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_difference), cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_queues_that_nobody_has_used),
		cmocka_unit_test(test_devices_of_one_guest),
		cmocka_unit_test(test_new_lines_count_from_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
