// SPDX-License-Identifier: GPL-2.0
/*
 * What two CPUs pay for talking through memory. In a round one CPU executes after the other, so:
 *
 * - Waiting without PAUSE, the second answers in the round in which the first asks, and the first
 *   sees that in the next: a round trip takes a quantum.
 * - The first PAUSE that a CPU executes in a round lets the others go first. If it has looked at
 *   the word before that, in this round, each of the two has two turns in it: half a quantum for a
 *   round trip. If the round begins for one of them between a look and the PAUSE after it, it has
 *   one turn only: a quantum.
 *
 * Which of these it is depends on where in its loop a CPU is when a round ends; that is behind the
 * block of instructions in which the end falls. The loop here has two blocks, one that looks and
 * one that ends with PAUSE: of PERIOD instants at which a round may end, LOOK lie in the first (and
 * what comes next is a PAUSE), the others in the second. The quantum is a multiple of PERIOD and so
 * is a turn, hence all rounds of a game are alike. Each pair of instants is tried once: it is known
 * how many games need half a quantum for a round trip, and all others have to need a whole one.
 */

#include "time-cpus.h"

#define PERIOD		50u	/* ns of an iteration, and of a turn */
#define LOOK		8u	/* of them in the block that looks */
#define TRIPS		numbers[2]

extern volatile u64 ball;	/* even: it is CPU 0's turn */
static u64 instant[2];		/* in the period, at which the two begin */
static void (*play)(u64 cpu, u64 trips);
static u64 game_ns;

void play_spin(u64 cpu, u64 trips);
void play_pause(u64 cpu, u64 trips);
void play_pause40(u64 cpu, u64 trips);

/* NOPS and LAST end the block of an iteration that does not look. None crosses a page. */
#define PLAYER(name, nops, last)					\
	".balign 256\n" name ":\n"					\
	"	jmp 2f\n"						\
	"1:	.rept " nops "\n	nop\n	.endr\n	" last "\n"	\
	"2:	nop\n	nop\n	nop\n	nop\n"				\
	"	mov ball, %eax\n	and $1, %eax\n"			\
	"	cmp %edi, %eax\n	jne 1b\n"			\
	"	incq ball\n	dec %rsi\n	jz 3f\n"		\
	"	.rept 38\n	nop\n	.endr\n	jmp 2b\n"		\
	"3:	ret\n"

asm(PLAYER("play_spin", "41", "nop")
    PLAYER("play_pause", "41", "pause")
    PLAYER("play_pause40", "1", "pause")
    ".data\n.balign 64\nball:	.quad 0\n.text\n");

/* 2 instructions an iteration. */
static void count_down(u64 n)
{
	asm volatile("1: dec %0; jnz 1b" : "+r"(n) : : "cc");
}

/*
 * Goes on at instant AT of the period, but for a number that is always the same: an iteration takes
 * PERIOD + 1. Returns when that was. The clock must not have been read by a CPU that is ahead.
 */
static u64 begin_at(u64 at)
{
	const u64 t = rdtsc();
	const u64 wait = (at + PERIOD - t % PERIOD) % PERIOD + 1;
	u64 n = wait;

	asm volatile("1:	.rept 49\n	nop\n	.endr\n	dec %0\n	jnz 1b" : "+r"(n) : : "cc");
	return t + wait * (PERIOD + 1);
}

static void play_game(u32 cpu)
{
	u64 t0;

	if (cpu > 1)
		return;
	/* CPU 1 first, then CPU 0, each long after the other has read the clock. */
	count_down((cpu ? 2 : 8) * QUANTUM + (cpu ? 0 : PERIOD * PERIOD));
	t0 = begin_at(instant[cpu]);
	play(cpu, TRIPS);
	if (!cpu)
		game_ns = rdtsc() - t0;
}

/* A game begins and ends somewhere in a round, and has one trip more in the first of them. */
static int is_about(u64 ns, u64 rounds_ns)
{
	return ns + 3 * QUANTUM >= rounds_ns && ns <= rounds_ns + 2 * PERIOD;
}

/* Plays a game for each pair of instants. Returns whether FAST of them took half a quantum for a
 * round trip, and all others a whole one. */
static int games(const char *name, void (*player)(u64 cpu, u64 trips), u64 fast)
{
	const u64 whole = TRIPS * QUANTUM, half = whole / 2;
	u64 halves = 0, wholes = 0, others = 0;

	play = player;
	for (instant[0] = 0; instant[0] < PERIOD; instant[0]++) {
		for (instant[1] = 0; instant[1] < PERIOD; instant[1]++) {
			ball = 0;
			run_on_all(play_game);
			if (is_about(game_ns, half))
				halves++;
			else if (is_about(game_ns, whole))
				wholes++;
			else if (!others++)
				report("# ns of a game, neither one nor the other:", game_ns);
		}
	}
	print(name);
	report("# games with half a quantum for a round trip:", halves);
	report("# games with a quantum:", wholes);
	return halves == fast && wholes == PERIOD * PERIOD - fast;
}

/* numbers[3]: what PAUSE costs. */
u32 test_pingpong(void)
{
	const u64 fast = (PERIOD - LOOK) * (PERIOD - LOOK);

	report("# round trips in a game:", TRIPS);
	return games("# spinning\n", play_spin, 0) &&
		games("# with PAUSE\n", numbers[3] ? play_pause40 : play_pause, fast) ? GOOD : BAD;
}
