// SPDX-License-Identifier: GPL-2.0
/* LINK: analyze/baseline.c analyze/baseline_read.c analyze/baseline_update.c analyze/baseline_write.c analyze/facts.c analyze/numbers.c analyze/record.c tracer/core/reason.c tracer/run/scenario_msg.c tracer/run/yaml.c */
/* The numbers of a window: keys, sums, what is missing, and what must not be judged. */
#include "unit.h"

#include <errno.h>

#include "analyze/numbers.h"
#include "gate_record.h"

/* The numbers of a run's window, or NULL with why. */
static json_t *numbers(struct run r, char *why, size_t n)
{
	char *text = run_text(&r);
	json_t *root = json_loads(text, 0, NULL), *out = NULL;
	int rc;

	assert_non_null(root);
	*why = '\0';
	rc = numbers_of_window(json_array_get(json_object_get(root, "windows"), 0), &out, why, n);
	assert_int_equal(rc, *why ? -EINVAL : 0);
	json_decref(root);
	free(text);
	return out;
}

static void test_numbers(void **state)
{
	char why[320];
	json_t *n = numbers(RUN(), why, sizeof(why)), *wanted;

	(void)state;
	wanted = json_pack("{s:i, s:i, s:i, s:i, s:i, s:s, s:s, s:i, s:i, s:s}", "exits", 160,
		"exits.svm.MSR.EOI", 100, "exits.svm.NPF", 10, "exits.svm.HLT", 50,
		"guest_interrupts", 120, "nic_interrupts",
		"the record has no counters.guest.nic_interrupts", "injections",
		"the record has no counters.kvm.irq_injections", "eoi_exits", 100, "kicks", 40,
		"replies", "no vhost here");
	assert_non_null(wanted);
	assert_true(json_equal(n, wanted));
	json_decref(n);
	json_decref(wanted);
}

static void test_eoi_unsplit(void **state)
{
	char why[320];
	json_t *n = numbers(RUN(.detail = ""), why, sizeof(why));

	(void)state;
	assert_string_equal(json_string_value(json_object_get(n, "eoi_exits")),
			    "MSR exits are not split by MSR (measure: detail: [msr])");
	assert_int_equal(json_integer_value(json_object_get(n, "exits.svm.MSR")), 100);
	json_decref(n);
	/* Another MSR is no EOI, and a reason that did not occur is no number. */
	n = numbers(RUN(.detail = ",\"detail\":48", .npf = 0), why, sizeof(why));
	assert_int_equal(json_integer_value(json_object_get(n, "eoi_exits")), 0);
	assert_int_equal(json_integer_value(json_object_get(n, "exits.svm.MSR.0x30")), 100);
	assert_null(json_object_get(n, "exits.svm.NPF"));
	json_decref(n);
}

static void test_vmx_eoi(void **state)
{
	static const char vmx[] = "{\"tracer\":{\"vms\":[{\"vcpus\":[{\"exits\":9,\"reasons\":["
		"{\"isa\":\"vmx\",\"reason\":45,\"count\":4},"
		"{\"isa\":\"vmx\",\"reason\":32,\"count\":3,\"detail\":2059},"
		"{\"isa\":\"vmx\",\"reason\":32,\"count\":2,\"detail\":1760}]}]}]}}";
	json_t *w = json_loads(vmx, 0, NULL), *n;
	char why[320];

	(void)state;
	assert_int_equal(numbers_of_window(w, &n, why, sizeof(why)), 0);
	assert_int_equal(json_integer_value(json_object_get(n, "eoi_exits")), 7);
	assert_int_equal(json_integer_value(json_object_get(n, "exits.vmx.EOI_INDUCED")), 4);
	json_decref(n);
	json_decref(w);
}

static void refused(struct run r, const char *wanted)
{
	char why[320];

	assert_null(numbers(r, why, sizeof(why)));
	assert_string_equal(why, wanted);
}

static void test_refused(void **state)
{
	(void)state;
	refused(RUN(.lost = "3"),
		"tracer.ledger.map_full: the tracer lost 3 events; its counts are too low");
	refused(RUN(.difference = "2"),
		"checks[0].difference: 2; a cross check that failed is nothing to judge by");
	refused(RUN(.exits = "161"),
		"tracer.vms: 161 exits, but the reasons add up to 160");
	refused(RUN(.irqs = "1.5"), "counters.guest.interrupts: not a whole number from 0");
	refused(RUN(.irqs = "-1"), "counters.guest.interrupts: not a whole number from 0");
	refused(RUN(.detail = "}, {\"isa\":\"arm\",\"reason\":1"),
		"tracer.vms: a reason's isa is neither svm nor vmx");
	refused(RUN(.detail = ",\"count\":9223372036854775807}, {\"isa\":\"svm\",\"reason\":1"),
		"tracer.vms: counts add up to more than 2^63");
}

static void test_keys(void **state)
{
	char buf[NUMBER_KEY_MAX];

	(void)state;
	assert_int_equal(number_kind("exits"), NUMBER_TOTAL);
	assert_int_equal(number_kind("kicks"), NUMBER_SIGNAL);
	assert_int_equal(number_kind("exits.svm.HLT"), NUMBER_REASON);
	assert_int_equal(number_kind("exits.arm.HLT"), NUMBER_UNKNOWN);
	assert_int_equal(number_kind("exits.svm."), NUMBER_UNKNOWN);
	assert_int_equal(number_kind("exits.svm.hlt"), NUMBER_UNKNOWN);
	assert_int_equal(number_kind("exits.svm.0xfg"), NUMBER_UNKNOWN);
	assert_int_equal(number_kind("exits.svm.0x11112222333344445"), NUMBER_UNKNOWN);
	assert_int_equal(number_kind("exits.svm.MSR.EOI.X"), NUMBER_UNKNOWN);
	assert_int_equal(number_kind("exit"), NUMBER_UNKNOWN);
	assert_int_equal(number_kind(""), NUMBER_UNKNOWN);
	/* What has got a name since is the same number. */
	assert_int_equal(number_canonical("exits.svm.0x7c.0x80b", buf, sizeof(buf)), 0);
	assert_string_equal(buf, "exits.svm.MSR.EOI");
	assert_int_equal(number_canonical("exits.vmx.0xFFF", buf, sizeof(buf)), 0);
	assert_string_equal(buf, "exits.vmx.0xfff");
	assert_string_equal(number_label("exits.svm.MSR.EOI", buf, sizeof(buf)), "MSR EOI exits");
	assert_string_equal(number_label("nic_interrupts", buf, sizeof(buf)), "NIC interrupts");
	assert_string_equal(number_label("exits", buf, sizeof(buf)), "exits");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_eoi_unsplit),
		cmocka_unit_test(test_vmx_eoi),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
