// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/out/exits.c tracer/core/hist.c tracer/core/estimate.c tracer/core/reason.c tracer/engine/snapshot.c */
/* The table of exitlab stat: number formats, order, the row of what is left, the width. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/reason.h"
#include "out/exits.h"

static void expect_ns(uint64_t ns, const char *text)
{
	char buf[24];

	assert_string_equal(out_ns(ns, buf, sizeof(buf)), text);
}

static void times(void **state)
{
	(void)state;
	expect_ns(0, "0ns");
	expect_ns(999, "999ns");
	expect_ns(1000, "1.00us");
	expect_ns(9994, "9.99us");
	expect_ns(9995, "10.0us");
	expect_ns(99949, "99.9us");
	expect_ns(99950, "100us");
	expect_ns(999499, "999us");
	expect_ns(999500, "1.00ms");
	expect_ns(1234567890, "1.23s");
	expect_ns(86400ull * 1000000000, "86400s");
	expect_ns(36 * 3600ull * 1000000000, "1.5d");
	expect_ns(999999998ull * 1000000000, "11574d");
}

static void counts(void **state)
{
	char buf[24];

	(void)state;
	assert_string_equal(out_count(0, buf, sizeof(buf)), "0");
	assert_string_equal(out_count(999999999, buf, sizeof(buf)), "999999999");
	assert_string_equal(out_count(12345678901, buf, sizeof(buf)), "12.35e9");
}

static struct exit_stat reason(uint64_t code, uint64_t count, uint64_t ns)
{
	struct exit_stat r = { .isa = KVM_ISA_SVM, .reason = code, .count = count, .timed = count,
			       .total_ns = count * ns, .min_ns = ns, .max_ns = ns };

	r.hist.n[hist_index(ns)] = count;
	return r;
}

static char *table(const struct trace_snapshot *s, size_t top)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	assert_non_null(f);
	out_exits(f, s, top, OUT_BY_TIME, NULL, NULL);
	fclose(f);
	return text;
}

static void check_width(const char *text)
{
	const char *line = text;

	while (*line) {
		size_t n = strcspn(line, "\n");

		if (n >= 80)
			fprintf(stderr, "%.*s\n", (int)n, line);
		assert_true(n < 80);
		line += n + (line[n] == '\n');
	}
}

static void one_table(void **state)
{
	struct exit_stat r[5] = {
		reason(0x78, 503, 1234567), reason(0x7c, 1511, 2100), reason(0x402, 100, 900),
		reason(0x7b, 1009, 31000), reason(0x72, 2003, 1500),
	};
	struct vcpu_trace v = { .vm = 4711, .vcpu = 0, .tid = 4720, .entries = 5126, .exits = 5126,
				.guest_ns = 1500000000, .reasons = r, .nr_reasons = 5 };
	struct trace_snapshot s = { .duration_ns = 2000000000, .vcpus = &v, .nr_vcpus = 1,
				    .ledger = { .events = 10252 },
				    .probes = { { "kvm_entry", "tp_btf" }, { "kvm_exit", "tp" } },
				    .nr_probes = 2 };
	char *text = table(&s, 3), *hlt, *io, *msr;

	(void)state;
	r[1].has_detail = true;
	r[1].detail = 0x80b;
	free(text);
	text = table(&s, 3);
	check_width(text);
	/* By time, not by count. */
	hlt = strstr(text, "\nHLT ");
	io = strstr(text, "\nIOIO ");
	msr = strstr(text, "\nMSR EOI ");
	assert_non_null(hlt);
	assert_non_null(io);
	assert_non_null(msr);
	assert_true(hlt < io && io < msr);
	assert_non_null(strstr(text, "\nHLT                     503      252   9.8  621ms 1.23ms 1.23ms"));
	assert_non_null(strstr(text, "\nother (2)              2103     1052  41.0"));
	assert_null(strstr(text, "CPUID"));
	assert_non_null(strstr(text, "in guest 1.50s (75.0 %)"));
	assert_non_null(strstr(text, "probes: kvm_entry (tp_btf), kvm_exit (tp)\n"));
	free(text);
	/* All: a long name on a line of its own. */
	text = table(&s, 0);
	check_width(text);
	assert_non_null(strstr(text, "\nAVIC_UNACCELERATED_ACCESS\n                        100 "));
	assert_null(strstr(text, "other"));
	free(text);
	/* No row "other" for one reason. */
	text = table(&s, 4);
	assert_null(strstr(text, "other"));
	free(text);
}

static void large_numbers_fit(void **state)
{
	struct exit_stat r = reason(0x400, 999999999, 999999999);
	struct vcpu_trace v = {.vm = 4194304,
			       .vcpu = 254,
			       .tid = 4194303,
			       .entries = 999999999,
			       .exits = 999999999,
			       .guest_ns = 86400ull * 1000000000,
			       .reasons = &r,
			       .nr_reasons = 1};
	struct trace_snapshot s = {
		.duration_ns = 86400ull * 1000000000, .vcpus = &v, .nr_vcpus = 1};
	char *text = table(&s, 10);

	(void)state;
	check_width(text);
	free(text);
}

static void exits_without_time(void **state)
{
	struct exit_stat r = { .isa = KVM_ISA_VMX, .reason = 12, .count = 1 };
	struct vcpu_trace v = { .vm = 1, .exits = 1, .reasons = &r, .nr_reasons = 1 };
	struct trace_snapshot s = { .duration_ns = 1000000000, .vcpus = &v, .nr_vcpus = 1 };
	char *text = table(&s, 10);

	(void)state;
	assert_non_null(strstr(text, "HLT                       1        1 100.0      -      -      -"));
	free(text);
}

/* What is an estimate is not shown as if it were exact; what is exact has no word about it. */
static void some_exits_timed(void **state)
{
	struct exit_stat r[2] = {
		{ .isa = KVM_ISA_SVM, .reason = 0x7c, .count = 1000, .timed = 100, .skipped = 900,
		  .weight_more = 900, .square_more = 12000, .total_ns = 1000 * 2000ull,
		  .min_ns = 1000, .max_ns = 3000 },
		{ .isa = KVM_ISA_SVM, .reason = 0x72, .count = 7, .skipped = 7 },
	};
	struct vcpu_trace v = { .vm = 1, .exits = 1007, .entries = 1007, .skipped = 907,
				.guest_ns = 100000, .guest_timed = 100, .guest_more = 900,
				.reasons = r, .nr_reasons = 2 };
	struct trace_snapshot s = { .duration_ns = 1000000000, .vcpus = &v, .nr_vcpus = 1,
				    .time = TIME_AUTO };
	char *text;

	(void)state;
	r[0].hist.n[hist_index(1000)] = 500;
	r[0].hist.n[hist_index(3000)] = 500;
	text = table(&s, 10);
	check_width(text);
	assert_non_null(strstr(text, "\nMSR                    1000     1000  99.3 2.00ms 2.00us "));
	assert_non_null(strstr(text, "\nCPUID                     7        7   0.7      -      - "));
	/* Deviation 1 us, 10^6 / 12100 draws: 5 to 6 % of 2 us. */
	assert_non_null(strstr(text, "times: 1 exit in 10.1 timed (auto), +-5."));
	assert_non_null(strstr(text, "in guest 101us "));
	free(text);
	s.time = TIME_EVERY;
	s.time_every = 10;
	text = table(&s, 10);
	assert_non_null(strstr(text, "times: 1 exit in 10.1 timed (--time 10), +-"));
	free(text);
	s.time = TIME_AUTO;
	r[0] = reason(0x7c, 1000, 2000);
	v.nr_reasons = 1;
	v.skipped = 0;
	text = table(&s, 10);
	assert_null(strstr(text, "times:"));
	free(text);
	s.time = TIME_OFF;
	text = table(&s, 10);
	assert_non_null(strstr(text, "times: none taken (--time off)\n"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times),
		cmocka_unit_test(counts),
		cmocka_unit_test(one_table),
		cmocka_unit_test(large_numbers_fit),
		cmocka_unit_test(exits_without_time),
		cmocka_unit_test(some_exits_timed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
