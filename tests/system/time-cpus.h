/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of the program share: time-cpus.c has the CPUs, time-tests.c, time-pingpong.c and
 * time-costs.c the tests.
 */

#pragma once

#include "bare.h"

#define VEC		0x50

/* The numbers on the command line: CPUs, quantum in ns, and what the test says. */
#define NR_CPUS	((u32)numbers[0])
#define QUANTUM	numbers[1]

/* Of each CPU: interrupts taken, and the TSC at the last one. */
extern volatile u64 taken[], taken_at[];
extern volatile u32 nr_started;

void run_on_all(void (*fn)(u32 cpu));

u32 test_loops(void);
u32 test_pingpong(void);
u32 test_clocks(void);
u32 test_warp(void);
u32 test_ipi(void);
u32 test_timer(void);
u32 test_costs(void);
u32 test_charges(void);
