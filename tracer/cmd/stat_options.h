/* SPDX-License-Identifier: GPL-2.0 */
/* The command line of exitlab stat. */
#ifndef EXITLAB_STAT_OPTIONS_H
#define EXITLAB_STAT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#include "host/filter.h"
#include "out/exits.h"

enum stat_format { STAT_TABLE, STAT_JSON, STAT_CSV };

struct stat_options {
	pid_t pid;			/* 0 = all */
	struct filter filter;
	double duration_s;		/* 0 = no end */
	double interval_s;		/* 0 = only the total */
	unsigned int count;		/* of intervals; 0 = no end */
	size_t top;
	enum out_sort sort;
	enum stat_format format;
	bool cost;
	unsigned int details;		/* enum engine_detail */
	enum engine_time time;
	unsigned int time_every;
	const char *rung;		/* NULL = not forced */
	bool some_cpus;			/* -C: only @cpus */
	struct cpu_list cpus;
	unsigned int signals;		/* enum engine_signal */
	enum engine_kind engine;
	const char *input;		/* file of events; NULL = this host, live */
	const char *output;		/* file; NULL = stdout */
	char **command;			/* NULL = none */
};

/* -1: go on; else the exit status (help was asked for, or an error was told). */
int stat_parse(int argc, char **argv, struct stat_options *o);

/* ---- For the other commands ---- */

/* Says what is wrong with the command line of @command; EX_INPUT. @fmt has one %s, for @arg. */
int option_bad(const char *command, const char *fmt, const char *arg);
/* --vm ('V') or --cgroup ('g') of @command into @f. EX_OK, or EX_INPUT and it has said why. */
int option_filter(const char *command, int c, const char *arg, struct filter *f);
/* Text to number, -1 or false if it is none. */
long option_whole(const char *s, long min, long max);
/* --signals LIST into enum engine_signal. EX_OK, or EX_INPUT, told in one line. */
int option_signals(const char *command, const char *list, unsigned int *bits);
/* --time WHICH. EX_OK, or EX_INPUT, told in one line. */
int option_time(const char *command, const char *arg, enum engine_time *time, unsigned int *every);
/* Does --time go with what else was asked for? EX_OK, or EX_INPUT, told in one line. */
int option_time_fits(const char *command, enum engine_time time, unsigned int details,
		     unsigned int signals);
/* Seconds above 0, up to 1000000. */
bool option_seconds(const char *s, double *out);

#endif
