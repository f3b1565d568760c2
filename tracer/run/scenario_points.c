// SPDX-License-Identifier: GPL-2.0
/*
 * Sweeps, and the points they make. A swept key is the dotted path of a number ("host.cpus",
 * "workloads.rr.requests"); it is found through the same tables that read the file, so that
 * whatever is a number there can be swept, within the same range.
 */
#include "run/scenario_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct sc_field *find_number(const struct sc_field *fields, const char *key,
					  unsigned tools)
{
	for (; fields->key; fields++) {
		if (!strcmp(fields->key, key) && fields->type <= SC_U64 &&
		    (!fields->tools || (fields->tools & tools)))
			return fields;
	}
	return NULL;
}

const struct sc_field *sc_resolve(const char *key, struct sc_host *host, struct sc_guests *guests,
				  struct sc_workload *workloads, size_t nr_workloads,
				  void **base)
{
	const char *dot;
	size_t i, len;

	*base = NULL;
	if (!strncmp(key, "host.", 5)) {
		*base = host;
		return find_number(sc_host_fields, key + 5, 0);
	}
	if (!strncmp(key, "guests.", 7)) {
		*base = guests;
		return find_number(sc_guests_fields, key + 7, 0);
	}
	if (strncmp(key, "workloads.", 10))
		return NULL;
	key += 10;
	dot = strchr(key, '.');
	if (!dot)
		return NULL;
	len = dot - key;
	for (i = 0; i < nr_workloads; i++) {
		struct sc_workload *w = &workloads[i];

		if (!w->name || strlen(w->name) != len || strncmp(w->name, key, len))
			continue;
		*base = w;
		return find_number(sc_workload_fields, dot + 1, 1u << w->tool);
	}
	return NULL;
}

static bool read_axis(struct sc_reader *rd, const struct yt_entry *e, struct sc_axis *axis)
{
	const struct yt_node *node = e->value;
	struct scenario *sc = rd->sc;
	const struct sc_field *f;
	char key[80];
	void *base;
	size_t i, j;

	snprintf(key, sizeof(key), "sweep.%s", sc_quote(e->key).s);
	f = sc_resolve(e->key, &sc->host, &sc->guests, sc->workloads, sc->nr_workloads, &base);
	if (!f) {
		sc_problem(&rd->pb, e->line, "%s: %s; host.KEY, guests.KEY or workloads.NAME.KEY "
			   "of a number", key, base ? "there is no such number there"
						    : "no setting of this scenario");
		return false;
	}
	if (node->kind != YT_LIST || !node->n) {
		sc_problem(&rd->pb, e->line, "%s: is %s; needed is a list of numbers such as "
			   "[1, 2, 4]", key,
			   node->kind == YT_LIST ? "an empty list" : yt_what(node));
		return false;
	}
	axis->key = strdup(e->key);
	axis->values = calloc(node->n, sizeof(*axis->values));
	if (!axis->key || !axis->values) {
		rd->pb.nomem = true;
		return false;
	}
	for (i = 0; i < node->n; i++) {
		uint64_t v;

		if (!sc_read_number(rd, node->entries[i].value, node->entries[i].line, f, key, &v))
			continue;
		for (j = 0; j < axis->n && axis->values[j] != v; j++)
			;
		if (j < axis->n) {
			sc_problem(&rd->pb, node->entries[i].line, "%s: %llu is given twice; each "
				   "value once (see repeat)", key, (unsigned long long)v);
			continue;
		}
		axis->values[axis->n++] = v;
	}
	return true;
}

void sc_read_sweep(struct sc_reader *rd, const struct yt_node *node, int line)
{
	struct scenario *sc = rd->sc;
	size_t i;

	if (node->kind != YT_MAP) {
		sc_problem(&rd->pb, line, "sweep: is %s; needed is a mapping such as "
			   "{ host.cpus: [2, 4] }", yt_what(node));
		return;
	}
	if (node->n > SC_MAX_AXES) {
		sc_problem(&rd->pb, line, "sweep: %zu keys are too many; at most %d", node->n,
			   SC_MAX_AXES);
		return;
	}
	if (!node->n)
		return;
	sc->sweep = calloc(node->n, sizeof(*sc->sweep));
	if (!sc->sweep) {
		rd->pb.nomem = true;
		return;
	}
	for (i = 0; i < node->n; i++) {
		/* Counted before it is read: what a failed one holds is freed with the rest. */
		sc->nr_axes++;
		read_axis(rd, &node->entries[i], &sc->sweep[i]);
	}
}

/* Puts the values of combination @index into the point. The last axis varies fastest. */
static int set_axes(const struct scenario *sc, struct sc_point *pt, size_t index, char *id,
		    size_t room)
{
	size_t value[SC_MAX_AXES], used = strlen(id), i;

	for (i = sc->nr_axes; i-- > 0;) {
		value[i] = index % sc->sweep[i].n;
		index /= sc->sweep[i].n;
	}
	for (i = 0; i < sc->nr_axes; i++) {
		const struct sc_axis *axis = &sc->sweep[i];
		uint64_t v = axis->values[value[i]];
		const struct sc_field *f;
		void *base;

		f = sc_resolve(axis->key, &pt->host, &pt->guests, pt->workloads, pt->nr_workloads,
			       &base);
		if (!f)
			return -EINVAL;
		sc_field_set(f, base, v);
		if (json_object_set_new(pt->parameters, axis->key, json_integer(v)))
			return -ENOMEM;
		used += snprintf(id + used, room - used, ",%s=%llu", axis->key,
				 (unsigned long long)v);
	}
	return 0;
}

static int make_point(const struct scenario *sc, const struct sc_config *config, size_t combination,
		      int repeat, struct sc_point *pt)
{
	char id[256];
	int rc;

	*pt = (struct sc_point){
		.config = config,
		.repeat = repeat,
		.parameters = json_object(),
		.host = sc->host,
		.guests = sc->guests,
		.workloads = calloc(sc->nr_workloads, sizeof(*pt->workloads)),
		.nr_workloads = sc->nr_workloads,
	};
	if (!pt->parameters || !pt->workloads)
		return -ENOMEM;
	memcpy(pt->workloads, sc->workloads, sc->nr_workloads * sizeof(*pt->workloads));
	snprintf(id, sizeof(id), "%s", config->name);
	rc = set_axes(sc, pt, combination, id, sizeof(id));
	if (rc)
		return rc;
	/* The first has no number: more repeats later do not rename it. */
	if (repeat > 1)
		snprintf(id + strlen(id), sizeof(id) - strlen(id), "#%d", repeat);
	pt->id = strdup(id);
	return pt->id ? 0 : -ENOMEM;
}

int scenario_points(const struct scenario *sc, struct sc_point **out, size_t *n)
{
	size_t combinations = 1, i, c, made = 0;
	struct sc_point *points;
	int r, rc;

	for (i = 0; i < sc->nr_axes; i++)
		combinations *= sc->sweep[i].n;
	points = calloc(sc->nr_configs * combinations * sc->repeat, sizeof(*points));
	if (!points)
		return -ENOMEM;
	for (i = 0; i < sc->nr_configs; i++) {
		for (c = 0; c < combinations; c++) {
			for (r = 1; r <= sc->repeat; r++) {
				rc = make_point(sc, &sc->configs[i], c, r, &points[made++]);
				if (rc) {
					scenario_points_free(points, made);
					return rc;
				}
			}
		}
	}
	*out = points;
	*n = made;
	return 0;
}

void scenario_points_free(struct sc_point *points, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		free(points[i].id);
		free(points[i].workloads);
		json_decref(points[i].parameters);
	}
	free(points);
}
