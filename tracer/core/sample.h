/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Chooses which exits of a vCPU are timed, so that reading the clock costs a bounded share of a
 * CPU however many exits there are. Plain C, shared by the BPF programs and the unit tests.
 *
 * One exit in about N is timed. The gap to the next one is drawn anew each time, uniform in
 * 1..2N-1, because exits come in patterns: with a fixed gap of 16, of two reasons in turn one would
 * never be timed. A timed exit stands for itself and for those skipped before it: its weight is the
 * gap, so all weights add up to the number of exits up to the last one that was timed.
 *
 * N is given, or follows the rate (auto): N = exits * SAMPLE_NS / time, over the last timed exits,
 * older ones counting less, rounded down. So below two exits per SAMPLE_NS every exit is timed. N
 * never depends on the exits that it decides about, so that it cannot prefer short ones. What
 * becomes of the samples is in core/estimate.h.
 *
 * The generator is linear congruential with D. Knuth's factor of 64 bits (MMIX), of which the high
 * half is used: its low bits repeat early.
 */
#ifndef EXITLAB_SAMPLE_H
#define EXITLAB_SAMPLE_H

#define SAMPLE_NS	200000u		/* auto: one timed exit of a vCPU in this time */
#define SAMPLE_MAX	4096u		/* largest N */
#define SAMPLE_FADE	6		/* auto: the rate is that of about 2^6 timed exits */
#define SAMPLE_IDLE_NS	(1u << 24)	/* auto: a silence of 17 ms, after which the rate is new */

struct sampler {
	unsigned int left;	/* exits up to the next one that is timed, it included; 0 = new */
	unsigned int gap;	/* the same when it was drawn: the weight of that one */
	unsigned int n;		/* N */
	unsigned int pad;
	unsigned long long random;
	unsigned long long last;	/* auto: when an exit was timed last */
	unsigned long long exits, ns;	/* auto: sums over the last timed exits, fading */
};

/* Is the exit that comes now one to be timed? If not, sampler_skip(), else sampler_take(). */
static inline int sampler_due(const struct sampler *s)
{
	return s->left <= 1;
}

static inline void sampler_skip(struct sampler *s)
{
	s->left--;
}

static inline void sampler_draw(struct sampler *s)
{
	s->random = s->random * 6364136223846793005ull + 1442695040888963407ull;
	s->gap = 1 + (unsigned int)((s->random >> 32) * (2 * s->n - 1) >> 32);
	s->left = s->gap;
}

static inline void sampler_follow_rate(struct sampler *s, unsigned long long now)
{
	unsigned long long ns = now > s->last ? now - s->last : 0, n;

	if (!s->last || ns > SAMPLE_IDLE_NS) {
		/* The exits of the gap are of the time before. */
		s->exits = 1;
		s->ns = SAMPLE_IDLE_NS;
	} else {
		s->exits += s->gap - (s->exits >> SAMPLE_FADE);
		s->ns += ns - (s->ns >> SAMPLE_FADE);
	}
	s->last = now;
	n = s->ns ? s->exits * SAMPLE_NS / s->ns : SAMPLE_MAX;
	s->n = n < 1 ? 1 : n > SAMPLE_MAX ? SAMPLE_MAX : (unsigned int)n;
}

/*
 * The weight of the exit that is timed at @now, and draws the next one. @every: N, 0 = auto. @seed
 * is used once, so that vCPUs do not go in step.
 */
static inline unsigned int sampler_take(struct sampler *s, unsigned int every,
					unsigned long long now, unsigned long long seed)
{
	unsigned int weight = s->left ? s->gap : 1;

	if (!s->left) {
		s->gap = 1;
		s->random = seed;
	}
	if (every)
		s->n = every < SAMPLE_MAX ? every : SAMPLE_MAX;
	else
		sampler_follow_rate(s, now);
	sampler_draw(s);
	return weight;
}

#endif
