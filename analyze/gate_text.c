// SPDX-License-Identifier: GPL-2.0
/*
 * The gate's answer for people. Whoever reads it has a red build and wants to know what to look at:
 * so what moved comes first, the largest first, in the words of the exit reasons; then what the two
 * sides were made of. Names may be long, so every line is folded.
 */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/baseline.h"
#include "analyze/gate_out.h"
#include "run/scenario_msg.h"

#define WIDTH		79
/* Differences that are still of use to a reader. */
#define MAX_DIFFERENCES	24

/* Writes a line, folded at blanks; what goes on is indented by four more. */
static void put(FILE *out, int indent, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void put(FILE *out, int indent, const char *fmt, ...)
{
	char buf[1024], *s = buf;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	while ((int)strlen(s) > WIDTH - indent) {
		char *cut = s + WIDTH - indent;

		while (cut > s && *cut != ' ')
			cut--;
		if (cut == s)
			cut = s + WIDTH - indent;
		fprintf(out, "%*s%.*s\n", indent, "", (int)(cut - s), s);
		s = cut + (*cut == ' ');
		indent = indent < 4 ? indent + 4 : indent;
	}
	fprintf(out, "%*s%s\n", indent, "", s);
}

/* "+2.023, +168.6 %", or only the first if there was nothing before. */
static const char *step_text(const struct gate_number *n, char *buf, size_t size)
{
	double d = n->new_rate - n->old_rate;
	char text[32];
	int len;

	len = snprintf(buf, size, "%s%s", d > 0 ? "+" : "", rate_text(d, text, sizeof(text)));
	if (n->old_rate > 0 && len < (int)size)
		snprintf(buf + len, size - len, ", %+.3g %%", 100 * d / n->old_rate);
	return buf;
}

static void number_line(FILE *out, const struct gate_load *l, const struct gate_number *n)
{
	char label[NUMBER_KEY_MAX], a[32], b[32], step[80], counts[80] = "", range[96] = "";

	rate_text(n->old_rate, a, sizeof(a));
	rate_text(n->new_rate, b, sizeof(b));
	if (n->not_counted) {
		put(out, 2, "%s: %s -> n/a per %s: %s", number_label(n->key, label, sizeof(label)),
		    a, sc_quote(l->unit).s, n->why);
		return;
	}
	/* A step that the rounded rates do not show. */
	if (!strcmp(a, b))
		snprintf(counts, sizeof(counts), "; %.0f -> %.0f in all", n->old_count, n->new_count);
	if (n->has_interval) {
		char low[32], high[32];

		snprintf(range, sizeof(range), ", interval %s to %s", rate_text(n->low, low,
			 sizeof(low)), rate_text(n->high, high, sizeof(high)));
	}
	put(out, 2, "%s: %s -> %s per %s (%s%s%s)%s%s%s", number_label(n->key, label, sizeof(label)),
	    a, b, sc_quote(l->unit).s, step_text(n, step, sizeof(step)), counts, range,
	    n->move == MOVE_UNDECIDED ? " undecided" : "", n->why[0] ? ": " : "", n->why);
}

static int by_size(const void *pa, const void *pb)
{
	const struct gate_number *a = *(const struct gate_number *const *)pa;
	const struct gate_number *b = *(const struct gate_number *const *)pb;
	double u = fabs(a->new_rate - a->old_rate), v = fabs(b->new_rate - b->old_rate);

	/* The total stands first: the rest explains it. */
	if ((a->kind == NUMBER_TOTAL) != (b->kind == NUMBER_TOTAL))
		return a->kind == NUMBER_TOTAL ? -1 : 1;
	if (u != v)
		return u > v ? -1 : 1;
	return strcmp(a->key, b->key);
}

/* Undecided for a reason of its own; too few repeats are told once, for all numbers. */
static bool tells_something(const struct gate_number *n)
{
	return n->move == MOVE_UNDECIDED && (n->has_interval || n->not_counted);
}

/* What moved, then what is undecided, each by size. */
static void number_lines(FILE *out, const struct gate_load *l)
{
	const struct gate_number **list = calloc(l->n + 1, sizeof(*list));
	size_t n = 0, i;
	int pass;

	for (pass = 0; list && pass < 2; pass++) {
		n = 0;
		for (i = 0; i < l->n; i++) {
			enum gate_move m = l->numbers[i].move;

			if (pass ? tells_something(&l->numbers[i]) : m == MOVE_UP || m == MOVE_DOWN)
				list[n++] = &l->numbers[i];
		}
		qsort(list, n, sizeof(*list), by_size);
		for (i = 0; i < n; i++)
			number_line(out, l, list[i]);
	}
	free(list);
}

static void not_judged(FILE *out, const struct gate_load *l)
{
	char label[NUMBER_KEY_MAX];
	size_t i;

	for (i = 0; i < l->n; i++) {
		if (l->numbers[i].move == MOVE_NOT_JUDGED)
			put(out, 2, "not judged: %s (%s)", number_label(l->numbers[i].key, label,
									sizeof(label)),
			    sc_quote(l->numbers[i].why).s);
	}
}

void gate_text_load(FILE *out, const struct gate_load *l)
{
	char a[32], b[32], how[160];
	double old = 0, now = 0;
	size_t i;

	for (i = 0; i < l->n; i++) {
		if (l->numbers[i].kind == NUMBER_TOTAL) {
			old = l->numbers[i].old_rate;
			now = l->numbers[i].new_rate;
		}
	}
	if (l->verdict == GATE_UNUSABLE)
		put(out, 0, "%s: %s/%s: %s", gate_verdict_name(l->verdict), sc_quote(l->point).s,
		    sc_quote(l->name).s, l->why);
	else
		put(out, 0, "%s: %s/%s: %s%s%s exits per %s%s%s", gate_verdict_name(l->verdict),
		    sc_quote(l->point).s, sc_quote(l->name).s, rate_text(old, a, sizeof(a)),
		    old == now ? "" : " -> ", old == now ? "" : rate_text(now, b, sizeof(b)),
		    sc_quote(l->unit).s, l->why[0] ? "; " : "", l->why);
	if (l->verdict == GATE_PASS || l->verdict == GATE_UNUSABLE)
		return;
	number_lines(out, l);
	not_judged(out, l);
	put(out, 2, "compared: %s", gate_method_text(l, how, sizeof(how)));
}

static bool about(const json_t *difference, const char *point)
{
	const char *p = json_string_value(json_object_get(difference, "point"));

	return !point || !p || !strcmp(p, point);
}

static void difference_line(FILE *out, const json_t *d)
{
	const char *point = json_string_value(json_object_get(d, "point"));
	struct sc_quoted field = sc_quote(json_string_value(json_object_get(d, "field")));
	struct sc_quoted old = sc_quote(json_string_value(json_object_get(d, "baseline")));
	struct sc_quoted now = sc_quote(json_string_value(json_object_get(d, "now")));

	put(out, 2, "%s%s%s: %s -> %s", point ? sc_quote(point).s : "", point ? ": " : "", field.s,
	    old.s, now.s);
}

void gate_text_differences(FILE *out, const struct gate *g, const char *point)
{
	size_t told = 0, i;
	json_t *d;

	json_array_foreach(g->differences, i, d) {
		if (!about(d, point))
			continue;
		if (!told)
			fprintf(out, "The baseline and the records differ in:\n");
		if (told++ < MAX_DIFFERENCES)
			difference_line(out, d);
	}
	if (told > MAX_DIFFERENCES)
		fprintf(out, "  and %zu more; --json has them all\n", told - MAX_DIFFERENCES);
	if (!told)
		fprintf(out, "The baseline and the records agree in machine, kernel and settings.\n");
}

static void summary(FILE *out, const struct gate *g)
{
	size_t count[GATE_REGRESSION + 1] = { 0 }, i, missing = json_array_size(g->missing);
	char text[256];
	int len;

	for (i = 0; i < g->n; i++)
		count[g->loads[i].verdict]++;
	len = snprintf(text, sizeof(text), "%zu passed", count[GATE_PASS]);
	for (i = GATE_IMPROVEMENT; i <= GATE_REGRESSION; i++) {
		if (count[i])
			len += snprintf(text + len, sizeof(text) - len, ", %zu %s", count[i],
					gate_verdict_name(i));
	}
	if (missing)
		snprintf(text + len, sizeof(text) - len, ", %zu missing", missing);
	put(out, 0, "%s: %s: %s", sc_quote(g->scenario).s, gate_verdict_name(g->verdict), text);
}

/* How what passed was compared: once for all that follow each other and were compared alike. */
static void how_passed(FILE *out, const struct gate *g, size_t i)
{
	const struct gate_load *l = &g->loads[i], *next = i + 1 < g->n ? l + 1 : NULL;
	char how[160], other[160] = "";

	if (l->verdict != GATE_PASS)
		return;
	if (next && next->verdict == GATE_PASS)
		gate_method_text(next, other, sizeof(other));
	if (strcmp(gate_method_text(l, how, sizeof(how)), other))
		put(out, 2, "compared: %s", how);
}

void gate_text(FILE *out, const struct gate *g)
{
	json_t *name;
	size_t i;

	for (i = 0; i < g->n; i++) {
		gate_text_load(out, &g->loads[i]);
		how_passed(out, g, i);
	}
	json_array_foreach(g->missing, i, name)
		put(out, 0, "missing: %s: no record has it; --partial does without",
		    sc_quote(json_string_value(name)).s);
	json_array_foreach(g->extra, i, name)
		put(out, 0, "ignored: %s: not in the baseline; exitlab baseline --update adds it",
		    sc_quote(json_string_value(name)).s);
	if (g->verdict != GATE_PASS)
		gate_text_differences(out, g, NULL);
	summary(out, g);
}
