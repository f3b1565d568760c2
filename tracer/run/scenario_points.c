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

bool sc_is_outer(const char *key)
{
	return !strcmp(key, "costs") || !strncmp(key, "link.", 5);
}

const struct sc_field *sc_resolve(const char *key, const struct sc_places *in, void **base)
{
	const char *dot;
	size_t i, len;

	*base = NULL;
	if (!strncmp(key, "host.", 5)) {
		*base = in->host;
		return find_number(sc_host_fields, key + 5, 0);
	}
	if (!strncmp(key, "link.", 5)) {
		*base = in->link;
		return find_number(sc_link_fields, key + 5, 0);
	}
	if (!strncmp(key, "guests.", 7)) {
		*base = in->guests;
		return find_number(sc_guests_fields, key + 7, 0);
	}
	if (strncmp(key, "workloads.", 10))
		return NULL;
	key += 10;
	dot = strchr(key, '.');
	if (!dot)
		return NULL;
	len = dot - key;
	for (i = 0; i < in->nr_workloads; i++) {
		struct sc_workload *w = &in->workloads[i];

		if (!w->name || strlen(w->name) != len || strncmp(w->name, key, len))
			continue;
		*base = w;
		return find_number(sc_workload_fields, dot + 1, 1u << w->tool);
	}
	return NULL;
}

static bool is_list(struct sc_reader *rd, const struct yt_node *node, int line, const char *key,
		    const char *want)
{
	if (node->kind == YT_LIST && node->n)
		return true;
	sc_problem(&rd->pb, line, "%s: is %s; needed is %s", key,
		   node->kind == YT_LIST ? "an empty list" : yt_what(node), want);
	return false;
}

/* "costs": its values are references, and points are named after their labels. */
static bool read_costs_axis(struct sc_reader *rd, const struct yt_entry *e, struct sc_axis *axis)
{
	const struct yt_node *node = e->value;
	struct costs_ref ref, other;
	size_t i, j;

	if (!is_list(rd, node, e->line, "sweep.costs", "a list of cost sets such as [epyc, epyc@low]"))
		return false;
	axis->key = strdup(e->key);
	axis->texts = calloc(node->n, sizeof(*axis->texts));
	if (!axis->key || !axis->texts) {
		rd->pb.nomem = true;
		return false;
	}
	for (i = 0; i < node->n; i++) {
		const struct yt_node *v = node->entries[i].value;
		char *text;

		if (!sc_read_costs(rd, v, node->entries[i].line, "sweep.costs", &text))
			continue;
		costs_ref_parse(text, &ref);
		for (j = 0; j < axis->n; j++) {
			costs_ref_parse(axis->texts[j], &other);
			if (!strcmp(other.label, ref.label))
				break;
		}
		if (j < axis->n) {
			sc_problem(&rd->pb, node->entries[i].line, "sweep.costs: %s is given twice; "
				   "each name once (see repeat)", ref.label);
			free(text);
			continue;
		}
		axis->texts[axis->n++] = text;
	}
	return true;
}

static bool read_axis(struct sc_reader *rd, const struct yt_entry *e, struct sc_axis *axis)
{
	const struct yt_node *node = e->value;
	struct scenario *sc = rd->sc;
	const struct sc_field *f;
	char key[80];
	void *base;
	size_t i, j;

	if (!strcmp(e->key, "costs"))
		return read_costs_axis(rd, e, axis);
	snprintf(key, sizeof(key), "sweep.%s", sc_quote(e->key).s);
	f = sc_resolve(e->key, &SC_PLACES(sc), &base);
	if (!f) {
		sc_problem(&rd->pb, e->line, "%s: %s; host.KEY, link.KEY, guests.KEY or "
			   "workloads.NAME.KEY of a number, or costs", key, base ? "there is no such number there"
						    : "no setting of this scenario");
		return false;
	}
	if (!is_list(rd, node, e->line, key, "a list of numbers such as [1, 2, 4]"))
		return false;
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

/* Adds ",KEY=VALUE" to the names that tell of the key. */
static void add_name(const char *key, const char *value, char *id, char *inner, size_t room)
{
	size_t used = strlen(id);

	snprintf(id + used, room - used, ",%s=%s", key, value);
	used = strlen(inner);
	if (!sc_is_outer(key))
		snprintf(inner + used, room - used, ",%s=%s", key, value);
}

static int add_parameter(struct sc_point *pt, const char *key, json_t *value)
{
	int ret = json_object_set(pt->parameters, key, value);

	if (!ret && !sc_is_outer(key))
		ret = json_object_set(pt->inner_parameters, key, value);
	json_decref(value);
	return ret ? -ENOMEM : 0;
}

/* Puts the values of combination @index into the point. The last axis varies fastest. */
static int set_axes(const struct scenario *sc, struct sc_point *pt, size_t index, char *id,
		    char *inner, size_t room)
{
	size_t value[SC_MAX_AXES], i;
	int ret = 0;

	for (i = sc->nr_axes; i-- > 0;) {
		value[i] = index % sc->sweep[i].n;
		index /= sc->sweep[i].n;
	}
	for (i = 0; !ret && i < sc->nr_axes; i++) {
		const struct sc_axis *axis = &sc->sweep[i];
		const struct sc_field *f;
		struct costs_ref ref;
		char text[24];
		void *base;

		if (axis->texts) {
			pt->costs = axis->texts[value[i]];
			if (costs_ref_parse(pt->costs, &ref))
				return -EINVAL;
			add_name(axis->key, ref.label, id, inner, room);
			ret = add_parameter(pt, axis->key, json_string(pt->costs));
			continue;
		}
		f = sc_resolve(axis->key, &SC_PLACES(pt), &base);
		if (!f)
			return -EINVAL;
		sc_field_set(f, base, axis->values[value[i]]);
		snprintf(text, sizeof(text), "%llu", (unsigned long long)axis->values[value[i]]);
		add_name(axis->key, text, id, inner, room);
		ret = add_parameter(pt, axis->key,
				    json_integer((json_int_t)axis->values[value[i]]));
	}
	return ret;
}

static int make_point(const struct scenario *sc, const struct sc_config *config, size_t combination,
		      int repeat, struct sc_point *pt)
{
	char id[256], inner[256];
	int rc;

	*pt = (struct sc_point){
		.config = config,
		.repeat = repeat,
		.parameters = json_object(),
		.inner_parameters = json_object(),
		.costs = sc->costs,
		.host = sc->host,
		.link = sc->link,
		.guests = sc->guests,
		.workloads = calloc(sc->nr_workloads, sizeof(*pt->workloads)),
		.nr_workloads = sc->nr_workloads,
	};
	if (!pt->parameters || !pt->inner_parameters || !pt->workloads)
		return -ENOMEM;
	memcpy(pt->workloads, sc->workloads, sc->nr_workloads * sizeof(*pt->workloads));
	/* A virtio device does not hold interrupts back. */
	if (config->net != SC_NET_VF)
		pt->guests.coalesce_us = 0;
	snprintf(id, sizeof(id), "%s", config->name);
	snprintf(inner, sizeof(inner), "%s", config->name);
	rc = set_axes(sc, pt, combination, id, inner, sizeof(id));
	if (rc)
		return rc;
	/* The first has no number: more repeats later do not rename it. */
	if (repeat > 1) {
		snprintf(id + strlen(id), sizeof(id) - strlen(id), "#%d", repeat);
		snprintf(inner + strlen(inner), sizeof(inner) - strlen(inner), "#%d", repeat);
	}
	pt->id = strdup(id);
	pt->inner_id = strdup(inner);
	return pt->id && pt->inner_id ? 0 : -ENOMEM;
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
		free(points[i].inner_id);
		json_decref(points[i].inner_parameters);
		free(points[i].workloads);
		json_decref(points[i].parameters);
	}
	free(points);
}
