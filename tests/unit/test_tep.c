// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/engine/tep.c tracer/engine/tracefs.c -ltraceevent */
/* Records of KVM's tracepoints, with the layouts of several kernels. */
#include "unit.h"

#include <errno.h>
#include <string.h>
#include <traceevent/event-parse.h>

#include "engine/tep.h"

#define COMMON \
	"format:\n" \
	"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n" \
	"\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n" \
	"\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n" \
	"\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"
/* As every kernel has it: a program that no library needs to understand. */
#define PRINT "\nprint fmt: \"vcpu %u reason %s\", REC->vcpu_id, (REC->isa == 1) ? " \
	"__print_symbolic(REC->exit_reason & 0xffff, { 0, \"EXCEPTION_NMI\" }, { 1, \"X\" }) : no_such_function(1\n"

#define FIELD(type, name, offset, size) \
	"\tfield:" type " " name ";\toffset:" #offset ";\tsize:" #size ";\tsigned:0;\n"

#define EXIT_5_10 \
	FIELD("unsigned int", "exit_reason", 8, 4) FIELD("unsigned long", "guest_rip", 16, 8) \
	FIELD("u32", "isa", 24, 4) FIELD("u64", "info1", 32, 8) FIELD("u64", "info2", 40, 8) \
	FIELD("u32", "intr_info", 48, 4) FIELD("u32", "error_code", 52, 4) \
	FIELD("unsigned int", "vcpu_id", 56, 4)
#define EXIT_5_4 \
	FIELD("unsigned int", "exit_reason", 8, 4) FIELD("unsigned long", "guest_rip", 16, 8) \
	FIELD("u32", "isa", 24, 4) FIELD("u64", "info1", 32, 8) FIELD("u64", "info2", 40, 8)
/* SVM codes became 64 bits wide in the functions; no record has them so yet. */
#define EXIT_WIDE \
	FIELD("unsigned int", "vcpu_id", 8, 4) FIELD("u32", "isa", 12, 4) \
	FIELD("unsigned long", "guest_rip", 16, 8) FIELD("u64", "exit_reason", 24, 8)

static const struct layout {
	const char *kernel, *exit, *entry, *fault;
	unsigned int reason, reason_size, isa, vcpu;	/* offsets; vcpu 0 = none */
} layouts[] = {
	{ "5.4", EXIT_5_4, FIELD("unsigned int", "vcpu_id", 8, 4),
	  FIELD("unsigned long", "fault_address", 8, 8) FIELD("unsigned int", "error_code", 16, 4),
	  8, 4, 24, 0 },
	{ "5.10", EXIT_5_10, FIELD("unsigned int", "vcpu_id", 8, 4) FIELD("unsigned long", "rip", 16, 8),
	  FIELD("unsigned long", "fault_address", 8, 8) FIELD("unsigned int", "error_code", 16, 4),
	  8, 4, 24, 56 },
	{ "6.1", EXIT_5_10, FIELD("unsigned int", "vcpu_id", 8, 4) FIELD("unsigned long", "rip", 16, 8),
	  FIELD("unsigned int", "vcpu_id", 8, 4) FIELD("unsigned long", "guest_rip", 16, 8)
	  FIELD("u64", "fault_address", 24, 8) FIELD("u64", "error_code", 32, 8),
	  8, 4, 24, 56 },
	{ "6.12", EXIT_5_10, FIELD("unsigned int", "vcpu_id", 8, 4) FIELD("unsigned long", "rip", 16, 8)
	  FIELD("bool", "immediate_exit", 24, 1),
	  FIELD("unsigned int", "vcpu_id", 8, 4) FIELD("unsigned long", "guest_rip", 16, 8)
	  FIELD("u64", "fault_address", 24, 8) FIELD("u64", "error_code", 32, 8),
	  8, 4, 24, 56 },
	{ "6.18, 7.2", EXIT_5_10 FIELD("u64", "requests", 64, 8),
	  FIELD("unsigned int", "vcpu_id", 8, 4) FIELD("unsigned long", "rip", 16, 8)
	  FIELD("bool", "immediate_exit", 24, 1) FIELD("u32", "intr_info", 28, 4)
	  FIELD("u32", "error_code", 32, 4),
	  FIELD("unsigned int", "vcpu_id", 8, 4) FIELD("unsigned long", "guest_rip", 16, 8)
	  FIELD("u64", "fault_address", 24, 8) FIELD("u64", "error_code", 32, 8),
	  8, 4, 24, 56 },
	{ "64 bits", EXIT_WIDE, FIELD("unsigned int", "vcpu_id", 32, 4),
	  FIELD("u64", "fault_address", 24, 8) FIELD("u64", "error_code", 32, 8), 24, 8, 12, 8 },
};
#define NR_LAYOUTS (sizeof(layouts) / sizeof(layouts[0]))

static int add(struct kvm_decoder *d, const char *name, int id, const char *fields)
{
	static char text[4096];

	snprintf(text, sizeof(text), "name: %s\nID: %d\n" COMMON "%s%s", name, id, fields, PRINT);
	return kvm_decoder_add(d, text, strlen(text));
}

static void put(unsigned char *raw, unsigned int offset, unsigned int size, uint64_t v)
{
	memcpy(raw + offset, &v, size);
}

static void exits_of_all_layouts(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < NR_LAYOUTS; i++) {
		const struct layout *l = &layouts[i];
		struct kvm_decoder *d = kvm_decoder_new(NULL);
		struct kvm_event e = { .ts_ns = 5, .tgid = 6, .tid = 7, .cpu = 8 };
		unsigned char raw[80];

		assert_int_equal(add(d, "kvm_exit", 1781, l->exit), 0);
		assert_int_equal(kvm_decoder_id(d, KVM_EVENT_EXIT), 1781);
		assert_int_equal(kvm_decoder_id(d, KVM_EVENT_ENTRY), -1);
		memset(raw, 0xaa, sizeof(raw));
		put(raw, 0, 2, 1781);
		put(raw, l->reason, l->reason_size, 0x80000021);
		put(raw, l->isa, 4, 1);
		if (l->vcpu)
			put(raw, l->vcpu, 4, 3);
		assert_int_equal(kvm_decoder_read(d, raw, sizeof(raw), &e), 0);
		assert_int_equal(e.type, KVM_EVENT_EXIT);
		assert_int_equal(e.reason, 0x80000021);
		assert_int_equal(e.isa, 1);
		assert_int_equal(e.vcpu, l->vcpu ? 3 : -1);
		assert_true(e.ts_ns == 5 && e.tgid == 6 && e.tid == 7 && e.cpu == 8);
		/* SVM_EXIT_ERR: all ones, as wide as the field is. */
		put(raw, l->reason, l->reason_size, UINT64_MAX);
		assert_int_equal(kvm_decoder_read(d, raw, sizeof(raw), &e), 0);
		assert_true(e.reason == (l->reason_size == 8 ? UINT64_MAX : UINT32_MAX));
		kvm_decoder_free(d);
	}
}

static void entries_and_faults_of_all_layouts(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < NR_LAYOUTS; i++) {
		struct kvm_decoder *d = kvm_decoder_new(NULL);
		struct kvm_event e;
		unsigned char raw[80] = { 0 };

		assert_int_equal(add(d, "kvm_entry", 20, layouts[i].entry), 0);
		assert_int_equal(add(d, "kvm_page_fault", 21, layouts[i].fault), 0);
		put(raw, 0, 2, 20);
		put(raw, i + 1 == NR_LAYOUTS ? 32 : 8, 4, 17);
		assert_int_equal(kvm_decoder_read(d, raw, sizeof(raw), &e), 0);
		assert_int_equal(e.type, KVM_EVENT_ENTRY);
		assert_int_equal(e.vcpu, 17);
		put(raw, 0, 2, 21);
		put(raw, i < 2 ? 8 : 24, 8, 0xfee00300);
		put(raw, i < 2 ? 16 : 32, 4, 6);
		assert_int_equal(kvm_decoder_read(d, raw, sizeof(raw), &e), 0);
		assert_int_equal(e.type, KVM_EVENT_PAGE_FAULT);
		assert_int_equal(e.detail, 0xfee00300);
		assert_true(e.write);
		kvm_decoder_free(d);
	}
}

static void details(void **state)
{
	struct kvm_decoder *d = kvm_decoder_new(NULL);
	unsigned char raw[32] = { 0 };
	struct kvm_event e;

	(void)state;
	assert_int_equal(add(d, "kvm_msr", 1, FIELD("unsigned", "write", 8, 4)
			     FIELD("u32", "ecx", 12, 4) FIELD("u64", "data", 16, 8)), 0);
	assert_int_equal(add(d, "kvm_pio", 2, FIELD("unsigned int", "rw", 8, 4)
			     FIELD("unsigned int", "port", 12, 4)), 0);
	assert_int_equal(add(d, "kvm_mmio", 3, FIELD("u32", "type", 8, 4) FIELD("u32", "len", 12, 4)
			     FIELD("u64", "gpa", 16, 8)), 0);
	assert_int_equal(add(d, "kvm_fast_mmio", 4, FIELD("u64", "gpa", 8, 8)), 0);
	put(raw, 0, 2, 1);
	put(raw, 8, 4, 1);
	put(raw, 12, 4, 0xc0000080);
	put(raw, 16, 8, 0xfebf1000);
	assert_int_equal(kvm_decoder_read(d, raw, sizeof(raw), &e), 0);
	assert_true(e.type == KVM_EVENT_MSR && e.write && e.detail == 0xc0000080 && e.vcpu == -1);
	put(raw, 0, 2, 2);
	put(raw, 8, 4, 0);
	put(raw, 12, 4, 0x3f8);
	assert_int_equal(kvm_decoder_read(d, raw, sizeof(raw), &e), 0);
	assert_true(e.type == KVM_EVENT_PIO && !e.write && e.detail == 0x3f8);
	put(raw, 0, 2, 3);
	put(raw, 8, 4, 1);
	assert_int_equal(kvm_decoder_read(d, raw, sizeof(raw), &e), 0);
	assert_true(e.type == KVM_EVENT_MMIO && !e.write && e.detail == 0xfebf1000);
	put(raw, 8, 4, 2);
	assert_int_equal(kvm_decoder_read(d, raw, sizeof(raw), &e), 0);
	assert_true(e.write);
	put(raw, 0, 2, 4);
	put(raw, 8, 8, 0xc0ffee);
	assert_int_equal(kvm_decoder_read(d, raw, sizeof(raw), &e), 0);
	assert_true(e.type == KVM_EVENT_FAST_MMIO && e.write && e.detail == 0xc0ffee);
	kvm_decoder_free(d);
}

static void other_events_and_short_records(void **state)
{
	struct kvm_decoder *d = kvm_decoder_new(NULL);
	unsigned char raw[64] = { 0 };
	struct kvm_event e;
	size_t n;

	(void)state;
	assert_int_equal(kvm_decoder_read(d, raw, 64, &e), 0);
	assert_int_equal(e.type, KVM_EVENT_OTHER);
	assert_int_equal(add(d, "kvm_exit", 9, EXIT_5_10), 0);
	assert_int_equal(add(d, "kvm_apic", 10, FIELD("u32", "reg", 8, 4)), 0);
	put(raw, 0, 2, 10);
	assert_int_equal(kvm_decoder_read(d, raw, 2, &e), 0);
	assert_int_equal(e.type, KVM_EVENT_OTHER);
	put(raw, 0, 2, 9);
	for (n = 0; n < 60; n++)
		assert_int_equal(kvm_decoder_read(d, raw, n, &e), -EINVAL);
	assert_int_equal(kvm_decoder_read(d, raw, 60, &e), 0);
	kvm_decoder_free(d);
}

static void unusable_texts(void **state)
{
	struct kvm_decoder *d = kvm_decoder_new(NULL);

	(void)state;
	assert_int_equal(kvm_decoder_add(d, "", 0), -EINVAL);
	assert_int_equal(kvm_decoder_add(d, "name: kvm_exit\nID: ", 19), -EINVAL);
	assert_int_equal(add(d, "kvm_exit", 9, FIELD("u32", "isa", 8, 4)), -EOPNOTSUPP);
	assert_int_equal(kvm_decoder_id(d, KVM_EVENT_EXIT), -1);
	kvm_decoder_free(d);
	d = kvm_decoder_new(NULL);
	assert_int_equal(add(d, "kvm_msr", 9, "\tfield:u32 ecx[3];\toffset:8;\tsize:12;\tsigned:0;\n"
			     FIELD("u32", "write", 20, 4)), -EOPNOTSUPP);
	kvm_decoder_free(d);
}

/* As tracecmd_get_tep() gives one: made by somebody else, of another byte order. */
static void a_handle_from_elsewhere(void **state)
{
	static const char text[] = "name: kvm_entry\nID: 258\n" COMMON
		FIELD("unsigned int", "vcpu_id", 8, 4) "\nprint fmt: \"%u\", REC->vcpu_id\n";
	static const unsigned char raw[12] = { 1, 2, [11] = 5 };
	struct tep_handle *tep = tep_alloc();
	struct kvm_decoder *d = kvm_decoder_new(tep);
	struct kvm_event e;

	(void)state;
	tep_set_file_bigendian(tep, TEP_BIG_ENDIAN);
	assert_int_equal(tep_parse_event(tep, text, strlen(text), "kvm"), 0);
	assert_int_equal(kvm_decoder_id(d, KVM_EVENT_ENTRY), -1);
	assert_int_equal(kvm_decoder_update(d), 0);
	assert_int_equal(kvm_decoder_id(d, KVM_EVENT_ENTRY), 258);
	assert_int_equal(kvm_decoder_read(d, raw, sizeof(raw), &e), 0);
	assert_int_equal(e.vcpu, 5);
	kvm_decoder_free(d);
	tep_free(tep);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exits_of_all_layouts),
		cmocka_unit_test(entries_and_faults_of_all_layouts),
		cmocka_unit_test(details),
		cmocka_unit_test(other_events_and_short_records),
		cmocka_unit_test(unusable_texts),
		cmocka_unit_test(a_handle_from_elsewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
