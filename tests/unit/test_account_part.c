// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/out/account.c tracer/out/account_sums.c tracer/core/reason_class.c tracer/core/reason.c tracer/core/hist.c tracer/core/estimate.c tracer/engine/snapshot.c tracer/out/csv.c tracer/out/prom.c tracer/out/exits.c */
/* The time account as a part of a snapshot: differences, sums, and what is printed. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "out/account.h"
#include "out/csv.h"

#define MS 1000000u

static const char *name(pid_t vm, void *arg)
{
	(void)arg;
	return vm == 7 ? "web" : vm == 8 ? "a-rather-long-name-of-a-machine" : NULL;
}

static const struct part_ctx ctx = { .name = name, .seconds = 1 };

static struct account_part *part(size_t rows)
{
	struct account_part *p = account_part_new(rows);

	p->has_poll = p->has_return = true;
	p->nr_rows = rows;
	return p;
}

static struct account_row row(pid_t vm, int vcpu, uint64_t scale)
{
	struct account_row r = { .vm = vm, .vm_key = 1, .vcpu = vcpu, .tid = vm + vcpu,
				 .wall_ns = 100 * scale, .unseen_ns = scale };

	r.ns[ACCOUNT_GUEST] = 60 * scale;
	r.ns[ACCOUNT_KERNEL + CLASS_HALT] = 9 * scale;
	r.ns[ACCOUNT_USER + CLASS_IO] = 5 * scale;
	r.ns[ACCOUNT_BLOCKED] = 20 * scale;
	r.ns[ACCOUNT_POLL] = 4 * scale;
	return r;
}

static const struct part_ops *ops(struct account_part *p)
{
	return p->part.ops;
}

static void drop(struct account_part *p)
{
	ops(p)->free(&p->part);
}

static void residual_is_what_is_left(void **state)
{
	struct account_row r = row(7, 0, 10);

	(void)state;
	assert_int_equal(account_residual(&r), 10);
	r.ns[ACCOUNT_GUEST] += 15;
	assert_int_equal(account_residual(&r), -5);
}

static void a_step_is_the_difference(void **state)
{
	struct account_part *a = part(1), *b = part(2), *d;

	(void)state;
	a->rows[0] = row(7, 0, 10);
	b->rows[0] = row(7, 0, 25);
	b->rows[1] = row(7, 1, 3);
	a->ledger.skipped = 2;
	b->ledger.skipped = 5;
	d = (struct account_part *)ops(a)->delta(&b->part, &a->part);
	assert_int_equal(d->nr_rows, 2);
	assert_int_equal(d->rows[0].wall_ns, 1500);
	assert_int_equal(d->rows[0].ns[ACCOUNT_GUEST], 900);
	assert_int_equal(account_residual(&d->rows[0]), 15);
	assert_int_equal(d->rows[1].wall_ns, 300);
	assert_int_equal(d->ledger.skipped, 3);
	drop(d);
	/* One that has ended, and one that goes on. */
	d = (struct account_part *)ops(a)->delta(&b->part, &b->part);
	assert_int_equal(d->nr_rows, 0);
	drop(d);
	drop(a);
	drop(b);
}

/* An interval ends in a halt: its polling is KVM's until the next one knows better. */
static void polling_known_late(void **state)
{
	struct account_part *a = part(1), *b = part(1), *d;

	(void)state;
	a->rows[0] = row(7, 0, 10);
	b->rows[0] = a->rows[0];
	b->rows[0].wall_ns += 50;
	b->rows[0].ns[ACCOUNT_KERNEL + CLASS_HALT] -= 30;
	b->rows[0].ns[ACCOUNT_POLL] += 70;
	b->rows[0].ns[ACCOUNT_GUEST] += 10;
	d = (struct account_part *)ops(a)->delta(&b->part, &a->part);
	assert_int_equal(d->rows[0].ns[ACCOUNT_KERNEL + CLASS_HALT], 0);
	assert_int_equal(d->rows[0].ns[ACCOUNT_POLL], 40);
	assert_int_equal(account_residual(&d->rows[0]), 0);
	drop(d);
	drop(a);
	drop(b);
}

static void steps_add_up(void **state)
{
	struct account_part *sum = part(1), *step = part(2);

	(void)state;
	sum->rows[0] = row(7, 1, 10);
	step->rows[0] = row(7, 0, 1);
	step->rows[1] = row(7, 1, 2);
	step->ledger.map_full = 4;
	assert_int_equal(ops(sum)->add(&sum->part, &step->part), 0);
	assert_int_equal(sum->nr_rows, 2);
	assert_int_equal(sum->rows[0].vcpu, 0);
	assert_int_equal(sum->rows[1].wall_ns, 1200);
	assert_int_equal(sum->rows[1].ns[ACCOUNT_GUEST], 720);
	assert_int_equal(sum->ledger.map_full, 4);
	drop(sum);
	drop(step);
}

static bool only_first(pid_t vm, int vcpu, void *arg)
{
	(void)arg;
	return vm == 7 && vcpu == 0;
}

static void filters_rows(void **state)
{
	struct account_part *p = part(3);

	(void)state;
	p->rows[0] = row(7, 0, 1);
	p->rows[1] = row(7, 1, 1);
	p->rows[2] = row(8, 0, 1);
	ops(p)->filter(&p->part, only_first, NULL);
	assert_int_equal(p->nr_rows, 1);
	drop(p);
}

/* What @print writes, as text (free()). */
static char *text_of(struct account_part *p, const struct part_ctx *c, bool prom)
{
	char *buf = NULL;
	size_t size;
	FILE *f = open_memstream(&buf, &size);

	(prom ? ops(p)->prom : ops(p)->text)(f, &p->part, c);
	fclose(f);
	return buf;
}

static void table(void **state)
{
	struct account_part *p = part(2);
	char *text, *line, *save = NULL;

	(void)state;
	p->rows[0] = row(7, 0, MS);
	p->rows[1] = row(8, 511, 86400ull * 3650 * MS);
	p->rows[1].ns[ACCOUNT_GUEST] += 5 * p->rows[1].wall_ns;	/* an excess, of 500 % */
	p->has_poll = false;
	text = text_of(p, &ctx, false);
	assert_non_null(strstr(text, "web        0  60.00   9.00   5.00   4.00  20.00   0.00"));
	assert_non_null(strstr(text, "  halt       KVM"));
	assert_null(strstr(text, "  msr "));
	assert_non_null(strstr(text, "before its first entry 1.00ms"));
	assert_non_null(strstr(text, "POLL: n/a"));
	assert_non_null(strstr(text, "-"));
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		assert_true(strlen(line) < 80);
	free(text);
	p->nr_rows = 0;
	text = text_of(p, &ctx, false);
	assert_non_null(strstr(text, "no vCPU has made an entry"));
	free(text);
	drop(p);
}

static void json(void **state)
{
	struct account_part *p = part(1);
	json_t *o, *v;

	(void)state;
	p->rows[0] = row(7, 0, 10);
	o = ops(p)->json(&p->part, &ctx);
	v = json_array_get(json_object_get(o, "vcpus"), 0);
	assert_string_equal(json_string_value(json_object_get(v, "vm")), "web");
	assert_int_equal(json_integer_value(json_object_get(v, "guest_ns")), 600);
	assert_int_equal(json_integer_value(json_object_get(v, "residual_ns")), 10);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(
		json_object_get(v, "handling"), "io"), "user_ns")), 50);
	assert_int_equal(json_object_size(json_object_get(v, "handling")), NR_REASON_CLASSES);
	json_decref(o);
	p->has_poll = false;
	o = ops(p)->json(&p->part, &ctx);
	v = json_array_get(json_object_get(o, "vcpus"), 0);
	assert_true(json_is_null(json_object_get(v, "halt_poll_ns")));
	assert_non_null(json_object_get(v, "halt_poll_why"));
	json_decref(o);
	drop(p);
}

/* Two vCPUs of one VM are one series, unless each has its own label. */
static void prometheus(void **state)
{
	struct part_ctx c = ctx;
	struct account_part *p = part(2);
	char *text;

	(void)state;
	p->rows[0] = row(7, 0, 10 * MS);
	p->rows[1] = row(7, 1, 10 * MS);
	text = text_of(p, &c, true);
	assert_non_null(strstr(text,
		"exitlab_vcpu_seconds_total{vm=\"web\",class=\"guest\"} 1.200000000\n"));
	assert_non_null(strstr(text, "exitlab_vcpu_wall_seconds_total{vm=\"web\"} 2.000000000\n"));
	free(text);
	c.per_vcpu = true;
	text = text_of(p, &c, true);
	assert_non_null(strstr(text, "exitlab_vcpu_seconds_total{vm=\"web\",vcpu=\"1\","
				     "class=\"vmm_io\"} 0.050000000\n"));
	free(text);
	drop(p);
}

static void csv(void **state)
{
	struct csv_block b = { 1.5, 0 };
	struct csv_row r = { .b = &b, .seconds = 1, .vcpu = -1, .isa = "", .reason = "",
			     .detail = "" };
	struct account_part *p = part(1);
	char *buf = NULL;
	size_t size;

	(void)state;
	p->rows[0] = row(7, 0, 10);
	p->rows[0].ns[ACCOUNT_GUEST] += 100;
	r.f = open_memstream(&buf, &size);
	ops(p)->csv(&r, &p->part, &ctx);
	fclose(r.f);
	assert_non_null(strstr(buf, ",web,7,0,,,,account_guest_ns,700\n"));
	assert_non_null(strstr(buf, ",web,7,0,,,,account_excess_ns,90\n"));
	assert_non_null(strstr(buf, ",web,7,0,,io,,account_user_ns,50\n"));
	free(buf);
	drop(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(residual_is_what_is_left),
		cmocka_unit_test(a_step_is_the_difference),
		cmocka_unit_test(polling_known_late),
		cmocka_unit_test(steps_add_up),
		cmocka_unit_test(filters_rows),
		cmocka_unit_test(table),
		cmocka_unit_test(json),
		cmocka_unit_test(prometheus),
		cmocka_unit_test(csv),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
