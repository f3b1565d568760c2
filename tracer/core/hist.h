/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A log-linear histogram of nanoseconds, filled by BPF programs in the kernel and read in user
 * space. Each power of two is cut into 8 equal buckets, so a value is known to within 12.5 %; below
 * 8 every value has its own bucket. The last bucket takes everything from 2^36 ns (69 s) up.
 *
 * The scheme is that of HdrHistogram (G. Tene); written as plain arithmetic because BPF has neither
 * a count-leading-zeros instruction nor a C library.
 */
#ifndef EXITLAB_HIST_H
#define EXITLAB_HIST_H

#ifndef __bpf__
#include <stdint.h>
typedef uint64_t hist_u64;
#else
typedef unsigned long long hist_u64;
#endif

#define HIST_SUB_BITS	3
#define HIST_SUB	(1u << HIST_SUB_BITS)
#define HIST_MAX_BIT	36	/* highest power of two with buckets of its own */
#define HIST_BUCKETS	((HIST_MAX_BIT - HIST_SUB_BITS + 2) * HIST_SUB)

struct hist {
	hist_u64 n[HIST_BUCKETS];
};

/* Bucket of value @v: 0 .. HIST_BUCKETS - 1. */
static inline unsigned int hist_index(hist_u64 v)
{
	unsigned int bit = 0;
	hist_u64 x = v;

	if (v < HIST_SUB)
		return (unsigned int)v;
	/* floor(log2(v)) */
	if (x >> 32)
		x >>= 32, bit += 32;
	if (x >> 16)
		x >>= 16, bit += 16;
	if (x >> 8)
		x >>= 8, bit += 8;
	if (x >> 4)
		x >>= 4, bit += 4;
	if (x >> 2)
		x >>= 2, bit += 2;
	if (x >> 1)
		bit += 1;
	if (bit > HIST_MAX_BIT)
		return HIST_BUCKETS - 1;
	return (bit - HIST_SUB_BITS + 1) * HIST_SUB +
	       (unsigned int)((v >> (bit - HIST_SUB_BITS)) & (HIST_SUB - 1));
}

#ifndef __bpf__
/* Smallest value that falls into bucket @i. */
hist_u64 hist_lower(unsigned int i);
/* Largest value that falls into bucket @i; UINT64_MAX for the last one. */
hist_u64 hist_upper(unsigned int i);
/* Number of values in @h. */
hist_u64 hist_count(const struct hist *h);
/*
 * The @p-th percentile (0 < p <= 100): the upper end of the bucket that holds the value of rank
 * ceil(p/100 * n). So at least p percent of the values are not above the result, and the result is
 * at most 12.5 % above the true one. 0 if the histogram is empty.
 */
hist_u64 hist_percentile(const struct hist *h, double p);
void hist_merge(struct hist *to, const struct hist *from);
#endif

#endif
