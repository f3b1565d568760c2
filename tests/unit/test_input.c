// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/offline/input.c tracer/offline/recinput.c tracer/offline/recwrite.c tracer/offline/recordfile.c tracer/offline/perfdata.c tracer/offline/perfrec.c tracer/offline/tracedat.c tracer/offline/reader.c tracer/offline/sorter.c tracer/offline/events.c tracer/core/reason.c tracer/engine/tep.c tracer/engine/tracefs.c tracer/host/names.c tracer/host/vm_name.c -isystem /usr/include/tracefs -isystem /usr/include/traceevent -ltracecmd -ltracefs -ltraceevent -lzstd */
/* Which kind of file it is; events of exitlab record as the counting sees them; losses. */
#include "unit.h"

#include <errno.h>
#include <string.h>
#include <stdio.h>
#include <unistd.h>

#include "lsan.h"
#include "offline/input.h"
#include "offline/recordfile.h"

#define PATH "build/tests/test_input.trace"

struct got {
	struct kvm_event e[16];
	size_t n;
	uint64_t lost, gaps;
};

static int take(const struct kvm_event *e, void *arg)
{
	struct got *g = arg;

	assert_true(g->n < 16);
	g->e[g->n++] = *e;
	return 0;
}

static void lost(uint64_t n, void *arg)
{
	struct got *g = arg;

	g->lost += n;
	g->gaps++;
}

static struct input_info info;
static char why[300];

static int read_file(const char *path, struct got *g, struct names *names)
{
	struct input_ops ops = { take, lost, g, names };

	*g = (struct got){ .n = 0 };
	return input_read(path, &ops, &info, why);
}

static void put_json(struct recfile_writer *w, enum recfile_block type, const char *text)
{
	json_t *o = json_loads(text, 0, NULL);

	assert_non_null(o);
	assert_int_equal(recfile_put_json(w, type, o), 0);
	json_decref(o);
}

static void put(struct recfile_writer *w, uint8_t type, uint64_t ts, uint64_t a, uint8_t flags)
{
	struct trace_event e = { .ts_ns = ts, .a = a, .b = 2, .tid = 12, .cpu = 3, .vm = 1,
				 .vcpu = 5, .type = type, .flags = flags };

	assert_int_equal(recfile_put_event(w, &e), 0);
}

static void make(void)
{
	struct recfile_writer *w;

	assert_int_equal(recfile_create(PATH, 1 << 30, &w), 0);
	put_json(w, RECFILE_INFO, "{\"kernel\": \"6.12\", \"start_ns\": 1000, \"start_time\": 5.5}");
	put_json(w, RECFILE_NAMES, "{\"vms\": [{\"vm\": 1, \"pid\": 11, \"name\": \"web\"}]}");
	put(w, REC_KVM_ENTRY, 1010, 5, 0);
	put(w, REC_KVM_EXIT, 1020, 0x7b, 2);
	put(w, REC_KVM_PIO, 1025, 0xf1, 1);
	put(w, REC_SCHED_OUT, 1026, 99, 0);
	put(w, REC_LOST, 1028, 4, 0);
	put(w, REC_KVM_MMIO, 1030, 0xfee00000, 1);
	put(w, REC_KVM_PAGE_FAULT, 1040, 0x1000, 0);
	assert_int_equal(recfile_flush(w), 0);
	put_json(w, RECFILE_LEDGER, "{\"final\": true, \"end_ns\": 2000, \"skipped_by_kernel\": 3, "
		 "\"events\": [{\"name\": \"kvm_exit\", \"lost\": 6}, {\"name\": \"x\", \"lost\": 1}]}");
	assert_int_equal(recfile_close(w), 0);
}

static void own(void **state)
{
	struct names names = { .root = "/nonexistent" };
	struct got g;

	(void)state;
	make();
	assert_int_equal(read_file(PATH, &g, &names), 0);
	assert_int_equal(g.n, 5);	/* of KVM; the switch is none */
	assert_int_equal(g.e[0].type, KVM_EVENT_ENTRY);
	assert_int_equal(g.e[0].vcpu, 5);
	assert_int_equal(g.e[0].tgid, 11);
	assert_int_equal(g.e[0].tid, 12);
	assert_int_equal(g.e[0].cpu, 3);
	assert_int_equal(g.e[1].type, KVM_EVENT_EXIT);
	assert_int_equal(g.e[1].isa, 2);
	assert_int_equal(g.e[1].reason, 0x7b);
	assert_int_equal(g.e[2].detail, 0xf1);
	assert_true(g.e[2].write);
	assert_false(g.e[3].write);	/* 1 is a read that was answered */
	assert_true(g.e[4].write);	/* bit 1 of the error code */
	/* Four in the middle, the others at the end, where nobody knows. */
	assert_int_equal(g.lost, 7);
	assert_int_equal(g.gaps, 2);
	assert_int_equal(info.lost, 7);
	assert_int_equal(info.skipped, 3);
	assert_int_equal(info.start_ns, 1000);
	assert_int_equal(info.end_ns, 2000);
	assert_float_equal(info.start_time, 5.5, 1e-9);
	assert_false(info.cut);
	assert_string_equal(info.kernel, "6.12");
	assert_string_equal(names_name(11, &names), "web");
	names_free(&names);
}

/* Without its ledger the file still knows of the gap. */
static void cut(void **state)
{
	struct got g;

	(void)state;
	make();
	assert_int_equal(truncate(PATH, 600), 0);
	assert_int_equal(read_file(PATH, &g, NULL), 0);
	assert_true(info.cut);
	assert_int_equal(g.n, 5);
	assert_int_equal(g.lost, 4);
	assert_int_equal(info.lost, 4);
	assert_int_equal(info.end_ns, 1040);
}

static void kinds(void **state)
{
	struct got g;
	FILE *f;

	(void)state;
	assert_int_equal(read_file("tests/fuzz/tracedat/small.dat", &g, NULL), 0);
	assert_string_equal(info.format, "trace.dat");
	assert_int_equal(g.n, 8);
	assert_int_equal(read_file("tests/fuzz/perfdata/small.data", &g, NULL), 0);
	assert_string_equal(info.format, "perf.data");
	assert_int_equal(g.n, 5);
	assert_int_equal(read_file("build/tests/no-such-file", &g, NULL), -ENOENT);
	assert_string_equal(why, "No such file or directory");
	assert_true(read_file("build/tests", &g, NULL) < 0);
	assert_true(read_file("/dev/null", &g, NULL) < 0);
	f = fopen(PATH, "we");
	fputs("something else", f);
	fclose(f);
	assert_true(read_file(PATH, &g, NULL) < 0);
	assert_non_null(strstr(why, "neither a file of exitlab record"));
	assert_int_equal(truncate(PATH, 3), 0);
	assert_true(read_file(PATH, &g, NULL) < 0);
	assert_int_equal(truncate(PATH, 0), 0);
	assert_true(read_file(PATH, &g, NULL) < 0);
	assert_non_null(strstr(why, "the file is empty"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(own),
		cmocka_unit_test(cut),
		cmocka_unit_test(kinds),
	};
	int ret = cmocka_run_group_tests(tests, NULL, NULL);

	unlink(PATH);
	return ret;
}
