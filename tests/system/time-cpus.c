// SPDX-License-Identifier: GPL-2.0
/*
 * A freestanding program that qemu-l0 boots with -kernel and that shows how the emulated machine's
 * CPUs keep time. The first word of its command line names the test, numbers follow; it reports on
 * the serial port and gives its verdict through isa-debug-exit. Built and run by time.sh.
 */

#include "time-cpus.h"

#define MAX_CPUS	16
#define IDT_SIZE	256

u64 numbers[4];
volatile u32 nr_started;	/* CPUs that run, the first included */
static void (*volatile ap_function)(u32 cpu);
static volatile u32 go;		/* goes up by one each time all CPUs start on a function */
static volatile u32 nr_done;
volatile u64 taken[MAX_CPUS], taken_at[MAX_CPUS];

struct gate {
	u16 offset_low, selector, type, offset_mid;
	u32 offset_high, zero;
};

static struct gate idt[IDT_SIZE];
extern const u8 irq_stub[], ap_code[], ap_code_end[];

/* Entry (32 bit, %ebx = PVH start info), long mode, the interrupt stub, the other CPUs' entry. */
asm(
".section .note.pvh,\"a\"\n"
"	.balign 4\n	.long 4, 4, 18\n	.asciz \"Xen\"\n	.long start32\n"
".text\n.code32\n"
".globl start32\nstart32:\n"
"	cld\n	mov $first_stack_top, %esp\n	mov %ebx, start_info\n"
"	call long_mode\n	ljmp $0x08, $start64\n"
"long_mode:\n"
"	mov $pml4, %eax\n	mov %eax, %cr3\n"
"	mov %cr4, %eax\n	or $0x20, %eax\n	mov %eax, %cr4\n"
"	mov $0xc0000080, %ecx\n	rdmsr\n	or $0x100, %eax\n	wrmsr\n"
"	lgdt gdt_ptr\n"
"	mov %cr0, %eax\n	or $0x80000001, %eax\n	mov %eax, %cr0\n	ret\n"
".code64\nstart64:\n"
"	mov $0x10, %eax\n	mov %eax, %ds\n	mov %eax, %es\n	mov %eax, %ss\n"
"	mov start_info, %edi\n	call main\n"
".globl irq_stub\n.balign 16\nirq_stub:\n"
"	push %rax\n	push %rcx\n	push %rdx\n	push %rsi\n	push %rdi\n"
"	push %r8\n	push %r9\n	push %r10\n	push %r11\n	cld\n"
"	mov %rsp, %rax\n	and $-16, %rsp\n	push %rax\n	push %rax\n"
"	call on_irq\n	pop %rsp\n"
"	pop %r11\n	pop %r10\n	pop %r9\n	pop %r8\n"
"	pop %rdi\n	pop %rsi\n	pop %rdx\n	pop %rcx\n	pop %rax\n	iretq\n"
/* Copied to 0x8000, where the other CPUs start in real mode. */
".code16\n.globl ap_code, ap_code_end\nap_code:\n"
"	cli\n	xor %ax, %ax\n	mov %ax, %ds\n	lgdtl 0x8000 + ap_gdt_ptr - ap_code\n"
"	mov %cr0, %eax\n	or $1, %al\n	mov %eax, %cr0\n	ljmpl $0x18, $ap32\n"
"ap_gdt_ptr:\n	.word 31\n	.long gdt\n"
"ap_code_end:\n"
".code32\nap32:\n"
"	mov $0x10, %eax\n	mov %eax, %ds\n	mov %eax, %es\n	mov %eax, %ss\n"
"	mov $1, %esi\n	lock xadd %esi, nr_stacks\n"
"	mov %esi, %esp\n	shl $12, %esp\n	add $stacks, %esp\n"
"	call long_mode\n	ljmp $0x08, $ap64\n"
".code64\nap64:\n	mov %esi, %edi\n	call ap_main\n"
".data\n.balign 16\ngdt:\n"
"	.quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00cf9b000000ffff\n"
"gdt_ptr:\n	.word 31\n	.quad gdt\n"
"start_info:\n	.long 0\nnr_stacks:\n	.long 1\n"
".balign 4096\npml4:\n	.quad pdpt + 3\n	.fill 511, 8, 0\n"
"pdpt:\n	.quad 0x83, 0x40000083, 0x80000083, 0xc0000083\n	.fill 508, 8, 0\n"
/* The stack of CPU n ends at stacks + n pages. */
".bss\n.balign 4096\nstacks:\n	.skip 16 * 4096\n	.skip 16384\nfirst_stack_top:\n"
".text\n");

static void print(const char *s)
{
	for (; *s; s++)
		outb(0x3f8, (u8)*s);
}

void report(const char *text, u64 n)
{
	char buf[24];
	int i = sizeof(buf) - 1;

	buf[i] = 0;
	do {
		buf[--i] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	print(text);
	print(" ");
	print(buf + i);
	print("\n");
}

static void __attribute__((noreturn)) leave(u32 verdict)
{
	outl(0x501, verdict);
	for (;;)
		asm volatile("cli; hlt");
}

u32 my_cpu(void)
{
	return apic_read(APIC_ID) >> 24;
}

void on_irq(void);
void on_irq(void)
{
	u32 cpu = my_cpu();

	taken_at[cpu] = rdtsc();
	taken[cpu]++;
	apic_write(APIC_EOI, 0);
}

static void set_up_cpu(void)
{
	struct __attribute__((packed)) {
		u16 limit;
		u64 base;
	} ptr = { sizeof(idt) - 1, (u64)idt };

	asm volatile("lidt %0" : : "m"(ptr));
	apic_write(APIC_SPURIOUS, 0x1ff);
	apic_write(APIC_DIVIDE, DIVIDE_BY_1);
}

void ap_main(u32 index);
void ap_main(u32 index)
{
	u32 seen = 0;

	(void)index;
	set_up_cpu();
	__atomic_add_fetch(&nr_started, 1, __ATOMIC_SEQ_CST);
	for (;;) {
		while (go == seen)
			asm volatile("pause");
		seen = go;
		ap_function(my_cpu());
		__atomic_add_fetch(&nr_done, 1, __ATOMIC_SEQ_CST);
	}
}

/* Runs FN on all CPUs that have been started, the caller's included, and waits for the end. */
void run_on_all(void (*fn)(u32 cpu))
{
	nr_done = 0;
	ap_function = fn;
	__atomic_add_fetch(&go, 1, __ATOMIC_SEQ_CST);
	fn(my_cpu());
	while (nr_done < nr_started - 1)
		asm volatile("pause");
}

static void delay(u64 ns)
{
	u64 t0 = rdtsc();

	while (rdtsc() - t0 < ns)
		asm volatile("pause");
}

static void start_cpus(u32 n)
{
	volatile u8 *to = (volatile u8 *)0x8000;
	u32 cpu;

	nr_started = 1;
	for (const u8 *from = ap_code; from < ap_code_end; from++)
		*to++ = *from;
	for (cpu = 1; cpu < n; cpu++) {
		apic_write(APIC_ICR_HIGH, cpu << 24);
		apic_write(APIC_ICR_LOW, ICR_INIT);
		delay(100000);
		apic_write(APIC_ICR_HIGH, cpu << 24);
		apic_write(APIC_ICR_LOW, ICR_STARTUP | 8);
		while (nr_started <= cpu)
			asm volatile("pause");
	}
}

/* Whether LINE begins with WORD; then *AFTER is what follows. */
static int word_is(const char *line, const char *word, const char **after)
{
	while (*word && *line == *word)
		line++, word++;
	*after = line;
	return !*word && (!*line || *line == ' ');
}

struct start_info { /* of the PVH boot protocol */
	u32 magic, version, flags, nr_modules;
	u64 modlist, cmdline;
};

static const struct {
	const char *name;
	u32 (*fn)(void);
} tests[] = {
	{ "loops", test_loops },
	{ "pingpong", test_pingpong },
	{ "clocks", test_clocks },
	{ "warp", test_warp },
	{ "ipi", test_ipi },
	{ "timer", test_timer },
	{ "costs", test_costs },
};

void main(const struct start_info *info);
void main(const struct start_info *info)
{
	u64 stub = (u64)irq_stub;
	const char *after;

	for (u32 i = 0; i < IDT_SIZE; i++)
		idt[i] = (struct gate){ (u16)stub, 8, 0x8e00, (u16)(stub >> 16), 0, 0 };
	/* The interrupt controller of the PC stays out of it. */
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	set_up_cpu();
	for (u32 i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		if (!word_is((const char *)info->cmdline, tests[i].name, &after))
			continue;
		for (u32 k = 0; k < 4 && *after; k++)
			for (after++; *after >= '0' && *after <= '9'; after++)
				numbers[k] = numbers[k] * 10 + (u64)(*after - '0');
		start_cpus((u32)numbers[0]);
		leave(tests[i].fn());
	}
	print("# unknown test\n");
	leave(BAD);
}
