// SPDX-License-Identifier: GPL-2.0
/* A guest of two instructions in real mode: OUT and a jump back to it. */
#include "host/trial_vm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define MEM_SIZE 0x1000

static const unsigned char code[] = { 0xe6, 0xf1, 0xeb, 0xfc };	/* out $0xf1, al; jmp */

struct trial_vm {
	int kvm, vm, vcpu;
	unsigned char *mem;
	struct kvm_run *run;
	size_t run_size;
};

static int set_up(struct trial_vm *t)
{
	struct kvm_userspace_memory_region r = { .memory_size = MEM_SIZE };
	struct kvm_regs regs = { .rflags = 2 };
	struct kvm_sregs s;
	int size;

	t->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (t->kvm < 0)
		return -errno;
	t->vm = ioctl(t->kvm, KVM_CREATE_VM, 0);
	size = ioctl(t->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (t->vm < 0 || size < 0)
		return -errno;
	/* Needed by VMX without "unrestricted guest"; refused elsewhere. */
	ioctl(t->vm, KVM_SET_TSS_ADDR, 0xfffbd000);
	t->mem = mmap(NULL, MEM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (t->mem == MAP_FAILED)
		return -errno;
	memcpy(t->mem, code, sizeof(code));
	r.userspace_addr = (uint64_t)t->mem;
	if (ioctl(t->vm, KVM_SET_USER_MEMORY_REGION, &r))
		return -errno;
	t->vcpu = ioctl(t->vm, KVM_CREATE_VCPU, 0);
	if (t->vcpu < 0)
		return -errno;
	t->run_size = (size_t)size;
	t->run = mmap(NULL, t->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, t->vcpu, 0);
	if (t->run == MAP_FAILED || ioctl(t->vcpu, KVM_GET_SREGS, &s))
		return -errno;
	s.cs.base = 0;
	s.cs.selector = 0;
	if (ioctl(t->vcpu, KVM_SET_SREGS, &s) || ioctl(t->vcpu, KVM_SET_REGS, &regs))
		return -errno;
	return 0;
}

int trial_vm_open(struct trial_vm **out)
{
	struct trial_vm *t = calloc(1, sizeof(*t));
	int ret;

	if (!t)
		return -ENOMEM;
	t->kvm = t->vm = t->vcpu = -1;
	t->mem = MAP_FAILED;
	t->run = MAP_FAILED;
	ret = set_up(t);
	if (ret) {
		trial_vm_close(t);
		return ret;
	}
	*out = t;
	return 0;
}

int trial_vm_run(struct trial_vm *t, unsigned int n)
{
	while (n) {
		if (ioctl(t->vcpu, KVM_RUN, 0)) {
			if (errno != EINTR)
				return -errno;
			continue;
		}
		if (t->run->exit_reason != KVM_EXIT_IO)
			return -EPROTO;
		n--;
	}
	return 0;
}

void trial_vm_close(struct trial_vm *t)
{
	if (!t)
		return;
	if (t->run != MAP_FAILED)
		munmap(t->run, t->run_size);
	if (t->mem != MAP_FAILED)
		munmap(t->mem, MEM_SIZE);
	if (t->vcpu >= 0)
		close(t->vcpu);
	if (t->vm >= 0)
		close(t->vm);
	if (t->kvm >= 0)
		close(t->kvm);
	free(t);
}
