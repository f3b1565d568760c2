// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/host/kvmstat.c tracer/util/log.c tracer/util/fs.c */
/* KVM's counters out of a folder that looks like debugfs, and what is made of them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/kvmstat.h"
#include "util/fs.h"

static char top[] = "build/tests/kvmstat-XXXXXX";

static void put(const char *dir, const char *file, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", top, dir);
	assert_int_equal(make_dirs(path), 0);
	snprintf(path, sizeof(path), "%s/%s/%s", top, dir, file);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void sums_the_vms_of_a_process(void **state)
{
	char a[64], b[64], vcpu[96];
	struct kvmstat s;

	(void)state;
	snprintf(a, sizeof(a), "%d-10", (int)getpid());
	snprintf(b, sizeof(b), "%d-11", (int)getpid());
	put(a, "exits", "1009\n");
	put(a, "io_exits", "7\n");
	put(b, "exits", "2003\n");
	put("1-10", "exits", "555555\n");	/* somebody else's */
	snprintf(vcpu, sizeof(vcpu), "%s/vcpu0", a);
	put(vcpu, "pid", "1\n");
	snprintf(vcpu, sizeof(vcpu), "%s/vcpu1", a);
	put(vcpu, "pid", "1\n");
	snprintf(vcpu, sizeof(vcpu), "%s/vcpu0", b);
	put(vcpu, "pid", "1\n");
	assert_int_equal(kvmstat_read_debugfs(top, getpid(), &s), 0);
	assert_int_equal(s.exits, 3012);
	assert_int_equal(s.io_exits, 7);
	assert_int_equal(s.vcpus, 3);
	assert_true(s.present & 1u << KVM_STAT_exits);
	assert_false(s.present & 1u << KVM_STAT_halt_exits);
	assert_string_equal(s.source, "debugfs");
}

static void errors(void **state)
{
	struct kvmstat s;

	(void)state;
	assert_int_equal(kvmstat_read_debugfs("/nonexistent", 1, &s), -ENOENT);
	assert_int_equal(kvmstat_read_debugfs(top, 0x7ffffff0, &s), -ESRCH);
}

static void differences(void **state)
{
	struct kvmstat a[2] = { { .exits = 10, .io_exits = 1, .present = 3, .vcpus = 1, .source = "x" },
				{ .exits = 20, .present = 1, .vcpus = 2, .source = "x" } };
	struct kvmstat b[2] = { { .exits = 15, .io_exits = 4, .present = 3, .vcpus = 1, .source = "x" },
				{ .exits = 27, .present = 1, .vcpus = 2, .source = "x" } };
	json_t *o = kvmstat_delta_json(a, b, 2);

	(void)state;
	assert_int_equal(json_integer_value(json_object_get(o, "exits")), 12);
	assert_int_equal(json_integer_value(json_object_get(o, "vcpus")), 3);
	assert_string_equal(json_string_value(json_object_get(o, "source")), "x");
	/* One of the two does not have it, so there is no sum. */
	assert_true(json_is_null(json_object_get(o, "io_exits")));
	assert_true(json_is_string(json_object_get(o, "io_exits_why")));
	json_decref(o);
	o = kvmstat_delta_json(a, b, 1);
	assert_int_equal(json_integer_value(json_object_get(o, "io_exits")), 3);
	assert_null(json_object_get(o, "io_exits_why"));
	json_decref(o);
}

static int setup(void **state)
{
	(void)state;
	return make_dirs("build/tests") == 0 && mkdtemp(top) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return remove_tree(top);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_the_vms_of_a_process),
		cmocka_unit_test(errors),
		cmocka_unit_test(differences),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
