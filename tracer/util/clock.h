/* SPDX-License-Identifier: GPL-2.0 */
/* CLOCK_MONOTONIC, the clock of every duration here and of bpf_ktime_get_ns(). */
#ifndef EXITLAB_CLOCK_H
#define EXITLAB_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline int64_t clock_ms(void)
{
	return (int64_t)(clock_ns() / 1000000);
}

#endif
