// SPDX-License-Identifier: GPL-2.0
/* Makes small.btf, what matters of a kernel's BTF: gcc make-btf.c -lbpf; ./a.out >small.btf */
#include <bpf/btf.h>
#include <stdio.h>

static void tracepoint(struct btf *b, const char *name, int vcpu, int number)
{
	int proto = btf__add_func_proto(b, 0), ptr;

	btf__add_func_param(b, "__data", number);
	btf__add_func_param(b, "vcpu", vcpu);
	btf__add_func_param(b, "isa", number);
	ptr = btf__add_ptr(b, proto);
	btf__add_typedef(b, name, ptr);
}

static void one_member(struct btf *b, const char *type, const char *member, int number)
{
	btf__add_struct(b, type, 4);
	btf__add_field(b, member, number, 0, 0);
}

int main(void)
{
	struct btf *b = btf__new_empty();
	int number = btf__add_int(b, "int", 4, BTF_INT_SIGNED), vcpu;
	const void *raw;
	__u32 size;

	vcpu = btf__add_struct(b, "kvm_vcpu", 8);
	btf__add_field(b, "kvm", number, 0, 0);
	btf__add_field(b, "vcpu_id", number, 32, 0);
	vcpu = btf__add_ptr(b, vcpu);
	one_member(b, "vcpu_svm", "vmcb", number);
	one_member(b, "vmcb", "control", number);
	one_member(b, "vmcb_control_area", "exit_code", number);
	one_member(b, "vcpu_vmx", "vt", number);
	one_member(b, "vcpu_vt", "exit_reason", number);
	tracepoint(b, "btf_trace_kvm_entry", vcpu, number);
	tracepoint(b, "btf_trace_kvm_exit", vcpu, number);
	tracepoint(b, "btf_trace_kvm_page_fault", vcpu, number);
	raw = btf__raw_data(b, &size);
	return !raw || fwrite(raw, 1, size, stdout) != size;
}
