// SPDX-License-Identifier: GPL-2.0
/*
 * Values that only claims ask for, such as the largest ratio of two configurations over all numbers
 * of VMs. They are had from our values of the items, never from those that are printed.
 */
#include "analyze/paper_out.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/expr.h"
#include "util/log.h"

/* What counts as growth from one number of VMs to the next; the papers do not say. */
#define GROWTH		1.05
#define MAX_POINTS	64
/* Of a range of numbers of VMs, one of them tells nothing. */
#define MIN_POINTS	2
/* What has no I/O core still grows by this share of N: so neither link nor load is full. */
#define LINEAR		0.9

struct measuring {
	const struct paper_values *all;
	size_t n;
	const char *why;
	char reason[160];	/* room for a why of our own */
	char over[240];		/* which x went into the value */
};

static bool of_table(const struct paper_cell *c, const char *name)
{
	size_t i;

	for (i = 0; i < c->panel->nr_printed; i++)
		if (!strcmp(c->panel->printed[i], name))
			return true;
	return false;
}

/* The next cell after @c (NULL: the first) of a table with this configuration and metric. */
static const struct paper_cell *next(const struct measuring *m, const struct paper_cell *c,
				     const char *table, const char *configuration,
				     const char *metric)
{
	bool found = !c;
	size_t i, j;

	for (i = 0; i < m->n; i++) {
		for (j = 0; j < m->all[i].n; j++) {
			const struct paper_cell *o = &m->all[i].cells[j];

			if (found && of_table(o, table) && !strcmp(o->metric, metric) &&
			    !strcmp(o->configuration, configuration))
				return o;
			found |= o == c;
		}
	}
	return NULL;
}

static int missing(struct measuring *m, const struct paper_cell *c)
{
	if (!m->why)
		m->why = c && c->why ? c->why : "no such value";
	return -ENODATA;
}

static int refuse(struct measuring *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int refuse(struct measuring *m, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (!m->why)
		vsnprintf(m->reason, sizeof(m->reason), fmt, ap);
	va_end(ap);
	m->why = m->why ? m->why : m->reason;
	return -ENODATA;
}

/* Adds "WHAT 1, 2, 3" to what the value is over, once. */
static void say_over(struct measuring *m, const char *what, const char *list)
{
	char one[120];
	size_t len = strlen(m->over);

	snprintf(one, sizeof(one), "%s %s", what, list);
	if (*list && !strstr(m->over, one))
		snprintf(m->over + len, sizeof(m->over) - len, "%s%s", len ? "; " : "", one);
}

static void add_x(char *list, size_t room, double x)
{
	size_t len = strlen(list);

	snprintf(list + len, room - len, "%s%g", len ? ", " : "", x);
}

static int value(struct measuring *m, const struct expr_arg *a, double *out)
{
	const struct paper_cell *c = NULL, *missed = NULL;

	while ((c = next(m, c, a[0].text, a[1].text, a[3].text))) {
		if (strcmp(c->x, a[2].text))
			continue;
		*out = c->ours;
		if (c->has_ours)
			return 0;
		missed = c;
	}
	return missing(m, missed);
}

static bool x_number(const struct paper_cell *c, double *x)
{
	char *end;

	*x = strtod(c->x, &end);
	return end != c->x && !*end;
}

/* Ours of the other configuration at the same x. */
static const struct paper_cell *partner(const struct measuring *m, const struct paper_cell *c,
					const char *table, const char *configuration)
{
	const struct paper_cell *o = NULL;

	while ((o = next(m, o, table, configuration, c->metric)))
		if (!strcmp(o->x, c->x))
			return o;
	return NULL;
}

static int too_few(struct measuring *m, size_t n, const struct paper_cell *missed)
{
	if (n && !m->why)
		m->why = "run with one number of VMs only, and the claim is about several";
	return missing(m, missed);
}

enum fold { RATIO_MIN, RATIO_MAX, GAP_MAX };

/* @needed: the extreme is not judged by runs that end below this x. */
static int fold_two(struct measuring *m, const struct expr_arg *a, enum fold how, double from,
		    double to, double needed, double *out)
{
	const struct paper_cell *c = NULL, *o, *missed = NULL;
	double x, y, high = -HUGE_VAL;
	char over[80] = "";
	size_t n = 0;

	while ((c = next(m, c, a[0].text, a[1].text, a[3].text))) {
		if (!x_number(c, &x) || x < from || x > to)
			continue;
		o = partner(m, c, a[0].text, a[2].text);
		if (!c->has_ours || !o || !o->has_ours || (how != GAP_MAX && o->ours == 0)) {
			missed = missed ? missed : c->has_ours ? o : c;
			continue;
		}
		y = how == GAP_MAX ? c->ours - o->ours : c->ours / o->ours;
		if (!n || (how == RATIO_MIN ? y < *out : y > *out))
			*out = y;
		high = fmax(high, x);
		add_x(over, sizeof(over), x);
		n++;
	}
	if (n < MIN_POINTS && !(n && from == to))
		return too_few(m, n, missed);
	if (high < needed)
		return refuse(m, "run up to N = %g only; the largest is to be had at %g", high, needed);
	say_over(m, "over N =", over);
	return 0;
}

/*
 * The smallest ratio of A to B over those N at which nothing is saturated, by our own numbers: the
 * share of its time that A's I/O core works is below a limit, and B, which has none, does at least
 * LINEAR times N of what it does at one (so link and load generator have room).
 */
static int unsaturated_min(struct measuring *m, const struct expr_arg *a, double *out)
{
	const struct paper_cell *c = NULL, *b, *share, *missed = NULL, *one = NULL;
	char in[80] = "", full[80] = "";
	bool lacks = false;
	size_t n = 0;
	double x;

	while ((b = next(m, c, a[0].text, a[2].text, a[3].text)) && strcmp(b->x, "1"))
		c = b;
	if (b && b->has_ours && b->ours)
		one = b;
	for (c = NULL; (c = next(m, c, a[0].text, a[1].text, a[3].text));) {
		const struct paper_cell *s = NULL;

		if (!x_number(c, &x))
			continue;
		b = partner(m, c, a[0].text, a[2].text);
		for (share = NULL; (s = next(m, s, a[4].text, a[1].text, a[5].text));)
			if (!strcmp(s->x, c->x))
				share = s;
		if (!c->has_ours || !b || !b->has_ours || !b->ours || !share || !share->has_ours) {
			lacks = true;
			if (!missed)
				missed = !c->has_ours ? c : !b || !b->has_ours ? b : share;
			continue;
		}
		if (!one)
			return refuse(m, "without %s at N = 1 it is not known whether the load has room",
				      a[2].text);
		if (share->ours >= a[6].number || b->ours < LINEAR * x * one->ours) {
			add_x(full, sizeof(full), x);
			continue;
		}
		if (!n || c->ours / b->ours < *out)
			*out = c->ours / b->ours;
		add_x(in, sizeof(in), x);
		n++;
	}
	if (!n && *full)
		return refuse(m, "I/O core or load is saturated at each N that was run: %s", full);
	if (n < MIN_POINTS && !*full)
		return too_few(m, lacks ? 0 : n, missed);
	say_over(m, "unsaturated: N =", in);
	say_over(m, "saturated: N =", full);
	return 0;
}

struct point {
	double x, y;
};

static int by_x(const void *a, const void *b)
{
	const struct point *p = a, *q = b;

	return p->x < q->x ? -1 : p->x > q->x;
}

/* Our points of one configuration over x, in order; "METRIC per x" divides by x. */
static size_t points(struct measuring *m, const struct expr_arg *a, struct point *out)
{
	static const char per_x[] = " per x";
	const struct paper_cell *c = NULL, *missed = NULL;
	size_t n = 0, len = strlen(a[2].text);
	bool per = len > sizeof(per_x) && !strcmp(a[2].text + len + 1 - sizeof(per_x), per_x);
	char metric[96];
	double x;

	snprintf(metric, sizeof(metric), "%.*s", (int)(per ? len + 1 - sizeof(per_x) : len),
		 a[2].text);
	while ((c = next(m, c, a[0].text, a[1].text, metric))) {
		if (!x_number(c, &x) || n == MAX_POINTS)
			continue;
		if (c->has_ours)
			out[n++] = (struct point){ x, per && x ? c->ours / x : c->ours };
		else if (!missed)
			missed = c;
	}
	qsort(out, n, sizeof(out[0]), by_x);
	if (!n)
		missing(m, missed);
	return n;
}

/* The last x up to @limit at which the value still grew; not judged where N between are missing. */
static int last_growth(struct measuring *m, const struct point *p, size_t n, double limit,
		       double *out)
{
	size_t i, last = 0, high = 0;

	for (i = 1; i < n && p[i].x <= limit; i++) {
		if (p[i].y >= GROWTH * p[i - 1].y)
			last = i;
		high = i;
	}
	if (high && last == high && p[high].x < limit)
		return refuse(m, "still grows at N = %g, the largest that was run of %g", p[high].x,
			      limit);
	if (last && p[last].x - p[last - 1].x > 1)
		return refuse(m, "growth ends between N = %g and %g, and what is between was not run",
			      p[last - 1].x, p[last].x);
	*out = p[last].x;
	return 0;
}

static int fold_one(struct measuring *m, const char *name, const struct expr_arg *a, double limit,
		    double *out)
{
	struct point p[MAX_POINTS];
	size_t n = points(m, a, p), i;
	double mean = 0, spread = 0, high;
	char over[80] = "";

	if (n < MIN_POINTS)
		return too_few(m, n, NULL);
	high = p[0].y;
	for (i = 0; i < n; i++) {
		mean += p[i].y / n;
		high = fmax(high, p[i].y);
		add_x(over, sizeof(over), p[i].x);
	}
	say_over(m, "over N =", over);
	for (i = 0; i < n; i++)
		spread += (p[i].y - mean) * (p[i].y - mean) / n;
	if (!strcmp(name, "last_growth"))
		return last_growth(m, p, n, limit, out);
	if (!strcmp(name, "highest") && p[n - 1].x < limit)
		return refuse(m, "run up to N = %g only; the largest is to be had at %g", p[n - 1].x,
			      limit);
	*out = !strcmp(name, "mean") ? mean : !strcmp(name, "highest") ? high : sqrt(spread);
	return 0;
}

static int call(void *arg, const char *name, const struct expr_arg *a, size_t n, double *out)
{
	struct measuring *m = arg;

	if (!strcmp(name, "v") && n == 4)
		return value(m, a, out);
	if (!strcmp(name, "ratio_min") && n == 6)
		return fold_two(m, a, RATIO_MIN, a[4].number, a[5].number, -HUGE_VAL, out);
	if (!strcmp(name, "ratio_max") && n == 6)
		return fold_two(m, a, RATIO_MAX, a[4].number, a[5].number, -HUGE_VAL, out);
	if (!strcmp(name, "gap_max") && n == 5)
		return fold_two(m, a, GAP_MAX, -HUGE_VAL, HUGE_VAL, a[4].number, out);
	if (!strcmp(name, "unsaturated_min") && n == 7)
		return unsaturated_min(m, a, out);
	if (n == 3 || n == 4)
		return fold_one(m, name, a, n == 4 ? a[3].number : HUGE_VAL, out);
	return -EINVAL;
}

int paper_write_measures(FILE *out, const struct paper *p, const struct paper_values *all,
			 size_t n)
{
	size_t i;

	fputs("configuration,x,metric,value,unit,provenance,source,note\n", out);
	for (i = 0; i < p->nr_measures; i++) {
		const struct paper_measure *e = &p->measures[i];
		struct measuring m = { .all = all, .n = n, .why = e->why };
		struct expr_env env = { call, &m };
		const char *texts[] = { e->configuration, e->x, e->metric };
		char why[160];
		double y = 0;
		int ret = e->why ? -ENODATA : expr_eval(e->value, &env, &y, why, sizeof(why));
		size_t j;

		if (ret && ret != -ENODATA) {
			err("measures: %s: %s", e->value, why);
			return ret;
		}
		for (j = 0; j < 3; j++) {
			paper_csv_text(out, texts[j]);
			fputc(',', out);
		}
		if (!ret)
			fprintf(out, "%.10g", y);
		fputs(",,", out);
		fputs(ret ? "," : "from items,", out);
		paper_csv_text(out, e->value ? e->value : "");
		fputc(',', out);
		paper_csv_text(out, ret ? m.why ? m.why : "nothing to divide by" : m.over);
		fputc('\n', out);
	}
	return 0;
}
