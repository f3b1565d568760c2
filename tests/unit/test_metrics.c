// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/cmd/metrics.c tracer/cmd/metrics_parts.c tracer/out/prom.c tracer/core/hist.c tracer/core/estimate.c tracer/core/reason.c tracer/engine/snapshot.c */
/* The exporter's counters and their text; the system tests read it with a strict parser. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/metrics.h"
#include "out/prom.h"

static char *text_of(const struct metrics *m)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	metrics_write(m, f);
	fclose(f);
	return text;
}

static void expect(const struct metrics *m, const char *line, bool there)
{
	char *text = text_of(m), with_end[512];

	snprintf(with_end, sizeof(with_end), "\n%s\n", line);
	if (!strstr(text, with_end) == there) {
		print_error("%s: %s\n%s", there ? "missing" : "unexpected", line, text);
		fail();
	}
	free(text);
}

/* One look: @n IOIO exits of 1 us and an HLT of 3 s, on vCPU 1 of VM 7. */
static void add(struct metrics *m, struct watch_vm *vms, size_t nr, uint64_t n)
{
	struct exit_stat r[2] = {
		{ .isa = 2, .reason = 0x7b, .count = n, .timed = n, .total_ns = n * 1000 },
		{ .isa = 2, .reason = 0x78, .count = 1, .timed = 1, .total_ns = 3000000000u },
	};
	struct vcpu_trace v = { .vm = 7, .vcpu = 1, .entries = n + 1, .exits = n + 1,
				.guest_ns = 1500000000, .reasons = r, .nr_reasons = 2 };
	struct watch_view view = { .vms = vms, .nr_vms = nr, .kvm_known = true };

	r[0].hist.n[hist_index(1000)] = n;
	r[1].hist.n[hist_index(3000000000u)] = 1;
	view.step.vcpus = &v;
	view.step.nr_vcpus = n > 0;
	view.step.ledger.events = 2 * n;
	assert_int_equal(metrics_add(m, &view), 0);
}

static void counters_add_up(void **state)
{
	struct metrics_opts o = { .histograms = true, .version = "1\"2" };
	struct metrics *m = metrics_new(&o);
	struct watch_vm vm = { .pid = 7, .label = "a\\b\"c", .vcpus = 2, .kvm_exits = 11,
			       .traced_total = 1 };

	(void)state;
	add(m, &vm, 1, 10);
	add(m, &vm, 1, 5);
	expect(m, "exitlab_exits_total{vm=\"a\\\\b\\\"c\",isa=\"svm\",reason=\"IOIO\"} 15", true);
	expect(m, "exitlab_exit_handling_seconds_total{vm=\"a\\\\b\\\"c\",isa=\"svm\",reason=\"IOIO\"} "
	       "0.000015000", true);
	expect(m, "exitlab_guest_seconds_total{vm=\"a\\\\b\\\"c\"} 3.000000000", true);
	expect(m, "exitlab_kvm_exits_total{vm=\"a\\\\b\\\"c\"} 22", true);
	expect(m, "exitlab_exit_duration_seconds_bucket{vm=\"a\\\\b\\\"c\",class=\"handling\","
	       "le=\"0.000001023\"} 15", true);
	expect(m, "exitlab_exit_duration_seconds_bucket{vm=\"a\\\\b\\\"c\",class=\"halt\","
	       "le=\"1.073741823\"} 0", true);
	expect(m, "exitlab_exit_duration_seconds_bucket{vm=\"a\\\\b\\\"c\",class=\"halt\","
	       "le=\"8.589934591\"} 2", true);
	expect(m, "exitlab_exit_duration_seconds_sum{vm=\"a\\\\b\\\"c\",class=\"halt\"} 6.000000000", true);
	expect(m, "exitlab_events_total 30", true);
	expect(m, "exitlab_build_info{version=\"1\\\"2\"} 1", true);
	metrics_free(m);
}

/* 1024 ns is more than 1023: the text's buckets end where the tracer's own do. */
static void bucket_ends(void **state)
{
	struct metrics_opts o = { .histograms = true, .version = "x" };
	struct metrics *m = metrics_new(&o);
	struct watch_vm vm = { .pid = 7, .label = "w", .vcpus = 1, .traced_total = 1 };
	struct exit_stat r = { .isa = 2, .reason = 0x7b, .count = 2, .timed = 2, .total_ns = 2047 };
	struct vcpu_trace v = { .vm = 7, .exits = 2, .reasons = &r, .nr_reasons = 1 };
	struct watch_view view = { .vms = &vm, .nr_vms = 1 };

	(void)state;
	r.hist.n[hist_index(1023)] = 1;
	r.hist.n[hist_index(1024)] = 1;
	view.step.vcpus = &v;
	view.step.nr_vcpus = 1;
	assert_int_equal(metrics_add(m, &view), 0);
	expect(m, "exitlab_exit_duration_seconds_bucket{vm=\"w\",class=\"handling\","
	       "le=\"0.000001023\"} 1", true);
	expect(m, "exitlab_exit_duration_seconds_bucket{vm=\"w\",class=\"handling\","
	       "le=\"0.000004095\"} 2", true);
	metrics_free(m);
}

static void vms_that_end(void **state)
{
	struct metrics_opts o = { .version = "x" };
	struct metrics *m = metrics_new(&o);
	struct watch_vm vm[2] = { { .pid = 7, .label = "web", .vcpus = 1, .traced_total = 1 },
				  { .pid = 9, .label = "web", .vcpus = 1 } };

	(void)state;
	add(m, vm, 1, 10);
	/* Ended: everything stays. */
	vm[0].ended_ns = 1;
	vm[0].vcpus = 0;
	add(m, vm, 1, 0);
	expect(m, "exitlab_exits_total{vm=\"web\",isa=\"svm\",reason=\"IOIO\"} 10", true);
	expect(m, "exitlab_vm_running{vm=\"web\"} 0", true);
	/* Another one of its name goes on with it. */
	add(m, vm, 2, 0);
	expect(m, "exitlab_vm_running{vm=\"web\"} 1", true);
	expect(m, "exitlab_exits_total{vm=\"web\",isa=\"svm\",reason=\"IOIO\"} 10", true);
	/* Forgotten. */
	add(m, vm, 0, 0);
	expect(m, "exitlab_exits_total{vm=\"web\",isa=\"svm\",reason=\"IOIO\"} 10", false);
	expect(m, "exitlab_vm_running{vm=\"web\"} 1", false);
	metrics_free(m);
}

static void a_series_per_vcpu(void **state)
{
	struct metrics_opts o = { .per_vcpu = true, .version = "x" };
	struct metrics *m = metrics_new(&o);
	struct watch_vm vm = { .pid = 7, .label = "web", .vcpus = 1, .traced_total = 1 };

	(void)state;
	add(m, &vm, 1, 3);
	expect(m, "exitlab_exits_total{vm=\"web\",vcpu=\"1\",isa=\"svm\",reason=\"IOIO\"} 3", true);
	expect(m, "# TYPE exitlab_exit_duration_seconds histogram", false);
	metrics_free(m);
}

/* Numbers that nobody measured are left out, not 0. */
static void blind(void **state)
{
	struct metrics_opts o = { .histograms = true, .version = "x" };
	struct metrics *m = metrics_new(&o);
	struct watch_vm vm = { .pid = 7, .label = "web", .vcpus = 1, .kvm_exits = 500, .kvm_total = 500 };

	(void)state;
	add(m, &vm, 1, 0);
	expect(m, "exitlab_vm_blind{vm=\"web\"} 1", true);
	expect(m, "exitlab_kvm_exits_total{vm=\"web\"} 500", true);
	expect(m, "exitlab_exit_duration_seconds_count{vm=\"web\",class=\"handling\"} 0", false);
	expect(m, "exitlab_tracer_runs_total 0", false);
	metrics_free(m);
}

static void escapes(void **state)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	prom_count(f, "x", 1, "a", "1\n2", "b", NULL, "c", "", (char *)NULL);
	prom_count(f, "y", UINT64_MAX, (char *)NULL);
	fclose(f);
	/* A label without a value ends nothing. */
	assert_string_equal(text, "x{a=\"1\\n2\",c=\"\"} 1\ny 18446744073709551615\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counters_add_up),
		cmocka_unit_test(bucket_ends),
		cmocka_unit_test(vms_that_end),
		cmocka_unit_test(a_series_per_vcpu),
		cmocka_unit_test(blind),
		cmocka_unit_test(escapes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
