// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/host/vms.c tracer/host/vm_name.c */
/* Kinds of files and threads as they appear in /proc of real VMMs. */
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
		cmocka_unit_test(threads),
		cmocka_unit_test(this_process_has_no_vm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
