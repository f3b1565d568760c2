// SPDX-License-Identifier: GPL-2.0
/*
 * Capabilities. What the tracer needs it needs at the beginning: CAP_BPF and CAP_PERFMON to load
 * and attach, CAP_DAC_READ_SEARCH to read the layout of events in tracefs. Maps and iterators are
 * then used through descriptors, which takes none of them (since 5.19 also where unprivileged BPF
 * is switched off: c8644cd0efe7).
 *
 * The hard part is a process that belongs to root: without no_new_privs it would get everything
 * back with the next exec.
 */
#include "host/privileges.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

static const unsigned int needed[] = { CAP_BPF, CAP_PERFMON, CAP_DAC_READ_SEARCH, CAP_SYS_ADMIN };
#define NR_NEEDED (sizeof(needed) / sizeof(needed[0]))

/* Whether it takes CAP_SYS_ADMIN, too: see privileges_perf_is_closed(). */
static bool is_needed(unsigned int cap)
{
	return cap != CAP_SYS_ADMIN || privileges_perf_is_closed();
}

static bool has(unsigned int cap)
{
	return capng_have_capability(CAPNG_EFFECTIVE, cap);
}

bool privileges_perf_is_closed(void)
{
	FILE *f = fopen("/proc/sys/kernel/perf_event_paranoid", "re");
	int v = 0;

	if (f && fscanf(f, "%d", &v) != 1)
		v = 0;
	if (f)
		fclose(f);
	return v > 2;
}

static bool read_own(void)
{
	capng_clear(CAPNG_SELECT_BOTH);
	return !capng_get_caps_process();
}

bool privileges_to_trace(char *why, size_t size)
{
	bool bpf, perfmon;

	if (!read_own()) {
		snprintf(why, size, "cannot read the capabilities of this process");
		return false;
	}
	bpf = has(CAP_BPF) || has(CAP_SYS_ADMIN);
	perfmon = has(CAP_PERFMON) || has(CAP_SYS_ADMIN);
	if (!bpf || !perfmon)
		snprintf(why, size, "%s%s%s", bpf ? "" : "CAP_BPF", bpf || perfmon ? "" : " and ",
			 perfmon ? "" : "CAP_PERFMON");
	return bpf && perfmon;
}

void privileges_list(char *buf, size_t size)
{
	static const struct {
		unsigned int cap;
		const char *name;
	} all[] = {
		{ CAP_BPF, "CAP_BPF" }, { CAP_PERFMON, "CAP_PERFMON" },
		{ CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH" },
		{ CAP_SYS_PTRACE, "CAP_SYS_PTRACE" }, { CAP_SYS_ADMIN, "CAP_SYS_ADMIN" },
	};
	bool known = read_own();
	size_t i, n = 0;

	snprintf(buf, size, known ? "none of those that matter" : "cannot be read");
	for (i = 0; known && i < sizeof(all) / sizeof(all[0]) && n < size; i++)
		if (has(all[i].cap))
			n += (size_t)snprintf(buf + n, size - n, "%s%s", n ? " " : "", all[i].name);
}

bool privileges_to_read(void)
{
	return read_own() && (has(CAP_DAC_READ_SEARCH) || has(CAP_DAC_OVERRIDE));
}

bool privileges_to_look(void)
{
	return read_own() && has(CAP_SYS_PTRACE);
}

bool privileges_sys_admin(void)
{
	return read_own() && has(CAP_SYS_ADMIN);
}

bool privileges_enough(bool bpf, char *why, size_t size)
{
	char missing[64];

	if (!privileges_to_trace(missing, sizeof(missing)) &&
	    (bpf || !has(CAP_PERFMON))) {
		snprintf(why, size, "tracing needs root, or %s: it loads programs into the kernel",
			 missing);
		return false;
	}
	if (privileges_perf_is_closed() && !privileges_sys_admin()) {
		snprintf(why, size, "kernel.perf_event_paranoid is above 2, so that tracing takes "
			 "CAP_SYS_ADMIN; try: sysctl kernel.perf_event_paranoid=2");
		return false;
	}
	if (faccessat(AT_FDCWD, "/sys/kernel/tracing/events", F_OK, AT_EACCESS) &&
	    errno == EACCES) {
		snprintf(why, size, "tracing needs root, or CAP_DAC_READ_SEARCH: tracefs is closed");
		return false;
	}
	return true;
}

int privileges_drop(bool suspend)
{
	bool keep[NR_NEEDED] = { false };
	size_t i;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	if (!read_own())
		return -EIO;
	for (i = 0; suspend && i < NR_NEEDED; i++)
		keep[i] = is_needed(needed[i]) &&
			  capng_have_capability(CAPNG_PERMITTED, needed[i]);
	/* The bounding set can stay (it takes CAP_SETPCAP): no_new_privs makes it meaningless. */
	capng_clear(CAPNG_SELECT_CAPS);
	for (i = 0; i < NR_NEEDED; i++)
		if (keep[i])
			capng_update(CAPNG_ADD, CAPNG_PERMITTED, needed[i]);
	if (capng_apply(CAPNG_SELECT_CAPS))
		return -EPERM;
	/* Not an error where there is no ambient set. */
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return 0;
}

static int set_effective(capng_act_t act)
{
	size_t i;

	if (!read_own())
		return -EIO;
	for (i = 0; i < NR_NEEDED; i++)
		if (capng_have_capability(CAPNG_PERMITTED, needed[i]))
			capng_update(act, CAPNG_EFFECTIVE, needed[i]);
	return capng_apply(CAPNG_SELECT_CAPS) ? -EPERM : 0;
}

int privileges_resume(void)
{
	return set_effective(CAPNG_ADD);
}

void privileges_suspend(void)
{
	set_effective(CAPNG_DROP);
}
