/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Chooses which exits of a vCPU are timed, so that reading the clock costs a bounded share of a
 * CPU however many exits there are. Plain C, shared by the BPF programs and the unit tests.
 *
 * Each exit is timed with probability 1/N, whatever came before it; a timed one stands for N. So
 * patterns of exits cannot hide (with a fixed gap of 16, of two reasons in turn one would never be
 * timed), and sums of weights are without bias over any kind or stretch of exits, also when N has
 * changed on the way: a weight is the inverse of the probability at the time (D. G. Horvitz,
 * D. J. Thompson, 1952). What is drawn is the gap up to the next timed exit, which is geometric.
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
	unsigned int gap;	/* the same when it was drawn */
	unsigned int n;		/* N */
	unsigned int weight;	/* N when the gap was drawn: what the exit at its end stands for */
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

/*
 * Logarithm of @u > 0 to base 2, times 2^16: the highest bit, and for the rest m a cubic that is
 * right at 0, 1/4, 1/2, 3/4 and 1 to 0.0013.
 */
static inline unsigned int sampler_log2(unsigned int u)
{
	unsigned long long m, bend;
	unsigned int x = u, bit = 0;

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
	m = ((unsigned long long)u << 16 >> bit) & 0xffff;
	bend = 27690 - (m * 10192 >> 16);	/* 0.42251 - 0.15552 m */
	return (bit << 16) + (unsigned int)(m + (m * (65536 - m) >> 16) * bend / 65536);
}

/*
 * A geometric gap of mean N is 1 + floor(E * c), where E is exponential, -ln of a uniform number,
 * and c = -1 / ln(1 - 1/N), which is N - 1/2 - 1/(12 N) to 1 % for N = 2 and better above.
 */
static inline void sampler_draw(struct sampler *s)
{
	unsigned long long e, c = ((unsigned long long)s->n << 16) - (1u << 15);
	unsigned int u;

	s->random = s->random * 6364136223846793005ull + 1442695040888963407ull;
	s->weight = s->n;
	s->gap = 1;
	if (s->n > 1) {
		c -= 5461 / s->n;
		u = (unsigned int)(s->random >> 32);
		e = (unsigned long long)((32u << 16) - sampler_log2(u ? u : 1)) * 45426 >> 16;
		s->gap += (unsigned int)(e * c >> 32);
	}
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
	unsigned int weight = s->left ? s->weight : 1;

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
