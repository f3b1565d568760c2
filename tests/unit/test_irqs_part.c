// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/out/irqs.c tracer/out/irqs_json.c tracer/out/irqs_prom.c tracer/out/irqs_part.c tracer/core/irq_legs.c tracer/core/hist.c tracer/core/estimate.c tracer/out/csv.c tracer/out/prom.c tracer/out/exits.c tracer/core/reason.c tracer/engine/snapshot.c */
/* The interrupts' part of a snapshot: sums, differences, filters, and how it is printed. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "out/csv.h"
#include "out/irqs.h"

/* Two VMs that use vector 0x41, the first with two vCPUs; and a third VM in the first's process. */
static struct irqs_part *example(unsigned int factor)
{
	static const struct {
		pid_t vm;
		uint64_t key;
		int vcpu;
	} who[] = { { 20, 2, 0 }, { 10, 1, 1 }, { 10, 1, 0 }, { 10, 9, 0 } };
	struct irqs_part *p = irqs_part_new();
	unsigned int i, k;

	for (i = 0; i < 4; i++) {
		struct irq_row *r = irqs_part_row(p, who[i].vm, who[i].key, who[i].vcpu, 0x41);

		r->n.accepted = 7 * factor * (i + 1);
		r->n.injected = 5 * factor * (i + 1);
		r->n.coalesced = r->n.accepted - r->n.injected;
		r->n.eois = r->n.injected;
		r->n.pv_eois = factor;
		r->n.source[IRQ_FROM_DEVICE] = r->n.accepted;
		r->host_irq = 50 + (int)i;
		for (k = 0; k < r->n.injected; k++)
			irq_leg_book(irqs_row_leg(r, IRQ_LEG_INJECT), 1000 * (k + 1));
	}
	irqs_part_vcpu(p, 10, 1, 0)->windows = 3 * factor;
	irqs_part_host(p, 50, "vfio-msix[0](0000:01:10.0)")->count = 9 * factor;
	p->has_posted[IRQ_PIN] = true;
	p->posted[IRQ_PIN] = 100 * factor;
	irqs_part_sort(p);
	return p;
}

static void drop(struct irqs_part *p)
{
	p->part.ops->free(&p->part);
}

static json_t *as_json(const struct irqs_part *p)
{
	struct part_ctx c = { .seconds = 1 };

	return irqs_json(&p->part, &c);
}

static void rows_are_sorted_and_found(void **state)
{
	struct irqs_part *p = example(1);

	(void)state;
	assert_int_equal(p->nr_rows, 4);
	assert_int_equal(p->rows[0].vm, 10);
	assert_int_equal(p->rows[0].vcpu, 0);
	assert_int_equal(p->rows[1].vcpu, 1);
	assert_int_equal(p->rows[2].vm_key, 9);
	assert_int_equal(p->rows[3].vm, 20);
	assert_int_equal(irqs_part_row(p, 20, 2, 0, 0x41)->n.accepted, 7);
	assert_int_equal(p->nr_rows, 4);
	drop(p);
}

static void differences_and_sums(void **state)
{
	struct irqs_part *a = example(1), *b = example(3), *d, *sum;
	json_t *x, *y;

	(void)state;
	d = (struct irqs_part *)b->part.ops->delta(&b->part, &a->part);
	assert_int_equal(d->nr_rows, 4);
	assert_int_equal(irqs_part_row(d, 20, 2, 0, 0x41)->n.accepted, 14);
	assert_int_equal(irqs_part_row(d, 20, 2, 0, 0x41)->leg[IRQ_LEG_INJECT]->n, 10);
	assert_int_equal(d->vcpus[0].windows, 6);
	assert_int_equal(d->hosts[0].count, 18);
	assert_int_equal(d->posted[IRQ_PIN], 200);
	/* First step and difference make the whole again, to the last bucket. */
	sum = (struct irqs_part *)a->part.ops->delta(&a->part, NULL);
	assert_int_equal(sum->part.ops->add(&sum->part, &d->part), 0);
	x = as_json(sum);
	y = as_json(b);
	assert_true(json_equal(x, y));
	json_decref(x);
	json_decref(y);
	drop(a);
	drop(b);
	drop(d);
	drop(sum);
}

static void without_an_event_nothing_is_left(void **state)
{
	struct irqs_part *a = example(2), *b = example(2), *d;

	(void)state;
	d = (struct irqs_part *)b->part.ops->delta(&b->part, &a->part);
	assert_int_equal(d->nr_rows, 0);
	assert_int_equal(d->nr_vcpus, 0);
	assert_int_equal(d->nr_hosts, 0);
	drop(a);
	drop(b);
	drop(d);
}

static bool keep_10_1(pid_t vm, int vcpu, void *arg)
{
	(void)arg;
	return vm == 10 && vcpu == 1;
}

static void filters(void **state)
{
	struct irqs_part *p = example(1);

	(void)state;
	p->part.ops->filter(&p->part, keep_10_1, NULL);
	assert_int_equal(p->nr_rows, 1);
	assert_int_equal(p->rows[0].vcpu, 1);
	assert_int_equal(p->nr_vcpus, 0);
	drop(p);
}

static char *printed(void (*print)(FILE *, const struct part *, const struct part_ctx *),
		     const struct irqs_part *p, const struct part_ctx *c)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	print(f, &p->part, c);
	fclose(f);
	return text;
}

static void the_table_is_narrow(void **state)
{
	struct irqs_part *p = example(100000);
	struct part_ctx c = { .seconds = 1, .top = 10 };
	char *text, *line, *save;
	int i;

	(void)state;
	for (i = 0; i < IRQ_NR_SOURCES; i++)
		p->rows[0].n.source[i] = 4000000000u;
	text = printed(irqs_text, p, &c);
	assert_non_null(strstr(text, "   0 0x41"));
	assert_non_null(strstr(text, "host irq 50 vfio-msix[0](0000:01:10.0): 900000"));
	/* Lists of words may be as long as they have to be. */
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (!strstr(line, "device 4000000000"))
			assert_true(strlen(line) < 80);
	free(text);
	drop(p);
}

static void what_cannot_be_seen_says_why(void **state)
{
	struct irqs_part *p = example(1);
	struct part_ctx c = { .seconds = 1 };
	json_t *o, *v;
	char *text;

	(void)state;
	p->limits.accept = "no such function";
	text = printed(irqs_text, p, &c);
	assert_non_null(strstr(text, "accepted, coalesced: not observable here\n  (no such function)"));
	assert_non_null(strstr(text, "   0 0x41       n/a       n/a"));
	free(text);
	text = printed(irqs_prom, p, &c);
	assert_null(strstr(text, "event=\"accepted\""));
	assert_non_null(strstr(text, "event=\"injected\""));
	free(text);
	o = as_json(p);
	v = json_object_get(json_object_get(o, "legs"), "accept_inject");
	assert_string_equal(json_string_value(json_object_get(v, "label")), "not observable here");
	assert_string_equal(json_string_value(json_object_get(v, "why")), "no such function");
	v = json_array_get(json_object_get(o, "vms"), 0);
	v = json_array_get(json_object_get(json_array_get(json_object_get(v, "vcpus"), 0), "vectors"), 0);
	assert_true(json_is_null(json_object_get(v, "accepted")));
	assert_int_equal(json_integer_value(json_object_get(v, "injected")), 15);
	json_decref(o);
	drop(p);
}

static const char *one_name(pid_t vm, void *arg)
{
	(void)vm;
	(void)arg;
	return "web";
}

static unsigned int occurrences(const char *text, const char *what)
{
	unsigned int n = 0;

	for (; (text = strstr(text, what)); text++)
		n++;
	return n;
}

/* VMs of one name and vCPUs without a label are one series, with the sum. */
static void prometheus_has_each_series_once(void **state)
{
	struct part_ctx c = { .name = one_name, .seconds = 1 };
	struct irqs_part *p = example(1);
	char *text = printed(irqs_prom, p, &c);

	(void)state;
	assert_non_null(strstr(text, "exitlab_interrupts_total{vm=\"web\",vector=\"0x41\","
				     "event=\"accepted\"} 70\n"));
	assert_int_equal(occurrences(text, "event=\"accepted\""), 1);
	free(text);
	c.per_vcpu = true;
	text = printed(irqs_prom, p, &c);
	assert_int_equal(occurrences(text, "event=\"accepted\""), 2);
	free(text);
	drop(p);
}

static void csv_has_every_number(void **state)
{
	struct csv_block b = { 1, 0 };
	struct part_ctx c = { .seconds = 1 };
	struct irqs_part *p = example(1);
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	struct csv_row r = { f, &b, 1, NULL, 0, -1, "", "", "" };

	(void)state;
	irqs_csv(&r, &p->part, &c);
	fclose(f);
	assert_non_null(strstr(text, ",20,0,,,vector 0x41,irq_accepted,7\n"));
	assert_non_null(strstr(text, ",20,0,,,vector 0x41,irq_accept_inject_count,5\n"));
	assert_non_null(strstr(text, ",,,,,irq 50 vfio-msix[0](0000:01:10.0),irq_host,9\n"));
	assert_non_null(strstr(text, ",PIN,irq_posted_whole_host,100\n"));
	assert_null(strstr(text, "PIW"));
	free(text);
	drop(p);
}

static void posted_lines(void **state)
{
	static const char text[] = "            CPU0       CPU1\n"
		"  8:          1          2   IO-APIC   8-edge      rtc0\n"
		"PIN:          5          6   Posted-interrupt notification event\n"
		"NPI:          0          0   Nested posted-interrupt event\n"
		"PIW:  18446744073709551615   Posted-interrupt wakeup event";
	uint64_t posted[IRQ_NR_POSTED];
	bool has[IRQ_NR_POSTED];

	(void)state;
	irqs_posted_parse(text, posted, has);
	assert_true(has[IRQ_PIN] && has[IRQ_NPI] && has[IRQ_PIW]);
	assert_int_equal(posted[IRQ_PIN], 11);
	assert_int_equal(posted[IRQ_NPI], 0);
	assert_int_equal(posted[IRQ_PIW], UINT64_MAX);
	irqs_posted_parse("PIN:", posted, has);
	assert_true(has[IRQ_PIN] && !has[IRQ_NPI]);
	assert_int_equal(posted[IRQ_PIN], 0);
	irqs_posted_parse("", posted, has);
	assert_false(has[IRQ_PIN]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_sorted_and_found),
		cmocka_unit_test(differences_and_sums),
		cmocka_unit_test(without_an_event_nothing_is_left),
		cmocka_unit_test(filters),
		cmocka_unit_test(the_table_is_narrow),
		cmocka_unit_test(what_cannot_be_seen_says_why),
		cmocka_unit_test(prometheus_has_each_series_once),
		cmocka_unit_test(csv_has_every_number),
		cmocka_unit_test(posted_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
