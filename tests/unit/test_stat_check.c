// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/cmd/stat_check.c tracer/host/kvmstat.c tracer/host/endings.c tracer/engine/rungs.c tracer/host/vms.c tracer/host/vm_name.c tracer/host/names.c tracer/host/filter.c tracer/host/vcpus.c tracer/util/log.c */
/* What exitlab stat concludes from its own count and KVM's. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/stat_check.h"
#include "util/log.h"

#define PRESENT .present = 1u << KVM_STAT_exits

static struct vm_check vm(pid_t pid, uint64_t before, uint64_t after, int error)
{
	return (struct vm_check){ .vm = { .pid = pid, .name = "g0" }, .error = error,
		.before = { .exits = before, PRESENT, .source = "bpf" },
		.after = { .exits = after, PRESENT, .vcpus = 1, .source = "bpf" } };
}

static const struct trace_snapshot nothing;

static json_t *json(const struct stat_check *c, const struct trace_snapshot *s)
{
	json_t *o = json_object();

	assert_int_equal(stat_check_json(c, s, o), 0);
	return o;
}

static void nobody_ran(void **state)
{
	struct stat_check c = { 0 };
	json_t *o = json(&c, &nothing);

	(void)state;
	assert_int_equal(stat_check_verdict(&c, &nothing), STAT_NO_VM);
	assert_true(json_is_null(json_object_get(o, "exits")));
	assert_string_equal(json_string_value(json_object_get(o, "exits_why")),
			    "no VM ran in this window");
	assert_int_equal(json_array_size(json_object_get(o, "kvm")), 0);
	json_decref(o);
}

static void really_none(void **state)
{
	struct vm_check v = vm(7, 1000, 1000, 0);
	struct stat_check c = { .vm = &v, .n = 1 };
	json_t *o = json(&c, &nothing);

	(void)state;
	assert_int_equal(stat_check_verdict(&c, &nothing), STAT_QUIET);
	assert_true(json_is_integer(json_object_get(o, "exits")));
	assert_int_equal(json_integer_value(json_object_get(o, "exits")), 0);
	json_decref(o);
}

static void counted_but_not_traced(void **state)
{
	struct vm_check v[2] = { vm(7, 1000, 1000, 0), vm(8, 5, 30016, 0) };
	struct stat_check c = { .vm = v, .n = 2 };
	json_t *o = json(&c, &nothing);
	const char *why = json_string_value(json_object_get(o, "exits_why"));

	(void)state;
	assert_int_equal(stat_check_verdict(&c, &nothing), STAT_BLIND);
	assert_true(json_is_null(json_object_get(o, "exits")));
	assert_string_equal(why, "KVM counted 30,011 exits of VM g0 in this window but never called "
			    "the kvm_exit tracepoint: per-reason counts n/a on this kernel");
	stat_check_say(&c, &nothing);
	assert_string_equal(log_last_error(), why);
	json_decref(o);
}

static void unknown(void **state)
{
	struct vm_check v = vm(7, 1000, 0, -EPERM);
	struct stat_check c = { .vm = &v, .n = 1 };
	json_t *o = json(&c, &nothing), *k = json_array_get(json_object_get(o, "kvm"), 0);

	(void)state;
	assert_int_equal(stat_check_verdict(&c, &nothing), STAT_UNKNOWN);
	assert_true(json_is_null(json_object_get(o, "exits")));
	assert_true(json_is_null(json_object_get(k, "exits")));
	assert_true(json_is_string(json_object_get(k, "exits_why")));
	assert_int_equal(json_integer_value(json_object_get(k, "pid")), 7);
	json_decref(o);
}

static void removed_vcpu(void **state)
{
	struct vm_check v = vm(7, 1000, 400, 0);
	struct stat_check c = { .vm = &v, .n = 1 };

	(void)state;
	assert_int_equal(stat_check_verdict(&c, &nothing), STAT_QUIET);
}

static void seen(void **state)
{
	struct vm_check v = vm(7, 1000, 1050, 0);
	struct stat_check c = { .vm = &v, .n = 1 };
	struct vcpu_trace t[2] = { { .vm = 7, .exits = 40 }, { .vm = 7, .vcpu = 1, .exits = 2 } };
	struct trace_snapshot s = { .vcpus = t, .nr_vcpus = 2 };
	json_t *o = json(&c, &s);

	(void)state;
	assert_int_equal(stat_check_verdict(&c, &s), STAT_SEEN);
	assert_int_equal(json_integer_value(json_object_get(o, "exits")), 42);
	assert_null(json_object_get(o, "exits_why"));
	json_decref(o);
	assert_string_equal(stat_check_name(&c, 7), "g0");
	assert_null(stat_check_name(&c, 8));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_ran),
		cmocka_unit_test(really_none),
		cmocka_unit_test(counted_but_not_traced),
		cmocka_unit_test(unknown),
		cmocka_unit_test(removed_vcpu),
		cmocka_unit_test(seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
