// SPDX-License-Identifier: GPL-2.0
/*
 * exitlab stat: counts and times the VM exits of this host, or of one VMM, for a while or for as
 * long as a command runs.
 *
 * The hard part is not to lie with zeros. A KVM need not call its kvm_exit tracepoint: a
 * hypervisor of its own kind has other paths, and instructions can be emulated without any exit. So
 * KVM's own counters are read before and after (host/kvmstat.h), and if they moved while no event
 * came, the answer is "cannot be told here", not 0.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/stat_check.h"
#include "engine/engine.h"
#include "engine/snapshot_json.h"
#include "out/exits.h"
#include "util/clock.h"
#include "util/log.h"

#define MAX_DURATION_S 1e6

extern char **environ;

struct options {
	pid_t pid;
	double duration_s;	/* 0 = no end */
	size_t top;
	bool json, msr, cost;
	char **command;		/* NULL = none */
};

struct stat_run {
	const struct options *o;
	struct engine *engine;
	struct stat_check check;
	struct trace_snapshot snap;
	sigset_t old_mask;
	int signal_fd;
	pid_t child;		/* 0 = none */
	int child_status;	/* exit status of the command, 128 + n for signal n */
};

static void usage(FILE *f)
{
	fprintf(f, "Usage: exitlab stat [-p PID] [--duration S] [--json] [--detail msr] [--top N]\n"
		"                    [--cost] [-- COMMAND [ARGUMENT...]]\n"
		"Counts and times the VM exits of this host by VM, vCPU and reason, until Ctrl-C.\n"
		"Virtual machines that start meanwhile are counted, too. Needs root.\n\n"
		"  -p, --pid PID    only the VMs of this process (the QEMU, for instance)\n"
		"  --duration S     stop after S seconds\n"
		"  -- COMMAND       run a command and stop when it ends\n"
		"  --json           print JSON (schema exitlab-stat/1)\n"
		"  --detail msr     split MSR exits by the register\n"
		"  --top N          show the N reasons that take most time, sum up the others\n"
		"                   (default 10; 0 = show all)\n"
		"  --cost           measure what the tracing itself costs\n"
		"  -h, --help       this text\n\n"
		"Exit status: 0 done, 1 the command failed, 2 unusable arguments, 4 no exits can be\n"
		"traced here: no VM, no KVM, not root, or a KVM that does not report its exits.\n");
}

static int bad(const char *fmt, const char *arg)
{
	char text[200];

	snprintf(text, sizeof(text), fmt, arg);
	err("stat: %s; see exitlab stat --help", text);
	return EX_INPUT;
}

/* A whole number from @min to @max; -1 if @s is none. */
static long whole(const char *s, long min, long max)
{
	char *end;
	long v;

	errno = 0;
	v = strtol(s, &end, 10);
	return errno || end == s || *end || v < min || v > max ? -1 : v;
}

static int option(int c, struct options *o)
{
	char *end;
	long n;

	switch (c) {
	case 'p':
		n = whole(optarg, 1, INT32_MAX);
		if (n < 0)
			return bad("'%s' is not a process id", optarg);
		o->pid = (pid_t)n;
		return EX_OK;
	case 'd':
		o->duration_s = strtod(optarg, &end);
		if (end == optarg || *end || !isfinite(o->duration_s) ||
		    o->duration_s <= 0 || o->duration_s > MAX_DURATION_S)
			return bad("'%s' is not a duration in seconds (above 0, up to 1000000)", optarg);
		return EX_OK;
	case 't':
		n = whole(optarg, 0, 1000000);
		if (n < 0)
			return bad("--top needs a number from 0 to 1000000, not '%s'", optarg);
		o->top = (size_t)n;
		return EX_OK;
	case 'D':
		if (strcmp(optarg, "msr"))
			return bad("there is no detail '%s', only 'msr'", optarg);
		o->msr = true;
		return EX_OK;
	case 'j':
		o->json = true;
		return EX_OK;
	case 'c':
		o->cost = true;
		return EX_OK;
	}
	return EX_INPUT;
}

/* -1: go on; else the exit status. */
static int parse(int argc, char **argv, struct options *o)
{
	static const struct option opts[] = {
		{ "pid", required_argument, NULL, 'p' },
		{ "duration", required_argument, NULL, 'd' },
		{ "json", no_argument, NULL, 'j' },
		{ "detail", required_argument, NULL, 'D' },
		{ "top", required_argument, NULL, 't' },
		{ "cost", no_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c, ret;

	*o = (struct options){ .top = 10 };
	/* Our own messages, in one form; '+': the command's options are not ours. */
	opterr = 0;
	while ((c = getopt_long(argc, argv, "+:p:h", opts, NULL)) != -1) {
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
	if (optind < argc) {
		if (strcmp(argv[optind - 1], "--"))
			return bad("unexpected argument '%s' (a command comes after --)", argv[optind]);
		o->command = argv + optind;
	} else if (optind > 1 && !strcmp(argv[optind - 1], "--")) {
		return bad("there is no command after '%s'", "--");
	}
	return -1;
}

/* ---- the measured time ---- */

static double now(void)
{
	return (double)clock_ns() * 1e-9;
}

/* From here on Ctrl-C is an end of the measurement, not of the program. */
static int catch_signals(struct stat_run *r)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, &r->old_mask))
		return -errno;
	r->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return r->signal_fd < 0 ? -errno : 0;
}

static int start_command(struct stat_run *r)
{
	posix_spawnattr_t attr;
	int ret = posix_spawnattr_init(&attr);

	if (ret)
		return -ret;
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setsigmask(&attr, &r->old_mask);
	ret = posix_spawnp(&r->child, r->o->command[0], NULL, &attr, r->o->command, environ);
	posix_spawnattr_destroy(&attr);
	if (ret) {
		r->child = 0;
		err("cannot run %s: %s", r->o->command[0], strerror(ret));
	}
	return -ret;
}

/* Waits for the first of: end of the time, of the command, of the VMM; a signal. 0 or -errno. */
static int wait_for_end(struct stat_run *r)
{
	pid_t watched = r->child ? r->child : r->o->pid;
	int fd = watched ? (int)syscall(SYS_pidfd_open, watched, 0) : -1;
	struct pollfd p[2] = {{.fd = r->signal_fd, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
	double end = now() + r->o->duration_s;
	int ret;

	if (watched && fd < 0)
		return errno == ESRCH ? 0 : -errno;	/* it has ended already */
	for (;;) {
		double left = r->o->duration_s > 0 ? end - now() : 3600;

		if (left <= 0)
			break;
		/* Rounded up: waking early would only mean to wait again. */
		ret = poll(p, 2, left > 3600 ? 3600000 : (int)(left * 1000) + 1);
		if (ret < 0 && errno != EINTR) {
			ret = -errno;
			goto out;
		}
		if (ret > 0)
			break;
	}
	ret = 0;
	if (p[1].revents && !r->child)
		info("process %d has ended", (int)watched);
out:
	if (fd >= 0)
		close(fd);
	return ret;
}

static void end_command(struct stat_run *r)
{
	int status;

	if (!r->child)
		return;
	if (waitpid(r->child, &status, WNOHANG) == 0) {
		kill(r->child, SIGTERM);
		while (waitpid(r->child, &status, 0) < 0 && errno == EINTR)
			;
	} else {
		r->child_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
	r->child = 0;
}

static int measure(struct stat_run *r)
{
	int ret = stat_check_begin(&r->check, r->o->pid);

	if (!ret)
		ret = engine_attach(r->engine);
	if (!ret && r->o->command)
		ret = start_command(r);
	if (!ret)
		ret = wait_for_end(r);
	engine_detach(r->engine);
	if (!ret)
		ret = stat_check_end(&r->check);
	/* Only now may a command that still runs be stopped: its VM is still there to be asked. */
	end_command(r);
	if (!ret)
		ret = engine_read(r->engine, &r->snap);
	return ret;
}

/* ---- the answer ---- */

static const char *vm_name(pid_t vm, void *arg)
{
	return stat_check_name(arg, vm);
}

static int print_json(struct stat_run *r)
{
	json_t *o = snapshot_to_json(&r->snap, vm_name, &r->check);
	int ret = o ? stat_check_json(&r->check, &r->snap, o) : -ENOMEM;

	if (!ret && (json_dumpf(o, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(15)) ||
		     putchar('\n') == EOF))
		ret = -EIO;
	json_decref(o);
	return ret;
}

static int answer(struct stat_run *r)
{
	enum stat_verdict v = stat_check_verdict(&r->check, &r->snap);
	int ret = 0;

	if (r->o->json)
		ret = print_json(r);
	else if (v == STAT_SEEN || v == STAT_QUIET)
		out_exits(stdout, &r->snap, r->o->top, vm_name, &r->check);
	if (fflush(stdout) && !ret)
		ret = -errno;
	if (ret) {
		err("cannot write the result: %s", strerror(-ret));
		return EX_FAIL;
	}
	stat_check_say(&r->check, &r->snap);
	if (r->child_status) {
		err("the command %s ended with status %d", r->o->command[0], r->child_status);
		return EX_FAIL;
	}
	return v == STAT_SEEN || v == STAT_QUIET ? EX_OK : EX_CANNOT;
}

/* What can be known before anything is loaded. Exit status. */
static int check_host(const struct options *o)
{
	struct vm_info vm;
	int ret;

	if (o->pid && kill(o->pid, 0) && errno == ESRCH) {
		err("there is no process %d", (int)o->pid);
		return EX_INPUT;
	}
	if (geteuid() != 0) {
		err("exitlab stat needs root: it loads programs into the kernel");
		return EX_CANNOT;
	}
	if (!vms_have_kvm()) {
		err("this host has no KVM: /dev/kvm is missing");
		return EX_CANNOT;
	}
	if (!o->pid)
		return EX_OK;
	ret = vms_probe(o->pid, &vm);
	if (ret == -ENOENT || ret == -ESRCH)
		err("process %d has no VM", (int)o->pid);
	else if (ret)
		err("cannot look at process %d: %s", (int)o->pid, strerror(-ret));
	return ret ? EX_INPUT : EX_OK;
}

int cmd_stat(int argc, char **argv)
{
	struct stat_run r = { .signal_fd = -1 };
	struct engine_opts eo = { 0 };
	struct options o;
	int ret = parse(argc, argv, &o);

	if (ret >= 0)
		return ret;
	ret = check_host(&o);
	if (ret)
		return ret;
	r.o = &o;
	eo.pid = o.pid;
	eo.msr_detail = o.msr;
	eo.own_cost = o.cost;
	if (engine_open(&eo, &r.engine))
		return EX_CANNOT;	/* it has said why */
	ret = catch_signals(&r);
	if (!ret)
		ret = measure(&r);
	if (ret && !log_last_error()[0])
		err("stat: %s", strerror(-ret));
	ret = ret == -ENOENT && o.command ? EX_INPUT : ret ? EX_FAIL : answer(&r);
	snapshot_free(&r.snap);
	stat_check_free(&r.check);
	engine_close(r.engine);
	if (r.signal_fd >= 0)
		close(r.signal_fd);
	return ret;
}
