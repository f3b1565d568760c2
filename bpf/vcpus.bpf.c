// SPDX-License-Identifier: GPL-2.0
/*
 * Lists every vCPU of the host with KVM's own counters, by walking all open files. KVM bumps these
 * counters itself, so they say what really happened even where its tracepoints are never called,
 * and unlike debugfs this works under lockdown.
 */
#include "vcpu_file.h"

SEC("iter/task_file")
int list_vcpus(struct bpf_iter__task_file *ctx)
{
	struct vcpu_record r = {};
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct kvm_vcpu *vcpu;
	struct kvm *kvm;

	if (!task || !file || !is_vcpu_file(file))
		return 0;
	vcpu = BPF_CORE_READ(file, private_data);
	kvm = BPF_CORE_READ(vcpu, kvm);
	/* Others may hold the file, too, but only the process that made the VM can run it. */
	if (!kvm || BPF_CORE_READ(kvm, mm) != BPF_CORE_READ(task, mm))
		return 0;
	r.tgid = BPF_CORE_READ(task, tgid);
	read_vcpu(vcpu, &r);
	bpf_seq_write(ctx->meta->seq, &r, sizeof(r));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
