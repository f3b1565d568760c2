// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/host/vm_name.c tracer/host/names.c tracer/host/filter.c tracer/engine/snapshot.c */
/* Names of VMs as VMMs and managers leave them, from trees of files; and which VMs are wanted. */
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

#include "host/filter.h"
#include "host/names.h"
#include "host/vm_name.h"

#define CMDLINE(text) vm_name_cmdline(text, sizeof(text), name, sizeof(name))

static void command_lines(void **state)
{
	char name[VM_NAME_MAX];

	(void)state;
	assert_true(CMDLINE("qemu-system-x86_64\0-name\0web\0-m\0" "512"));
	assert_string_equal(name, "web");
	assert_true(CMDLINE("qemu\0-name\0guest=db 1,debug-threads=on\0-S"));
	assert_string_equal(name, "db 1");
	assert_true(CMDLINE("qemu\0-name\0debug-threads=on,guest=late"));
	assert_string_equal(name, "late");
	assert_true(CMDLINE("qemu\0-name\0plain,process=x"));
	assert_string_equal(name, "plain");
	assert_true(CMDLINE("qemu\0-name\0guest=a,,b,debug-threads=on"));
	assert_string_equal(name, "a,b");
	assert_true(CMDLINE("lkvm\0run\0--name\0tool"));
	assert_string_equal(name, "tool");
	assert_true(CMDLINE("/usr/bin/firecracker\0--id\0" "0b1c-22\0--api-sock\0/x"));
	assert_string_equal(name, "0b1c-22");
	/* Not on somebody's terminal. */
	assert_true(CMDLINE("qemu\0-name\0\033[2Jx"));
	assert_string_equal(name, "?[2Jx");
	assert_false(CMDLINE("qemu\0-m\0" "512"));
	assert_false(CMDLINE("qemu\0-name\0debug-threads=on"));
	assert_false(CMDLINE("qemu\0-name"));
	assert_false(CMDLINE("qemu\0-name\0"));
	assert_false(CMDLINE(""));
	assert_false(vm_name_cmdline("", 0, name, sizeof(name)));
}

static void long_names_are_cut(void **state)
{
	char name[8];

	(void)state;
	assert_true(CMDLINE("qemu\0-name\0abcdefghijkl"));
	assert_string_equal(name, "abcdefg");
}

static bool cgroup(const char *text, char *name)
{
	return vm_name_cgroup(text, name, VM_NAME_MAX);
}

static void cgroups(void **state)
{
	char name[VM_NAME_MAX];

	(void)state;
	assert_true(cgroup("0::/machine.slice/machine-qemu\\x2d12\\x2dweb\\x2d1.scope/libvirt/emulator\n",
			   name));
	assert_string_equal(name, "web-1");
	assert_true(cgroup("0::/machine.slice/machine-box.scope\n", name));
	assert_string_equal(name, "box");
	/* Version 1: a line per controller. */
	assert_true(cgroup("3:cpu:/\n2:devices:/machine.slice/machine-qemu\\x2d1\\x2dg.scope\n", name));
	assert_string_equal(name, "g");
	assert_false(cgroup("0::/user.slice/user-0.slice/session-1.scope\n", name));
	assert_false(cgroup("0::/machine.slice/machine-.scope\n", name));
	assert_false(cgroup("0::/machine.slice/machine-x\n", name));
	assert_false(cgroup("0::/\n", name));
	assert_false(cgroup("", name));
}


static void other_vmms(void **state)
{
	char name[VM_NAME_MAX];

	(void)state;
	assert_true(CMDLINE("/usr/bin/firecracker\0--id=vm-7\0"));
	assert_string_equal(name, "vm-7");
	assert_true(CMDLINE("cloud-hypervisor\0--api-socket\0path=/run/ch/blue.sock,fd=3\0"));
	assert_string_equal(name, "blue");
	assert_true(CMDLINE("cloud-hypervisor\0--api-socket=/run/ch/red.sock\0--cpus\0boot=2"));
	assert_string_equal(name, "red");
	assert_true(CMDLINE("crosvm\0run\0--name\0termina\0"));
	assert_string_equal(name, "termina");
	assert_false(CMDLINE("cloud-hypervisor\0--api-socket\0/run/ch/\0"));
	/* An option's value is not an option's name. */
	assert_false(CMDLINE("qemu\0id=--id\0"));
}

static void pods(void **state)
{
	char name[VM_NAME_MAX];

	(void)state;
	assert_true(cgroup("0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-"
			   "pod0a1b2c3d_1111_2222_3333_444455556666.slice/cri-containerd-9f.scope\n", name));
	assert_string_equal(name, "pod-0a1b2c3d-1111-2222-3333-444455556666");
	assert_true(cgroup("0::/kubepods/besteffort/pod0a1b2c3d-1111-2222-3333-444455556666/9f\n", name));
	assert_string_equal(name, "pod-0a1b2c3d-1111-2222-3333-444455556666");
	assert_false(cgroup("0::/kubepods/besteffort/pod0a1b2c3d-1111/9f\n", name));
	assert_false(cgroup("0::/user/pod0a1b2c3d-1111-2222-3333-444455556666\n", name));
}

/* ---- a tree of files ---- */

static char root[] = "/tmp/exitlab-test-names-XXXXXX";

static void put(const char *path, const char *text, size_t len)
{
	char full[512], *p;
	FILE *f;

	snprintf(full, sizeof(full), "%s/%s", root, path);
	for (p = full + strlen(root) + 1; (p = strchr(p, '/')); p++) {
		*p = 0;
		mkdir(full, 0755);
		*p = '/';
	}
	f = fopen(full, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	fclose(f);
}
#define PUT(path, text) put(path, text, sizeof(text) - 1)

static int make_tree(void **state)
{
	(void)state;
	if (!mkdtemp(root))
		return -1;
	PUT("proc/10/cmdline", "qemu\0-name\0guest=web\0");
	PUT("proc/10/stat", "10 (CPU 0) KVM) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 777 19 20\n");
	PUT("proc/10/cgroup", "0::/machine.slice/machine-x.scope\n");
	PUT("run/libvirt/qemu/db.pid", "11\n");
	PUT("run/libvirt/qemu/db.xml", "11\n");
	PUT("proc/11/cmdline", "qemu\0-S\0");
	PUT("proc/12/cmdline", "qemu\0");
	PUT("proc/12/cgroup", "1:cpu:/a\n0::/machine.slice/machine-qemu\\x2d3\\x2dbox.scope/emulator\n");
	PUT("proc/13/comm", "evil\033]0;\n");
	PUT("proc/14/cgroup", "1:cpu:/a\n");
	return 0;
}

static int remove_tree(void **state)
{
	char cmd[600];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", root);
	return system(cmd);
}

static void expect(pid_t pid, enum vm_name_source source, const char *text)
{
	char name[VM_NAME_MAX];

	assert_int_equal(vm_name_read(root, pid, name, sizeof(name)), source);
	assert_string_equal(name, text);
}

static void places_in_order(void **state)
{
	(void)state;
	expect(10, VM_NAME_CMDLINE, "web");
	expect(11, VM_NAME_LIBVIRT, "db");
	expect(12, VM_NAME_CGROUP, "box");
	expect(13, VM_NAME_COMM, "evil?]0;-13");
	expect(99, VM_NAME_COMM, "vm-99");
}

static void cgroup_of_a_process(void **state)
{
	char path[256];

	(void)state;
	assert_int_equal(vm_cgroup_read(root, 12, path, sizeof(path)), 0);
	assert_string_equal(path, "/machine.slice/machine-qemu\\x2d3\\x2dbox.scope/emulator");
	assert_int_equal(vm_cgroup_read(root, 14, path, sizeof(path)), -ENOENT);
	assert_int_equal(vm_cgroup_read(root, 99, path, sizeof(path)), -ESRCH);
	assert_true(cgroup_within("/a/b", "/a"));
	assert_true(cgroup_within("/a", "/a"));
	assert_true(cgroup_within("/a", "/"));
	assert_false(cgroup_within("/ab", "/a"));
	assert_false(cgroup_within("/", "/a"));
}

static void names_are_kept(void **state)
{
	struct names n = { .root = root };
	const struct vm_who *w = names_get(&n, 10);

	(void)state;
	assert_non_null(w);
	assert_string_equal(w->name, "web");
	assert_int_equal(w->start, 777);
	assert_string_equal(w->cgroup, "/machine.slice/machine-x.scope");
	assert_ptr_equal(names_get(&n, 10), w);
	assert_null(names_get(&n, 99));
	/* Another process with its pid. */
	PUT("proc/10/stat", "10 (x) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 888 19 20\n");
	PUT("proc/10/cmdline", "qemu\0-name\0guest=new\0");
	assert_string_equal(names_name(10, &n), "new");
	assert_string_equal(w->name, "web");
	/* It has ended. */
	PUT("proc/10/stat", "");
	assert_string_equal(names_name(10, &n), "new");
	names_free(&n);
	assert_int_equal(names_start_time("10 (x"), 0);
	assert_int_equal(names_start_time("10 (x)"), 0);
	assert_int_equal(names_start_time("10 (x) S 1"), 0);
}

static void lists_of_vcpus(void **state)
{
	struct filter f = { 0 };

	(void)state;
	assert_int_equal(filter_vcpus(&f, "0-2,7,4095"), 0);
	assert_int_equal(f.vcpu[0], 0x87);
	assert_int_equal(f.vcpu[511], 0x80);
	assert_int_equal(filter_vcpus(&f, ""), -EINVAL);
	assert_int_equal(filter_vcpus(&f, "1,"), -EINVAL);
	assert_int_equal(filter_vcpus(&f, "3-1"), -EINVAL);
	assert_int_equal(filter_vcpus(&f, "4096"), -EINVAL);
	assert_int_equal(filter_vcpus(&f, "-1"), -EINVAL);
	assert_int_equal(filter_vcpus(&f, "1-"), -EINVAL);
	assert_int_equal(filter_vcpus(&f, "1 2"), -EINVAL);
	assert_int_equal(filter_vcpus(&f, "99999999999999999999"), -EINVAL);
}

static void where_cgroup2_is(void **state)
{
	char path[256];

	(void)state;
	assert_int_equal(filter_cgroup2_mount("22 1 0:1 / / rw - ext4 /dev/x rw\n"
		"36 35 0:30 / /sys/fs/cgroup/unified rw,nosuid shared:9 - cgroup2 cgroup2 rw\n",
		path, sizeof(path)), 0);
	assert_string_equal(path, "/sys/fs/cgroup/unified");
	assert_int_equal(filter_cgroup2_mount("22 1 0:1 / / rw - ext4 cgroup2 rw", path,
					      sizeof(path)), -ENODEV);
	assert_int_equal(filter_cgroup2_mount("", path, sizeof(path)), -ENODEV);
}

static size_t left(const struct filter *f, struct names *n)
{
	static const int vcpu[4] = { 0, 1, 0, 9000 };
	struct trace_snapshot s = { .vcpus = calloc(4, sizeof(s.vcpus[0])), .nr_vcpus = 4 };
	size_t i, r;

	for (i = 0; i < 4; i++) {
		s.vcpus[i].vm = i < 2 ? 500000001 : 500000002;	/* no process has these */
		s.vcpus[i].vcpu = vcpu[i];
		s.vcpus[i].reasons = calloc(1, sizeof(struct exit_stat));
	}
	filter_apply(f, &s, n);
	r = s.nr_vcpus;
	snapshot_free(&s);
	return r;
}

static void what_is_wanted(void **state)
{
	struct names n = { 0 };
	struct filter all = { 0 }, web = { 0 }, pid = { 0 }, first = { 0 }, both = { 0 };
	struct filter group = { .cgroup = "/machine.slice" };

	(void)state;
	assert_int_equal(names_add(&n, 500000001, "web"), 0);
	assert_int_equal(left(&all, &n), 4);
	assert_int_equal(filter_add_vm(&web, "web"), 0);
	assert_int_equal(left(&web, &n), 2);
	assert_int_equal(filter_add_vm(&pid, "500000002"), 0);
	assert_int_equal(left(&pid, &n), 2);
	assert_int_equal(filter_vcpus(&first, "0"), 0);
	assert_int_equal(left(&first, &n), 2);
	assert_int_equal(filter_add_vm(&both, "web"), 0);
	assert_int_equal(filter_vcpus(&both, "1-3"), 0);
	assert_int_equal(left(&both, &n), 1);
	assert_int_equal(left(&group, &n), 0);
	n.who[0]->cgroup = strdup("/machine.slice/a.scope");
	assert_int_equal(left(&group, &n), 2);
	names_free(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(command_lines),
		cmocka_unit_test(long_names_are_cut),
		cmocka_unit_test(other_vmms),
		cmocka_unit_test(cgroups),
		cmocka_unit_test(pods),
		cmocka_unit_test(places_in_order),
		cmocka_unit_test(cgroup_of_a_process),
		cmocka_unit_test(names_are_kept),
		cmocka_unit_test(lists_of_vcpus),
		cmocka_unit_test(where_cgroup2_is),
		cmocka_unit_test(what_is_wanted),
	};

	return cmocka_run_group_tests(tests, make_tree, remove_tree);
}
