// SPDX-License-Identifier: GPL-2.0
/*
 * A virtual machine that takes a known number of interrupts on each vCPU, and counts them itself,
 * by vector: MSIs one after the other, bursts of MSIs while the guest has interrupts off (which KVM
 * must merge into one), IPIs of a vCPU to itself. Completed by an exit or paravirtually.
 *
 * The hard part is "known": an MSI sent before the one before it was handled might be merged with
 * it. So the next is sent only when the guest's own counter has moved, and for a burst the guest
 * says that it waits with interrupts off.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* Guest-physical layout; virtual addresses are the same. */
#define MEM_SIZE	0x200000ul
#define PML4		0x1000
#define PDPT		0x2000
#define PD		0x3000
#define GDT		0x4000
#define IDT		0x5000
#define CODE		0x10000
#define BLOCKS		0x20000		/* struct block of each vCPU */
#define STACKS		0x40000		/* 4 kB each, growing down */

#define MAX_VCPUS	4
#define FIRST_GSI	24		/* behind the IO-APIC's */

/* What a vCPU and the host tell each other; offsets are in the assembler code. */
struct block {
	volatile uint64_t msis;		/* 0: interrupts taken on the MSIs' vector */
	volatile uint64_t hold;		/* 8: host: wait with interrupts off */
	volatile uint64_t held;		/* 16: guest: I do */
	volatile uint64_t ipis;		/* 24: taken on the IPI's vector */
	volatile uint32_t pv_eoi, pad;	/* 32: shared with KVM */
	volatile uint64_t pv_eois;	/* 40: completed by clearing the flag */
	volatile uint64_t eois;		/* 48: completed by writing the register */
	volatile uint64_t ready;	/* 56 */
	char pad2[192];
};

/* rdi: struct block, r12: use paravirtual EOIs, r13: IPIs to make, r14: their vector */
extern const unsigned char guest_code[], guest_msi[], guest_ipi[], guest_end[];
asm(".pushsection .rodata\n"
"guest_code:\n"
"	mov $0x1b, %ecx\n	rdmsr\n	or $0xc00, %eax\n	wrmsr\n"	/* x2APIC mode */
"	mov $0x80f, %ecx\n	mov $0x1ff, %eax\n	xor %edx, %edx\n	wrmsr\n"
"	test %r12, %r12\n	jz 1f\n"
"	lea 33(%rdi), %rax\n	xor %edx, %edx\n	mov $0x4b564d04, %ecx\n	wrmsr\n"
"1:	movq $1, 56(%rdi)\n"
"2:	cli\n"
"	cmpq $0, 8(%rdi)\n	je 4f\n"
"	movq $1, 16(%rdi)\n"
"3:	pause\n	cmpq $0, 8(%rdi)\n	jne 3b\n"
"	movq $0, 16(%rdi)\n"
"4:	test %r13, %r13\n	jz 5f\n"
"	dec %r13\n"
"	mov $0x83f, %ecx\n	mov %r14d, %eax\n	xor %edx, %edx\n	wrmsr\n"
"	sti\n	nop\n	nop\n	jmp 2b\n"
"5:	sti\n	hlt\n	jmp 2b\n"
"guest_msi:\n"
"	incq (%rdi)\n	jmp 6f\n"
"guest_ipi:\n"
"	incq 24(%rdi)\n"
"6:	btrl $0, 32(%rdi)\n	jc 7f\n"
"	mov $0x80b, %ecx\n	xor %eax, %eax\n	xor %edx, %edx\n	wrmsr\n"
"	incq 48(%rdi)\n	iretq\n"
"7:	incq 40(%rdi)\n	iretq\n"
"guest_end:\n"
"	.popsection\n");

struct options {
	uint64_t msis[MAX_VCPUS];
	unsigned int vcpus, vector;
	uint64_t bursts, extra, ipis;
	bool pv_eoi, irqfd;
};

struct vcpu {
	int fd, event;
	struct kvm_run *run;
	struct block *b;
	pthread_t thread;
	bool failed;
	uint64_t sent;
};

static volatile bool stop;

static void fail(const char *what)
{
	fprintf(stderr, "irqs-guest: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void gate(unsigned char *mem, unsigned int vector, const unsigned char *handler)
{
	uint64_t at = CODE + (uint64_t)(handler - guest_code);
	uint64_t *g = (uint64_t *)(mem + IDT) + (size_t)2 * vector;

	/* present, 64-bit interrupt gate, selector 8 */
	g[0] = (at & 0xffff) | 0x8ull << 16 | 0x8eull << 40 | (at >> 16 & 0xffff) << 48;
	g[1] = at >> 32;
}

static void set_up_memory(unsigned char *mem, unsigned int vector)
{
	uint64_t *gdt = (uint64_t *)(mem + GDT);

	*(uint64_t *)(mem + PML4) = PDPT | 3;
	*(uint64_t *)(mem + PDPT) = PD | 3;
	*(uint64_t *)(mem + PD) = 0x83;
	gdt[1] = 0x00af9b000000ffff;
	gdt[2] = 0x00cf93000000ffff;
	memcpy(mem + CODE, guest_code, (size_t)(guest_end - guest_code));
	gate(mem, vector, guest_msi);
	gate(mem, vector + 1, guest_ipi);
}

static void set_up_registers(int fd, unsigned int i, const struct options *o)
{
	struct kvm_segment code = { .limit = ~0u, .selector = 0x8, .type = 11, .present = 1,
				    .s = 1, .l = 1, .g = 1 };
	struct kvm_segment data = { .limit = ~0u, .selector = 0x10, .type = 3, .present = 1,
				    .s = 1, .db = 1, .g = 1 };
	struct kvm_regs r = { .rip = CODE, .rsp = STACKS + 0x1000 * (i + 1), .rflags = 2,
			      .rdi = BLOCKS + sizeof(struct block) * i, .r12 = o->pv_eoi,
			      .r13 = o->ipis, .r14 = o->vector + 1 };
	struct kvm_mp_state run = { KVM_MP_STATE_RUNNABLE };
	struct kvm_sregs s;

	if (ioctl(fd, KVM_GET_SREGS, &s))
		fail("KVM_GET_SREGS");
	s.cs = code;
	s.ds = s.es = s.ss = s.fs = s.gs = data;
	s.gdt = (struct kvm_dtable){ .base = GDT, .limit = 0x17 };
	s.idt = (struct kvm_dtable){ .base = IDT, .limit = 0xfff };
	s.cr3 = PML4;
	s.cr4 = 1u << 5;
	s.cr0 = 0x80000011;
	s.efer = 1u << 8 | 1u << 10;
	if (ioctl(fd, KVM_SET_SREGS, &s) || ioctl(fd, KVM_SET_REGS, &r) ||
	    ioctl(fd, KVM_SET_MP_STATE, &run))
		fail("registers");
}

static void set_up_vcpu(int kvm, int vm, struct vcpu *v, unsigned int i, const struct options *o)
{
	struct kvm_cpuid2 *c = calloc(1, sizeof(*c) + 256 * sizeof(c->entries[0]));
	int size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);

	v->fd = ioctl(vm, KVM_CREATE_VCPU, i);
	if (v->fd < 0 || !c)
		fail("KVM_CREATE_VCPU");
	v->run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	c->nent = 256;
	if (v->run == MAP_FAILED || ioctl(kvm, KVM_GET_SUPPORTED_CPUID, c) ||
	    ioctl(v->fd, KVM_SET_CPUID2, c))
		fail("vCPU");
	free(c);
	set_up_registers(v->fd, i, o);
}

/* An event descriptor for each vCPU's MSI. */
static void set_up_irqfds(int vm, struct vcpu *v, const struct options *o)
{
	struct kvm_irq_routing *r = calloc(1, sizeof(*r) + MAX_VCPUS * sizeof(r->entries[0]));
	unsigned int i;

	if (!r)
		fail("routes");
	r->nr = o->vcpus;
	for (i = 0; i < o->vcpus; i++)
		r->entries[i] = (struct kvm_irq_routing_entry){ .gsi = FIRST_GSI + i,
			.type = KVM_IRQ_ROUTING_MSI, .u.msi = { .address_lo = 0xfee00000 | i << 12,
								.data = o->vector } };
	if (ioctl(vm, KVM_SET_GSI_ROUTING, r))
		fail("KVM_SET_GSI_ROUTING");
	free(r);
	for (i = 0; i < o->vcpus; i++) {
		struct kvm_irqfd f = { .gsi = FIRST_GSI + i };

		v[i].event = eventfd(0, EFD_CLOEXEC);
		f.fd = (uint32_t)v[i].event;
		if (v[i].event < 0 || ioctl(vm, KVM_IRQFD, &f))
			fail("KVM_IRQFD");
	}
}

static void ignore(int n)
{
	(void)n;
}

static void *run_vcpu(void *arg)
{
	struct vcpu *v = arg;

	while (!stop) {
		if (!ioctl(v->fd, KVM_RUN, 0)) {
			fprintf(stderr, "irqs-guest: unexpected KVM exit %u\n", v->run->exit_reason);
			v->failed = true;
			return NULL;
		}
		if (errno != EINTR) {
			v->failed = true;
			return NULL;
		}
	}
	return NULL;
}

static void send(int vm, struct vcpu *v, unsigned int i, const struct options *o)
{
	struct kvm_msi m = { .address_lo = 0xfee00000 | i << 12, .data = o->vector };
	uint64_t one = 1;

	v->sent++;
	if (o->irqfd ? write(v->event, &one, 8) != 8 : ioctl(vm, KVM_SIGNAL_MSI, &m) <= 0)
		fail("MSI");
}

static void wait_for(struct vcpu *v, const volatile uint64_t *what, uint64_t value)
{
	int n;

	for (n = 0; *what != value; n++) {
		if (n > 500000 || v->failed) {
			fprintf(stderr, "irqs-guest: the guest counts %" PRIu64 ", not %" PRIu64 "\n",
				*what, value);
			exit(1);
		}
		usleep(20);
	}
}

static void drive(int vm, struct vcpu *v, const struct options *o)
{
	uint64_t taken[MAX_VCPUS] = { 0 }, n, k;
	unsigned int i;

	for (i = 0; i < o->vcpus; i++) {
		wait_for(&v[i], &v[i].b->ready, 1);
		wait_for(&v[i], &v[i].b->ipis, o->ipis);
	}
	/* In turn, so that all vCPUs have interrupts on their way at a time. */
	for (n = 0;; n++) {
		bool any = false;

		for (i = 0; i < o->vcpus; i++) {
			if (n >= o->msis[i])
				continue;
			wait_for(&v[i], &v[i].b->msis, taken[i]++);
			send(vm, &v[i], i, o);
			any = true;
		}
		if (!any)
			break;
	}
	for (i = 0; i < o->vcpus; i++)
		wait_for(&v[i], &v[i].b->msis, taken[i]);
	for (n = 0; n < o->bursts; n++) {
		/* One to wake it up, which then finds that it must wait. */
		v->b->hold = 1;
		send(vm, v, 0, o);
		wait_for(v, &v->b->held, 1);
		for (k = 0; k <= o->extra; k++)
			send(vm, v, 0, o);
		v->b->hold = 0;
		taken[0] += 2;
		wait_for(v, &v->b->msis, taken[0]);
	}
}

static void parse(int argc, char **argv, struct options *o)
{
	static const struct option opts[] = {
		{ "msi", required_argument, NULL, 'm' }, { "vector", required_argument, NULL, 'v' },
		{ "bursts", required_argument, NULL, 'b' }, { "extra", required_argument, NULL, 'e' },
		{ "ipi", required_argument, NULL, 'i' }, { "pv-eoi", no_argument, NULL, 'p' },
		{ "irqfd", no_argument, NULL, 'f' }, { 0 },
	};
	char *s;
	int c;

	*o = (struct options){ .vector = 0x41, .vcpus = 1 };
	while ((c = getopt_long(argc, argv, "", opts, NULL)) != -1) {
		switch (c) {
		case 'm':
			for (o->vcpus = 0, s = strtok(optarg, ","); s && o->vcpus < MAX_VCPUS;
			     s = strtok(NULL, ","))
				o->msis[o->vcpus++] = strtoull(s, NULL, 0);
			break;
		case 'v': o->vector = (unsigned int)strtoul(optarg, NULL, 0) & 0xff; break;
		case 'b': o->bursts = strtoull(optarg, NULL, 0); break;
		case 'e': o->extra = strtoull(optarg, NULL, 0); break;
		case 'i': o->ipis = strtoull(optarg, NULL, 0); break;
		case 'p': o->pv_eoi = true; break;
		case 'f': o->irqfd = true; break;
		default: exit(2);
		}
	}
}

int main(int argc, char **argv)
{
	struct kvm_userspace_memory_region slot = { .memory_size = MEM_SIZE };
	struct sigaction act = { .sa_handler = ignore };
	struct vcpu v[MAX_VCPUS] = { 0 };
	unsigned char *mem;
	struct options o;
	unsigned int i;
	int kvm, vm;

	parse(argc, argv, &o);
	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	vm = kvm < 0 ? -1 : ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm < 0)
		fail("/dev/kvm");
	mem = mmap(NULL, MEM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (mem == MAP_FAILED)
		fail("memory");
	set_up_memory(mem, o.vector);
	slot.userspace_addr = (uintptr_t)mem;
	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot) || ioctl(vm, KVM_CREATE_IRQCHIP, 0))
		fail("KVM_CREATE_IRQCHIP");
	sigaction(SIGUSR1, &act, NULL);
	for (i = 0; i < o.vcpus; i++) {
		v[i].b = (struct block *)(mem + BLOCKS) + i;
		set_up_vcpu(kvm, vm, &v[i], i, &o);
	}
	if (o.irqfd)
		set_up_irqfds(vm, v, &o);
	for (i = 0; i < o.vcpus; i++)
		if (pthread_create(&v[i].thread, NULL, run_vcpu, &v[i]))
			fail("thread");
	drive(vm, v, &o);
	stop = true;
	printf("{\"pid\":%d,\"vector\":%u,\"vcpus\":[", (int)getpid(), o.vector);
	for (i = 0; i < o.vcpus; i++) {
		v[i].run->immediate_exit = 1;
		pthread_kill(v[i].thread, SIGUSR1);
		pthread_join(v[i].thread, NULL);
		printf("%s{\"sent\":%" PRIu64 ",\"msis\":%" PRIu64 ",\"ipis\":%" PRIu64
		       ",\"eois\":%" PRIu64 ",\"pv_eois\":%" PRIu64 "}", i ? "," : "", v[i].sent,
		       v[i].b->msis, v[i].b->ipis, v[i].b->eois, v[i].b->pv_eois);
	}
	puts("]}");
	return 0;
}
