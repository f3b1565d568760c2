// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/host/vms.c */
/* Names and kinds as they appear in /proc of real VMMs. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/vms.h"

static void links(void **state)
{
	int id;

	(void)state;
	assert_int_equal(vms_parse_link("anon_inode:kvm-vm", &id), VMS_VM);
	assert_int_equal(vms_parse_link("anon_inode:kvm-vcpu:0", &id), VMS_VCPU);
	assert_int_equal(id, 0);
	assert_int_equal(vms_parse_link("anon_inode:kvm-vcpu:254", &id), VMS_VCPU);
	assert_int_equal(id, 254);
	assert_int_equal(vms_parse_link("anon_inode:kvm-vcpu", &id), VMS_VCPU);
	assert_int_equal(id, -1);
	assert_int_equal(vms_parse_link("anon_inode:kvm-vcpu-stats:1", &id), VMS_OTHER);
	assert_int_equal(vms_parse_link("anon_inode:kvm-vcpu:1x", &id), VMS_OTHER);
	assert_int_equal(vms_parse_link("anon_inode:kvm-vcpu:-1", &id), VMS_OTHER);
	assert_int_equal(vms_parse_link("anon_inode:kvm-vm2", &id), VMS_OTHER);
	assert_int_equal(vms_parse_link("/home/me/anon_inode:kvm-vm", &id), VMS_OTHER);
	assert_int_equal(vms_parse_link("", &id), VMS_OTHER);
}

#define CMDLINE(text) vms_parse_cmdline(text, sizeof(text), name, sizeof(name))

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
	assert_false(vms_parse_cmdline("", 0, name, sizeof(name)));
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
	return vms_parse_cgroup(text, name, VM_NAME_MAX);
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

static void threads(void **state)
{
	(void)state;
	assert_int_equal(vms_parse_comm("CPU 3/KVM\n"), 3);
	assert_int_equal(vms_parse_comm("CPU 11/KVM"), 11);
	assert_int_equal(vms_parse_comm("fc_vcpu 2"), 2);
	assert_int_equal(vms_parse_comm("vcpu0"), 0);
	assert_int_equal(vms_parse_comm("kvm-vcpu-7"), 7);
	assert_int_equal(vms_parse_comm("CPU 3/TCG"), -1);
	assert_int_equal(vms_parse_comm("CPU -3/KVM"), -1);
	assert_int_equal(vms_parse_comm("vcpu"), -1);
	assert_int_equal(vms_parse_comm("vcpu0x"), -1);
	assert_int_equal(vms_parse_comm("IO mon_iothread"), -1);
}

static void this_process_has_no_vm(void **state)
{
	struct vm_info vm;

	(void)state;
	assert_int_equal(vms_probe(getpid(), &vm), -ENOENT);
	assert_int_equal(vms_probe(0x7ffffff0, &vm), -ESRCH);
	assert_int_equal(vms_thread_vcpu(getpid(), getpid()), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(links),
		cmocka_unit_test(command_lines),
		cmocka_unit_test(long_names_are_cut),
		cmocka_unit_test(cgroups),
		cmocka_unit_test(threads),
		cmocka_unit_test(this_process_has_no_vm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
