// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/run/scenario.c tracer/run/scenario_check.c tracer/run/scenario_check_load.c tracer/run/scenario_fields.c tracer/run/scenario_json.c tracer/run/scenario_msg.c tracer/run/scenario_points.c tracer/run/costs.c tracer/run/yaml.c */
/* Points of a scenario: their number, order, names and settings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "run/scenario.h"

static struct scenario *parse(const char *text)
{
	struct scenario *sc = NULL;

	assert_int_equal(scenario_parse("t.yaml", text, strlen(text), stderr, &sc), 0);
	return sc;
}

#define BODY \
	"configurations: [ { name: b, net: vf }, { name: a, net: virtio-user } ]\n" \
	"workloads: [ { name: rr, tool: rr, requests: 10 } ]\n"

static void expect_ids(const char *text, const char *const *ids, size_t n)
{
	struct scenario *sc = parse(text);
	struct sc_point *p;
	size_t got, i;

	assert_int_equal(scenario_points(sc, &p, &got), 0);
	assert_int_equal(got, n);
	for (i = 0; i < n; i++)
		assert_string_equal(p[i].id, ids[i]);
	scenario_points_free(p, got);
	scenario_free(sc);
}

#define EXPECT_IDS(text, ...) do { \
	static const char *const ids_[] = { __VA_ARGS__ }; \
	expect_ids(text, ids_, sizeof(ids_) / sizeof(ids_[0])); \
} while (0)

static void test_one_per_configuration(void **state)
{
	(void)state;
	EXPECT_IDS(BODY, "b", "a");
}

static void test_repeat_keeps_first_name(void **state)
{
	(void)state;
	EXPECT_IDS(BODY "repeat: 3\n", "b", "b#2", "b#3", "a", "a#2", "a#3");
}

static void test_last_axis_then_repeat_vary_fastest(void **state)
{
	(void)state;
	EXPECT_IDS(BODY "sweep: { host.cpus: [4, 2], guests.vcpus: [1, 2] }\nrepeat: 2\n",
		   "b,host.cpus=4,guests.vcpus=1", "b,host.cpus=4,guests.vcpus=1#2",
		   "b,host.cpus=4,guests.vcpus=2", "b,host.cpus=4,guests.vcpus=2#2",
		   "b,host.cpus=2,guests.vcpus=1", "b,host.cpus=2,guests.vcpus=1#2",
		   "b,host.cpus=2,guests.vcpus=2", "b,host.cpus=2,guests.vcpus=2#2",
		   "a,host.cpus=4,guests.vcpus=1", "a,host.cpus=4,guests.vcpus=1#2",
		   "a,host.cpus=4,guests.vcpus=2", "a,host.cpus=4,guests.vcpus=2#2",
		   "a,host.cpus=2,guests.vcpus=1", "a,host.cpus=2,guests.vcpus=1#2",
		   "a,host.cpus=2,guests.vcpus=2", "a,host.cpus=2,guests.vcpus=2#2");
}

/* Only a virtual function holds interrupts back. */
static void test_coalescing_is_of_virtual_functions(void **state)
{
	struct scenario *sc = parse("guests: { coalesce_us: 12 }\n" BODY);
	struct sc_point *p;
	size_t n;

	(void)state;
	assert_int_equal(scenario_points(sc, &p, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(p[0].guests.coalesce_us, 12);
	assert_int_equal(p[1].guests.coalesce_us, 0);
	scenario_points_free(p, n);
	scenario_free(sc);
}

/* A swept value is set in its point, kept as a parameter, and changes nothing else. */
static void test_values_are_put_in(void **state)
{
	struct scenario *sc = parse(BODY "sweep: { host.cpus: [4], guests.memory_mb: [128, 512], "
				    "workloads.rr.requests: [7], workloads.rr.reply_bytes: [1 KiB] }\n");
	struct sc_point *p;
	size_t n;

	(void)state;
	assert_int_equal(scenario_points(sc, &p, &n), 0);
	assert_int_equal(n, 4);
	assert_int_equal(p[1].host.cpus, 4);
	assert_int_equal(p[0].guests.memory_mb, 128);
	assert_int_equal(p[1].guests.memory_mb, 512);
	assert_int_equal(p[1].workloads[0].requests, 7);
	assert_int_equal(p[1].workloads[0].reply_bytes, 1024);
	assert_int_equal(p[1].workloads[0].request_bytes, 1);
	assert_int_equal(json_object_size(p[1].parameters), 4);
	assert_int_equal(json_integer_value(json_object_get(p[1].parameters, "guests.memory_mb")),
			 512);
	assert_int_equal(sc->host.cpus, 2);
	assert_int_equal(sc->workloads[0].requests, 10);
	assert_ptr_equal(p[3].config, &sc->configs[1]);
	scenario_points_free(p, n);
	scenario_free(sc);
}

/*
 * Costs and link name a point and are in its record, but the emulated host gets the same request
 * whatever they are: another request would move what is counted.
 */
static void test_outside_is_not_told(void **state)
{
	struct scenario *sc = parse(BODY "mode: timed\ncosts: x5570\nlink: { delay_ns: 7 }\nsweep: { "
				    "costs: [epyc, f.yaml:mine@low], link.rate_mbit: [0, 10] }\n");
	struct sc_point *p;
	char *text, *first = NULL;
	size_t n, i;
	json_t *j;

	(void)state;
	assert_int_equal(scenario_points(sc, &p, &n), 0);
	assert_int_equal(n, 8);
	assert_string_equal(p[0].id, "b,costs=epyc,link.rate_mbit=0");
	assert_string_equal(p[3].id, "b,costs=mine.low,link.rate_mbit=10");
	assert_string_equal(p[3].costs, "f.yaml:mine@low");
	assert_int_equal(p[3].link.rate_mbit, 10);
	assert_int_equal(p[3].link.delay_ns, 7);
	for (i = 0; i < 4; i++) {
		assert_string_equal(p[i].inner_id, "b");
		j = sc_point_to_json(sc, &p[i]);
		text = json_dumps(j, JSON_SORT_KEYS);
		if (first)
			assert_string_equal(text, first);
		assert_null(strstr(text, "costs"));
		assert_null(strstr(text, "link"));
		free(first);
		first = text;
		assert_int_equal(sc_point_complete(sc, &p[i], j), 0);
		assert_string_equal(json_string_value(json_object_get(j, "id")), p[i].id);
		assert_string_equal(json_string_value(json_object_get(j, "costs")), p[i].costs);
		assert_int_equal(json_object_size(json_object_get(j, "parameters")), 2);
		assert_int_equal(json_integer_value(json_object_get(json_object_get(j, "link"),
								    "rate_mbit")), i & 1 ? 10 : 0);
		json_decref(j);
	}
	free(first);
	scenario_points_free(p, n);
	scenario_free(sc);
}

static void test_default_costs(void **state)
{
	struct scenario *sc = parse(BODY "mode: timed\n");

	(void)state;
	assert_string_equal(sc->costs, COSTS_DEFAULT);
	scenario_free(sc);
	sc = parse(BODY);
	assert_null(sc->costs);
	assert_int_equal(sc->link.rate_mbit, 10000);
	scenario_free(sc);
}

static void test_no_sweep_no_parameters(void **state)
{
	struct scenario *sc = parse(BODY);
	struct sc_point *p;
	size_t n;

	(void)state;
	assert_int_equal(scenario_points(sc, &p, &n), 0);
	assert_true(json_is_object(p[0].parameters));
	assert_int_equal(json_object_size(p[0].parameters), 0);
	assert_int_equal(p[1].repeat, 1);
	scenario_points_free(p, n);
	scenario_free(sc);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(sc_net_name(SC_NET_VIRTIO_USER), "virtio-user");
	assert_string_equal(sc_net_name(SC_NET_VF), "vf");
	assert_string_equal(sc_tool_name(SC_TOOL_MEMCACHED), "memcached");
	assert_string_equal(sc_mode_name(SC_MODE_FAST), "fast");
	assert_string_equal(sc_tool_unit(SC_TOOL_RR), "request");
	assert_string_equal(sc_tool_unit(SC_TOOL_STREAM), "MB");
	assert_string_equal(sc_tool_unit(SC_TOOL_MEMCACHED), "request");
	assert_string_equal(sc_tool_unit(SC_TOOL_IDLE), "second");
	assert_string_equal(sc_tool_unit(SC_TOOL_PROBE), "exit");
	assert_string_equal(sc_tool_name(SC_TOOL_IPERF3), "iperf3");
	assert_string_equal(sc_tool_unit(SC_TOOL_IPERF3), "MB");
	assert_string_equal(sc_tool_name(SC_TOOL_SOCKPERF), "sockperf");
	assert_string_equal(sc_tool_unit(SC_TOOL_SOCKPERF), "request");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_per_configuration),
		cmocka_unit_test(test_repeat_keeps_first_name),
		cmocka_unit_test(test_last_axis_then_repeat_vary_fastest),
		cmocka_unit_test(test_coalescing_is_of_virtual_functions),
		cmocka_unit_test(test_values_are_put_in),
		cmocka_unit_test(test_outside_is_not_told),
		cmocka_unit_test(test_default_costs),
		cmocka_unit_test(test_no_sweep_no_parameters),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
