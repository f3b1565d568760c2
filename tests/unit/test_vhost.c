// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/host/vhost.c */
/* vhost's workers as /proc shows them before and after Linux 6.4, and what only looks like one. */
#include "unit.h"

#include <errno.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/vhost.h"

/* Fields 4 to 8 and 10 to 19 as they come; flags and number of threads matter. */
#define STAT(pid, comm, state, flags, threads) \
	#pid " (" comm ") " state " 1 1 1 0 -1 " #flags " 0 0 0 0 12 34 0 0 20 0 " #threads \
	" 0 4242 0 0 18446744073709551615\n"

static struct vhost_thread parsed(const char *text)
{
	struct vhost_thread t = { 0 };

	assert_int_equal(vhost_parse_stat(text, &t), 0);
	return t;
}

static void stat_lines(void **state)
{
	struct vhost_thread t = parsed(STAT(4711, "vhost-4700", "S", 2129984, 1));

	(void)state;
	assert_int_equal(t.tid, 4711);
	assert_string_equal(t.comm, "vhost-4700");
	assert_int_equal(t.state, 'S');
	assert_int_equal(t.flags, 2129984);
	assert_int_equal(t.threads, 1);
	t = parsed(STAT(7, "a) S (b c", "R", 64, 3));
	assert_string_equal(t.comm, "a) S (b c");
	assert_int_equal(t.state, 'R');
	assert_int_equal(vhost_parse_stat("", &t), -EINVAL);
	assert_int_equal(vhost_parse_stat("12 (x", &t), -EINVAL);
	assert_int_equal(vhost_parse_stat("12 (x) S 1 1", &t), -EINVAL);
	assert_int_equal(vhost_parse_stat(") 12 (", &t), -EINVAL);
}

static void names(void **state)
{
	(void)state;
	assert_int_equal(vhost_maker("vhost-4700"), 4700);
	assert_int_equal(vhost_maker("vhost-"), 0);
	assert_int_equal(vhost_maker("vhost-12a"), 0);
	assert_int_equal(vhost_maker("vhost--1"), 0);
	assert_int_equal(vhost_maker("vhost-0"), 0);
	assert_int_equal(vhost_maker("vhost-99999999999"), 0);
	assert_int_equal(vhost_maker("vhost_task"), 0);
	assert_int_equal(vhost_maker("avhost-1"), 0);
}

static void workers(void **state)
{
	struct vhost_thread t;

	(void)state;
	t = parsed(STAT(31, "vhost-30", "S", 2129984, 1));	/* PF_KTHREAD */
	assert_true(vhost_is_worker(&t));
	t = parsed(STAT(32, "vhost-30", "S", 4210752, 5));	/* PF_USER_WORKER */
	assert_true(vhost_is_worker(&t));
	t = parsed(STAT(33, "vhost-30", "S", 4194304, 5));	/* somebody's own thread, so named */
	assert_false(vhost_is_worker(&t));
	t = parsed(STAT(34, "kvm-nx-lpage-re", "S", 4210752, 5));
	assert_false(vhost_is_worker(&t));
	t = parsed(STAT(35, "iou-wrk-30", "S", 4210752, 5));
	assert_false(vhost_is_worker(&t));
	t = parsed(STAT(36, "kworker/0:1", "I", 69238880, 1));
	assert_false(vhost_is_worker(&t));
}

/* ---- A /proc of our own ---- */

static char root[] = "/tmp/test-vhost-XXXXXX";

static void put(const char *path, const char *text)
{
	char full[200], *slash;
	FILE *f;

	snprintf(full, sizeof(full), "%s/%s", root, path);
	for (slash = full + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = 0;
		mkdir(full, 0700);
		*slash = '/';
	}
	f = fopen(full, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int setup(void **state)
{
	(void)state;
	return mkdtemp(root) ? 0 : -1;
}

static int teardown(void **state)
{
	char cmd[64];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf %s", root);
	return system(cmd);
}

static void found(void **state)
{
	struct vhost_list l;
	size_t i;

	(void)state;
	/* A VMM with a thread, one with a kernel thread, and a kernel thread of one long gone. */
	put("proc/100/stat", STAT(100, "qemu", "S", 4194304, 3));
	put("proc/100/task/100/stat", STAT(100, "qemu", "S", 4194304, 3));
	put("proc/100/task/101/stat", STAT(101, "CPU 0/KVM", "S", 4194304, 3));
	put("proc/100/task/102/stat", STAT(102, "vhost-100", "S", 4210752, 3));
	put("proc/200/stat", STAT(200, "qemu", "S", 4194304, 2));
	put("proc/200/task/200/stat", STAT(200, "qemu", "S", 4194304, 2));
	put("proc/200/task/205/stat", STAT(205, "iothread", "S", 4194304, 2));
	put("proc/205/status", "Name:\tiothread\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t200\n");
	put("proc/206/stat", STAT(206, "vhost-205", "S", 2129984, 1));
	put("proc/207/stat", STAT(207, "vhost-9999", "S", 2129984, 1));
	put("proc/self/stat", "no number");
	assert_int_equal(vhost_find(root, &l), 0);
	assert_int_equal(l.n, 3);
	for (i = 0; i < l.n; i++) {
		const struct vhost_thread *t = &l.worker[i];

		if (t->tid == 102) {
			assert_int_equal(t->pid, 100);
			assert_int_equal(vhost_vm(root, t), 100);
		} else if (t->tid == 206) {
			/* Named after the thread that made it, not after the process. */
			assert_int_equal(vhost_vm(root, t), 200);
		} else {
			assert_int_equal(t->tid, 207);
			assert_int_equal(vhost_vm(root, t), 0);
		}
	}
	vhost_free(&l);
	assert_false(vhost_module(root, "vhost"));
	put("sys/module/vhost/refcnt", "1\n");
	assert_true(vhost_module(root, "vhost"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stat_lines),
		cmocka_unit_test(names),
		cmocka_unit_test(workers),
		cmocka_unit_test(found),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
