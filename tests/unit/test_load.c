// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/run/load.c tracer/run/apache.c tracer/run/inside.c tracer/run/guest.c tracer/util/proc.c tracer/util/log.c tracer/util/args.c tracer/run/scenario_fields.c tracer/run/scenario_msg.c tracer/run/yaml.c */
/* Reports of foreign load generators, and where vCPUs are pinned. */
#include "unit.h"

#include <string.h>

#include "run/apache.h"
#include "run/load.h"

static void memcaslap_report(void **state)
{
	json_t *o = load_parse_memcaslap("servers : 10.0.0.10:11211\nthreads count: 1\n"
		"cmd_get: 1799\ncmd_set: 201\nwritten_bytes: 300000\n"
		"Run time: 0.6s Ops: 2000 TPS: 3188 Net_rate: 2.9M/s\n");

	(void)state;
	assert_non_null(o);
	assert_int_equal(json_integer_value(json_object_get(o, "client_requests")), 2000);
	assert_true(json_real_value(json_object_get(o, "client_run_s")) == 0.6);
	assert_true(json_real_value(json_object_get(o, "requests_per_s")) == 3188);
	json_decref(o);
}

static void no_report(void **state)
{
	(void)state;
	assert_null(load_parse_memcaslap(""));
	assert_null(load_parse_memcaslap("Run time: "));
	assert_null(load_parse_memcaslap("Run time: 0.6s Ops: many TPS: 3"));
}

/* %s: failed requests, a line more, rate */
static const char ab_text[] =
	"Concurrency Level:      4\nTime taken for tests:   0.340 seconds\n"
	"Complete requests:      200\nFailed requests:        %s\n%s"
	"Total transferred:      864200 bytes\nRequests per second:    %s [#/sec] (mean)\n"
	"Time per request:       6.795 [ms] (mean)\n"
	"Time per request:       1.699 [ms] (mean, across all concurrent requests)\n";

static json_t *ab(const char *failed, const char *more, const char *rate)
{
	char text[1024];

	snprintf(text, sizeof(text), ab_text, failed, more, rate);
	return apache_parse_ab(text);
}

static void ab_report(void **state)
{
	json_t *o = ab("0", "", "588.66");

	(void)state;
	assert_non_null(o);
	assert_int_equal(json_integer_value(json_object_get(o, "requests")), 200);
	assert_true(json_real_value(json_object_get(o, "requests_per_s")) == 588.66);
	assert_int_equal(json_integer_value(json_object_get(o, "response_mean_ns")), 6795000);
	json_decref(o);
	/* Requests that failed are no work, nor are answers that are not the page. */
	assert_null(ab("1", "", "588.66"));
	assert_null(ab("0", "Non-2xx responses:      3\n", "588.66"));
	assert_null(ab("0", "", "many"));
	assert_null(apache_parse_ab("Benchmarking 10.0.0.10 (be patient)...apr_pollset_poll: timeout"));
}

static void vcpus_avoid_the_first_cpu(void **state)
{
	const struct guest_cpus one = { .cpus = 1 }, two = { .cpus = 2 }, four = { .cpus = 4 };

	(void)state;
	/* CPU 0 is for the VMM's other threads, vhost and the peer. */
	assert_int_equal(guest_vcpu_cpu(0, 0, 1, &two), 1);
	assert_int_equal(guest_vcpu_cpu(0, 0, 2, &four), 1);
	assert_int_equal(guest_vcpu_cpu(0, 1, 2, &four), 2);
	assert_int_equal(guest_vcpu_cpu(1, 0, 2, &four), 3);
	assert_int_equal(guest_vcpu_cpu(1, 1, 2, &four), 1);
	/* There is nothing to choose on one CPU. */
	assert_int_equal(guest_vcpu_cpu(3, 0, 1, &one), 0);
}

/* CPUs 0 to 2 are of node 0, 3 to 5 of node 1. */
static void guests_take_turns_on_nodes(void **state)
{
	const struct guest_cpus near = { .cpus = 6, .nodes = 2, .numa = SC_NUMA_ALIGNED };
	const struct guest_cpus far = { .cpus = 6, .nodes = 2, .numa = SC_NUMA_UNALIGNED };
	const struct guest_cpus off = { .cpus = 6, .nodes = 2, .numa = SC_NUMA_OFF };

	(void)state;
	assert_int_equal(guest_node(0, &off), -1);
	assert_int_equal(guest_vcpu_cpu(2, 0, 1, &off), 3);
	assert_int_equal(guest_start_cpu(2, 1, &off), 3);
	assert_int_equal(guest_node(0, &near), 0);
	assert_int_equal(guest_node(3, &far), 1);
	assert_int_equal(guest_vcpu_cpu(0, 0, 1, &near), 1);
	assert_int_equal(guest_vcpu_cpu(1, 0, 1, &near), 4);
	assert_int_equal(guest_vcpu_cpu(2, 0, 1, &near), 2);
	assert_int_equal(guest_vcpu_cpu(3, 0, 1, &far), 5);
	/* Where a VMM opens its devices decides whose I/O core serves them. */
	assert_int_equal(guest_start_cpu(1, 1, &near), 4);
	assert_int_equal(guest_start_cpu(0, 1, &far), 3);
	assert_int_equal(guest_start_cpu(1, 1, &far), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memcaslap_report),
		cmocka_unit_test(no_report),
		cmocka_unit_test(ab_report),
		cmocka_unit_test(vcpus_avoid_the_first_cpu),
		cmocka_unit_test(guests_take_turns_on_nodes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
