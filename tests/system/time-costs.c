// SPDX-License-Identifier: GPL-2.0
/*
 * Figures for time.sh, which runs them with and without a cost model: the difference has to be what
 * the model says, to the nanosecond.
 */

#include "time-cpus.h"

/* ---- costs: what one CPU pays for what it does itself ---- */

u32 test_costs(void)
{
	const u32 n = 1000;
	u64 t0, ns;

	t0 = rdtsc();
	for (u32 i = 0; i < n; i++)
		asm volatile("nop");
	ns = rdtsc() - t0;
	report("nop", ns);
	t0 = rdtsc();
	for (u32 i = 0; i < n; i++)
		asm volatile("pause");
	report("pause", rdtsc() - t0 - ns);
	t0 = rdtsc();
	for (u32 i = 0; i < n; i++)
		outb(0x80, 0);
	report("pio", rdtsc() - t0 - ns);
	t0 = rdtsc();
	for (u32 i = 0; i < n; i++)
		apic_read(APIC_ID);
	report("read", rdtsc() - t0 - ns);
	t0 = rdtsc();
	for (u32 i = 0; i < n; i++)
		apic_write(APIC_EOI, 0);
	report("write", rdtsc() - t0 - ns);
	return GOOD;
}

/* ---- charges: an interrupt between CPUs, of which each pays its own part ---- */

#define APART		8000	/* instructions: for the way and the handler of one interrupt */

static u64 spent[MAX_CPUS];

/* 2 instructions an iteration, whatever the compiler does. */
static void count_down(u64 n)
{
	asm volatile("1: dec %0; jnz 1b" : "+r"(n) : : "cc");
}

/*
 * CPU 0 sends interrupts, CPU 1 takes them, CPU 2 neither. Each executes a fixed number of
 * instructions and measures how long that takes it. A reading of the clock is a CPU's own time if
 * no CPU that is ahead has just read it, so they begin and end at times far apart.
 */
static void send_take_or_neither(u32 cpu)
{
	const u64 n = numbers[2], all = n * APART;
	u64 t0;

	count_down((MAX_CPUS - cpu) * APART);
	t0 = rdtsc();
	if (cpu == 0) {
		for (u64 i = 0; i < n; i++) {
			apic_write(APIC_ICR_HIGH, 1u << 24);
			apic_write(APIC_ICR_LOW, VEC);
			count_down(APART / 2);
		}
	} else {
		if (cpu == 1)
			asm volatile("sti");
		count_down(all + cpu * APART);
		asm volatile("cli");
	}
	spent[cpu] = rdtsc() - t0;
}

u32 test_charges(void)
{
	run_on_all(send_take_or_neither);
	report("taken", taken[1]);
	report("sender", spent[0]);
	report("receiver", spent[1]);
	report("neither", spent[2]);
	return taken[1] == numbers[2] ? GOOD : BAD;
}
