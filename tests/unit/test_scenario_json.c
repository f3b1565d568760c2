// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/run/scenario.c tracer/run/scenario_check.c tracer/run/scenario_check_load.c tracer/run/scenario_fields.c tracer/run/scenario_json.c tracer/run/scenario_msg.c tracer/run/scenario_points.c tracer/run/costs.c tracer/run/yaml.c */
/*
 * A point as JSON: there and back again gives the same bytes, and what a scenario file may not ask
 * for is refused here too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "run/scenario.h"

/* Every point of a file must survive the way there and back. */
static void round_trip(const char *path)
{
	struct scenario *sc, *sc2;
	struct sc_point *p, *p2;
	size_t n, i;

	assert_int_equal(scenario_load(path, stderr, &sc), 0);
	assert_int_equal(scenario_points(sc, &p, &n), 0);
	for (i = 0; i < n; i++) {
		json_t *j = sc_point_to_json(sc, &p[i]), *again;
		char *text = json_dumps(j, 0), *text2;

		assert_non_null(text);
		assert_int_equal(sc_point_from_json(j, &sc2, &p2, stderr), 0);
		again = sc_point_to_json(sc2, p2);
		text2 = json_dumps(again, 0);
		assert_string_equal(text, text2);
		assert_int_equal(sc2->nr_configs, 1);
		assert_ptr_equal(p2->config, &sc2->configs[0]);
		assert_string_equal(p2->id, p[i].id);
		assert_int_equal(p2->repeat, p[i].repeat);
		assert_memory_equal(&p2->host, &p[i].host, sizeof(p2->host));
		assert_memory_equal(&sc2->measure, &sc->measure, sizeof(sc->measure));
		assert_int_equal(sc2->mode, sc->mode);
		free(text);
		free(text2);
		json_decref(j);
		json_decref(again);
		scenario_points_free(p2, 1);
		scenario_free(sc2);
	}
	scenario_points_free(p, n);
	scenario_free(sc);
}

static void test_round_trip(void **state)
{
	(void)state;
	round_trip("tests/unit/scenarios/good/minimal.yaml");
	round_trip("tests/unit/scenarios/good/everything.yaml");
	round_trip("tests/unit/scenarios/good/probe.yaml");
	round_trip("tests/unit/scenarios/good/bare-metal.yaml");
	round_trip("tests/unit/scenarios/good/field-tools.yaml");
	round_trip("scenarios/demo.yaml");
}

static void test_text(void **state)
{
	static const char yaml[] = "configurations: [ { name: vf, net: vf } ]\n"
				   "workloads: [ { name: rr, tool: rr, requests: 10 } ]\n"
				   "sweep: { host.cpus: [4] }\n";
	struct scenario *sc;
	struct sc_point *p;
	json_t *j;
	char *text;
	size_t n;

	(void)state;
	assert_int_equal(scenario_parse("t.yaml", yaml, strlen(yaml), stderr, &sc), 0);
	assert_int_equal(scenario_points(sc, &p, &n), 0);
	j = sc_point_to_json(sc, &p[0]);
	text = json_dumps(j, JSON_COMPACT);
	assert_string_equal(text,
		"{\"id\":\"vf,host.cpus=4\","
		"\"configuration\":{\"name\":\"vf\",\"title\":\"vf\",\"net\":\"vf\",\"poll_us\":0,\"worker_cpu\":0,"
		"\"disk\":\"none\",\"event_idx\":true},"
		"\"parameters\":{\"host.cpus\":4},\"repeat\":1,\"mode\":\"counts\","
		"\"host\":{\"cpus\":4,\"memory_mb\":2560,\"moderation\":true,\"quantum_ns\":500,"
		"\"halt_poll_ns\":200000},"
		"\"guests\":{\"count\":1,\"vcpus\":1,\"memory_mb\":256,\"pv_eoi\":true,"
		"\"idle_poll\":false},"
		"\"workloads\":[{\"name\":\"rr\",\"title\":\"rr\",\"tool\":\"rr\","
		"\"requests\":10,\"warmup\":0,\"protocol\":\"udp\",\"request_bytes\":1,"
		"\"reply_bytes\":1}],"
		"\"measure\":{\"detail\":[],\"crosscheck\":[\"kvm-stats\"],\"signals\":[]}}");
	free(text);
	json_decref(j);
	scenario_points_free(p, n);
	scenario_free(sc);
}

static char *shape_of(const char *yaml)
{
	struct scenario *sc, *sc2;
	struct sc_point *p, *p2;
	json_t *j;
	char *text;
	size_t n;

	assert_int_equal(scenario_parse("t.yaml", yaml, strlen(yaml), stderr, &sc), 0);
	assert_int_equal(scenario_points(sc, &p, &n), 0);
	j = sc_shape_to_json(sc, &p[n - 1]);
	text = json_dumps(j, JSON_SORT_KEYS);
	/* The emulated host must be able to read it. */
	assert_int_equal(sc_point_from_json(j, &sc2, &p2, stderr), 0);
	assert_int_equal(p2->guests.count, p[n - 1].guests.count);
	assert_int_equal(p2->config->net, p[n - 1].config->net);
	scenario_points_free(p2, 1);
	scenario_free(sc2);
	json_decref(j);
	scenario_points_free(p, n);
	scenario_free(sc);
	return text;
}

/* Points that differ in nothing but names, workloads and measure have one shape. */
static void test_shape(void **state)
{
	static const char first[] = "configurations: [ { name: a, net: vf } ]\n"
				    "workloads: [ { name: rr, tool: rr, requests: 10 } ]\n";
	static const char same[] = "configurations: [ { name: b, title: B, net: vf } ]\n"
				   "workloads: [ { name: s, tool: stream, bytes: 10 } ]\n"
				   "sweep: { workloads.s.bytes: [1, 2] }\n"
				   "repeat: 2\n"
				   "measure: { detail: [gpa, msr, port], crosscheck: [hist], signals: [kicks] }\n";
	static const char *const other[] = {
		"configurations: [ { name: a, net: virtio-vhost } ]\n"
		"workloads: [ { name: rr, tool: rr, requests: 10 } ]\n",
		"configurations: [ { name: a, net: vf } ]\n"
		"guests: { memory_mb: 300 }\n"
		"workloads: [ { name: rr, tool: rr, requests: 10 } ]\n",
		"configurations: [ { name: a, net: vf } ]\n"
		"guests: { cmdline: no-kvmclock }\n"
		"workloads: [ { name: rr, tool: rr, requests: 10 } ]\n",
		"configurations: [ { name: a, net: vf } ]\n"
		"host: { halt_poll_ns: 0 }\n"
		"workloads: [ { name: rr, tool: rr, requests: 10 } ]\n",
		"configurations: [ { name: a, net: vf, disk: virtio-blk } ]\n"
		"workloads: [ { name: rr, tool: rr, requests: 10 } ]\n",
		"configurations: [ { name: a, net: vf, guest_kernel: 6.1 } ]\n"
		"workloads: [ { name: rr, tool: rr, requests: 10 } ]\n",
		"configurations: [ { name: a, net: vf, guest_cmdline: pti=on } ]\n"
		"workloads: [ { name: rr, tool: rr, requests: 10 } ]\n",
		"configurations: [ { name: a, net: vf } ]\n"
		"workloads: [ { name: rr, tool: rr, requests: 10 } ]\n"
		"sweep: { guests.vcpus: [1, 2] }\n",
		"configurations: [ { name: a, net: none } ]\n"
		"guests: { count: 0 }\n"
		"workloads: [ { name: p, tool: probe, out: 10 } ]\n",
	};
	char *want = shape_of(first), *got = shape_of(same);
	size_t i;

	(void)state;
	assert_string_equal(want, got);
	free(got);
	for (i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
		got = shape_of(other[i]);
		assert_string_not_equal(want, got);
		free(got);
	}
	free(want);
}

static json_t *sample(void)
{
	struct scenario *sc;
	struct sc_point *p;
	json_t *j;
	size_t n;

	assert_int_equal(scenario_load("scenarios/demo.yaml", stderr, &sc), 0);
	assert_int_equal(scenario_points(sc, &p, &n), 0);
	j = sc_point_to_json(sc, &p[0]);
	scenario_points_free(p, n);
	scenario_free(sc);
	return j;
}

/* Takes @j. */
static void expect_refused(json_t *j, const char *what)
{
	struct scenario *sc = NULL;
	struct sc_point *p = NULL;
	char *text = NULL;
	size_t len;
	FILE *err = open_memstream(&text, &len);

	assert_int_equal(sc_point_from_json(j, &sc, &p, err), -EINVAL);
	fclose(err);
	if (!strstr(text, what))
		fail_msg("expected %s; got %s", what, text);
	assert_null(sc);
	assert_null(p);
	free(text);
	json_decref(j);
}

/* The sample with one member of one section replaced; section NULL is the top. */
static json_t *changed(const char *section, const char *key, json_t *value)
{
	json_t *j = sample(), *at = section ? json_object_get(j, section) : j;

	json_object_set_new(at, key, value);
	return j;
}

static void test_refused(void **state)
{
	json_t *j;

	(void)state;
	expect_refused(json_array(), "not");
	expect_refused(json_null(), "not");
	expect_refused(json_object(), "point: workloads: missing");
	expect_refused(changed(NULL, "extra", json_integer(1)), "extra: unknown key");
	expect_refused(changed(NULL, "id", json_string("../../etc/passwd")), "id: ");
	expect_refused(changed(NULL, "id", json_string("")), "id: ");
	expect_refused(changed(NULL, "repeat", json_integer(0)), "repeat: 0 is out of range");
	expect_refused(changed(NULL, "repeat", json_string("1")), "in quotes is a text");
	expect_refused(changed(NULL, "mode", json_string("x")), "mode: \"x\" is unknown");
	expect_refused(changed(NULL, "host", json_integer(1)), "host: is a text");
	expect_refused(changed("host", "cpus", json_integer(99)), "host.cpus: 99 is out of range");
	expect_refused(changed("host", "cpus", json_real(2.5)), "host.cpus: \"2.5\" is not a number");
	expect_refused(changed("guests", "count", json_integer(-1)), "guests.count: -1");
	expect_refused(changed("guests", "count", json_integer(8)), "host.memory_mb: ");
	expect_refused(changed("configuration", "net", json_string("none")), "needs a network");
	expect_refused(changed("parameters", "host.cpus", json_integer(3)),
		       "parameters.host.cpus: not the value");
	expect_refused(changed("parameters", "nothing", json_integer(3)), "parameters.nothing");
	j = sample();
	json_object_del(json_array_get(json_object_get(j, "workloads"), 0), "requests");
	expect_refused(j, "workloads.rr.requests: missing");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_shape),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
