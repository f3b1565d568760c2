// SPDX-License-Identifier: GPL-2.0
#include "analyze/claims.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/expr.h"
#include "util/log.h"

#define MAX_TABLES 128
/* The table of what only claims ask for. */
#define MEASURES "measured"

/* ---- the list ---- */

enum { ID, SOURCE, SECTION, ITEM, METRIC, EXPRESSION, COMPARATOR, VALUE, UNIT, TOLERANCE,
       DECIDED_BY, NOTE, NR_COLUMNS };

static const char *const titles[NR_COLUMNS] = {
	"id", "source", "section", "item", "metric", "expression", "comparator", "value", "unit",
	"tolerance", "decided_by", "note",
};

/* "" = none, "5%" of @value, or "2abs". */
static bool tolerance(const char *text, double value, double *out)
{
	char *end;

	*out = strtod(text, &end);
	if (end == text)
		*out = 0;
	if (!strcmp(end, "%"))
		*out *= fabs(value) / 100;
	return !*text || ((!strcmp(end, "%") || !strcmp(end, "abs")) && *out >= 0);
}

static int read_claim(const struct text_table *t, const char *path, size_t row, const int *col,
		      struct claim *c)
{
	const char *s[NR_COLUMNS], *wrong = NULL;
	char *end;
	int i;

	for (i = 0; i < NR_COLUMNS; i++)
		s[i] = text_table_cell(t, row, col[i]);
	*c = (struct claim){ s[ID], s[SOURCE], s[SECTION], s[ITEM], s[METRIC], s[EXPRESSION],
		s[UNIT], s[NOTE], .comparator = s[COMPARATOR], .decided_by = s[DECIDED_BY] };
	c->value = strtod(s[VALUE], &end);
	if (!*s[VALUE] || *end || !isfinite(c->value))
		wrong = "value is not a number";
	else if (strcmp(s[COMPARATOR], ">=") && strcmp(s[COMPARATOR], "<=") &&
		 strcmp(s[COMPARATOR], "~"))
		wrong = "comparator is >=, <= or ~";
	else if (!tolerance(s[TOLERANCE], c->value, &c->tolerance))
		wrong = "tolerance is empty, a percentage such as 5%, or a number such as 2abs";
	if (!wrong)
		return 0;
	err("%s:%zu: %s", path, row + 1, wrong);
	return -EINVAL;
}

int claims_read(const char *path, struct claims *out)
{
	int col[NR_COLUMNS], ret;
	size_t i;

	memset(out, 0, sizeof(*out));
	ret = text_table_read(path, &out->text);
	if (ret == -ENOENT)
		err("%s: no such file", path);
	for (i = 0; !ret && i < NR_COLUMNS; i++) {
		col[i] = text_table_column(&out->text, path, titles[i]);
		ret = col[i] < 0 ? col[i] : 0;
	}
	if (!ret)
		out->claim = calloc(out->text.rows, sizeof(out->claim[0]));
	if (!ret && !out->claim)
		ret = -ENOMEM;
	for (i = 1; !ret && i < out->text.rows; i++)
		ret = read_claim(&out->text, path, i, col, &out->claim[out->n++]);
	if (ret)
		claims_free(out);
	return ret;
}

void claims_free(struct claims *c)
{
	text_table_free(&c->text);
	free(c->claim);
	memset(c, 0, sizeof(*c));
}

/* ---- values ---- */

struct claim_values {
	const char *dir;
	struct {
		char *name;
		struct value_table table;	/* empty: there is no such file */
	} t[MAX_TABLES];
	size_t n;
	int error;		/* of a table that cannot be read */
	const char *why;	/* note of the first missing value */
	const char *over;	/* note of the first measure that has a value */
};

struct claim_values *claim_values_new(const char *dir)
{
	struct claim_values *v = calloc(1, sizeof(*v));

	if (v)
		v->dir = dir;
	return v;
}

void claim_values_free(struct claim_values *v)
{
	size_t i;

	for (i = 0; v && i < v->n; i++) {
		free(v->t[i].name);
		values_free(&v->t[i].table);
	}
	free(v);
}

/* The table @name, NULL without it. */
static const struct value_table *table(struct claim_values *v, const char *name)
{
	char path[4096];
	size_t i;
	int ret;

	for (i = 0; i < v->n; i++)
		if (!strcmp(v->t[i].name, name))
			return &v->t[i].table;
	if (v->n == MAX_TABLES) {
		v->error = -ENOSPC;
		return NULL;
	}
	snprintf(path, sizeof(path), "%s/%s.csv", v->dir, name);
	ret = values_read(path, &v->t[v->n].table);
	if (ret && ret != -ENOENT) {
		v->error = ret;
		return NULL;
	}
	v->t[v->n].name = strdup(name);
	if (!v->t[v->n].name) {
		values_free(&v->t[v->n].table);
		v->error = -ENOMEM;
		return NULL;
	}
	return &v->t[v->n++].table;
}

static int value(struct claim_values *v, const char *name, const struct expr_arg *a, double *out)
{
	const struct value_table *t = table(v, name);
	const struct value_row *r = t ? values_find(t, a[0].text, a[1].text, a[2].text) : NULL;

	if (!r || !r->has_value) {
		if (r && *r->note && !v->why)
			v->why = r->note;
		return -ENODATA;
	}
	if (!strcmp(name, MEASURES) && *r->note && !v->over)
		v->over = r->note;
	*out = r->value;
	return 0;
}

static int extreme_upto(const struct value_table *t, double limit, bool max, double *out)
{
	bool any = false;
	size_t i;

	for (i = 0; t && i < t->n; i++) {
		const struct value_row *r = &t->rows[i];
		char *end;
		double x = strtod(r->x, &end);

		if (!*r->x || *end || x > limit || !r->has_value)
			continue;
		if (!any || (max ? r->value > *out : r->value < *out))
			*out = r->value;
		any = true;
	}
	return any ? 0 : -ENODATA;
}

static int monotone(const struct value_table *t, const char *metric, double *out)
{
	bool rises = true, falls = true, any = false;
	double last = 0;
	size_t i;

	for (i = 0; t && i < t->n; i++) {
		const struct value_row *r = &t->rows[i];

		if (strcmp(r->metric, metric) || !r->has_value)
			continue;
		rises &= !any || r->value >= last;
		falls &= !any || r->value <= last;
		last = r->value;
		any = true;
	}
	*out = rises || falls;
	return any ? 0 : -ENODATA;
}

static int same(const struct value_table *a, const struct value_table *b, const char *x,
		double *out)
{
	bool any = false;
	size_t i;

	*out = 1;
	for (i = 0; a && b && i < a->n; i++) {
		const struct value_row *r = &a->rows[i], *o;

		if (strcmp(r->x, x) || !r->has_value)
			continue;
		o = values_find(b, r->configuration, r->x, r->metric);
		if (!o || !o->has_value)
			return -ENODATA;
		any = true;
		if (o->value != r->value)
			*out = 0;
	}
	return any ? 0 : -ENODATA;
}

/* What a function of a whole table returned; a missing value has its reason in some row. */
static int of_all(struct claim_values *v, const struct value_table *t, int ret)
{
	size_t i;

	for (i = 0; ret == -ENODATA && t && i < t->n && !v->why; i++)
		if (!t->rows[i].has_value && *t->rows[i].note)
			v->why = t->rows[i].note;
	return ret;
}

/* Whether @a are @n arguments as @kinds says: 's' a string, 'n' a number. */
static bool takes(const struct expr_arg *a, size_t n, const char *kinds)
{
	size_t i;

	if (n != strlen(kinds))
		return false;
	for (i = 0; i < n; i++)
		if ((kinds[i] == 's') != (a[i].text != NULL))
			return false;
	return true;
}

static int call(void *arg, const char *name, const struct expr_arg *a, size_t n, double *out)
{
	struct claim_values *v = arg;

	if (!strcmp(name, "v") && takes(a, n, "ssss"))
		return value(v, a[0].text, a + 1, out);
	if (!strcmp(name, "m") && takes(a, n, "sss"))
		return value(v, MEASURES, a, out);
	if ((!strcmp(name, "min_upto") || !strcmp(name, "max_upto")) && takes(a, n, "sn"))
		return of_all(v, table(v, a[0].text),
			      extreme_upto(table(v, a[0].text), a[1].number, name[1] == 'a', out));
	if (!strcmp(name, "mono") && takes(a, n, "ss"))
		return of_all(v, table(v, a[0].text),
			      monotone(table(v, a[0].text), a[1].text, out));
	if (!strcmp(name, "same") && takes(a, n, "sss"))
		return of_all(v, table(v, a[0].text),
			      same(table(v, a[0].text), table(v, a[1].text), a[2].text, out));
	return -EINVAL;
}

int claim_judge(const struct claim *c, struct claim_values *v, double *result)
{
	/* Sums of printed decimals are off by rounding in the last bits. */
	double slack = c->tolerance + 1e-12 * fabs(c->value) + 1e-12;
	struct expr_env env = { call, v };
	char why[120];
	bool holds;
	int ret;

	*result = 0;
	v->error = 0;
	v->why = v->over = NULL;
	ret = expr_eval(c->expression, &env, result, why, sizeof(why));
	if (v->error)
		return v->error;
	if (ret == -ENODATA)
		return CLAIM_NO_DATA;
	if (ret) {
		err("%s: %s: %s", c->id, c->expression, why);
		return ret;
	}
	if (!strcmp(c->comparator, ">="))
		holds = *result >= c->value - slack;
	else if (!strcmp(c->comparator, "<="))
		holds = *result <= c->value + slack;
	else
		holds = fabs(*result - c->value) <= slack;
	return holds ? CLAIM_HOLDS : CLAIM_FAILS;
}

const char *claim_why(const struct claim_values *v)
{
	return v->why ? v->why : "";
}

int claims_judge_all(const struct claims *list, struct claim_values *printed,
		     struct claim_values *measured, struct judged_claim **out)
{
	struct judged_claim *all = calloc(list->n + 1, sizeof(*all));
	bool of_values;
	size_t i;
	int ret = all ? 0 : -ENOMEM;

	for (i = 0; !ret && i < list->n; i++) {
		struct judged_claim *j = &all[i];

		j->c = &list->claim[i];
		ret = claim_judge(j->c, printed, &j->printed_value);
		if (ret < 0)
			break;
		j->printed = ret;
		of_values = strchr(j->c->expression, '\'') != NULL;
		ret = measured && of_values ? claim_judge(j->c, measured, &j->measured_value) :
		      CLAIM_NO_DATA;
		if (ret < 0)
			break;
		j->measured = ret;
		ret = 0;
		if (j->measured != CLAIM_NO_DATA && measured->over) {
			j->over = strdup(measured->over);
			ret = j->over ? 0 : -ENOMEM;
		}
		if (j->measured == CLAIM_NO_DATA && measured) {
			j->why = strdup(!of_values ? "arithmetic on printed numbers only" :
					*claim_why(measured) ? claim_why(measured) :
					"no item has such a value of ours");
			ret = j->why ? 0 : -ENOMEM;
		}
	}
	if (ret < 0) {
		claims_judged_free(all, list->n);
		return ret;
	}
	*out = all;
	return 0;
}

void claims_judged_free(struct judged_claim *all, size_t n)
{
	size_t i;

	for (i = 0; all && i < n; i++) {
		free(all[i].why);
		free(all[i].over);
	}
	free(all);
}
