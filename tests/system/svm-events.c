// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of what testbed/qemu/patches/0004 to 0008 mend, and that every event arrives once. Section
 * numbers are those of the AMD64 Architecture Programmer's Manual, volume 2.
 */

#include "svm-guest.h"

#define ERR_IDT		2	/* bits of an error code, 8.4.1 */
#define ERR_EXT		1
#define NOT_PRESENT	0x0e00	/* types of gates */
#define PRESENT		0x8e00
#define NO_TYPE		0x8000
#define FULL_LIMIT	(sizeof(guest_idt) - 1)

static u32 wrong;

/* One VMRUN of CODE; what ended it is in the VMCB. */
static void enter(const u8 *code, u32 event, u64 flags)
{
	vm->rip = (u64)code;
	vm->rsp = (u64)guest_stacks[0] + PAGE;
	vm->rflags = 2 | flags;
	vm->event_inj = event;
	svm_run((u64)vm);
}

/* An interrupt that waits in the APIC, for the guest to take directly. */
static void send_direct(void)
{
	apic_write(APIC_ICR_LOW, VEC_DIRECT | ICR_SELF);
}

/* An NMI that waits for GIF, which svm_run() sets in the guest. */
static void send_nmi(void)
{
	asm volatile("clgi");
	apic_write(APIC_ICR_LOW, ICR_NMI | ICR_SELF);
}

/* The last exit was the fault VEC with error code ERROR, in the delivery of EVENT. */
static void faulted(const char *name, u32 vec, u64 error, u32 event)
{
	u32 before = wrong;

	wrong += check("exit code", vm->exit_code, EXIT_EXCEPTION + vec);
	wrong += check("error code", vm->exit_info1, error);
	wrong += check("EXITINTINFO", vm->exit_int_info, event);
	if (wrong != before) {
		print("# ^ ");
		print(name);
		print("\n");
	}
}

/* Every kind of event that finds no usable gate for VEC_DIRECT; the processor then raises FAULT. */
static void deliver_without_gate(u32 fault)
{
	const u64 error = VEC_DIRECT * 8 + ERR_IDT;

	send_direct();
	enter(guest_main, 0, FLAG_IF);
	faulted("interrupt taken directly", fault, error + ERR_EXT, EVENT_INTR | VEC_DIRECT);
	apic_write(APIC_EOI, 0);

	enter(guest_main, EVENT_INTR | VEC_DIRECT, 0);
	faulted("injected interrupt", fault, error + ERR_EXT, EVENT_INTR | VEC_DIRECT);

	vm->int_ctl = V_IRQ | V_PRIO_MAX;
	vm->int_vector = VEC_DIRECT;
	enter(guest_main, 0, FLAG_IF);
	faulted("virtual interrupt", fault, error + ERR_EXT, EVENT_INTR | VEC_DIRECT);
	vm->int_ctl = 0;

	enter(guest_int, 0, 0);
	faulted("INT instruction", fault, error, EVENT_SOFT | VEC_DIRECT);
	wrong += check("RIP of the INT instruction", vm->rip, (u64)guest_int);
}

/* EXITINTINFO and the error code of a fault through the IDT, 15.7.2 and 8.4.1. */
u32 test_delivery(void)
{
	vm->icpt3 = 0;
	vm->int_ctl = 0;
	vm->icpt_exception = 1u << VEC_NP | 1u << VEC_GP;

	guest_idt[VEC_DIRECT].type = NOT_PRESENT;
	deliver_without_gate(VEC_NP);
	guest_idt[VEC_DIRECT].type = PRESENT;
	vm->idtr.limit = VEC_DIRECT * 16 - 1;
	deliver_without_gate(VEC_GP);
	vm->idtr.limit = FULL_LIMIT;

	guest_idt[VEC_NMI].type = NOT_PRESENT;
	enter(guest_main, EVENT_NMI, 0);
	faulted("injected NMI", VEC_NP, VEC_NMI * 8 + ERR_IDT + ERR_EXT, EVENT_NMI);
	send_nmi();
	enter(guest_main, 0, 0);
	faulted("NMI taken directly", VEC_NP, VEC_NMI * 8 + ERR_IDT + ERR_EXT, EVENT_NMI);

	guest_idt[VEC_UD].type = NOT_PRESENT;
	enter(guest_ud, 0, 0);
	faulted("exception", VEC_NP, VEC_UD * 8 + ERR_IDT, EVENT_EXCEPTION | VEC_UD);

	/* Of several, the last before the intercepted one: here #UD, then #NP, then #GP. */
	vm->icpt_exception = 1u << VEC_GP;
	guest_idt[VEC_NP].type = NO_TYPE;
	enter(guest_ud, 0, 0);
	faulted("exception in an exception", VEC_GP, VEC_NP * 8 + ERR_IDT,
		EVENT_EXCEPTION | EVENT_ERR | VEC_NP);
	wrong += check("its error code", vm->exit_int_info_err, VEC_UD * 8 + ERR_IDT);
	wrong += check("delivered", guest_directs + guest_nmis + guest_uds + guest_gps, 0);
	return wrong ? BAD : GOOD;
}

/* Nested page tables: identity, but for a page at PAGED_OUT that is there or not. */
#define PAGED_OUT	0x2000000ul
static u64 npt[4][512] __attribute__((aligned(PAGE)));

static void set_paged_out(int out)
{
	npt[3][0] = PAGED_OUT | (out ? 6 : 7);
}

static void set_up_npt(void)
{
	npt[0][0] = (u64)npt[1] | 7;
	for (u64 i = 0; i < 4; i++)
		npt[1][i] = i << 30 | 0x87;
	npt[1][0] = (u64)npt[2] | 7;
	for (u64 i = 0; i < 512; i++) {
		npt[2][i] = i << 21 | 0x87;
		npt[3][i] = (PAGED_OUT + i * PAGE) | 7;
	}
	npt[2][PAGED_OUT >> 21] = (u64)npt[3] | 7;
	vm->nested_ctl = 1;
	vm->nested_cr3 = (u64)npt[0];
}

/*
 * Enters the guest with its stack paged out, to have the delivery of EVENT end in a nested page
 * fault, and completes it as a hypervisor does. COUNT then has to be one higher.
 */
static void interrupted(const char *name, const u8 *code, u32 inject, u32 error, u32 event,
			volatile u64 *count)
{
	const u64 before = *count;
	u32 was = wrong;

	set_paged_out(1);
	vm->rip = (u64)code;
	vm->rsp = PAGED_OUT + PAGE;
	vm->rflags = 2 | FLAG_IF;
	vm->event_inj = inject;
	vm->event_inj_err = error;
	svm_run((u64)vm);
	wrong += check("exit code", vm->exit_code, EXIT_NPF);
	wrong += check("page", vm->exit_info2 & -PAGE, PAGED_OUT);
	wrong += check("EXITINTINFO", vm->exit_int_info, event);
	if (event & EVENT_ERR)
		wrong += check("its error code", vm->exit_int_info_err, error);
	wrong += check("delivered too early", *count, before);

	set_paged_out(0);
	/* An INT instruction is executed again. */
	vm->event_inj = (event & ~0xffu) == EVENT_SOFT ? 0 : vm->exit_int_info;
	vm->event_inj_err = vm->exit_int_info_err;
	svm_run((u64)vm);
	wrong += check("exit code after it", vm->exit_code, EXIT_VMMCALL);
	wrong += check("EXITINTINFO after it", vm->exit_int_info & EVENT_VALID, 0);
	wrong += check("EVENTINJ after it", vm->event_inj & EVENT_VALID, 0);
	wrong += check("delivered", *count, before + 1);
	if (event & EVENT_ERR)
		wrong += check("error code", guest_error, error);
	if (wrong != was) {
		print("# ^ ");
		print(name);
		print("\n");
	}
}

/* An event whose delivery a nested page fault interrupts is reported whole, 15.7.2. */
u32 test_npf(void)
{
	set_up_npt();
	vm->icpt3 = 0;
	vm->int_ctl = 0;
	interrupted("injected interrupt", guest_main, EVENT_INTR | VEC_GUEST, 0,
		    EVENT_INTR | VEC_GUEST, &guest_irqs);
	interrupted("injected NMI", guest_main, EVENT_NMI, 0, EVENT_NMI, &guest_nmis);
	interrupted("injected exception", guest_main, EVENT_EXCEPTION | EVENT_ERR | VEC_GP, 0x1230,
		    EVENT_EXCEPTION | EVENT_ERR | VEC_GP, &guest_gps);
	interrupted("exception", guest_ud, 0, 0, EVENT_EXCEPTION | VEC_UD, &guest_uds);
	interrupted("INT instruction", guest_int, 0, 0, EVENT_SOFT | VEC_DIRECT, &guest_directs);
	send_nmi();
	interrupted("NMI taken directly", guest_main, 0, 0, EVENT_NMI, &guest_nmis);
	send_direct();
	interrupted("interrupt taken directly", guest_main, 0, 0, EVENT_INTR | VEC_DIRECT,
		    &guest_directs);
	return wrong ? BAD : GOOD;
}

/* Reads of control registers have intercepts of their own, 15.9; CR8 is V_TPR or not, 15.21.2. */
u32 test_read_cr(void)
{
	for (u32 n = 0; n <= 8; n++) {
		vm->icpt_cr = 1u << n;
		enter(guest_read_cr8, 0, 0);
		wrong += check("exit of a read of CR8", vm->exit_code,
			       n == 8 ? EXIT_READ_CR0 + 8 : EXIT_VMMCALL);
		wrong += check("RIP", vm->rip, (u64)guest_read_cr8 + (n == 8 ? 0 : 4));
		enter(guest_read_cr3, 0, 0);
		wrong += check("exit of a read of CR3", vm->exit_code,
			       n == 3 ? EXIT_READ_CR0 + 3 : EXIT_VMMCALL);
	}
	vm->icpt_cr = 0;
	apic_write(APIC_TPR, 0x30);
	vm->int_ctl = V_INTR_MASKING | V_TPR(5);
	enter(guest_read_cr8, 0, 0);
	wrong += check("CR8 with V_INTR_MASKING", vm->rax, 5);
	vm->int_ctl = V_TPR(5);
	enter(guest_read_cr8, 0, 0);
	wrong += check("CR8 without V_INTR_MASKING", vm->rax, 3);
	return wrong ? BAD : GOOD;
}

/* A virtual interrupt outlives a direct one, and is no more pending once it is taken, 15.21.4. */
u32 test_virq(void)
{
	vm->int_vector = VEC_GUEST;
	vm->icpt3 = ICPT_VINTR;
	vm->int_ctl = V_IRQ | V_PRIO_MAX;
	send_direct();
	enter(guest_sti, 0, 0);
	wrong += check("direct interrupts", guest_directs, 1);
	wrong += check("exit with both pending", vm->exit_code, EXIT_VINTR);
	wrong += check("V_IRQ", vm->int_ctl & V_IRQ, V_IRQ);
	apic_write(APIC_EOI, 0);

	vm->icpt3 = 0;
	vm->int_ctl = V_IRQ | V_PRIO_MAX;
	send_direct();
	enter(guest_sti, 0, 0);
	wrong += check("exit", vm->exit_code, EXIT_VMMCALL);
	wrong += check("direct interrupts", guest_directs, 2);
	wrong += check("virtual interrupts", guest_irqs, 1);
	wrong += check("V_IRQ", vm->int_ctl & V_IRQ, 0);
	apic_write(APIC_EOI, 0);

	/* Interrupted delivery: V_IRQ is clear, or the interrupt would be taken twice. */
	set_up_npt();
	set_paged_out(1);
	vm->int_ctl = V_IRQ | V_PRIO_MAX;
	vm->rip = (u64)guest_main;
	vm->rsp = PAGED_OUT + PAGE;
	vm->rflags = 2 | FLAG_IF;
	svm_run((u64)vm);
	wrong += check("exit with the stack paged out", vm->exit_code, EXIT_NPF);
	wrong += check("V_IRQ", vm->int_ctl & V_IRQ, 0);
	set_paged_out(0);
	vm->event_inj = EVENT_INTR | (vm->exit_int_info & 0xff);
	svm_run((u64)vm);
	wrong += check("virtual interrupts", guest_irqs, 2);
	return wrong ? BAD : GOOD;
}

/* A reserved bit in the page table is reported with P set, as it is an entry that is present. */
u32 test_reserved(void)
{
	set_up_npt();
	npt[3][0] |= 1ul << 51;
	vm->rip = (u64)guest_main;
	vm->rsp = PAGED_OUT + PAGE;
	vm->rflags = 2;
	vm->event_inj = EVENT_INTR | VEC_GUEST;
	svm_run((u64)vm);
	wrong += check("exit code", vm->exit_code, EXIT_NPF);
	wrong += check("P and RSV of the error code", vm->exit_info1 & 9, 9);
	return wrong ? BAD : GOOD;
}

/* Of a write that changes CR0.MP alone, LMSW has the selective intercept, MOV has not, 15.9. */
u32 test_lmsw(void)
{
	vm->icpt3 = ICPT_CR0_SELECTIVE;
	enter(guest_lmsw, 0, 0);
	wrong += check("exit code", vm->exit_code, EXIT_CR0_SELECTIVE);
	wrong += check("RIP", vm->rip, (u64)guest_lmsw2);
	return wrong ? BAD : GOOD;
}

/* An intercepted NMI stays pending until GIF is 1, 15.21.9; an injected one blocks none, 15.20. */
u32 test_nmi(void)
{
	vm->icpt3 = ICPT_NMI;
	apic_write(APIC_ICR_LOW, ICR_NMI | ICR_SELF);
	wrong += check("NMIs of the host while GIF is 1", host_nmis, 1);
	send_nmi();
	wrong += check("NMIs of the host while GIF is 0", host_nmis, 1);
	enter(guest_main, 0, 0);
	wrong += check("exit", vm->exit_code, EXIT_NMI);
	wrong += check("NMIs of the host after STGI", host_nmis, 2);
	wrong += check("NMIs of the guest", guest_nmis, 0);
	enter(guest_main, EVENT_NMI, 0);
	wrong += check("exit", vm->exit_code, EXIT_VMMCALL);
	wrong += check("NMIs of the guest", guest_nmis, 1);
	return wrong ? BAD : GOOD;
}

/*
 * CPUs that take turns give the turn away by PAUSE. To CPUs that run in parallel it brings only
 * a fight for QEMU's big lock, which the one that waits wins.
 */
static inline void give_way(void)
{
	take_interrupts();
	if (!numbers[2])
		asm volatile("pause");
}

/*
 * Many events, each to arrive once. The first CPU injects every type, while its timer expires now
 * here, now there; the second, if there is one, interrupts.
 */
static volatile u64 wanted, injected[2], not_once;
static volatile u32 finished;

static void inject(int cpu)
{
	static const u32 events[4] = {
		EVENT_INTR | VEC_GUEST, EVENT_NMI, EVENT_EXCEPTION | EVENT_ERR | VEC_GP,
		EVENT_EXCEPTION | VEC_UD,
	};
	static volatile u64 *const counts[4] = { &guest_irqs, &guest_nmis, &guest_gps, &guest_uds };

	apic_write(APIC_TIMER, VEC_HOST);
	for (u64 n = 0; n < wanted; n++) {
		const u32 event = cpu ? EVENT_INTR | VEC_GUEST2 : events[n % 4];
		volatile u64 *const count = cpu ? &guest_irqs2 : counts[n % 4];
		const u64 before = *count;
		const u32 error = n % 0xffff;

		if (n % 16 == 0)
			apic_write(APIC_INITIAL, n / 16 % 2048 + 1);
		run_guest_at(cpu, guest_main, event, error, n & 64 ? FLAG_IF : 0);
		injected[cpu]++;
		if (*count != before + 1 || (event & EVENT_ERR && guest_error != error))
			not_once++;
	}
	apic_write(APIC_TIMER, LVT_MASKED | VEC_HOST);
}

static void second_injects(void)
{
	inject(1);
	finished = 1;
	for (;;)
		asm volatile("pause");
}

u32 test_events(void)
{
	const u64 cpus = numbers[1] ? numbers[1] : 1;
	const u64 total = (numbers[0] ? numbers[0] : 1000000) / cpus * cpus;

	wanted = total / cpus;
	if (cpus == 2)
		start_ap(second_injects);
	else
		finished = 1;
	inject(0);
	while (!finished)
		give_way();
	report("# injected:", injected[0] + injected[1]);
	report("# delivered:", guest_irqs + guest_irqs2 + guest_nmis + guest_gps + guest_uds);
	report("# not exactly once:", not_once);
	report("# timer interrupts:", host_irqs[0] + host_irqs[1]);
	report("# taken although GIF was 0:", gif0_irqs);
	if (guest_irqs + guest_irqs2 + guest_nmis + guest_gps + guest_uds != total ||
	    injected[0] + injected[1] != total || not_once || gif0_irqs || !host_irqs[0])
		return BAD;
	return GOOD;
}

/*
 * Many interrupts between the CPUs, each of which spends its time in a guest; or to itself, if
 * there is only one. They take turns among many vectors, as two of the same would become one.
 */
static volatile u64 sent[2];
static volatile u32 done[2];
static u32 only_one;

static void exchange(int cpu)
{
	const int other = only_one ? cpu : !cpu;
	const u32 event = EVENT_INTR | (cpu ? VEC_GUEST2 : VEC_GUEST);

	for (u64 n = 0; n < wanted; n++) {
		const u32 vec = n % VEC_IPIS;

		while (host_ipis[other][vec] < n / VEC_IPIS)
			give_way();
		if (host_ipis[other][vec] > n / VEC_IPIS)
			not_once++;
		sent[cpu] = n + 1;
		apic_write(APIC_ICR_HIGH, (u32)other << 24);
		apic_write(APIC_ICR_LOW, VEC_IPI + vec);
		run_guest_at(cpu, numbers[2] ? guest_main : guest_pause, n & 1 ? event : 0, 0, 0);
	}
	while (host_irqs[cpu] < sent[other] || sent[other] < wanted)
		give_way();
	done[cpu] = 1;
}

static void second_exchanges(void)
{
	exchange(1);
	for (;;)
		take_interrupts();
}

u32 test_ipis(void)
{
	const u64 cpus = numbers[1] ? numbers[1] : 1;
	const u64 total = (numbers[0] ? numbers[0] : 1000000) / cpus * cpus;

	wanted = total / cpus;
	only_one = cpus == 1;
	if (cpus == 2)
		start_ap(second_exchanges);
	else
		done[1] = 1;
	exchange(0);
	while (!done[1])
		give_way();
	for (int i = 0; i < 1000; i++) /* for one too many */
		take_interrupts();
	report("# sent:", sent[0] + sent[1]);
	report("# taken:", host_irqs[0] + host_irqs[1]);
	report("# before they were sent:", not_once);
	report("# taken although GIF was 0:", gif0_irqs);
	report("# injected meanwhile:", wanted / 2 * cpus);
	report("# delivered:", guest_irqs + guest_irqs2);
	if (sent[0] + sent[1] != total || host_irqs[0] + host_irqs[1] != total || not_once ||
	    gif0_irqs || guest_irqs + guest_irqs2 != wanted / 2 * cpus)
		return BAD;
	return GOOD;
}
