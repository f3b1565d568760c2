// SPDX-License-Identifier: GPL-2.0
/*
 * From records to our value of a printed cell. The hard thing is to say honestly what a number is:
 * whether an expression touched a time is noted while it is evaluated, so that no item of the file
 * can call a modelled number measured; and all records of one number must be of the same cost set
 * and repetition, or the band would mix prices.
 */
#include "analyze/paper.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/expr.h"
#include "analyze/numbers.h"
#include "analyze/paper_priv.h"
#include "analyze/table.h"
#include "util/log.h"

#define MAX_DEPTH	8

static int no(struct paper_eval *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int no(struct paper_eval *e, const char *fmt, ...)
{
	va_list ap;

	/* The first thing that is missing is the reason of the rest. */
	if (*e->why)
		return -ENODATA;
	va_start(ap, fmt);
	vsnprintf(e->why, sizeof(e->why), fmt, ap);
	va_end(ap);
	return -ENODATA;
}

static const char *pair_of(const struct paper_pairs *p, const char *a)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		if (!strcmp(p->p[i].a, a))
			return p->p[i].b;
	return NULL;
}

const char *paper_costs(const struct record *r)
{
	const char *s = json_string_value(json_object_get(r->point, "costs"));

	return s ? s : "";
}

/* "guests.count" of what was asked for; NULL if there is no such setting. */
const json_t *paper_setting(const struct record *r, const char *path)
{
	const json_t *v = json_object_get(r->parameters, path);
	char part[64];

	if (v)
		return v;
	for (v = r->point; v && *path;) {
		size_t n = strcspn(path, ".");

		snprintf(part, sizeof(part), "%.*s", (int)n, path);
		v = json_object_get(v, part);
		path += n + (path[n] == '.');
	}
	return v;
}

static bool setting_is(const struct record *r, const char *path, const char *wanted)
{
	const json_t *v = paper_setting(r, path);
	char buf[64], *end;
	double number = strtod(wanted, &end);

	if (!v || json_is_object(v) || json_is_array(v) || json_is_null(v))
		return false;
	if (json_is_boolean(v))
		return !strcmp(wanted, json_is_true(v) ? "on" : "off");
	if (json_is_number(v) && !*end)
		return json_number_value(v) == number;
	return !strcmp(record_parameter(v, buf, sizeof(buf)), wanted);
}

/* What the setting is at this x; NULL: x says nothing about settings. */
static const char *wanted_setting(const struct paper_panel *p, const char *x)
{
	const char *mapped = pair_of(&p->values, x);

	return mapped ? mapped : p->parameter ? x : NULL;
}

/* The window of a workload by its name or by its tool; the first that is not idle by default. */
json_t *paper_window(const struct record *r, const char *workload)
{
	json_t *w, *by_tool = NULL;
	size_t i;

	json_array_foreach(r->windows, i, w) {
		const char *tool = json_string_value(json_object_get(w, "tool"));
		const char *name = json_string_value(json_object_get(w, "workload"));

		if (workload ? !strcmp(name, workload) : strcmp(tool, "idle") != 0)
			return w;
		if (workload && !by_tool && !strcmp(tool, workload))
			by_tool = w;
	}
	return by_tool;
}

bool paper_in_scenario(const struct paper_eval *e, const struct record *r)
{
	return e->any || (e->panel->scenario && !strcmp(r->scenario, e->panel->scenario));
}

/* Whether a configuration of ours goes by the paper's name; it may go by several of ours. */
static bool goes_by(const struct paper_pairs *p, const char *printed, const char *ours)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		if (!strcmp(p->p[i].a, printed) && !strcmp(p->p[i].b, ours))
			return true;
	return false;
}

static const struct record *find(struct paper_eval *e, const char *configuration, const char *x)
{
	const char *ours = pair_of(e->item->configurations, configuration);
	const char *absent = pair_of(e->item->absent, configuration);
	const char *wanted = wanted_setting(e->panel, x);
	bool scenario = false, config = false;
	size_t i;

	for (i = 0; ours && i < e->rs->n; i++) {
		const struct record *r = &e->rs->list[i];

		if (!paper_in_scenario(e, r))
			continue;
		scenario = true;
		if (!goes_by(e->item->configurations, configuration, r->config))
			continue;
		config = true;
		ours = r->config;
		if (wanted && e->panel->parameter && !setting_is(r, e->panel->parameter, wanted))
			continue;
		if (r->repeat != e->variant.repeat || strcmp(paper_costs(r), e->variant.costs))
			continue;
		if (paper_window(r, e->panel->workload))
			return r;
	}
	if (absent)
		no(e, "%s", absent);
	else if (!ours)
		no(e, "the paper's %s is no configuration here", configuration);
	else if (!scenario)
		no(e, "not run: no record of scenario %s", e->panel->scenario ? e->panel->scenario : "");
	else if (!config)
		no(e, "not run: scenario %s has no record of configuration %s",
		   e->panel->scenario ? e->panel->scenario : "", ours);
	else if (wanted)
		no(e, "not run: no record of configuration %s at this %s", ours,
		   e->panel->parameter ? e->panel->parameter : "setting");
	else
		no(e, "not run: no record of configuration %s with workload %s", ours,
		   e->panel->workload ? e->panel->workload : "other than idle");
	return NULL;
}

static int use_record(struct paper_eval *e)
{
	const char *mode, *backend;
	char why[160];
	int ret;

	if (e->rec)
		return e->numbers ? 0 : -ENODATA;
	e->rec = find(e, e->configuration, e->x);
	if (!e->rec)
		return -ENODATA;
	mode = json_string_value(json_object_get(e->rec->point, "mode"));
	backend = json_string_value(json_object_get(e->rec->root, "backend"));
	e->used = true;
	e->hardware = backend && strcmp(backend, "emulated");
	e->modelled = mode && !strcmp(mode, "timed");
	if (!e->hardware && mode && !strcmp(mode, "fast"))
		return no(e, "%s is of mode fast, which is for functional work", e->rec->path);
	e->window = paper_window(e->rec, e->panel->workload);
	ret = numbers_of_window(e->window, &e->numbers, why, sizeof(why));
	if (ret == -EINVAL)
		return no(e, "%s: %s", e->rec->path, why);
	return ret;
}

static int number(struct paper_eval *e, const json_t *numbers, const char *key, double *out)
{
	const json_t *v = json_object_get(numbers, key);

	*out = json_number_value(v);
	if (json_is_number(v))
		return 0;
	if (json_is_string(v))
		return no(e, "%s", json_string_value(v));
	/* What did not happen has no entry, if only exits of one kind can be meant. */
	if (number_kind(key) == NUMBER_REASON)
		return 0;
	return no(e, "the record has no number %s", key);
}

/* How much of its time the I/O core worked, by its own account; the rest it polled or slept. */
static int io_core_percent(struct paper_eval *e, const json_t *window, double *out)
{
	const json_t *all = json_object_get(json_object_get(window, "counters"), "sidecores"), *core;
	double work = 0, total = 0;
	size_t i;

	json_array_foreach(json_object_get(all, "cores"), i, core) {
		static const char *const keys[] = { "work_ns", "poll_ns", "idle_ns" };
		size_t j;

		for (j = 0; j < 3; j++) {
			double ns = json_number_value(json_object_get(core, keys[j]));

			work += j ? 0 : ns;
			total += ns;
		}
	}
	e->timed = true;
	if (total <= 0)
		return no(e, "the record has no account of an I/O core's time (counters.sidecores)");
	*out = 100 * work / total;
	return 0;
}

/* From exit to entry, of all vCPUs. */
static double handling_ns(const json_t *window)
{
	const json_t *vm, *vcpu;
	double sum = 0;
	size_t i, j;

	json_array_foreach(json_object_get(json_object_get(window, "tracer"), "vms"), i, vm)
		json_array_foreach(json_object_get(vm, "vcpus"), j, vcpu)
			sum += json_number_value(json_object_get(vcpu, "handling_ns"));
	return sum;
}

static int of_window(struct paper_eval *e, const json_t *window, const json_t *numbers,
		     const char *key, double *out)
{
	const struct record *rec = e->rec;
	struct table t;
	int ret;

	if (!strcmp(key, "seconds")) {
		e->timed = true;
		*out = json_number_value(json_object_get(window, "duration_ns")) / 1e9;
		return 0;
	}
	if (!strcmp(key, "work")) {
		*out = json_number_value(json_object_get(window, "work"));
		return 0;
	}
	if (!strcmp(key, "guests")) {
		*out = json_array_size(json_object_get(json_object_get(window, "tracer"), "vms"));
		return 0;
	}
	if (!strcmp(key, "handling_seconds")) {
		*out = handling_ns(window) / 1e9;
		e->timed = true;
		return 0;
	}
	if (!strcmp(key, "io_core_percent"))
		return io_core_percent(e, window, out);
	/* Without a guest 0 exits would be no finding. */
	if (!json_array_size(json_object_get(json_object_get(window, "tracer"), "vms")) &&
	    (!strncmp(key, "exits", 5) || !strcmp(key, "guest_percent") ||
	     !strcmp(key, "injections")))
		return no(e, "no guest, so nothing that could exit");
	if (strcmp(key, "guest_percent"))
		return number(e, numbers, key, out);
	e->timed = true;
	ret = table_of(&rec, 1, json_string_value(json_object_get(window, "workload")), &t);
	if (!ret)
		*out = table_guest_percent(&t.cols[0]);
	table_clear(&t);
	return ret;
}

/* A number of another window of the same record, such as that without load. */
static int other_window(struct paper_eval *e, const char *workload, const char *key, double *out)
{
	json_t *w = paper_window(e->rec, workload), *numbers = NULL;
	char why[160];
	int ret;

	if (!w)
		return no(e, "the record has no window of workload %s", workload);
	ret = numbers_of_window(w, &numbers, why, sizeof(why));
	if (ret == -EINVAL)
		return no(e, "%s: %s", e->rec->path, why);
	if (!ret)
		ret = of_window(e, w, numbers, key, out);
	json_decref(numbers);
	return ret;
}

int paper_window_number(const struct record *r, const char *workload, const char *key, double *out,
			char *why, size_t n)
{
	struct paper_eval e = { .rec = r };
	int ret = other_window(&e, workload, key, out);

	if (ret == -ENODATA)
		snprintf(why, n, "%s: %s", r->id, e.why);
	return ret;
}

static bool is_time(const char *key)
{
	static const char *const endings[] = { "_ns", "_us", "_ms", "_s" };
	size_t n = strlen(key), i;

	for (i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		size_t m = strlen(endings[i]);

		if (n > m && !strcmp(key + n - m, endings[i]))
			return true;
	}
	return false;
}

static int result(struct paper_eval *e, const char *key, double *out)
{
	struct result r[64];
	size_t n = table_results(e->window, r, 64), i;

	e->timed |= is_time(key);
	for (i = 0; i < n; i++) {
		if (strcmp(r[i].key, key))
			continue;
		*out = r[i].value;
		return 0;
	}
	return no(e, "the record's result has no %s", key);
}

/* Our value of another cell of the item, by the same prices. */
static int ours(struct paper_eval *e, const char *configuration, const char *x, const char *metric,
		double *out)
{
	struct paper_eval sub = *e;
	int ret;

	if (e->depth == MAX_DEPTH)
		return no(e, "expressions refer to each other");
	sub.configuration = configuration;
	sub.x = x;
	sub.rec = NULL;
	sub.window = sub.numbers = NULL;
	sub.depth++;
	ret = paper_eval_metric(&sub, metric, out);
	e->timed |= sub.timed;
	e->used |= sub.used;
	e->modelled |= sub.modelled;
	e->hardware |= sub.hardware;
	strcpy(e->why, sub.why);
	return ret;
}

/* Of counters that are kept for each guest, their sum. */
static bool counter(const json_t *window, const char *group, const char *key, double *out)
{
	const json_t *list = json_object_get(json_object_get(window, "counters"), group), *one;
	bool any = false;
	size_t i;

	if (!json_is_array(list))
		return table_counter(window, group, key, out);
	*out = 0;
	json_array_foreach(list, i, one) {
		const json_t *v = json_object_get(one, key);

		any |= json_is_number(v);
		*out += json_number_value(v);
	}
	return any;
}

static bool texts(const struct expr_arg *a, size_t n, size_t wanted)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!a[i].text)
			return false;
	return n == wanted;
}

static int call(void *arg, const char *name, const struct expr_arg *a, size_t n, double *out)
{
	struct paper_eval *e = arg;
	int ret;

	if (!strcmp(name, "ours") && texts(a, n, 2))
		return ours(e, a[0].text, e->x, a[1].text, out);
	if (!strcmp(name, "ours") && texts(a, n, 3))
		return ours(e, a[0].text, a[1].text, a[2].text, out);
	if (!strcmp(name, "mine") && texts(a, n, 1))
		return ours(e, e->configuration, e->x, a[0].text, out);
	ret = use_record(e);
	if (ret)
		return ret;
	if (!strcmp(name, "window") && texts(a, n, 1))
		return of_window(e, e->window, e->numbers, a[0].text, out);
	if (!strcmp(name, "other") && texts(a, n, 2))
		return other_window(e, a[0].text, a[1].text, out);
	if (!strcmp(name, "result") && texts(a, n, 1))
		return result(e, a[0].text, out);
	if (!strcmp(name, "counter") && texts(a, n, 2)) {
		e->timed |= is_time(a[1].text);
		return counter(e->window, a[0].text, a[1].text, out) ? 0 :
		       no(e, "the record has no counters.%s.%s", a[0].text, a[1].text);
	}
	return -EINVAL;
}

static const struct paper_metric *metric_of(const struct paper_panel *p, const char *name)
{
	size_t i;

	for (i = 0; p->metrics && i < p->metrics->n; i++)
		if (!strcmp(p->metrics->m[i].name, name))
			return &p->metrics->m[i];
	return NULL;
}

int paper_eval_metric(struct paper_eval *e, const char *metric, double *out)
{
	const struct paper_metric *m = metric_of(e->panel, metric);
	struct expr_env env = { call, e };
	char why[160];
	int ret;

	if (e->item->why)
		return no(e, "%s", e->item->why);
	if (!m || m->why)
		return no(e, "%s", m ? m->why : "nothing says how this is had from a record");
	ret = expr_eval(m->value, &env, out, why, sizeof(why));
	json_decref(e->numbers);
	e->numbers = NULL;
	if (ret == -EINVAL)
		err("%s: %s: %s: %s", e->item->id, metric, m->value, why);
	if (ret == -ENODATA && !*e->why)
		no(e, "nothing to divide by");
	return ret;
}

/* What an expression is checked by: every function there is gives 1. */
static int check_call(void *arg, const char *name, const struct expr_arg *a, size_t n, double *out)
{
	static const struct { const char *name; bool of_record; const char *args; } known[] = {
		{ "ours", true, "tt" }, { "ours", true, "ttt" }, { "mine", true, "t" },
		{ "window", true, "t" }, { "other", true, "tt" }, { "result", true, "t" },
		{ "counter", true, "tt" }, { "v", false, "tttt" }, { "ratio_min", false, "ttttnn" },
		{ "ratio_max", false, "ttttnn" }, { "gap_max", false, "ttttn" },
		{ "mean", false, "ttt" }, { "spread", false, "ttt" },
		{ "highest", false, "tttn" }, { "last_growth", false, "tttn" },
		{ "unsaturated_min", false, "ttttttn" },
	};
	const bool *of_record = arg;
	size_t i, j;

	*out = 1;
	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (known[i].of_record != *of_record || strcmp(known[i].name, name) ||
		    strlen(known[i].args) != n)
			continue;
		for (j = 0; j < n && (known[i].args[j] == 't') == (a[j].text != NULL); j++)
			;
		if (j == n)
			return 0;
	}
	return -EINVAL;
}

int paper_expression_check(const char *text, bool of_record, char *why, size_t n)
{
	struct expr_env env = { check_call, &of_record };
	double out;
	int ret = expr_eval(text, &env, &out, why, n);

	return ret == -EINVAL ? ret : 0;
}
