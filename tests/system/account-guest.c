// SPDX-License-Identifier: GPL-2.0
/*
 * A virtual machine whose time is known: one vCPU that computes, writes to a port, and sleeps until
 * its own timer, round by round. Unlike kvmguest it has KVM's interrupt controller, so that a halt
 * stays in the kernel, where KVM polls or blocks. At its end it prints what others know of the same
 * time: the scheduler's statistics of its thread and KVM's of its halts.
 *
 * usage: account-guest ROUNDS SPIN OUTS TIMER_NS
 * A round: SPIN loops of two instructions, OUTS writes to a port (each goes to user space), and if
 * TIMER_NS > 0 one halt of that length
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define MEM_SIZE	0x200000ul
#define PML4		0x1000
#define PDPT		0x2000
#define PD		0x3000
#define IDT		0x4000
#define GDT		0x5000
#define CODE		0x10000
#define STACK		0x20000
#define DONE		MEM_SIZE	/* mapped by the guest, backed by nothing */
#define VECTOR		0x40

/* r12 rounds, r13 loops, r14 timer, r15 port writes, rdi DONE. */
extern const unsigned char guest_code[], guest_handler[], guest_code_end[];
asm(".pushsection .rodata\n"
"guest_code:\n"
"	test %r14, %r14\n	jz 1f\n"
"	mov $0x1b, %ecx\n	rdmsr\n	or $0xc00, %eax\n	wrmsr\n"	/* x2APIC on */
"	xor %edx, %edx\n"
"	mov $0x80f, %ecx\n	mov $0x1ff, %eax\n	wrmsr\n"	/* SVR */
"	mov $0x83e, %ecx\n	mov $0xb, %eax\n	wrmsr\n"	/* TDCR: 1, thus ns */
"	mov $0x832, %ecx\n	mov $0x40, %eax\n	wrmsr\n"	/* LVTT: once */
"1:	mov %r13, %r8\n"
"	test %r8, %r8\n	jz 3f\n"
"2:	dec %r8\n	jnz 2b\n"
"3:	mov %r15, %r8\n"
"	test %r8, %r8\n	jz 5f\n"
"4:	out %al, $0xf1\n	dec %r8\n	jnz 4b\n"
"5:	test %r14, %r14\n	jz 6f\n"
"	mov $0x838, %ecx\n	mov %r14, %rax\n	xor %edx, %edx\n	wrmsr\n"
"	sti\n	hlt\n	cli\n"
"6:	dec %r12\n	jnz 1b\n"
"	movb %al, (%rdi)\n"
"7:	jmp 7b\n"
"guest_handler:\n"
"	mov $0x80b, %ecx\n	xor %eax, %eax\n	xor %edx, %edx\n	wrmsr\n"	/* EOI */
"	iretq\n"
"guest_code_end:\n"
"	.popsection\n");

static int kvm, vm, vcpu;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int call(const char *what, int fd, unsigned long request, unsigned long arg)
{
	int ret = ioctl(fd, request, arg);

	if (ret < 0)
		die(what);
	return ret;
}
#define CALL(fd, request, arg) call(#request, fd, request, (unsigned long)(arg))

static void set_up_memory(unsigned char *mem)
{
	uint64_t *idt = (uint64_t *)(mem + IDT) + 2 * VECTOR, *gdt = (uint64_t *)(mem + GDT);
	uint64_t handler = CODE + (uint64_t)(guest_handler - guest_code);

	*(uint64_t *)(mem + PML4) = PDPT | 3;
	*(uint64_t *)(mem + PDPT) = PD | 3;
	((uint64_t *)(mem + PD))[0] = 0x83;
	((uint64_t *)(mem + PD))[DONE >> 21] = DONE | 0x83;
	gdt[1] = 0x00af9b000000ffff;
	gdt[2] = 0x00cf93000000ffff;
	idt[0] = (handler & 0xffff) | 0x8ull << 16 | 0x8eull << 40 | (handler >> 16) << 48;
	idt[1] = 0;
	memcpy(mem + CODE, guest_code, (size_t)(guest_code_end - guest_code));
}

static void set_up_cpuid(void)
{
	struct kvm_cpuid2 *c = calloc(1, sizeof(*c) + 256 * sizeof(c->entries[0]));

	if (!c)
		die("memory");
	c->nent = 256;
	CALL(kvm, KVM_GET_SUPPORTED_CPUID, c);
	CALL(vcpu, KVM_SET_CPUID2, c);
	free(c);
}

static uint64_t number(const char *arg)
{
	return strtoull(arg, NULL, 10);
}

static void set_up_registers(char **argv)
{
	struct kvm_segment code = { .limit = ~0u, .selector = 0x8, .type = 11, .present = 1,
				    .s = 1, .l = 1, .g = 1 };
	struct kvm_segment data = { .limit = ~0u, .selector = 0x10, .type = 3, .present = 1,
				    .s = 1, .db = 1, .g = 1 };
	struct kvm_regs r = { .rip = CODE, .rsp = STACK, .rflags = 2, .rdi = DONE,
			      .r12 = number(argv[1]), .r13 = number(argv[2]),
			      .r15 = number(argv[3]), .r14 = number(argv[4]) };
	struct kvm_sregs s;

	CALL(vcpu, KVM_GET_SREGS, &s);
	s.cs = code;
	s.ds = s.es = s.ss = s.fs = s.gs = data;
	s.idt = (struct kvm_dtable){ .base = IDT, .limit = 0xfff };
	s.gdt = (struct kvm_dtable){ .base = GDT, .limit = 23 };
	s.cr3 = PML4;
	s.cr4 = 1u << 5;
	s.cr0 = 0x80000011;
	s.efer = 1u << 8 | 1u << 10;
	CALL(vcpu, KVM_SET_SREGS, &s);
	CALL(vcpu, KVM_SET_REGS, &r);
}

/* What the scheduler says of this thread: ns on a CPU, ns in a run queue. */
static void schedstat(uint64_t *out)
{
	FILE *f = fopen("/proc/thread-self/schedstat", "re");

	if (!f || fscanf(f, "%" SCNu64 " %" SCNu64 " %" SCNu64, &out[0], &out[1], &out[2]) != 3)
		die("schedstat");
	fclose(f);
}

static uint64_t kvm_stat(const char *name)
{
	char path[128];
	uint64_t n;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/kernel/debug/kvm/%d-%d/%s", getpid(), vm, name);
	f = fopen(path, "re");
	if (!f || fscanf(f, "%" SCNu64, &n) != 1)
		die(path);
	fclose(f);
	return n;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static struct kvm_run *set_up(char **argv)
{
	struct kvm_userspace_memory_region slot = { .memory_size = MEM_SIZE };
	struct kvm_run *run;
	unsigned char *mem;

	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm < 0)
		die("/dev/kvm");
	vm = CALL(kvm, KVM_CREATE_VM, 0);
	CALL(vm, KVM_CREATE_IRQCHIP, 0);
	mem = mmap(NULL, MEM_SIZE, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (mem == MAP_FAILED)
		die("mmap");
	set_up_memory(mem);
	slot.userspace_addr = (uintptr_t)mem;
	CALL(vm, KVM_SET_USER_MEMORY_REGION, &slot);
	vcpu = CALL(vm, KVM_CREATE_VCPU, 0);
	run = mmap(NULL, (size_t)CALL(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE,
		   MAP_SHARED, vcpu, 0);
	if (run == MAP_FAILED)
		die("kvm_run");
	set_up_cpuid();
	set_up_registers(argv);
	return run;
}

/* To the end of the guest's program; returns how often it wrote to the port. */
static uint64_t run_guest(struct kvm_run *run)
{
	uint64_t writes = 0;

	do {
		run->exit_reason = KVM_EXIT_INTR;
		if (ioctl(vcpu, KVM_RUN, 0) && errno != EINTR)
			die("KVM_RUN");
		writes += run->exit_reason == KVM_EXIT_IO;
	} while (run->exit_reason == KVM_EXIT_IO || run->exit_reason == KVM_EXIT_INTR);
	if (run->exit_reason != KVM_EXIT_MMIO) {
		fprintf(stderr, "account-guest: KVM exit %u\n", run->exit_reason);
		exit(1);
	}
	return writes;
}

int main(int argc, char **argv)
{
	const struct timespec rest = { .tv_nsec = 20000000 };
	uint64_t before[3], after[3], writes, begin;
	struct kvm_run *run;

	if (argc != 5)
		return 2;
	run = set_up(argv);
	schedstat(before);
	begin = now_ns();
	writes = run_guest(run);
	/* A sleep, so that what follows is not preempted between its statistics and its end. */
	nanosleep(&rest, NULL);
	schedstat(after);
	printf("@guest {\"tid\":%d,\"wall_ns\":%" PRIu64 ",\"port_writes\":%" PRIu64 ",\"run_ns\":%"
	       PRIu64 ",\"wait_ns\":%" PRIu64 ",\"halt_poll_ns\":%" PRIu64 ",\"halt_wait_ns\":%"
	       PRIu64 ",\"waits\":%" PRIu64 ",\"halts\":%" PRIu64 "}\n", getpid(),
	       now_ns() - begin, writes, after[0] - before[0], after[1] - before[1],
	       kvm_stat("halt_poll_success_ns") + kvm_stat("halt_poll_fail_ns"),
	       kvm_stat("halt_wait_ns"), after[2] - before[2], kvm_stat("halt_exits"));
	return 0;
}
