// SPDX-License-Identifier: GPL-2.0
/*
 * Which cells an item has, and from which records each gets its value: all of one cost set, the
 * wanted one first, so that a band never mixes the prices of two machines.
 */
#include "analyze/paper.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/paper_priv.h"

#define MAX_VARIANTS	256

/* ---- variants ---- */

static size_t base_length(const char *costs)
{
	return strcspn(costs, "@");
}

static bool same_base(const char *a, const char *b)
{
	return base_length(a) == base_length(b) && !strncmp(a, b, base_length(a));
}

/*
 * The one whose value is shown goes first: the wanted set (no set, if the item names none), without
 * a variant, first repetition.
 */
static int rank(const struct paper_item *it, const struct paper_variant *v)
{
	int r = strchr(v->costs, '@') != NULL;

	if (it->costs ? !same_base(v->costs, it->costs) : *v->costs != 0)
		r += 4;
	return r * 1000 + v->repeat;
}

static size_t variants(const struct paper_eval *e, struct paper_variant *out)
{
	size_t i, j, n = 0;

	for (i = 0; i < e->rs->n && n < MAX_VARIANTS; i++) {
		const struct record *r = &e->rs->list[i];
		struct paper_variant v = { paper_costs(r), r->repeat };

		if (!paper_in_scenario(e, r) || !paper_window(r, e->panel->workload))
			continue;
		for (j = 0; j < n && (strcmp(out[j].costs, v.costs) || out[j].repeat != v.repeat);
		     j++)
			;
		if (j < n)
			continue;
		for (j = n++; j && rank(e->item, &v) < rank(e->item, &out[j - 1]); j--)
			out[j] = out[j - 1];
		out[j] = v;
	}
	return n;
}

static enum paper_label label(const struct paper_eval *e)
{
	if (!e->timed || e->hardware)
		return PAPER_MEASURED;
	return e->modelled ? PAPER_MODELLED : PAPER_INSTRUCTIONS;
}

static int fill(const struct paper_eval *base, const struct paper_variant *v, size_t n,
		struct paper_cell *c)
{
	bool settled = false;
	char why[240] = "";
	size_t i, first = 0;
	double y;
	int ret;

	c->costs = "";
	/* Of several sets the first that this cell has records of. */
	for (i = 0; i < (n ? n : 1); i++) {
		struct paper_eval e = *base;

		if (settled && !same_base(v[i].costs, v[first].costs))
			continue;
		e.variant = n ? v[i] : (struct paper_variant){ "", 1 };
		e.configuration = c->configuration;
		e.x = c->x;
		ret = paper_eval_metric(&e, c->metric, &y);
		if (ret && ret != -ENODATA)
			return ret;
		if (ret) {
			if (!*why)
				strcpy(why, e.why);
			continue;
		}
		if (!settled) {
			*c = (struct paper_cell){ c->panel, c->configuration, c->x, c->metric,
				c->unit, c->has_printed, c->printed, c->provenance, c->printed_in,
				true, y, y, y, 1, label(&e), n ? v[i].costs : "", NULL, c->own_x };
			settled = true;
			first = i;
			continue;
		}
		c->low = fmin(c->low, y);
		c->high = fmax(c->high, y);
		c->variants++;
	}
	if (settled)
		return 0;
	c->why = strdup(*why ? why : "not run");
	return c->why ? 0 : -ENOMEM;
}

/* ---- cells ---- */

static struct paper_cell *new_cell(struct paper_values *v)
{
	struct paper_cell *more = realloc(v->cells, (v->n + 1) * sizeof(*more));

	if (!more)
		return NULL;
	v->cells = more;
	memset(&more[v->n], 0, sizeof(*more));
	return &more[v->n++];
}

const struct paper_cell *paper_cell(const struct paper_values *v, const struct paper_panel *panel,
				    const char *configuration, const char *x, const char *metric)
{
	size_t i;

	for (i = 0; i < v->n; i++) {
		const struct paper_cell *c = &v->cells[i];

		if ((!panel || c->panel == panel) && !strcmp(c->configuration, configuration) &&
		    !strcmp(c->x, x) && !strcmp(c->metric, metric))
			return c;
	}
	return NULL;
}

static int printed_cells(struct paper_values *v, const struct paper_panel *p)
{
	size_t i, j;

	for (i = 0; i < p->nr_printed; i++) {
		for (j = 0; j < p->table[i].n; j++) {
			const struct value_row *r = &p->table[i].rows[j];
			struct paper_cell *c;

			if (!paper_x_wanted(p, r->x) || (p->only && strcmp(p->only, r->metric)))
				continue;
			c = (struct paper_cell *)paper_cell(v, p, r->configuration, r->x,
							    r->metric);
			if (!c) {
				c = new_cell(v);
				if (!c)
					return -ENOMEM;
				*c = (struct paper_cell){ .panel = p, .x = r->x,
					.configuration = r->configuration, .metric = r->metric,
					.unit = r->unit, .provenance = r->provenance,
					.printed_in = p->printed[i] };
			}
			if (c->has_printed || !r->has_value)
				continue;
			c->has_printed = true;
			c->printed = r->value;
			c->provenance = r->provenance;
			c->printed_in = p->printed[i];
		}
	}
	return 0;
}

/* Settings that we ran and nobody printed, for what is drawn. */
static int own_cells(struct paper_values *v, const struct paper_eval *e)
{
	const struct paper_panel *p = e->panel;
	const struct paper_pairs *names = e->item->configurations;
	char x[64];
	size_t i, j;

	for (i = 0; p->parameter && !p->values.n && p->draw && i < e->rs->n; i++) {
		const struct record *r = &e->rs->list[i];
		const json_t *set = paper_setting(r, p->parameter);

		if (!paper_in_scenario(e, r) || !json_is_number(set))
			continue;
		record_parameter(set, x, sizeof(x));
		for (j = 0; j < names->n; j++) {
			struct paper_cell *c;

			if (p->series && strcmp(p->series, names->p[j].a))
				continue;
			if (strcmp(names->p[j].b, r->config) ||
			    paper_cell(v, p, names->p[j].a, x, p->draw))
				continue;
			c = new_cell(v);
			if (!c)
				return -ENOMEM;
			*c = (struct paper_cell){ .panel = p, .configuration = names->p[j].a,
				.metric = p->draw, .unit = "", .provenance = "not-published",
				.printed_in = "", .own_x = strdup(x) };
			c->x = c->own_x;
			if (!c->own_x) {
				v->n--;
				return -ENOMEM;
			}
		}
	}
	return 0;
}

int paper_evaluate(const struct paper_item *item, const struct records *rs, bool any,
		   struct paper_values *out)
{
	struct paper_variant v[MAX_VARIANTS];
	size_t i, j, first, n;
	int ret = 0;

	*out = (struct paper_values){ .item = item };
	for (i = 0; !ret && i < item->nr_panels; i++) {
		struct paper_eval e = { .item = item, .panel = &item->panels[i], .rs = rs,
					.any = any };

		first = out->n;
		n = variants(&e, v);
		ret = printed_cells(out, e.panel);
		if (!ret)
			ret = own_cells(out, &e);
		for (j = first; !ret && j < out->n; j++)
			ret = fill(&e, v, n, &out->cells[j]);
	}
	if (ret)
		paper_values_free(out);
	return ret;
}

void paper_values_free(struct paper_values *v)
{
	size_t i;

	for (i = 0; i < v->n; i++) {
		free(v->cells[i].why);
		free(v->cells[i].own_x);
	}
	free(v->cells);
	*v = (struct paper_values){ 0 };
}
