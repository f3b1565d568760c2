// SPDX-License-Identifier: GPL-2.0
/*
 * From records to a baseline, and one baseline into another. The hard thing is to know when
 * records belong together: counts depend on the kernel, the emulator, the modules and on every
 * setting of a point, and an average over runs that differ in one of them is a number of nothing.
 * So everything but the counts has to be equal, and the first field that is not is named.
 */
#include "analyze/baseline.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/facts.h"
#include "analyze/numbers.h"
#include "run/scenario_msg.h"

/* What the reader of YAML takes in one place, and so what may be written there. */
#define MAX_ITEMS 1000

static const char *const common_machine[] = {
	"testbed", "kernel", "kernel_version", "vmm", "emulator", "emulation", NULL
};
/* Measured rather than set, or words that may change without changing a count. */
static const char *const machine_skip[] = {
	"guest_boot_ns", "costs.title", "costs.file", "costs.sha256", NULL
};
static const char *const point_skip[] = {
	"id", "repeat", "mode", "parameters", "workloads", "configuration.title", NULL
};
static const char *const workload_skip[] = { "name", "title", NULL };

bool baseline_is_common(const char *fact)
{
	const char *const *c;

	for (c = common_machine; *c; c++) {
		if (!strcmp(*c, fact))
			return true;
	}
	return !strncmp(fact, "parts.", 6);
}

bool baseline_is_module(const char *fact)
{
	size_t len = strcspn(fact, ".");

	return (len == 3 && !strncmp(fact, "kvm", 3)) ||
	       (len == 7 && !strncmp(fact, "kvm_amd", 7)) ||
	       (len == 9 && !strncmp(fact, "kvm_intel", 9));
}

/* What is being made, and where its problems go. */
struct maker {
	json_t *baseline;
	FILE *err;
	const struct record *rec;
};

static int tell(const struct maker *m, const char *field, const char *what)
{
	fprintf(m->err, "%s: %s: %s\n", m->rec->path, field, what);
	return -EINVAL;
}

static const char *string_of(const json_t *obj, const char *key)
{
	return json_string_value(json_object_get(obj, key));
}

/* 0 if equal; else told: FILE: FIELD: X, but Y in OTHER FILE. */
static int same_facts(FILE *err, const char *what, const char *path, const json_t *mine,
		      const char *other_path, const json_t *other)
{
	const char *key = facts_first_difference(mine, other);

	if (!key)
		return 0;
	fprintf(err, "%s: %s%s: %s here, but %s in %s; a baseline is of records that agree in it\n",
		path, what, sc_quote(key).s, sc_quote(facts_text(mine, key)).s,
		sc_quote(facts_text(other, key)).s, other_path);
	return -EINVAL;
}

static int flatten(const struct maker *m, json_t *facts, const char *field, const json_t *obj,
		   const char *const *skip)
{
	char why[256], what[320];
	int rc = facts_flatten(facts, obj, skip, why, sizeof(why));

	if (rc != -EINVAL)
		return rc;
	snprintf(what, sizeof(what), "%s", why);
	for (char *c = what; *c; c++)
		*c = (unsigned char)*c < 0x20 ? '?' : *c;
	return tell(m, field, what);
}

/* Moves what all points share out of the machine's facts. */
static int split_common(const struct maker *m, json_t *machine, json_t *common)
{
	const char *backend = string_of(m->rec->root, "backend");
	const char *mode = string_of(m->rec->point, "mode"), *key;
	json_t *v;
	void *next;
	int rc = 0;

	json_object_foreach_safe(machine, next, key, v) {
		if (!baseline_is_common(key))
			continue;
		rc |= json_object_set(common, key, v);
		rc |= json_object_del(machine, key);
	}
	rc |= json_object_set_new(common, "backend", json_string(backend ? backend : "unknown"));
	rc |= json_object_set_new(common, "mode", json_string(mode ? mode : "none"));
	rc |= json_object_set(common, "time_base", json_object_get(m->rec->root, "time_base"));
	return rc ? -ENOMEM : 0;
}

/* The settings that the point has for a workload. */
static json_t *asked_for(const struct record *r, const char *workload)
{
	json_t *w;
	size_t i;

	json_array_foreach(json_object_get(r->point, "workloads"), i, w) {
		const char *name = string_of(w, "name");

		if (name && !strcmp(name, workload))
			return w;
	}
	return NULL;
}

/* Appends one run's numbers; a reason that a run has not is 0 in it. */
static int append_numbers(json_t *all, const json_t *numbers, size_t before)
{
	const char *key;
	json_t *v, *list;
	size_t i;
	int rc = 0;

	json_object_foreach((json_t *)numbers, key, v) {
		if (json_object_get(all, key))
			continue;
		list = json_array();
		for (i = 0; i < before; i++)
			rc |= json_array_append_new(list, json_integer(0));
		rc |= json_object_set_new(all, key, list);
	}
	json_object_foreach(all, key, list) {
		v = json_object_get(numbers, key);
		if (json_is_string(v) && json_is_array(list))
			rc |= json_object_set(all, key, v);
		else if (json_is_array(list))
			rc |= json_array_append_new(list, json_integer(json_integer_value(v)));
	}
	return rc ? -ENOMEM : 0;
}

static int new_workload(const struct maker *m, const json_t *window, json_t **out)
{
	const char *name = string_of(window, "workload"), *unit = string_of(window, "unit");
	int rc;

	if (strlen(name) >= FACT_KEY_MAX || strlen(unit) >= FACT_KEY_MAX)
		return tell(m, "windows.workload", "a name or unit longer than 199 bytes");
	*out = json_pack("{s:{}, s:s, s:[], s:{}}", "settings", "unit", unit, "work", "numbers");
	if (!*out)
		return -ENOMEM;
	rc = flatten(m, json_object_get(*out, "settings"), "point.workloads",
		     asked_for(m->rec, name), workload_skip);
	if (rc)
		json_decref(*out);
	return rc;
}

/* Adds a window to the workload of its name, made for it or of an earlier repeat. */
static int add_window(const struct maker *m, json_t *point, const json_t *window, bool first)
{
	json_t *loads = json_object_get(point, "workloads"), *mine, *load, *numbers;
	const char *name = string_of(window, "workload"), *from = string_of(point, "from");
	double work = json_number_value(json_object_get(window, "work"));
	char why[320], field[FACT_KEY_MAX + 32];
	size_t before;
	int rc = new_workload(m, window, &mine);

	if (rc)
		return rc;
	snprintf(field, sizeof(field), "workload %s", sc_quote(name).s);
	load = json_object_get(loads, name);
	if (!load && !first)
		rc = tell(m, field, "another repeat of the point has no such workload");
	else if (load && strcmp(string_of(load, "unit"), string_of(mine, "unit")))
		rc = tell(m, field, "the unit of work is not that of another repeat of the point");
	else if (load)
		rc = same_facts(m->err, "point.workloads.", m->rec->path,
				json_object_get(mine, "settings"), from,
				json_object_get(load, "settings"));
	else if (json_object_set(loads, name, mine))
		rc = -ENOMEM;
	load = json_object_get(loads, name);
	if (!rc && !(work > 0))
		rc = tell(m, field, "no work was done, so there is nothing to count exits per");
	if (!rc && (work < BASELINE_WORK_MIN || work > BASELINE_WORK_MAX))
		rc = tell(m, field, "work is not from 1e-9 to 1e18; no run does that");
	json_decref(mine);
	if (rc)
		return rc;
	rc = numbers_of_window(window, &numbers, why, sizeof(why));
	if (rc)
		return rc == -EINVAL ? tell(m, field, why) : rc;
	before = json_array_size(json_object_get(load, "work"));
	rc = append_numbers(json_object_get(load, "numbers"), numbers, before);
	json_decref(numbers);
	if (!rc && json_array_append_new(json_object_get(load, "work"), json_real(work)))
		rc = -ENOMEM;
	if (!rc && json_object_size(json_object_get(load, "numbers")) > MAX_ITEMS)
		rc = tell(m, field, "more than 1000 different exit reasons");
	return rc;
}

/* The point's name without "#2": repeats of a point are one point here. */
static int point_name(const struct maker *m, char *buf, size_t n)
{
	char end[24];
	size_t len = strlen(m->rec->id), cut;

	if (len >= n || !len)
		return tell(m, "point.id", "empty, or longer than 199 bytes");
	strcpy(buf, m->rec->id);
	snprintf(end, sizeof(end), "#%d", m->rec->repeat);
	cut = strlen(end);
	if (m->rec->repeat > 1 && len > cut && !strcmp(buf + len - cut, end))
		buf[len - cut] = '\0';
	return 0;
}

/* Is this repeat here already? Remembered in the point until the baseline is complete. */
static int note_repeat(const struct maker *m, json_t *point)
{
	json_t *repeats = json_object_get(point, "repeats");
	char number[24], what[400];

	snprintf(number, sizeof(number), "%d", m->rec->repeat);
	if (json_object_get(repeats, number)) {
		snprintf(what, sizeof(what), "%.60s is in %.200s already; give each repeat of a point once",
			 number, string_of(repeats, number));
		return tell(m, "point.repeat", what);
	}
	if (json_object_size(repeats) == BASELINE_MAX_REPEATS)
		return tell(m, "point.repeat", "more than 1000 repeats of a point");
	return json_object_set_new(repeats, number, json_string_nocheck(m->rec->path)) ?
	       -ENOMEM : 0;
}

/* Takes the facts of a record as those of its point, or compares them. */
static int add_point(const struct maker *m, json_t *machine, json_t *settings, json_t **point)
{
	json_t *points = json_object_get(m->baseline, "points");
	char name[FACT_KEY_MAX];
	int rc = point_name(m, name, sizeof(name));

	if (rc)
		return rc;
	*point = json_object_get(points, name);
	if (*point) {
		rc = same_facts(m->err, "machine.", m->rec->path, machine,
				string_of(*point, "from"), json_object_get(*point, "machine"));
		return rc ? rc : same_facts(m->err, "point.", m->rec->path, settings,
			string_of(*point, "from"), json_object_get(*point, "settings"));
	}
	if (json_object_size(points) == MAX_ITEMS)
		return tell(m, "point.id", "more than 1000 points");
	*point = json_pack("{s:o, s:O, s:O, s:{}, s:{}}", "from",
			   json_string_nocheck(m->rec->path), "machine", machine, "settings",
			   settings, "repeats", "workloads");
	return *point && !json_object_set_new_nocheck(points, name, *point) ? 0 : -ENOMEM;
}

static int add_windows(const struct maker *m, json_t *point)
{
	json_t *loads = json_object_get(point, "workloads"), *window;
	bool first = json_object_size(json_object_get(point, "repeats")) == 1;
	size_t i;
	int rc;

	if (!json_array_size(m->rec->windows) || json_array_size(m->rec->windows) > MAX_ITEMS)
		return tell(m, "windows", "none, or more than 1000; nothing to judge");
	json_array_foreach(m->rec->windows, i, window) {
		rc = add_window(m, point, window, first);
		if (rc)
			return rc;
	}
	if (i != json_object_size(loads))
		return tell(m, "windows", "a workload that another repeat of the point has is missing");
	return 0;
}

static int add_record(struct maker *m)
{
	json_t *machine = json_object(), *settings = json_object(), *common = json_object();
	json_t *all = json_object_get(m->baseline, "common"), *point;
	int rc = machine && settings && common ? 0 : -ENOMEM;

	if (!rc)
		rc = flatten(m, machine, "machine", json_object_get(m->rec->root, "machine"),
			     machine_skip);
	if (!rc)
		rc = flatten(m, settings, "point", m->rec->point, point_skip);
	if (!rc)
		rc = split_common(m, machine, common);
	if (!rc && json_object_size(all))
		rc = same_facts(m->err, "", m->rec->path, common, string_of(m->baseline, "from"),
				all);
	else if (!rc && json_object_update(all, common))
		rc = -ENOMEM;
	if (!rc)
		rc = add_point(m, machine, settings, &point);
	if (!rc)
		rc = note_repeat(m, point);
	if (!rc)
		rc = add_windows(m, point);
	json_decref(machine);
	json_decref(settings);
	json_decref(common);
	return rc;
}

int baseline_of_records(const struct records *rs, FILE *err, json_t **out)
{
	struct maker m = { .err = err };
	const char *key;
	json_t *point;
	size_t i;
	int rc = 0;

	/* A path may be any bytes. */
	m.baseline = json_pack("{s:o, s:s, s:{}, s:{}}", "from",
			       json_string_nocheck(rs->n ? rs->list[0].path : ""),
			       "scenario", rs->n ? rs->list[0].scenario : "", "common", "points");
	if (!m.baseline)
		return -ENOMEM;
	for (i = 0; i < rs->n && !rc; i++) {
		m.rec = &rs->list[i];
		if (!strcmp(m.rec->scenario, rs->list[0].scenario)) {
			rc = add_record(&m);
			continue;
		}
		fprintf(err, "%s: scenario.name: %s here, but %s in %s; give records of one scenario\n",
			m.rec->path, sc_quote(m.rec->scenario).s,
			sc_quote(rs->list[0].scenario).s, rs->list[0].path);
		rc = -EINVAL;
	}
	json_object_foreach(json_object_get(m.baseline, "points"), key, point)
		json_object_del(point, "repeats");
	if (rc)
		json_decref(m.baseline);
	else
		*out = m.baseline;
	return rc;
}

double baseline_sum(const json_t *workload, const char *key)
{
	const json_t *list = json_object_get(workload, "work");
	double sum = 0;
	json_t *v;
	size_t i;

	if (key)
		list = json_object_get(json_object_get(workload, "numbers"), key);
	json_array_foreach(list, i, v)
		sum += json_number_value(v);
	return sum;
}

const char *rate_text(double v, char *buf, size_t n)
{
	double a = fabs(v);

	if (a == 0)
		snprintf(buf, n, "0");
	else if (a < 0.0995 || a >= 1e10)
		snprintf(buf, n, "%.3g", v);
	else if (a < 10)
		snprintf(buf, n, "%.3f", v);
	else
		snprintf(buf, n, "%.*f", a < 100 ? 2 : a < 10000 ? 1 : 0, v);
	return buf;
}
