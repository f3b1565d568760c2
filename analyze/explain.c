// SPDX-License-Identifier: GPL-2.0
/*
 * Explanations of differences. A number in a text is "{EXPRESSION}", so it cannot be typed in; a check
 * is "EXPRESSION < EXPRESSION" (or <=, >, >=). The record of a number is named as SCENARIO/POINT, and
 * each that was looked up is noted with its value.
 */
#include "analyze/explain.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/expr.h"
#include "analyze/paper_priv.h"
#include "run/yaml.h"
#include "util/log.h"

#define NOT_YET	"not explained yet"

struct explaining {
	const struct records *rs;
	const struct paper_values *all;
	size_t n;
	FILE *counters;
	char *noted;
	size_t noted_size;
	char why[240];
};

/* ---- reading ---- */

static bool texts(const struct yt_node *l)
{
	size_t i;

	for (i = 0; l && l->kind == YT_LIST && i < l->n; i++)
		if (l->entries[i].value->kind != YT_SCALAR)
			return false;
	return l && l->kind == YT_LIST && l->n;
}

static void read_one(struct sc_problems *pb, const struct yt_node *e, struct explanation *x)
{
	static const char *const known[] = { "id", "items", "claims", "checks", "text", NULL };
	const struct yt_node *id = yt_get(e, "id");
	size_t i, j;

	for (i = 0; e->kind == YT_MAP && i < e->n; i++) {
		for (j = 0; known[j] && strcmp(known[j], e->entries[i].key); j++)
			;
		if (!known[j])
			sc_problem(pb, e->entries[i].line, "%s: unknown key", e->entries[i].key);
	}
	x->items = yt_get(e, "items");
	x->claims = yt_get(e, "claims");
	x->checks = yt_get(e, "checks");
	x->text = yt_get(e, "text");
	if (id && id->kind == YT_SCALAR && *id->text)
		x->id = id->text;
	else
		sc_problem(pb, e->line, "id: missing; a text is needed");
	if (!texts(x->items) || !texts(x->checks) || !texts(x->text) ||
	    (x->claims && !texts(x->claims)))
		sc_problem(pb, e->line, "items, checks, text (and claims): lists of texts are needed");
}

static int read_tree(struct explanations *out, struct sc_problems *pb)
{
	const struct yt_node *l = yt_get(out->tree, "explanations");
	size_t i;

	if (!l || l->kind != YT_LIST) {
		sc_problem(pb, 0, "explanations: missing; a list is needed");
		return 0;
	}
	out->list = calloc(l->n + 1, sizeof(out->list[0]));
	if (!out->list)
		return -ENOMEM;
	for (i = 0; i < l->n; i++)
		read_one(pb, l->entries[i].value, &out->list[out->n++]);
	return 0;
}

int explain_load(const char *path, FILE *err, struct explanations *out)
{
	struct sc_problems pb = { 0 };
	char *buf = malloc(YT_MAX_BYTES + 1);
	FILE *f = fopen(path, "re");
	int ret = buf ? 0 : -ENOMEM;
	size_t n;

	memset(out, 0, sizeof(*out));
	if (!ret && f) {
		n = fread(buf, 1, YT_MAX_BYTES + 1, f);
		out->tree = yt_read(buf, n, &pb);
		if (out->tree)
			ret = read_tree(out, &pb);
		ret = ret || pb.nomem ? -ENOMEM : pb.n || ferror(f) ? -EINVAL : 0;
	}
	if (f)
		fclose(f);
	free(buf);
	sc_problems_print(&pb, path, err);
	sc_problems_free(&pb);
	if (ret)
		explain_free(out);
	return ret;
}

void explain_free(struct explanations *x)
{
	size_t i;

	for (i = 0; i < x->n; i++) {
		free(x->list[i].why);
		free(x->list[i].shown);
		free(x->list[i].counters);
	}
	free(x->list);
	yt_free(x->tree);
	memset(x, 0, sizeof(*x));
}

/* ---- numbers ---- */

static const char *number(double v, char *buf, size_t n)
{
	snprintf(buf, n, fabs(v) >= 1000 ? "%.0f" : "%.3g", v);
	return buf;
}

/* Each number of a record once. */
static void note(struct explaining *s, const char *record, const char *window, const char *field,
		 double v)
{
	char one[400], buf[40];

	snprintf(one, sizeof(one), "%s%s%s: %s = %s", record, *window ? ", " : "", window, field,
		 number(v, buf, sizeof(buf)));
	fflush(s->counters);
	if (s->noted && strstr(s->noted, one))
		return;
	fprintf(s->counters, "%s%s", s->noted && *s->noted ? "; " : "", one);
}

static const struct record *find(struct explaining *s, const char *name)
{
	size_t len = strcspn(name, "/"), i;

	for (i = 0; i < s->rs->n; i++) {
		const struct record *r = &s->rs->list[i];

		if (name[len] && strlen(r->scenario) == len && !strncmp(r->scenario, name, len) &&
		    !strcmp(r->id, name + len + 1) && r->repeat == 1)
			return r;
	}
	snprintf(s->why, sizeof(s->why), "no record %.200s", name);
	return NULL;
}

/* "counters.sidecores.cores.0.work_ns" of a window, or of the record if @window is "". */
static int field(struct explaining *s, const struct record *r, const char *window,
		 const char *path, double *out)
{
	const json_t *v = *window ? paper_window(r, window) : r->root;
	const char *p = path;
	char part[64];

	while (v && *p) {
		size_t n = strcspn(p, ".");

		snprintf(part, sizeof(part), "%.*s", (int)n, p);
		v = json_is_array(v) ? json_array_get(v, strtoul(part, NULL, 10)) :
		    json_object_get(v, part);
		p += n + (p[n] == '.');
	}
	*out = json_number_value(v);
	if (json_is_number(v))
		return 0;
	snprintf(s->why, sizeof(s->why), "%.80s has no number %.100s", r->id, path);
	return -ENODATA;
}

static bool of_table(const struct paper_cell *c, const char *name)
{
	size_t i;

	for (i = 0; i < c->panel->nr_printed; i++)
		if (!strcmp(c->panel->printed[i], name))
			return true;
	return false;
}

static int cell(struct explaining *s, const struct expr_arg *a, bool printed, double *out)
{
	size_t i, j;

	for (i = 0; i < s->n; i++) {
		for (j = 0; j < s->all[i].n; j++) {
			const struct paper_cell *c = &s->all[i].cells[j];

			if (!of_table(c, a[0].text) || strcmp(c->configuration, a[1].text) ||
			    strcmp(c->x, a[2].text) || strcmp(c->metric, a[3].text) ||
			    !(printed ? c->has_printed : c->has_ours))
				continue;
			*out = printed ? c->printed : c->ours;
			return 0;
		}
	}
	snprintf(s->why, sizeof(s->why), "no value %.40s, %.40s, %.60s%s", a[1].text, a[2].text,
		 a[3].text, printed ? " is printed" : " of ours");
	return -ENODATA;
}

static int call(void *arg, const char *name, const struct expr_arg *a, size_t n, double *out)
{
	struct explaining *s = arg;
	const struct record *r;
	size_t i;
	int ret;

	for (i = 0; i < n; i++)
		if (!a[i].text)
			return -EINVAL;
	if (n == 4 && (!strcmp(name, "ours") || !strcmp(name, "printed")))
		return cell(s, a, *name == 'p', out);
	if (n != 3 || (strcmp(name, "window") && strcmp(name, "field")))
		return -EINVAL;
	r = find(s, a[0].text);
	if (!r)
		return -ENODATA;
	ret = *name == 'f' ? field(s, r, a[1].text, a[2].text, out) :
	      paper_window_number(r, a[1].text, a[2].text, out, s->why, sizeof(s->why));
	if (!ret)
		note(s, a[0].text, a[1].text, a[2].text, *out);
	return ret;
}

static int evaluate(struct explaining *s, const struct explanation *x, const char *text,
		    double *out)
{
	struct expr_env env = { call, s };
	char why[160];
	int ret = expr_eval(text, &env, out, why, sizeof(why));

	if (ret == -EINVAL)
		err("differences: %s: %s: %s", x->id, text, why);
	if (ret == -ENODATA && !*s->why)
		snprintf(s->why, sizeof(s->why), "nothing to divide by");
	return ret;
}

/* The comparison of a check, outside of strings. */
static const char *comparator(const char *text)
{
	bool quoted = false;

	for (; *text; text++) {
		quoted ^= *text == '\'';
		if (!quoted && (*text == '<' || *text == '>'))
			return text;
	}
	return NULL;
}

static int check(struct explaining *s, const struct explanation *x, const char *text)
{
	const char *c = comparator(text);
	char left[1000], a_text[40], b_text[40];
	double a, b;
	bool equal, holds;
	int ret;

	if (!c || c - text >= (long)sizeof(left)) {
		err("differences: %s: %s: <, <=, > or >= is needed", x->id, text);
		return -EINVAL;
	}
	snprintf(left, sizeof(left), "%.*s", (int)(c - text), text);
	equal = c[1] == '=';
	ret = evaluate(s, x, left, &a);
	if (!ret)
		ret = evaluate(s, x, c + 1 + equal, &b);
	if (ret)
		return ret;
	holds = *c == '<' ? a < b || (equal && a <= b) : a > b || (equal && a >= b);
	if (holds)
		return 0;
	snprintf(s->why, sizeof(s->why), "with these records this is not so: %.110s (%.20s, %.20s)", text,
		 number(a, a_text, sizeof(a_text)), number(b, b_text, sizeof(b_text)));
	return -ENODATA;
}

/* A paragraph, with values where its expressions are. */
static int paragraph(struct explaining *s, const struct explanation *x, const char *text, FILE *out)
{
	char one[1000], buf[40];
	const char *end;
	double y;
	int ret = 0;

	while (!ret && *text) {
		size_t n = strcspn(text, "{");

		fwrite(text, 1, n, out);
		text += n;
		if (!*text)
			break;
		end = strchr(text, '}');
		if (!end || end - text >= (long)sizeof(one)) {
			err("differences: %s: a { is not closed", x->id);
			return -EINVAL;
		}
		snprintf(one, sizeof(one), "%.*s", (int)(end - text - 1), text + 1);
		ret = evaluate(s, x, one, &y);
		if (!ret)
			fputs(number(y, buf, sizeof(buf)), out);
		text = end + 1;
	}
	fputc('\n', out);
	return ret;
}

static int evaluate_one(struct explaining *s, struct explanation *x)
{
	size_t size, i;
	FILE *out = open_memstream(&x->shown, &size);
	int ret = out ? 0 : -ENOMEM;

	s->noted = NULL;
	s->counters = ret ? NULL : open_memstream(&s->noted, &s->noted_size);
	if (!ret && !s->counters)
		ret = -ENOMEM;
	*s->why = 0;
	for (i = 0; !ret && i < x->checks->n; i++)
		ret = check(s, x, x->checks->entries[i].value->text);
	for (i = 0; !ret && i < x->text->n; i++)
		ret = paragraph(s, x, x->text->entries[i].value->text, out);
	x->holds = !ret;
	if (s->counters)
		fclose(s->counters);
	if (out)
		fclose(out);
	x->counters = s->noted;
	if (ret != -ENODATA)
		return ret;
	x->why = strdup(s->why);
	return x->why ? 0 : -ENOMEM;
}

int explain_evaluate(struct explanations *x, const struct records *rs,
		     const struct paper_values *all, size_t n)
{
	struct explaining s = { .rs = rs, .all = all, .n = n };
	size_t i;
	int ret = 0;

	for (i = 0; !ret && i < x->n; i++)
		ret = evaluate_one(&s, &x->list[i]);
	return ret;
}

/* ---- asking ---- */

static bool lists(const struct yt_node *l, const char *name)
{
	size_t i;

	for (i = 0; l && i < l->n; i++)
		if (!strcmp(l->entries[i].value->text, name))
			return true;
	return false;
}

static const struct explanation *next(const struct explanations *x, const struct explanation *from,
				      const char *name, bool claim)
{
	size_t i;

	for (i = from ? (size_t)(from - x->list) + 1 : 0; i < x->n; i++)
		if (lists(claim ? x->list[i].claims : x->list[i].items, name))
			return &x->list[i];
	return NULL;
}

const struct explanation *explain_of_claim(const struct explanations *x,
					   const struct explanation *from, const char *claim)
{
	return next(x, from, claim, true);
}

const struct explanation *explain_of_item(const struct explanations *x,
					  const struct explanation *from, const char *item)
{
	return next(x, from, item, false);
}

const char *explain_name(const struct explanation *e, bool claim, size_t i)
{
	const struct yt_node *l = claim ? e->claims : e->items;

	return l && i < l->n ? l->entries[i].value->text : NULL;
}

const char *explain_names(const struct explanations *x, const char *claim, bool fails, char *buf,
			  size_t n)
{
	const struct explanation *e = NULL;
	size_t len = 0;

	*buf = 0;
	while (fails && (e = explain_of_claim(x, e, claim)))
		if (e->holds && len < n)
			len += snprintf(buf + len, n - len, "%s%s", len ? " " : "", e->id);
	if (fails && !*buf)
		snprintf(buf, n, NOT_YET);
	return buf;
}

void explain_write(FILE *out, const struct explanations *x)
{
	size_t i;

	for (i = 0; i < x->n; i++) {
		const struct explanation *e = &x->list[i];

		fprintf(out, "%s%s\n", i ? "\n" : "", e->id);
		if (e->holds)
			fprintf(out, "%scounters: %s\n", e->shown, e->counters);
		else
			fprintf(out, NOT_YET ": %s\n", e->why);
	}
}
