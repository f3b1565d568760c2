/* SPDX-License-Identifier: GPL-2.0 */
/* What this process may do, and giving it up. */
#ifndef EXITLAB_PRIVILEGES_H
#define EXITLAB_PRIVILEGES_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Whether programs that trace may be loaded: CAP_BPF and CAP_PERFMON, or CAP_SYS_ADMIN, which
 * contains both. If not, @why names what is missing.
 */
bool privileges_to_trace(char *why, size_t size);
/* The effective ones that matter here, "CAP_BPF CAP_PERFMON"; "none of those that matter". */
void privileges_list(char *buf, size_t size);
/*
 * All of what tracing takes here; if not, @why is a message for people. Without @bpf, that of the
 * perf engine is enough.
 */
bool privileges_enough(bool bpf, char *why, size_t size);
/* Whether files of others can be read: CAP_DAC_READ_SEARCH or CAP_DAC_OVERRIDE. */
bool privileges_to_read(void);
/* CAP_SYS_PTRACE: may look at the open files of other users' processes. */
bool privileges_to_look(void);
bool privileges_sys_admin(void);
/*
 * Debian's kernels know kernel.perf_event_paranoid = 3, their default: then perf_event_open(), by
 * which a program gets to a classic tracepoint, takes CAP_SYS_ADMIN; CAP_PERFMON is not enough.
 */
bool privileges_perf_is_closed(void);

/*
 * Gives up every capability for good, in every set, and lets no program started from here gain any.
 * With @suspend the permitted set keeps those that tracing needs, but nothing is effective until
 * privileges_resume(). 0 or negative errno.
 */
int privileges_drop(bool suspend);
/* Makes effective what was suspended, and suspends it again. */
int privileges_resume(void);
void privileges_suspend(void);

#endif
