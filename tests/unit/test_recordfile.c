// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/offline/recwrite.c tracer/offline/recordfile.c tracer/offline/reader.c tracer/offline/sorter.c tracer/offline/events.c tracer/core/reason.c */
/* Files of events: what is written comes back, in order; and what comes back of a broken one. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "memfile.h"
#include "offline/layout.h"
#include "offline/recordfile.h"

#define PATH "build/tests/test_recordfile.trace"
#define BIG (1ull << 30)

struct got {
	size_t events, texts;
	uint64_t newest;
	bool back;		/* an event was older than the one before */
	struct trace_event first;
	enum recfile_block last_text;
};

static int take_json(enum recfile_block type, const json_t *o, void *arg)
{
	struct got *g = arg;

	assert_true(json_is_object(o));
	g->texts++;
	g->last_text = type;
	return 0;
}

static int take_event(const struct trace_event *e, void *arg)
{
	struct got *g = arg;

	if (!g->events++)
		g->first = *e;
	g->back |= e->ts_ns < g->newest;
	g->newest = e->ts_ns;
	return 0;
}

static const struct recfile_ops ops = { take_json, take_event };
static struct reader r;
static struct recfile_end end;

static int read_back(int fd, struct got *g)
{
	int ret;

	*g = (struct got){ 0 };
	assert_int_equal(reader_fd(&r, fd), 0);
	ret = recfile_read(&r, &ops, g, &end);
	reader_close(&r);
	return ret;
}

static struct recfile_writer *begin(uint64_t max)
{
	struct recfile_writer *w;
	json_t *o = json_pack("{s:s}", "kernel", "test");

	assert_int_equal(recfile_create(PATH, max, &w), 0);
	assert_int_equal(recfile_put_json(w, RECFILE_INFO, o), 0);
	json_decref(o);
	return w;
}

static void finish(struct recfile_writer *w)
{
	json_t *o = json_pack("{s:b}", "final", 1);

	assert_int_equal(recfile_put_json(w, RECFILE_LEDGER, o), 0);
	json_decref(o);
	assert_int_equal(recfile_close(w), 0);
}

static struct trace_event event(uint64_t ts)
{
	return (struct trace_event){ .ts_ns = ts, .a = ts ^ 0x5555555555555555, .b = ts * 3,
		.c = UINT64_MAX, .tid = 4194303, .cpu = 511, .vm = 65535, .vcpu = 4095,
		.type = REC_KVM_EXIT, .flags = 2 };
}

static void make(uint64_t n)
{
	struct recfile_writer *w = begin(BIG);
	uint64_t i;

	for (i = 0; i < n; i++) {
		struct trace_event e = event(1000 + i);

		assert_int_equal(recfile_put_event(w, &e), 0);
	}
	assert_int_equal(recfile_flush(w), 0);
	assert_int_equal(recfile_written(w, REC_KVM_EXIT), n);
	finish(w);
}

static size_t load(unsigned char *buf, size_t size)
{
	FILE *f = fopen(PATH, "re");
	size_t n;

	assert_non_null(f);
	n = fread(buf, 1, size, f);
	fclose(f);
	return n;
}

static void comes_back(void **state)
{
	struct trace_event e = event(1000);
	struct got g;

	(void)state;
	make(5000);
	assert_int_equal(read_back(open(PATH, O_RDONLY), &g), 0);
	assert_int_equal(g.events, 5000);
	assert_int_equal(g.texts, 2);
	assert_int_equal(g.last_text, RECFILE_LEDGER);
	assert_false(g.back);
	assert_false(end.cut);
	assert_int_equal(g.first.ts_ns, e.ts_ns);
	assert_int_equal(g.first.a, e.a);
	assert_int_equal(g.first.b, e.b);
	assert_int_equal(g.first.c, e.c);
	assert_int_equal(g.first.tid, e.tid);
	assert_int_equal(g.first.cpu, e.cpu);
	assert_int_equal(g.first.vm, e.vm);
	assert_int_equal(g.first.vcpu, e.vcpu);
	assert_int_equal(g.first.type, e.type);
	assert_int_equal(g.first.flags, e.flags);
}

/* Out of order within a block, over its edge, and with pauses longer than 32 bits of ns. */
static void any_order(void **state)
{
	struct recfile_writer *w = begin(BIG);
	uint64_t ts = 10000000000000, i;
	struct trace_event e;
	struct got g;

	(void)state;
	srand(1);
	for (i = 0; i < 20000; i++) {
		ts += i % 1000 == 999 ? 7000000000 : 50;
		e = event(ts - (uint64_t)rand() % 5000);
		e.vcpu = -1;
		assert_int_equal(recfile_put_event(w, &e), 0);
	}
	assert_int_equal(recfile_flush(w), 0);
	finish(w);
	assert_int_equal(read_back(open(PATH, O_RDONLY), &g), 0);
	assert_int_equal(g.events, 20000);
	assert_false(g.back);
	assert_int_equal(g.first.vcpu, -1);
}

static void bounded(void **state)
{
	struct recfile_writer *w = begin(1 << 20);
	struct trace_event e = event(1);
	uint64_t n = 0, in;
	struct got g;
	int ret;

	(void)state;
	while (!(ret = recfile_put_event(w, &e)))
		assert_true(n++ < 100000);
	assert_int_equal(ret, -EFBIG);
	in = recfile_written(w, REC_KVM_EXIT);
	assert_true(in > 20000 && in <= n);
	finish(w);
	assert_int_equal(read_back(open(PATH, O_RDONLY), &g), 0);
	assert_true(r.size <= 1 << 20);
	assert_int_equal(g.events, in);
	assert_int_equal(g.last_text, RECFILE_LEDGER);
}

/* Whatever the length: no error behind the first block, and never an event more than were there. */
static void cut_anywhere(void **state)
{
	static unsigned char buf[262144];
	size_t n, last = 0, i;
	struct got g;

	(void)state;
	make(1700);
	n = load(buf, sizeof(buf));
	assert_true(n < sizeof(buf));
	for (i = 100; i < n; i += i < 400 || i > n - 400 ? 1 : 97) {
		assert_int_equal(read_back(memfile(buf, i), &g), 0);
		assert_true(g.events == 0 || g.events == 1600 || g.events == 1700);
		assert_true(g.events >= last);
		last = g.events;
	}
	assert_int_equal(last, 1700);
	assert_true(end.cut);
	/* Zeros where the file system had got no further. */
	memset(buf + n - 50, 0, 4096);
	assert_int_equal(read_back(memfile(buf, n + 4000), &g), -EINVAL);
	memset(buf + n, 0, 4096);
	load(buf, n);
	assert_int_equal(read_back(memfile(buf, n + 4000), &g), 0);
	assert_true(end.cut);
	assert_int_equal(g.events, 1700);
}

static void damaged(void **state)
{
	static unsigned char buf[262144];
	size_t n, i, errors = 0;
	struct got g;

	(void)state;
	make(1700);
	n = load(buf, sizeof(buf));
	for (i = 0; i < n; i += i < 400 ? 1 : 53) {
		int ret;

		buf[i] ^= 0x10;
		ret = read_back(memfile(buf, n), &g);
		/* A wrong length may look like a file cut short. */
		assert_true(ret < 0 || end.cut);
		if (ret < 0) {
			errors++;
			assert_non_null(strstr(r.why, "at offset 0x"));
		}
		buf[i] ^= 0x10;
	}
	assert_true(errors > 1000);
	assert_int_equal(read_back(memfile(buf, n), &g), 0);
	buf[8] = 2;
	assert_true(read_back(memfile(buf, n), &g) < 0);
	assert_non_null(strstr(r.why, "version 2"));
	assert_true(read_back(memfile(buf, 10), &g) < 0);
	assert_true(read_back(memfile("", 0), &g) < 0);
	assert_true(read_back(memfile("XLTRACF\n\1\0\0\0\20\0\0\0", 16), &g) < 0);
}

static void lists(void **state)
{
	uint32_t mask;

	(void)state;
	assert_int_equal(events_parse("kvm_exit", &mask), 0);
	assert_int_equal(mask, 1u << REC_KVM_EXIT);
	assert_int_equal(events_parse("sched,kvm_entry", &mask), 0);
	assert_int_equal(mask, 1u << REC_SCHED_IN | 1u << REC_SCHED_OUT | 1u << REC_KVM_ENTRY);
	assert_int_equal(events_parse("all", &mask), 0);
	assert_int_equal(mask, ALL_EVENTS);
	assert_int_equal(events_parse("kvm,irq,sched", &mask), 0);
	assert_int_equal(mask, ALL_EVENTS);
	assert_int_equal(events_parse("", &mask), -EINVAL);
	assert_int_equal(events_parse("kvm_exit,", &mask), -EINVAL);
	assert_int_equal(events_parse("lost", &mask), -EINVAL);
	assert_int_equal(events_parse("kvm_ex", &mask), -EINVAL);
}

static void one_line(void **state)
{
	struct event_who who = { "web", 77, "CPU 0/KVM" };
	struct trace_event e = { .ts_ns = 2000000123, .a = 0x7b, .b = 1, .c = 0xffff, .tid = 78,
		.cpu = 3, .vm = 1, .type = REC_KVM_EXIT, .flags = 2 };
	size_t n;
	char *text = NULL;
	FILE *f = open_memstream(&text, &n);
	json_t *o;
	int type;

	(void)state;
	event_text(f, &e, &who, 1000000000);
	fclose(f);
	assert_string_equal(text, "1.000000123 [003] web/0 78 kvm_exit: svm IOIO reason=0x7b info1=0x1 "
			    "rip=0xffff isa=2\n");
	free(text);
	o = event_json(&e, &who);
	assert_string_equal(json_string_value(json_object_get(o, "name")), "IOIO");
	assert_int_equal(json_integer_value(json_object_get(o, "vcpu")), 0);
	json_decref(o);
	for (type = 0; type < NR_REC_TYPES; type++) {
		e.type = (uint8_t)type;
		o = event_json(&e, &who);
		assert_non_null(json_object_get(o, "event"));
		json_decref(o);
		f = open_memstream(&text, &n);
		event_text(f, &e, &who, 3000000000);
		fclose(f);
		assert_ptr_equal(strchr(text, '\n'), text + n - 1);
		free(text);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_back),
		cmocka_unit_test(any_order),
		cmocka_unit_test(bounded),
		cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(damaged),
		cmocka_unit_test(lists),
		cmocka_unit_test(one_line),
	};
	int ret;

	/* A seed for the fuzzer. */
	if (argc > 1) {
		make(20);
		return rename(PATH, argv[1]);
	}
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(PATH);
	return ret;
}
