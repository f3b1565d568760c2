// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/run/load.c tracer/run/apache.c tracer/run/fieldtools.c tracer/run/reports.c tracer/run/inside.c tracer/run/guest.c tracer/util/proc.c tracer/util/log.c tracer/util/args.c tracer/run/scenario_fields.c tracer/run/scenario_msg.c tracer/run/yaml.c */
/* Reports of foreign load generators, and where vCPUs are pinned. */
#include "unit.h"

#include <string.h>

#include "run/apache.h"
#include "run/fieldtools.h"
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
	/* A guest's report after another's: the longest run, and what all did. */
	o = load_parse_memcaslap("Run time: 0.6s Ops: 2000 TPS: 3188 Net_rate: 2.9M/s\n"
				 "Run time: 0.7s Ops: 2001 TPS: 3000 Net_rate: 2.8M/s\n");
	assert_non_null(o);
	assert_int_equal(json_integer_value(json_object_get(o, "client_requests")), 4001);
	assert_true(json_real_value(json_object_get(o, "client_run_s")) == 0.7);
	assert_true(json_real_value(json_object_get(o, "requests_per_s")) == 6188);
	json_decref(o);
	assert_null(load_parse_memcaslap("Run time: 0.6s Ops: 1 TPS: 3 \nRun time: 0.6s Ops: x"));
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

static json_int_t integer(const json_t *o, const char *key)
{
	assert_true(json_is_integer(json_object_get(o, key)));
	return json_integer_value(json_object_get(o, key));
}

/* iperf3 3.12's report over loopback, cut to its end. %s: another member, number of bytes. */
static const char iperf3_text[] =
	"{ \"start\": { \"connected\": [] }, \"intervals\": [],%s \"end\": { \"streams\": [],"
	"\"sum_sent\": { \"start\": 0, \"end\": 0.035286, \"seconds\": 0.035286, \"bytes\": 400384,"
	"\"bits_per_second\": 90716544.805305228, \"retransmits\": 3, \"sender\": false },"
	"\"sum_received\": { \"start\": 0, \"end\": 0.026011, \"seconds\": 0.026011, \"bytes\": %s,"
	"\"bits_per_second\": 123064242.05143978, \"sender\": false } } }";

static json_t *iperf3(const char *more, const char *bytes)
{
	char text[1024];

	snprintf(text, sizeof(text), iperf3_text, more, bytes);
	return fieldtools_parse_iperf3(text);
}

static void iperf3_report(void **state)
{
	json_t *o = iperf3("", "400128");

	(void)state;
	assert_non_null(o);
	assert_int_equal(integer(o, "bytes"), 400128);
	assert_int_equal(integer(o, "sent_bytes"), 400384);
	assert_int_equal(integer(o, "elapsed_ns"), 26011000);
	assert_int_equal(integer(o, "retransmits"), 3);
	assert_true(json_real_value(json_object_get(o, "bytes_per_s")) == 400128 / 0.026011);
	json_decref(o);
	assert_null(iperf3(" \"error\": \"interrupt - the server has terminated\",", "400128"));
	assert_null(iperf3("", "null"));
	assert_null(fieldtools_parse_iperf3("{ \"start\": {}, \"intervals\": [], \"end\": {} }"));
	assert_null(fieldtools_parse_iperf3("iperf3: error - unable to connect to server"));
}

/* sockperf 3.7's report over loopback, from its end of work on. %s: its fourth line. */
static const char sockperf_text[] =
	"sockperf: Test ended\n"
	"sockperf: [Total Run] RunTime=1.000 sec; Warm up time=400 msec; SentMessages=55523; ReceivedMessages=55522\n"
	"sockperf: ========= Printing statistics for Server No: 0\n"
	"%s"
	"sockperf: \x1b[2;35m====> avg-rtt=20.125 (std-dev=515.293)\x1b[0m\n"
	"sockperf: # dropped messages = 2; # duplicated messages = 0; # out-of-order messages = 0\n"
	"sockperf: Summary: Round trip is 20.125 usec\n"
	"sockperf: \x1b[2;35mTotal 27385 observations\x1b[0m; each percentile contains 273.85 observations\n"
	"sockperf: ---> <MAX> observation = 72336.869\n"
	"sockperf: ---> percentile 99.999 = 72336.869\n"
	"sockperf: ---> percentile 99.000 =   43.724\n"
	"sockperf: ---> percentile 50.000 =   11.797\n"
	"sockperf: ---> <MIN> observation =   11.016\n";

static json_t *sockperf(const char *valid)
{
	char text[2048];

	snprintf(text, sizeof(text), sockperf_text, valid);
	return fieldtools_parse_sockperf(text);
}

static void sockperf_report(void **state)
{
	json_t *o = sockperf("sockperf: [Valid Duration] RunTime=0.552 sec; SentMessages=27386; "
			     "ReceivedMessages=27385\n");

	(void)state;
	assert_non_null(o);
	assert_int_equal(integer(o, "requests"), 55522);
	assert_int_equal(integer(o, "sent"), 55523);
	assert_int_equal(integer(o, "observed"), 27385);
	assert_int_equal(integer(o, "dropped"), 2);
	assert_int_equal(integer(o, "rtt_mean_ns"), 20125);
	assert_int_equal(integer(o, "rtt_min_ns"), 11016);
	assert_int_equal(integer(o, "rtt_p50_ns"), 11797);
	assert_int_equal(integer(o, "rtt_p99_ns"), 43724);
	assert_int_equal(integer(o, "rtt_max_ns"), 72336869);
	json_decref(o);
	/* What it says when a run was too short for its valid part. */
	assert_null(sockperf("sockperf: No valid observations found. Try tune parameters: --time/--mps/--reply-every\n"));
	assert_null(fieldtools_parse_sockperf(""));
	assert_null(fieldtools_parse_sockperf("sockperf: ERROR: recvfrom failed: Connection refused\n"));
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
		cmocka_unit_test(iperf3_report),
		cmocka_unit_test(sockperf_report),
		cmocka_unit_test(vcpus_avoid_the_first_cpu),
		cmocka_unit_test(guests_take_turns_on_nodes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
