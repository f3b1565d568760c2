/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Messages for people, on stderr: error, info, verbose, debug. stdout is for data only.
 * A message is one line without a final newline; the program's name is put before it.
 */
#ifndef EXITLAB_LOG_H
#define EXITLAB_LOG_H

#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_INFO, LOG_VERBOSE, LOG_DEBUG };

/* Exit statuses of every subcommand; documented in exitlab(1). */
enum exit_status {
	EX_OK = 0,
	EX_FAIL = 1,		/* it ran and failed (or, for a gate: a regression) */
	EX_INPUT = 2,		/* usage, or a file or set-up that cannot be used */
	EX_CANNOT = 4,		/* this host cannot do it; nothing was tried */
	EX_INTERRUPTED = 130,	/* Ctrl-C */
};

extern enum log_level log_threshold;	/* default LOG_INFO; -v, -vv raise it, -q lowers it */

void log_msg(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Text of the newest error, "" if none; for passing it on to somebody who does not see stderr. */
const char *log_last_error(void);
/*
 * While on, errors are kept for log_last_error() alone (and shown with -v): what failed may have a
 * substitute. Off: forgets them, too.
 */
void log_hold(bool on);

#define err(...)  log_msg(LOG_ERROR, __VA_ARGS__)
#define info(...) log_msg(LOG_INFO, __VA_ARGS__)
#define verb(...) log_msg(LOG_VERBOSE, __VA_ARGS__)
#define dbg(...)  log_msg(LOG_DEBUG, __VA_ARGS__)

#endif
