// SPDX-License-Identifier: GPL-2.0
/*
 * Other tracers, on the same events: perf, bpftrace and bcc's kvmexit, started anew for every
 * round.
 *
 * The hard part is knowing when they are attached. perf says so on its control channel. bpftrace
 * attaches in the order of the script, more or less, and prints from its last probe, a timer; what
 * it missed is found at the end, because its count must be the guest's.
 */
#include "bench.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/log.h"
#include "util/proc.h"

#define PATIENCE_MS	20000

int tools_cpu = -1;
static struct proc child;

static bool installed(const char *tool)
{
	const char *p = getenv("PATH");
	char path[512];

	while (p && *p) {
		size_t n = strcspn(p, ":");

		snprintf(path, sizeof(path), "%.*s/%s", (int)n, p, tool);
		if (!access(path, X_OK))
			return true;
		p += n + (p[n] == ':');
	}
	return false;
}

/* Next line from the child. perf ends an acknowledgement with a NUL: it begins the line after. */
static int next_line(char *line, size_t size)
{
	int ret;

	memset(line, 0, size);
	ret = proc_read_line(&child, line, size - 1, PATIENCE_MS);
	if (!ret && !line[0])
		memmove(line, line + 1, size - 1);
	return ret;
}

/* Tells perf to do something and waits until it has. */
static int perf_say(const char *command)
{
	char line[256];
	int ret = 0;

	if (write(child.in, command, strlen(command)) != (ssize_t)strlen(command))
		return -EPIPE;
	do
		ret = next_line(line, sizeof(line));
	while (!ret && strncmp(line, "ack", 3));
	return ret;
}

/* Where perf record writes; removed again. */
static char data_file[64];

static void perf_command(char **argv, int kind, const char *entry, const char *exit,
			 const char *pid)
{
	const char *const stat[] = { "perf", "stat", "-x", ",", "-e", entry, "-e", exit, NULL };
	/* So much room that none is lost: a lost event costs less. */
	const char *const record[] = { "perf", "record", "-m", "8M", "-o", data_file, "-e", entry,
				       "-e", exit, NULL };
	const char *const kvm[] = { "perf", "kvm", "stat", "record", "-m", "8M", "-o", data_file, NULL };
	const char *const all[] = { "-D", "-1", "--control", "fd:0,1", "-p", pid, NULL };
	const char *const *from = kind == PERF_STAT ? stat : kind == PERF_RECORD ? record : kvm;
	const char *const *more = all;

	snprintf(data_file, sizeof(data_file), "/tmp/exitlab-bench-%s.data", pid);
	while (*from)
		*argv++ = (char *)*from++;
	while (*more)
		*argv++ = (char *)*more++;
	*argv = NULL;
}

int perf_attach(const struct method *m, const char **why)
{
	const char *exit_event = stand_in ? "kvm:" STAND_IN : "kvm:kvm_exit";
	const char *entry_event = stand_in ? "kvm:" STAND_IN : "kvm:kvm_entry";
	struct proc_opts o = { .cpu = tools_cpu, .pipe_stdin = true, .pipe_stdout = true,
			       .merge_stderr = true };
	char pid[16], *argv[24];
	int ret;

	if (!installed("perf")) {
		*why = "not installed: apt-get install linux-perf";
		return -ENOSYS;
	}
	if (stand_in && m->arg == PERF_KVM) {
		*why = "knows kvm_entry and kvm_exit only, which this KVM never calls";
		return -ENOSYS;
	}
	snprintf(pid, sizeof(pid), "%d", getpid());
	perf_command(argv, m->arg, entry_event, exit_event, pid);
	ret = proc_start(&child, argv, &o);
	if (!ret)
		ret = perf_say("enable\n");
	if (ret) {
		perf_detach(m);
		*why = "it does not start on this machine";
		return -ENOSYS;
	}
	return 0;
}

/* Counts of one line that perf writes: one event's, or those of both; 0 if it has none. */
static unsigned long long counts_of(const char *line, int kind)
{
	const char *p = strrchr(line, '(');
	unsigned long long n;

	/* 22011,,kvm:kvm_emulate_insn,8433220,100.00,, */
	if (kind == PERF_STAT)
		return sscanf(line, "%llu,,kvm:", &n) == 1 ? n : 0;
	/* [ perf record: Captured and wrote 1.234 MB FILE (22011 samples) ] */
	return p && sscanf(p, "(%llu samples)", &n) == 1 ? n : 0;
}

int perf_check(const struct method *m, uint64_t events, uint64_t runs)
{
	int rows = 0, ret = perf_say("disable\n"), both = m->arg == PERF_STAT ? 1 : 2;
	unsigned long long n;
	char line[256];

	if (!ret && kill(child.pid, SIGINT))
		ret = -errno;
	if (ret)
		err("%s: perf does not answer: %s", m->title, strerror(-ret));
	while (!ret && !next_line(line, sizeof(line))) {
		n = counts_of(line, m->arg);
		if (n) {
			rows++;
			ret = expect_events(m->title, n, (uint64_t)both * (events + runs),
					    stand_in);
		}
	}
	if (!ret && rows * both != 2) {
		err("%s: no counts in what perf wrote", m->title);
		ret = -EPROTO;
	}
	return ret;
}

void perf_detach(const struct method *m)
{
	if (child.pid)
		proc_kill(&child);
	proc_close(&child);
	if (m->arg != PERF_STAT)
		unlink(data_file);
}

/* The last line that it wrote before it gave up, which says why. */
static char kvmexit_says[200];

int kvmexit_attach(const struct method *m, const char **why)
{
	struct proc_opts o = { .cpu = tools_cpu, .pipe_stdout = true, .merge_stderr = true };
	char pid[16], line[256];
	char *argv[] = { "kvmexit-bpfcc", "-p", pid, "3600", NULL };
	int ret;

	if (!installed("kvmexit-bpfcc")) {
		*why = "not installed: apt-get install bpfcc-tools";
		return -ENOSYS;
	}
	snprintf(pid, sizeof(pid), "%d", getpid());
	ret = proc_start(&child, argv, &o);
	while (!ret && !proc_read_line(&child, line, sizeof(line), PATIENCE_MS)) {
		if (strstr(line, "Display kvm exit"))
			return 0;
		if (line[0])
			snprintf(kvmexit_says, sizeof(kvmexit_says), "it says: %.60s", line);
	}
	bpftrace_detach(m);
	*why = kvmexit_says[0] ? kvmexit_says : "it does not start on this machine";
	return -ENOSYS;
}

/* It prints counts by reason at its end: the largest is that of the loop. */
int kvmexit_check(const struct method *m, uint64_t events, uint64_t runs)
{
	unsigned long long n, max = 0;
	char line[256], *last;

	(void)runs;
	if (kill(child.pid, SIGINT))
		return -errno;
	while (!proc_read_line(&child, line, sizeof(line), PATIENCE_MS)) {
		last = strrchr(line, ' ');
		if (last && sscanf(last, " %llu", &n) == 1 && n > max)
			max = n;
	}
	return expect_events(m->title, max, events, false);
}

/* One program for exits, or one each for exits and entries. */
static void write_script(char *s, size_t size, int kind)
{
	const char *reason = stand_in ? "rip" : "exit_reason";
	const char *exit_event = stand_in ? STAND_IN : "kvm_exit";
	const char *entry_event = stand_in ? STAND_IN : "kvm_entry";
	static const char ready[] = "interval:ms:200 { printf(\"ready\\n\"); }";

	if (kind == BPFTRACE_COUNT)
		snprintf(s, size, "tracepoint:kvm:%s { @[args->%s] = count(); } %s", exit_event,
			 reason, ready);
	else
		snprintf(s, size, "tracepoint:kvm:%s /@t[tid]/ "
			 "{ @[@r[tid]] = count(); @ns[@r[tid]] = hist(nsecs - @t[tid]); } "
			 "tracepoint:kvm:%s { @t[tid] = nsecs; @r[tid] = args->%s; } %s "
			 "END { clear(@t); clear(@r); clear(@ns); }", entry_event, exit_event, reason,
			 ready);
}

int bpftrace_attach(const struct method *m, const char **why)
{
	struct proc_opts o = { .cpu = tools_cpu, .pipe_stdout = true, .log = "/dev/null" };
	char script[640], line[256];
	char *argv[] = { "bpftrace", "-B", "line", "-f", "json", "-e", script, NULL };
	int ret;

	if (!installed("bpftrace")) {
		*why = "not installed: apt-get install bpftrace";
		return -ENOSYS;
	}
	write_script(script, sizeof(script), m->arg);
	ret = proc_start(&child, argv, &o);
	do {
		if (!ret)
			ret = proc_read_line(&child, line, sizeof(line), PATIENCE_MS);
	} while (!ret && !strstr(line, "ready"));
	if (ret) {
		bpftrace_detach(m);
		*why = "it does not start on this machine";
		return -ENOSYS;
	}
	return 0;
}

/* The largest count in {"type": "map", "data": {"@": {"32": 10000, "35": 1}}}; 0 if there is none. */
static uint64_t largest_count(const char *line)
{
	const char *p = strstr(line, "\"@\": {");
	uint64_t n, max = 0;

	if (!p)
		return 0;
	for (p += strlen("\"@\": {"); (p = strstr(p, "\": ")); ) {
		p += 3;
		n = strtoull(p, NULL, 10);
		if (n > max)
			max = n;
	}
	return max;
}

int bpftrace_check(const struct method *m, uint64_t events, uint64_t runs)
{
	char line[16384];
	uint64_t seen = 0, n;

	if (kill(child.pid, SIGINT))
		return -errno;
	while (!proc_read_line(&child, line, sizeof(line), PATIENCE_MS)) {
		n = largest_count(line);
		if (n > seen)
			seen = n;
	}
	/* Programs run in either order: the first or the last event may lack its partner. */
	return expect_events(m->title, seen + (m->arg == BPFTRACE_TIME ? runs : 0), events, false);
}

void bpftrace_detach(const struct method *m)
{
	(void)m;
	if (child.pid)
		proc_stop(&child);
	proc_close(&child);
}
