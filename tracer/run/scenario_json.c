// SPDX-License-Identifier: GPL-2.0
/*
 * A point as JSON and back. It travels from the machine of the user to the emulated host and stays
 * in the record, so it must say everything and nothing that depends on where it was made. Reading
 * goes through the tables and checks of the scenario file: what a file may not ask for cannot be
 * asked for by JSON either.
 */
#include "run/scenario_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The fields of the tables that @tools has. NULL: no memory. */
static json_t *fields_to_json(const struct sc_field *f, const void *base, unsigned tools)
{
	json_t *obj = json_object();

	for (; obj && f->key; f++) {
		json_t *v;

		if (f->tools && !(f->tools & tools))
			continue;
		if (f->sparse && sc_field_get(f, base) == 0)
			continue;
		/* Words that are not there are left out: "" would be another setting. */
		if (f->type >= SC_WORDS && !*sc_field_text(f, (void *)base))
			continue;
		if (f->type >= SC_WORD)
			v = json_string(*sc_field_text(f, (void *)base));
		else if (f->type == SC_CHOICE)
			v = json_string(f->choices[sc_field_get(f, base)]);
		else if (f->type == SC_BOOL)
			v = json_boolean(sc_field_get(f, base));
		else
			v = json_integer(sc_field_get(f, base));
		if (json_object_set_new(obj, f->key, v)) {
			json_decref(obj);
			return NULL;
		}
	}
	return obj;
}

static json_t *measure_to_json(const struct sc_measure *m)
{
	json_t *detail = json_array(), *check = json_array(), *signals = json_array();

	if (m->msr_detail)
		json_array_append_new(detail, json_string("msr"));
	if (m->port_detail)
		json_array_append_new(detail, json_string("port"));
	if (m->gpa_detail)
		json_array_append_new(detail, json_string("gpa"));
	if (m->check_kvm_stats)
		json_array_append_new(check, json_string("kvm-stats"));
	if (m->check_hist)
		json_array_append_new(check, json_string("hist"));
	if (m->kicks)
		json_array_append_new(signals, json_string("kicks"));
	if (m->replies)
		json_array_append_new(signals, json_string("replies"));
	return json_pack("{s:o, s:o, s:o}", "detail", detail, "crosscheck", check, "signals",
			 signals);
}

json_t *sc_point_to_json(const struct scenario *sc, const struct sc_point *pt)
{
	json_t *workloads = json_array();
	size_t i;

	for (i = 0; i < pt->nr_workloads; i++) {
		const struct sc_workload *w = &pt->workloads[i];

		if (json_array_append_new(workloads, fields_to_json(sc_workload_fields, w,
								    1u << w->tool))) {
			json_decref(workloads);
			return NULL;
		}
	}
	/* json_pack takes what "o" is given even when it fails. */
	return json_pack("{s:s, s:o, s:O, s:i, s:s, s:o, s:o, s:o, s:o}",
			 "id", pt->inner_id,
			 "configuration", fields_to_json(sc_config_fields, pt->config, 0),
			 "parameters", pt->inner_parameters,
			 "repeat", pt->repeat,
			 "mode", sc_mode_name(sc->mode),
			 "host", fields_to_json(sc_host_fields, &pt->host, 0),
			 "guests", fields_to_json(sc_guests_fields, &pt->guests, 0),
			 "workloads", workloads,
			 "measure", measure_to_json(&sc->measure));
}

/* Taken from the whole point, so that a setting that is new here counts unless it is left out. */
json_t *sc_shape_to_json(const struct scenario *sc, const struct sc_point *pt)
{
	json_t *j = sc_point_to_json(sc, pt);
	json_t *config = json_object_get(j, "configuration");
	int bad;

	if (!j)
		return NULL;
	/* Set when the measurement begins. */
	json_object_del(config, "eli");
	bad = json_object_set_new(config, "name", json_string("shape")) ||
	      json_object_set_new(config, "title", json_string("shape")) ||
	      json_object_set_new(j, "id", json_string("shape")) ||
	      json_object_set_new(j, "parameters", json_object()) ||
	      json_object_set_new(j, "repeat", json_integer(1)) ||
	      json_object_set_new(j, "mode", json_string(sc->mode == SC_MODE_FAST ? "fast" :
							 "counts")) ||
	      json_object_set_new(j, "measure", json_pack("{s:[], s:[], s:[]}", "detail",
							       "crosscheck", "signals")) ||
	      json_object_set_new(j, "workloads", json_pack("[{s:s, s:s, s:s, s:i}]",
			"name", "idle", "title", "idle", "tool", "idle", "duration_ms", 1));
	if (bad) {
		json_decref(j);
		return NULL;
	}
	return j;
}

int sc_point_complete(const struct scenario *sc, const struct sc_point *pt, json_t *point)
{
	int bad = json_object_set_new(point, "id", json_string(pt->id)) ||
		  json_object_set(point, "parameters", pt->parameters);

	if (!bad && sc->mode != SC_MODE_FAST)
		bad = json_object_set_new(point, "link",
					  fields_to_json(sc_link_fields, &pt->link, 0));
	if (!bad && pt->costs)
		bad = json_object_set_new(point, "costs", json_string(pt->costs));
	return bad ? -ENOMEM : 0;
}

static const struct yt_node *section(struct sc_reader *rd, const struct yt_node *top,
				       const char *key, enum yt_kind kind)
{
	const struct yt_node *node = yt_get(top, key);

	if (!node)
		sc_problem(&rd->pb, 0, "%s: missing", key);
	else if (node->kind != kind)
		sc_problem(&rd->pb, 0, "%s: is %s", key, yt_what(node));
	else
		return node;
	return NULL;
}

/* The id becomes a file's name on the other side, so it is held to what ids are made of. */
static void read_id(struct sc_reader *rd, const struct yt_node *node, struct sc_point *pt)
{
	size_t len = strlen(node->text);

	if (!len || len > SC_MAX_ID || node->text[0] == '.' ||
	    strspn(node->text, "abcdefghijklmnopqrstuvwxyz0123456789-_.,=#") != len) {
		sc_problem(&rd->pb, 0, "id: \"%s\" is no id of a point", sc_quote(node->text).s);
		return;
	}
	pt->id = strdup(node->text);
	pt->inner_id = strdup(node->text);
	if (!pt->id || !pt->inner_id)
		rd->pb.nomem = true;
}

/* What was swept is in the settings already; here it is only kept, for tables. */
static void read_parameters(struct sc_reader *rd, const json_t *j, struct sc_point *pt)
{
	json_t *given = json_object_get(j, "parameters"), *v;
	struct scenario *sc = rd->sc;
	const char *key;

	json_object_foreach(given, key, v) {
		const struct sc_field *f;
		void *base;

		f = sc_is_outer(key) ? NULL : sc_resolve(key, &SC_PLACES(sc), &base);
		if (!f || !json_is_integer(v) ||
		    sc_field_get(f, base) != (uint64_t)json_integer_value(v)) {
			sc_problem(&rd->pb, 0, "parameters.%s: not the value of a setting of this "
				   "point", sc_quote(key).s);
			continue;
		}
		if (json_object_set(pt->parameters, key, v) ||
		    json_object_set(pt->inner_parameters, key, v))
			rd->pb.nomem = true;
	}
}

static void read_config(struct sc_reader *rd, const struct yt_node *node, struct sc_lines *lines)
{
	struct scenario *sc = rd->sc;

	sc->configs = calloc(1, sizeof(*sc->configs));
	lines->config = calloc(1, sizeof(*lines->config));
	if (!sc->configs || !lines->config) {
		rd->pb.nomem = true;
		return;
	}
	sc->nr_configs = 1;
	sc_read_fields(rd, node, sc_config_fields, &sc->configs[0], "configuration.", 0);
	if (!sc->configs[0].title)
		sc_problem(&rd->pb, 0, "configuration.title: missing");
}

static void read_point(struct sc_reader *rd, const struct yt_node *top, const json_t *j,
		       struct sc_point *pt, struct sc_lines *lines)
{
	static const char *const keys[] = { "id", "configuration", "parameters", "repeat", "mode",
					    "host", "guests", "workloads", "measure", NULL };
	static const struct sc_field repeat = { "repeat", SC_INT, .min = 1, .max = 100 };
	const struct yt_node *node;
	uint64_t v;
	int mode;

	sc_tell_unknown(rd, top, "", keys);
	node = section(rd, top, "id", YT_SCALAR);
	if (node)
		read_id(rd, node, pt);
	node = section(rd, top, "configuration", YT_MAP);
	if (node)
		read_config(rd, node, lines);
	node = section(rd, top, "repeat", YT_SCALAR);
	if (node && sc_read_number(rd, node, 0, &repeat, "repeat", &v))
		pt->repeat = v;
	node = section(rd, top, "mode", YT_SCALAR);
	if (node && sc_read_choice(rd, node, 0, sc_mode_choices, "mode", &mode))
		rd->sc->mode = mode;
	node = section(rd, top, "host", YT_MAP);
	if (node)
		sc_read_host(rd, node);
	node = section(rd, top, "guests", YT_MAP);
	if (node)
		sc_read_guests(rd, node);
	node = section(rd, top, "workloads", YT_LIST);
	if (node)
		sc_read_workloads(rd, node, lines);
	node = section(rd, top, "measure", YT_MAP);
	if (node)
		sc_read_measure(rd, node);
	if (section(rd, top, "parameters", YT_MAP))
		read_parameters(rd, j, pt);
}

/* The point's own copies of what the scenario of one point says. */
static void fill_point(struct sc_reader *rd, struct sc_point *pt)
{
	struct scenario *sc = rd->sc;

	pt->config = sc->configs;
	pt->host = sc->host;
	pt->guests = sc->guests;
	pt->nr_workloads = sc->nr_workloads;
	pt->workloads = calloc(sc->nr_workloads, sizeof(*pt->workloads));
	if (!pt->workloads)
		rd->pb.nomem = true;
	else
		memcpy(pt->workloads, sc->workloads, sc->nr_workloads * sizeof(*pt->workloads));
}

int sc_point_from_json(const json_t *j, struct scenario **sc, struct sc_point **pt, FILE *err)
{
	struct sc_reader rd = { .sc = calloc(1, sizeof(*rd.sc)) };
	struct sc_point *point = calloc(1, sizeof(*point));
	struct sc_lines lines = { 0 };
	struct yt_node *top = NULL;
	int rc = 0;

	if (!rd.sc || !point) {
		rc = -ENOMEM;
		goto out;
	}
	rd.sc->repeat = 1;
	rd.sc->path = strdup("");
	rd.sc->name = strdup("");
	rd.sc->title = strdup("");
	rd.sc->sha256 = strdup("");
	point->parameters = json_object();
	point->inner_parameters = json_object();
	if (!rd.sc->path || !rd.sc->name || !rd.sc->title || !rd.sc->sha256 || !point->parameters ||
	    !point->inner_parameters)
		rd.pb.nomem = true;
	top = yt_from_json(j, &rd.pb);
	if (top && top->kind != YT_MAP)
		sc_problem(&rd.pb, 0, "a point is a JSON object; this is not");
	else if (top)
		read_point(&rd, top, j, point, &lines);
	if (top && !rd.pb.n && !rd.pb.nomem) {
		fill_point(&rd, point);
		sc_check(&rd, &lines);
	}
	if (rd.pb.n)
		rc = -EINVAL;
	if (rd.pb.nomem)
		rc = -ENOMEM;
	sc_problems_print(&rd.pb, "point", err);
	sc_problems_free(&rd.pb);
out:
	yt_free(top);
	free(lines.config);
	free(lines.workload);
	if (rc) {
		if (point)
			scenario_points_free(point, 1);
		scenario_free(rd.sc);
		return rc;
	}
	*sc = rd.sc;
	*pt = point;
	return 0;
}
