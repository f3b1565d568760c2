// SPDX-License-Identifier: GPL-2.0
/*
 * A guest of one page of code in long mode, with an IDT of its own, that does one thing to the
 * exitless interrupts of its host, many times; and its VMM, which switches them on. It prints what
 * the guest saw and what KVM counted, a "NAME VALUE" a line.
 *
 * usage: eli-guest TEST MODE N	(MODE: off, delivery or full; N: times or milliseconds, by TEST)
 *
 * TEST irqs sends N interrupts of /dev/eli-irq (eli-irq.c) from another CPU and needs that module;
 * ELI_THEN=MODE sets another mode after half of them, ELI_FROM=CPU is where the interrupt begins.
 *
 * In tests whose name begins with dev, N interrupts of a device are raised (eli-vfio.c).
 * Environment:
 * ELI_VF=0000:bb:dd.f	the virtual function
 * ELI_STORM=NS		one every NS ns, not each after the last was counted
 * ELI_MODES="off full"	these modes in turn, at random moments
 * ELI_MS=N		the guest runs so long after the last one
 * ELI_LIMIT=0		see eli_limit
 * ELI_GIVE_UP=S		it is killed after so long: the guest does not end by itself
 * ELI_SECOND=MS	a second vCPU is created so long after the start
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "eli-irq.h"
#include "eli-vfio.h"

/* Guest-physical addresses, mapped one to one below 2 MiB by pages of 4 KiB. */
enum {
	PML4 = 0x1000, PDPT = 0x2000, PD = 0x3000, PT = 0x4000, GDT = 0x5000, IDT = 0x6000,
	OTHER_IDT = 0x7000, DATA = 0x9000, COUNTS = 0xa000, CODE = 0x10000, STUBS = 0x12000,
	STACK = 0x20000, MEMORY = 0x200000,
	DEVICE = 0x50,	/* vector */
};

/* What the guest tells in its data page. */
struct data {
	uint64_t error_code;	/* of the last exception with one */
	uint64_t resume;	/* where exceptions return to, if not 0 */
	uint64_t idt_limit;	/* as SIDT says */
	uint64_t idt_base;
	uint64_t cr8;
	uint64_t stop;		/* set by the VMM: the test is over */
	uint64_t no_eoi;	/* set by the VMM: 1: complete no interrupt; 2: by a longer WRMSR */
	uint64_t masked;	/* interrupts of the device while CR8 masked them */
	uint64_t astray;	/* the step after the longer WRMSR led into its middle */
};

/* RDI: how often, or how many TSC ticks. RBX: DATA. The tests' ends are the OUT. */
extern const char code[], code_end[], common[];
extern const char t_spin[], t_cli[], t_fault[], t_int80[], t_idtr[], t_cr8[], t_gate[], t_remap[],
	t_eoi[], t_self[], t_irqs[], t_timer[], t_vmcall[], t_dev[], t_devcli[], t_devcr8[],
	t_devhlt[], t_devexit[], t_clis[], t_known[], t_pong[];
asm(".pushsection .rodata\n"
    "code:\n"
    /* for RDI ticks of the TSC */
    "wait: rdtsc\n shl $32, %rdx\n or %rdx, %rax\n lea (%rax,%rdi), %r8\n"
    "1: pause\n rdtsc\n shl $32, %rdx\n or %rdx, %rax\n cmp %r8, %rax\n jb 1b\n ret\n"
    "end: cli\n out %al, $0x10\n hlt\n"
    "t_spin: sti\n call wait\n jmp end\n"
    "t_cli: cli\n call wait\n sti\n nop\n mov $1000000, %rdi\n call wait\n jmp end\n"
    /* a selector beyond the GDT: #GP; a segment that is not present: #NP */
    "t_fault: sti\n"
    "1: lea 2f(%rip), %rax\n mov %rax, 8(%rbx)\n mov $0xfff8, %eax\n mov %eax, %fs\n"
    "2: lea 3f(%rip), %rax\n mov %rax, 8(%rbx)\n mov $0x18, %eax\n mov %eax, %fs\n"
    "3: dec %rdi\n jnz 1b\n jmp end\n"
    "t_int80: sti\n1: int $0x80\n int $0x21\n dec %rdi\n jnz 1b\n jmp end\n"
    "t_idtr: sti\n1: sidt 22(%rbx)\n lidt 22(%rbx)\n dec %rdi\n jnz 1b\n"
    "  movzwl 22(%rbx), %eax\n mov 24(%rbx), %rcx\n mov %rax, 16(%rbx)\n mov %rcx, 24(%rbx)\n jmp end\n"
    "t_cr8: sti\n mov $0xf, %eax\n mov %rax, %cr8\n call wait\n mov %cr8, %rax\n mov %rax, 32(%rbx)\n"
    "  xor %eax, %eax\n mov %rax, %cr8\n jmp end\n"
    /* the gate of 0x80 becomes that of 0x81, and back */
    "t_gate: sti\n mov $0x6800, %esi\n mov (%rsi), %r9\n mov 16(%rsi), %r10\n"
    "1: int $0x80\n mov %r10, (%rsi)\n int $0x80\n mov %r9, (%rsi)\n dec %rdi\n jnz 1b\n jmp end\n"
    /* another page under the IDT's address, with all gates present */
    "t_remap: movq $0x7003, 0x4030\n invlpg 0x6000\n sti\n call wait\n jmp end\n"
    "t_eoi: sti\n mov $0x80b, %ecx\n xor %eax, %eax\n xor %edx, %edx\n1: wrmsr\n dec %rdi\n jnz 1b\n jmp end\n"
    "t_self: sti\n mov $0x83f, %ecx\n xor %edx, %edx\n1: mov $0x40, %eax\n wrmsr\n dec %rdi\n jnz 1b\n jmp end\n"
    /* one shot after another of its APIC's timer */
    "t_timer: sti\n xor %edx, %edx\n mov $0x83e, %ecx\n mov $0xb, %eax\n wrmsr\n"
    "  mov $0x832, %ecx\n mov $0x41, %eax\n wrmsr\n"
    "1: mov 0xa208, %rsi\n mov $0x838, %ecx\n mov $50000, %eax\n wrmsr\n"
    "2: pause\n cmp %rsi, 0xa208\n je 2b\n dec %rdi\n jnz 1b\n jmp end\n"
    "t_vmcall: mov $0xffff, %eax\n vmcall\n dec %rdi\n jnz t_vmcall\n jmp end\n"
    "t_irqs: t_dev: sti\n1: pause\n cmpq $0, 40(%rbx)\n je 1b\n jmp end\n"
    "t_devcli: cli\n1: pause\n cmpq $0, 40(%rbx)\n je 1b\n sti\n mov $100000, %edi\n call wait\n jmp end\n"
    "t_devcr8: sti\n mov $0xf, %eax\n mov %rax, %cr8\n1: pause\n cmpq $0, 40(%rbx)\n je 1b\n"
    "  mov %cr8, %rax\n mov %rax, 32(%rbx)\n mov 0xa280, %rax\n mov %rax, 56(%rbx)\n"
    "  xor %eax, %eax\n mov %rax, %cr8\n mov $100000, %edi\n call wait\n jmp end\n"
    "t_devhlt: sti\n1: hlt\n cmpq $0, 40(%rbx)\n je 1b\n jmp end\n"
    /* interrupts off for 50 ms at a time */
    "t_clis: mov %rdi, %r12\n1: cli\n mov $50000000, %edi\n call wait\n sti\n"
    "  mov $1000000, %edi\n call wait\n dec %r12\n jnz 1b\n jmp end\n"
    /* RDI times: 7 port writes, 5 CPUIDs, 3 EOIs, and a halt that its own IPI ends */
    "t_known: cli\n1: mov $7, %r12d\n2: out %al, $0x11\n dec %r12d\n jnz 2b\n"
    "  mov $5, %r12d\n3: xor %eax, %eax\n cpuid\n dec %r12d\n jnz 3b\n"
    "  mov $3, %r12d\n4: mov $0x80b, %ecx\n xor %eax, %eax\n xor %edx, %edx\n wrmsr\n"
    "  dec %r12d\n jnz 4b\n"
    "  mov $0x83f, %ecx\n xor %edx, %edx\n mov $0x40, %eax\n wrmsr\n sti\n hlt\n cli\n"
    "  dec %rdi\n jnz 1b\n jmp end\n"
    "t_pong: sti\n1: hlt\n cmpq $0, 40(%rbx)\n je 1b\n jmp end\n"
    /* each exit comes right after the entry */
    "t_devexit: sti\n1: cpuid\n lea 0x9000, %rbx\n cmpq $0, 40(%rbx)\n je 1b\n jmp end\n"
    /* of every vector: stack is vector, error code, RIP ... */
    "common: push %rax\n push %rcx\n push %rdx\n"
    "  mov 24(%rsp), %rax\n incq 0xa000(,%rax,8)\n"
    "  cmp $32, %rax\n jae 1f\n"
    "  mov 32(%rsp), %rcx\n mov %rcx, 0x9000\n"
    "  mov 0x9008, %rcx\n test %rcx, %rcx\n jz 2f\n mov %rcx, 40(%rsp)\n jmp 2f\n"
    "1: cmp $0x80, %rax\n je 2f\n cmp $0x81, %rax\n je 2f\n cmp $0x21, %rax\n je 2f\n"
    "  testb $1, 0x9030\n jnz 2f\n"
    "  mov $0x80b, %ecx\n xor %eax, %eax\n xor %edx, %edx\n testb $2, 0x9030\n jnz 3f\n wrmsr\n"
    "2: pop %rdx\n pop %rcx\n pop %rax\n add $16, %rsp\n iretq\n"
    /* Who begins in its last byte finds 30 fc, xor %bh, %ah, and BH is not 0. */
    "3: .byte 0x48\n wrmsr\n cld\n test %eax, %eax\n jz 2b\n incq 0x9040\n jmp 2b\n"
    "code_end:\n"
    ".popsection\n");

static const struct { const char *name, *entry; int ms, no_eoi; } tests[] = {
	{ "spin", t_spin, 1, 0 }, { "cli", t_cli, 1, 0 }, { "fault", t_fault, 0, 0 },
	{ "int80", t_int80, 0, 0 }, { "idtr", t_idtr, 0, 0 }, { "cr8", t_cr8, 1, 0 },
	{ "gate", t_gate, 0, 0 }, { "remap", t_remap, 1, 0 }, { "eoi", t_eoi, 0, 0 },
	{ "self", t_self, 0, 0 },
	{ "dev", t_dev, 0, 0 }, { "devcli", t_devcli, 0, 0 }, { "devcr8", t_devcr8, 0, 0 },
	{ "devhlt", t_devhlt, 0, 0 }, { "devnoeoi", t_dev, 0, 1 },
	{ "devexit", t_devexit, 0, 0 }, { "clis", t_clis, 0, 0 }, { "known", t_known, 0, 0 },
	{ "pong", t_pong, 0, 0 }, { "irqs", t_irqs, 0, 0 }, { "timer", t_timer, 0, 0 },
	{ "vmcall", t_vmcall, 0, 0 }, { "devprefix", t_dev, 0, 0 },
};

_Noreturn void die(const char *what)
{
	fprintf(stderr, "eli-guest: %s: %s\n", what, strerror(errno));
	exit(1);
}

static char *mem;

static void put64(unsigned at, uint64_t v) { memcpy(mem + at, &v, 8); }

static void gate(unsigned idt, int v, uint64_t handler)
{
	put64(idt + (unsigned)v * 16, (handler & 0xffff) | 8 << 16 | 0xee00ull << 32 |
	      (handler & 0xffff0000) << 32);
	put64(idt + (unsigned)v * 16 + 8, handler >> 32);
}

static void load(void)
{
	int v;

	memcpy(mem + CODE, code, (size_t)(code_end - code));
	put64(PML4, PDPT | 3);
	put64(PDPT, PD | 3);
	put64(PD, PT | 3);
	for (v = 0; v < 512; v++)
		put64(PT + (unsigned)v * 8, (unsigned)v * 4096u | 3);
	put64(GDT + 8, 0x00af9b000000ffff);	/* code */
	put64(GDT + 16, 0x00cf93000000ffff);	/* data */
	put64(GDT + 24, 0x00cf13000000ffff);	/* data, not present */
	for (v = 0; v < 256; v++) {
		int has_code = v == 8 || (v >= 10 && v <= 14) || v == 17;
		unsigned char *s = (unsigned char *)mem + STUBS + v * 32;
		uint32_t rel;

		if (!has_code)
			*s++ = 0x6a, *s++ = 0;			/* push $0 */
		*s++ = 0x68, *s++ = v, *s++ = 0, *s++ = 0, *s++ = 0;	/* push $v */
		rel = (uint32_t)(CODE + (common - code) - ((char *)s + 5 - mem));
		*s++ = 0xe9;
		memcpy(s, &rel, 4);
		gate(IDT, v, STUBS + (unsigned)v * 32);
		gate(OTHER_IDT, v, STUBS + (unsigned)v * 32);
	}
}

static void set_registers(int vcpu, uint64_t entry, uint64_t n)
{
	struct kvm_regs r = { .rip = entry, .rsp = STACK, .rdi = n, .rbx = DATA, .rflags = 2 };
	struct kvm_segment cs = { .limit = ~0u, .selector = 8, .type = 11, .present = 1, .s = 1,
				  .l = 1, .g = 1 }, ds;
	struct { struct kvm_msrs h; struct kvm_msr_entry e[1]; } msr = {
		{ .nmsrs = 1 }, { { .index = 0x80f, .data = 0x1ff } } };
	struct kvm_sregs s;

	if (ioctl(vcpu, KVM_GET_SREGS, &s))
		die("KVM_GET_SREGS");
	ds = cs;
	ds.selector = 16, ds.type = 3, ds.l = 0, ds.db = 1;
	s.cs = cs;
	s.ds = s.es = s.fs = s.gs = s.ss = ds;
	s.cr0 = 0x80010033, s.cr3 = PML4, s.cr4 = 0x20, s.efer = 0x500;
	s.gdt.base = GDT, s.gdt.limit = 31;
	s.idt.base = IDT, s.idt.limit = 4095;
	s.apic_base |= 0xc00;
	if (ioctl(vcpu, KVM_SET_SREGS, &s) || ioctl(vcpu, KVM_SET_REGS, &r) ||
	    ioctl(vcpu, KVM_SET_MSRS, &msr) != 1)
		die("registers");
}

/* The file of this VM's folder in debugfs. */
static void debugfs(char *path, size_t size, int vm, const char *name)
{
	snprintf(path, size, "/sys/kernel/debug/kvm/%d-%d/%s", getpid(), vm, name);
}

void eli_set(int vm, const char *name, const char *value)
{
	char path[128];
	int fd;

	debugfs(path, sizeof(path), vm, name);
	fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		die(path);
	close(fd);
}

static void show(int vm, const char *name)
{
	char path[128], line[256];
	FILE *f;

	debugfs(path, sizeof(path), vm, name);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		fputs(line, stdout);
	if (f)
		fclose(f);
}

static void set_cpuid(int kvm, int vcpu)
{
	struct { struct kvm_cpuid2 h; struct kvm_cpuid_entry2 e[100]; } c;

	c.h.nent = 100;
	if (ioctl(kvm, KVM_GET_SUPPORTED_CPUID, &c) || ioctl(vcpu, KVM_SET_CPUID2, &c))
		die("CPUID");
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t number(const char *name)
{
	const char *value = getenv(name);

	return value ? strtoull(value, NULL, 10) : 0;
}

/* Raises @n interrupts of the device while the guest runs. */
static void start_device(int vm, uint64_t n, int no_eoi, int prefix)
{
	static struct device_plan plan;
	struct data *d = (struct data *)(mem + DATA);

	plan = (struct device_plan){ .address = getenv("ELI_VF"), .interrupts = n, .vm = vm,
		.storm = number("ELI_STORM"), .ms = number("ELI_MS"),
		.modes = getenv("ELI_MODES"), .stop = &d->stop,
		.no_eoi = no_eoi ? &d->no_eoi : NULL,
		.taken = (uint64_t *)(mem + COUNTS + DEVICE * 8) };
	if (!plan.address)
		die("ELI_VF");
	if (prefix)
		d->no_eoi = 2;
	device_start(&plan, DEVICE);
}

/*
 * Asks the guest of the test pong, which sleeps, for an answer: an interrupt, which its handler
 * counts. The asking thread is on CPU 0, the vCPU comes before other threads of its CPU.
 */
static struct { int vm; uint64_t n; pthread_t thread; } ping;

static void *run_ping(void *unused)
{
	struct kvm_msi msi = { .address_lo = 0xfee00000, .data = DEVICE };
	volatile uint64_t *answers = (uint64_t *)(mem + COUNTS + DEVICE * 8);
	uint64_t i, t0, t, max = 0;

	on_cpu_0();
	usleep(5000);
	for (i = 0; i < ping.n; i++) {
		t0 = now_ns();
		if (ioctl(ping.vm, KVM_SIGNAL_MSI, &msi) < 0)
			die("KVM_SIGNAL_MSI");
		while (*answers == i)
			usleep(10);
		t = now_ns() - t0;
		if (t > max)
			max = t;
		usleep(1000 + (unsigned)(i * 7919 % 3000));
	}
	printf("answer_us_max %llu\n", (unsigned long long)max / 1000);
	((struct data *)(mem + DATA))->stop = 1;
	ioctl(ping.vm, KVM_SIGNAL_MSI, &msi);
	return unused;
}

static void start_ping(int vm, uint64_t n)
{
	struct sched_param first = { .sched_priority = 1 };

	ping.vm = vm;
	ping.n = n;
	if (pthread_create(&ping.thread, NULL, run_ping, NULL) ||
	    sched_setscheduler(0, SCHED_FIFO, &first))
		die("thread");
}

/* A VM with memory and one vCPU, whose shared page goes to @run. */
static int create(int kvm, int *vcpu, struct kvm_run **run)
{
	struct kvm_userspace_memory_region region = { .memory_size = MEMORY };
	int vm = kvm < 0 ? -1 : ioctl(kvm, KVM_CREATE_VM, 0);

	if (vm < 0)
		die("/dev/kvm");
	mem = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	region.userspace_addr = (uintptr_t)mem;
	if (mem == MAP_FAILED || ioctl(vm, KVM_CREATE_IRQCHIP, 0) ||
	    ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region))
		die("memory");
	*vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	*run = mmap(NULL, (size_t)ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE,
		    MAP_SHARED, *vcpu, 0);
	if (*vcpu < 0 || *run == MAP_FAILED)
		die("vCPU");
	load();
	set_cpuid(kvm, *vcpu);
	return vm;
}

/* --- interrupts that are sent by hand */

#define IRQ_VECTOR	0x55	/* the guest's */
#define IRQ_GSI		24

static struct irqs { int vm, fd; uint64_t n, lost; } irqs;

static uint64_t irqs_taken(void)
{
	return __atomic_load_n((uint64_t *)(mem + COUNTS + IRQ_VECTOR * 8), __ATOMIC_ACQUIRE);
}

static void on_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("affinity");
}

/*
 * One after another, each some time after the guest has taken the one before. Sent at once,
 * it would meet the exit that completes that one, each time again.
 */
static void *send_irqs(void *unused)
{
	const char *then = getenv("ELI_THEN");
	uint64_t i, before, t0, gap = 1;

	on_cpu(0);
	usleep(20000);		/* until the guest runs, and its mode is in effect */
	for (i = 0; i < irqs.n; i++) {
		if (then && i == irqs.n / 2)
			eli_set(irqs.vm, "eli_mode", then);
		before = irqs_taken();
		if (ioctl(irqs.fd, ELI_IRQ_FIRE, 0) < 0)
			die("ELI_IRQ_FIRE");
		for (t0 = now_ns(); irqs_taken() == before;)
			if (now_ns() - t0 > 1000000000) {
				irqs.lost++;
				break;
			}
		gap = gap * 1103515245 + 12345;
		for (t0 = now_ns(); now_ns() - t0 < 20000 + gap / 65536 % 100000;)
			;
	}
	__atomic_store_n(&((struct data *)(mem + DATA))->stop, 1, __ATOMIC_RELEASE);
	return unused;
}

static void start_irqs(int vm, uint64_t n)
{
	struct { struct kvm_irq_routing h; struct kvm_irq_routing_entry e[1]; } route = {
		{ .nr = 1 }, { { .gsi = IRQ_GSI, .type = KVM_IRQ_ROUTING_MSI,
				 .u.msi = { .address_lo = 0xfee00000, .data = IRQ_VECTOR } } } };
	struct kvm_irqfd irqfd = { .fd = (uint32_t)eventfd(0, EFD_CLOEXEC), .gsi = IRQ_GSI };
	const char *from = getenv("ELI_FROM");
	pthread_t thread;

	irqs = (struct irqs){ .vm = vm, .fd = open("/dev/eli-irq", O_RDWR), .n = n };
	if (ioctl(vm, KVM_SET_GSI_ROUTING, &route) || ioctl(vm, KVM_IRQFD, &irqfd))
		die("irqfd");
	if (irqs.fd < 0 ||
	    ioctl(irqs.fd, ELI_IRQ_SET, irqfd.fd | strtoul(from ? from : "1", NULL, 10) << 16))
		die("/dev/eli-irq");
	if (pthread_create(&thread, NULL, send_irqs, NULL))
		die("thread");
}

static void report_irqs(void)
{
	printf("host_vector %d\nhandled %d\nlost %llu\n", ioctl(irqs.fd, ELI_IRQ_VECTOR, 0),
	       ioctl(irqs.fd, ELI_IRQ_HANDLED, 0), (unsigned long long)irqs.lost);
}

/* A second vCPU, which never runs, while the first one does. */
static int second_vm;

static void *create_second(void *ms)
{
	usleep((unsigned)(uintptr_t)ms * 1000);
	if (ioctl(second_vm, KVM_CREATE_VCPU, 1) < 0)
		die("the second vCPU");
	return NULL;
}

static void start_second(int vm, uint64_t ms)
{
	pthread_t thread;

	second_vm = vm;
	if (pthread_create(&thread, NULL, create_second, (void *)(uintptr_t)ms))
		die("thread");
}

static void report(int vm)
{
	const struct data *d = (struct data *)(mem + DATA);
	uint64_t count;
	int v;

	printf("error_code %#llx\nidt_limit %#llx\n", (unsigned long long)d->error_code,
	       (unsigned long long)d->idt_limit);
	printf("idt_base %#llx\ncr8 %llu\nmasked %llu\nastray %llu\n",
	       (unsigned long long)d->idt_base, (unsigned long long)d->cr8,
	       (unsigned long long)d->masked, (unsigned long long)d->astray);
	for (v = 0; v < 256; v++) {
		memcpy(&count, mem + COUNTS + v * 8, 8);
		if (count)
			printf("vector_%#04x %llu\n", (unsigned)v, (unsigned long long)count);
	}
	show(vm, "eli_state");
	show(vm, "eli_stats");
	printf("exits ");
	show(vm, "exits");
	printf("irq_exits ");
	show(vm, "irq_exits");
}

int main(int argc, char **argv)
{
	const char *limit = getenv("ELI_LIMIT");
	int kvm, vm, vcpu;
	struct kvm_run *run;
	uint64_t n, t0;
	size_t t;

	for (t = 0; argc == 4 && t < sizeof(tests) / sizeof(tests[0]); t++)
		if (!strcmp(tests[t].name, argv[1]))
			break;
	if (argc != 4 || t == sizeof(tests) / sizeof(tests[0])) {
		fprintf(stderr, "usage: eli-guest TEST MODE N\n");
		return 2;
	}
	kvm = open("/dev/kvm", O_RDWR);
	vm = create(kvm, &vcpu, &run);
	n = strtoull(argv[3], NULL, 10);
	if (tests[t].ms)
		n *= (uint64_t)ioctl(vcpu, KVM_GET_TSC_KHZ, 0);
	set_registers(vcpu, CODE + (uint64_t)(tests[t].entry - code), n);
	if (strcmp(argv[2], "off"))
		eli_set(vm, "eli_mode", argv[2]);
	if (limit)
		eli_set(vm, "eli_limit", limit);
	if (!strcmp(argv[1], "irqs"))
		start_irqs(vm, n);
	if (!strncmp(argv[1], "dev", 3))
		start_device(vm, n, tests[t].no_eoi, !strcmp(argv[1], "devprefix"));
	if (!strcmp(argv[1], "pong"))
		start_ping(vm, n);
	if (number("ELI_SECOND"))
		start_second(vm, number("ELI_SECOND"));
	alarm((unsigned)number("ELI_GIVE_UP"));
	t0 = now_ns();
	do
		if (ioctl(vcpu, KVM_RUN, 0) && errno != EINTR)
			die("KVM_RUN");
	while (run->exit_reason == KVM_EXIT_INTR ||
	       (run->exit_reason == KVM_EXIT_IO && run->io.port == 0x11));
	if (!strncmp(argv[1], "dev", 3))
		device_end();
	if (!strcmp(argv[1], "pong"))
		pthread_join(ping.thread, NULL);
	printf("elapsed_ms %llu\n", (unsigned long long)(now_ns() - t0) / 1000000);
	if (!strcmp(argv[1], "irqs"))
		report_irqs();
	report(vm);
	return run->exit_reason == KVM_EXIT_IO ? 0 : 1;
}
