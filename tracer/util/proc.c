// SPDX-License-Identifier: GPL-2.0
/*
 * Child processes. The hard part is the child between fork and exec: only async-signal-safe calls,
 * and every failure has to reach the parent, which it does by errno through a close-on-exec pipe.
 */
#include "util/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/log.h"

struct child_fds {
	int in, out, log, netns, report;
};

static void child(char *const argv[], const struct proc_opts *o, const struct child_fds *f,
		  pid_t parent)
{
	sigset_t none;
	cpu_set_t cpus;
	int e, i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);	/* the parent died before the line above */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	if (o->new_group)
		setpgid(0, 0);
	if (f->netns >= 0 && setns(f->netns, CLONE_NEWNET))
		goto fail;
	if (o->cpu >= 0) {
		CPU_ZERO(&cpus);
		for (i = 0; i == 0 || i < o->cpus; i++)
			CPU_SET(o->cpu + i, &cpus);
		if (sched_setaffinity(0, sizeof(cpus), &cpus))
			goto fail;
	}
	if (f->in >= 0)
		dup2(f->in, 0);
	if (f->log >= 0) {
		dup2(f->log, 1);
		dup2(f->log, 2);
	}
	if (f->out >= 0)
		dup2(f->out, 1);
	if (f->out >= 0 && o->merge_stderr)
		dup2(f->out, 2);
	execvp(argv[0], argv);
fail:
	e = errno;
	if (write(f->report, &e, sizeof(e)) < 0)
		_exit(126);
	_exit(127);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int open_fds(const struct proc_opts *o, struct child_fds *f, struct proc *p, int *report)
{
	int pair[2];

	if (o->netns) {
		f->netns = open(o->netns, O_RDONLY | O_CLOEXEC);
		if (f->netns < 0)
			return -errno;
	}
	if (o->log) {
		f->log = open(o->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
		if (f->log < 0)
			return -errno;
	}
	if (o->pipe_stdin) {
		if (pipe2(pair, O_CLOEXEC))
			return -errno;
		f->in = pair[0];
		p->in = pair[1];
	} else {
		f->in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	}
	if (o->pipe_stdout) {
		if (pipe2(pair, O_CLOEXEC))
			return -errno;
		p->out = pair[0];
		f->out = pair[1];
	}
	if (pipe2(pair, O_CLOEXEC))
		return -errno;
	*report = pair[0];
	f->report = pair[1];
	return 0;
}

int proc_start(struct proc *p, char *const argv[], const struct proc_opts *o)
{
	struct child_fds f = { -1, -1, -1, -1, -1 };
	int report = -1, e = 0, ret;
	pid_t parent = getpid();

	*p = (struct proc){ .in = -1, .out = -1, .name = argv[0] };
	ret = open_fds(o, &f, p, &report);
	if (ret)
		goto out;
	p->pid = fork();
	if (p->pid < 0) {
		ret = -errno;
		p->pid = 0;
		goto out;
	}
	if (p->pid == 0)
		child(argv, o, &f, parent);
	close_fd(&f.report);
	while ((ret = (int)read(report, &e, sizeof(e))) < 0 && errno == EINTR)
		;
	if (ret == sizeof(e)) {
		waitpid(p->pid, NULL, 0);
		p->pid = 0;
		ret = -e;
	} else {
		ret = 0;
	}
out:
	close_fd(&f.in);
	close_fd(&f.out);
	close_fd(&f.log);
	close_fd(&f.netns);
	close_fd(&f.report);
	close_fd(&report);
	if (ret) {
		close_fd(&p->in);
		close_fd(&p->out);
		err("cannot start %s: %s", argv[0], strerror(-ret));
	}
	return ret;
}

int proc_read_line(struct proc *p, char *line, size_t size, int timeout_ms)
{
	int64_t end = clock_ms() + timeout_ms;
	size_t n = 0;

	for (;;) {
		struct pollfd pfd = { .fd = p->out, .events = POLLIN };
		int64_t left = end - clock_ms();
		int r = poll(&pfd, 1, left < 0 ? 0 : (int)left);
		char c;

		if (r < 0)
			return -errno;
		if (r == 0)
			return -ETIMEDOUT;
		if (read(p->out, &c, 1) != 1) {
			line[n] = 0;
			return n > 0 ? 0 : -EPIPE;
		}
		if (c == '\n') {
			line[n] = 0;
			return 0;
		}
		if (n + 1 == size) {
			line[n] = 0;
			return -EMSGSIZE;
		}
		line[n++] = c;
	}
}

static void reaped(struct proc *p)
{
	p->pid = 0;
	close_fd(&p->in);
}

void proc_close(struct proc *p)
{
	close_fd(&p->in);
	close_fd(&p->out);
}

/* Sleeps until @pid has ended: a process that woke up to look would disturb what is measured. */
static int wait_end(pid_t pid, int timeout_ms)
{
	struct pollfd p = { .fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN };
	int ret;

	if (p.fd < 0)
		return -errno;
	ret = poll(&p, 1, timeout_ms);
	ret = ret < 0 ? -errno : ret == 0 ? -ETIMEDOUT : 0;
	close(p.fd);
	return ret;
}

int proc_wait(struct proc *p, int timeout_ms)
{
	int status, ret;

	if (!p->pid)
		return -ESRCH;
	ret = wait_end(p->pid, timeout_ms);
	if (ret)
		return ret;
	if (waitpid(p->pid, &status, 0) < 0)
		ret = -errno;
	reaped(p);
	if (ret)
		return ret;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void proc_kill(struct proc *p)
{
	if (p->pid) {
		kill(p->pid, SIGKILL);
		while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
			;
		reaped(p);
	}
	proc_close(p);
}

void proc_stop(struct proc *p)
{
	if (p->pid) {
		kill(p->pid, SIGTERM);
		kill(p->pid, SIGCONT);
		proc_wait(p, 2000);
	}
	proc_kill(p);
}

int proc_run(char *const argv[], const struct proc_opts *o, char *out, size_t size)
{
	struct proc_opts opts = *o;
	struct proc p;
	size_t n = 0;
	int ret;

	opts.pipe_stdout = true;
	ret = proc_start(&p, argv, &opts);
	if (ret)
		return ret;
	for (;;) {
		char drop[512];
		bool keep = n + 1 < size;
		ssize_t r = read(p.out, keep ? out + n : drop, keep ? size - 1 - n : sizeof(drop));

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			break;
		if (keep)
			n += (size_t)r;
	}
	if (size)
		out[n] = 0;
	ret = proc_wait(&p, -1);
	proc_close(&p);
	return ret;
}

int proc_cmd(const char *fmt, ...)
{
	char line[1024], copy[1024], said[1024], *argv[64], *save = NULL, *w;
	/* What a failed command said is for the message. */
	struct proc_opts o = { .cpu = -1, .merge_stderr = true };
	size_t n = 0;
	va_list ap;
	int ret;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	memcpy(copy, line, sizeof(copy));
	for (w = strtok_r(copy, " ", &save); w && n < 63; w = strtok_r(NULL, " ", &save))
		argv[n++] = w;
	argv[n] = NULL;
	ret = proc_run(argv, &o, said, sizeof(said));
	if (ret == 0)
		return 0;
	said[strcspn(said, "\n")] = 0;
	err("'%s' failed: %s", line, ret < 0 ? strerror(-ret) : said);
	return ret < 0 ? ret : -EIO;
}
