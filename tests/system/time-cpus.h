/* SPDX-License-Identifier: GPL-2.0 */
/* What the two parts of the program share: time-cpus.c the CPUs, time-tests.c the tests. */

#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;

#define APIC_ID		0x20
#define APIC_EOI	0xb0
#define APIC_SPURIOUS	0xf0
#define APIC_ICR_LOW	0x300
#define APIC_ICR_HIGH	0x310
#define APIC_TIMER	0x320
#define APIC_INITIAL	0x380
#define APIC_CURRENT	0x390
#define APIC_DIVIDE	0x3e0
#define DIVIDE_BY_1	0xb
#define LVT_MASKED	(1u << 16)
#define ICR_INIT	0x4500
#define ICR_STARTUP	0x4600
#define VEC		0x50

/* The verdict of a test. QEMU's exit status becomes 2 * verdict + 1. */
#define BAD	1
#define GOOD	16

/* The numbers on the command line: CPUs, quantum in ns, and what the test says. */
extern u64 numbers[4];
#define NR_CPUS	((u32)numbers[0])
#define QUANTUM	numbers[1]

/* Of each CPU: interrupts taken, and the TSC at the last one. */
extern volatile u64 taken[], taken_at[];
extern volatile u32 nr_started;

void report(const char *text, u64 n);
u32 my_cpu(void);
void run_on_all(void (*fn)(u32 cpu));

u32 test_loops(void);
u32 test_pingpong(void);
u32 test_clocks(void);
u32 test_warp(void);
u32 test_ipi(void);
u32 test_timer(void);
u32 test_costs(void);

static inline void outb(u16 port, u8 v) { asm volatile("outb %0, %1" : : "a"(v), "Nd"(port)); }
static inline void outl(u16 port, u32 v) { asm volatile("outl %0, %1" : : "a"(v), "Nd"(port)); }

static inline u32 inl(u16 port)
{
	u32 v;

	asm volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

/* In the emulated machine the TSC counts nanoseconds of virtual time. */
static inline u64 rdtsc(void)
{
	u32 lo, hi;

	asm volatile("rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return lo | (u64)hi << 32;
}

static inline u32 apic_read(u32 reg) { return *(volatile u32 *)(0xfee00000ul + reg); }
static inline void apic_write(u32 reg, u32 v) { *(volatile u32 *)(0xfee00000ul + reg) = v; }
