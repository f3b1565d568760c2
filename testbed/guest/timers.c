// SPDX-License-Identifier: GPL-2.0
/*
 * timers: sleeps for INTERVAL_US, WARMUP + COUNT times, one timer armed at a time. What a timer
 * costs in exits is the point: so between two timers nothing is done but arming the next, and each
 * is due at a fixed time after the first, so that a late one does not move all that follow.
 *
 *   timers COUNT INTERVAL_US WARMUP
 *
 * Like every load of ours it does its warm-up, prints "ready", waits for a line on stdin (the host
 * opens its window meanwhile), does the counted work and prints one line of JSON.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

struct lateness {
	uint64_t sum, max;	/* ns */
	uint64_t overdue;	/* timers that were due before they were armed */
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t number(const char *s, uint64_t min, uint64_t max)
{
	char *end;
	uint64_t v;

	errno = 0;
	v = strtoull(s, &end, 10);
	if (errno || *end || end == s || *s < '0' || *s > '9' || v < min || v > max) {
		fprintf(stderr, "timers: '%s' is not a number from %" PRIu64 " to %" PRIu64 "\n",
			s, min, max);
		exit(2);
	}
	return v;
}

static void run(uint64_t count, uint64_t interval_ns, struct lateness *l)
{
	uint64_t due = now_ns(), late;

	*l = (struct lateness){ 0 };
	while (count-- > 0) {
		struct timespec t;

		due += interval_ns;
		t.tv_sec = (time_t)(due / 1000000000u);
		t.tv_nsec = (long)(due % 1000000000u);
		if (now_ns() >= due)
			l->overdue++;
		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
			;
		late = now_ns() - due;
		l->sum += late;
		l->max = late > l->max ? late : l->max;
	}
}

static void wait_for_window(void)
{
	char go;

	printf("ready\n");
	fflush(stdout);
	do {
		if (read(0, &go, 1) != 1)
			exit(1);	/* the host went away */
	} while (go != '\n');
}

int main(int argc, char **argv)
{
	uint64_t count, interval, warmup, t;
	struct lateness l;

	if (argc != 4) {
		fprintf(stderr, "usage: timers COUNT INTERVAL_US WARMUP\n");
		return 2;
	}
	count = number(argv[1], 1, 1000000000);
	interval = number(argv[2], 1, 10000000) * 1000;
	warmup = number(argv[3], 0, 1000000000);
	/* Due when it says, not up to 50 us later together with some other timer. */
	prctl(PR_SET_TIMERSLACK, 1);
	run(warmup, interval, &l);
	wait_for_window();
	t = now_ns();
	run(count, interval, &l);
	t = now_ns() - t;
	printf("{\"timers\":%" PRIu64 ",\"overdue\":%" PRIu64 ",\"elapsed_ns\":%" PRIu64
	       ",\"late_mean_ns\":%" PRIu64 ",\"late_max_ns\":%" PRIu64 "}\n",
	       count, l.overdue, t, l.sum / count, l.max);
	return 0;
}
