// SPDX-License-Identifier: GPL-2.0
/*
 * exitlab stat: counts and times the VM exits of this host, or of some VMs, for a while or for as
 * long as a command runs; in total, or with what came in each interval.
 *
 * The hard part is not to lie with zeros. A KVM need not call its kvm_exit tracepoint: a
 * hypervisor of its own kind has other paths, and instructions can be emulated without any exit. So
 * KVM's own counters are read before and after (host/kvmstat.h), and if they moved while no event
 * came, the answer is "cannot be told here", not 0.
 */
#include <errno.h>
#include <inttypes.h>
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
#include "cmd/stat_input.h"
#include "cmd/stat_options.h"
#include "cmd/stat_print.h"
#include "engine/engine.h"
#include "host/privileges.h"
#include "out/delta.h"
#include "util/clock.h"
#include "util/log.h"

extern char **environ;

struct stat_run {
	const struct stat_options *o;
	struct engine *engine;
	struct stat_check check;
	struct names names;
	struct delta *delta;		/* NULL = no intervals */
	struct stat_print print;
	sigset_t old_mask;
	int signal_fd;
	int watch_fd;			/* pidfd of the command or of the VMM, -1 = none */
	pid_t child;			/* 0 = none */
	int child_status;		/* exit status of the command, 128 + n for signal n */
};

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

/* 1: a signal, or the end of what is watched; 0: it is @until; negative errno. */
static int wait_until(struct stat_run *r, double until)
{
	struct pollfd p[2] = { { .fd = r->signal_fd, .events = POLLIN },
			       { .fd = r->watch_fd, .events = POLLIN } };
	int ret;

	for (;;) {
		double left = until > 0 ? until - now() : 3600;

		if (left <= 0)
			return 0;
		/* Rounded up: waking early would only mean to wait again. */
		ret = poll(p, 2, left > 3600 ? 3600000 : (int)(left * 1000) + 1);
		if (ret < 0 && errno != EINTR)
			return -errno;
		if (ret > 0)
			break;
	}
	if (p[1].revents && !r->child)
		info("process %d has ended", (int)r->o->pid);
	return 1;
}

/* What came since the last time; @final: the engine is detached. */
static int show_interval(struct stat_run *r, bool final, unsigned int n)
{
	struct trace_snapshot all, step = { 0 };
	int ret = engine_read(r->engine, &all);

	if (ret)
		return ret;
	ret = delta_step(r->delta, &all, final, &step);
	if (!ret) {
		filter_apply(&r->o->filter, &step, &r->names);
		ret = stat_print_interval(&r->print, &step, n);
	}
	snapshot_free(&step);
	snapshot_free(&all);
	return ret;
}

/*
 * Waits for the first of: end of the time, of the command, of the VMM; a signal. Shows intervals,
 * all but the last one, which ends with the measurement. *@n = its number. 0 or -errno.
 */
static int wait_for_end(struct stat_run *r, unsigned int *n)
{
	pid_t watched = r->child ? r->child : r->o->pid;
	double start = now(), end = r->o->duration_s > 0 ? start + r->o->duration_s : 0, next;
	int ret;

	*n = 1;
	r->watch_fd = watched ? (int)syscall(SYS_pidfd_open, watched, 0) : -1;
	if (watched && r->watch_fd < 0)
		return errno == ESRCH ? 0 : -errno;	/* it has ended already */
	if (r->o->count && (end <= 0 || start + r->o->count * r->o->interval_s < end))
		end = start + r->o->count * r->o->interval_s;
	for (;; ++*n) {
		next = r->delta ? start + *n * r->o->interval_s : 0;
		/* An interval that ends with the measurement is the last one. */
		if (next <= 0 || (end > 0 && next >= end - 1e-6))
			next = end;
		ret = wait_until(r, next);
		if (ret || next == end)
			return ret < 0 ? ret : 0;
		ret = show_interval(r, false, *n);
		if (ret)
			return ret;
	}
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

/* A VM that is asked for by name or number should be there, unless a command may start it. */
static int check_vms(struct stat_run *r)
{
	const struct filter *f = &r->o->filter;
	size_t i, k;

	for (i = 0; i < f->nr_vms && !r->o->command; i++) {
		struct filter one = { .vm = { f->vm[i] }, .nr_vms = 1 };

		for (k = 0; k < r->check.n; k++)
			if (filter_has_vm(&one, &r->names, r->check.vm[k].vm.pid))
				break;
		if (k < r->check.n)
			continue;
		err("no VM is called '%s' here; exitlab top -b -n 1 lists those there are", f->vm[i]);
		return -ENOENT;
	}
	return 0;
}

static int measure(struct stat_run *r, struct trace_snapshot *total)
{
	unsigned int n = 0;
	int ret = stat_check_begin(&r->check);

	if (!ret)
		ret = check_vms(r);
	if (!ret)
		ret = engine_attach(r->engine);
	if (!ret)
		stat_check_attached(&r->check);
	if (!ret && r->o->command)
		ret = start_command(r);
	/* The command has what the caller had; from here on this process needs nothing any more. */
	if (!ret)
		ret = privileges_drop(false);
	if (!ret)
		ret = wait_for_end(r, &n);
	engine_detach(r->engine);
	if (!ret)
		ret = stat_check_end(&r->check);
	/* Only now may a command that still runs be stopped: its VM is still there to be asked. */
	end_command(r);
	if (!ret && r->delta)
		ret = show_interval(r, true, n);
	if (!ret)
		ret = engine_read(r->engine, total);
	return ret;
}

static int answer(struct stat_run *r, struct trace_snapshot *total)
{
	enum stat_verdict v;
	int ret;

	filter_apply(&r->o->filter, total, &r->names);
	v = stat_check_verdict(&r->check, total);
	ret = stat_print_total(&r->print, total, v == STAT_SEEN || v == STAT_QUIET);
	if (ret) {
		err("cannot write the result: %s", strerror(-ret));
		return EX_FAIL;
	}
	stat_check_say(&r->check, total);
	if (r->child_status) {
		err("the command %s ended with status %d", r->o->command[0], r->child_status);
		return EX_FAIL;
	}
	return v == STAT_SEEN || v == STAT_QUIET ? EX_OK : EX_CANNOT;
}

/* ---- before it ---- */

/* What can be known before anything is loaded. Exit status. */
static int check_host(const struct stat_options *o)
{
	struct vm_info vm;
	char missing[200];
	int ret;

	if (o->pid && kill(o->pid, 0) && errno == ESRCH) {
		err("there is no process %d", (int)o->pid);
		return EX_INPUT;
	}
	if (!privileges_enough(o->engine == ENGINE_BPF, missing, sizeof(missing))) {
		err("%s", missing);
		return EX_CANNOT;
	}
	if (!vms_have_kvm()) {
		err("this host has no KVM: /dev/kvm is missing");
		return EX_CANNOT;
	}
	if (!o->pid)
		return EX_OK;
	ret = vms_probe(o->pid, &vm);
	if (ret == -EACCES || ret == -EPERM)
		return EX_OK;	/* what it has open is not ours to see; its exits are */
	if (ret == -ENOENT || ret == -ESRCH)
		err("process %d has no VM", (int)o->pid);
	else if (ret)
		err("cannot look at process %d: %s", (int)o->pid, strerror(-ret));
	return ret ? EX_INPUT : EX_OK;
}

static const char *vm_name(pid_t vm, void *arg)
{
	struct stat_run *r = arg;
	const char *name = names_name(vm, &r->names);

	/* It came and went between two looks: at least its program's name is known. */
	return name ? name : stat_check_name(&r->check, vm);
}

static int run(struct stat_run *r)
{
	const struct stat_options *o = r->o;
	struct trace_snapshot total = { 0 };
	struct engine_opts eo = { .pid = o->pid, .details = o->details, .own_cost = o->cost,
				 .signals = o->signals, .rung = o->rung, .kind = o->engine,
				 .time = o->time, .time_every = o->time_every,
				 .cpus = o->some_cpus ? &o->cpus : NULL };
	int ret;

	if (engine_open(&eo, &r->engine))
		return EX_CANNOT;	/* it has said why */
	r->check.pid = o->pid;
	r->check.filter = filter_empty(&o->filter) ? NULL : &o->filter;
	r->check.names = &r->names;
	if (o->interval_s > 0) {
		r->delta = delta_new();
		if (!r->delta)
			return EX_FAIL;
	}
	ret = stat_print_open(&r->print, o, &r->check, vm_name, r);
	if (ret) {
		err("%s: %s", o->output, strerror(-ret));
		return EX_INPUT;
	}
	ret = catch_signals(r);
	if (!ret)
		ret = measure(r, &total);
	if (ret && !log_last_error()[0])
		err("stat: %s", strerror(-ret));
	if (ret)
		ret = ret == -ENOENT && (o->command || o->filter.nr_vms) ? EX_INPUT : EX_FAIL;
	else
		ret = answer(r, &total);
	snapshot_free(&total);
	return ret;
}

int cmd_stat(int argc, char **argv)
{
	struct stat_run r = { .signal_fd = -1, .watch_fd = -1 };
	struct stat_options o;
	int ret = stat_parse(argc, argv, &o);

	if (ret >= 0)
		return ret;
	if (o.input)
		return stat_input(&o);
	r.o = &o;
	ret = check_host(&o);
	if (!ret)
		ret = run(&r);
	stat_print_close(&r.print);
	stat_check_free(&r.check);
	engine_close(r.engine);
	delta_free(r.delta);
	names_free(&r.names);
	if (r.signal_fd >= 0)
		close(r.signal_fd);
	if (r.watch_fd >= 0)
		close(r.watch_fd);
	return ret;
}
