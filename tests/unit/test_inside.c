// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/run/inside.c tracer/util/log.c tracer/run/scenario_fields.c tracer/run/scenario_msg.c tracer/run/yaml.c */
/* What is kept of fio's report. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "run/inside.h"

/* inside.c talks to guests by these; not part of what is tested. */
int guest_run(struct guest *g, const char *cmd, char *out, size_t size)
{
	(void)g, (void)cmd, (void)out, (void)size;
	return -ENODEV;
}

int guest_send(struct guest *g, const char *cmd)
{
	(void)g, (void)cmd;
	return -ENODEV;
}

int guest_await(struct guest *g, char *out, size_t size, int timeout_ms)
{
	(void)g, (void)out, (void)size, (void)timeout_ms;
	return -ENODEV;
}

#define NOTHING "{\"total_ios\": 0, \"iops\": 0.0, \"lat_ns\": {\"min\": 0, \"max\": 0, \"mean\": 0.0}}"
#define SOME "{\"total_ios\": 211, \"iops\": 6393.9, \"lat_ns\": {\"min\": 10, \"max\": 99, " \
	"\"mean\": 50.5, \"percentile\": {\"50.000000\": 49, \"99.000000\": 98}}}"

static int64_t value(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static void a_report(void **state)
{
	static const char *const text[] = {
		"{\"jobs\": [{\"error\": 0, \"read\": " SOME ", \"write\": " NOTHING "}]}\n",
		"fio: some message\n{\"jobs\": [{\"error\": 0, \"read\": " NOTHING ", \"write\": "
		SOME "}]}\n",
	};
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		json_t *o = inside_parse_fio(text[i]);

		assert_non_null(o);
		assert_int_equal(value(o, "requests"), 211);
		assert_int_equal(value(o, "latency_min_ns"), 10);
		assert_int_equal(value(o, "latency_mean_ns"), 50);
		assert_int_equal(value(o, "latency_p50_ns"), 49);
		assert_int_equal(value(o, "latency_p99_ns"), 98);
		assert_int_equal(value(o, "latency_max_ns"), 99);
		assert_true(json_real_value(json_object_get(o, "requests_per_s")) == 6393.9);
		json_decref(o);
	}
}

/* Readers and writers in one group. */
static void a_report_of_both(void **state)
{
	json_t *o = inside_parse_fio("{\"jobs\": [{\"error\": 0, \"read\": " SOME
		", \"write\": {\"total_ios\": 39, \"iops\": 0.1, \"lat_ns\": {\"min\": 7, "
		"\"max\": 70, \"mean\": 17, \"percentile\": {\"50.000000\": 16, "
		"\"99.000000\": 69}}}}]}");

	(void)state;
	assert_non_null(o);
	assert_int_equal(value(o, "requests"), 250);
	assert_int_equal(value(o, "read_requests"), 211);
	assert_int_equal(value(o, "write_requests"), 39);
	assert_int_equal(value(o, "read_latency_p99_ns"), 98);
	assert_int_equal(value(o, "write_latency_mean_ns"), 17);
	assert_int_equal(value(o, "write_latency_p50_ns"), 16);
	assert_null(json_object_get(o, "latency_mean_ns"));
	assert_true(json_real_value(json_object_get(o, "requests_per_s")) == 6393.9 + 0.1);
	json_decref(o);
}

static void no_report(void **state)
{
	static const char *const text[] = {
		"", "fio: no", "{", "{}", "[]", "{\"jobs\": []}", "{\"jobs\": [3]}",
		"{\"jobs\": [{\"error\": 5, \"read\": " SOME "}]}",
		"{\"jobs\": [{\"error\": 0}]}",
		"{\"jobs\": [{\"error\": 0, \"read\": {\"total_ios\": 3}}]}",
		"{\"jobs\": [{\"error\": 0, \"read\": " SOME ", \"write\": {\"total_ios\": 3}}]}",
		"{\"jobs\": [{\"read\": " SOME "}, {\"read\": " SOME "}]}",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(text) / sizeof(text[0]); i++)
		assert_null(inside_parse_fio(text[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_report),
		cmocka_unit_test(a_report_of_both),
		cmocka_unit_test(no_report),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
