// SPDX-License-Identifier: GPL-2.0
/*
 * replies-busy: takes the CPU it runs on from everybody else, for 20 to 80 us, 20 to 150 us apart,
 * at random but the same each time, until it is killed. A vCPU on that CPU is out of the guest a
 * third of the time.
 */
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int main(void)
{
	struct sched_param first = { .sched_priority = 1 };
	uint32_t seed = 1;

	if (sched_setscheduler(0, SCHED_FIFO, &first)) {
		perror("replies-busy: SCHED_FIFO");
		return 1;
	}
	for (;;) {
		struct timespec gap = { .tv_nsec = 0 };
		uint64_t end;

		seed = seed * 1103515245 + 12345;
		gap.tv_nsec = 20000 + seed / 65536 % 130000;
		nanosleep(&gap, NULL);
		end = now_ns() + 20000 + seed / 256 % 60000;
		while (now_ns() < end)
			;
	}
}
