// SPDX-License-Identifier: GPL-2.0
/*
 * What exitlab doctor finds out by trying, and needs no VM for: each signal beside exits, alone, so
 * that the probes of one are not taken for those of another; hardware counters; the own cost.
 */
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "cmd/doctor.h"
#include "engine/signal.h"
#include "util/log.h"

size_t doctor_probes_text(const struct probe_info *p, size_t n, char *buf, size_t size)
{
	size_t i, k, len = 0;

	if (size)
		buf[0] = 0;
	for (i = 0; i < n && len < size; i++) {
		for (k = 0; k < i && strcmp(p[k].rung, p[i].rung); k++)
			;
		if (k < i)
			continue;	/* in the list of that rung already */
		for (k = i; k < n && len < size; k++)
			if (!strcmp(p[k].rung, p[i].rung))
				len += (size_t)snprintf(buf + len, size - len, "%s%s", k > i ?
					", " : i ? "; " : "", p[k].name);
		if (len < size)
			len += (size_t)snprintf(buf + len, size - len, " by %s", p[i].rung);
	}
	return len;
}

/* Loads, attaches and reads @s alone. 0 or negative errno. */
static int try_signal(const struct signal_ops *s, struct trace_snapshot *out)
{
	struct engine_opts eo = { .signals = s->bit };
	void *state = NULL;
	int ret = s->open(&eo, &state);

	if (ret)
		return ret;
	ret = s->attach(state);
	if (!ret)
		ret = s->read(state, out);
	s->detach(state);
	s->close(state);
	return ret;
}

/* Which rungs @s loads by, if each is forced. Appends to @buf; its new length. */
static size_t rungs_text(const struct signal_ops *s, char *buf, size_t len, size_t size)
{
	static const char *const force[][2] = { { "tp_btf", "kvm_entry=tp_btf" },
		{ "raw_tp", "kvm_entry=raw_tp" }, { "tp", "kvm_entry=tp" } };
	const char *sep = "";
	size_t i;

	len += (size_t)snprintf(buf + len, size - len, "%s%s ", len ? "; " : "", s->name);
	for (i = 0; i < 3 && len < size; i++) {
		struct engine_opts eo = { .signals = s->bit, .rung = force[i][1] };
		void *state = NULL;

		if (s->open(&eo, &state))
			continue;
		s->close(state);
		len += (size_t)snprintf(buf + len, size - len, "%s%s", sep, force[i][0]);
		sep = ", ";
	}
	if (!*sep && len < size)
		len += (size_t)snprintf(buf + len, size - len, "none");
	return len < size ? len : size - 1;
}

void doctor_more_signals(struct findings *f)
{
	const struct signal_ops *const *s;
	char rungs[sizeof(f->list[0].text)] = "";
	size_t len = 0;

	for (s = engine_signals; *s; s++) {
		struct trace_snapshot out = { 0 };
		char text[sizeof(f->list[0].text)];
		struct finding *one;
		int ret = try_signal(*s, &out);

		if (!ret)
			doctor_probes_text(out.probes, out.nr_probes, text, sizeof(text));
		else
			snprintf(text, sizeof(text), "%s", log_last_error()[0] ? log_last_error() :
				 strerror(-ret));
		one = finding_add(f, "signal", (*s)->name, ret ? FOUND_MISSING : FOUND_OK, "%s",
				  !ret && !out.nr_probes ? "nothing to attach to right now" : text);
		one->what = (*s)->what;
		finding_set_probes(one, out.probes, ret ? 0 : out.nr_probes);
		if (!ret && out.nr_probes)
			len = rungs_text(*s, rungs, len, sizeof(rungs));
		snapshot_free(&out);
	}
	if (len)
		finding_add(f, "signal", "rungs", FOUND_OK, "%s", rungs)->what =
			"ways to attach that load here, each forced; see RUNGS of exitlab-stat(1)";
}

void doctor_hardware(struct findings *f)
{
	struct perf_event_attr a = { .type = PERF_TYPE_HARDWARE, .size = sizeof(a),
		.config = PERF_COUNT_HW_CPU_CYCLES, .exclude_kernel = 1, .exclude_hv = 1 };
	int fd = (int)syscall(SYS_perf_event_open, &a, 0, -1, -1, PERF_FLAG_FD_CLOEXEC), e = errno;

	if (fd >= 0)
		finding_add(f, "host", "PMU", FOUND_OK, "the CPU counts cycles");
	else if (e == ENOENT || e == EOPNOTSUPP || e == ENODEV)
		finding_add(f, "host", "PMU", FOUND_NOTE,
			    "no hardware counters (a VM without vPMU?); exitlab needs none");
	else if (e == EACCES || e == EPERM)
		finding_add(f, "host", "PMU", FOUND_UNKNOWN, "may not be asked");
	else
		finding_add(f, "host", "PMU", FOUND_UNKNOWN, "%s", strerror(e));
	if (fd >= 0)
		close(fd);
}

void doctor_cost(struct findings *f)
{
	int fd = bpf_enable_stats(BPF_STATS_RUN_TIME);

	finding_add(f, "signal", "own cost", fd >= 0 ? FOUND_OK : FOUND_NOTE, "%s", fd >= 0 ?
		    "BPF run-time statistics, on while stat --cost runs" : fd == -EPERM ?
		    "no stat --cost: BPF statistics take CAP_SYS_ADMIN" : strerror(-fd));
	if (fd >= 0)
		close(fd);
}
