// SPDX-License-Identifier: GPL-2.0
/*
 * Puts together what is to be compared. The hard thing is what belongs together in sets that were
 * made at other times by other versions of a scenario: a configuration with its parameters, and in
 * it a workload with its unit of work. What has no counterpart is told, never dropped: a table
 * that has silently lost a point reads as if all were well.
 */
#include "analyze/compare.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* The repeats of one point in one set. */
struct group {
	size_t set;
	const struct record **list;
	size_t n;
	bool matched;
};

struct groups {
	struct group *list;
	size_t n;
	bool one_scenario;	/* in each set, so that its name need not agree */
};

static int __attribute__((format(printf, 2, 3))) leave_out(struct compare *c, const char *fmt, ...)
{
	char **lines = realloc(c->unmatched, (c->nr_unmatched + 1) * sizeof(*lines));
	va_list ap;
	int n;

	if (!lines)
		return -ENOMEM;
	c->unmatched = lines;
	va_start(ap, fmt);
	n = vasprintf(&lines[c->nr_unmatched], fmt, ap);
	va_end(ap);
	if (n < 0)
		return -ENOMEM;
	c->nr_unmatched++;
	return 0;
}

/* Length of an id without the number of its repeat. */
static size_t id_length(const char *id)
{
	const char *hash = strrchr(id, '#');

	return hash ? (size_t)(hash - id) : strlen(id);
}

static bool is_wanted(const struct record *r, const struct compare_filter *f)
{
	if (!f->point || !strcmp(r->id, f->point))
		return true;
	return strlen(f->point) == id_length(r->id) && !strncmp(r->id, f->point, id_length(r->id));
}

static bool same_point(const struct record *a, const struct record *b, bool any_scenario)
{
	return (any_scenario || !strcmp(a->scenario, b->scenario)) &&
	       !strcmp(a->config, b->config) && json_equal(a->parameters, b->parameters);
}

static int add_to_group(struct compare *c, struct groups *gs, size_t set, const struct record *r)
{
	struct group *g = NULL, *more;
	const struct record **list;
	size_t i;

	for (i = 0; i < gs->n && !g; i++) {
		if (gs->list[i].set == set && same_point(gs->list[i].list[0], r, false))
			g = &gs->list[i];
	}
	for (i = 0; g && i < g->n; i++) {
		if (g->list[i]->repeat == r->repeat)
			return leave_out(c, "%s: %s has this point already, from %s", r->path,
					 c->sets[set].label, g->list[i]->path);
	}
	if (!g) {
		more = realloc(gs->list, (gs->n + 1) * sizeof(*more));
		if (!more)
			return -ENOMEM;
		gs->list = more;
		g = &more[gs->n++];
		*g = (struct group){ .set = set };
	}
	list = realloc(g->list, (g->n + 1) * sizeof(*list));
	if (!list)
		return -ENOMEM;
	g->list = list;
	list[g->n++] = r;
	return 0;
}

static int make_groups(struct compare *c, const struct compare_filter *f, struct groups *gs)
{
	size_t s, i;
	int rc;

	gs->one_scenario = true;
	for (s = 0; s < c->nr_sets; s++) {
		const struct records *rs = &c->sets[s].rs;
		const char *scenario = NULL;

		for (i = 0; i < rs->n; i++) {
			if (!is_wanted(&rs->list[i], f))
				continue;
			gs->one_scenario &= !scenario || !strcmp(scenario, rs->list[i].scenario);
			scenario = rs->list[i].scenario;
			rc = add_to_group(c, gs, s, &rs->list[i]);
			if (rc)
				return rc;
		}
	}
	return 0;
}

static void free_groups(struct groups *gs)
{
	size_t i;

	for (i = 0; i < gs->n; i++)
		free(gs->list[i].list);
	free(gs->list);
}

/* Then there is nothing to choose, and the points may be of two configurations. */
static bool one_point_each(const struct compare *c, const struct groups *gs)
{
	size_t s, i, n;

	for (s = 0; s < c->nr_sets; s++) {
		for (i = n = 0; i < gs->n; i++)
			n += gs->list[i].set == s;
		if (n != 1)
			return false;
	}
	return true;
}

/* The group of set @set that belongs to @g, or NULL. */
static struct group *partner(const struct groups *gs, const struct group *g, size_t set, bool any)
{
	size_t i;

	for (i = 0; i < gs->n; i++) {
		if (gs->list[i].set == set &&
		    (any || same_point(gs->list[i].list[0], g->list[0], gs->one_scenario)))
			return &gs->list[i];
	}
	return NULL;
}

static const char *unit_of(const struct record *r, const char *workload)
{
	return json_string_value(json_object_get(record_window(r, workload), "unit"));
}

/* The repeats of @g that have the workload. @unit is that of the first one found. */
static size_t with_workload(const struct group *g, const char *workload, const char **unit)
{
	size_t i, n = 0;

	for (i = 0; i < g->n; i++) {
		const char *u = unit_of(g->list[i], workload);

		if (u && !*unit)
			*unit = u;
		n += u && !strcmp(u, *unit);
	}
	return n;
}

/* "vf", or "virtio-vhost, vf" if the sides have names of their own. */
static void name_point(struct comparison *c)
{
	size_t i, used = 0;
	bool same = true;

	for (i = 0; i < c->nr_cols; i++) {
		const char *a = compare_record(c, 0)->id, *b = compare_record(c, i)->id;

		same &= id_length(a) == id_length(b) && !strncmp(a, b, id_length(a));
	}
	for (i = 0; i < (same ? 1 : c->nr_cols) && used < sizeof(c->point); i++) {
		const char *id = compare_record(c, i)->id;

		used += snprintf(c->point + used, sizeof(c->point) - used, "%s%.*s",
				 i ? ", " : "", (int)id_length(id), id);
	}
}

/* The sides of one workload: all groups of @match that have it in the reference's unit. */
static int choose_columns(struct compare *all, struct comparison *c, struct group *const *match,
			  const char *workload, const struct record **list)
{
	const char *id = match[all->reference]->list[0]->id, *unit = NULL, *u;
	size_t s, i, n = 0, have;
	int rc = 0;

	with_workload(match[all->reference], workload, &unit);
	for (s = 0; s < all->nr_sets && !rc; s++) {
		if (!match[s])
			continue;
		u = NULL;
		have = with_workload(match[s], workload, &u);
		if (!have) {
			rc = leave_out(all, "point %s, workload %s: not in %s", id, workload,
				       all->sets[s].label);
			continue;
		}
		if (strcmp(u, unit)) {
			rc = leave_out(all, "point %s, workload %s: not comparable, the unit of "
				       "work is %s in %s, %s in %s", id, workload, unit,
				       all->sets[all->reference].label, u, all->sets[s].label);
			continue;
		}
		if (s == all->reference)
			c->reference = c->nr_cols;
		c->cols[c->nr_cols++] = (struct compare_column){ .set = s, .first = n,
								 .n = have };
		for (i = 0; i < match[s]->n; i++) {
			u = unit_of(match[s]->list[i], workload);
			if (u && !strcmp(u, unit))
				list[n++] = match[s]->list[i];
		}
	}
	return rc;
}

static void free_comparison(struct comparison *c)
{
	size_t i;

	for (i = 0; i < c->nr_rows; i++)
		free(c->rows[i].values);
	free(c->rows);
	free(c->fields);
	free(c->cols);
	table_clear(&c->table);
}

static int add_comparison(struct compare *all, struct group *const *match, const char *workload)
{
	struct comparison c = { 0 }, *more;
	const struct record **list = NULL;
	size_t s, n = 0;
	int rc = -ENOMEM;

	for (s = 0; s < all->nr_sets; s++)
		n += match[s] ? match[s]->n : 0;
	c.cols = calloc(all->nr_sets, sizeof(*c.cols));
	list = calloc(n, sizeof(*list));
	if (!c.cols || !list)
		goto out;
	rc = choose_columns(all, &c, match, workload, list);
	if (rc || c.nr_cols < 2)
		goto out;
	n = c.cols[c.nr_cols - 1].first + c.cols[c.nr_cols - 1].n;
	rc = table_of(list, n, workload, &c.table);
	if (!rc)
		rc = compare_fill_rows(&c);
	if (!rc)
		rc = compare_fill_fields(&c);
	if (rc)
		goto out;
	name_point(&c);
	more = realloc(all->list, (all->n + 1) * sizeof(*more));
	rc = more ? 0 : -ENOMEM;
	if (more) {
		all->list = more;
		more[all->n++] = c;
		c = (struct comparison){ 0 };
	}
out:
	free(list);
	free_comparison(&c);
	return rc;
}

/* Has the point this workload in a window before @before? A name counts once. */
static bool seen_before(const struct record *r, size_t before, const char *workload)
{
	size_t i;

	for (i = 0; i < before; i++) {
		if (!strcmp(json_string_value(json_object_get(json_array_get(r->windows, i),
							      "workload")), workload))
			return true;
	}
	return false;
}

static int add_workloads(struct compare *all, struct group *const *match,
			 const struct compare_filter *f)
{
	const struct group *ref = match[all->reference];
	const char *name;
	json_t *w;
	size_t s, i;
	int rc = 0;

	json_array_foreach(ref->list[0]->windows, i, w) {
		name = json_string_value(json_object_get(w, "workload"));
		if (rc || (f->workload && strcmp(f->workload, name)) ||
		    seen_before(ref->list[0], i, name))
			continue;
		rc = add_comparison(all, match, name);
	}
	for (s = 0; s < all->nr_sets; s++) {
		if (!match[s])
			continue;
		json_array_foreach(match[s]->list[0]->windows, i, w) {
			name = json_string_value(json_object_get(w, "workload"));
			if (rc || (f->workload && strcmp(f->workload, name)) ||
			    seen_before(match[s]->list[0], i, name) ||
			    record_window(ref->list[0], name))
				continue;
			rc = leave_out(all, "point %s, workload %s: in %s, not in %s",
				       match[s]->list[0]->id, name, all->sets[s].label,
				       all->sets[all->reference].label);
		}
	}
	return rc;
}

static int match_groups(struct compare *c, struct groups *gs, const struct compare_filter *f)
{
	struct group **match = calloc(c->nr_sets, sizeof(*match));
	bool any = one_point_each(c, gs);
	size_t i, s, n;
	int rc = match ? 0 : -ENOMEM;

	for (i = 0; i < gs->n && !rc; i++) {
		struct group *g = &gs->list[i];

		if (g->set != c->reference)
			continue;
		for (s = n = 0; s < c->nr_sets && !rc; s++) {
			match[s] = s == c->reference ? g : partner(gs, g, s, any);
			n += match[s] != NULL;
			if (match[s])
				match[s]->matched = true;
			else
				rc = leave_out(c, "point %s: not in %s", g->list[0]->id,
					       c->sets[s].label);
		}
		if (!rc && n > 1)
			rc = add_workloads(c, match, f);
	}
	for (i = 0; i < gs->n && !rc; i++) {
		if (!gs->list[i].matched)
			rc = leave_out(c, "point %s: in %s, not in %s", gs->list[i].list[0]->id,
				       c->sets[gs->list[i].set].label,
				       c->sets[c->reference].label);
	}
	free(match);
	return rc;
}

int compare_build(struct compare_set *sets, size_t nr_sets, size_t reference,
		  const struct compare_filter *filter, struct compare *out)
{
	struct groups gs = { 0 };
	size_t i;
	int rc;

	*out = (struct compare){ .sets = sets, .nr_sets = nr_sets, .reference = reference };
	for (i = 0; i < nr_sets; i++)
		records_sort(&sets[i].rs);
	rc = make_groups(out, filter, &gs);
	if (!rc)
		rc = match_groups(out, &gs, filter);
	free_groups(&gs);
	if (rc)
		compare_free(out);
	return rc;
}

void compare_free(struct compare *c)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		free_comparison(&c->list[i]);
	for (i = 0; i < c->nr_unmatched; i++)
		free(c->unmatched[i]);
	free(c->list);
	free(c->unmatched);
	*c = (struct compare){ 0 };
}

const struct record *compare_record(const struct comparison *c, size_t col)
{
	return c->table.cols[c->cols[col].first].rec;
}
