// SPDX-License-Identifier: GPL-2.0
/*
 * A virtual machine that makes a known number of VM exits: one vCPU, a few pages of memory, no
 * devices, no interrupt controller. What a tracer counts is compared with what this guest did.
 *
 * The hard part is "known": the guest must not cause an exit of a counted kind for any purpose of
 * its own. So it says that it is done by a write to an address without memory (an MMIO exit, which
 * is not one of the counted kinds), once per round, and everything it needs is in its registers
 * before it starts. Host interrupts and first touches of memory make other exits, of other kinds.
 *
 * Linked statically, and without any part of exitlab: it also runs in an image without libraries.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { EX_OK = 0, EX_FAIL = 1, EX_INPUT = 2, EX_CANNOT = 4 };	/* as exitlab's own */

/* Guest-physical layout; virtual addresses are the same. */
#define MEM_SIZE	0x200000ul
#define PML4		0x1000
#define PDPT		0x2000
#define PD		0x3000
#define CODE		0x10000
#define DONE		MEM_SIZE	/* mapped by the guest, backed by nothing */

#define NOWHERE		(DONE + 0x1000)	/* likewise, and so are MAX_PAGES pages behind it */
#define MAX_PAGES	510

#define PORT		0xf1		/* nothing has ever lived there */
#define PTE_PRESENT_RW	0x3
#define PTE_LARGE	0x80

#define MAX_COUNT	UINT32_MAX

/*
 * r9..r15 hold how many of each to make, rdi the address of DONE. MSR 0x8b (microcode revision) is
 * intercepted on AMD and Intel; KVM accepts and ignores what a guest writes there, as the
 * architecture asks of it ("write 0 before CPUID to read the revision").
 */
extern const unsigned char guest_code[], guest_code_end[];
asm(".pushsection .rodata\n"
"guest_code:\n"
"	mov %r12, %r8\n"
"	test %r8, %r8\n	jz 2f\n"
"1:	mov $0x8b, %ecx\n	xor %eax, %eax\n	xor %edx, %edx\n	wrmsr\n"
"	dec %r8\n	jnz 1b\n"
"2:	mov %r13, %r8\n"
"	test %r8, %r8\n	jz 4f\n"
"3:	xor %eax, %eax\n	xor %ecx, %ecx\n	cpuid\n"
"	dec %r8\n	jnz 3b\n"
"4:	mov %r14, %r8\n"
"	test %r8, %r8\n	jz 6f\n"
"5:	out %al, $0xf1\n"
"	dec %r8\n	jnz 5b\n"
"6:	mov %r15, %r8\n"
"	test %r8, %r8\n	jz 8f\n"
"7:	hlt\n"
"	dec %r8\n	jnz 7b\n"
"8:	mov %r10, %r8\n"
"	test %r8, %r8\n	jz 10f\n"
"9:	in $0xf1, %al\n"
"	dec %r8\n	jnz 9b\n"
"10:	mov %r11, %r8\n"
"	test %r8, %r8\n	jz 12f\n"
"11:	movb 0x1000(%rdi), %al\n"
"	dec %r8\n	jnz 11b\n"
"12:	mov %r9, %r8\n"
"	test %r8, %r8\n	jz 14f\n"
"13:	mov %r8, %rax\n	shl $12, %rax\n	movb 0x1000(%rdi, %rax), %al\n"
"	dec %r8\n	jnz 13b\n"
"14:	movb %al, (%rdi)\n"
"	jmp guest_code\n"
"guest_code_end:\n"
"	.popsection\n");

enum { OUT, CPUID, HLT, WRMSR, IN, MMIO, PAGES, NR_KINDS };
static const char *const kind_name[NR_KINDS] = { "out", "cpuid", "hlt", "wrmsr", "in", "mmio", "pages" };

struct options {
	uint64_t count[NR_KINDS];	/* per round */
	double loop_s;			/* repeat rounds for so long; 0 = one round */
	bool wait, json;
};

struct machine {
	int kvm, vm, vcpu;
	unsigned char *mem;
	struct kvm_run *run;
};

struct result {
	uint64_t rounds, user_exits;
	uint64_t seen[NR_KINDS];	/* exits to user space: not CPUID and WRMSR */
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int fail(const char *what)
{
	fprintf(stderr, "kvmguest: %s: %s\n", what, strerror(errno));
	return EX_FAIL;
}

static void set_up_memory(struct machine *m)
{
	uint64_t *pml4 = (uint64_t *)(m->mem + PML4), *pdpt = (uint64_t *)(m->mem + PDPT);
	uint64_t *pd = (uint64_t *)(m->mem + PD);

	pml4[0] = PDPT | PTE_PRESENT_RW;
	pdpt[0] = PD | PTE_PRESENT_RW;
	pd[0] = 0 | PTE_PRESENT_RW | PTE_LARGE;
	pd[DONE >> 21] = DONE | PTE_PRESENT_RW | PTE_LARGE;
	memcpy(m->mem + CODE, guest_code, (size_t)(guest_code_end - guest_code));
}

/* CPUID leaves as KVM offers them, so that EFER.LME is legal. */
static int set_up_cpuid(struct machine *m)
{
	const int room = 256;
	struct kvm_cpuid2 *c = calloc(1, sizeof(*c) + (size_t)room * sizeof(c->entries[0]));
	int ret = EX_OK;

	if (!c)
		return fail("CPUID table");
	c->nent = (uint32_t)room;
	if (ioctl(m->kvm, KVM_GET_SUPPORTED_CPUID, c) || ioctl(m->vcpu, KVM_SET_CPUID2, c))
		ret = fail("KVM_SET_CPUID2");
	free(c);
	return ret;
}

/* 64-bit mode, privilege level 0, flat segments, interrupts off. */
static int set_up_registers(struct machine *m, const struct options *o)
{
	struct kvm_segment code = { .limit = ~0u, .selector = 0x8, .type = 11, .present = 1,
				    .s = 1, .l = 1, .g = 1 };
	struct kvm_segment data = { .limit = ~0u, .selector = 0x10, .type = 3, .present = 1,
				    .s = 1, .db = 1, .g = 1 };
	struct kvm_regs r = { .rip = CODE, .rsp = CODE, .rflags = 2, .rdi = DONE,
			      .r12 = o->count[WRMSR], .r13 = o->count[CPUID],
			      .r14 = o->count[OUT], .r15 = o->count[HLT],
			      .r10 = o->count[IN], .r11 = o->count[MMIO],
			      .r9 = o->count[PAGES] };
	struct kvm_sregs s;

	if (ioctl(m->vcpu, KVM_GET_SREGS, &s))
		return fail("KVM_GET_SREGS");
	s.cs = code;
	s.ds = s.es = s.ss = s.fs = s.gs = data;
	s.cr3 = PML4;
	s.cr4 = 1u << 5;			/* PAE */
	s.cr0 = 0x80000011;			/* PG, ET, PE */
	s.efer = 1u << 8 | 1u << 10;		/* LME, LMA */
	if (ioctl(m->vcpu, KVM_SET_SREGS, &s))
		return fail("KVM_SET_SREGS");
	if (ioctl(m->vcpu, KVM_SET_REGS, &r))
		return fail("KVM_SET_REGS");
	return EX_OK;
}

static int set_up(struct machine *m, const struct options *o)
{
	struct kvm_userspace_memory_region slot = { .memory_size = MEM_SIZE };
	int size, ret;

	m->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (m->kvm < 0) {
		fail("/dev/kvm");
		return EX_CANNOT;
	}
	m->vm = ioctl(m->kvm, KVM_CREATE_VM, 0);
	if (m->vm < 0) {
		fail("KVM_CREATE_VM");
		return EX_CANNOT;
	}
	/* Only Intel without unrestricted guests needs the two pages; others ignore them. */
	ioctl(m->vm, KVM_SET_TSS_ADDR, 0xfffbd000ul);
	m->mem = mmap(NULL, MEM_SIZE, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (m->mem == MAP_FAILED)
		return fail("guest memory");
	set_up_memory(m);
	slot.userspace_addr = (uintptr_t)m->mem;
	if (ioctl(m->vm, KVM_SET_USER_MEMORY_REGION, &slot))
		return fail("KVM_SET_USER_MEMORY_REGION");
	m->vcpu = ioctl(m->vm, KVM_CREATE_VCPU, 0);
	if (m->vcpu < 0)
		return fail("KVM_CREATE_VCPU");
	size = ioctl(m->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (size < 0)
		return fail("KVM_GET_VCPU_MMAP_SIZE");
	m->run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, m->vcpu, 0);
	if (m->run == MAP_FAILED)
		return fail("kvm_run");
	ret = set_up_cpuid(m);
	return ret ? ret : set_up_registers(m, o);
}

static int unexpected(const struct machine *m)
{
	struct kvm_regs r = { 0 };

	ioctl(m->vcpu, KVM_GET_REGS, &r);
	fprintf(stderr, "kvmguest: unexpected KVM exit %u at rip 0x%llx\n", m->run->exit_reason,
		(unsigned long long)r.rip);
	return EX_FAIL;
}

static int run(struct machine *m, const struct options *o, struct result *res)
{
	double end = now() + o->loop_s;

	for (;;) {
		if (ioctl(m->vcpu, KVM_RUN, 0)) {
			if (errno == EINTR)
				continue;
			return fail("KVM_RUN");
		}
		res->user_exits++;
		if (m->run->exit_reason == KVM_EXIT_IO && m->run->io.port == PORT) {
			res->seen[m->run->io.direction == KVM_EXIT_IO_OUT ? OUT : IN]++;
		} else if (m->run->exit_reason == KVM_EXIT_HLT) {
			res->seen[HLT]++;
		} else if (m->run->exit_reason == KVM_EXIT_MMIO &&
			   m->run->mmio.phys_addr == NOWHERE) {
			res->seen[MMIO]++;
		} else if (m->run->exit_reason == KVM_EXIT_MMIO &&
			   m->run->mmio.phys_addr > NOWHERE) {
			res->seen[PAGES]++;
		} else if (m->run->exit_reason == KVM_EXIT_MMIO && m->run->mmio.phys_addr == DONE) {
			res->rounds++;
			if (now() >= end)
				return EX_OK;
		} else {
			return unexpected(m);
		}
	}
}

/* The guest has got through its program, so it did what it was told; user space saw half of it. */
static int report(const struct options *o, const struct result *res)
{
	const char *sep = "";
	int k;

	for (k = 0; k < NR_KINDS; k++) {
		if (k != CPUID && k != WRMSR && res->seen[k] != o->count[k] * res->rounds) {
			fprintf(stderr, "kvmguest: %" PRIu64 " exits for %s reached user space, "
				"the guest made %" PRIu64 "\n", res->seen[k], kind_name[k],
				o->count[k] * res->rounds);
			return EX_FAIL;
		}
	}
	if (o->json)
		putchar('{');
	for (k = 0; k < NR_KINDS; k++, sep = o->json ? "," : " ")
		/* The later kinds are named when asked for. */
		if (k < IN || o->count[k])
			printf(o->json ? "%s\"%s\":%" PRIu64 : "%s%s=%" PRIu64, sep,
			       kind_name[k], o->count[k] * res->rounds);
	printf(o->json ? ",\"user_exits\":%" PRIu64 "}\n" : " user_exits=%" PRIu64 "\n",
	       res->user_exits);
	return fflush(stdout) ? fail("stdout") : EX_OK;
}

static int wait_for_newline(void)
{
	int c;

	puts("ready");
	if (fflush(stdout))
		return fail("stdout");
	while ((c = getchar()) != '\n') {
		if (c == EOF) {
			fprintf(stderr, "kvmguest: stdin ended before the newline to start\n");
			return EX_INPUT;
		}
	}
	return EX_OK;
}

static void usage(FILE *f)
{
	fprintf(f, "Usage: kvmguest [--wait] [--json] [--out N] [--cpuid N] [--hlt N] [--wrmsr N]\n"
		"                [--in N] [--mmio N] [--pages N] [--loop SECONDS]\n"
		"Runs a virtual machine that makes exactly N VM exits of each kind.\n\n"
		"  --out N         writes to an I/O port\n"
		"  --cpuid N       CPUID instructions\n"
		"  --hlt N         HLT instructions (end in user space: no interrupt controller)\n"
		"  --wrmsr N       writes to MSR 0x8b\n"
		"  --in N          reads from the port that --out writes to\n"
		"  --mmio N        reads from guest-physical address 0x201000, where nothing is\n"
		"  --pages N       reads from N pages above that (up to 510), one each\n"
		"  --loop SECONDS  repeat the whole for so long; totals are printed\n"
		"  --wait          set up, print \"ready\", run after a newline on stdin\n"
		"  --json          print the result as JSON\n\n"
		"One more exit of another kind (MMIO) ends each round.\n"
		"Exit status: 0 done, 1 failed, 2 bad arguments, 4 no usable /dev/kvm.\n");
}

static int number(const char *opt, const char *arg, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(arg, &end, 10);
	if (errno || end == arg || *end || *arg < '0' || *arg > '9' || *out > MAX_COUNT) {
		fprintf(stderr, "kvmguest: --%s: '%s' is not a number from 0 to %u\n", opt, arg,
			MAX_COUNT);
		return EX_INPUT;
	}
	return EX_OK;
}

static int seconds(const char *arg, double *out)
{
	char *end;

	*out = strtod(arg, &end);
	if (end == arg || *end || !(*out > 0 && *out <= 86400)) {
		fprintf(stderr, "kvmguest: --loop: '%s' is not a time from 0 to 86400 s\n", arg);
		return EX_INPUT;
	}
	return EX_OK;
}

/* -1: go on; else the exit status. */
static int parse(int argc, char **argv, struct options *o)
{
	static const struct option opts[] = {
		{ "out", required_argument, NULL, OUT }, { "cpuid", required_argument, NULL, CPUID },
		{ "hlt", required_argument, NULL, HLT }, { "wrmsr", required_argument, NULL, WRMSR },
		{ "in", required_argument, NULL, IN }, { "mmio", required_argument, NULL, MMIO },
		{ "pages", required_argument, NULL, PAGES },
		{ "loop", required_argument, NULL, 'l' }, { "wait", no_argument, NULL, 'w' },
		{ "json", no_argument, NULL, 'j' }, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	uint64_t sum = 0;
	int c, k, ret = EX_OK;

	while (!ret && (c = getopt_long(argc, argv, "h", opts, NULL)) != -1) {
		if (c >= 0 && c < NR_KINDS) {
			ret = number(kind_name[c], optarg, &o->count[c]);
		} else if (c == 'l') {
			ret = seconds(optarg, &o->loop_s);
		} else if (c == 'w') {
			o->wait = true;
		} else if (c == 'j') {
			o->json = true;
		} else if (c == 'h') {
			usage(stdout);
			return EX_OK;
		} else {
			return EX_INPUT;	/* getopt has said it */
		}
	}
	if (ret)
		return ret;
	for (k = 0; k < NR_KINDS; k++)
		sum += o->count[k];
	if (o->count[PAGES] > MAX_PAGES) {
		fprintf(stderr, "kvmguest: --pages: there are %d\n", MAX_PAGES);
		return EX_INPUT;
	}
	if (optind < argc || !sum) {
		fprintf(stderr, optind < argc ? "kvmguest: unexpected argument '%s'\n" :
			"kvmguest: nothing to do: name at least one kind of exit%s\n",
			optind < argc ? argv[optind] : "");
		return EX_INPUT;
	}
	return -1;
}

int main(int argc, char **argv)
{
	struct machine m = { .kvm = -1, .vm = -1, .vcpu = -1 };
	struct options o = { 0 };
	struct result res = { 0 };
	int ret = parse(argc, argv, &o);

	if (ret >= 0)
		return ret;
	ret = set_up(&m, &o);
	if (!ret && o.wait)
		ret = wait_for_newline();
	if (!ret)
		ret = run(&m, &o, &res);
	if (!ret)
		ret = report(&o, &res);
	/* Nothing is closed here: whoever watches can still read the VM's counters at the end. */
	return ret;
}
