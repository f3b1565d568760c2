/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What libbpf has to say, in the program's own log, one level lower: a warning of libbpf is often
 * only one rung of a ladder that did not hold.
 */
#ifndef EXITLAB_BPF_LOG_H
#define EXITLAB_BPF_LOG_H

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "util/log.h"

/* For libbpf_set_print(). */
static inline int bpf_log(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	char line[1024];

	vsnprintf(line, sizeof(line), fmt, ap);
	line[strcspn(line, "\n")] = 0;
	log_msg(level == LIBBPF_DEBUG ? LOG_DEBUG : LOG_VERBOSE, "%s", line);
	return 0;
}

#endif
