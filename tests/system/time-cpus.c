// SPDX-License-Identifier: GPL-2.0
/*
 * A program of bare.c that shows how the emulated machine's CPUs keep time: here its CPUs, its
 * tests in time-tests.c, time-pingpong.c and time-costs.c. Built and run by time.sh.
 */

#include "time-cpus.h"

volatile u32 nr_started;	/* CPUs that run, the first included */
static void (*volatile cpu_function)(u32 cpu);
static volatile u32 go;		/* goes up by one each time all CPUs start on a function */
static volatile u32 nr_done;
volatile u64 taken[MAX_CPUS], taken_at[MAX_CPUS];

void on_interrupt(u64 vector, u64 rip)
{
	const u32 cpu = my_cpu();

	(void)rip;
	if (vector != VEC) {
		report("# unexpected vector", vector);
		leave(BAD);
	}
	taken_at[cpu] = rdtsc();
	taken[cpu]++;
	apic_write(APIC_EOI, 0);
}

static void set_up_cpu(void)
{
	load_idt();
	apic_write(APIC_SPURIOUS, 0x1ff);
	apic_write(APIC_DIVIDE, DIVIDE_BY_1);
}

void cpu_main(u32 cpu)
{
	u32 seen = 0;

	set_up_cpu();
	__atomic_add_fetch(&nr_started, 1, __ATOMIC_SEQ_CST);
	for (;;) {
		while (go == seen)
			asm volatile("pause");
		seen = go;
		cpu_function(cpu);
		__atomic_add_fetch(&nr_done, 1, __ATOMIC_SEQ_CST);
	}
}

/* Runs FN on all CPUs that have been started, the caller's included, and waits for the end. */
void run_on_all(void (*fn)(u32 cpu))
{
	nr_done = 0;
	cpu_function = fn;
	__atomic_add_fetch(&go, 1, __ATOMIC_SEQ_CST);
	fn(0);
	while (nr_done < nr_started - 1)
		asm volatile("pause");
}

void set_up(void)
{
	set_up_cpu();
	nr_started = 1;
	for (u32 cpu = 1; cpu < NR_CPUS; cpu++) {
		start_cpu(cpu);
		while (nr_started <= cpu)
			asm volatile("pause");
	}
}

const struct test tests[] = {
	{ "loops", test_loops },
	{ "pingpong", test_pingpong },
	{ "clocks", test_clocks },
	{ "warp", test_warp },
	{ "ipi", test_ipi },
	{ "timer", test_timer },
	{ "costs", test_costs },
	{ "charges", test_charges },
	{ 0, 0 },
};
