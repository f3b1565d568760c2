// SPDX-License-Identifier: GPL-2.0
/* Messages for people, on stderr. */
#include "util/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

enum log_level log_threshold = LOG_INFO;
static char last_error[512];
static bool held;

const char *log_last_error(void)
{
	return last_error;
}

void log_hold(bool on)
{
	held = on;
	if (!on)
		last_error[0] = 0;
}

void log_msg(enum log_level level, const char *fmt, ...)
{
	char line[1024];
	int n;
	va_list ap;

	if (level == LOG_ERROR) {
		va_start(ap, fmt);
		vsnprintf(last_error, sizeof(last_error), fmt, ap);
		va_end(ap);
	}
	if (level > log_threshold || (level == LOG_ERROR && held && log_threshold < LOG_VERBOSE))
		return;
	n = snprintf(line, sizeof(line), "exitlab: %s", level == LOG_ERROR ? "error: " : "");
	va_start(ap, fmt);
	vsnprintf(line + n, sizeof(line) - n, fmt, ap);
	va_end(ap);
	/* One write per line: lines of parallel points must not mix. */
	fprintf(stderr, "%s\n", line);
}
