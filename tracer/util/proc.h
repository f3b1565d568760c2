/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Child processes. A child started here dies with its parent (PR_SET_PDEATHSIG), so that even a
 * kill -9 of exitlab leaves no VMM and no load generator behind.
 */
#ifndef EXITLAB_PROC_H
#define EXITLAB_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct proc_opts {
	const char *netns;	/* path of a network namespace to start in, or NULL */
	int cpu;		/* run on this CPU only; -1 = anywhere */
	int cpus;		/* and on so many that follow it, less one; 0 = 1 */
	const char *log; /* file to append stderr (and stdout, unless piped) to; NULL = inherit */
	bool pipe_stdin, pipe_stdout;
	bool merge_stderr;	/* with pipe_stdout: stderr goes the same way */
	bool new_group; /* a process group of its own: the terminal's Ctrl-C does not reach it */
};

struct proc {
	pid_t pid;		/* 0 = not running */
	int in, out;		/* our ends of the pipes, -1 if none */
	const char *name;	/* argv[0], for messages; borrowed */
};

/* Starts argv[0] (searched in PATH). 0 or negative errno; the reason is logged. */
int proc_start(struct proc *p, char *const argv[], const struct proc_opts *o);
/*
 * Reads one line (without newline) from the child's stdout, waiting at most @timeout_ms.
 * 0, -EPIPE (the child closed it), -ETIMEDOUT, -EMSGSIZE, -EINTR.
 */
int proc_read_line(struct proc *p, char *line, size_t size, int timeout_ms);
/*
 * Waits for the end, at most @timeout_ms (-1: for ever). Exit status >= 0 (128 + n for signal n),
 * or -ETIMEDOUT. What the child wrote can still be read from p->out, until proc_close().
 */
int proc_wait(struct proc *p, int timeout_ms);
/* Closes our ends of the pipes; proc_stop() and proc_kill() do it too. */
void proc_close(struct proc *p);
/* SIGTERM, after 2 s SIGKILL, and reaps. Harmless on a process that has ended. */
void proc_stop(struct proc *p);
/* Kills at once and reaps. */
void proc_kill(struct proc *p);

/*
 * Runs a command to its end, output collected (at most @size - 1 bytes, terminated) in @out.
 * Returns its exit status or negative errno.
 */
int proc_run(char *const argv[], const struct proc_opts *o, char *out, size_t size);
/* The same for the many short commands of a set-up: words separated by blanks, no quoting. On
 * failure logs the command and what it said. 0 or negative errno. */
int proc_cmd(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
