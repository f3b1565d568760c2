// SPDX-License-Identifier: GPL-2.0
/*
 * A program of bare.c that drives SVM by hand: the tiny host, its guests and their interrupts.
 * Built and run by svm.sh.
 */

#include "svm-guest.h"

struct vmcb vmcbs[2] __attribute__((aligned(PAGE)));
u8 guest_stacks[2][PAGE] __attribute__((aligned(PAGE)));
struct gate guest_idt[256];
static u8 hsave[2][PAGE] __attribute__((aligned(PAGE)));

extern const u8 gif0_begin[], gif0_end[];
extern const u8 guest_irq2[], guest_direct[], guest_nmi[], guest_skip_ud[], guest_gp[];

asm(
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

".data\n.balign 8\nguest_irqs:\n	.quad 0\nguest_irqs2:\n	.quad 0\nguest_directs:\n	.quad 0\n"
"guest_nmis:\n	.quad 0\nguest_uds:\n	.quad 0\nguest_gps:\n	.quad 0\n"
"guest_error:\n	.quad 0\n"
".text\n");

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

volatile u64 host_irqs[2], host_ipis[2][VEC_IPIS], gif0_irqs, host_nmis;

void on_interrupt(u64 vector, u64 rip)
{
	const u32 cpu = my_cpu();

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

/* What each CPU needs of its own. */
static void set_up_cpu(u32 cpu)
{
	load_idt();
	apic_write(APIC_SPURIOUS, 0x1ff);
	apic_write(APIC_DIVIDE, DIVIDE_BY_1);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
	wrmsr(MSR_VM_HSAVE_PA, (u64)hsave[cpu]);
}

/* The guest lives in this program's own address space, without nested paging. */
static void set_up_guest(u32 cpu)
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
	v->gdtr = (struct vmcb_seg){ 0, 0, GDT_LIMIT, (u64)gdt };
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

void set_up(void)
{
	for (int i = 0; i < 256; i++)
		set_gate(&guest_idt[i], stubs + 16 * i);
	set_gate(&guest_idt[VEC_GUEST], guest_irq);
	set_gate(&guest_idt[VEC_GUEST2], guest_irq2);
	set_gate(&guest_idt[VEC_DIRECT], guest_direct);
	set_gate(&guest_idt[VEC_NMI], guest_nmi);
	set_gate(&guest_idt[VEC_UD], guest_skip_ud);
	set_gate(&guest_idt[VEC_GP], guest_gp);
	set_up_cpu(0);
	set_up_guest(0);
	set_up_guest(1);
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

static void (*ap_function)(void);

void cpu_main(u32 cpu)
{
	set_up_cpu(cpu);
	ap_function();
}

/* Starts the second CPU in FN, which does not return. */
void start_ap(void (*fn)(void))
{
	ap_function = fn;
	start_cpu(1);
}

const struct test tests[] = {
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
	{ 0, 0 },
};
