// SPDX-License-Identifier: GPL-2.0
/*
 * The command line of exitlab stat: options, then INTERVAL and COUNT as in vmstat, then a command
 * after "--". Options may come behind INTERVAL, but those of the command are not ours; so the "--"
 * is looked for before anything else.
 */
#include "cmd/stat_options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/sample.h"
#include "engine/details.h"
#include "engine/rungs.h"
#include "engine/signal.h"
#include "util/cpus.h"
#include "util/log.h"

#define MAX_SECONDS 1e6

static void usage(FILE *f)
{
	const struct signal_ops *const *s;

	fprintf(f, "Usage: exitlab stat [OPTION...] [INTERVAL [COUNT]] [-- COMMAND [ARGUMENT...]]\n"
		"Counts and times the VM exits of this host by VM, vCPU and reason, until Ctrl-C.\n"
		"Virtual machines that start meanwhile are counted, too. Needs root, or CAP_BPF,\n"
		"CAP_PERFMON and CAP_DAC_READ_SEARCH.\n\n"
		"  INTERVAL [COUNT] show what came every INTERVAL seconds, COUNT times, then the total\n"
		"  --duration S     stop after S seconds\n"
		"  -i, --input F    count what is in file F: of exitlab record, perf.data, trace.dat\n"
		"  -- COMMAND       run a command and stop when it ends\n"
		"Which:\n"
		"  -p, --pid PID    only the VMs of this process (the QEMU, for instance)\n"
		"  --vm NAME|PID    only this VM; can be given several times\n"
		"  --vcpu LIST      only these vCPUs, such as 0-3,7\n"
		"  --cgroup PATH    only VMs in this cgroup (version 2) and below\n"
		"  -C, --cpu LIST   only exits taken on these CPUs of the host, such as 0-3,7\n"
		"  --detail LIST    split exits by register (msr), by port and direction (port) or by\n"
		"                   guest-physical page (gpa), with commas between\n"
		"  --signals LIST   what to measure besides exits, with commas between, or 'all':\n");
	for (s = engine_signals; *s; s++)
		fprintf(f, "                   %-11s %s\n", (*s)->name, (*s)->what);
	fprintf(f, "How:\n"
		"  --time WHICH     which exits are timed (all are counted): auto (default), every one\n"
		"                   while they are few, then a sample; all; N, one in about N; off\n"
		"  --engine KIND    bpf, perf, or auto: perf where BPF cannot (default)\n"
		"  --json           print JSON (schema exitlab-stat/1), a line per interval\n"
		"  --csv            print CSV\n"
		"  -o, --output F   write to file F\n"
		"  --sort KEY       order of reasons: time (default), count or name\n"
		"  --top N          show the first N reasons, sum up the others\n"
		"                   (default 10; 0 = show all)\n"
		"  --rung RUNG      force how events are attached: tp_btf, raw_tp, tp, or\n"
		"                   EVENT=RUNG, with commas between\n"
		"  --cost           measure what the tracing itself costs (needs CAP_SYS_ADMIN)\n"
		"  -h, --help       this text\n\n"
		"Exit status: 0 done, 1 the command failed, 2 unusable arguments, 4 no exits can be\n"
		"traced here: no VM, no KVM, no permission, or a KVM that does not report its exits.\n");
}

int option_bad(const char *command, const char *fmt, const char *arg)
{
	char text[200];

	snprintf(text, sizeof(text), fmt, arg);
	err("%s: %s; see exitlab %s --help", command, text, command);
	return EX_INPUT;
}

static int bad(const char *fmt, const char *arg)
{
	return option_bad("stat", fmt, arg);
}

int option_filter(const char *command, int c, const char *arg, struct filter *f)
{
	int ret;

	if (c == 'V' && !*arg)
		return option_bad(command, "--vm needs a name or a process id%s", arg);
	if (c == 'V')
		return filter_add_vm(f, arg) ? option_bad(command, "more than 64 times --vm; '%s' is "
							  "one too many", arg) : EX_OK;
	ret = filter_cgroup(f, arg);
	if (ret)
		return option_bad(command, ret == -ENODEV ?
				  "--cgroup %s: cgroup version 2 is not mounted" :
				  "there is no cgroup '%s' in the unified hierarchy", arg);
	return EX_OK;
}

int option_signals(const char *command, const char *list, unsigned int *bits)
{
	char names[150] = "exits";
	const struct signal_ops *const *s;

	if (!signals_parse(list, bits))
		return EX_OK;
	for (s = engine_signals; *s; s++) {
		strcat(names, ", ");
		strcat(names, (*s)->name);
	}
	err("%s: --signals %s: the signals are %s, or all; see exitlab %s --help", command, list, names,
	    command);
	return EX_INPUT;
}

int option_time(const char *command, const char *arg, enum engine_time *time, unsigned int *every)
{
	static const char *const words[] = {
		[TIME_ALL] = "all", [TIME_AUTO] = "auto", [TIME_OFF] = "off",
	};
	long n = option_whole(arg, 1, SAMPLE_MAX);
	size_t i;

	if (n > 0) {
		*time = n == 1 ? TIME_ALL : TIME_EVERY;
		*every = (unsigned int)n;
		return EX_OK;
	}
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (words[i] && !strcmp(arg, words[i])) {
			*time = (enum engine_time)i;
			return EX_OK;
		}
	return option_bad(command, "--time is auto, all, off or a number from 1 to 4096, not '%s'",
			  arg);
}

int option_time_fits(const char *command, enum engine_time time, unsigned int details,
		     unsigned int signals)
{
	if (time != TIME_EVERY && time != TIME_OFF)
		return EX_OK;
	if (details)
		return option_bad(command, "with --detail every exit is timed%s", "");
	if (signals & SIGNAL_ACCOUNT)
		return option_bad(command, "the signal 'account' times every exit%s", "");
	return EX_OK;
}

long option_whole(const char *s, long min, long max)
{
	char *end;
	long v;

	errno = 0;
	v = strtol(s, &end, 10);
	return errno || end == s || *end || v < min || v > max ? -1 : v;
}

bool option_seconds(const char *s, double *out)
{
	char *end;

	*out = strtod(s, &end);
	return end != s && !*end && isfinite(*out) && *out > 0 && *out <= MAX_SECONDS;
}

static int only_cpus(struct stat_options *o)
{
	const size_t words = CPU_LIST_MAX / 64;
	static struct cpu_list there;
	FILE *f = fopen("/sys/devices/system/cpu/possible", "re");
	char text[1024] = "";

	if (f && !fgets(text, sizeof(text), f))
		text[0] = 0;
	if (f)
		fclose(f);
	if (cpus_parse(optarg, o->cpus.mask, words))
		return bad("'%s' is not a list of CPUs such as 0-3,7", optarg);
	/* A host that does not say which it has is asked nothing. */
	if (!cpus_parse(text, there.mask, words) &&
	    cpus_missing(o->cpus.mask, there.mask, words) >= 0)
		return bad("-C %s: this host does not have all of these CPUs", optarg);
	o->some_cpus = true;
	return EX_OK;
}

static int which(int c, struct stat_options *o)
{
	long n;

	switch (c) {
	case 'p':
		n = option_whole(optarg, 1, INT32_MAX);
		if (n < 0)
			return bad("'%s' is not a process id", optarg);
		o->pid = (pid_t)n;
		return EX_OK;
	case 'V':
	case 'g':
		return option_filter("stat", c, optarg, &o->filter);
	case 'u':
		if (filter_vcpus(&o->filter, optarg))
			return bad("'%s' is not a list of vCPUs such as 0-3,7", optarg);
		return EX_OK;
	case 'C':
		return only_cpus(o);
	default:
		if (details_parse(optarg, &o->details))
			return bad("the details are msr, port and gpa, not '%s'", optarg);
		return EX_OK;
	}
}

static int sort_key(struct stat_options *o)
{
	static const char *const keys[] = { "time", "count", "name" };
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (!strcmp(optarg, keys[i])) {
			o->sort = (enum out_sort)i;
			return EX_OK;
		}
	}
	return bad("--sort is time, count or name, not '%s'", optarg);
}

static int engine_kind(struct stat_options *o)
{
	static const char *const kinds[] = {
		[ENGINE_AUTO] = "auto", [ENGINE_BPF] = "bpf", [ENGINE_PERF] = "perf",
	};
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!strcmp(optarg, kinds[i])) {
			o->engine = (enum engine_kind)i;
			return EX_OK;
		}
	}
	return bad("--engine is auto, bpf or perf, not '%s'", optarg);
}

static int option(int c, struct stat_options *o)
{
	struct rung_force force;
	long n;

	switch (c) {
	case 'd':
		if (!option_seconds(optarg, &o->duration_s))
			return bad("'%s' is not a duration in seconds (above 0, up to 1000000)", optarg);
		return EX_OK;
	case 't':
		n = option_whole(optarg, 0, 1000000);
		if (n < 0)
			return bad("--top needs a number from 0 to 1000000, not '%s'", optarg);
		o->top = (size_t)n;
		return EX_OK;
	case 'j':
	case 'v':
		if (o->format != STAT_TABLE)
			return bad("only one of --json and --csv%s", "");
		o->format = c == 'j' ? STAT_JSON : STAT_CSV;
		return EX_OK;
	case 'i':
		o->input = optarg;
		return EX_OK;
	case 'o':
		o->output = optarg;
		return EX_OK;
	case 's':
		return sort_key(o);
	case 'S':
		return option_signals("stat", optarg, &o->signals);
	case 'R':
		o->rung = optarg;
		return rungs_parse(optarg, &force) ?
		       bad("--rung '%s': a rung is tp_btf, raw_tp or tp", optarg) : EX_OK;
	case 'c':
		o->cost = true;
		return EX_OK;
	case 'e':
		return engine_kind(o);
	case 'T':
		return option_time("stat", optarg, &o->time, &o->time_every);
	}
	return which(c, o);
}

/* INTERVAL and COUNT: what is left of @argv. */
static int positional(int argc, char **argv, struct stat_options *o)
{
	long n;

	if (argc > 0 && !option_seconds(argv[0], &o->interval_s))
		return bad("'%s' is not an interval in seconds (a command comes after --)", argv[0]);
	if (argc > 1) {
		n = option_whole(argv[1], 1, INT32_MAX);
		if (n < 0)
			return bad("'%s' is not a number of intervals", argv[1]);
		o->count = (unsigned int)n;
	}
	if (argc > 2)
		return bad("unexpected argument '%s' (a command comes after --)", argv[2]);
	return -1;
}

int stat_parse(int argc, char **argv, struct stat_options *o)
{
	static const struct option opts[] = {
		{ "pid", required_argument, NULL, 'p' },
		{ "vm", required_argument, NULL, 'V' },
		{ "vcpu", required_argument, NULL, 'u' },
		{ "cgroup", required_argument, NULL, 'g' },
		{ "detail", required_argument, NULL, 'D' },
		{ "duration", required_argument, NULL, 'd' },
		{ "json", no_argument, NULL, 'j' },
		{ "csv", no_argument, NULL, 'v' },
		{ "cpu", required_argument, NULL, 'C' },
		{ "rung", required_argument, NULL, 'R' },
		{ "engine", required_argument, NULL, 'e' },
		{ "input", required_argument, NULL, 'i' },
		{ "output", required_argument, NULL, 'o' },
		{ "sort", required_argument, NULL, 's' },
		{ "top", required_argument, NULL, 't' },
		{ "signals", required_argument, NULL, 'S' },
		{ "time", required_argument, NULL, 'T' },
		{ "cost", no_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c, i, ret;

	*o = (struct stat_options){ .top = 10, .time = TIME_AUTO };
	for (i = 1; i < argc && strcmp(argv[i], "--"); i++)
		;
	if (i < argc) {
		if (i + 1 == argc)
			return bad("there is no command after '%s'", "--");
		o->command = argv + i + 1;
		argc = i;
	}
	/* Our own messages, in one form. */
	opterr = 0;
	optind = 0;
	while ((c = getopt_long(argc, argv, ":p:i:o:C:h", opts, NULL)) != -1) {
		if (c == 'h') {
			usage(stdout);
			return EX_OK;
		}
		if (c == ':')
			return bad("option '%s' needs a value", argv[optind - 1]);
		if (c == '?')
			return bad("unknown option '%s'", argv[optind - 1]);
		ret = option(c, o);
		if (ret)
			return ret;
	}
	ret = option_time_fits("stat", o->time, o->details, o->signals);
	if (!ret && o->some_cpus && (o->time == TIME_EVERY || o->time == TIME_OFF))
		ret = bad("with -C every exit is timed%s", "");
	return ret ? ret : positional(argc - optind, argv + optind, o);
}
