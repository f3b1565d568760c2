// SPDX-License-Identifier: GPL-2.0
/*
 * Choosing rungs. The hard part is kvm_exit: what its arguments mean has changed, and since the
 * change the reason has to be found in the struct that the vendor's module keeps around a vCPU. So
 * the two upper rungs are possible only if BTF describes the arguments, and that struct.
 */
#include "engine/rungs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>

static const char *const event_names[NR_RUNG_EVENTS] = {
	[EVENT_ENTRY] = "kvm_entry", [EVENT_EXIT] = "kvm_exit", [EVENT_MSR] = "kvm_msr",
	[EVENT_PIO] = "kvm_pio", [EVENT_FAULT] = "kvm_page_fault", [EVENT_MMIO] = "kvm_mmio",
	[EVENT_FAST_MMIO] = "kvm_fast_mmio",
};
static const char *const rung_names[NR_RUNGS] = { "tp_btf", "raw_tp", "tp" };

const char *rung_event_name(enum rung_event e)
{
	return event_names[e];
}

const char *rung_name(enum rung r)
{
	return rung_names[r];
}

/* ---- facts ---- */

/* What has to be there for a program to read it by CO-RE. */
enum {
	VCPU_KVM = 1, VCPU_ID = 2,
	SVM_VMCB = 4, VMCB_CONTROL = 8, CONTROL_CODE = 16,
	VMX_REASON = 32,
	VMX_VT = 64, VT_REASON = 128,
};

static const struct {
	const char *type, *member;
	unsigned int bit;
} members[] = {
	{ "kvm_vcpu", "kvm", VCPU_KVM }, { "kvm_vcpu", "vcpu_id", VCPU_ID },
	{ "vcpu_svm", "vmcb", SVM_VMCB }, { "vmcb", "control", VMCB_CONTROL },
	{ "vmcb_control_area", "exit_code", CONTROL_CODE },
	{ "vcpu_vmx", "exit_reason", VMX_REASON }, { "vcpu_vmx", "vt", VMX_VT },
	{ "vcpu_vt", "exit_reason", VT_REASON },
};

static bool all_of(unsigned int have, unsigned int bits)
{
	return (have & bits) == bits;
}

static bool has_member(const struct btf *btf, const struct btf_type *t, const char *member)
{
	const struct btf_member *m = btf_members(t);
	unsigned int i;

	for (i = 0; i < btf_vlen(t); i++) {
		/* BTF that is no BTF can have names that are nowhere. */
		const char *name = btf__name_by_offset(btf, m[i].name_off);

		if (name && !strcmp(name, member))
			return true;
	}
	return false;
}

static void learn_struct(const struct btf *btf, const struct btf_type *t, const char *name,
			 struct rung_facts *f)
{
	size_t i;

	/* Nearly all of a kernel's hundred thousand types end here. */
	if (name[0] != 'k' && name[0] != 'v')
		return;
	for (i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (!strcmp(name, members[i].type) && has_member(btf, t, members[i].member))
			f->members |= members[i].bit;
}

/* typedef btf_trace_X -> pointer -> prototype; its first argument is the tracer's own. */
static void learn_event(const struct btf *btf, const struct btf_type *t, const char *name,
			struct rung_facts *f)
{
	static const char prefix[] = "btf_trace_kvm_";
	unsigned int e;
	int first;

	if (strncmp(name, prefix, sizeof(prefix) - 1))
		return;
	name += strlen("btf_trace_");
	for (e = 0; e < NR_RUNG_EVENTS && strcmp(name, event_names[e]); e++)
		;
	t = btf__type_by_id(btf, t->type);
	t = t && btf_is_ptr(t) ? btf__type_by_id(btf, t->type) : NULL;
	if (e == NR_RUNG_EVENTS || !t || !btf_is_func_proto(t) || !btf_vlen(t))
		return;
	f->event[e].known = true;
	f->event[e].nr_args = btf_vlen(t) - 1u;
	first = btf_vlen(t) > 1 ? btf__resolve_type(btf, btf_params(t)[1].type) : -1;
	f->event[e].first_is_pointer = first > 0 && btf_is_ptr(btf__type_by_id(btf, (__u32)first));
}

/* One pass: looking each name up would take a pass each. */
void rungs_learn(const struct btf *btf, struct rung_facts *f)
{
	const struct btf *base = btf ? btf__base_btf(btf) : NULL;
	__u32 i, n = btf ? btf__type_cnt(btf) : 0;

	for (i = base ? btf__type_cnt(base) : 1; i < n; i++) {
		const struct btf_type *t = btf__type_by_id(btf, i);
		const char *name = btf__name_by_offset(btf, t->name_off);

		if (!name)	/* as above */
			continue;
		if (btf_is_struct(t))
			learn_struct(btf, t, name, f);
		else if (btf_is_typedef(t))
			learn_event(btf, t, name, f);
	}
	f->vcpu = all_of(f->members, VCPU_KVM | VCPU_ID);
	f->vendor = all_of(f->members, SVM_VMCB | VMCB_CONTROL | CONTROL_CODE) ||
		    all_of(f->members, VMX_REASON) || all_of(f->members, VMX_VT | VT_REASON);
}

/* libbpf looks for types in the BTF of modules if it may open that by number. */
static bool may_use_modules(void)
{
	__u32 id = 0;
	int fd = bpf_btf_get_next_id(0, &id) ? -1 : bpf_btf_get_fd_by_id(id);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

void rungs_learn_host(struct rung_facts *f)
{
	static const char *const modules[] = { "kvm", "kvm_amd", "kvm_intel" };
	struct btf *kernel = btf__load_vmlinux_btf(), *module;
	size_t i;

	memset(f, 0, sizeof(*f));
	rungs_learn(kernel, f);
	f->casts = kernel && btf__find_by_name_kind(kernel, "bpf_rdonly_cast", BTF_KIND_FUNC) > 0;
	for (i = 0; kernel && may_use_modules() && i < 3; i++) {
		module = btf__load_module_btf(modules[i], kernel);
		rungs_learn(module, f);
		btf__free(module);
	}
	btf__free(kernel);
}

bool rungs_reason_in_args(const struct rung_facts *f)
{
	return f->event[EVENT_EXIT].known && f->event[EVENT_EXIT].nr_args == 3 &&
	       !f->event[EVENT_EXIT].first_is_pointer;
}

bool rungs_fault_has_vcpu(const struct rung_facts *f)
{
	return f->event[EVENT_FAULT].first_is_pointer;
}

/* ---- force ---- */

static int find(const char *const *names, int n, const char *s, size_t len)
{
	int i;

	for (i = 0; i < n; i++)
		if (strlen(names[i]) == len && !strncmp(names[i], s, len))
			return i;
	return -1;
}

static int force_one(const char *s, size_t len, struct rung_force *out)
{
	const char *equals = memchr(s, '=', len);
	int event = -1, rung;

	if (equals) {
		event = find(event_names, NR_RUNG_EVENTS, s, (size_t)(equals - s));
		if (event < 0)
			return -EINVAL;
		len -= (size_t)(equals + 1 - s);
		s = equals + 1;
	}
	rung = find(rung_names, NR_RUNGS, s, len);
	if (rung < 0)
		return -EINVAL;
	if (event >= 0)
		out->rung[event] = (signed char)rung;
	else
		memset(out->rung, rung, sizeof(out->rung));
	return 0;
}

int rungs_parse(const char *text, struct rung_force *out)
{
	memset(out->rung, -1, sizeof(out->rung));
	while (text && *text) {
		size_t len = strcspn(text, ",");
		int ret = force_one(text, len, out);

		if (ret)
			return ret;
		text += len;
		if (*text == ',' && !*++text)
			return -EINVAL;
	}
	return 0;
}

const char *rungs_forced_entry(const char *opt)
{
	struct rung_force f;

	if (rungs_parse(opt ? opt : getenv("EXITLAB_RUNG"), &f) || f.rung[EVENT_ENTRY] < 0)
		return NULL;
	return rung_name((enum rung)f.rung[EVENT_ENTRY]);
}

/* ---- choice ---- */

static int no(char *why, size_t size, enum rung_event e, enum rung r, const char *text)
{
	snprintf(why, size, "%s by %s: %s", event_names[e], rung_names[r], text);
	return -EOPNOTSUPP;
}

int rungs_possible(const struct rung_facts *f, enum rung_event e, enum rung r, char *why,
		   size_t size)
{
	bool known = f->event[e].known;
	unsigned int args = f->event[e].nr_args;

	if (r == RUNG_TP)
		return 0;
	/* Whose arguments have changed must be described; those of the others have not. */
	if (!known && (r == RUNG_TP_BTF || e == EVENT_EXIT || e == EVENT_FAULT))
		return no(why, size, e, r, "no BTF of this tracepoint can be used");
	if (e == EVENT_ENTRY && !f->vcpu)
		return no(why, size, e, r, "struct kvm_vcpu is not in the kernel's BTF");
	if (e == EVENT_ENTRY && known && !f->event[e].first_is_pointer)
		return no(why, size, e, r, "its arguments are not known here");
	if (e == EVENT_EXIT && !rungs_reason_in_args(f)) {
		if (args != 2 || !f->event[e].first_is_pointer)
			return no(why, size, e, r, "its arguments are not known here");
		if (!f->vendor)
			return no(why, size, e, r, "the reason is in no argument, and neither "
				  "struct vcpu_svm nor vcpu_vmx is in BTF that can be used");
	}
	return 0;
}

int rungs_plan(const struct rung_facts *f, const struct rung_force *force, unsigned int wanted,
	       enum rung best, enum rung plan[NR_RUNG_EVENTS], char *why, size_t size)
{
	unsigned int e, r;
	int ret;

	for (e = 0; e < NR_RUNG_EVENTS; e++) {
		plan[e] = RUNG_TP;
		if (!(wanted & 1u << e))
			continue;
		if (force->rung[e] >= 0) {
			plan[e] = (enum rung)force->rung[e];
			ret = rungs_possible(f, e, plan[e], why, size);
			if (ret)
				return ret;
			continue;
		}
		for (r = best; r < RUNG_TP && rungs_possible(f, e, r, why, size); r++)
			;
		plan[e] = (enum rung)r;
	}
	/* Such an exit is found by the address of its vCPU, which the entry must have shown. */
	if (plan[EVENT_ENTRY] == RUNG_TP && plan[EVENT_EXIT] != RUNG_TP) {
		if (force->rung[EVENT_EXIT] >= 0)
			return no(why, size, EVENT_EXIT, plan[EVENT_EXIT], "needs the address of "
				  "the vCPU, which kvm_entry by tp does not show");
		plan[EVENT_EXIT] = RUNG_TP;
	}
	return 0;
}
