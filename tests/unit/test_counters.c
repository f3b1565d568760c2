// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/run/counters.c tracer/util/log.c */
/* Reading the counters of others: /proc/interrupts and hist triggers. */
#include "unit.h"

#include <errno.h>

#include "run/counters.h"

/* counters.c asks guests by this; not part of what is tested. */
int guest_run(struct guest *g, const char *cmd, char *out, size_t size)
{
	(void)g, (void)cmd, (void)out, (void)size;
	return -ENODEV;
}

static const char two_cpus[] =
	"           CPU0       CPU1\n"
	"  4:         12          0   IO-APIC   4-edge      ttyS0\n"
	" 27:        101        202  PCI-MSIX-0000:00:02.0   1-edge      virtio1-input.0\n"
	" 28:          3          0  PCI-MSIX-0000:00:02.0   2-edge      virtio1-output.0\n"
	" 29:          7          0  IR-PCI-MSIX-0000:01:10.0   0-edge      vfio-msix[0](0000:01:10.0)\n"
	"LOC:       1000       2000   Local timer interrupts\n"
	"ERR:         99\n"
	"MIS:         98\n";

static void sums_over_cpus(void **state)
{
	static const char *const nic[] = { "-input.", "-output.", NULL };
	static const char *const vfio[] = { "vfio-", NULL };
	struct irq_counts c;

	(void)state;
	assert_int_equal(irq_counts_parse(two_cpus, nic, -1, &c), 0);
	assert_int_equal(c.nic, 306);
	assert_int_equal(c.all, 12 + 303 + 3 + 7 + 3000);
	assert_int_equal(irq_counts_parse(two_cpus, vfio, -1, &c), 0);
	assert_int_equal(c.nic, 7);
	/* All of one CPU; the card's wherever they went. */
	assert_int_equal(irq_counts_parse(two_cpus, nic, 1, &c), 0);
	assert_int_equal(c.all, 202 + 2000);
	assert_int_equal(c.nic, 306);
}

static void names_are_not_numbers(void **state)
{
	static const char *const none[] = { NULL };
	struct irq_counts c;

	(void)state;
	assert_int_equal(irq_counts_parse("  1:   5   8259A  1-edge i8042\n", none, -1, &c), 0);
	assert_int_equal(c.all, 5);
	assert_int_equal(irq_counts_parse("", none, -1, &c), -EINVAL);
}

static void requests_of_a_disk(void **state)
{
	uint64_t n;

	(void)state;
	assert_int_equal(disk_requests_parse("     211        0     1688      139      103        7"
		"     1648       15        0      200      250        0        0        0        0"
		"        0        0\n", &n), 0);
	assert_int_equal(n, 314);
	assert_int_equal(disk_requests_parse("1 2 3 4", &n), -EINVAL);
	assert_int_equal(disk_requests_parse("", &n), -EINVAL);
}

static void a_hist(void **state)
{
	json_t *a = NULL;
	uint64_t total, dropped = 99;

	(void)state;
	assert_int_equal(hist_parse("# event histogram\n"
		"{ exit_reason:         64 } hitcount:          7\n"
		"{ exit_reason:       1024 } hitcount:       1009\n\n"
		"Totals:\n    Hits: 1016\n    Entries: 2\n    Dropped: 0\n", &a, &total,
		&dropped), 0);
	assert_int_equal(total, 1016);
	assert_int_equal(dropped, 0);
	assert_int_equal(json_array_size(a), 2);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(a, 1), "reason")), 1024);
	json_decref(a);
}

static void what_a_hist_dropped_is_told(void **state)
{
	json_t *a = NULL;
	uint64_t total, dropped = 99;

	(void)state;
	assert_int_equal(hist_parse("{ exit_reason: 1 } hitcount: 2\nDropped: 3\n", &a, &total,
				    &dropped), 0);
	assert_int_equal(dropped, 3);
	json_decref(a);
	/* Without that line the text is not whole. */
	assert_int_equal(hist_parse("{ exit_reason: 1 } hitcount: 2\n", &a, &total, &dropped),
			 -EINVAL);
	assert_null(a);
	assert_int_equal(hist_parse("{ exit_reason: x } hitcount: 2\nDropped: 0\n", &a, &total,
				    &dropped), -EINVAL);
	assert_int_equal(hist_parse("", &a, &total, &dropped), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_over_cpus),
		cmocka_unit_test(names_are_not_numbers),
		cmocka_unit_test(requests_of_a_disk),
		cmocka_unit_test(a_hist),
		cmocka_unit_test(what_a_hist_dropped_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
