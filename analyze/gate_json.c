// SPDX-License-Identifier: GPL-2.0
/* The gate's answer as JSON, schema exitlab-check/1: every number, whether it moved or not. */
#include <math.h>

#include "analyze/gate_out.h"

static const char *kind_name(enum number_kind kind)
{
	return kind == NUMBER_TOTAL ? "total" : kind == NUMBER_REASON ? "reason" : "signal";
}

/* JSON has no infinity, nor a percentage of nothing. */
static json_t *real_or_null(double v)
{
	return isfinite(v) ? json_real(v) : json_null();
}

static json_t *side(double count, double rate)
{
	return json_pack("{s:o, s:o}", "count", real_or_null(count), "per_unit", real_or_null(rate));
}

static json_t *number_json(const struct gate_number *n)
{
	double d = n->new_rate - n->old_rate;
	char label[NUMBER_KEY_MAX];
	json_t *j = json_pack("{s:s, s:s, s:s, s:s}", "key", n->key, "label",
			      number_label(n->key, label, sizeof(label)), "kind",
			      kind_name(n->kind), "move", gate_move_name(n->move));

	if (n->why[0] && j)
		json_object_set_new(j, "why", json_string(n->why));
	/* A signal that a side does not have is not 0. */
	if (n->not_counted)
		return j;
	json_object_set_new(j, "baseline", side(n->old_count, n->old_rate));
	json_object_set_new(j, "now", side(n->new_count, n->new_rate));
	json_object_set_new(j, "difference_per_unit", real_or_null(d));
	json_object_set_new(j, "difference_percent",
			    n->old_rate > 0 ? real_or_null(100 * d / n->old_rate) : json_null());
	json_object_set_new(j, "threshold_per_unit", real_or_null(n->threshold));
	if (n->has_interval)
		json_object_set_new(j, "interval_per_unit", json_pack("[o, o]", real_or_null(n->low),
								      real_or_null(n->high)));
	return j;
}

static json_t *load_json(const struct gate_load *l)
{
	static const char *const methods[] = { "exact", "effect", "statistical" };
	json_t *numbers = json_array(), *j;
	char how[160];
	size_t i;

	for (i = 0; i < l->n; i++)
		json_array_append_new(numbers, number_json(&l->numbers[i]));
	j = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:f, s:o}", "point", l->point, "workload",
		      l->name, "unit", l->unit, "verdict", gate_verdict_name(l->verdict), "method",
		      methods[l->method], "method_text", gate_method_text(l, how, sizeof(how)),
		      "min_effect_percent", l->min_effect, "numbers", numbers);
	if (j && l->method == GATE_STATISTICAL)
		json_object_set_new(j, "interval_confidence_percent", json_real(l->confidence));
	if (j && l->why[0])
		json_object_set_new(j, "why", json_string(l->why));
	json_object_set_new(j, "baseline", json_pack("{s:o, s:I}", "work", real_or_null(l->old_work),
						     "repeats", (json_int_t)l->old_runs));
	json_object_set_new(j, "now", json_pack("{s:o, s:I}", "work", real_or_null(l->new_work),
						"repeats", (json_int_t)l->new_runs));
	return j;
}

json_t *gate_json(const struct gate *g, int status)
{
	json_t *loads = json_array();
	size_t i;

	for (i = 0; i < g->n; i++)
		json_array_append_new(loads, load_json(&g->loads[i]));
	return json_pack("{s:s, s:s, s:s, s:i, s:o, s:O, s:O, s:O}", "schema", "exitlab-check/1",
			 "scenario", g->scenario, "verdict", gate_verdict_name(g->verdict),
			 "status", status, "workloads", loads, "differences", g->differences,
			 "missing", g->missing, "not_in_baseline", g->extra);
}
