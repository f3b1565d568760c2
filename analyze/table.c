// SPDX-License-Identifier: GPL-2.0
/*
 * Sums records into tables. The hard thing is what counts as the same reason: its code and, if
 * traced, the detail (an MSR number) on the same instruction set. Names are taken from the records
 * and only for people, since another version may name them differently.
 */
#include "analyze/table.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MSR_X2APIC_EOI 0x80b

static enum family family_of(const struct row *r)
{
	static const struct { const char *isa; int64_t code; enum family family; } known[] = {
		{ "svm", 0x60, FAMILY_INTERRUPT }, { "svm", 0x61, FAMILY_INTERRUPT },
		{ "svm", 0x64, FAMILY_INTERRUPT }, { "svm", 0x78, FAMILY_HLT },
		{ "svm", 0x7b, FAMILY_IO }, { "svm", 0x7c, FAMILY_MSR },
		{ "svm", 0x400, FAMILY_MMIO },
		{ "vmx", 1, FAMILY_INTERRUPT }, { "vmx", 7, FAMILY_INTERRUPT },
		{ "vmx", 8, FAMILY_INTERRUPT }, { "vmx", 12, FAMILY_HLT },
		{ "vmx", 30, FAMILY_IO }, { "vmx", 31, FAMILY_MSR }, { "vmx", 32, FAMILY_MSR },
		{ "vmx", 44, FAMILY_MMIO }, { "vmx", 45, FAMILY_EOI }, { "vmx", 48, FAMILY_MMIO },
		{ "vmx", 49, FAMILY_MMIO }, { "vmx", 56, FAMILY_MSR },
	};
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(r->isa, known[i].isa) || r->reason != known[i].code)
			continue;
		if (known[i].family == FAMILY_MSR && r->has_detail && r->detail == MSR_X2APIC_EOI)
			return FAMILY_EOI;
		return known[i].family;
	}
	return FAMILY_OTHER;
}

const char *family_name(enum family f)
{
	static const char *const names[] = { "interrupts", "EOI", "HLT", "MMIO", "port I/O",
					     "MSR", "other" };

	return names[f];
}

static uint64_t count_of(const json_t *obj, const char *key)
{
	return json_integer_value(json_object_get(obj, key));
}

static const char *string_of(const json_t *obj, const char *key)
{
	return json_string_value(json_object_get(obj, key));
}

/* Cuts to the room there is. */
static void copy(char *to, size_t n, const char *from)
{
	snprintf(to, n, "%s", from);
}

static struct row *find_row(struct table *t, const json_t *reason)
{
	const json_t *detail = json_object_get(reason, "detail");
	int64_t code = json_integer_value(json_object_get(reason, "reason"));
	const char *isa = string_of(reason, "isa"), *name;
	struct row *r, *rows;
	size_t i;

	for (i = 0; i < t->nr_rows; i++) {
		r = &t->rows[i];
		if (r->reason == code && !strncmp(r->isa, isa, sizeof(r->isa) - 1) &&
		    r->has_detail == json_is_integer(detail) &&
		    r->detail == (uint64_t)json_integer_value(detail))
			return r;
	}
	rows = realloc(t->rows, (t->nr_rows + 1) * sizeof(*rows));
	if (!rows)
		return NULL;
	t->rows = rows;
	r = &rows[t->nr_rows];
	*r = (struct row){ .reason = code, .has_detail = json_is_integer(detail),
			   .detail = json_integer_value(detail),
			   .cells = calloc(t->nr_cols, sizeof(*r->cells)) };
	if (!r->cells)
		return NULL;
	copy(r->isa, sizeof(r->isa), isa);
	name = string_of(reason, "name");
	if (name)
		copy(r->name, sizeof(r->name), name);
	else
		snprintf(r->name, sizeof(r->name), "reason 0x%" PRIx64, (uint64_t)code);
	name = string_of(reason, "detail_name");
	if (r->has_detail && name)
		copy(r->detail_name, sizeof(r->detail_name), name);
	else if (r->has_detail)
		snprintf(r->detail_name, sizeof(r->detail_name), "0x%" PRIx64, r->detail);
	r->family = family_of(r);
	t->nr_rows++;
	return r;
}

static int add_reasons(struct table *t, size_t col, const json_t *reasons)
{
	struct column *c = &t->cols[col];
	json_t *reason;
	size_t i;

	json_array_foreach(reasons, i, reason) {
		struct row *r = find_row(t, reason);
		uint64_t count = count_of(reason, "count"), ns = count_of(reason, "total_ns");

		if (!r)
			return -ENOMEM;
		r->cells[col].count += count;
		r->cells[col].timed += count_of(reason, "timed");
		r->cells[col].total_ns += ns;
		c->reason_exits += count;
		if (r->family == FAMILY_HLT)
			c->halted_ns += ns;
		else
			c->handling_ns += ns;
	}
	return 0;
}

static int fill_column(struct table *t, size_t col)
{
	struct column *c = &t->cols[col];
	const json_t *tracer = json_object_get(c->window, "tracer");
	const json_t *ledger = json_object_get(tracer, "ledger");
	json_t *vm, *vcpu;
	size_t i, j;
	int rc;

	c->work = json_number_value(json_object_get(c->window, "work"));
	c->duration_s = json_number_value(json_object_get(c->window, "duration_ns")) / 1e9;
	c->lost = count_of(ledger, "map_full") + count_of(ledger, "recursion_missed");
	json_array_foreach(json_object_get(tracer, "vms"), i, vm) {
		json_array_foreach(json_object_get(vm, "vcpus"), j, vcpu) {
			c->vcpus++;
			c->exits += count_of(vcpu, "exits");
			c->entries += count_of(vcpu, "entries");
			c->guest_ns += count_of(vcpu, "guest_ns");
			rc = add_reasons(t, col, json_object_get(vcpu, "reasons"));
			if (rc)
				return rc;
		}
	}
	return 0;
}

double table_rate(const struct table *t, const struct row *row, size_t col)
{
	const struct column *c = &t->cols[col];

	if (!(c->work > 0))
		return 0;
	return (row ? row->cells[col].count : c->exits) / c->work;
}

double table_guest_percent(const struct column *c)
{
	double all = c->duration_s * 1e9 * c->vcpus;

	return all > 0 ? 100 * c->guest_ns / all : 0;
}

static int by_weight(const void *pa, const void *pb)
{
	const struct row *a = pa, *b = pb;

	if (a->weight != b->weight)
		return a->weight > b->weight ? -1 : 1;
	return strcmp(a->label, b->label);
}

static void finish(struct table *t)
{
	bool several = false;
	size_t i, j;

	for (i = 1; i < t->nr_rows; i++)
		several |= strcmp(t->rows[i].isa, t->rows[0].isa) != 0;
	for (i = 0; i < t->nr_rows; i++) {
		struct row *r = &t->rows[i];
		char full[128];

		snprintf(full, sizeof(full), "%s%s%s%s%s", several ? r->isa : "",
			 several ? " " : "", r->name, r->has_detail ? " " : "", r->detail_name);
		copy(r->label, sizeof(r->label), full);
		for (j = 0; j < t->nr_cols; j++) {
			double rate = table_rate(t, r, j);

			r->weight = rate > r->weight ? rate : r->weight;
		}
	}
	if (t->nr_rows)
		qsort(t->rows, t->nr_rows, sizeof(*t->rows), by_weight);
}

/* The title is not in the window but with the workload that the point asked for. */
static const char *title_of(const struct record *r, const char *workload)
{
	json_t *w;
	size_t i;

	json_array_foreach(json_object_get(r->point, "workloads"), i, w) {
		const char *name = string_of(w, "name"), *title = string_of(w, "title");

		if (name && title && !strcmp(name, workload))
			return title;
	}
	return workload;
}

/* Everything but the columns; they refer to the windows of @t->workload and @t->unit. */
static int fill_table(struct table *t)
{
	size_t i;
	int rc;

	for (i = 0; i < t->nr_cols; i++) {
		rc = fill_column(t, i);
		if (rc)
			return rc;
	}
	finish(t);
	return 0;
}

static void name_table(struct table *t, const struct record *r, const json_t *window)
{
	t->scenario = r->scenario;
	t->workload = string_of(window, "workload");
	t->tool = string_of(window, "tool");
	t->unit = string_of(window, "unit");
	t->title = title_of(r, t->workload);
}

static int build_one(struct table *t, const struct records *rs, size_t first, const json_t *window)
{
	size_t i;

	name_table(t, &rs->list[first], window);
	t->cols = calloc(rs->n - first, sizeof(*t->cols));
	if (!t->cols)
		return -ENOMEM;
	for (i = first; i < rs->n && !strcmp(rs->list[i].scenario, t->scenario); i++) {
		const json_t *w = record_window(&rs->list[i], t->workload);

		if (!w || strcmp(string_of(w, "unit"), t->unit))
			continue;
		t->cols[t->nr_cols].rec = &rs->list[i];
		t->cols[t->nr_cols++].window = w;
	}
	return fill_table(t);
}

int table_of(const struct record *const *list, size_t n, const char *workload, struct table *out)
{
	struct table *t = out;
	size_t i;

	*t = (struct table){ 0 };
	name_table(t, list[0], record_window(list[0], workload));
	t->cols = calloc(n, sizeof(*t->cols));
	if (!t->cols)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		t->cols[i].rec = list[i];
		t->cols[i].window = record_window(list[i], workload);
	}
	t->nr_cols = n;
	return fill_table(t);
}

static bool have_table(const struct table *tables, size_t n, const struct record *r,
		       const json_t *window)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (!strcmp(tables[i].scenario, r->scenario) &&
		    !strcmp(tables[i].workload, string_of(window, "workload")) &&
		    !strcmp(tables[i].unit, string_of(window, "unit")))
			return true;
	}
	return false;
}

int tables_build(const struct records *rs, struct table **out, size_t *n)
{
	struct table *tables = NULL, *more;
	size_t made = 0, i, j;
	json_t *window;
	int rc = 0;

	for (i = 0; i < rs->n; i++) {
		json_array_foreach(rs->list[i].windows, j, window) {
			if (have_table(tables, made, &rs->list[i], window))
				continue;
			more = realloc(tables, (made + 1) * sizeof(*tables));
			if (!more) {
				rc = -ENOMEM;
				goto fail;
			}
			tables = more;
			tables[made] = (struct table){ 0 };
			rc = build_one(&tables[made++], rs, i, window);
			if (rc)
				goto fail;
		}
	}
	*out = tables;
	*n = made;
	return 0;
fail:
	tables_free(tables, made);
	return rc;
}

void table_clear(struct table *t)
{
	size_t i;

	for (i = 0; i < t->nr_rows; i++)
		free(t->rows[i].cells);
	free(t->rows);
	free(t->cols);
	*t = (struct table){ 0 };
}

void tables_free(struct table *tables, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		table_clear(&tables[i]);
	free(tables);
}

static void add_result(struct result *out, size_t *n, size_t max, const char *key, double value,
		       double share)
{
	size_t len = strlen(key), i;
	bool time = len > 3 && !strcmp(key + len - 3, "_ns");

	for (i = 0; i < *n && strcmp(out[i].key, key); i++)
		;
	if (i == max || len >= sizeof(out[0].key))
		return;
	if (i == *n) {
		*n += 1;
		copy(out[i].key, sizeof(out[i].key), key);
		out[i].value = 0;
	}
	out[i].value += time ? value * share : value;
}

/* Guests with that number: not all of them need to do the same. */
static double having(const json_t *guests, const char *key)
{
	const json_t *one;
	size_t i, n = 0;

	json_array_foreach(guests, i, one)
		n += json_is_number(json_object_get(one, key));
	return (double)n;
}

size_t table_results(const json_t *window, struct result *out, size_t max)
{
	json_t *result = json_object_get(window, "result"), *guests, *one, *v;
	size_t n = 0, i;
	const char *key;

	json_object_foreach(result, key, v) {
		if (json_is_number(v))
			add_result(out, &n, max, key, json_number_value(v), 1);
	}
	guests = json_object_get(result, "per_guest");
	json_array_foreach(guests, i, one) {
		json_object_foreach(one, key, v) {
			if (json_is_number(v))
				add_result(out, &n, max, key, json_number_value(v),
					   1.0 / having(guests, key));
		}
	}
	return n;
}

bool table_counter(const json_t *window, const char *group, const char *key, double *v)
{
	const json_t *j = json_object_get(window, "counters");

	j = json_object_get(json_object_get(j, group), key);
	*v = json_number_value(j);
	return json_is_number(j);
}
