// SPDX-License-Identifier: GPL-2.0
/*
 * What must hold of the time of several CPUs. Times are virtual nanoseconds: with -icount shift=0
 * an instruction takes one, so that they are exact and the same on every machine. The slack that a
 * test allows is for the instructions around what it measures.
 */

#include "time-cpus.h"

#define SLACK		200	/* instructions around a measurement, and the end of a block */

/* ---- loops: busy CPUs do not slow each other ---- */

static u64 loop_ns[MAX_CPUS];

/* 2 instructions an iteration. */
static void count_down(u32 cpu)
{
	u64 t0 = rdtsc();
	u64 n = numbers[2];

	asm volatile("1: dec %0; jnz 1b" : "+r"(n) : : "cc");
	loop_ns[cpu] = rdtsc() - t0;
}

u32 test_loops(void)
{
	u64 want = 2 * numbers[2], longest = 0, shortest = ~0ul, all = rdtsc();

	run_on_all(count_down);
	all = rdtsc() - all;
	for (u32 i = 0; i < NR_CPUS; i++) {
		longest = loop_ns[i] > longest ? loop_ns[i] : longest;
		shortest = loop_ns[i] < shortest ? loop_ns[i] : shortest;
	}
	report("# CPUs:", nr_started);
	report("# ns that the loop takes alone:", want);
	report("# ns on the fastest CPU:", shortest);
	report("# ns on the slowest CPU:", longest);
	report("# ns from the start of the first to the end of the last:", all);
	/* They start within a quantum of each other, and their end is seen a quantum later. */
	if (shortest + QUANTUM < want || longest > want + QUANTUM + SLACK)
		return BAD;
	return all > want + 2 * QUANTUM + SLACK ? BAD : GOOD;
}

/* ---- clocks: the machine's clocks agree on every CPU ---- */

#define PM_TIMER	0x608
#define PM_HZ		3579545ul
#define HPET		0xfed00000ul
#define HPET_NS		10ul

static u64 disagree, hpet_on;

static u64 difference(u64 a, u64 b)
{
	return a > b ? a - b : b - a;
}

static void read_clocks(u32 cpu)
{
	u64 t0, t, apic, pm, hpet = 0;
	u32 pm0;
	u64 hpet0 = 0;

	(void)cpu;
	apic_write(APIC_TIMER, LVT_MASKED | VEC);
	t0 = rdtsc();
	apic_write(APIC_INITIAL, 0xffffffff);
	pm0 = inl(PM_TIMER);
	if (hpet_on)
		hpet0 = *(volatile u64 *)(HPET + 0xf0);
	for (u32 i = 0; i < 1000; i++) {
		asm volatile("mov $2000, %%ecx; 1: dec %%ecx; jnz 1b" : : : "ecx", "cc");
		t = rdtsc() - t0;
		apic = 0xffffffff - apic_read(APIC_CURRENT);
		pm = ((inl(PM_TIMER) - pm0) & 0xffffff) * 1000000000ul / PM_HZ;
		if (hpet_on)
			hpet = (*(volatile u64 *)(HPET + 0xf0) - hpet0) * HPET_NS;
		/* The last of them is read up to a quantum after the first, by the clock that never
		 * goes back. A count of the PM timer is 280 ns. */
		if (difference(t, apic) > 2 * QUANTUM + SLACK ||
		    difference(t, pm) > 2 * QUANTUM + SLACK + 560 ||
		    (hpet_on && difference(t, hpet) > 2 * QUANTUM + SLACK + 2 * HPET_NS)) {
			report("# TSC, ns:", t);
			report("# APIC timer, ns:", apic);
			report("# PM timer, ns:", pm);
			report("# HPET, ns:", hpet);
			__atomic_add_fetch(&disagree, 1, __ATOMIC_SEQ_CST);
			return;
		}
	}
}

u32 test_clocks(void)
{
	hpet_on = numbers[2];
	if (hpet_on)
		*(volatile u64 *)(HPET + 0x10) = 1;
	run_on_all(read_clocks);
	report("# CPUs on which the clocks differ:", disagree);
	return disagree ? BAD : GOOD;
}

/* ---- warp: no CPU reads a time before one that another has read ---- */

static volatile u32 lock;
static volatile u64 last_tsc, last_pm;
static u64 backwards;

static void read_in_turn(u32 cpu)
{
	(void)cpu;
	for (u64 n = 0; n < numbers[2]; n++) {
		u64 now, pm;

		while (__atomic_exchange_n(&lock, 1, __ATOMIC_SEQ_CST))
			asm volatile("pause");
		now = rdtsc();
		if (now < last_tsc)
			backwards++;
		last_tsc = now;
		if (n % 16 == 0) {
			pm = inl(PM_TIMER);
			if (((pm - last_pm) & 0xffffff) > 0x7fffff)
				backwards++;
			last_pm = pm;
		}
		__atomic_store_n(&lock, 0, __ATOMIC_SEQ_CST);
	}
}

u32 test_warp(void)
{
	last_pm = inl(PM_TIMER);
	run_on_all(read_in_turn);
	report("# readings:", numbers[2] * nr_started);
	report("# of them before an earlier one:", backwards);
	return backwards ? BAD : GOOD;
}

/* ---- ipi: how long an interrupt from CPU to CPU takes ---- */

static volatile u64 sent_at;
static volatile u32 over;
static u64 nearest = ~0ul, farthest;

static void send_or_halt(u32 cpu)
{
	if (cpu == 1) {
		while (!over)
			asm volatile("sti; hlt; cli" : : : "memory");
		return;
	}
	if (cpu > 1) {
		/* The others only keep the machine busy. */
		while (!over)
			asm volatile("" : : : "memory");
		return;
	}
	for (u64 n = 1; n <= numbers[2]; n++) {
		u64 before = taken[1], ns;

		/* Sent at a different time within a round each time, to a CPU that is halted. */
		for (u32 i = 5000 + n % 1024; i; i--)
			asm volatile("" : : : "memory");
		apic_write(APIC_ICR_HIGH, 1u << 24);
		sent_at = rdtsc();
		apic_write(APIC_ICR_LOW, VEC);
		while (taken[1] == before)
			asm volatile("" : : : "memory");
		ns = taken_at[1] - sent_at;
		nearest = ns < nearest ? ns : nearest;
		farthest = ns > farthest ? ns : farthest;
	}
	over = 1;
	apic_write(APIC_ICR_HIGH, 1u << 24);
	apic_write(APIC_ICR_LOW, VEC);
}

/* numbers[3]: what it should take, quantum and costs included. */
u32 test_ipi(void)
{
	run_on_all(send_or_halt);
	report("# IPIs:", numbers[2]);
	report("# ns to the handler, shortest:", nearest);
	report("# ns to the handler, longest:", farthest);
	/* The clock that the handler reads is up to a quantum ahead when other CPUs read it. */
	return nearest < numbers[3] || farthest > numbers[3] + SLACK ? BAD : GOOD;
}

/* ---- timer: an interrupt comes when its timer expires, whatever other CPUs do ---- */

static u64 latest_ns, early;

static void set_timers(u32 cpu)
{
	apic_write(APIC_TIMER, VEC);
	for (u32 n = 0; n < 500; n++) {
		u64 before = taken[cpu], due, late;
		u32 ns = 3000 + (cpu * 7 + n * 13) % 4096;

		due = rdtsc() + ns;
		apic_write(APIC_INITIAL, ns);
		if (n & 1)
			asm volatile("sti; hlt; cli" : : : "memory");
		else
			while (taken[cpu] == before)
				asm volatile("sti; nop; nop; cli" : : : "memory");
		if (taken_at[cpu] < due) {
			__atomic_add_fetch(&early, 1, __ATOMIC_SEQ_CST);
			continue;
		}
		late = taken_at[cpu] - due;
		if (late > latest_ns)
			latest_ns = late;
	}
}

u32 test_timer(void)
{
	run_on_all(set_timers);
	report("# timers:", 500ul * nr_started);
	report("# too early:", early);
	report("# ns late at most:", latest_ns);
	return early || latest_ns > 2 * QUANTUM + SLACK ? BAD : GOOD;
}
