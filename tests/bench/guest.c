// SPDX-License-Identifier: GPL-2.0
/*
 * A guest of three instructions in real mode. Nothing but its loop runs, so that a tracepoint's
 * cost is not lost in the noise of other work, and its counter register proves how often it ran.
 *
 * The hard part is a host whose KVM emulates every instruction and never calls kvm_exit: there the
 * event is an emulated instruction. A single LOOP that jumps to itself makes one per turn, and it
 * lies at address 32, because the programs are told that the address is the exit reason and 32 is
 * WRMSR's on VMX. So they take the same path through the code as for the WRMSR of a real exit.
 */
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define MEM_SIZE	0x4000
#define CODE		32	/* EXIT_REASON_MSR_WRITE */
#define PORT		0xf1	/* nothing has ever lived there */
#define MSR		0x8b	/* microcode revision: intercepted on VMX and SVM, writes ignored */

/* loop with a 32-bit counter (ecx); out */
static const unsigned char loop_code[] = { 0x67, 0xe2, 0xfd, 0xe6, PORT };
/* wrmsr; dec esi; jnz; out */
static const unsigned char wrmsr_code[] = { 0x0f, 0x30, 0x66, 0x4e, 0x75, 0xfa, 0xe6, PORT };

static uint64_t cpu_time_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int set_up(struct guest *g)
{
	struct kvm_userspace_memory_region r = { .memory_size = MEM_SIZE };
	struct kvm_sregs s;
	long size;

	g->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (g->kvm < 0)
		return -errno;
	g->vm = ioctl(g->kvm, KVM_CREATE_VM, 0);
	if (g->vm < 0)
		return -errno;
	/* Needed by VMX without "unrestricted guest"; refused elsewhere. */
	ioctl(g->vm, KVM_SET_TSS_ADDR, 0xfffbd000);
	g->mem = mmap(NULL, MEM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (g->mem == MAP_FAILED)
		return -errno;
	memcpy(g->mem + CODE, g->wrmsr ? wrmsr_code : loop_code,
	       g->wrmsr ? sizeof(wrmsr_code) : sizeof(loop_code));
	r.userspace_addr = (uint64_t)g->mem;
	if (ioctl(g->vm, KVM_SET_USER_MEMORY_REGION, &r))
		return -errno;
	g->vcpu = ioctl(g->vm, KVM_CREATE_VCPU, 0);
	if (g->vcpu < 0)
		return -errno;
	size = ioctl(g->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (size < 0)
		return -errno;
	g->run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, g->vcpu, 0);
	if (g->run == MAP_FAILED)
		return -errno;
	if (ioctl(g->vcpu, KVM_GET_SREGS, &s))
		return -errno;
	s.cs.base = 0;
	s.cs.selector = 0;
	return ioctl(g->vcpu, KVM_SET_SREGS, &s) ? -errno : 0;
}

int guest_open(struct guest *g, bool wrmsr)
{
	int ret;

	*g = (struct guest){ .kvm = -1, .vm = -1, .vcpu = -1, .mem = MAP_FAILED, .run = MAP_FAILED,
			     .wrmsr = wrmsr };
	ret = set_up(g);
	if (ret)
		guest_close(g);
	return ret;
}

int guest_run(struct guest *g, uint64_t events, uint64_t *cpu_ns)
{
	struct kvm_regs r = { .rip = CODE, .rflags = 2, .rsi = events,
			      .rcx = g->wrmsr ? MSR : events };
	uint64_t start;

	if (!events || events > UINT32_MAX)
		return -EINVAL;
	if (ioctl(g->vcpu, KVM_SET_REGS, &r))
		return -errno;
	start = cpu_time_ns();
	while (ioctl(g->vcpu, KVM_RUN, 0))
		if (errno != EINTR)
			return -errno;
	*cpu_ns = cpu_time_ns() - start;
	if (ioctl(g->vcpu, KVM_GET_REGS, &r))
		return -errno;
	if (g->run->exit_reason != KVM_EXIT_IO || g->run->io.port != PORT ||
	    (g->wrmsr ? r.rsi : r.rcx))
		return -EPROTO;
	return 0;
}

void guest_close(struct guest *g)
{
	/* A mapping of the vCPU keeps it alive; it goes with the process. */
	if (g->mem != MAP_FAILED)
		munmap(g->mem, MEM_SIZE);
	if (g->vcpu >= 0)
		close(g->vcpu);
	if (g->vm >= 0)
		close(g->vm);
	if (g->kvm >= 0)
		close(g->kvm);
	g->kvm = g->vm = g->vcpu = -1;
	g->mem = MAP_FAILED;
}
