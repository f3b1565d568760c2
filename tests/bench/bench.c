// SPDX-License-Identifier: GPL-2.0
/*
 * What the tracer costs a VM exit: a guest makes a known number of events while nothing, the least
 * that a program can do, exitlab, or another tracer watches, and the CPU time of its thread is
 * compared. Every way of watching must have counted what the guest did, or there is no number.
 *
 * The hard part is that the cost is below the noise of a machine others use. So the thread is
 * pinned, only its own CPU time counts, a round's result is its fastest tenth, and all ways take
 * turns in every round, in another order each time. The added cost is given twice: as difference of
 * the minima, and as the median over the rounds of the difference to "nothing" of the same round,
 * with half the distance between the quartiles of those. The row "nothing, again" is that method
 * applied to no difference at all: what is not larger than it is noise.
 */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bench.h"
#include "guest.h"
#include "util/log.h"

#define MAX_ROUNDS	1000
#define SLICES		10	/* of a round; so short that most are not interrupted */

static int nothing_attach(const struct method *m, const char **why)
{
	(void)m;
	(void)why;
	return 0;
}

static int nothing_check(const struct method *m, uint64_t events, uint64_t runs)
{
	(void)m;
	(void)events;
	(void)runs;
	return 0;
}

static void nothing_detach(const struct method *m)
{
	(void)m;
}

#define NOTHING nothing_attach, nothing_check, nothing_detach, 0
#define FLOOR	floor_attach, floor_check, floor_detach
#define ENGINE	engine_method_attach, engine_method_check, engine_method_detach
#define PERF	perf_attach, perf_check, perf_detach
#define BPFTRACE bpftrace_attach, bpftrace_check, bpftrace_detach

enum { BASE, AGAIN, FLOOR1, FLOOR2 };	/* rows with a meaning of their own */
static const struct method methods[] = {
	{ "nothing", "nothing", NOTHING },
	{ "nothing_again", "nothing, again (= noise)", NOTHING },
	{ "floor1", "floor 1: empty programs", FLOOR, FLOOR_EMPTY },
	{ "floor2", "floor 2: per-CPU counter", FLOOR, FLOOR_COUNT },
	{ "floor1_btf", "floor 1, both tp_btf", FLOOR, FLOOR_BTF_EMPTY },
	{ "floor2_btf", "floor 2, both tp_btf", FLOOR, FLOOR_BTF_COUNT },
	{ "exitlab", "exitlab (both tp_btf)", ENGINE, EXITLAB_PLAIN },
	{ "exitlab_all", "exitlab, --time all", ENGINE, EXITLAB_ALL },
	{ "exitlab_off", "exitlab, --time off", ENGINE, EXITLAB_OFF },
	{ "exitlab_tp", "exitlab, exit by tp", ENGINE, EXITLAB_TP },
	{ "exitlab_msr", "exitlab, --detail msr", ENGINE, EXITLAB_MSR },
	{ "exitlab_port", "exitlab, --detail port", ENGINE, EXITLAB_PORT },
	{ "exitlab_gpa", "exitlab, --detail gpa", ENGINE, EXITLAB_GPA },
	{ "exitlab_cpus", "exitlab, -C", ENGINE, EXITLAB_CPUS },
	{ "exitlab_cost", "exitlab, own cost measured", ENGINE, EXITLAB_COST },
	{ "perf_stat", "perf stat, 2 events", PERF, PERF_STAT },
	{ "perf_record", "perf record, 2 events", PERF, PERF_RECORD },
	{ "perf_kvm", "perf kvm stat record", PERF, PERF_KVM },
	{ "bpftrace_count", "bpftrace count(), exits", BPFTRACE, BPFTRACE_COUNT },
	{ "bpftrace_time", "bpftrace count(), hist()", BPFTRACE, BPFTRACE_TIME },
	{ "kvmexit", "kvmexit (bcc)", kvmexit_attach, kvmexit_check, bpftrace_detach, 0 },
};
#define NR_METHODS (sizeof(methods) / sizeof(methods[0]))
#define MAX_ROWS (NR_METHODS + MAX_OTHERS)

struct options {
	uint64_t events;
	unsigned int rounds;
	int cpu;
	const char *others[MAX_OTHERS];
	unsigned int nr_others;
	bool json, tools, test_run;
	bool virtual;	/* this machine's clock counts instructions */
};

struct row {
	const struct method *m;
	const char *why;	/* not measured because of this */
	double ns[MAX_ROUNDS];	/* per event, by round */
	double min, median, added_min, added_median, spread;
};

static struct row rows[MAX_ROWS];
static size_t nr_rows;
static struct method others[MAX_OTHERS];
static uint64_t handled;	/* events that were verified */

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* The value that @part (0..1) of @n sorted ones do not exceed, interpolated. */
static double quantile(const double *sorted, unsigned int n, double part)
{
	double at = part * (n - 1);
	unsigned int i = (unsigned int)at;

	return i + 1 < n ? sorted[i] + (at - i) * (sorted[i + 1] - sorted[i]) : sorted[n - 1];
}

static void summarize(struct row *r, const struct row *base, unsigned int n)
{
	double v[MAX_ROUNDS];
	unsigned int i;

	memcpy(v, r->ns, n * sizeof(v[0]));
	qsort(v, n, sizeof(v[0]), compare);
	r->min = v[0];
	r->median = quantile(v, n, 0.5);
	for (i = 0; i < n; i++)
		v[i] = r->ns[i] - base->ns[i];
	qsort(v, n, sizeof(v[0]), compare);
	r->added_median = quantile(v, n, 0.5);
	r->spread = (quantile(v, n, 0.75) - quantile(v, n, 0.25)) / 2;
	r->added_min = r->min - base->min;
}

/*
 * One way of watching, once: a slice of the events to warm up, then all, of which the fastest
 * slice is the result. Round 0 is not kept: in it the kernel counts the runs of the empty programs.
 */
static int measure(struct guest *g, struct row *r, const struct options *o, unsigned int round)
{
	uint64_t slice = o->events / SLICES, best = UINT64_MAX, sum = 0, ns;
	int ret = r->m->attach(r->m, &r->why);
	unsigned int i;

	if (ret == -ENOSYS && r->why)
		return 0;
	r->why = NULL;
	if (ret)
		return ret;
	for (i = 0; i <= SLICES && !ret; i++) {
		ret = guest_run(g, slice, &ns);
		if (i && ns < best)
			best = ns;
		sum += i ? ns : 0;
	}
	if (ret)
		err("the guest ended otherwise than planned: %s", strerror(-ret));
	else
		ret = r->m->check(r->m, slice * (SLICES + 1), SLICES + 1);
	r->m->detach(r->m);
	if (!ret && r->m->check != nothing_check)
		handled += slice * (SLICES + 1);
	/* Where nothing else runs, the mean: exits that are timed cost more than others. */
	if (o->virtual)
		best = sum / SLICES;
	if (round)
		r->ns[round - 1] = (double)best / (double)slice;
	return ret;
}

static void make_rows(const struct options *o)
{
	size_t i;

	for (i = 0; i < NR_METHODS; i++)
		if (o->tools || (methods[i].attach != perf_attach &&
				 methods[i].attach != bpftrace_attach &&
				 methods[i].attach != kvmexit_attach))
			rows[nr_rows++].m = &methods[i];
	for (i = 0; i < o->nr_others; i++) {
		const char *name = strrchr(o->others[i], '/');

		name = name ? name + 1 : o->others[i];
		others[i] = (struct method){ name, name, ENGINE, EXITLAB_OTHER + (int)i };
		rows[nr_rows++].m = &others[i];
	}
}

static int measure_all(struct guest *g, const struct options *o)
{
	unsigned int round;
	int ret = 0;
	size_t i;

	for (round = 0; round <= o->rounds; round++) {
		for (i = 0; i < nr_rows && !ret; i++) {
			struct row *r = &rows[(i + round) % nr_rows];

			if (!r->why)
				ret = measure(g, r, o, round);
		}
		if (ret)
			return ret;
		if (isatty(STDERR_FILENO))
			fprintf(stderr, "\rround %u of %u%s", round, o->rounds,
				round == o->rounds ? "\r\033[K" : "");
	}
	for (i = 0; i < nr_rows; i++)
		if (!rows[i].why)
			summarize(&rows[i], &rows[BASE], o->rounds);
	return 0;
}

/* "model name : x" of the first CPU. */
static void cpu_model(char *buf, size_t size)
{
	FILE *f = fopen("/proc/cpuinfo", "r");
	char line[256];

	snprintf(buf, size, "unknown CPU");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "model name", 10) && strchr(line, ':')) {
			line[strcspn(line, "\n")] = 0;
			snprintf(buf, size, "%s", strchr(line, ':') + 2);
			break;
		}
	if (f)
		fclose(f);
}

/* Of the medians: two rows' minima may come from moments at which the CPU ran at other speeds. */
static double ratio(const struct row *r, int floor)
{
	return rows[floor].added_median > 0 ? r->added_median / rows[floor].added_median : NAN;
}

/* null where the floor is lost in the noise. */
static json_t *ratio_json(const struct row *r, int floor)
{
	double x = ratio(r, floor);

	return isnan(x) ? json_null() : json_real(x);
}

static void print_table(const struct options *o)
{
	struct utsname u;
	char model[128];
	double load = 0;
	size_t i;

	uname(&u);
	cpu_model(model, sizeof(model));
	getloadavg(&load, 1);
	printf("%s of the vCPU's thread per exit and entry: %u rounds of %llu\n"
	       "%s, Linux %s, pinned to CPU %d, load %.1f\n",
	       o->virtual ? "Instructions" : "CPU time", o->rounds,
	       (unsigned long long)o->events, model, u.release, o->cpu, load);
	if (stand_in)
		printf("This KVM never calls kvm_exit and kvm_entry: every program is attached to\n"
		       "kvm:" STAND_IN " instead, which is hit once per instruction that KVM\n"
		       "emulates and then stands for an exit and an entry.\n");
	else
		printf("Attached to kvm:kvm_entry and kvm:kvm_exit; the guest executes WRMSR.\n");
	printf("\n%-26s %9s %8s %8s %8s %6s %7s %7s\n", "", "",
	       o->virtual ? "insns" : "ns", "", "added", "", "x floor", "x floor");
	printf("%-26s %9s %8s %8s %8s %6s %7s %7s\n", "watched by", "min", "median", "min", "median",
	       "+-", "1", "2");
	for (i = 0; i < nr_rows; i++) {
		const struct row *r = &rows[i];

		if (r->why) {
			printf("%-26s n/a (%s)\n", r->m->title, r->why);
			continue;
		}
		printf("%-26s %9.0f %8.0f", r->m->title, r->min, r->median);
		if (i == BASE)
			printf(" %8s %8s %6s %7s %7s\n", "-", "-", "-", "-", "-");
		else if (i == AGAIN)
			printf(" %8.0f %8.0f %6.0f %7s %7s\n", r->added_min, r->added_median,
			       r->spread, "-", "-");
		else
			printf(" %8.0f %8.0f %6.0f %7.1f %7.1f\n", r->added_min, r->added_median,
			       r->spread, ratio(r, FLOOR1), ratio(r, FLOOR2));
	}
	printf("\nadded min: difference of the minima; added median: of the differences within a round,\n"
	       "+- half their interquartile range; x floor: of the medians.\n"
	       "%llu events were counted and verified.\n",
	       (unsigned long long)handled);
}

static int print_json(const struct options *o)
{
	json_t *list = json_array(), *top;
	struct utsname u;
	char model[128];
	size_t i;
	int ret;

	uname(&u);
	cpu_model(model, sizeof(model));
	for (i = 0; i < nr_rows; i++) {
		const struct row *r = &rows[i];

		if (r->why)
			json_array_append_new(list, json_pack("{s:s, s:s, s:n, s:s}", "name", r->m->name,
				"title", r->m->title,
				"min_ns", "min_ns_why", r->why));
		else
			json_array_append_new(list, json_pack(
				"{s:s, s:s, s:f, s:f, s:f, s:f, s:f, s:o, s:o}", "name", r->m->name,
				"title", r->m->title,
				"min_ns", r->min, "median_ns", r->median,
				"added_min_ns", r->added_min, "added_median_ns", r->added_median,
				"added_spread_ns", r->spread,
				"floor1_ratio", ratio_json(r, FLOOR1),
				"floor2_ratio", ratio_json(r, FLOOR2)));
	}
	top = json_pack("{s:s, s:s, s:s, s:s, s:b, s:s, s:s, s:i, s:I, s:i, s:I, s:o}",
			"schema", "exitlab-bench/1", "time_base", o->virtual ?
			"virtual: 1 ns per instruction" : "CPU time of the vCPU's thread", "cpu", model, "kernel", u.release,
			"stand_in", stand_in,
			"entry_event", stand_in ? "kvm:" STAND_IN : "kvm:kvm_entry",
			"exit_event", stand_in ? "kvm:" STAND_IN : "kvm:kvm_exit",
			"rounds", (int)o->rounds, "events", (json_int_t)o->events,
			"pinned_to", o->cpu, "events_verified", (json_int_t)handled, "rows", list);
	if (!top)
		return -ENOMEM;
	ret = json_dumpf(top, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
	putchar('\n');
	json_decref(top);
	return ret ? -EIO : 0;
}

/* Pins this thread (to the last CPU it may use, by default) and finds another CPU for the tools. */
static int pin(struct options *o)
{
	cpu_set_t may, one;
	int cpu;

	if (sched_getaffinity(0, sizeof(may), &may))
		return -errno;
	for (cpu = CPU_SETSIZE - 1; cpu >= 0 && o->cpu < 0; cpu--)
		if (CPU_ISSET(cpu, &may))
			o->cpu = cpu;
	for (cpu = 0; cpu < CPU_SETSIZE && tools_cpu < 0; cpu++)
		if (CPU_ISSET(cpu, &may) && cpu != o->cpu)
			tools_cpu = cpu;
	if (o->cpu >= CPU_SETSIZE)
		return -EINVAL;
	CPU_ZERO(&one);
	CPU_SET(o->cpu, &one);
	return sched_setaffinity(0, sizeof(one), &one) ? -errno : 0;
}

static void usage(FILE *f)
{
	fputs("Usage: bench [OPTION]...\n"
	      "Measure what watching a VM's exits costs them.\n\n"
	      "  -n, --events N    events a round and row (default 20000)\n"
	      "  -r, --rounds N    rounds (default 15)\n"
	      "  -c, --cpu N       pin the guest to this CPU (default: the last)\n"
	      "      --no-tools    leave out perf and bpftrace\n"
	      "      --other FILE  one more row: another build of bpf/exits.bpf.c (6 times)\n"
	      "      --virtual     call it instructions: for a machine whose clock counts them\n"
	      "      --test-run    instead, the programs alone, by BPF_PROG_TEST_RUN; as JSON\n"
	      "  -j, --json        as JSON\n"
	      "  -v, --verbose     say more; twice: what libbpf says\n"
	      "  -h, --help        this text\n", f);
}

static int parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "events", required_argument, NULL, 'n' }, { "rounds", required_argument, NULL, 'r' },
		{ "cpu", required_argument, NULL, 'c' }, { "other", required_argument, NULL, 'o' },
		{ "no-tools", no_argument, NULL, 't' }, { "virtual", no_argument, NULL, 'V' },
		{ "json", no_argument, NULL, 'j' }, { "test-run", no_argument, NULL, 'T' },
		{ "verbose", no_argument, NULL, 'v' }, { "help", no_argument, NULL, 'h' }, { 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "n:r:c:jvh", longs, NULL)) != -1)
		switch (c) {
		case 'n': o->events = strtoull(optarg, NULL, 10); break;
		case 'r': o->rounds = (unsigned int)strtoul(optarg, NULL, 10); break;
		case 'c': o->cpu = atoi(optarg); break;
		case 'o':
			if (o->nr_others == MAX_OTHERS)
				return -EINVAL;
			o->others[o->nr_others++] = optarg;
			break;
		case 't': o->tools = false; break;
		case 'V': o->virtual = true; break;
		case 'j': o->json = true; break;
		case 'T': o->test_run = true; break;
		case 'v': log_threshold++; break;
		case 'h': usage(stdout); exit(EX_OK);
		default: return -EINVAL;
		}
	if (optind < argc || o->events < SLICES || o->events > UINT32_MAX || !o->rounds ||
	    o->rounds > MAX_ROUNDS)
		return -EINVAL;
	return 0;
}

static int run(struct options *o)
{
	struct guest g;
	int ret = attach_find_tracepoints();

	if (!ret && o->test_run)
		return test_run(o->events);
	if (!ret)
		ret = attach_open(o->others);
	if (!ret) {
		ret = guest_open(&g, !stand_in);
		if (ret)
			err("/dev/kvm: %s", strerror(-ret));
	}
	if (!ret) {
		make_rows(o);
		ret = measure_all(&g, o);
		guest_close(&g);
	}
	attach_close();
	if (attach_left_over()) {
		err("%d programs are still loaded", attach_left_over());
		ret = ret ? ret : -EBUSY;
	}
	if (!ret)
		ret = o->json ? print_json(o) : (print_table(o), 0);
	return ret;
}

int main(int argc, char **argv)
{
	struct options o = { .events = 20000, .rounds = 15, .cpu = -1, .tools = true };
	int ret = parse(argc, argv, &o);

	if (ret) {
		usage(stderr);
		return EX_INPUT;
	}
	ret = pin(&o);
	if (ret) {
		err("CPU %d: %s", o.cpu, strerror(-ret));
		return EX_INPUT;
	}
	return run(&o) ? EX_FAIL : EX_OK;
}
