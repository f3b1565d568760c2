// SPDX-License-Identifier: GPL-2.0
/*
 * Reads run records. They come from other machines and other versions, so everything the rest of
 * analyze/ relies on is checked here, once: after that a field that is needed is there and has its
 * type. What is needed is written as tables; the hard thing is to name the one field that is wrong
 * in a file of thousands of lines.
 */
#include "analyze/record.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SCHEMA		"exitlab-record/1"
#define TRACER_SCHEMA	"exitlab-stat/1"
/* Far more than a record needs; a reader should not be made to hold anything larger. */
#define MAX_BYTES	(64u * 1024 * 1024)

/* From OPT_STRING on a member may be missing or null. */
enum want {
	STRING, COUNT, INTEGER, NUMBER, OBJECT, ARRAY,
	OPT_STRING, OPT_COUNT, OPT_OBJECT, OPT_ARRAY,
};

struct need {
	const char *key;
	enum want want;
};

static const char *const want_name[] = {
	"a text", "a whole number from 0", "a whole number", "a number", "an object", "a list",
	"a text", "a whole number from 0", "an object", "a list",
};

static const struct need record_needs[] = {
	{ "scenario", OBJECT }, { "point", OBJECT }, { "windows", ARRAY },
	{ "time_base", STRING }, { "machine", OPT_OBJECT }, { NULL, 0 },
};
static const struct need scenario_needs[] = {
	{ "name", STRING }, { "title", STRING }, { "sha256", STRING }, { NULL, 0 },
};
static const struct need point_needs[] = {
	{ "id", STRING }, { "configuration", OBJECT }, { "parameters", OBJECT },
	{ "repeat", COUNT }, { "workloads", OPT_ARRAY }, { NULL, 0 },
};
static const struct need config_needs[] = {
	{ "name", STRING }, { "title", STRING }, { "net", STRING }, { NULL, 0 },
};
static const struct need window_needs[] = {
	{ "workload", STRING }, { "tool", STRING }, { "unit", STRING }, { "work", NUMBER },
	{ "duration_ns", COUNT }, { "tracer", OBJECT }, { "result", OPT_OBJECT },
	{ "counters", OPT_OBJECT }, { "checks", OPT_ARRAY }, { NULL, 0 },
};
static const struct need check_needs[] = {
	{ "name", STRING }, { "difference", NUMBER }, { NULL, 0 },
};
static const struct need tracer_needs[] = {
	{ "schema", STRING }, { "vms", ARRAY }, { "ledger", OPT_OBJECT }, { NULL, 0 },
};
static const struct need ledger_needs[] = {
	{ "map_full", OPT_COUNT }, { "recursion_missed", OPT_COUNT }, { NULL, 0 },
};
static const struct need vm_needs[] = {
	{ "vm", STRING }, { "vcpus", ARRAY }, { NULL, 0 },
};
static const struct need vcpu_needs[] = {
	{ "vcpu", COUNT }, { "entries", COUNT }, { "exits", COUNT }, { "guest_ns", COUNT },
	{ "reasons", ARRAY }, { NULL, 0 },
};
static const struct need reason_needs[] = {
	{ "isa", STRING }, { "reason", INTEGER }, { "name", OPT_STRING }, { "count", COUNT },
	{ "timed", COUNT }, { "total_ns", OPT_COUNT }, { "detail", OPT_COUNT },
	{ "detail_name", OPT_STRING }, { NULL, 0 },
};

/* Where a check is: the file, and the path to the object looked at. */
struct where {
	const char *file;
	FILE *err;
	char path[256];
};

static int tell(const struct where *w, const char *key, const char *what)
{
	fprintf(w->err, "%s: %s%s%s: %s\n", w->file, w->path, *w->path && *key ? "." : "", key,
		what);
	return -EINVAL;
}

static int check_object(const struct where *w, const json_t *obj, const struct need *need)
{
	char what[96];

	if (!json_is_object(obj))
		return tell(w, "", "not an object");
	for (; need->key; need++) {
		const json_t *v = json_object_get(obj, need->key);
		bool ok = false;

		if ((!v || json_is_null(v)) && need->want >= OPT_STRING)
			continue;
		switch (need->want) {
		case STRING: case OPT_STRING:
			ok = json_is_string(v);
			break;
		case COUNT: case OPT_COUNT:
			ok = json_is_integer(v) && json_integer_value(v) >= 0;
			break;
		case INTEGER:
			ok = json_is_integer(v);
			break;
		case NUMBER:
			ok = json_is_number(v);
			break;
		case OBJECT: case OPT_OBJECT:
			ok = json_is_object(v);
			break;
		case ARRAY: case OPT_ARRAY:
			ok = json_is_array(v);
			break;
		}
		if (ok)
			continue;
		snprintf(what, sizeof(what), "%s; needed is %s", v ? "wrong type or range"
			 : "missing", want_name[need->want]);
		return tell(w, need->key, what);
	}
	return 0;
}

/* A place further down. */
static struct where below(const struct where *w, const char *key, size_t index)
{
	struct where d = *w;
	size_t len = strlen(d.path);

	snprintf(d.path + len, sizeof(d.path) - len, "%s%s", len ? "." : "", key);
	if (index == SIZE_MAX)
		return d;
	len = strlen(d.path);
	snprintf(d.path + len, sizeof(d.path) - len, "[%zu]", index);
	return d;
}

static int check_vcpu(const struct where *w, const json_t *vcpu)
{
	json_t *reason;
	size_t i;
	int rc = check_object(w, vcpu, vcpu_needs);

	if (rc)
		return rc;
	json_array_foreach(json_object_get(vcpu, "reasons"), i, reason) {
		struct where at = below(w, "reasons", i);

		rc = check_object(&at, reason, reason_needs);
		if (rc)
			return rc;
	}
	return 0;
}

static int check_tracer(const struct where *w, const json_t *tracer)
{
	const json_t *ledger = json_object_get(tracer, "ledger");
	struct where lat = below(w, "ledger", SIZE_MAX);
	json_t *vm, *vcpu;
	size_t i, j;
	int rc = check_object(w, tracer, tracer_needs);

	/* Losses that cannot be read must not pass for none. */
	if (!rc && json_is_object(ledger))
		rc = check_object(&lat, ledger, ledger_needs);

	if (rc)
		return rc;
	if (strcmp(json_string_value(json_object_get(tracer, "schema")), TRACER_SCHEMA))
		return tell(w, "schema", "unknown version; this program reads " TRACER_SCHEMA);
	json_array_foreach(json_object_get(tracer, "vms"), i, vm) {
		struct where at = below(w, "vms", i);

		rc = check_object(&at, vm, vm_needs);
		if (rc)
			return rc;
		json_array_foreach(json_object_get(vm, "vcpus"), j, vcpu) {
			struct where vat = below(&at, "vcpus", j);

			rc = check_vcpu(&vat, vcpu);
			if (rc)
				return rc;
		}
	}
	return 0;
}

static int check_window(const struct where *w, const json_t *window)
{
	struct where at = below(w, "tracer", SIZE_MAX);
	json_t *check;
	size_t i;
	int rc = check_object(w, window, window_needs);

	if (!rc && json_number_value(json_object_get(window, "work")) < 0)
		rc = tell(w, "work", "below 0");
	if (!rc)
		rc = check_tracer(&at, json_object_get(window, "tracer"));
	json_array_foreach(json_object_get(window, "checks"), i, check) {
		struct where cat = below(w, "checks", i);

		if (!rc)
			rc = check_object(&cat, check, check_needs);
	}
	return rc;
}

/* Windows are looked up by name, so that a second of the same name would be overlooked. */
static int check_names(const struct where *w, const json_t *windows)
{
	json_t *window, *seen = json_object();
	size_t i;
	int rc = seen ? 0 : -ENOMEM;

	json_array_foreach(windows, i, window) {
		const char *name = json_string_value(json_object_get(window, "workload"));
		struct where at = below(w, "windows", i);

		if (rc)
			break;
		if (json_object_get(seen, name))
			rc = tell(&at, "workload", "given twice; a workload has one window");
		else if (json_object_set_new(seen, name, json_true()))
			rc = -ENOMEM;
	}
	json_decref(seen);
	return rc;
}

static int check_record(struct where *w, const json_t *root)
{
	const json_t *schema = json_object_get(root, "schema"), *point, *window;
	struct where at;
	size_t i;
	int rc;

	if (!json_is_object(root) || !json_is_string(schema))
		return tell(w, "schema", "missing; not a run record (" SCHEMA ")");
	if (strcmp(json_string_value(schema), SCHEMA))
		return tell(w, "schema", "unknown version; this program reads " SCHEMA);
	if (!json_is_true(json_object_get(root, "complete")))
		return tell(w, "complete", "not true; the run did not end");
	rc = check_object(w, root, record_needs);
	if (rc)
		return rc;
	at = below(w, "scenario", SIZE_MAX);
	rc = check_object(&at, json_object_get(root, "scenario"), scenario_needs);
	if (rc)
		return rc;
	point = json_object_get(root, "point");
	at = below(w, "point", SIZE_MAX);
	rc = check_object(&at, point, point_needs);
	if (rc)
		return rc;
	at = below(&at, "configuration", SIZE_MAX);
	rc = check_object(&at, json_object_get(point, "configuration"), config_needs);
	json_array_foreach(json_object_get(root, "windows"), i, window) {
		at = below(w, "windows", i);
		if (!rc)
			rc = check_window(&at, window);
	}
	return rc ? rc : check_names(w, json_object_get(root, "windows"));
}

static const char *text_of(const json_t *obj, const char *key)
{
	return json_string_value(json_object_get(obj, key));
}

static void fill(struct record *r)
{
	json_t *scenario = json_object_get(r->root, "scenario"), *config;

	r->scenario = text_of(scenario, "name");
	r->title = text_of(scenario, "title");
	r->sha256 = text_of(scenario, "sha256");
	r->point = json_object_get(r->root, "point");
	r->id = text_of(r->point, "id");
	config = json_object_get(r->point, "configuration");
	r->config = text_of(config, "name");
	r->config_title = text_of(config, "title");
	r->net = text_of(config, "net");
	r->repeat = json_integer_value(json_object_get(r->point, "repeat"));
	r->parameters = json_object_get(r->point, "parameters");
	r->windows = json_object_get(r->root, "windows");
}

int records_add_text(struct records *rs, const char *path, const char *text, size_t len, FILE *err)
{
	struct where w = { .file = path, .err = err };
	struct record *list, r = { 0 };
	json_error_t e;
	int rc = -EINVAL;

	r.root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &e);
	if (!r.root) {
		fprintf(err, "%s: %s JSON, line %d: %s\n", path,
			json_error_code(&e) == json_error_premature_end_of_input ? "truncated"
			: "not", e.line, e.text);
		goto bad;
	}
	rc = check_record(&w, r.root);
	if (rc)
		goto bad;
	r.path = strdup(path);
	list = realloc(rs->list, (rs->n + 1) * sizeof(*list));
	if (list)
		rs->list = list;
	if (!list || !r.path) {
		free(r.path);
		json_decref(r.root);
		return -ENOMEM;
	}
	fill(&r);
	list[rs->n++] = r;
	return 0;
bad:
	json_decref(r.root);
	rs->bad++;
	return rc;
}

static int bad_file(struct records *rs, const char *path, const char *why, FILE *err)
{
	fprintf(err, "%s: %s\n", path, why);
	rs->bad++;
	return 0;
}

static int add_file(struct records *rs, const char *path, size_t size, FILE *err)
{
	char *text;
	size_t n;
	FILE *f;
	int rc;

	if (size > MAX_BYTES)
		return bad_file(rs, path, "too large for a run record (64 MiB)", err);
	f = fopen(path, "re");
	if (!f)
		return bad_file(rs, path, strerror(errno), err);
	text = malloc(size + 1);
	if (!text) {
		fclose(f);
		return -ENOMEM;
	}
	n = fread(text, 1, size, f);
	if (ferror(f))
		rc = bad_file(rs, path, "cannot be read", err);
	else if (!n)
		rc = bad_file(rs, path, "empty; not a run record", err);
	else
		rc = records_add_text(rs, path, text, n, err);
	fclose(f);
	free(text);
	return rc == -EINVAL ? 0 : rc;
}

static int is_record_name(const struct dirent *d)
{
	size_t len = strlen(d->d_name);

	/* What `exitlab run` keeps beside the records of the last run. */
	if (d->d_name[0] == '.' || !strcmp(d->d_name, "previous") || !strcmp(d->d_name, "logs"))
		return 0;
	return d->d_type == DT_DIR || d->d_type == DT_UNKNOWN || d->d_type == DT_LNK ||
	       (len > 5 && !strcmp(d->d_name + len - 5, ".json"));
}

/* Folders at most this deep: results/SCENARIO/POINT.json needs two. */
#define MAX_DEPTH 3

static int add_path(struct records *rs, const char *path, int depth, FILE *err)
{
	struct dirent **names;
	size_t len = strlen(path);
	struct stat st;
	int i, n, rc = 0;

	if (stat(path, &st))
		return bad_file(rs, path, strerror(errno), err);
	if (!S_ISDIR(st.st_mode)) {
		if (depth && (len < 5 || strcmp(path + len - 5, ".json")))
			return 0;
		if (!S_ISREG(st.st_mode))
			return bad_file(rs, path, "neither a file nor a folder", err);
		return add_file(rs, path, st.st_size, err);
	}
	if (depth == MAX_DEPTH)
		return 0;
	n = scandir(path, &names, is_record_name, alphasort);
	if (n < 0)
		return bad_file(rs, path, strerror(errno), err);
	for (i = 0; i < n; i++) {
		char *sub = malloc(len + strlen(names[i]->d_name) + 2);

		if (!sub)
			rc = -ENOMEM;
		else
			sprintf(sub, "%s/%s", path, names[i]->d_name);
		if (!rc)
			rc = add_path(rs, sub, depth + 1, err);
		free(sub);
		free(names[i]);
	}
	free(names);
	return rc;
}

int records_add(struct records *rs, const char *path, FILE *err)
{
	size_t before = rs->n + rs->bad;
	int rc = add_path(rs, path, 0, err);

	if (!rc && rs->n + rs->bad == before)
		bad_file(rs, path, "no run records (*.json) in this folder", err);
	return rc;
}

/* From the longest way of a packet to the shortest, as papers list them. */
static int net_order(const char *net)
{
	static const char *const nets[] = { "none", "virtio-user", "virtio-vhost", "vf" };
	int i;

	for (i = 0; i < 4 && strcmp(net, nets[i]); i++)
		;
	return i;
}

static int by_parameters(const struct record *a, const struct record *b)
{
	const char *key;
	json_t *x;

	json_object_foreach(a->parameters, key, x) {
		json_t *y = json_object_get(b->parameters, key);
		double u = json_number_value(x), v = json_number_value(y);
		int d = json_is_string(x) && json_is_string(y) ?
			strcmp(json_string_value(x), json_string_value(y)) : 0;

		if (d || u != v)
			return d ? d : u < v ? -1 : 1;
	}
	return 0;
}

static int by_place(const void *pa, const void *pb)
{
	const struct record *a = pa, *b = pb;
	int d = strcmp(a->scenario, b->scenario);

	if (!d)
		d = net_order(a->net) - net_order(b->net);
	if (!d)
		d = strcmp(a->config, b->config);
	if (!d)
		d = by_parameters(a, b);
	if (!d)
		d = a->repeat - b->repeat;
	return d ? d : strcmp(a->path, b->path);
}

void records_sort(struct records *rs)
{
	if (rs->n)
		qsort(rs->list, rs->n, sizeof(*rs->list), by_place);
}

void records_free(struct records *rs)
{
	size_t i;

	for (i = 0; i < rs->n; i++) {
		free(rs->list[i].path);
		json_decref(rs->list[i].root);
	}
	free(rs->list);
	*rs = (struct records){ 0 };
}

json_t *record_window(const struct record *r, const char *workload)
{
	json_t *w;
	size_t i;

	json_array_foreach(r->windows, i, w) {
		if (!strcmp(text_of(w, "workload"), workload))
			return w;
	}
	return NULL;
}

const char *record_parameter(const json_t *value, char *buf, size_t n)
{
	if (json_is_string(value))
		snprintf(buf, n, "%s", json_string_value(value));
	else
		snprintf(buf, n, "%.12g", json_number_value(value));
	return buf;
}

const char *record_parameters(const struct record *r, char *buf, size_t n)
{
	const char *key;
	char text[64];
	size_t used = 0;
	json_t *v;

	buf[0] = '\0';
	json_object_foreach(r->parameters, key, v) {
		if (used >= n)
			break;
		used += snprintf(buf + used, n - used, "%s%s=%s", used ? ";" : "", key,
				 record_parameter(v, text, sizeof(text)));
	}
	return buf;
}

const char *record_time_label(const struct record *r)
{
	const char *backend = text_of(r->root, "backend"), *mode = text_of(r->point, "mode");

	if (!backend || strcmp(backend, "emulated") || !mode)
		return text_of(r->root, "time_base");
	/* Which costs is in the record, and at the columns where they are swept. */
	if (!strcmp(mode, "timed"))
		return "emulated testbed, modelled time (counted instructions and published costs)";
	return strcmp(mode, "counts") ? "emulated testbed, time neither repeatable nor real"
				      : "emulated testbed, instruction-counted time";
}
