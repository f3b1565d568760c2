// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of what testbed/qemu/patches/0001 to 0003 mend.
 *
 * The hard thing is to make a defect that needs two events in the same instruction appear every
 * time: with -icount shift=0 one instruction takes one nanosecond, as does one count of the APIC
 * timer, so a sweep over the timer's initial count puts its expiry behind every instruction in
 * turn.
 */

#include "svm-guest.h"

/* x2APIC timer registers are MSRs that read the clock. An unpatched QEMU aborts at the first. */
u32 test_x2apic(void)
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
u32 test_inject(void)
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
	report("# timer interrupts:", host_irqs[0]);
	/* A sweep proves something only if the timer expired now before, now behind the VMRUN. */
	if (guest_irqs != rounds || host_irqs[0] < rounds / 8 || host_irqs[0] > rounds - rounds / 8)
		return BAD;
	return GOOD;
}

static volatile u64 round, sent;

/* The second CPU: one interrupt per round, at a distance from the VMRUN that changes. */
static void send_each_round(void)
{
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

/*
 * Needs two CPUs that run in parallel. While one sends an interrupt, the other enters a guest that
 * has a virtual interrupt pending. None may be lost, none may be taken while GIF is 0.
 */
u32 test_parallel(void)
{
	/* Some seconds; fewer rounds on a busy machine, where CPUs seldom run at the same time. */
	const u64 rounds = 200000, ticks = 20000000000;
	u64 lost = 0, start, n;

	start_ap(send_each_round);
	start = rdtsc();
	for (n = 1; n <= rounds && rdtsc() - start < ticks; n++) {
		u32 spins = 0, seen = 0;

		vm->int_ctl = V_INTR_MASKING | V_IRQ | V_PRIO_MAX | V_IGN_TPR;
		round = n;
		run_guest(n & 1 ? EVENT_INTR | VEC_GUEST : 0, FLAG_IF);
		while (host_irqs[0] < n) {
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
	report("# taken:", host_irqs[0]);
	report("# taken although GIF was 0:", gif0_irqs);
	report("# pending but never signalled:", lost);
	report("# injected:", n / 2);
	report("# delivered:", guest_irqs);
	if (gif0_irqs || lost || guest_irqs != n / 2)
		return BAD;
	return n > rounds ? GOOD : TOO_FEW;
}

/* A guest that lowers its task priority while a virtual interrupt waits for IF. */
u32 test_cr8(void)
{
	vm->int_ctl = V_INTR_MASKING | V_IRQ | V_PRIO_MAX;
	run_guest_at(0, guest_cr8, 0, 0, 0);
	report("# virtual interrupt still pending:", !!(vm->int_ctl & V_IRQ));
	return vm->int_ctl & V_IRQ ? GOOD : BAD;
}

/* How long a guest takes that leaves at once: what the cost model adds shows in the difference. */
u32 test_costs(void)
{
	u64 t0 = rdtsc();

	for (u32 n = 0; n < 1000; n++)
		run_guest(0, 0);
	report("guests", rdtsc() - t0);
	/* And one that an interrupt makes leave. */
	apic_write(APIC_TIMER, VEC_HOST);
	t0 = rdtsc();
	for (u32 n = 0; n < 1000; n++) {
		asm volatile("clgi" : : : "memory");
		apic_write(APIC_ICR_LOW, VEC_HOST | ICR_SELF);
		run_guest(0, FLAG_IF);
	}
	report("interrupted", rdtsc() - t0);
	return host_irqs[0] == 1000 ? GOOD : BAD;
}
