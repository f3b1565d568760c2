// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/offline/tracedat.c tracer/offline/reader.c tracer/engine/tep.c tracer/engine/tracefs.c tracer/host/names.c tracer/host/vm_name.c -isystem /usr/include/tracefs -isystem /usr/include/traceevent -ltracecmd -ltracefs -ltraceevent */
/* trace.dat: a small one is read; whatever is wrong with it, this process lives on. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>

#include "memfile.h"
#include "offline/input.h"

#define FILE_MAX 8192

struct got {
	struct kvm_event e[16];
	size_t n;
	int stop_at;		/* the callback ends the reading here; 0 = never */
};

static int take(const struct kvm_event *e, void *arg)
{
	struct got *g = arg;

	if (g->n < 16)
		g->e[g->n] = *e;
	g->n++;
	return g->stop_at && (int)g->n == g->stop_at ? -ECANCELED : 0;
}

static void lost(uint64_t n, void *arg)
{
	(void)n, (void)arg;
}

static unsigned char good[FILE_MAX];
static struct reader r;
static struct input_info info;

static int load(void **state)
{
	FILE *f = fopen("tests/fuzz/tracedat/small.dat", "re");
	size_t n = f ? fread(good, 1, sizeof(good), f) : 0;

	(void)state;
	if (f)
		fclose(f);
	return n == sizeof(good) ? 0 : -1;
}

static int read_bytes(const unsigned char *b, size_t n, struct got *g, struct names *names)
{
	struct input_ops ops = { take, lost, g, names };
	int ret;

	memset(&info, 0, sizeof(info));
	assert_int_equal(reader_fd(&r, memfile(b, n)), 0);
	ret = tracedat_input(&r, &ops, &info);
	reader_close(&r);
	/* No process is left behind. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	return ret;
}

static void events(void **state)
{
	struct names names = { .root = "/nonexistent" };
	struct got g = { .n = 0 };

	(void)state;
	assert_int_equal(read_bytes(good, sizeof(good), &g, &names), 0);
	assert_int_equal(g.n, 8);
	assert_int_equal(info.events, 8);
	assert_int_equal(g.e[0].type, KVM_EVENT_ENTRY);
	assert_int_equal(g.e[0].ts_ns, 1010);
	assert_int_equal(g.e[1].type, KVM_EVENT_EXIT);
	assert_int_equal(g.e[1].ts_ns, 1040);
	assert_int_equal(g.e[1].reason, 0x7b);
	assert_int_equal(g.e[1].isa, 2);
	assert_int_equal(g.e[1].tid, 101);
	assert_string_equal(names_name(101, &names), "qemu-101");
	assert_string_equal(info.pids, "threads");
	names_free(&names);
}

static void ended_early(void **state)
{
	struct got g = { .stop_at = 3 };

	(void)state;
	assert_int_equal(read_bytes(good, sizeof(good), &g, NULL), -ECANCELED);
	assert_int_equal(g.n, 3);
}

static void refused(size_t n, size_t at, unsigned char value, const char *pattern)
{
	static unsigned char b[FILE_MAX];
	struct got g = { .n = 0 };

	memcpy(b, good, sizeof(b));
	b[at] = value;
	assert_true(read_bytes(b, n, &g, NULL) < 0);
	if (!strstr(r.why, pattern) || !strstr(r.why, "at offset 0x"))
		fail_msg("'%s' lacks '%s'", r.why, pattern);
}

static void not_usable(void **state)
{
	(void)state;
	refused(FILE_MAX, 0, 0, "this is no trace.dat");
	refused(FILE_MAX, 10, '5', "versions 6 and 7");
	refused(FILE_MAX, 12, 1, "big-endian");
	refused(FILE_MAX, 13, 4, "not 64-bit");
	refused(12, 0, 0x17, "cut short");
	refused(300, 0, 0x17, "record again");
	refused(2000, 0, 0x17, "record again");
}

static void any_byte(void **state)
{
	static unsigned char b[FILE_MAX];
	size_t i;

	(void)state;
	for (i = 14; i < 2600; i += 37) {
		struct got g = { .n = 0 };

		memcpy(b, good, sizeof(b));
		b[i] ^= 0xff;
		if (read_bytes(b, sizeof(b), &g, NULL) < 0)
			assert_true(r.why[0]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events),
		cmocka_unit_test(ended_early),
		cmocka_unit_test(not_usable),
		cmocka_unit_test(any_byte),
	};

	return cmocka_run_group_tests(tests, load, NULL);
}
