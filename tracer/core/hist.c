// SPDX-License-Identifier: GPL-2.0
/* Reading a histogram. Filling it is done by hist_index() alone, on both sides. */
#include "core/hist.h"

#include <math.h>

hist_u64 hist_lower(unsigned int i)
{
	unsigned int octave = i / HIST_SUB, sub = i % HIST_SUB;

	if (octave == 0)
		return i;
	return (hist_u64)(HIST_SUB + sub) << (octave - 1);
}

hist_u64 hist_upper(unsigned int i)
{
	return i + 1 < HIST_BUCKETS ? hist_lower(i + 1) - 1 : UINT64_MAX;
}

hist_u64 hist_count(const struct hist *h)
{
	hist_u64 n = 0;
	unsigned int i;

	for (i = 0; i < HIST_BUCKETS; i++)
		n += h->n[i];
	return n;
}

hist_u64 hist_percentile(const struct hist *h, double p)
{
	hist_u64 n = hist_count(h), rank, seen = 0;
	unsigned int i;

	if (n == 0)
		return 0;
	rank = (hist_u64)ceil(p / 100 * (double)n);
	if (rank < 1)
		rank = 1;
	for (i = 0; i < HIST_BUCKETS; i++) {
		seen += h->n[i];
		if (seen >= rank)
			return hist_upper(i);
	}
	return UINT64_MAX;
}

void hist_merge(struct hist *to, const struct hist *from)
{
	unsigned int i;

	for (i = 0; i < HIST_BUCKETS; i++)
		to->n[i] += from->n[i];
}
