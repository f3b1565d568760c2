/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What libbpf has to say, in the program's own log, one level lower: a warning of libbpf is often
 * only one rung of a ladder that did not hold.
 */
#ifndef EXITLAB_BPF_LOG_H
#define EXITLAB_BPF_LOG_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "util/log.h"

/*
 * For libbpf_set_print(). A message can be the whole log of the verifier, hundreds of lines: its
 * first line stands for it, -vv shows all of them.
 */
static inline int bpf_log(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	enum log_level as = level == LIBBPF_DEBUG ? LOG_DEBUG : LOG_VERBOSE;
	char *text, *line, *rest;

	if (log_threshold < as || vasprintf(&text, fmt, ap) < 0)
		return 0;
	rest = text;
	while ((line = strsep(&rest, "\n")) && (line == text || *line || rest)) {
		log_msg(as, "%s", line);
		as = LOG_DEBUG;
	}
	free(text);
	return 0;
}

#endif
