// SPDX-License-Identifier: GPL-2.0
/*
 * The loop over points. One thread, one poll every 20 ms: the emulated hosts do the work, this
 * only looks at their mailboxes. Ctrl-C sets a flag; everything is taken down on the way out, so
 * that no signal handler has to clean up.
 */
#include "run/session.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/log.h"

#define TIME_BASE_COUNTS "instruction-counted time of an emulated machine, 1 ns per instruction; not real time"
#define TIME_BASE_TIMED "modelled time: instruction-counted parallel time plus the cost set %s (%s); not measured time"
#define TIME_BASE_FAST "time of an emulated machine with unsynchronised CPUs; neither repeatable nor real"

static volatile sig_atomic_t interrupted;

static void on_signal(int sig)
{
	interrupted = sig;
}

struct job {
	struct emu emu;
	struct sc_point *point;	/* NULL = free */
	uint32_t shown_seq;
};

struct session {
	const struct scenario *sc;
	struct sc_point *points;
	bool *done;
	size_t n, nr_done, next;
	const struct testbed *testbed;
	struct results *results;
	const struct session_opts *opts;
	struct job *jobs;
	int nr_jobs, running;
	int64_t started_ms, spent_ms;	/* spent: sum over the points finished in this session */
	size_t finished;
	int64_t shown_ms;
	bool failed, tty;
};

static json_t *volatile_json(const struct emu *e)
{
	struct utsname u;
	char at[32];
	time_t t = time(NULL) - (clock_ms() - e->started_ms) / 1000;
	struct tm tm;

	uname(&u);
	gmtime_r(&t, &tm);
	strftime(at, sizeof(at), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return json_pack("{s:s, s:f, s:o, s:s, s:I}", "started_at", at,
			 "wall_s", (double)(clock_ms() - e->started_ms) / 1000,
			 "wall", emu_times(e),
			 "build_host_kernel", u.release,
			 "build_host_cpus", (json_int_t)sysconf(_SC_NPROCESSORS_ONLN));
}

/* What of the machine the inside does not know: cable and costs, and so what its times are. */
static int add_model(const struct session *s, const struct sc_point *pt, json_t *rec,
		     json_t *machine)
{
	bool fast = s->sc->mode == SC_MODE_FAST;
	json_t *time_base, *link = json_null();

	if (!fast && pt->link.rate_mbit)
		link = json_pack("{s:i, s:i}", "rate_mbit", (int)pt->link.rate_mbit,
				 "delay_ns", (int)pt->link.delay_ns);
	if (pt->cost.name[0])
		time_base = json_sprintf(TIME_BASE_TIMED, pt->cost.name, pt->cost.file);
	else
		time_base = json_string(fast ? TIME_BASE_FAST : TIME_BASE_COUNTS);
	if (json_object_set_new(machine, "link", link) ||
	    json_object_set_new(machine, "quantum_ns", json_integer(emu_quantum_ns(s->sc, pt))) ||
	    json_object_set_new(rec, "time_base", time_base))
		return -ENOMEM;
	if (pt->cost.name[0] &&
	    json_object_set_new(machine, "costs", costs_to_json(&pt->cost)))
		return -ENOMEM;
	return sc_point_complete(s->sc, pt, json_object_get(rec, "point"));
}

/* The word that makes a repetition another machine says nothing about the point. */
static int plain_cmdline(json_t *machine)
{
	const char *line = json_string_value(json_object_get(machine, "cmdline"));
	const char *word = line ? strstr(line, " " EMU_REPEAT_WORD) : NULL;

	if (!word)
		return 0;
	return json_object_set_new(machine, "cmdline", json_stringn(line, (size_t)(word - line)));
}

/* Adds to the record what only the outside knows. */
static int complete_record(const struct session *s, struct job *j)
{
	json_t *rec = j->emu.record, *machine = json_object_get(rec, "machine");
	bool fast = s->sc->mode == SC_MODE_FAST;

	if (!json_is_object(machine) || !json_is_array(json_object_get(rec, "windows")))
		return -EPROTO;
	json_object_set_new(machine, "testbed", json_string(s->testbed->key));
	json_object_set(machine, "parts", s->testbed->parts);
	json_object_set_new(machine, "emulator", json_string(s->testbed->version));
	json_object_set_new(machine, "emulation", json_string(fast ?
		"TCG with AMD SVM, one thread per CPU" :
		"TCG with AMD SVM, one thread, icount shift=0"));
	json_object_set_new(rec, "schema", json_string("exitlab-record/1"));
	json_object_set_new(rec, "scenario", json_pack("{s:s, s:s, s:s}", "name", s->sc->name,
		"title", s->sc->title, "sha256", s->sc->sha256));
	json_object_set_new(rec, "backend", json_string("emulated"));
	if (add_model(s, j->point, rec, machine) || plain_cmdline(machine))
		return -ENOMEM;
	json_object_set_new(rec, "complete", json_true());
	json_object_set_new(rec, "volatile", volatile_json(&j->emu));
	return 0;
}

/* The line on a terminal is rewritten in place; elsewhere a line appears when a step changes. */
static void clear_line(const struct session *s)
{
	if (s->tty)
		fprintf(stderr, "\r\033[K");
}

static void show_progress(struct session *s)
{
	int64_t now = clock_ms(), left = 0;
	char line[400];
	int i, n;

	if (log_threshold < LOG_INFO || (s->tty && now - s->shown_ms < 1000))
		return;
	s->shown_ms = now;
	if (s->finished > 0)
		left = s->spent_ms / (int64_t)s->finished *
		       (int64_t)(s->n - s->nr_done) / s->nr_jobs / 1000;
	n = snprintf(line, sizeof(line), "%zu of %zu points", s->nr_done, s->n);
	for (i = 0; i < s->nr_jobs && n < (int)sizeof(line); i++) {
		struct job *j = &s->jobs[i];

		if (j->point && s->tty)
			n += snprintf(line + n, sizeof(line) - (size_t)n, " | %s: %s", j->point->id,
				      j->emu.phase);
		else if (j->point && j->shown_seq != j->emu.phase_seq)
			info("%s: %s (%lld s)", j->point->id, j->emu.phase,
			     (long long)(now - j->emu.started_ms) / 1000);
		j->shown_seq = j->emu.phase_seq;
	}
	if (!s->tty)
		return;
	fprintf(stderr, "\r\033[K%.110s | %lld s", line, (long long)(now - s->started_ms) / 1000);
	if (left > 0)
		fprintf(stderr, ", about %lld s left", (long long)left);
	fflush(stderr);
}

static void start_next(struct session *s)
{
	char scratch[1024], log[1024];
	int i;

	while (!s->failed && s->running < s->nr_jobs) {
		while (s->next < s->n && s->done[s->next])
			s->next++;
		if (s->next == s->n)
			return;
		for (i = 0; s->jobs[i].point; i++)
			;
		results_scratch(s->results, &s->points[s->next], scratch, sizeof(scratch));
		results_log(s->results, &s->points[s->next], log, sizeof(log));
		if (emu_start(&s->jobs[i].emu, s->testbed, s->sc, &s->points[s->next], scratch,
			      log, !s->opts->no_snapshot)) {
			s->failed = true;
			return;
		}
		s->jobs[i].point = &s->points[s->next++];
		s->jobs[i].shown_seq = UINT32_MAX;
		s->running++;
	}
}

static void show_times(const struct job *j)
{
	json_t *t = emu_times(&j->emu), *v;
	char line[300];
	const char *key;
	size_t n = 0;

	json_object_foreach(t, key, v)
		if (json_is_real(v) && n < sizeof(line))
			n += (size_t)snprintf(line + n, sizeof(line) - n, ", %.*s %.1f s",
					      (int)strcspn(key, "_"), key, json_real_value(v));
	verb("%s: snapshot %s%s", j->point->id, json_string_value(json_object_get(t, "snapshot")),
	     line);
	json_decref(t);
}

static void job_over(struct session *s, struct job *j, enum emu_state state)
{
	int64_t wall = clock_ms() - j->emu.started_ms;
	char log[1024];

	results_log(s->results, j->point, log, sizeof(log));
	clear_line(s);
	if (state == EMU_DONE && !complete_record(s, j) &&
	    !results_store(s->results, j->point, j->emu.record)) {
		s->nr_done++;
		s->finished++;
		s->spent_ms += wall;
		info("%s: done in %lld s", j->point->id, (long long)wall / 1000);
		show_times(j);
	} else {
		err("point '%s' failed: %s; its log is %s", j->point->id,
		    j->emu.why[0] ? j->emu.why : "its record cannot be used", log);
		s->failed = true;
	}
	emu_end(&j->emu);
	j->point = NULL;
	s->running--;
}

static void loop(struct session *s)
{
	int i;

	start_next(s);
	while (s->running > 0 && !interrupted) {
		usleep(20000);
		for (i = 0; i < s->nr_jobs; i++) {
			enum emu_state state;

			if (!s->jobs[i].point)
				continue;
			state = emu_poll(&s->jobs[i].emu, s->opts->timeout_s);
			/* A signal makes waiting fail: not the point's failure. */
			if (state == EMU_FAILED && interrupted)
				break;
			if (state != EMU_RUNNING)
				job_over(s, &s->jobs[i], state);
		}
		start_next(s);
		show_progress(s);
	}
	clear_line(s);
	for (i = 0; i < s->nr_jobs; i++)
		if (s->jobs[i].point)
			emu_end(&s->jobs[i].emu);
}

static long available_mb(void)
{
	char line[128];
	long kb = 0;
	FILE *f = fopen("/proc/meminfo", "re");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %ld kB", &kb) == 1)
			break;
	if (f)
		fclose(f);
	return kb / 1024;
}

/* One CPU and the machine's memory (and some for QEMU itself) for each point at a time. */
static int choose_jobs(const struct session *s)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN), mem = available_mb();
	long n = s->opts->jobs > 0 ? s->opts->jobs : cpus;
	int biggest = 0;
	size_t i;

	for (i = 0; i < s->n; i++)
		if (s->points[i].host.memory_mb > biggest)
			biggest = s->points[i].host.memory_mb;
	if (s->opts->jobs <= 0 && n * (biggest + 256) > mem)
		n = mem / (biggest + 256);
	if (n > (long)s->n)
		n = (long)s->n;
	return n < 1 ? 1 : (int)n;
}

/* Which points are left to do; with --again a complete set is retired first. */
static int plan(struct session *s)
{
	char why[128];
	size_t i;
	int ret = 0;

	for (i = 0; i < s->n; i++) {
		s->done[i] = results_complete(s->results, s->sc, &s->points[i], s->testbed->key,
					      why, sizeof(why));
		if (s->done[i])
			s->nr_done++;
		else
			verb("%s: to do: %s", s->points[i].id, why);
	}
	if (s->nr_done == s->n && s->opts->again) {
		memset(s->done, 0, s->n * sizeof(s->done[0]));
		s->nr_done = 0;
		info("all %zu points are complete; measuring them again, the old records go to %s/previous",
		     s->n, s->results->dir);
	}
	for (i = 0; !ret && i < s->n; i++)
		if (!s->done[i])
			ret = results_retire(s->results, &s->points[i]);
	return ret;
}

static int conclude(const struct session *s)
{
	if (interrupted) {
		err("interrupted; %zu of %zu points are done and stay in %s, the next run goes on from there",
		    s->nr_done, s->n, s->results->dir);
		return EX_INTERRUPTED;
	}
	if (s->failed)
		return EX_FAIL;
	info("%zu of %zu points complete in %s (%lld s)", s->nr_done, s->n, s->results->dir,
	     (long long)(clock_ms() - s->started_ms) / 1000);
	return EX_OK;
}

void session_catch_signals(void)
{
	struct sigaction sa = { .sa_handler = on_signal };

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	/* A QEMU that dies while it is spoken to is noticed by other means. */
	signal(SIGPIPE, SIG_IGN);
}

int session_run(const struct scenario *sc, struct sc_point *points, size_t n,
		const struct testbed *t, struct results *r, const struct session_opts *o)
{
	struct session s = {
		.sc = sc, .points = points, .n = n, .testbed = t, .results = r, .opts = o,
		.started_ms = clock_ms(), .tty = isatty(2),
	};
	int ret = EX_FAIL;

	s.nr_jobs = choose_jobs(&s);
	s.done = calloc(n, sizeof(s.done[0]));
	s.jobs = calloc((size_t)s.nr_jobs, sizeof(s.jobs[0]));
	if (s.done && s.jobs && !plan(&s)) {
		loop(&s);
		ret = conclude(&s);
	} else {
		err("cannot prepare the points of %s", sc->path);
	}
	free(s.done);
	free(s.jobs);
	return ret;
}
