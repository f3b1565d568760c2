// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/run/load.c tracer/run/inside.c tracer/run/guest.c tracer/util/proc.c tracer/util/log.c tracer/util/args.c tracer/run/scenario_fields.c tracer/run/scenario_msg.c tracer/run/yaml.c */
/* Reports of foreign load generators, and where vCPUs are pinned. */
#include "unit.h"

#include <string.h>

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
	json_decref(o);
}

static void no_report(void **state)
{
	(void)state;
	assert_null(load_parse_memcaslap(""));
	assert_null(load_parse_memcaslap("Run time: "));
	assert_null(load_parse_memcaslap("Run time: 0.6s Ops: many TPS: 3"));
}

static void vcpus_avoid_the_first_cpu(void **state)
{
	(void)state;
	/* CPU 0 is for the VMM's other threads, vhost and the peer. */
	assert_int_equal(guest_vcpu_cpu(0, 0, 1, 2), 1);
	assert_int_equal(guest_vcpu_cpu(0, 0, 2, 4), 1);
	assert_int_equal(guest_vcpu_cpu(0, 1, 2, 4), 2);
	assert_int_equal(guest_vcpu_cpu(1, 0, 2, 4), 3);
	assert_int_equal(guest_vcpu_cpu(1, 1, 2, 4), 1);
	/* There is nothing to choose on one CPU. */
	assert_int_equal(guest_vcpu_cpu(3, 0, 1, 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memcaslap_report),
		cmocka_unit_test(no_report),
		cmocka_unit_test(vcpus_avoid_the_first_cpu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
