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
	assert_true(t.spans[0].lane == 0 && t.spans[0].from == 0);
	assert_string_equal(t.lane[0], "guest");
	assert_string_equal(t.lane[1], "host");
	assert_string_equal(t.lane[2], "");
	assert_true(t.spans[1].lane == 1 && !strcmp(t.spans[1].label, "INTR"));
	assert_true(t.spans[3].lane == 1 && !strcmp(t.spans[3].label, "MSR"));
	assert_true(t.spans[4].lane == 0 && t.spans[4].to == 40);
	for (i = 0; i < t.nr_spans; i++)
		host += t.spans[i].lane == 0 ? 0 : t.spans[i].to - t.spans[i].from;
	assert_true(host > 3.999 && host < 4.001);
	assert_int_equal(t.nr_marks, 2);
	assert_string_equal(t.marks[0].label, "inject vector=40");
	assert_string_equal(t.marks[1].label, "EOI vector=40");
	timeline_free(&t);
	/* A piece without any exit is all guest. */
	assert_int_equal(read_text(text, 0.00022, 50, &t, said), 0);
	assert_int_equal(t.nr_spans, 1);
	assert_true(t.spans[0].lane == 0 && t.spans[0].to == 50);
	assert_int_equal(t.nr_marks, 0);
	timeline_free(&t);
}

/* Two VMs' queues on an I/O core, whose threads Linux switches. */
static const char core_text[] =
	"0.000100000 [003] a/- 7 sched_in: from_tid=0 comm=vhost-1\n"
	"0.000101000 [003] a/- 7 work_on: queue=rx\n"
	"0.000105000 [001] a/0 9 kvm_exit: svm NPF reason=0x400\n"
	"0.000106000 [001] a/0 9 kvm_entry: vcpu_id=0 rip=0x1\n"
	"0.000111000 [003] a/- 7 work_off: queue=rx\n"
	"0.000112000 [003] b/- 8 sched_in: from_tid=7 comm=vhost-2\n"
	"0.000113000 [003] b/- 8 work_on: queue=tx\n"
	"0.000115000 [003] b/- 8 work_off: queue=tx\n";

static int read_core(const char *t, double at, struct timeline *out, char *said)
{
	FILE *in = fmemopen((void *)t, strlen(t), "r"), *err = fmemopen(said, 200, "w");
	int ret;

	assert_true(in && err);
	ret = timeline_read_core(in, "d/x.trace", at, 100, err, out);
	fclose(in);
	fclose(err);
	return ret;
}

static void test_core(void **state)
{
	char said[200] = "";
	struct timeline t;

	(void)state;
	/* Beside a vCPU, which was in the guest before its first exit: a lane of queues. */
	assert_int_equal(read_text(core_text, 0.0001, 20, &t, said), 0);
	assert_string_equal(t.lane[2], "I/O core");
	assert_int_equal(t.nr_spans, 5);
	assert_true(t.spans[0].lane == 0 && t.spans[0].to > 4.9 && t.spans[0].to < 5.1);
	assert_true(t.spans[1].lane == 1 && !strcmp(t.spans[1].label, "NPF"));
	assert_true(t.spans[3].lane == 2 && !strcmp(t.spans[3].label, "a rx"));
	assert_true(t.spans[4].lane == 2 && !strcmp(t.spans[4].label, "b tx"));
	timeline_free(&t);
	/* Alone: a lane for each VM, marks where a thread gets the core. */
	assert_int_equal(read_core(core_text, 0.0001, &t, said), 0);
	assert_string_equal(t.lane[0], "a");
	assert_string_equal(t.lane[1], "b");
	assert_int_equal(t.nr_spans, 2);
	assert_true(t.spans[0].lane == 0 && !strcmp(t.spans[0].label, "rx"));
	assert_true(t.spans[0].to - t.spans[0].from > 9.9);
	assert_true(t.spans[0].to - t.spans[0].from < 10.1);
	assert_true(t.spans[1].lane == 1 && !strcmp(t.spans[1].label, "tx"));
	assert_int_equal(t.nr_marks, 2);
	assert_string_equal(t.marks[1].label, "thread of b");
	timeline_free(&t);
	assert_int_equal(read_core(text, 0, &t, said), -EINVAL);
	assert_non_null(strstr(said, "no work of an I/O core"));
	/* In order of names, and not more than there are lanes. */
	assert_int_equal(read_core("0.1 [0] b/- 7 work_on: queue=x\n0.2 [0] b/- 7 work_off: queue=x\n"
				   "0.3 [0] c/- 7 work_on: queue=x\n0.4 [0] a/- 7 work_on: queue=x\n", 0.1, &t, said), 0);
	assert_string_equal(t.lane[0], "a");
	assert_string_equal(t.lane[2], "c");
	assert_int_equal(t.spans[0].lane, 1);
	timeline_free(&t);
	assert_int_equal(read_core("0.1 [0] b/- 7 work_on: queue=x\n0.2 [0] d/- 7 work_on: queue=x\n"
				   "0.3 [0] c/- 7 work_on: queue=x\n0.4 [0] a/- 7 work_on: queue=x\n", 0.1, &t, said), -EINVAL);
	assert_non_null(strstr(said, "more than 3 VMs"));
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
		cmocka_unit_test(test_lanes), cmocka_unit_test(test_core),
		cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
