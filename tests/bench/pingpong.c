// SPDX-License-Identifier: GPL-2.0
/*
 * pingpong N: two processes on one CPU hand a byte to and fro, N times; prints the nanoseconds of
 * one turn, which is one wake-up and one switch.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int turns(int n, int in, int out, int first)
{
	char c = 0;

	if (first && write(out, &c, 1) != 1)
		return 1;
	while (n-- > 0)
		if (read(in, &c, 1) != 1 || ((n || !first) && write(out, &c, 1) != 1))
			return 1;
	return 0;
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 10000, there[2], back[2], failed;
	cpu_set_t one;
	double begin;
	pid_t child;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	if (n < 1 || sched_setaffinity(0, sizeof(one), &one) || pipe(there) || pipe(back))
		return 1;
	child = fork();
	if (child < 0)
		return 1;
	if (!child)
		_exit(turns(n, there[0], back[1], 0));
	begin = now();
	failed = turns(n, back[0], there[1], 1);
	printf("%.0f\n", (now() - begin) / n / 2);
	waitpid(child, NULL, 0);
	return failed;
}
