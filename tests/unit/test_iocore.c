// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/out/iocores.c tracer/out/iocores_sum.c tracer/out/csv.c tracer/out/prom.c tracer/out/exits.c tracer/core/hist.c tracer/core/estimate.c tracer/core/reason.c tracer/engine/snapshot.c */
/* The account of a worker, its sums and differences, and what is printed of it. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/iocore.h"
#include "out/csv.h"
#include "out/iocores.h"

static unsigned long long total(const struct iocore *c)
{
	unsigned long long n = 0;
	int i;

	for (i = 0; i < NR_IOCORE_STATES; i++)
		n += c->ns[i];
	return n;
}

static void a_request(void **state)
{
	struct iocore c = { .since = 1000 };

	(void)state;
	iocore_wake(&c, 1100);		/* slept until then */
	iocore_run(&c, 1130);
	iocore_work(&c, 1135);
	iocore_poll(&c, 1200);
	iocore_poll_end(&c, 1240);
	iocore_work_end(&c, 1300);
	iocore_leave(&c, 1310, 1);
	iocore_to(&c, 1400, c.state);
	assert_int_equal(c.ns[IOCORE_IDLE], 100 + 90);
	assert_int_equal(c.ns[IOCORE_WAIT], 30);
	assert_int_equal(c.ns[IOCORE_OTHER], 5 + 10);
	assert_int_equal(c.ns[IOCORE_USEFUL], 65 + 60);
	assert_int_equal(c.ns[IOCORE_POLL], 40);
	assert_int_equal(total(&c), 400);
	assert_int_equal(c.wakeups, 1);
	assert_int_equal(c.unmatched, 0);
}

static void preemption_is_waiting_and_sleep_in_work_is_blocked(void **state)
{
	struct iocore c = { .since = 0 };

	(void)state;
	iocore_run(&c, 10);		/* had been queued when tracing began */
	iocore_work(&c, 20);
	iocore_leave(&c, 30, 0);
	iocore_wake(&c, 35);		/* of one that does not sleep: nothing */
	iocore_run(&c, 50);
	assert_int_equal(c.state, IOCORE_USEFUL);
	iocore_leave(&c, 60, 1);
	iocore_wake(&c, 100);
	iocore_run(&c, 105);
	assert_int_equal(c.state, IOCORE_USEFUL);
	iocore_work_end(&c, 110);
	assert_int_equal(c.ns[IOCORE_WAIT], 10 + 20 + 5);
	assert_int_equal(c.ns[IOCORE_BLOCKED], 40);
	assert_int_equal(c.ns[IOCORE_USEFUL], 10 + 10 + 5);
	assert_int_equal(c.ns[IOCORE_IDLE], 0);
	assert_int_equal(c.wakeups, 1);
	assert_int_equal(total(&c), 110);
}

/* What was before the first event shows by the event. */
static void beginnings(void **state)
{
	static const struct {
		void (*first)(struct iocore *, unsigned long long);
		int before;
	} way[] = {
		{ iocore_wake, IOCORE_IDLE }, { iocore_run, IOCORE_WAIT },
		{ iocore_work, IOCORE_OTHER }, { iocore_work_end, IOCORE_USEFUL },
		{ iocore_poll, IOCORE_USEFUL }, { iocore_poll_end, IOCORE_POLL },
	};
	struct iocore c;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(way) / sizeof(way[0]); i++) {
		c = (struct iocore){ .since = 100 };
		way[i].first(&c, 150);
		assert_int_equal(c.ns[way[i].before], 50);
		assert_int_equal(total(&c), 50);
		assert_int_equal(c.unmatched, 0);
	}
	c = (struct iocore){ .since = 100 };
	iocore_leave(&c, 150, 1);
	assert_int_equal(c.ns[IOCORE_OTHER], 50);
	assert_int_equal(c.state, IOCORE_IDLE);
}

static void what_is_out_of_turn_is_counted(void **state)
{
	struct iocore c = { .since = 0, .state = IOCORE_OTHER };

	(void)state;
	iocore_run(&c, 10);
	assert_int_equal(c.unmatched, 1);
	iocore_work(&c, 20);
	iocore_work(&c, 30);
	assert_int_equal(c.unmatched, 2);
	iocore_work_end(&c, 40);
	iocore_work_end(&c, 50);
	assert_int_equal(c.unmatched, 3);
	iocore_leave(&c, 60, 1);
	iocore_leave(&c, 70, 1);
	assert_int_equal(c.unmatched, 4);
	/* A clock that goes back takes nothing away. */
	iocore_wake(&c, 65);
	assert_int_equal(total(&c), 70);
	assert_int_equal(c.since, 70);
}

/* ---- Sums ---- */

static struct iocores *part_of(pid_t tid, uint64_t born, uint64_t scale)
{
	struct iocores *p = iocores_new();
	struct iocore_row *r = iocores_add_row(p);
	uint64_t ns[3] = { 4 * scale, 2 * scale, scale };

	p->traced = true;
	*r = (struct iocore_row){ .tid = tid, .vm = 100, .born_ns = born, .source = "vhost",
				  .name = "vhost-100", .wall_ns = 20 * scale };
	r->ns[IOCORE_USEFUL] = 4 * scale;
	r->ns[IOCORE_POLL] = 2 * scale;
	r->ns[IOCORE_OTHER] = scale;
	r->ns[IOCORE_WAIT] = scale;
	r->ns[IOCORE_IDLE] = 12 * scale;
	r->works[WORK_handle_tx_kick] = 3 * scale;
	r->kicks = 2 * scale;
	r->replies = scale;
	r->buffers = 6 * scale;
	r->wakeups = scale;
	assert_int_equal(iocore_add_cpu(r, 1, ns), 0);
	return p;
}

static void differences_and_sums(void **state)
{
	struct iocores *a = part_of(7, 1, 10), *b = part_of(7, 1, 25), *other = part_of(7, 2, 5);
	struct iocores *d = (struct iocores *)iocores_delta(&b->part, &a->part);
	struct iocores *sum = (struct iocores *)iocores_delta(&a->part, NULL);

	(void)state;
	assert_int_equal(d->nr, 1);
	assert_int_equal(d->rows[0].wall_ns, 300);
	assert_int_equal(d->rows[0].kicks, 30);
	assert_int_equal(d->rows[0].cpus[0].ns[0], 60);
	assert_int_equal(iocore_residual(&d->rows[0]), 0);
	assert_int_equal(iocores_add(&sum->part, &d->part), 0);
	assert_int_equal(sum->nr, 1);
	assert_int_equal(sum->rows[0].wall_ns, b->rows[0].wall_ns);
	assert_int_equal(iocore_works(&sum->rows[0]), iocore_works(&b->rows[0]));
	assert_int_equal(sum->rows[0].cpus[0].ns[2], 25);
	/* The same number, another thread. */
	assert_int_equal(iocores_add(&sum->part, &other->part), 0);
	assert_int_equal(sum->nr, 2);
	iocores_free(&a->part);
	iocores_free(&b->part);
	iocores_free(&d->part);
	iocores_free(&other->part);
	iocores_free(&sum->part);
}

static void the_ended_come_once(void **state)
{
	struct iocores *a = part_of(7, 1, 10), *b = part_of(7, 1, 10), *d;

	(void)state;
	a->rows[0].ended = b->rows[0].ended = true;
	d = (struct iocores *)iocores_delta(&b->part, &a->part);
	assert_int_equal(d->nr, 0);
	iocores_free(&a->part);
	iocores_free(&b->part);
	iocores_free(&d->part);
}

static bool nobody(pid_t vm, int vcpu, void *arg)
{
	return vcpu == -1 && vm == *(pid_t *)arg;
}

static void filtered(void **state)
{
	struct iocores *p = part_of(7, 1, 10);
	pid_t keep = 100;

	(void)state;
	iocores_filter(&p->part, nobody, &keep);
	assert_int_equal(p->nr, 1);
	keep = 5;
	iocores_filter(&p->part, nobody, &keep);
	assert_int_equal(p->nr, 0);
	iocores_free(&p->part);
}

/* ---- Output ---- */

static const char *name(pid_t vm, void *arg)
{
	(void)arg;
	return vm == 100 ? "web" : NULL;
}

static const struct part_ctx ctx = { .name = name, .seconds = 2e-6 };

static char *printed(struct iocores *p, int what)
{
	struct csv_block b = { 1.0, 0 };
	struct csv_row row = { .b = &b, .vcpu = -1, .isa = "", .reason = "", .detail = "" };
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	row.f = f;
	if (what == 't')
		iocores_ops.text(f, &p->part, &ctx);
	else if (what == 'c')
		iocores_ops.csv(&row, &p->part, &ctx);
	else
		iocores_ops.prom(f, &p->part, &ctx);
	fclose(f);
	return text;
}

static void all_there(void **state)
{
	struct iocores *p = part_of(7, 1, 100);
	char *text = printed(p, 't'), *line;
	json_t *o = iocores_ops.json(&p->part, &ctx), *w;

	(void)state;
	assert_non_null(strstr(text, "      7 web            1  20.0  10.0   5.0   5.0  60.0"));
	assert_non_null(strstr(text, "600 buffers: 0.50 works, 0.33 kicks, 0.17 replies each\n"));
	assert_non_null(strstr(text, "100 wake-ups, 3.00 works each; residual 0.000 %\n"));
	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		assert_true(strlen(line) < 80);
	free(text);
	w = json_array_get(json_object_get(o, "workers"), 0);
	assert_int_equal(json_integer_value(json_object_get(w, "useful_ns")), 400);
	assert_int_equal(json_integer_value(json_object_get(w, "residual_ns")), 0);
	assert_int_equal(json_integer_value(json_object_get(w, "works")), 300);
	json_decref(o);
	text = printed(p, 'c');
	assert_non_null(strstr(text, ",web,100,,,,worker 7,iocore_useful_ns,400\n"));
	assert_non_null(strstr(text, ",web,100,,,,worker 7 cpu 1,iocore_poll_ns,200\n"));
	free(text);
	text = printed(p, 'p');
	assert_non_null(strstr(text, "exitlab_iocore_seconds_total{vm=\"web\",worker=\"7\","
			       "state=\"poll\"} 0.000000200\n"));
	assert_non_null(strstr(text, "exitlab_iocore_kicks_total{vm=\"web\",worker=\"7\"} 200\n"));
	free(text);
	iocores_free(&p->part);
}

static void what_is_missing_has_a_reason_and_no_number(void **state)
{
	struct iocores *p = part_of(7, 1, 100);
	char *text;
	json_t *o, *w;
	int g;

	(void)state;
	for (g = GAP_WORKS; g < NR_IOCORES_GAPS; g++)
		strcpy(p->why[g], "no functions");
	text = printed(p, 't');
	assert_non_null(strstr(text, "      7 web            1   n/a   n/a   5.0   5.0  60.0     n/a     n/a     n/a"));
	assert_non_null(strstr(text, "works: n/a (no functions)"));
	free(text);
	o = iocores_ops.json(&p->part, &ctx);
	w = json_array_get(json_object_get(o, "workers"), 0);
	assert_true(json_is_null(json_object_get(w, "useful_ns")));
	assert_string_equal(json_string_value(json_object_get(w, "kicks_why")), "no functions");
	json_decref(o);
	text = printed(p, 'c');
	assert_null(strstr(text, "iocore_kicks"));
	assert_null(strstr(text, "iocore_useful_ns"));
	assert_non_null(strstr(text, "iocore_idle_ns"));
	free(text);
	text = printed(p, 'p');
	assert_null(strstr(text, "state=\"useful\""));
	assert_null(strstr(text, "exitlab_iocore_works_total{"));
	free(text);
	iocores_free(&p->part);
}

static void no_vhost(void **state)
{
	struct iocores *p = iocores_new();
	char *text;
	json_t *o;

	(void)state;
	strcpy(p->why[GAP_ALL], "this host has no vhost: its module is not loaded");
	text = printed(p, 't');
	assert_string_equal(text, "I/O cores: vhost workers: this host has no vhost: "
			    "its module is not loaded\n\n");
	free(text);
	o = iocores_ops.json(&p->part, &ctx);
	assert_true(json_is_false(json_object_get(o, "traced")));
	assert_non_null(json_object_get(o, "traced_why"));
	json_decref(o);
	iocores_free(&p->part);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request),
		cmocka_unit_test(preemption_is_waiting_and_sleep_in_work_is_blocked),
		cmocka_unit_test(beginnings),
		cmocka_unit_test(what_is_out_of_turn_is_counted),
		cmocka_unit_test(differences_and_sums),
		cmocka_unit_test(the_ended_come_once),
		cmocka_unit_test(filtered),
		cmocka_unit_test(all_there),
		cmocka_unit_test(what_is_missing_has_a_reason_and_no_number),
		cmocka_unit_test(no_vhost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
