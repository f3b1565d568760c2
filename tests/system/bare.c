// SPDX-License-Identifier: GPL-2.0
/*
 * The ground under the freestanding programs of time.sh and svm.sh, which qemu-l0 boots with
 * -kernel instead of an operating system: entry, long mode, stacks, interrupts, the other CPUs, the
 * serial port. The first word of the command line names the test; the verdict leaves through
 * isa-debug-exit.
 */

#include "bare.h"

#define STACK_SIZE	16384

static u8 stacks[MAX_CPUS][STACK_SIZE] __attribute__((aligned(4096), used));
static struct gate idt[256];
static volatile u32 alive[MAX_CPUS];
u64 numbers[4];

extern const u8 ap_code[], ap_code_end[];

/* Entry (32 bit, %ebx = PVH start info), long mode, interrupt stubs, the other CPUs' entry. */
asm(
".section .note.pvh,\"a\"\n"
"	.balign 4\n	.long 4, 4, 18\n	.asciz \"Xen\"\n	.long start32\n"
".text\n.code32\n"
".globl start32\nstart32:\n"
"	cld\n	mov $stacks + 16384, %esp\n	mov %ebx, start_info\n"
"	call long_mode\n	ljmp $0x08, $start64\n"
/* Identity map of 4 GiB by four 1 GiB pages. Used by all CPUs. */
"long_mode:\n"
"	mov $pml4, %eax\n	mov %eax, %cr3\n"
"	mov %cr4, %eax\n	or $0x20, %eax\n	mov %eax, %cr4\n"
"	mov $0xc0000080, %ecx\n	rdmsr\n	or $0x100, %eax\n	wrmsr\n"
"	lgdt gdt_ptr\n"
"	mov %cr0, %eax\n	or $0x80000001, %eax\n	mov %eax, %cr0\n	ret\n"
".code64\nstart64:\n"
"	mov $0x10, %eax\n	mov %eax, %ds\n	mov %eax, %es\n	mov %eax, %ss\n"
"	mov start_info, %edi\n	call main\n"

".globl stubs\n.balign 16\nstubs:\n"
".set vec, 0\n.rept 256\n	.balign 16\n	push $vec\n	jmp common\n	.set vec, vec + 1\n.endr\n"
"common:\n"
"	push %rax\n	push %rcx\n	push %rdx\n	push %rsi\n	push %rdi\n"
"	push %r8\n	push %r9\n	push %r10\n	push %r11\n"
"	mov 72(%rsp), %rdi\n	mov 80(%rsp), %rsi\n	cld\n"
"	mov %rsp, %rax\n	and $-16, %rsp\n	push %rax\n	push %rax\n"
"	call on_interrupt\n	pop %rsp\n"
"	pop %r11\n	pop %r10\n	pop %r9\n	pop %r8\n"
"	pop %rdi\n	pop %rsi\n	pop %rdx\n	pop %rcx\n	pop %rax\n"
"	add $8, %rsp\n	iretq\n"

/* Copied to 0x8000, where the other CPUs start in real mode. */
".code16\n.globl ap_code, ap_code_end\nap_code:\n"
"	cli\n	xor %ax, %ax\n	mov %ax, %ds\n	lgdtl 0x8000 + ap_gdt_ptr - ap_code\n"
"	mov %cr0, %eax\n	or $1, %al\n	mov %eax, %cr0\n	ljmpl $0x18, $ap32\n"
"ap_gdt_ptr:\n	.word 31\n	.long gdt\n"
"ap_code_end:\n"
".code32\nap32:\n"
"	mov $0x10, %eax\n	mov %eax, %ds\n	mov %eax, %es\n	mov %eax, %ss\n"
"	mov $1, %esi\n	lock xadd %esi, nr_stacks\n"
"	lea 1(%esi), %esp\n	shl $14, %esp\n	add $stacks, %esp\n"
"	call long_mode\n	ljmp $0x08, $ap64\n"
".code64\nap64:\n	mov %esi, %edi\n	call ap_main\n"

".data\n.balign 16\n.globl gdt\ngdt:\n"
"	.quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00cf9b000000ffff\n"
"gdt_ptr:\n	.word 31\n	.quad gdt\n"
"start_info:\n	.long 0\nnr_stacks:\n	.long 1\n"
".balign 4096\npml4:\n	.quad pdpt + 3\n	.fill 511, 8, 0\n"
"pdpt:\n	.quad 0x83, 0x40000083, 0x80000083, 0xc0000083\n	.fill 508, 8, 0\n"
".text\n");

void print(const char *s)
{
	for (; *s; s++)
		outb(0x3f8, (u8)*s);
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

void report(const char *text, u64 n)
{
	print(text);
	print(" ");
	print_number(n, 10);
	print("\n");
}

void __attribute__((noreturn)) leave(u32 verdict)
{
	outl(0x501, verdict);
	for (;;)
		asm volatile("cli; hlt");
}

u32 my_cpu(void)
{
	return (u32)(((u64)__builtin_frame_address(0) - (u64)stacks) / STACK_SIZE);
}

void set_gate(struct gate *g, const u8 *fn)
{
	u64 a = (u64)fn;

	*g = (struct gate){ (u16)a, CODE64, 0x8e00, (u16)(a >> 16), (u32)(a >> 32), 0 };
}

void load_idt(void)
{
	struct __attribute__((packed)) {
		u16 limit;
		u64 base;
	} ptr = { sizeof(idt) - 1, (u64)idt };

	asm volatile("lidt %0" : : "m"(ptr));
}

void ap_main(u32 cpu);
void ap_main(u32 cpu)
{
	alive[cpu] = 1;
	cpu_main(cpu);
}

void start_cpu(u32 cpu)
{
	const u64 wait = 100000, t0 = rdtsc();
	volatile u8 *to = (volatile u8 *)0x8000;

	for (const u8 *from = ap_code; from < ap_code_end; from++)
		*to++ = *from;
	apic_write(APIC_ICR_HIGH, cpu << 24);
	apic_write(APIC_ICR_LOW, ICR_INIT);
	while (rdtsc() - t0 < wait)
		asm volatile("pause");
	apic_write(APIC_ICR_HIGH, cpu << 24);
	apic_write(APIC_ICR_LOW, ICR_STARTUP | 8);
	while (!alive[cpu])
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

struct start_info { /* of the PVH boot protocol */
	u32 magic, version, flags, nr_modules;
	u64 modlist, cmdline;
};

void main(const struct start_info *info);
void main(const struct start_info *info)
{
	const char *after;

	for (u32 i = 0; i < 256; i++)
		set_gate(&idt[i], stubs + 16 * i);
	/* The PC's interrupt controller and its timer stay out of it. */
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	outb(0x43, 0x30);
	outb(0x40, 1);
	outb(0x40, 0);
	for (const struct test *t = tests; t->name; t++) {
		if (!word_is((const char *)info->cmdline, t->name, &after))
			continue;
		for (u32 k = 0; k < 4 && *after; k++)
			for (after++; *after >= '0' && *after <= '9'; after++)
				numbers[k] = numbers[k] * 10 + (u64)(*after - '0');
		set_up();
		leave(t->fn());
	}
	print("# unknown test\n");
	leave(BAD);
}
