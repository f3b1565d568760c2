// SPDX-License-Identifier: GPL-2.0
/* Estimates from timed exits: see estimate.h. */
#include "core/estimate.h"

#include <math.h>

bool estimate_is_sampled(const struct exit_stat *r)
{
	return r->skipped > 0 || r->weight_more > 0;
}

/* Exits that the timed ones stand for. */
static double weight(const struct exit_stat *r)
{
	return (double)(r->timed + r->weight_more);
}

double estimate_mean(const struct exit_stat *r)
{
	return r->timed ? (double)r->total_ns / weight(r) : 0;
}

/* Of exits that were not timed as many lacked an entry behind them as of those that were chosen. */
static double with_entry(const struct exit_stat *r)
{
	double chosen = (double)(r->count > r->skipped ? r->count - r->skipped : 0);

	if (chosen < (double)r->timed)
		chosen = (double)r->timed;
	return (double)r->count * (double)r->timed / chosen;
}

uint64_t estimate_total(const struct exit_stat *r)
{
	if (!r->timed || !estimate_is_sampled(r))
		return r->total_ns;
	return (uint64_t)llround(estimate_mean(r) * with_entry(r));
}

/* Variance of the times by the histogram; ends of the first and the last bucket by the extremes. */
static double variance(const struct exit_stat *r)
{
	double n = 0, sum = 0, sum2 = 0, mean;
	unsigned int i;

	for (i = 0; i < HIST_BUCKETS; i++) {
		double w = (double)r->hist.n[i], lo, hi;

		if (!r->hist.n[i])
			continue;
		lo = fmax((double)hist_lower(i), (double)r->min_ns);
		hi = fmin((double)hist_upper(i), (double)r->max_ns);
		if (hi < lo)
			hi = lo;
		n += w;
		sum += w * (lo + hi) / 2;
		/* Mean square of a value that is anywhere between the two. */
		sum2 += w * (lo * lo + lo * hi + hi * hi) / 3;
	}
	mean = sum / n;
	return fmax(sum2 / n - mean * mean, 0);
}

double estimate_error(const struct exit_stat *r)
{
	double w = weight(r), draws, seen;

	if (!estimate_is_sampled(r))
		return 0;
	/* One value says nothing about how far others are from it. */
	if (r->timed < 2 || !hist_count(&r->hist))
		return NAN;
	draws = w * w / ((double)r->timed + (double)r->square_more);
	seen = fmin((double)r->timed / with_entry(r), 1);
	if (draws <= 1)
		return NAN;
	return with_entry(r) * sqrt(variance(r) / (draws - 1) * (1 - seen));
}

uint64_t estimate_guest(const struct vcpu_trace *v)
{
	double runs = (double)v->exits, w = (double)(v->guest_timed + v->guest_more);

	if (!v->skipped || !v->guest_timed)
		return v->guest_ns;
	return (uint64_t)llround((double)v->guest_ns / w * runs);
}

struct estimate_all estimate_snapshot(const struct trace_snapshot *s)
{
	struct estimate_all a = { 0 };
	double square = 0;
	size_t i, k;

	for (i = 0; i < s->nr_vcpus; i++)
		for (k = 0; k < s->vcpus[i].nr_reasons; k++) {
			const struct exit_stat *r = &s->vcpus[i].reasons[k];
			double e = estimate_error(r);

			a.exits += r->count;
			a.timed += r->count > r->skipped ? r->count - r->skipped : 0;
			a.total_ns += (double)estimate_total(r);
			/* A reason that was hardly timed: its share is not known, and small. */
			square += isnan(e) ? 0 : e * e;
		}
	a.error_ns = sqrt(square);
	return a;
}

void estimate_add(struct exit_stat *to, const struct exit_stat *from)
{
	if (from->timed && (!to->timed || from->min_ns < to->min_ns))
		to->min_ns = from->min_ns;
	if (from->max_ns > to->max_ns)
		to->max_ns = from->max_ns;
	to->count += from->count;
	to->timed += from->timed;
	to->skipped += from->skipped;
	to->weight_more += from->weight_more;
	to->square_more += from->square_more;
	to->total_ns += from->total_ns;
	hist_merge(&to->hist, &from->hist);
}
