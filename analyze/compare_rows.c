// SPDX-License-Identifier: GPL-2.0
/*
 * The numbers of a comparison. All are per unit of work, and each is the mean over the repeats of
 * a point with the smallest and the largest. What a record does not have is not 0: such a value
 * says so, and has no difference.
 */
#include "analyze/compare.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Counted by others than the tracer; a row is only there if a record has it. */
static const struct signal { const char *group, *key, *label; } signals[] = {
	{ "guest", "interrupts", "guest interrupts" },
	{ "guest", "nic_interrupts", "guest NIC interrupts" },
	{ "kvm", "irq_injections", "interrupts KVM injected" },
	{ "host", "vfio_interrupts", "host VFIO interrupts" },
	{ "signals", "kicks", "kicks (doorbells)" },
	{ "signals", "replies", "replies" },
};

#define NR_SIGNALS (sizeof(signals) / sizeof(signals[0]))

static const char *const time_labels[NR_COMPARE_TIMES] = {
	[COMPARE_GUEST] = "in the guest",
	[COMPARE_HANDLING] = "handling exits",
	[COMPARE_HALTED] = "halted (HLT)",
	[COMPARE_REST] = "rest of the window",
};

/* Did the tracer time any of the column's exits that are (not) HLT? None to be timed is as good. */
static bool is_timed(const struct table *t, size_t col, bool hlt)
{
	uint64_t exits = 0, timed = 0;
	size_t i;

	for (i = 0; i < t->nr_rows; i++) {
		if ((t->rows[i].family == FAMILY_HLT) != hlt)
			continue;
		exits += t->rows[i].cells[col].count;
		timed += t->rows[i].cells[col].timed;
	}
	return timed || !exits;
}

static bool time_value(const struct table *t, size_t col, enum compare_time what, double *ns)
{
	const struct column *c = &t->cols[col];
	bool timed = is_timed(t, col, false) && is_timed(t, col, true);

	switch (what) {
	case COMPARE_GUEST:
		*ns = c->guest_ns;
		return true;
	case COMPARE_HANDLING:
		*ns = c->handling_ns;
		return is_timed(t, col, false);
	case COMPARE_HALTED:
		*ns = c->halted_ns;
		return is_timed(t, col, true);
	case COMPARE_REST:
		*ns = c->duration_s * 1e9 * c->vcpus - c->guest_ns - (double)c->handling_ns -
		      c->halted_ns;
		return timed;
	}
	return false;
}

/* Of one repeat, not yet per unit. */
static bool raw_value(const struct table *t, size_t col, const struct compare_row *row, double *v)
{
	const struct column *c = &t->cols[col];
	bool has = true;
	size_t i;

	*v = 0;
	switch (row->kind) {
	case COMPARE_REASON:
		*v = row->reason->cells[col].count;
		break;
	case COMPARE_OTHER:
		for (i = row->from; i < t->nr_rows; i++)
			*v += t->rows[i].cells[col].count;
		break;
	case COMPARE_TOTAL:
		*v = c->exits;
		break;
	case COMPARE_SIGNAL:
		has = table_counter(c->window, signals[row->from].group, signals[row->from].key,
				    v);
		break;
	case COMPARE_TIME:
		has = time_value(t, col, row->from, v);
		*v /= 1e3;
		break;
	case COMPARE_TIME_TOTAL:
		*v = c->duration_s * 1e6 * c->vcpus;
		break;
	}
	return has;
}

int compare_fill_row(const struct comparison *c, struct compare_row *row)
{
	size_t col, i, n;

	row->values = calloc(c->nr_cols, sizeof(*row->values));
	if (!row->values)
		return -ENOMEM;
	for (col = 0; col < c->nr_cols; col++) {
		struct compare_value *out = &row->values[col];
		size_t first = c->cols[col].first;
		double sum = 0, v;

		for (i = first, n = 0; i < first + c->cols[col].n; i++) {
			if (!(c->table.cols[i].work > 0) || !raw_value(&c->table, i, row, &v))
				continue;
			v /= c->table.cols[i].work;
			out->min = !n || v < out->min ? v : out->min;
			out->max = !n || v > out->max ? v : out->max;
			sum += v;
			n++;
		}
		out->has = n > 0;
		/* The mean of equal numbers is that number, to the last digit. */
		out->mean = out->min == out->max ? out->min : sum / n;
	}
	return 0;
}

static int add_row(struct comparison *c, struct compare_row row, const char *label)
{
	snprintf(row.label, sizeof(row.label), "%s", label);
	c->rows[c->nr_rows] = row;
	return compare_fill_row(c, &c->rows[c->nr_rows++]);
}

static bool any_has(const struct table *t, const struct signal *s)
{
	size_t i;
	double v;

	for (i = 0; i < t->nr_cols; i++) {
		if (table_counter(t->cols[i].window, s->group, s->key, &v))
			return true;
	}
	return false;
}

int compare_fill_rows(struct comparison *c)
{
	const struct table *t = &c->table;
	size_t i;
	int rc = 0;

	c->rows = calloc(t->nr_rows + NR_SIGNALS + NR_COMPARE_TIMES + 2, sizeof(*c->rows));
	if (!c->rows)
		return -ENOMEM;
	for (i = 0; i < t->nr_rows && !rc; i++)
		rc = add_row(c, (struct compare_row){ .kind = COMPARE_REASON,
						      .reason = &t->rows[i] }, t->rows[i].label);
	if (!rc)
		rc = add_row(c, (struct compare_row){ .kind = COMPARE_TOTAL }, "total");
	for (i = 0; i < NR_SIGNALS && !rc; i++) {
		if (any_has(t, &signals[i]))
			rc = add_row(c, (struct compare_row){ .kind = COMPARE_SIGNAL, .from = i },
				     signals[i].label);
	}
	for (i = 0; i < NR_COMPARE_TIMES && !rc; i++)
		rc = add_row(c, (struct compare_row){ .kind = COMPARE_TIME, .from = i },
			     time_labels[i]);
	if (!rc)
		rc = add_row(c, (struct compare_row){ .kind = COMPARE_TIME_TOTAL }, "total");
	return rc;
}

bool compare_difference(const struct comparison *c, const struct compare_row *row, size_t col,
			double *absolute)
{
	const struct compare_value *ref = &row->values[c->reference], *v = &row->values[col];

	*absolute = v->mean - ref->mean;
	if (!c->cols[col].same_time && row->kind >= COMPARE_TIME)
		return false;
	return ref->has && v->has;
}

bool compare_percent(const struct comparison *c, const struct compare_row *row, size_t col,
		     double *percent)
{
	double ref = row->values[c->reference].mean;

	if (!compare_difference(c, row, col, percent) || ref == 0)
		return false;
	*percent *= 100 / ref;
	return true;
}
