// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/engine/rungs.c */
/* Which way events are attached, from BTF made up like that of kernels 5.10 to 7.x. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <bpf/btf.h>

#include "engine/rungs.h"

#define ALL ((1u << NR_RUNG_EVENTS) - 1)

static int u32_id, u64_id, vcpu_id, vcpu_ptr, void_ptr;

/* A kernel's BTF with struct kvm_vcpu. */
static struct btf *kernel(void)
{
	struct btf *b = btf__new_empty();

	assert_non_null(b);
	u32_id = btf__add_int(b, "unsigned int", 4, 0);
	u64_id = btf__add_int(b, "unsigned long long", 8, 0);
	void_ptr = btf__add_ptr(b, 0);
	vcpu_id = btf__add_struct(b, "kvm_vcpu", 16);
	assert_int_equal(btf__add_field(b, "kvm", void_ptr, 0, 0), 0);
	assert_int_equal(btf__add_field(b, "vcpu_id", u32_id, 64, 0), 0);
	vcpu_ptr = btf__add_ptr(b, vcpu_id);
	assert_true(vcpu_ptr > 0);
	return b;
}

/* btf_trace_@name(void *, arguments...), ended by 0. */
static void event(struct btf *b, const char *name, const int *args)
{
	char text[64];
	int proto = btf__add_func_proto(b, 0);

	btf__add_func_param(b, "", void_ptr);
	for (; *args; args++)
		assert_int_equal(btf__add_func_param(b, "", *args), 0);
	snprintf(text, sizeof(text), "btf_trace_%s", name);
	assert_true(btf__add_typedef(b, text, btf__add_ptr(b, proto)) > 0);
}

static void entry(struct btf *b)
{
	event(b, "kvm_entry", (const int[]){ vcpu_ptr, u32_id, 0 });
}

/* From 5.16 on, and before. */
static void exit_event(struct btf *b, bool reason)
{
	if (reason)
		event(b, "kvm_exit", (const int[]){ u32_id, vcpu_ptr, u32_id, 0 });
	else
		event(b, "kvm_exit", (const int[]){ vcpu_ptr, u32_id, 0 });
}

/* A struct with one member. */
static int one(struct btf *b, const char *name, const char *member, int type)
{
	int id = btf__add_struct(b, name, 8);

	assert_int_equal(btf__add_field(b, member, type, 0, 0), 0);
	return id;
}

static void svm(struct btf *b)
{
	int control = one(b, "vmcb_control_area", "exit_code", u32_id);
	int vmcb = one(b, "vmcb", "control", control);

	one(b, "vcpu_svm", "vmcb", btf__add_ptr(b, vmcb));
}

static struct rung_facts learn(struct btf *b)
{
	struct rung_facts f = { 0 };

	rungs_learn(b, &f);
	btf__free(b);
	return f;
}

/* Rungs of entry and exit with @force from @best down, as text; or why not. */
static const char *plan(const struct rung_facts *f, const char *text, enum rung best)
{
	static char out[256];
	enum rung p[NR_RUNG_EVENTS];
	struct rung_force force;

	assert_int_equal(rungs_parse(text, &force), 0);
	if (rungs_plan(f, &force, ALL, best, p, out, sizeof(out)))
		return out;
	snprintf(out, sizeof(out), "%s %s", rung_name(p[EVENT_ENTRY]), rung_name(p[EVENT_EXIT]));
	return out;
}

static void without_btf_only_records_are_read(void **state)
{
	struct rung_facts f = { 0 };

	(void)state;
	rungs_learn(NULL, &f);
	assert_string_equal(plan(&f, NULL, RUNG_TP_BTF), "tp tp");
	assert_string_equal(plan(&f, "tp_btf", RUNG_TP_BTF),
			    "kvm_entry by tp_btf: no BTF of this tracepoint can be used");
	assert_string_equal(plan(&f, "raw_tp", RUNG_TP_BTF),
			    "kvm_entry by raw_tp: struct kvm_vcpu is not in the kernel's BTF");
}

static void an_amd_host_reads_arguments(void **state)
{
	struct btf *b = kernel();
	struct rung_facts f;

	(void)state;
	entry(b);
	exit_event(b, false);
	event(b, "kvm_page_fault", (const int[]){ vcpu_ptr, u64_id, u64_id, 0 });
	svm(b);
	f = learn(b);
	assert_true(f.vcpu && f.vendor);
	assert_false(rungs_reason_in_args(&f));
	assert_string_equal(plan(&f, NULL, RUNG_TP_BTF), "tp_btf tp_btf");
	assert_string_equal(plan(&f, NULL, RUNG_RAW_TP), "raw_tp raw_tp");
	assert_string_equal(plan(&f, NULL, RUNG_TP), "tp tp");
	assert_string_equal(plan(&f, "raw_tp", RUNG_TP_BTF), "raw_tp raw_tp");
	assert_string_equal(plan(&f, "kvm_exit=tp", RUNG_TP_BTF), "tp_btf tp");
	assert_string_equal(plan(&f, "raw_tp,kvm_exit=tp", RUNG_TP_BTF), "raw_tp tp");
}

/* vcpu_vmx.exit_reason, and vcpu_vt.exit_reason since 7172c753c26a. */
static void both_places_of_vmx(void **state)
{
	int moved;

	(void)state;
	for (moved = 0; moved < 2; moved++) {
		struct btf *b = kernel();
		struct rung_facts f;

		entry(b);
		exit_event(b, false);
		if (moved)
			one(b, "vcpu_vmx", "vt", one(b, "vcpu_vt", "exit_reason", u32_id));
		else
			one(b, "vcpu_vmx", "exit_reason", u32_id);
		f = learn(b);
		assert_string_equal(plan(&f, NULL, RUNG_TP_BTF), "tp_btf tp_btf");
	}
}

static void without_the_vendor_the_reason_is_in_the_record(void **state)
{
	struct btf *b = kernel();
	struct rung_facts f;

	(void)state;
	entry(b);
	exit_event(b, false);
	one(b, "vcpu_vmx", "vt", one(b, "vcpu_vt", "something", u32_id));
	one(b, "vcpu_svm", "vmcb", u64_id);	/* but no vmcb */
	f = learn(b);
	assert_false(f.vendor);
	assert_string_equal(plan(&f, NULL, RUNG_TP_BTF), "tp_btf tp");
	assert_string_equal(plan(&f, "kvm_exit=raw_tp", RUNG_TP_BTF),
			    "kvm_exit by raw_tp: the reason is in no argument, and neither "
			    "struct vcpu_svm nor vcpu_vmx is in BTF that can be used");
}

static void before_5_16_the_reason_is_an_argument(void **state)
{
	struct btf *b = kernel();
	struct rung_facts f;

	(void)state;
	entry(b);
	exit_event(b, true);
	event(b, "kvm_page_fault", (const int[]){ u64_id, u64_id, 0 });
	f = learn(b);
	assert_true(rungs_reason_in_args(&f));
	assert_false(rungs_fault_has_vcpu(&f));
	assert_string_equal(plan(&f, NULL, RUNG_TP_BTF), "tp_btf tp_btf");
}

static void unknown_arguments_are_not_guessed(void **state)
{
	struct btf *b = kernel();
	struct rung_facts f;

	(void)state;
	svm(b);
	entry(b);
	event(b, "kvm_exit", (const int[]){ vcpu_ptr, u32_id, u32_id, u32_id, 0 });
	event(b, "kvm_page_fault", (const int[]){ vcpu_ptr, u64_id, u64_id, 0 });
	f = learn(b);
	assert_string_equal(plan(&f, NULL, RUNG_TP_BTF), "tp_btf tp");
	assert_string_equal(plan(&f, "kvm_exit=tp_btf", RUNG_TP_BTF),
			    "kvm_exit by tp_btf: its arguments are not known here");
	assert_true(rungs_fault_has_vcpu(&f));
}

/* kvm.ko without BTF, or not allowed to be used: struct kvm_vcpu is in the kernel's own. */
static void a_module_without_btf(void **state)
{
	struct rung_facts f = learn(kernel());

	(void)state;
	assert_string_equal(plan(&f, NULL, RUNG_TP_BTF), "raw_tp tp");
}

static void an_exit_by_argument_needs_such_an_entry(void **state)
{
	struct btf *b = kernel();
	struct rung_facts f;

	(void)state;
	entry(b);
	exit_event(b, false);
	svm(b);
	f = learn(b);
	assert_string_equal(plan(&f, "kvm_entry=tp", RUNG_TP_BTF), "tp tp");
	assert_string_equal(plan(&f, "kvm_entry=tp,kvm_exit=raw_tp", RUNG_TP_BTF),
			    "kvm_exit by raw_tp: needs the address of the vCPU, which kvm_entry by tp "
			    "does not show");
}

static void what_is_not_wanted_is_not_in_the_way(void **state)
{
	struct rung_facts f = learn(kernel());
	enum rung p[NR_RUNG_EVENTS];
	struct rung_force force;
	char why[200];

	(void)state;
	assert_int_equal(rungs_parse("raw_tp,kvm_exit=tp", &force), 0);
	assert_int_equal(rungs_plan(&f, &force, 1u << EVENT_ENTRY | 1u << EVENT_EXIT, RUNG_TP_BTF,
				    p, why, sizeof(why)), 0);
	/* Whether its first argument is the vCPU cannot be known. */
	assert_int_equal(rungs_plan(&f, &force, ALL, RUNG_TP_BTF, p, why, sizeof(why)),
			 -EOPNOTSUPP);
	assert_string_equal(why, "kvm_page_fault by raw_tp: no BTF of this tracepoint can be used");
}

static void text(void **state)
{
	static const char *const wrong[] = { "x", "tp,", ",tp", "kvm_exit", "kvm_exit=", "=tp",
					     "kvm_out=tp", "tp_bt", "tp_btf ", "kvm_exit=tp=tp", "," };
	struct rung_force f;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (rungs_parse(wrong[i], &f) != -EINVAL)
			fail_msg("'%s' is taken", wrong[i]);
	assert_int_equal(rungs_parse("", &f), 0);
	assert_int_equal(f.rung[EVENT_PIO], -1);
	assert_int_equal(rungs_parse("kvm_pio=raw_tp", &f), 0);
	assert_int_equal(f.rung[EVENT_PIO], RUNG_RAW_TP);
	assert_int_equal(f.rung[EVENT_EXIT], -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_btf_only_records_are_read),
		cmocka_unit_test(an_amd_host_reads_arguments),
		cmocka_unit_test(both_places_of_vmx),
		cmocka_unit_test(without_the_vendor_the_reason_is_in_the_record),
		cmocka_unit_test(before_5_16_the_reason_is_an_argument),
		cmocka_unit_test(unknown_arguments_are_not_guessed),
		cmocka_unit_test(a_module_without_btf),
		cmocka_unit_test(an_exit_by_argument_needs_such_an_entry),
		cmocka_unit_test(what_is_not_wanted_is_not_in_the_way),
		cmocka_unit_test(text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
