/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the freestanding programs of time.sh and svm.sh share: types, registers, ports, and bare.c,
 * which brings their CPUs into 64-bit mode, takes interrupts and finds the test on the command
 * line.
 *
 * A program defines tests[], set_up(), cpu_main() and on_interrupt(), and is compiled by bare.sh.
 */

#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;

#define MAX_CPUS	16
#define CODE64		0x08	/* segments */
#define DATA		0x10
#define GDT_LIMIT	31

#define APIC_ID		0x20
#define APIC_TPR	0x80
#define APIC_EOI	0xb0
#define APIC_SPURIOUS	0xf0
#define APIC_IRR	0x200
#define APIC_ICR_LOW	0x300
#define APIC_ICR_HIGH	0x310
#define APIC_TIMER	0x320
#define APIC_INITIAL	0x380
#define APIC_CURRENT	0x390
#define APIC_DIVIDE	0x3e0
#define DIVIDE_BY_1	0xb
#define LVT_MASKED	(1u << 16)
#define ICR_SELF	(1u << 18)
#define ICR_NMI		0x400
#define ICR_INIT	0x4500
#define ICR_STARTUP	0x4600

/* The verdict of a test. QEMU's exit status becomes 2 * verdict + 1: 33 is good; 1, which a dying
 * QEMU returns, is not. */
#define BAD	1
#define GOOD	16
#define TOO_FEW	17 /* nothing wrong seen, in too few rounds to be sure */

struct gate {
	u16 offset_low, selector, type, offset_mid;
	u32 offset_high, zero;
};

/* A test returns its verdict. The table ends with a name of NULL. */
struct test {
	const char *name;
	u32 (*fn)(void);
};

/* Defined by the program. set_up() runs on the first CPU before the test. */
extern const struct test tests[];
void set_up(void);
/* Runs on CPU CPU once start_cpu() has started it; does not return. */
void cpu_main(u32 cpu);
/* Called with interrupts disabled, for every vector; the APIC is left to it. */
void on_interrupt(u64 vector, u64 rip);

/* The numbers that follow the test's name on the command line, or 0. */
extern u64 numbers[4];
extern u64 gdt[];
/* The entry of vector N is at stubs + 16 * N. */
extern const u8 stubs[];

void print(const char *s);
void print_number(u64 n, u32 base);
/* Prints "TEXT NUMBER\n". */
void report(const char *text, u64 n);
/* Ends QEMU, with a verdict. */
void __attribute__((noreturn)) leave(u32 verdict);
void set_gate(struct gate *g, const u8 *fn);
/* Has CPU CPU enter cpu_main() soon. CPUs are to be started in order, from 1. */
void start_cpu(u32 cpu);
/* Which CPU this is, told by its stack: costs no access to a device. */
u32 my_cpu(void);
/* Makes on_interrupt() the handler of every vector on this CPU. */
void load_idt(void);

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

/* Interrupts that are pending are taken here. */
static inline void take_interrupts(void)
{
	asm volatile("sti; nop; nop; cli" : : : "memory");
}
