// SPDX-License-Identifier: GPL-2.0
/*
 * I/O cores as a table, JSON, CSV and Prometheus text. A worker's states are shares of its own wall
 * time; a CPU's are shares of the interval. What this host cannot tell is "n/a" in the table, null
 * with a reason in JSON, and has no line in CSV and Prometheus.
 */
#include "out/iocores.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "out/csv.h"
#include "out/exits.h"
#include "out/prom.h"

#define NAME_WIDTH 12

static const char *const state_name[NR_IOCORE_STATES] = {
	[IOCORE_UNKNOWN] = "unknown", [IOCORE_USEFUL] = "useful", [IOCORE_POLL] = "poll",
	[IOCORE_OTHER] = "other", [IOCORE_WAIT] = "wait", [IOCORE_BLOCKED] = "blocked",
	[IOCORE_IDLE] = "idle",
};

#define WORK_NAME(name, module) #name,
static const char *const work_name[] = { VHOST_WORKS(WORK_NAME) };

/* What is missing; NULL = nothing. */
static const char *gap(const struct iocores *p, enum iocores_gap g)
{
	return p->why[g][0] ? p->why[g] : NULL;
}

/* Whether this host can tell the time in a state from the others. */
static const char *state_gap(const struct iocores *p, int state)
{
	if (state == IOCORE_POLL)
		return gap(p, GAP_WORKS) ? gap(p, GAP_WORKS) : gap(p, GAP_POLL);
	return state == IOCORE_USEFUL || state == IOCORE_BLOCKED ? gap(p, GAP_WORKS) : NULL;
}

static const char *buffers_gap(const struct iocores *p, const struct iocore_row *r)
{
	if (gap(p, GAP_BUFFERS))
		return gap(p, GAP_BUFFERS);
	if (r->works[WORK_handle_tx_kick] || r->works[WORK_handle_rx_kick] ||
	    r->works[WORK_handle_tx_net] || r->works[WORK_handle_rx_net] || !iocore_works(r))
		return NULL;
	return "only those of vhost_net are counted";
}

static const char *vm_name(const struct part_ctx *c, pid_t vm, char *buf, size_t size)
{
	const char *n = c->name && vm ? c->name(vm, c->arg) : NULL;

	snprintf(buf, size, "%d", (int)vm);
	return n ? n : vm ? buf : "?";
}

/* ---- table ---- */

static void percent(FILE *f, const char *missing, uint64_t ns, uint64_t of)
{
	if (missing || !of)
		fprintf(f, " %5s", missing ? "n/a" : "-");
	else
		fprintf(f, " %5.1f", 100.0 * (double)ns / (double)of);
}

static void rate(FILE *f, const char *missing, uint64_t n, double seconds)
{
	double per_s = seconds > 0 ? (double)n / seconds : 0;

	if (missing || seconds <= 0)
		fprintf(f, " %7s", "n/a");
	else if (per_s < 999999.5)
		fprintf(f, " %7.0f", per_s);
	else
		fprintf(f, " %5.*fe6", per_s < 99.95e6 ? 2 : 0, per_s / 1e6);
}

static void ratio(FILE *f, const char *before, const char *what, const char *missing, uint64_t n,
		  uint64_t of)
{
	if (!missing && of)
		fprintf(f, "%s%.2f %s", before, (double)n / (double)of, what);
}

static void worker(FILE *f, const struct iocores *p, const struct iocore_row *r,
		   const struct part_ctx *c)
{
	static const int shown[] = { IOCORE_USEFUL, IOCORE_POLL, IOCORE_OTHER, IOCORE_WAIT };
	char pid[16], cpu[16] = "-";
	const char *vm = vm_name(c, r->vm, pid, sizeof(pid));
	uint64_t works = iocore_works(r);
	size_t i;

	if (r->nr_cpus == 1)
		snprintf(cpu, sizeof(cpu), "%u", r->cpus[0].cpu);
	else if (r->nr_cpus > 1)
		snprintf(cpu, sizeof(cpu), "*");
	if (strlen(vm) > NAME_WIDTH) {
		fprintf(f, "%s\n", vm);
		vm = "";
	}
	fprintf(f, "%7d %-*s %3s", (int)r->tid, NAME_WIDTH, vm, cpu);
	for (i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
		percent(f, state_gap(p, shown[i]), r->ns[shown[i]], r->wall_ns);
	percent(f, NULL, r->ns[IOCORE_IDLE] + r->ns[IOCORE_BLOCKED], r->wall_ns);
	rate(f, gap(p, GAP_WORKS), works, c->seconds);
	rate(f, gap(p, GAP_KICKS), r->kicks, c->seconds);
	rate(f, gap(p, GAP_REPLIES), r->replies, c->seconds);
	fprintf(f, "\n        %s%" PRIu64 " wake-ups", r->ended ? "ended; " : "", r->wakeups);
	ratio(f, ", ", "works each", gap(p, GAP_WORKS), works, r->wakeups);
	fprintf(f, "; residual %.3f %%\n",
		r->wall_ns ? 100.0 * (double)iocore_residual(r) / (double)r->wall_ns : 0.0);
	if (buffers_gap(p, r))
		return;
	fprintf(f, "        %" PRIu64 " buffers", r->buffers);
	ratio(f, ": ", "works", gap(p, GAP_WORKS), works, r->buffers);
	ratio(f, ", ", "kicks", gap(p, GAP_KICKS), r->kicks, r->buffers);
	ratio(f, ", ", "replies each", gap(p, GAP_REPLIES), r->replies, r->buffers);
	fputc('\n', f);
}

static void text_cpus(FILE *f, const struct iocores *p, const struct part_ctx *c)
{
	uint64_t wall = (uint64_t)(c->seconds * 1e9);
	struct iocore_cpu *cpus;
	size_t n, i;

	if (iocores_cpus(p, &cpus, &n))
		return;
	if (n)
		fprintf(f, "%-7s %7s %5s %6s %6s\n", "CPU", "useful%", "poll%", "other%", "rest%");
	for (i = 0; i < n; i++) {
		uint64_t on = cpus[i].ns[0] + cpus[i].ns[1] + cpus[i].ns[2];

		fprintf(f, "%-7u  ", cpus[i].cpu);
		percent(f, state_gap(p, IOCORE_USEFUL), cpus[i].ns[0], wall);
		percent(f, state_gap(p, IOCORE_POLL), cpus[i].ns[1], wall);
		fputc(' ', f);
		percent(f, NULL, cpus[i].ns[2], wall);
		fputc(' ', f);
		percent(f, NULL, on < wall ? wall - on : 0, wall);
		fputc('\n', f);
	}
	free(cpus);
}

static void text(FILE *f, const struct part *part, const struct part_ctx *c)
{
	static const char *const what[NR_IOCORES_GAPS] = {
		[GAP_ALL] = "note", [GAP_WORKS] = "works: n/a", [GAP_POLL] = "polling: n/a",
		[GAP_KICKS] = "kicks: n/a", [GAP_REPLIES] = "replies: n/a",
		[GAP_BUFFERS] = "buffers: n/a",
	};
	const struct iocores *p = (const struct iocores *)part;
	size_t i, top = c->top ? c->top : p->nr;
	int g;

	fputs("I/O cores: vhost workers", f);
	if (!p->traced) {
		fprintf(f, ": %s\n\n", p->why[GAP_ALL]);
		return;
	}
	fputs(p->nr ? "\n" : ": none ran\n", f);
	if (p->nr)
		fprintf(f, "%7s %-*s %3s %5s %5s %5s %5s %5s %7s %7s %7s\n", "WORKER", NAME_WIDTH,
			"VM", "CPU", "usef%", "poll%", "oth%", "wait%", "idle%", "works/s",
			"kicks/s", "repl/s");
	for (i = 0; i < p->nr && i < top; i++)
		worker(f, p, &p->rows[i], c);
	if (i < p->nr)
		fprintf(f, "        and %zu more\n", p->nr - i);
	text_cpus(f, p, c);
	for (g = 0; g < NR_IOCORES_GAPS; g++)
		if (gap(p, (enum iocores_gap)g) && (p->nr || g == GAP_ALL))
			fprintf(f, "%s (%s)\n", what[g], p->why[g]);
	if (p->lost_kicks || p->no_room)
		fprintf(f, "lost: %" PRIu64 " kicks of unknown workers, %" PRIu64
			" events without room\n", p->lost_kicks, p->no_room);
	fputc('\n', f);
}

/* ---- JSON ---- */

/* Number @key, or null and the reason. */
static void put(json_t *o, const char *key, const char *missing, uint64_t v)
{
	char why[48];

	if (!missing) {
		json_object_set_new(o, key, json_integer((json_int_t)v));
		return;
	}
	json_object_set_new(o, key, json_null());
	snprintf(why, sizeof(why), "%s_why", key);
	json_object_set_new(o, why, json_string(missing));
}

static json_t *cpus_json(const struct iocores *p, const struct iocore_cpu *cpus, size_t n)
{
	json_t *a = json_array();
	size_t i;

	for (i = 0; i < n; i++) {
		json_t *o = json_object();

		put(o, "cpu", NULL, cpus[i].cpu);
		put(o, "on_cpu_ns", NULL, cpus[i].ns[0] + cpus[i].ns[1] + cpus[i].ns[2]);
		put(o, "useful_ns", state_gap(p, IOCORE_USEFUL), cpus[i].ns[0]);
		put(o, "poll_ns", state_gap(p, IOCORE_POLL), cpus[i].ns[1]);
		put(o, "other_ns", NULL, cpus[i].ns[2]);
		json_array_append_new(a, o);
	}
	return a;
}

static json_t *works_json(const struct iocore_row *r)
{
	json_t *o = json_object();
	int i;

	for (i = 0; i < NR_VHOST_WORKS; i++)
		if (r->works[i])
			put(o, work_name[i], NULL, r->works[i]);
	return o;
}

static json_t *worker_json(const struct iocores *p, const struct iocore_row *r,
			   const struct part_ctx *c)
{
	char pid[16], key[32];
	json_t *o = json_pack("{s:i, s:s, s:s, s:s, s:s, s:i, s:b}", "tid", (int)r->tid,
			      "name", r->name, "source", r->source,
			      "kind", r->kthread ? "kernel thread" : "thread of the VMM",
			      "vm", vm_name(c, r->vm, pid, sizeof(pid)), "pid", (int)r->vm,
			      "ended", r->ended);
	int s;

	if (!o)
		return NULL;
	put(o, "wall_ns", NULL, r->wall_ns);
	put(o, "on_cpu_ns", NULL, iocore_on_cpu(r));
	for (s = IOCORE_USEFUL; s < NR_IOCORE_STATES; s++) {
		snprintf(key, sizeof(key), "%s_ns", state_name[s]);
		put(o, key, state_gap(p, s), r->ns[s]);
	}
	json_object_set_new(o, "residual_ns", json_integer(iocore_residual(r)));
	put(o, "switches", NULL, r->switches);
	put(o, "wakeups", NULL, r->wakeups);
	put(o, "works", gap(p, GAP_WORKS), iocore_works(r));
	if (!gap(p, GAP_WORKS))
		json_object_set_new(o, "works_by_function", works_json(r));
	put(o, "kicks", gap(p, GAP_KICKS), r->kicks);
	put(o, "replies", gap(p, GAP_REPLIES), r->replies);
	put(o, "buffers", buffers_gap(p, r), r->buffers);
	put(o, "unmatched", NULL, r->unmatched);
	json_object_set_new(o, "cpus", cpus_json(p, r->cpus, r->nr_cpus));
	return o;
}

static json_t *json(const struct part *part, const struct part_ctx *c)
{
	const struct iocores *p = (const struct iocores *)part;
	json_t *o = json_object(), *workers = json_array();
	struct iocore_cpu *cpus;
	size_t i, n;

	if (!o || !workers || iocores_cpus(p, &cpus, &n)) {
		json_decref(o);
		json_decref(workers);
		return NULL;
	}
	json_object_set_new(o, "traced", json_boolean(p->traced));
	if (gap(p, GAP_ALL))
		json_object_set_new(o, "traced_why", json_string(p->why[GAP_ALL]));
	for (i = 0; i < p->nr; i++)
		json_array_append_new(workers, worker_json(p, &p->rows[i], c));
	json_object_set_new(o, "workers", workers);
	json_object_set_new(o, "cpus", cpus_json(p, cpus, n));
	put(o, "lost_kicks", gap(p, GAP_KICKS), p->lost_kicks);
	put(o, "no_room", NULL, p->no_room);
	free(cpus);
	return o;
}

/* ---- CSV ---- */

static void csv_times(struct csv_row *r, const struct iocores *p, const uint64_t *ns, int first,
		      int last)
{
	char metric[48];
	int s;

	for (s = first; s <= last; s++) {
		snprintf(metric, sizeof(metric), "iocore_%s_ns", state_name[s]);
		if (!state_gap(p, s))
			csv_number(r, metric, ns[s - first]);
	}
}

static void csv_worker(struct csv_row r, const struct iocores *p, const struct iocore_row *w,
		       const struct part_ctx *c)
{
	char pid[16], detail[64];
	size_t i;

	r.vm = vm_name(c, w->vm, pid, sizeof(pid));
	r.pid = w->vm;
	r.detail = detail;
	snprintf(detail, sizeof(detail), "worker %d", (int)w->tid);
	csv_number(&r, "iocore_wall_ns", w->wall_ns);
	csv_times(&r, p, w->ns + IOCORE_USEFUL, IOCORE_USEFUL, NR_IOCORE_STATES - 1);
	csv_number(&r, "iocore_switches", w->switches);
	csv_number(&r, "iocore_wakeups", w->wakeups);
	if (!gap(p, GAP_WORKS))
		csv_number(&r, "iocore_works", iocore_works(w));
	if (!gap(p, GAP_KICKS))
		csv_number(&r, "iocore_kicks", w->kicks);
	if (!gap(p, GAP_REPLIES))
		csv_number(&r, "iocore_replies", w->replies);
	if (!buffers_gap(p, w))
		csv_number(&r, "iocore_buffers", w->buffers);
	for (i = 0; i < w->nr_cpus; i++) {
		snprintf(detail, sizeof(detail), "worker %d cpu %u", (int)w->tid, w->cpus[i].cpu);
		csv_times(&r, p, w->cpus[i].ns, IOCORE_USEFUL, IOCORE_OTHER);
	}
}

static void csv(struct csv_row *r, const struct part *part, const struct part_ctx *c)
{
	const struct iocores *p = (const struct iocores *)part;
	size_t i;

	for (i = 0; i < p->nr; i++)
		csv_worker(*r, p, &p->rows[i], c);
}

/* ---- Prometheus ---- */

static void prom_times(FILE *f, const struct iocores *p, const struct part_ctx *c)
{
	char vm[16], tid[16];
	size_t i;
	int s;

	prom_family(f, "exitlab_iocore_seconds_total", "counter",
		    "Time of a worker that serves devices, by what it did.");
	for (i = 0; i < p->nr; i++) {
		const struct iocore_row *r = &p->rows[i];

		snprintf(tid, sizeof(tid), "%d", (int)r->tid);
		for (s = IOCORE_USEFUL; s < NR_IOCORE_STATES; s++)
			if (!state_gap(p, s))
				prom_seconds(f, "exitlab_iocore_seconds_total", r->ns[s],
					     "vm", vm_name(c, r->vm, vm, sizeof(vm)),
					     "worker", tid, "state", state_name[s], NULL);
	}
}

static void prom_counts(FILE *f, const struct iocores *p, const struct part_ctx *c, int which)
{
	static const struct {
		const char *name, *help;
	} family[] = {
		{ "exitlab_iocore_works_total", "Work items that a worker has run." },
		{ "exitlab_iocore_kicks_total", "Notifications by the guest for a worker." },
		{ "exitlab_iocore_replies_total", "Interrupts that a worker has asked for." },
		{ "exitlab_iocore_buffers_total", "Buffers given back to the guest." },
		{ "exitlab_iocore_wakeups_total", "Times that a worker ran after sleep." },
	};
	char vm[16], tid[16];
	size_t i;

	prom_family(f, family[which].name, "counter", family[which].help);
	for (i = 0; i < p->nr; i++) {
		const struct iocore_row *r = &p->rows[i];
		const uint64_t value[] = { iocore_works(r), r->kicks, r->replies, r->buffers,
					   r->wakeups };
		const char *missing[] = { gap(p, GAP_WORKS), gap(p, GAP_KICKS),
					  gap(p, GAP_REPLIES), buffers_gap(p, r), NULL };

		snprintf(tid, sizeof(tid), "%d", (int)r->tid);
		if (!missing[which])
			prom_count(f, family[which].name, value[which],
				   "vm", vm_name(c, r->vm, vm, sizeof(vm)), "worker", tid, NULL);
	}
}

static void prom(FILE *f, const struct part *part, const struct part_ctx *c)
{
	const struct iocores *p = (const struct iocores *)part;
	int i;

	prom_times(f, p, c);
	for (i = 0; i < 5; i++)
		prom_counts(f, p, c, i);
}

const struct part_ops iocores_ops = {
	.name = IOCORES,
	.free = iocores_free,
	.text = text,
	.json = json,
	.csv = csv,
	.prom = prom,
	.delta = iocores_delta,
	.add = iocores_add,
	.filter = iocores_filter,
};
