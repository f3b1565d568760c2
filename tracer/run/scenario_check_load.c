// SPDX-License-Identifier: GPL-2.0
/* What concerns several keys of a workload at once, or a workload and the guests. */
#include "run/scenario_priv.h"

#include <stdio.h>
#include <string.h>

struct sc_range sc_over_points(const struct scenario *sc, const char *key, uint64_t value)
{
	struct sc_range r = { value, value };
	size_t i, j;

	for (i = 0; i < sc->nr_axes; i++) {
		if (strcmp(sc->sweep[i].key, key))
			continue;
		r = (struct sc_range){ UINT64_MAX, 0 };
		for (j = 0; j < sc->sweep[i].n; j++) {
			uint64_t v = sc->sweep[i].values[j];

			r.min = v < r.min ? v : r.min;
			r.max = v > r.max ? v : r.max;
		}
	}
	return r;
}

static struct sc_range of_workload(const struct scenario *sc, const struct sc_workload *w,
				const char *name, uint64_t value)
{
	char key[96];

	snprintf(key, sizeof(key), "workloads.%s.%s", w->name, name);
	return sc_over_points(sc, key, value);
}

/* ab starts as many requests at a time as it is told, in the warm-up, too. */
static void check_clients(struct sc_reader *rd, const struct sc_workload *w, int line)
{
	uint64_t clients = of_workload(rd->sc, w, "clients", w->clients).max;
	uint64_t least = of_workload(rd->sc, w, "requests", w->requests).min;
	struct sc_range warmup = of_workload(rd->sc, w, "warmup", w->warmup);

	if (warmup.min && warmup.min < least)
		least = warmup.min;
	if (least < clients)
		sc_problem(&rd->pb, line, "workloads.%s.clients: %llu, but only %llu requests; ab "
			   "needs one for each, in the warm-up too if there is one", w->name,
			   (unsigned long long)clients, (unsigned long long)least);
}

/* Jobs of fio share the requests, evenly. */
static void check_jobs(struct sc_reader *rd, const struct sc_workload *w, int line)
{
	static const char *const keys[] = { "requests", "warmup", "readers", "writers" };
	uint64_t jobs = w->readers + w->writers;
	size_t i, j;

	for (i = 0; i < rd->sc->nr_axes; i++) {
		const char *key = rd->sc->sweep[i].key;
		size_t n = strlen(w->name);

		for (j = 0; j < 4; j++)
			if (!strncmp(key, "workloads.", 10) && !strncmp(key + 10, w->name, n) &&
			    key[10 + n] == '.' && !strcmp(key + 11 + n, keys[j]) && (jobs || j > 1))
				sc_problem(&rd->pb, line, "%s: cannot be swept with readers and writers, "
					   "which share the requests evenly", key);
	}
	if (!jobs)
		return;
	if (w->requests % jobs || w->warmup % jobs)
		sc_problem(&rd->pb, line, "workloads.%s.%s: %llu requests cannot be shared evenly by "
			   "%llu readers and writers; %llu", w->name,
			   w->requests % jobs ? "requests" : "warmup",
			   (unsigned long long)(w->requests % jobs ? w->requests : w->warmup),
			   (unsigned long long)jobs, (unsigned long long)
			   (((w->requests % jobs ? w->requests : w->warmup) / jobs + 1) * jobs));
	if (w->rw != SC_RANDREAD)
		sc_problem(&rd->pb, line, "workloads.%s.rw: readers and writers say what is done; "
			   "without rw, or without them", w->name);
}

/* What tables cannot say: limits of one key that depend on another. */
static void check_workload(struct sc_reader *rd, const struct sc_workload *w, int line)
{
	static const struct { const char *key; size_t offset; } sizes[] = {
		{ "request_bytes", offsetof(struct sc_workload, request_bytes) },
		{ "reply_bytes", offsetof(struct sc_workload, reply_bytes) },
		{ "message_bytes", offsetof(struct sc_workload, message_bytes) },
	};
	/* Which of them the tool has. */
	size_t first = w->tool == SC_TOOL_SOCKPERF ? 2 : 0, end = w->tool == SC_TOOL_SOCKPERF ? 3 :
		w->tool == SC_TOOL_RR ? 2 : 0;
	char key[96];
	size_t i;

	for (i = first; w->protocol == SC_UDP && i < end; i++) {
		uint32_t bytes = *(const uint32_t *)((const char *)w + sizes[i].offset);
		struct sc_range r;

		snprintf(key, sizeof(key), "workloads.%s.%s", w->name, sizes[i].key);
		r = sc_over_points(rd->sc, key, bytes);
		if (r.max > 1400)
			sc_problem(&rd->pb, line, "%s: %llu does not fit into one packet; at "
				   "most 1400 with udp, or protocol: tcp", key,
				   (unsigned long long)r.max);
	}
	if (w->tool == SC_TOOL_APACHE)
		check_clients(rd, w, line);
	if (w->tool == SC_TOOL_BLOCK)
		check_jobs(rd, w, line);
	if (w->tool == SC_TOOL_PROBE &&
	    !(w->probe_out | w->probe_cpuid | w->probe_hlt | w->probe_wrmsr))
		sc_problem(&rd->pb, line, "workloads.%s: a probe of no exits; one of out, cpuid, "
			   "hlt, wrmsr above 0", w->name);
}

/* Only a source computes. */
static void check_compute(struct sc_reader *rd, const struct sc_lines *lines)
{
	const struct scenario *sc = rd->sc;
	char key[128];
	size_t i;

	for (i = 0; i < sc->nr_workloads; i++) {
		const struct sc_workload *w = &sc->workloads[i];

		snprintf(key, sizeof(key), "workloads.%s.compute", w->name);
		if (w->tool == SC_TOOL_STREAM && w->direction == SC_TO_GUEST &&
		    sc_over_points(sc, key, w->compute).max)
			sc_problem(&rd->pb, lines->workload[i], "%s: only with direction: from-guest; "
				   "the sender computes", key);
	}
}

/* A stream's guests that do request-response beside it. */
static void check_mix(struct sc_reader *rd, const struct sc_lines *lines)
{
	const struct scenario *sc = rd->sc;
	struct sc_range count = sc_over_points(sc, "guests.count", sc->guests.count);
	char key[128];
	size_t i;

	for (i = 0; i < sc->nr_workloads; i++) {
		const struct sc_workload *w = &sc->workloads[i];
		struct sc_range rr;

		snprintf(key, sizeof(key), "workloads.%s.rr_guests", w->name);
		rr = sc_over_points(sc, key, w->rr_guests);
		if (w->tool == SC_TOOL_STREAM && rr.max && rr.max >= count.min)
			sc_problem(&rd->pb, lines->workload[i], "%s: %llu, which leaves no stream to "
				   "the %llu guests of guests.count", key, (unsigned long long)rr.max,
				   (unsigned long long)count.min);
		if (w->tool == SC_TOOL_STREAM && (rr.max > 0) != (w->rr_requests > 0))
			sc_problem(&rd->pb, lines->workload[i], "workloads.%s: rr_guests and "
				   "rr_requests go together", w->name);
	}
}

void sc_check_workloads(struct sc_reader *rd, const struct sc_lines *lines)
{
	size_t i;

	check_mix(rd, lines);
	check_compute(rd, lines);
	for (i = 0; i < rd->sc->nr_workloads; i++)
		check_workload(rd, &rd->sc->workloads[i], lines->workload[i]);
}
