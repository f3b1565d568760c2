// SPDX-License-Identifier: GPL-2.0
/*
 * Prints tables for people. The hard thing is the width: 80 columns hold four points, names may be
 * long; so headings are folded, and more than four points make several blocks of the same rows.
 */
#include "analyze/eli.h"
#include "analyze/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_COLS	4

static const char *machine_text(const struct record *r, const char *key)
{
	const char *s = json_string_value(json_object_get(json_object_get(r->root, "machine"),
							  key));

	return s ? s : "unknown";
}

void text_heading(FILE *out, const struct record *r)
{
	fprintf(out, "%s: %s\n%s\n", r->scenario, r->title, record_time_label(r));
	fprintf(out, "kernel %s, scenario file %.12s\n", machine_text(r, "kernel"), r->sha256);
}

void text_cell(char *buf, size_t n, double v)
{
	double a = fabs(v);

	if (a == 0)
		snprintf(buf, n, "0");
	else if (a < 0.0005)
		snprintf(buf, n, "<0.001");
	else if (a >= 100 && a < 1e10 && v == floor(v))
		snprintf(buf, n, "%.0f", v);
	else if (a < 10)
		snprintf(buf, n, "%.3f", v);
	else if (a < 100)
		snprintf(buf, n, "%.2f", v);
	else if (a < 10000)
		snprintf(buf, n, "%.1f", v);
	else if (a < 1e10)
		snprintf(buf, n, "%.0f", v);
	else
		snprintf(buf, n, "%.4g", v);
}

/* Columns printed side by side. */
struct block {
	FILE *out;
	const struct table *t;
	size_t first, end;
};

typedef bool (*value_fn)(const struct block *b, size_t col, const void *arg, double *v);

static void line(const struct block *b, const char *label, value_fn value, const void *arg)
{
	char buf[32];
	double v;
	size_t i;

	fprintf(b->out, "%-*.*s", TEXT_LABEL_WIDTH, TEXT_LABEL_WIDTH, label);
	for (i = b->first; i < b->end; i++) {
		if (value(b, i, arg, &v))
			text_cell(buf, sizeof(buf), v);
		else
			strcpy(buf, "-");
		fprintf(b->out, " %*s", TEXT_COL_WIDTH, buf);
	}
	fprintf(b->out, "\n");
}

void text_fold(char lines[TEXT_HEAD_LINES][TEXT_COL_WIDTH + 1], size_t *n, const char *text)
{
	while (*text && *n < TEXT_HEAD_LINES) {
		size_t len = strlen(text), i;

		if (len > TEXT_COL_WIDTH) {
			len = TEXT_COL_WIDTH;
			for (i = len; i > len / 2; i--) {
				if (strchr("-,.=", text[i - 1])) {
					len = i;
					break;
				}
			}
		}
		snprintf(lines[*n], TEXT_COL_WIDTH + 1, "%.*s", (int)len, text);
		*n += 1;
		text += len;
	}
}

static size_t heading_lines(const struct record *r, char lines[TEXT_HEAD_LINES][TEXT_COL_WIDTH + 1])
{
	char buf[160], text[64];
	const char *key;
	size_t n = 0;
	json_t *v;

	text_fold(lines, &n, r->config);
	json_object_foreach(r->parameters, key, v) {
		/* "workloads.rr.requests=5": the workload is this table's or does not matter. */
		const char *shown = strncmp(key, "workloads.", 10) ? key : key + 10;

		snprintf(buf, sizeof(buf), "%.80s=%s", shown, record_parameter(v, text, sizeof(text)));
		text_fold(lines, &n, buf);
	}
	if (r->repeat > 1) {
		snprintf(buf, sizeof(buf), "#%d", r->repeat);
		text_fold(lines, &n, buf);
	}
	return n;
}

static void headings(const struct block *b)
{
	char lines[BLOCK_COLS][TEXT_HEAD_LINES][TEXT_COL_WIDTH + 1];
	size_t n[BLOCK_COLS], most = 0, i, l;

	for (i = b->first; i < b->end; i++) {
		n[i - b->first] = heading_lines(b->t->cols[i].rec, lines[i - b->first]);
		if (n[i - b->first] > most)
			most = n[i - b->first];
	}
	for (l = 0; l < most; l++) {
		fprintf(b->out, "%-*s", TEXT_LABEL_WIDTH, "");
		for (i = 0; i < b->end - b->first; i++)
			fprintf(b->out, " %*s", TEXT_COL_WIDTH, l < n[i] ? lines[i][l] : "");
		fprintf(b->out, "\n");
	}
}

static void rule(const struct block *b)
{
	size_t n = TEXT_LABEL_WIDTH + (b->end - b->first) * (TEXT_COL_WIDTH + 1);

	while (n--)
		fputc('-', b->out);
	fputc('\n', b->out);
}

static bool row_value(const struct block *b, size_t col, const void *arg, double *v)
{
	*v = table_rate(b->t, arg, col);
	return b->t->cols[col].work > 0;
}

/* Everything after the first *@arg rows. */
static bool other_value(const struct block *b, size_t col, const void *arg, double *v)
{
	size_t i;

	*v = 0;
	for (i = *(const size_t *)arg; i < b->t->nr_rows; i++)
		*v += table_rate(b->t, &b->t->rows[i], col);
	return b->t->cols[col].work > 0;
}

static bool work_value(const struct block *b, size_t col, const void *arg, double *v)
{
	(void)arg;
	*v = b->t->cols[col].work;
	return true;
}

static bool per_second_value(const struct block *b, size_t col, const void *arg, double *v)
{
	const struct column *c = &b->t->cols[col];

	(void)arg;
	*v = c->duration_s > 0 ? c->exits / c->duration_s : 0;
	return c->duration_s > 0;
}

static bool guest_value(const struct block *b, size_t col, const void *arg, double *v)
{
	(void)arg;
	*v = table_guest_percent(&b->t->cols[col]);
	return b->t->cols[col].vcpus && b->t->cols[col].duration_s > 0;
}

static bool handling_value(const struct block *b, size_t col, const void *arg, double *v)
{
	const struct column *c = &b->t->cols[col];

	(void)arg;
	*v = c->handling_ns / 1e3 / c->work;
	return c->work > 0;
}

static bool halted_value(const struct block *b, size_t col, const void *arg, double *v)
{
	const struct column *c = &b->t->cols[col];

	(void)arg;
	*v = c->halted_ns / 1e3 / c->work;
	return c->work > 0;
}

static bool counter_value(const struct block *b, size_t col, const void *arg, double *v)
{
	const struct column *c = &b->t->cols[col];
	const char *const *path = arg;

	if (!table_counter(c->window, path[0], path[1], v) || !(c->work > 0))
		return false;
	*v /= c->work;
	return true;
}

#define MAX_RESULTS 64

struct result_line { const char *key; double scale; };

static bool result_value(const struct block *b, size_t col, const void *arg, double *v)
{
	const struct result_line *l = arg;
	struct result r[MAX_RESULTS];
	size_t n = table_results(b->t->cols[col].window, r, MAX_RESULTS), i;

	for (i = 0; i < n && strcmp(r[i].key, l->key); i++)
		;
	if (i == n)
		return false;
	*v = r[i].value * l->scale;
	return true;
}

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && !strcmp(s + n - m, end);
}

/* "rtt_mean_ns" is printed as "rtt mean, us", bytes per second as MB. */
static void result_lines(const struct block *b)
{
	/* These are the work, which has a line of its own. */
	static const char *const work[] = { "requests", "bytes", "out", "cpuid", "hlt", "wrmsr",
					     "timers" };
	const size_t nr_work = sizeof(work) / sizeof(work[0]);
	struct result r[MAX_RESULTS];
	size_t n = table_results(b->t->cols[b->first].window, r, MAX_RESULTS), i, j;
	char label[96], *p;

	for (i = 0; i < n; i++) {
		struct result_line l = { r[i].key, 1 };

		for (j = 0; j < nr_work && strcmp(r[i].key, work[j]); j++)
			;
		if (j < nr_work)
			continue;
		if (ends_with(r[i].key, "bytes_per_s")) {
			l.scale = 1e-6;
			snprintf(label, sizeof(label), "%.*sthroughput, MB/s",
				 (int)(strlen(r[i].key) - 11), r[i].key);
		} else if (ends_with(r[i].key, "_per_s")) {
			snprintf(label, sizeof(label), "%.*s/s", (int)(strlen(r[i].key) - 6),
				 r[i].key);
		} else if (ends_with(r[i].key, "_ns")) {
			l.scale = 1e-3;
			snprintf(label, sizeof(label), "%.*s, us", (int)(strlen(r[i].key) - 3),
				 r[i].key);
		} else {
			snprintf(label, sizeof(label), "%s", r[i].key);
		}
		for (p = label; *p; p++)
			*p = *p == '_' ? ' ' : *p;
		line(b, label, result_value, &l);
	}
}

/* Interrupts by who counted them; only those that some point has. */
static void counter_lines(const struct block *b)
{
	static const struct { const char *path[2], *label; } counters[] = {
		{ { "guest", "interrupts" }, "guest irqs" },
		{ { "guest", "nic_interrupts" }, "guest NIC irqs" },
		{ { "host", "vfio_interrupts" }, "host VFIO irqs" },
		{ { "signals", "kicks" }, "kicks" },
		{ { "signals", "replies" }, "replies" },
	};
	char label[96];
	size_t i, c;
	double v;

	for (i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		for (c = b->first; c < b->end; c++) {
			if (table_counter(b->t->cols[c].window, counters[i].path[0],
					  counters[i].path[1], &v))
				break;
		}
		if (c == b->end)
			continue;
		snprintf(label, sizeof(label), "%s/%s", counters[i].label, b->t->unit);
		line(b, label, counter_value, counters[i].path);
	}
}

static size_t failed_checks(const struct column *c, size_t *all)
{
	json_t *check;
	size_t i, failed = 0;

	*all = 0;
	json_array_foreach(json_object_get(c->window, "checks"), i, check) {
		*all += 1;
		failed += json_number_value(json_object_get(check, "difference")) != 0;
	}
	return failed;
}

static void check_line(const struct block *b)
{
	size_t i;

	fprintf(b->out, "%-*s", TEXT_LABEL_WIDTH, "cross checks");
	for (i = b->first; i < b->end; i++) {
		size_t all, failed = failed_checks(&b->t->cols[i], &all);
		char buf[TEXT_COL_WIDTH + 1];

		if (failed || b->t->cols[i].lost)
			strcpy(buf, "FAILED");
		else if (!all)
			strcpy(buf, "none");
		else
			snprintf(buf, sizeof(buf), "%zu agree", all > 9999 ? 9999 : all);
		fprintf(b->out, " %*s", TEXT_COL_WIDTH, buf);
	}
	fprintf(b->out, "\n");
}

static void print_block(const struct block *b, size_t top)
{
	const struct table *t = b->t;
	char label[64];
	size_t i;

	headings(b);
	rule(b);
	/* A row that is put into "other" alone would only lose its name. */
	if (t->nr_rows <= top + 1)
		top = t->nr_rows;
	for (i = 0; i < top; i++)
		line(b, t->rows[i].label, row_value, &t->rows[i]);
	if (top < t->nr_rows) {
		snprintf(label, sizeof(label), "other (%zu reasons)", t->nr_rows - top);
		line(b, label, other_value, &top);
	}
	line(b, "total", row_value, NULL);
	rule(b);
	snprintf(label, sizeof(label), "work, %s%s", t->unit, strcmp(t->unit, "MB") ? "s" : "");
	line(b, label, work_value, NULL);
	line(b, "exits/s", per_second_value, NULL);
	line(b, "in guest, % of vCPU time", guest_value, NULL);
	snprintf(label, sizeof(label), "handling, us/%s", t->unit);
	line(b, label, handling_value, NULL);
	snprintf(label, sizeof(label), "halted (HLT), us/%s", t->unit);
	line(b, label, halted_value, NULL);
	result_lines(b);
	counter_lines(b);
	check_line(b);
	if (eli_in_table(t)) {
		rule(b);
		eli_lines(b->out, t, b->first, b->end);
	}
}

void text_table(FILE *out, const struct table *t, size_t top)
{
	struct block b = { .out = out, .t = t };

	fprintf(out, "\n%s: %s\nexits per %s, by reason\n", t->workload, t->title, t->unit);
	for (b.first = 0; b.first < t->nr_cols; b.first = b.end) {
		b.end = b.first + BLOCK_COLS < t->nr_cols ? b.first + BLOCK_COLS : t->nr_cols;
		fputc('\n', out);
		print_block(&b, top);
	}
}

static double number_of(const json_t *obj, const char *key)
{
	return json_number_value(json_object_get(obj, key));
}

size_t text_failed_checks(FILE *out, const struct table *t)
{
	size_t failed = 0, i, j;
	json_t *check;

	for (i = 0; i < t->nr_cols; i++) {
		const struct column *c = &t->cols[i];

		json_array_foreach(json_object_get(c->window, "checks"), j, check) {
			if (number_of(check, "difference") == 0)
				continue;
			fprintf(out, "!! CHECK FAILED: %s, %s: %s: %.0f against %.0f, difference "
				"%.0f\n", c->rec->id, t->workload,
				json_string_value(json_object_get(check, "name")),
				number_of(check, "tracer"), number_of(check, "other"),
				number_of(check, "difference"));
			failed++;
		}
		if (c->lost) {
			fprintf(out, "!! EVENTS LOST: %s, %s: the tracer lost %llu events; its "
				"counts are too low\n", c->rec->id, t->workload,
				(unsigned long long)c->lost);
			failed++;
		}
		if (c->reason_exits != c->exits) {
			fprintf(out, "!! SUM WRONG: %s, %s: %llu exits, but the reasons add up to "
				"%llu\n", c->rec->id, t->workload, (unsigned long long)c->exits,
				(unsigned long long)c->reason_exits);
			failed++;
		}
	}
	return failed;
}
