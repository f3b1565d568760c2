// SPDX-License-Identifier: GPL-2.0
/*
 * Reads the items file. Texts are borrowed from its tree, which is kept. Mistakes in it would show
 * up as empty places of a report, so everything is checked, the expressions and the printed tables
 * too, and told with its line.
 */
#include "analyze/paper.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/paper_priv.h"
#include "run/yaml.h"

struct reader {
	struct paper *p;
	struct sc_problems pb;
	const char *dir;
	const char *where;		/* the item, for messages */
};

static const char *const kinds[] = { "table", "bars", "lines", NULL };

const char *paper_kind_name(enum paper_kind kind)
{
	return kinds[kind];
}

static void complain(struct reader *rd, const struct yt_node *at, const char *key,
		     const char *what)
{
	sc_problem(&rd->pb, at ? at->line : 0, "%s%s%s: %s", rd->where, *rd->where ? "." : "", key,
		   what);
}

/* NULL where it is not there; complains if it is something else, or if it is needed. */
static const char *text(struct reader *rd, const struct yt_node *map, const char *key, bool needed)
{
	struct yt_node *v = yt_get(map, key);

	if (v && v->kind == YT_SCALAR && *v->text)
		return v->text;
	if (v)
		complain(rd, v, key, "a text is needed");
	else if (needed)
		complain(rd, map, key, "missing; a text is needed");
	return NULL;
}

static void unknown_keys(struct reader *rd, const struct yt_node *map, const char *const *known)
{
	const char *near;
	size_t i, j;

	for (i = 0; map && map->kind == YT_MAP && i < map->n; i++) {
		for (j = 0; known[j] && strcmp(known[j], map->entries[i].key); j++)
			;
		if (known[j])
			continue;
		near = sc_nearest(map->entries[i].key, known);
		sc_problem(&rd->pb, map->entries[i].line, "%s%s%s: unknown key%s%s", rd->where,
			   *rd->where ? "." : "", map->entries[i].key, near ? "; did you mean " : "",
			   near ? near : "");
	}
}

/* The list of a key, NULL without; complains if it is none. */
static const struct yt_node *list(struct reader *rd, const struct yt_node *map, const char *key)
{
	const struct yt_node *v = yt_get(map, key);

	if (!v || v->kind == YT_LIST)
		return v;
	complain(rd, v, key, "a list is needed");
	return NULL;
}

static bool scalar(const struct yt_node *n)
{
	return n && n->kind == YT_SCALAR;
}

/* Entries [a, b], or just a where @single allows that. */
static struct paper_pairs pairs(struct reader *rd, const struct yt_node *map, const char *key,
				bool single)
{
	const struct yt_node *l = list(rd, map, key);
	struct paper_pairs out = { 0 };
	size_t i;

	if (!l || !l->n)
		return out;
	out.p = calloc(l->n, sizeof(out.p[0]));
	if (!out.p) {
		rd->pb.nomem = true;
		return out;
	}
	for (i = 0; i < l->n; i++) {
		const struct yt_node *e = l->entries[i].value;

		if (single && scalar(e))
			out.p[out.n++] = (struct paper_pair){ e->text, NULL };
		else if (e->kind == YT_LIST && e->n == 2 && scalar(e->entries[0].value) &&
			 scalar(e->entries[1].value))
			out.p[out.n++] = (struct paper_pair){ e->entries[0].value->text,
							      e->entries[1].value->text };
		else
			complain(rd, e, key, single ? "a text or a list of two is needed" :
				 "a list of two texts is needed");
	}
	return out;
}

static void check_expression(struct reader *rd, const struct yt_node *at, const char *key,
			     const char *value, bool of_record)
{
	char why[160];

	if (value && paper_expression_check(value, of_record, why, sizeof(why)))
		complain(rd, at, key, why);
}

/* [ { name, value | why } ... ] */
static void read_metrics(struct reader *rd, const struct yt_node *map, struct paper_metrics *out)
{
	static const char *const known[] = { "name", "value", "why", NULL };
	const struct yt_node *l = list(rd, map, "metrics");
	size_t i;

	if (!l) {
		complain(rd, map, "metrics", "missing; a list is needed");
		return;
	}
	out->m = calloc(l->n + 1, sizeof(out->m[0]));
	if (!out->m) {
		rd->pb.nomem = true;
		return;
	}
	for (i = 0; i < l->n; i++) {
		const struct yt_node *e = l->entries[i].value;
		struct paper_metric m = { text(rd, e, "name", true), text(rd, e, "value", false),
					  text(rd, e, "why", false) };

		unknown_keys(rd, e, known);
		if (!m.value == !m.why)
			complain(rd, e, "metrics", "each has either a value or a why");
		check_expression(rd, e, "value", m.value, true);
		if (m.name)
			out->m[out->n++] = m;
	}
}

static void read_sets(struct reader *rd, const struct yt_node *top)
{
	static const char *const known[] = { "id", "names", "absent", NULL };
	static const char *const metrics_known[] = { "id", "metrics", NULL };
	const struct yt_node *l = list(rd, top, "configurations"), *m = list(rd, top, "metrics");
	struct paper *p = rd->p;
	size_t i;

	p->configurations = calloc(l ? l->n + 1 : 1, sizeof(p->configurations[0]));
	p->absent = calloc(l ? l->n + 1 : 1, sizeof(p->absent[0]));
	p->set_id = calloc(l ? l->n + 1 : 1, sizeof(p->set_id[0]));
	p->metrics = calloc(m ? m->n + 1 : 1, sizeof(p->metrics[0]));
	p->metrics_id = calloc(m ? m->n + 1 : 1, sizeof(p->metrics_id[0]));
	if (!p->configurations || !p->absent || !p->set_id || !p->metrics || !p->metrics_id) {
		rd->pb.nomem = true;
		return;
	}
	rd->where = "configurations";
	for (i = 0; l && i < l->n; i++, p->nr_sets++) {
		const struct yt_node *e = l->entries[i].value;

		unknown_keys(rd, e, known);
		p->set_id[i] = text(rd, e, "id", true);
		p->configurations[i] = pairs(rd, e, "names", false);
		p->absent[i] = pairs(rd, e, "absent", false);
	}
	rd->where = "metrics";
	for (i = 0; m && i < m->n; i++, p->nr_metrics++) {
		const struct yt_node *e = m->entries[i].value;

		unknown_keys(rd, e, metrics_known);
		p->metrics_id[i] = text(rd, e, "id", true);
		read_metrics(rd, e, &p->metrics[i]);
	}
}

/* Index of a set, or -1, told. */
static int set(struct reader *rd, const struct yt_node *at, const char *key, const char *id,
	       const char *const *ids, size_t n)
{
	size_t i;

	for (i = 0; id && i < n; i++)
		if (ids[i] && !strcmp(ids[i], id))
			return (int)i;
	if (id)
		complain(rd, at, key, "no set of this id");
	return -1;
}

bool paper_x_wanted(const struct paper_panel *p, const char *x)
{
	size_t i;

	for (i = 0; i < p->x.n && strcmp(p->x.p[i].a, x); i++)
		;
	return !p->x.n || i < p->x.n;
}

static bool describes(const struct paper_metrics *m, const char *name)
{
	size_t i;

	for (i = 0; i < m->n && strcmp(m->m[i].name, name); i++)
		;
	return i < m->n;
}

/* Every printed metric needs its expression or its reason. */
static void check_metrics(struct reader *rd, const struct yt_node *at, struct paper_panel *p)
{
	char what[256];
	size_t i, j;
	bool any = false;

	for (i = 0; i < p->nr_printed; i++) {
		for (j = 0; j < p->table[i].n; j++) {
			const struct value_row *r = &p->table[i].rows[j];

			if (!paper_x_wanted(p, r->x) || (p->only && strcmp(p->only, r->metric)))
				continue;
			any = true;
			if (describes(p->metrics, r->metric))
				continue;
			snprintf(what, sizeof(what), "%s has the metric %.60s, which the set does "
				 "not describe", p->printed[i], r->metric);
			complain(rd, at, "metrics", what);
			return;
		}
	}
	if (p->nr_printed && !any)
		complain(rd, at, "x", "the printed tables have no such row");
	if (p->draw && !describes(p->metrics, p->draw))
		complain(rd, at, "draw", "no such metric");
	if (p->across && !describes(p->metrics, p->across))
		complain(rd, at, "across", "no such metric");
}

static void read_printed(struct reader *rd, const struct yt_node *map, struct paper_panel *p)
{
	const struct yt_node *l = list(rd, map, "printed");
	char path[4200];
	size_t i;
	int ret;

	for (i = 0; l && i < l->n; i++) {
		const struct yt_node *e = l->entries[i].value;

		if (!scalar(e) || p->nr_printed == PAPER_MAX_PRINTED) {
			complain(rd, e, "printed", "up to 4 names of tables are needed");
			return;
		}
		snprintf(path, sizeof(path), "%s/%s.csv", rd->dir, e->text);
		ret = values_read(path, &p->table[p->nr_printed]);
		if (ret == -ENOMEM)
			rd->pb.nomem = true;
		if (ret) {
			complain(rd, e, "printed", "no such table, or one that cannot be read");
			continue;
		}
		p->printed[p->nr_printed++] = e->text;
	}
}

static const char *inherit(struct reader *rd, const struct yt_node *panel,
			   const struct yt_node *item, const char *key)
{
	return yt_get(panel, key) ? text(rd, panel, key, false) : text(rd, item, key, false);
}

static void read_panel(struct reader *rd, const struct yt_node *map, const struct yt_node *item,
		       const struct paper_item *it, struct paper_panel *p)
{
	static const char *const known[] = { "title", "printed", "x", "scenario", "workload",
		"parameter", "values", "metrics", "only", "series", "draw", "across", "xlabel", "ylabel",
		"shared", NULL };
	const char *shared;
	int m;

	unknown_keys(rd, map, known);
	p->title = text(rd, map, "title", true);
	p->x = pairs(rd, map, "x", true);
	p->scenario = inherit(rd, map, item, "scenario");
	p->workload = inherit(rd, map, item, "workload");
	p->parameter = inherit(rd, map, item, "parameter");
	p->values = pairs(rd, map, "values", false);
	p->only = text(rd, map, "only", false);
	p->series = text(rd, map, "series", false);
	p->draw = text(rd, map, "draw", false);
	p->across = text(rd, map, "across", false);
	p->xlabel = inherit(rd, map, item, "xlabel");
	p->ylabel = text(rd, map, "ylabel", p->draw != NULL);
	shared = inherit(rd, map, item, "shared");
	p->shared = shared && !strcmp(shared, "on");
	read_printed(rd, map, p);
	m = set(rd, map, "metrics", inherit(rd, map, item, "metrics"), rd->p->metrics_id,
		rd->p->nr_metrics);
	if (m >= 0) {
		p->metrics = &rd->p->metrics[m];
		check_metrics(rd, map, p);
	} else {
		complain(rd, map, "metrics", "a set of metrics is needed");
	}
	if (!p->nr_printed)
		complain(rd, map, "printed", "a printed table is needed");
	if (!p->scenario && !it->why)
		complain(rd, map, "scenario", "missing; without one the item needs a why");
}

static void read_item(struct reader *rd, const struct yt_node *map, struct paper_item *it)
{
	static const char *const known[] = { "id", "title", "source", "caption", "kind", "why",
		"costs", "configurations", "notes", "traces", "panels", "scenario", "workload", "parameter",
		"metrics", "xlabel", "shared", NULL };
	const struct yt_node *l;
	const char *kind;
	size_t i;
	int c;

	it->id = text(rd, map, "id", true);
	rd->where = it->id ? it->id : "items";
	unknown_keys(rd, map, known);
	it->title = text(rd, map, "title", true);
	it->source = text(rd, map, "source", true);
	it->caption = text(rd, map, "caption", true);
	it->why = text(rd, map, "why", false);
	it->costs = text(rd, map, "costs", false);
	it->notes = pairs(rd, map, "notes", true);
	it->traces = pairs(rd, map, "traces", false);
	kind = text(rd, map, "kind", true);
	for (i = 0; kind && kinds[i] && strcmp(kinds[i], kind); i++)
		;
	if (kind && !kinds[i])
		complain(rd, yt_get(map, "kind"), "kind", "table, bars or lines");
	else if (kind)
		it->kind = (enum paper_kind)i;
	c = set(rd, map, "configurations", text(rd, map, "configurations", true), rd->p->set_id,
		rd->p->nr_sets);
	it->configurations = &rd->p->configurations[c < 0 ? 0 : c];
	it->absent = &rd->p->absent[c < 0 ? 0 : c];
	l = list(rd, map, "panels");
	if (!l || !l->n) {
		complain(rd, map, "panels", "missing; a list is needed");
		return;
	}
	it->panels = calloc(l->n, sizeof(it->panels[0]));
	if (!it->panels) {
		rd->pb.nomem = true;
		return;
	}
	for (i = 0; i < l->n; i++)
		read_panel(rd, l->entries[i].value, map, it, &it->panels[it->nr_panels++]);
}

static void read_items(struct reader *rd, const struct yt_node *l)
{
	size_t i, j;

	rd->p->items = calloc(l->n + 1, sizeof(rd->p->items[0]));
	if (!rd->p->items) {
		rd->pb.nomem = true;
		return;
	}
	for (i = 0; i < l->n; i++) {
		struct paper_item *it = &rd->p->items[rd->p->nr_items++];

		rd->where = "items";
		if (l->entries[i].value->kind != YT_MAP) {
			complain(rd, l->entries[i].value, "items", "a mapping is needed");
			continue;
		}
		read_item(rd, l->entries[i].value, it);
		for (j = 0; it->id && j < i; j++)
			if (rd->p->items[j].id && !strcmp(rd->p->items[j].id, it->id))
				complain(rd, l->entries[i].value, "id", "given twice");
	}
}

static void read_measures(struct reader *rd, const struct yt_node *l)
{
	static const char *const known[] = { "configuration", "x", "metric", "value", "why", NULL };
	struct paper *p = rd->p;
	size_t i;

	p->measures = calloc(l->n + 1, sizeof(p->measures[0]));
	if (!p->measures) {
		rd->pb.nomem = true;
		return;
	}
	rd->where = "measures";
	for (i = 0; i < l->n; i++) {
		const struct yt_node *e = l->entries[i].value;
		struct paper_measure m = { text(rd, e, "configuration", true),
			text(rd, e, "x", true), text(rd, e, "metric", true),
			text(rd, e, "value", false), text(rd, e, "why", false) };

		unknown_keys(rd, e, known);
		if (!m.value == !m.why)
			complain(rd, e, "value", "either a value or a why is needed");
		check_expression(rd, e, "value", m.value, false);
		if (m.configuration && m.x && m.metric)
			p->measures[p->nr_measures++] = m;
	}
}

int paper_parse(const char *path, const char *buf, size_t len, const char *dir, FILE *err,
		struct paper *out)
{
	static const char *const known[] = { "configurations", "metrics", "items", "measures",
					     NULL };
	struct reader rd = { .p = out, .dir = dir, .where = "" };
	const struct yt_node *l;
	int ret = 0;

	memset(out, 0, sizeof(*out));
	out->tree = yt_read(buf, len, &rd.pb);
	if (out->tree && out->tree->kind != YT_MAP) {
		complain(&rd, out->tree, "items", "a mapping with configurations, metrics, items");
	} else if (out->tree) {
		unknown_keys(&rd, out->tree, known);
		read_sets(&rd, out->tree);
		rd.where = "";
		l = list(&rd, out->tree, "items");
		if (!l)
			complain(&rd, out->tree, "items", "missing; a list is needed");
		else if (!rd.pb.nomem)
			read_items(&rd, l);
		rd.where = "";
		l = list(&rd, out->tree, "measures");
		if (l && !rd.pb.nomem)
			read_measures(&rd, l);
	}
	if (rd.pb.n)
		ret = -EINVAL;
	if (rd.pb.nomem)
		ret = -ENOMEM;
	sc_problems_print(&rd.pb, path, err);
	sc_problems_free(&rd.pb);
	if (ret)
		paper_free(out);
	return ret;
}

int paper_load(const char *path, const char *dir, FILE *err, struct paper *out)
{
	char *buf = malloc(YT_MAX_BYTES + 1);
	FILE *f = fopen(path, "re");
	size_t n;
	int ret = buf ? 0 : -ENOMEM;

	memset(out, 0, sizeof(*out));
	if (!ret && !f) {
		ret = -errno;
		fprintf(err, "%s: cannot be opened: %s\n", path, strerror(-ret));
	}
	if (!ret) {
		n = fread(buf, 1, YT_MAX_BYTES + 1, f);
		ret = ferror(f) ? -EIO : paper_parse(path, buf, n, dir, err, out);
		if (ret == -EIO)
			fprintf(err, "%s: cannot be read\n", path);
	}
	if (f)
		fclose(f);
	free(buf);
	return ret;
}

void paper_free(struct paper *p)
{
	size_t i, j, k;

	for (i = 0; i < p->nr_items; i++) {
		struct paper_item *it = &p->items[i];

		for (j = 0; j < it->nr_panels; j++) {
			for (k = 0; k < it->panels[j].nr_printed; k++)
				values_free(&it->panels[j].table[k]);
			free(it->panels[j].x.p);
			free(it->panels[j].values.p);
		}
		free(it->panels);
		free(it->notes.p);
		free(it->traces.p);
	}
	for (i = 0; i < p->nr_sets; i++) {
		free(p->configurations[i].p);
		free(p->absent[i].p);
	}
	for (i = 0; i < p->nr_metrics; i++)
		free(p->metrics[i].m);
	free(p->configurations);
	free(p->absent);
	free(p->set_id);
	free(p->metrics);
	free(p->metrics_id);
	free(p->items);
	free(p->measures);
	yt_free(p->tree);
	memset(p, 0, sizeof(*p));
}

const struct paper_item *paper_find(const struct paper *p, const char *id)
{
	size_t i;

	for (i = 0; i < p->nr_items; i++)
		if (!strcmp(p->items[i].id, id))
			return &p->items[i];
	return NULL;
}
