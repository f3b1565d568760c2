// SPDX-License-Identifier: GPL-2.0
/* LINK: analyze/timeline.c analyze/plotdata.c analyze/table.c analyze/record.c tracer/core/reason.c tracer/util/log.c */
/* Timelines: which lane when, what begins a piece, lines that are none. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "analyze/timeline.h"

static const char text[] =
	"# a note\n"
	"0.000100000 [001] -/0 9 kvm_entry: vcpu_id=0 rip=0x1\n"
	"0.000200000 [001] g/0 9 kvm_exit: svm INTR reason=0x60\n"
	"0.000201000 [001] g/0 9 kvm_inj_virq: vector=236 soft=0\n"
	"0.000202000 [001] g/0 9 kvm_entry: vcpu_id=0 rip=0x1\n"
	"0.000300000 [001] g/0 9 kvm_exit: svm INTR reason=0x60\n"
	"0.000301000 [001] g/0 9 kvm_inj_virq: vector=40 soft=0\n"
	"0.000302000 [001] g/0 9 kvm_entry: vcpu_id=0 rip=0x1\n"
	"0.000310000 [001] g/0 9 kvm_exit: svm MSR reason=0x7c\n"
	"0.000311000 [001] g/0 9 kvm_eoi: vector=40\n"
	"0.000312000 [001] g/0 9 kvm_entry: vcpu_id=0 rip=0x1\n";

static int read_text(const char *t, double at, double length, struct timeline *out, char *said)
{
	FILE *in = fmemopen((void *)t, strlen(t), "r"), *err = fmemopen(said, 200, "w");
	int ret;

	assert_true(in && err);
	ret = timeline_read(in, "d/x.trace", NULL, at, length, err, out);
	fclose(in);
	fclose(err);
	return ret;
}

static void test_lanes(void **state)
{
	struct timeline t;
	char said[200] = "";
	double host = 0;
	size_t i;

	(void)state;
	/* It begins a tenth of its length before the card's injection, and not at the timer's. */
	assert_int_equal(read_text(text, -1, 40, &t, said), 0);
	assert_string_equal(t.title, "x.trace");
	assert_string_equal(t.note, "a note");
	assert_true(t.began > 0.0002969 && t.began < 0.0002971);
	assert_int_equal(t.nr_spans, 5);
	assert_true(t.spans[0].guest && t.spans[0].from == 0);
	assert_true(!t.spans[1].guest && !strcmp(t.spans[1].label, "INTR"));
	assert_true(!t.spans[3].guest && !strcmp(t.spans[3].label, "MSR"));
	assert_true(t.spans[4].guest && t.spans[4].to == 40);
	for (i = 0; i < t.nr_spans; i++)
		host += t.spans[i].guest ? 0 : t.spans[i].to - t.spans[i].from;
	assert_true(host > 3.999 && host < 4.001);
	assert_int_equal(t.nr_marks, 2);
	assert_string_equal(t.marks[0].label, "inject vector=40");
	assert_string_equal(t.marks[1].label, "EOI vector=40");
	timeline_free(&t);
	/* A piece without any exit is all guest. */
	assert_int_equal(read_text(text, 0.00022, 50, &t, said), 0);
	assert_int_equal(t.nr_spans, 1);
	assert_true(t.spans[0].guest && t.spans[0].to == 50);
	assert_int_equal(t.nr_marks, 0);
	timeline_free(&t);
}

static void test_bad(void **state)
{
	char said[200] = "", piece[] = "a.trace@0.5+20", alone[] = "a@b";
	struct timeline t;
	double at = -1, length = 60;

	(void)state;
	assert_int_equal(read_text("# note\nwhat is this\n", -1, 40, &t, said), -EINVAL);
	assert_non_null(strstr(said, "d/x.trace:2: not a line of exitlab script"));
	assert_int_equal(read_text("0.1 [001] g/0 9 kvm_eoi: vector=4\n", -1, 40, &t, said), -EINVAL);
	assert_int_equal(timeline_piece(piece, &at, &length), 0);
	assert_string_equal(piece, "a.trace");
	assert_true(at == 0.5 && length == 20);
	assert_int_equal(timeline_piece(alone, &at, &length), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lanes), cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
