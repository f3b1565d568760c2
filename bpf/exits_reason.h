/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reason and isa of an exit, from where each way of attaching finds them.
 *
 * The hard part: since 0a62a0319abb (5.16) kvm_exit's arguments are (vcpu, isa), and the reason is
 * only in the trace record. Building that record costs more than all of our program, so the reason
 * is read where KVM reads it for the record: the vendor's struct around the vCPU. Its layout comes
 * from the BTF of kvm_amd and kvm_intel; engine/rungs.c has made sure that it is there.
 */
#ifndef EXITLAB_BPF_EXITS_REASON_H
#define EXITLAB_BPF_EXITS_REASON_H

/* Before 5.16 the arguments are (reason, vcpu, isa). */
const volatile unsigned char reason_in_args;
/* KVM_ISA_VMX and KVM_ISA_SVM; variables for the benchmark: its stand-in has other arguments. */
const volatile unsigned int isa_vmx = 1, isa_svm = 2;
const volatile struct record_field exit_reason, exit_isa;	/* in kvm_exit's record */

#define UNKNOWN_REASON ~1ull	/* -1 is SVM's VMEXIT_INVALID */

#ifndef WITHOUT_KFUNCS
/*
 * Since a35b9af4ec2c (6.2) an address can be read by a load instead of a call, if it is said to be
 * of a type in the kernel's own BTF. The vendor's types are in modules, so any type will do that
 * has at its beginning what is to be read: a pointer, or 32 bits.
 */
extern void *bpf_rdonly_cast(const void *address, __u32 type) __ksym;

static __always_inline const void *load_pointer(const void *at)
{
	const struct list_head *p = bpf_rdonly_cast(at, bpf_core_type_id_kernel(struct list_head));

	return p->next;
}

static __always_inline __u32 load_u32(const void *at)
{
	const struct upid *p = bpf_rdonly_cast(at, bpf_core_type_id_kernel(struct upid));

	return p->nr;
}
#endif

/* The code as KVM gives it to its trace record, all flags included. */
static __always_inline __u64 vendor_reason(const void *vcpu, __u32 isa)
{
	__u64 code = 0;

	if (isa == isa_svm && bpf_core_type_exists(struct vcpu_svm)) {
		const struct vcpu_svm *svm = vcpu;
		const struct vmcb *vmcb;

		bpf_core_read(&vmcb, sizeof(vmcb), &svm->vmcb);
		/* 64 bits in 7.x; the two halves are one field. */
		if (bpf_core_field_size(vmcb->control.exit_code) == 8)
			bpf_core_read(&code, 8, &vmcb->control.exit_code);
		else
			bpf_core_read(&code, 4, &vmcb->control.exit_code);
		return code;
	}
	if (isa == isa_vmx && bpf_core_type_exists(struct vcpu_vmx)) {
		const struct vcpu_vmx *vmx = vcpu;
		const struct vcpu_vmx___vt *tdx = vcpu;

		/* 7172c753c26a (6.16) moved it into a part that TDX has, too. */
		if (bpf_core_field_exists(tdx->vt))
			bpf_core_read(&code, 4, &tdx->vt.exit_reason);
		else
			bpf_core_read(&code, 4, &vmx->exit_reason);
		return code;
	}
	return UNKNOWN_REASON;
}

/*
 * As vendor_reason(), for programs that count instructions: by loads where that can be, and without
 * constants of our own, whose reading stays in the program. What is not SVM is VMX.
 */
static __always_inline __u64 fast_reason(const void *vcpu, __u64 isa)
{
#ifdef WITHOUT_KFUNCS
	return vendor_reason(vcpu, isa);
#else
	if (isa == 2 && bpf_core_type_exists(struct vcpu_svm)) {
		const struct vcpu_svm *svm = vcpu;
		const struct vmcb *vmcb = load_pointer(&svm->vmcb);
		__u64 code = load_u32(&vmcb->control.exit_code);

		if (bpf_core_field_size(vmcb->control.exit_code) == 8)
			code |= (__u64)load_u32((const void *)&vmcb->control.exit_code + 4) << 32;
		return code;
	}
	if (isa != 2 && bpf_core_type_exists(struct vcpu_vmx)) {
		const struct vcpu_vmx *vmx = vcpu;
		const struct vcpu_vmx___vt *tdx = vcpu;

		if (bpf_core_field_exists(tdx->vt))
			return load_u32(&tdx->vt.exit_reason);
		return load_u32(&vmx->exit_reason);
	}
	return UNKNOWN_REASON;
#endif
}

static __always_inline __u64 read_field(const void *record, const volatile struct record_field *f)
{
	__u64 wide = 0;
	__u32 narrow = 0;

	if (f->size == 8) {
		bpf_probe_read_kernel(&wide, 8, record + f->offset);
		return wide;
	}
	bpf_probe_read_kernel(&narrow, 4, record + f->offset);
	return narrow;
}

static __always_inline void record_reason(void *ctx, __u64 *reason, __u32 *isa)
{
	/* The layout of 6.12 and 6.18, read without a call. */
	if (exit_reason.size == 4 && exit_reason.offset == 8 && exit_isa.offset == 24) {
		*reason = *(__u32 *)(ctx + 8);
		*isa = *(__u32 *)(ctx + 24);
	} else {
		*reason = read_field(ctx, &exit_reason);
		*isa = read_field(ctx, &exit_isa);
	}
}

/* What a detail is asked for belongs to one kind of exit. VMX has flags above the low 16 bits. */
static __always_inline int is_msr_exit(const struct slot *s)
{
	__u16 vmx = s->reason;

	return s->isa == 2 ? s->reason == 0x7c : vmx == 31 || vmx == 32;
}

static __always_inline int is_port_exit(const struct slot *s)
{
	return s->isa == 2 ? s->reason == 0x7b : (__u16)s->reason == 30;
}

/* NPF; EPT violation and misconfiguration */
static __always_inline int is_page_exit(const struct slot *s)
{
	__u16 vmx = s->reason;

	return s->isa == 2 ? s->reason == 0x400 : vmx == 48 || vmx == 49;
}

#endif
