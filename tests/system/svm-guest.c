// SPDX-License-Identifier: GPL-2.0
/*
 * A freestanding program that qemu-l0 boots with -kernel and that drives SVM by hand: entry, second
 * CPU, interrupts, and the guests. The first word of its command line names the test; it reports on
 * the serial port and gives its verdict through isa-debug-exit. Built and run by svm.sh.
 */

#include "svm-guest.h"

struct vmcb vmcbs[2] __attribute__((aligned(PAGE)));
u8 guest_stacks[2][PAGE] __attribute__((aligned(PAGE)));
struct gate guest_idt[256];
static struct gate host_idt[256];
static u8 hsave[2][PAGE] __attribute__((aligned(PAGE)));

extern u64 gdt[];
extern const u8 stubs[], gif0_begin[], gif0_end[], stack_top[];
extern const u8 ap_code[], ap_code_end[];
extern const u8 guest_irq2[], guest_direct[], guest_nmi[], guest_skip_ud[], guest_gp[];

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

".globl guest_main, guest_cr8, guest_read_cr8, guest_read_cr3, guest_sti, guest_ud, guest_int\n"
".globl guest_pause, guest_irqs, guest_irqs2, guest_directs, guest_nmis, guest_uds, guest_gps\n"
".globl guest_error, guest_lmsw, guest_lmsw2\n"
"guest_main:\n"
"	nop\n	nop\n	nop\n	nop\n	vmmcall\n	ud2\n"
"guest_cr8:\n"
"	mov $8, %eax\n	mov %rax, %cr8\n	xor %eax, %eax\n	mov %rax, %cr8\n	vmmcall\n	ud2\n"
"guest_read_cr8:\n	mov %cr8, %rax\n	vmmcall\n	ud2\n"
"guest_read_cr3:\n	mov %cr3, %rax\n	vmmcall\n	ud2\n"
"guest_sti:\n	sti\n	nop\n	nop\n	nop\n	vmmcall\n	ud2\n"
"guest_lmsw:\n	mov %cr0, %rax\n	xor $2, %eax\n	mov %rax, %cr0\n	xor $2, %eax\n"
"guest_lmsw2:\n	lmsw %ax\n	vmmcall\n	ud2\n"
"guest_ud:\n	ud2\n	vmmcall\n	ud2\n"
"guest_int:\n	int $0x61\n	vmmcall\n	ud2\n"
"guest_pause:\n	pause\n	pause\n	pause\n	pause\n	vmmcall\n	ud2\n"
"guest_irq:\n	incq guest_irqs(%rip)\n	iretq\n"
"guest_irq2:\n	incq guest_irqs2(%rip)\n	iretq\n"
"guest_direct:\n	incq guest_directs(%rip)\n	iretq\n"
"guest_nmi:\n	incq guest_nmis(%rip)\n	iretq\n"
"guest_skip_ud:\n	incq guest_uds(%rip)\n	addq $2, (%rsp)\n	iretq\n"
"guest_gp:\n	incq guest_gps(%rip)\n	popq guest_error(%rip)\n	iretq\n"

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
".balign 8\nguest_irqs:\n	.quad 0\nguest_irqs2:\n	.quad 0\nguest_directs:\n	.quad 0\n"
"guest_nmis:\n	.quad 0\nguest_uds:\n	.quad 0\nguest_gps:\n	.quad 0\n"
"guest_error:\n	.quad 0\n"
".balign 4096\npml4:\n	.quad pdpt + 3\n	.fill 511, 8, 0\n"
"pdpt:\n	.quad 0x83, 0x40000083, 0x80000083, 0xc0000083\n	.fill 508, 8, 0\n"
".bss\n.balign 16\n	.skip 16384\nstack_top:\n	.skip 16384\nap_stack_top:\n"
".text\n");

void print(const char *s)
{
	for (; *s; s++)
		outb(0x3f8, *s);
}

void print_number(u64 n, u32 base)
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
void report(const char *text, u64 n)
{
	print(text);
	print(" ");
	print_number(n, 10);
	print("\n");
}

/* Complains unless GOT is WANT. Returns whether it is not. */
int check(const char *text, u64 got, u64 want)
{
	if (got == want)
		return 0;
	print("# ");
	print(text);
	print(": 0x");
	print_number(got, 16);
	print(", not 0x");
	print_number(want, 16);
	print("\n");
	return 1;
}

void __attribute__((noreturn)) leave(u32 status)
{
	outl(0x501, status);
	for (;;)
		asm volatile("cli; hlt");
}

volatile u64 host_irqs[2], host_ipis[2][VEC_IPIS], gif0_irqs, host_nmis;

void host_irq(u64 vector, u64 rip);
void host_irq(u64 vector, u64 rip)
{
	const int cpu = (u64)__builtin_frame_address(0) > (u64)stack_top;

	if (vector == VEC_NMI) {
		host_nmis++;
		return;
	}
	if (vector >= VEC_IPI && vector < VEC_IPI + VEC_IPIS) {
		host_ipis[cpu][vector - VEC_IPI]++;
	} else if (vector != VEC_HOST) {
		print("# unexpected vector 0x");
		print_number(vector, 16);
		print(" at 0x");
		print_number(rip, 16);
		print("\n");
		leave(2);
	}
	if (rip >= (u64)gif0_begin && rip < (u64)gif0_end)
		gif0_irqs++;
	host_irqs[cpu]++;
	apic_write(APIC_EOI, 0);
}

static void set_gate(struct gate *g, const u8 *fn)
{
	u64 a = (u64)fn;

	*g = (struct gate){ (u16)a, CODE64, 0x8e00, (u16)(a >> 16), (u32)(a >> 32), 0 };
}

static void load_idt(void)
{
	struct table_ptr idt = { sizeof(host_idt) - 1, (u64)host_idt };

	asm volatile("lidt %0" : : "m"(idt));
}

/* What each CPU needs of its own. */
static void set_up_cpu(int cpu)
{
	load_idt();
	apic_write(APIC_SPURIOUS, 0x1ff);
	apic_write(APIC_DIVIDE, DIVIDE_BY_1);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
	wrmsr(MSR_VM_HSAVE_PA, (u64)hsave[cpu]);
}

void set_up_host(void)
{
	for (int i = 0; i < 256; i++) {
		set_gate(&host_idt[i], stubs + 16 * i);
		set_gate(&guest_idt[i], stubs + 16 * i);
	}
	set_gate(&guest_idt[VEC_GUEST], guest_irq);
	set_gate(&guest_idt[VEC_GUEST2], guest_irq2);
	set_gate(&guest_idt[VEC_DIRECT], guest_direct);
	set_gate(&guest_idt[VEC_NMI], guest_nmi);
	set_gate(&guest_idt[VEC_UD], guest_skip_ud);
	set_gate(&guest_idt[VEC_GP], guest_gp);
	/* The interrupt controller of the PC stays out of it. */
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	set_up_cpu(0);
}

/* The guest lives in this program's own address space, without nested paging. */
void set_up_guest(int cpu)
{
	struct vmcb *v = &vmcbs[cpu];
	const struct vmcb_seg data = { DATA, 0xc93, 0xffffffff, 0 };
	u64 reg;

	v->icpt3 = ICPT_INTR | ICPT_VINTR;
	v->icpt4 = ICPT_VMRUN | ICPT_VMMCALL;
	v->asid = 1 + cpu;
	v->int_ctl = V_INTR_MASKING;
	v->cs = (struct vmcb_seg){ CODE64, 0xa9b, 0xffffffff, 0 };
	v->ds = v->es = v->ss = data;
	v->gdtr = (struct vmcb_seg){ 0, 0, 39, (u64)gdt };
	v->idtr = (struct vmcb_seg){ 0, 0, sizeof(guest_idt) - 1, (u64)guest_idt };
	v->efer = rdmsr(MSR_EFER);
	asm volatile("mov %%cr0, %0" : "=r"(reg));
	v->cr0 = reg;
	asm volatile("mov %%cr3, %0" : "=r"(reg));
	v->cr3 = reg;
	asm volatile("mov %%cr4, %0" : "=r"(reg));
	v->cr4 = reg;
	v->dr6 = 0xffff0ff0;
	v->dr7 = 0x400;
}

/*
 * Runs the guest from CODE until it asks to be left, with EVENT injected into it and FLAGS. An
 * event whose delivery an exit cut short is injected again, as a hypervisor must.
 */
void run_guest_at(int cpu, const u8 *code, u32 event, u32 error, u64 flags)
{
	struct vmcb *v = &vmcbs[cpu];

	v->rip = (u64)code;
	v->rsp = (u64)guest_stacks[cpu] + PAGE;
	v->rflags = 2 | flags;
	v->event_inj = event;
	v->event_inj_err = error;
	for (;;) {
		svm_run((u64)v);
		take_interrupts();
		if (v->exit_code == EXIT_VMMCALL)
			return;
		if (v->exit_code == EXIT_VINTR) {
			v->int_ctl &= ~V_IRQ;
		} else if (v->exit_code != EXIT_INTR) {
			print("# unexpected exit 0x");
			print_number(v->exit_code, 16);
			print("\n");
			leave(2);
		}
		v->event_inj = v->exit_int_info & EVENT_VALID ? v->exit_int_info : 0;
		v->event_inj_err = v->exit_int_info_err;
	}
}

void run_guest(u32 event, u64 flags)
{
	run_guest_at(0, guest_main, event, 0, flags);
}

static volatile u32 ap_alive;
static void (*ap_function)(void);

void ap_main(void);
void ap_main(void)
{
	set_up_cpu(1);
	ap_alive = 1;
	ap_function();
}

static void delay(u64 tsc)
{
	u64 t0 = rdtsc();

	while (rdtsc() - t0 < tsc)
		asm volatile("pause");
}

/* Starts the second CPU in FN, which does not return. */
void start_ap(void (*fn)(void))
{
	volatile u8 *to = (volatile u8 *)0x8000;

	ap_function = fn;
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

/* Whether LINE begins with WORD; then *AFTER is what follows. */
static int word_is(const char *line, const char *word, const char **after)
{
	while (*word && *line == *word)
		line++, word++;
	*after = line;
	return !*word && (!*line || *line == ' ');
}

u64 numbers[3];

struct start_info { /* of the PVH boot protocol */
	u32 magic, version, flags, nr_modules;
	u64 modlist, cmdline;
};

static const struct {
	const char *name;
	u32 (*fn)(void);
} tests[] = {
	{ "x2apic", test_x2apic },
	{ "inject", test_inject },
	{ "parallel", test_parallel },
	{ "cr8", test_cr8 },
	{ "delivery", test_delivery },
	{ "npf", test_npf },
	{ "readcr", test_read_cr },
	{ "virq", test_virq },
	{ "reserved", test_reserved },
	{ "lmsw", test_lmsw },
	{ "nmi", test_nmi },
	{ "events", test_events },
	{ "ipis", test_ipis },
	{ "costs", test_costs },
};

void main(const struct start_info *info);
void main(const struct start_info *info)
{
	const char *after;

	set_up_host();
	set_up_guest(0);
	set_up_guest(1);
	for (u32 i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		if (!word_is((const char *)info->cmdline, tests[i].name, &after))
			continue;
		for (int k = 0; k < 3 && *after; k++)
			for (after++; *after >= '0' && *after <= '9'; after++)
				numbers[k] = numbers[k] * 10 + *after - '0';
		leave(tests[i].fn());
	}
	print("# unknown test\n");
	leave(BAD);
}
