/* SPDX-License-Identifier: GPL-2.0 */
/* LINK: tracer/run/hosteli.c tracer/run/scenario_fields.c tracer/run/scenario_msg.c tracer/run/yaml.c tracer/util/log.c */
/* What KVM counted of exitless interrupts between two readings. */
#include "unit.h"

#include "run/hosteli.h"

static json_int_t number(const json_t *o, const char *key)
{
	assert_true(json_is_integer(json_object_get(o, key)));
	return json_integer_value(json_object_get(o, key));
}

static void counts_between(void **state)
{
	json_t *a = json_loads("{\"reflected\":5,\"nmi_kicks\":0}", 0, NULL);
	json_t *b = json_loads("{\"reflected\":12,\"nmi_kicks\":0,"
			       "\"reflected_0xec\":7}", 0, NULL);
	json_t *d = hosteli_delta(a, b);

	(void)state;
	assert_int_equal(json_object_size(d), 3);
	assert_int_equal(number(d, "reflected"), 7);
	assert_int_equal(number(d, "nmi_kicks"), 0);
	/* A vector that had not come before. */
	assert_int_equal(number(d, "reflected_0xec"), 7);
	json_decref(a), json_decref(b), json_decref(d);
}

static void host_without_it(void **state)
{
	json_t *none = json_null(), *d = hosteli_delta(none, none);

	(void)state;
	assert_int_equal(json_object_size(d), 0);
	json_decref(d);
}

static void off_needs_no_patched_host(void **state)
{
	(void)state;
	assert_int_equal(hosteli_set(1, SC_ELI_OFF), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_between),
		cmocka_unit_test(host_without_it),
		cmocka_unit_test(off_needs_no_patched_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
