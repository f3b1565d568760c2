// SPDX-License-Identifier: GPL-2.0
/*
 * A freestanding program that qemu-l0 boots with -kernel and that drives SVM by hand, to show the
 * defects of QEMU's emulation which testbed/qemu/patches mend. The first word of its command line
 * names the test; it reports on the serial port and gives its verdict through isa-debug-exit. Built
 * and run by svm.sh.
 *
 * The hard thing is to make a defect that needs two events in the same instruction appear every
 * time: with -icount shift=0 one instruction takes one nanosecond, as does one count of the APIC
 * timer, so a sweep over the timer's initial count puts its expiry behind every instruction in
 * turn.
 */

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;

#define PAGE		4096
#define CODE64		0x08
#define DATA		0x10

#define MSR_APIC_BASE	0x1b
#define MSR_X2APIC	0x800		/* + register offset / 16 */
#define MSR_EFER	0xc0000080
#define MSR_VM_HSAVE_PA	0xc0010117
#define EFER_SVME	(1u << 12)

#define APIC_EOI	0xb0
#define APIC_SPURIOUS	0xf0
#define APIC_IRR	0x200
#define APIC_ICR_LOW	0x300
#define APIC_ICR_HIGH	0x310
#define APIC_TIMER	0x320
#define APIC_INITIAL	0x380
#define APIC_CURRENT	0x390
#define APIC_DIVIDE	0x3e0
#define DIVIDE_BY_1	0xb
#define LVT_MASKED	(1u << 16)
#define ICR_SELF	(1u << 18)
#define ICR_INIT	0x4500
#define ICR_STARTUP	0x4600

#define FLAG_IF		0x200

#define VEC_HOST	0x50 /* taken by this program: timer or inter-processor interrupt */
#define VEC_GUEST	0x41		/* injected into the guest */

#define EXIT_INTR	0x60
#define EXIT_VINTR	0x64
#define EXIT_VMMCALL	0x81
#define ICPT_INTR	(1u << 0)	/* word 3 */
#define ICPT_VINTR	(1u << 4)
#define ICPT_VMRUN	(1u << 0)	/* word 4 */
#define ICPT_VMMCALL	(1u << 1)
#define EVENT_INTR	(1u << 31)	/* valid, type 0 */
#define V_IRQ		(1u << 8)
#define V_PRIO_MAX	(15u << 16)
#define V_IGN_TPR	(1u << 20)
#define V_INTR_MASKING	(1u << 24)

struct vmcb_seg {
	u16 selector, attrib;
	u32 limit;
	u64 base;
} __attribute__((packed));

/* AMD64 Architecture Programmer's Manual, volume 2, appendix B; only the fields that are used. */
struct vmcb {
	u32 icpt_cr, icpt_dr, icpt_exception, icpt3, icpt4;
	u8 pad0[0x58 - 0x14];
	u32 asid;
	u8 tlb_ctl, pad1[3];
	u32 int_ctl, int_vector;
	u64 int_state, exit_code, exit_info1, exit_info2;
	u32 exit_int_info, exit_int_info_err;
	u8 pad2[0xa8 - 0x90];
	u32 event_inj, event_inj_err;
	u8 pad3[0x400 - 0xb0];
	struct vmcb_seg es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
	u8 pad4[0x4cb - 0x4a0];
	u8 cpl, pad5[4];
	u64 efer;
	u8 pad6[0x548 - 0x4d8];
	u64 cr4, cr3, cr0, dr7, dr6, rflags, rip;
	u8 pad7[0x5d8 - 0x580];
	u64 rsp;
	u8 pad8[0x5f8 - 0x5e0];
	u64 rax;
	u8 pad9[PAGE - 0x600];
} __attribute__((packed));

struct gate {
	u16 offset_low, selector, type, offset_mid;
	u32 offset_high, zero;
};

struct table_ptr {
	u16 limit;
	u64 base;
} __attribute__((packed));

_Static_assert(sizeof(struct vmcb) == PAGE, "a VMCB is a page");
_Static_assert(__builtin_offsetof(struct vmcb, rax) == 0x5f8, "layout of the VMCB");
_Static_assert(__builtin_offsetof(struct vmcb, efer) == 0x4d0, "layout of the VMCB");

static struct vmcb vmcb __attribute__((aligned(PAGE)));
static u8 hsave[PAGE] __attribute__((aligned(PAGE)));
static struct gate host_idt[256], guest_idt[256];
static u8 guest_stack[PAGE] __attribute__((aligned(PAGE)));

extern u64 gdt[];
extern const u8 stubs[], guest_main[], guest_cr8[], guest_irq[], gif0_begin[], gif0_end[];
extern const u8 ap_code[], ap_code_end[];
extern volatile u64 guest_irqs;
void svm_run(u64 vmcb_pa);

/* Entry (32 bit, %ebx = PVH start info), long mode, interrupt stubs, the guest, the second CPU. */
asm(
".section .note.pvh,\"a\"\n"
"	.balign 4\n	.long 4, 4, 18\n	.asciz \"Xen\"\n	.long start32\n"
".text\n.code32\n"
".globl start32\nstart32:\n"
"	cld\n	mov $stack_top, %esp\n	mov %ebx, start_info\n"
"	call long_mode\n"
"	ljmp $0x08, $start64\n"
/* Identity map of 4 GiB by four 1 GiB pages. Used by both CPUs. */
"long_mode:\n"
"	mov $pml4, %eax\n	mov %eax, %cr3\n"
"	mov %cr4, %eax\n	or $0x20, %eax\n	mov %eax, %cr4\n"
"	mov $0xc0000080, %ecx\n	rdmsr\n	or $0x100, %eax\n	wrmsr\n"
"	lgdt gdt_ptr\n"
"	mov %cr0, %eax\n	or $0x80000001, %eax\n	mov %eax, %cr0\n"
"	ret\n"
".code64\n"
"start64:\n"
"	mov $0x10, %eax\n	mov %eax, %ds\n	mov %eax, %es\n	mov %eax, %ss\n"
"	mov start_info, %edi\n	call main\n"
"1:	hlt\n	jmp 1b\n"

".balign 16\nstubs:\n"
".set vec, 0\n.rept 256\n	.balign 16\n	push $vec\n	jmp common\n	.set vec, vec + 1\n.endr\n"
"common:\n"
"	push %rax\n	push %rcx\n	push %rdx\n	push %rsi\n	push %rdi\n"
"	push %r8\n	push %r9\n	push %r10\n	push %r11\n"
"	mov 72(%rsp), %rdi\n	mov 80(%rsp), %rsi\n	cld\n"
"	mov %rsp, %rax\n	and $-16, %rsp\n	push %rax\n	push %rax\n"
"	call host_irq\n	pop %rsp\n"
"	pop %r11\n	pop %r10\n	pop %r9\n	pop %r8\n"
"	pop %rdi\n	pop %rsi\n	pop %rdx\n	pop %rcx\n	pop %rax\n"
"	add $8, %rsp\n	iretq\n"

/* GIF is 0 from behind CLGI to STGI, but for the guest's time inside VMRUN. */
".globl svm_run\nsvm_run:\n"
"	push %rbx\n	push %rbp\n	push %r12\n	push %r13\n	push %r14\n	push %r15\n"
"	mov %rdi, %rax\n	clgi\n"
"gif0_begin:\n"
"	sti\n	vmrun %rax\n	nop\n	nop\n	cli\n	stgi\n"
"gif0_end:\n"
"	pop %r15\n	pop %r14\n	pop %r13\n	pop %r12\n	pop %rbp\n	pop %rbx\n	ret\n"

"guest_main:\n"
"	nop\n	nop\n	nop\n	nop\n	vmmcall\n	ud2\n"
"guest_cr8:\n"
"	mov $8, %eax\n	mov %rax, %cr8\n	xor %eax, %eax\n	mov %rax, %cr8\n	vmmcall\n	ud2\n"
"guest_irq:\n"
"	incq guest_irqs(%rip)\n	iretq\n"

/* Copied to 0x8000, where the second CPU starts in real mode. */
".code16\nap_code:\n"
"	cli\n	xor %ax, %ax\n	mov %ax, %ds\n"
"	lgdtl 0x8000 + ap_gdt_ptr - ap_code\n"
"	mov %cr0, %eax\n	or $1, %al\n	mov %eax, %cr0\n"
"	ljmpl $0x18, $ap32\n"
"ap_gdt_ptr:\n	.word 39\n	.long gdt\n"
"ap_code_end:\n"
".code32\n"
"ap32:\n	mov $0x10, %eax\n	mov %eax, %ds\n	mov %eax, %es\n	mov %eax, %ss\n"
"	mov $ap_stack_top, %esp\n	call long_mode\n	ljmp $0x08, $ap64\n"
".code64\nap64:\n	call ap_main\n1:	hlt\n	jmp 1b\n"

".data\n.balign 16\n.globl gdt\ngdt:\n"
"	.quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00cf9b000000ffff, 0\n"
"gdt_ptr:\n	.word 39\n	.quad gdt\n"
"start_info:\n	.long 0\n"
".balign 8\nguest_irqs:\n	.quad 0\n"
".balign 4096\npml4:\n	.quad pdpt + 3\n	.fill 511, 8, 0\n"
"pdpt:\n	.quad 0x83, 0x40000083, 0x80000083, 0xc0000083\n	.fill 508, 8, 0\n"
".bss\n.balign 16\n	.skip 16384\nstack_top:\n	.skip 16384\nap_stack_top:\n"
".text\n");

static inline void outb(u16 port, u8 v) { asm volatile("outb %0, %1" : : "a"(v), "Nd"(port)); }
static inline void outl(u16 port, u32 v) { asm volatile("outl %0, %1" : : "a"(v), "Nd"(port)); }

static inline u64 rdmsr(u32 msr)
{
	u32 lo, hi;

	asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return lo | (u64)hi << 32;
}

static inline void wrmsr(u32 msr, u64 v)
{
	asm volatile("wrmsr" : : "a"((u32)v), "d"((u32)(v >> 32)), "c"(msr) : "memory");
}

static inline u64 rdtsc(void)
{
	u32 lo, hi;

	asm volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return lo | (u64)hi << 32;
}

static inline u32 apic_read(u32 reg) { return *(volatile u32 *)(0xfee00000ul + reg); }
static inline void apic_write(u32 reg, u32 v) { *(volatile u32 *)(0xfee00000ul + reg) = v; }

static void print(const char *s)
{
	for (; *s; s++)
		outb(0x3f8, *s);
}

static void print_number(u64 n, u32 base)
{
	char buf[24];
	int i = sizeof(buf) - 1;

	buf[i] = 0;
	do {
		buf[--i] = "0123456789abcdef"[n % base];
		n /= base;
	} while (n);
	print(buf + i);
}

/* Prints "TEXT NUMBER\n". */
static void report(const char *text, u64 n)
{
	print(text);
	print(" ");
	print_number(n, 10);
	print("\n");
}

/* QEMU's exit status becomes 2 * status + 1: 33 is good; 1, which a dying QEMU returns, is not. */
#define BAD	1
#define GOOD	16
#define TOO_FEW	17 /* nothing wrong seen, in too few rounds to be sure */
static void __attribute__((noreturn)) leave(u32 status)
{
	outl(0x501, status);
	for (;;)
		asm volatile("cli; hlt");
}

static volatile u64 host_irqs, gif0_irqs;

void host_irq(u64 vector, u64 rip);
void host_irq(u64 vector, u64 rip)
{
	if (vector != VEC_HOST) {
		print("unexpected vector 0x");
		print_number(vector, 16);
		print(" at 0x");
		print_number(rip, 16);
		print("\n");
		leave(2);
	}
	if (rip >= (u64)gif0_begin && rip < (u64)gif0_end)
		gif0_irqs++;
	host_irqs++;
	apic_write(APIC_EOI, 0);
}

static void set_gate(struct gate *g, const u8 *fn)
{
	u64 a = (u64)fn;

	*g = (struct gate){ (u16)a, CODE64, 0x8e00, (u16)(a >> 16), (u32)(a >> 32), 0 };
}

static void set_up_host(void)
{
	struct table_ptr idt = { sizeof(host_idt) - 1, (u64)host_idt };

	for (int i = 0; i < 256; i++) {
		set_gate(&host_idt[i], stubs + 16 * i);
		set_gate(&guest_idt[i], stubs + 16 * i);
	}
	set_gate(&guest_idt[VEC_GUEST], guest_irq);
	asm volatile("lidt %0" : : "m"(idt));
	/* The interrupt controller of the PC stays out of it. */
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	apic_write(APIC_SPURIOUS, 0x1ff);
	apic_write(APIC_DIVIDE, DIVIDE_BY_1);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
	wrmsr(MSR_VM_HSAVE_PA, (u64)hsave);
}

/* The guest lives in this program's own address space, without nested paging. */
static void set_up_guest(void)
{
	const struct vmcb_seg data = { DATA, 0xc93, 0xffffffff, 0 };
	u64 v;

	vmcb.icpt3 = ICPT_INTR | ICPT_VINTR;
	vmcb.icpt4 = ICPT_VMRUN | ICPT_VMMCALL;
	vmcb.asid = 1;
	vmcb.int_ctl = V_INTR_MASKING;
	vmcb.cs = (struct vmcb_seg){ CODE64, 0xa9b, 0xffffffff, 0 };
	vmcb.ds = vmcb.es = vmcb.ss = data;
	vmcb.gdtr = (struct vmcb_seg){ 0, 0, 39, (u64)gdt };
	vmcb.idtr = (struct vmcb_seg){ 0, 0, sizeof(guest_idt) - 1, (u64)guest_idt };
	vmcb.efer = rdmsr(MSR_EFER);
	asm volatile("mov %%cr0, %0" : "=r"(v));
	vmcb.cr0 = v;
	asm volatile("mov %%cr3, %0" : "=r"(v));
	vmcb.cr3 = v;
	asm volatile("mov %%cr4, %0" : "=r"(v));
	vmcb.cr4 = v;
	vmcb.dr6 = 0xffff0ff0;
	vmcb.dr7 = 0x400;
}

/* Interrupts that became pending while GIF was 0 are taken here. */
static inline void take_interrupts(void)
{
	asm volatile("sti; nop; nop; cli" : : : "memory");
}

/*
 * Runs the guest from CODE until it asks to be left, with EVENT injected into it and FLAGS. An
 * event whose delivery an exit cut short is injected again, as a hypervisor must.
 */
static void run_guest_at(const u8 *code, u32 event, u64 flags)
{
	vmcb.rip = (u64)code;
	vmcb.rsp = (u64)guest_stack + PAGE;
	vmcb.rflags = 2 | flags;
	vmcb.event_inj = event;
	for (;;) {
		svm_run((u64)&vmcb);
		take_interrupts();
		if (vmcb.exit_code == EXIT_VMMCALL)
			return;
		if (vmcb.exit_code == EXIT_VINTR) {
			vmcb.int_ctl &= ~V_IRQ;
		} else if (vmcb.exit_code != EXIT_INTR) {
			print("unexpected exit 0x");
			print_number(vmcb.exit_code, 16);
			print("\n");
			leave(2);
		}
		vmcb.event_inj = vmcb.exit_int_info & EVENT_INTR ? vmcb.exit_int_info : 0;
	}
}

static void run_guest(u32 event, u64 flags)
{
	run_guest_at(guest_main, event, flags);
}

/* x2APIC timer registers are MSRs that read the clock. An unpatched QEMU aborts at the first. */
static u32 test_x2apic(void)
{
	u64 a, b;

	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 0xc00);
	wrmsr(MSR_X2APIC + APIC_DIVIDE / 16, DIVIDE_BY_1);
	wrmsr(MSR_X2APIC + APIC_TIMER / 16, LVT_MASKED | VEC_HOST);
	wrmsr(MSR_X2APIC + APIC_INITIAL / 16, 1000000);
	a = rdmsr(MSR_X2APIC + APIC_CURRENT / 16);
	asm volatile("mov $1000, %%ecx; 1: dec %%ecx; jnz 1b" : : : "ecx", "cc");
	b = rdmsr(MSR_X2APIC + APIC_CURRENT / 16);
	report("# counts passed in 2000 instructions:", a - b);
	return a > 1000000 || a - b < 1990 || a - b > 2020 ? BAD : GOOD;
}

/* One injection for every distance of the timer's expiry; the guest has interrupts off. */
static u32 test_inject(void)
{
	const u32 sweep = 128, rounds = 100 * sweep;
	u64 before, wrong = 0;

	apic_write(APIC_TIMER, VEC_HOST);
	for (u32 n = 0; n < rounds; n++) {
		before = guest_irqs;
		apic_write(APIC_INITIAL, n % sweep + 1);
		run_guest(EVENT_INTR | VEC_GUEST, 0);
		apic_write(APIC_INITIAL, 0);
		take_interrupts();
		if (guest_irqs != before + 1 && !wrong++)
			report("# first wrong delivery with the timer at", n % sweep + 1);
	}
	report("# injected:", rounds);
	report("# delivered:", guest_irqs);
	report("# timer interrupts:", host_irqs);
	/* A sweep proves something only if the timer expired now before, now behind the VMRUN. */
	if (guest_irqs != rounds || host_irqs < rounds / 8 || host_irqs > rounds - rounds / 8)
		return BAD;
	return GOOD;
}

static volatile u32 ap_alive;
static volatile u64 round, sent;

void ap_main(void);
/* The second CPU: one interrupt per round, at a distance from the VMRUN that changes. */
void ap_main(void)
{
	apic_write(APIC_SPURIOUS, 0x1ff);
	ap_alive = 1;
	for (;;) {
		while (sent == round)
			asm volatile("" : : : "memory");
		for (u32 i = sent * 7 % 1024; i; i--)
			asm volatile("" : : : "memory");
		sent++;
		apic_write(APIC_ICR_HIGH, 0);
		apic_write(APIC_ICR_LOW, VEC_HOST);
	}
}

static void delay(u64 tsc)
{
	u64 t0 = rdtsc();

	while (rdtsc() - t0 < tsc)
		asm volatile("pause");
}

static void start_ap(void)
{
	volatile u8 *to = (volatile u8 *)0x8000;

	for (const u8 *from = ap_code; from < ap_code_end; from++)
		*to++ = *from;
	apic_write(APIC_ICR_HIGH, 1u << 24);
	apic_write(APIC_ICR_LOW, ICR_INIT);
	delay(10000000);
	apic_write(APIC_ICR_HIGH, 1u << 24);
	apic_write(APIC_ICR_LOW, ICR_STARTUP | 8);
	while (!ap_alive)
		asm volatile("pause");
}

/*
 * Needs two CPUs that run in parallel. While one sends an interrupt, the other enters a guest that
 * has a virtual interrupt pending. None may be lost, none may be taken while GIF is 0.
 */
static u32 test_parallel(void)
{
	/* Some seconds; fewer rounds on a busy machine, where CPUs seldom run at the same time. */
	const u64 rounds = 200000, ticks = 20000000000;
	u64 lost = 0, start, n;

	start_ap();
	start = rdtsc();
	for (n = 1; n <= rounds && rdtsc() - start < ticks; n++) {
		u32 spins = 0, seen = 0;

		vmcb.int_ctl = V_INTR_MASKING | V_IRQ | V_PRIO_MAX | V_IGN_TPR;
		round = n;
		run_guest(n & 1 ? EVENT_INTR | VEC_GUEST : 0, FLAG_IF);
		while (host_irqs < n) {
			take_interrupts();
			if (++spins % 4096 ||
			    !(apic_read(APIC_IRR + VEC_HOST / 32 * 16) >> VEC_HOST % 32 & 1))
				continue;
			/* Known to the APIC and still not taken a long time later: nobody told the
			 * CPU. */
			if (++seen < 3)
				continue;
			seen = 0;
			lost++;
			apic_write(APIC_ICR_LOW, VEC_HOST | ICR_SELF);
		}
	}
	report("# interrupts sent:", sent);
	report("# taken:", host_irqs);
	report("# taken although GIF was 0:", gif0_irqs);
	report("# pending but never signalled:", lost);
	report("# injected:", n / 2);
	report("# delivered:", guest_irqs);
	if (gif0_irqs || lost || guest_irqs != n / 2)
		return BAD;
	return n > rounds ? GOOD : TOO_FEW;
}

/* A guest that lowers its task priority while a virtual interrupt waits for IF. */
static u32 test_cr8(void)
{
	vmcb.int_ctl = V_INTR_MASKING | V_IRQ | V_PRIO_MAX;
	run_guest_at(guest_cr8, 0, 0);
	report("# virtual interrupt still pending:", !!(vmcb.int_ctl & V_IRQ));
	return vmcb.int_ctl & V_IRQ ? GOOD : BAD;
}

static int word_is(const char *line, const char *word)
{
	while (*word && *line == *word)
		line++, word++;
	return !*word;
}

struct start_info { /* of the PVH boot protocol */
	u32 magic, version, flags, nr_modules;
	u64 modlist, cmdline;
};

void main(const struct start_info *info);
void main(const struct start_info *info)
{
	const char *line = (const char *)info->cmdline;
	u32 verdict = BAD;

	set_up_host();
	set_up_guest();
	if (word_is(line, "x2apic"))
		verdict = test_x2apic();
	else if (word_is(line, "inject"))
		verdict = test_inject();
	else if (word_is(line, "parallel"))
		verdict = test_parallel();
	else if (word_is(line, "cr8"))
		verdict = test_cr8();
	else
		print("# unknown test\n");
	leave(verdict);
}
