// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/cmd/top_view.c tracer/out/exits.c tracer/core/hist.c tracer/core/estimate.c tracer/core/reason.c tracer/engine/snapshot.c tracer/cmd/http_address.c */
/* The screens of exitlab top, its keys, and where export may listen. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/http.h"
#include "cmd/top_view.h"
#include "engine/part.h"

/* Two VMs: "web" with two vCPUs that work and sleep, "db" that makes no event. */
static struct exit_stat reasons[2] = {
	{ .isa = 2, .reason = 0x7b, .count = 2000, .timed = 2000, .total_ns = 500000000,
	  .max_ns = 250000 },
	{ .isa = 2, .reason = 0x78, .count = 2, .timed = 2, .total_ns = 9000000000u,
	  .max_ns = 4500000000u },
};

static struct vcpu_trace vcpus[2];
static struct watch_vm vms[3];
static struct watch_view view;

static void make_view(void)
{
	vcpus[0] = (struct vcpu_trace){ .vm = 7, .tid = 70, .entries = 2002, .exits = 2002,
		.guest_ns = 1000000000, .reasons = reasons, .nr_reasons = 2 };
	vcpus[1] = vcpus[0];
	vcpus[1].vcpu = 1;
	vcpus[1].tid = 71;
	vcpus[1].nr_reasons = 1;
	vms[0] = (struct watch_vm){ .pid = 9, .label = "db", .vcpus = 1, .traced_total = 4 };
	vms[1] = (struct watch_vm){ .pid = 8, .label = "old", .ended_ns = 1 };
	vms[2] = (struct watch_vm){ .pid = 7, .label = "web", .vcpus = 2, .traced_total = 4004 };
	view = (struct watch_view){ .vms = vms, .nr_vms = 3, .kvm_known = true };
	view.step = (struct trace_snapshot){ .duration_ns = 2000000000, .vcpus = vcpus,
					     .nr_vcpus = 2 };
}

static bool has(const struct top_lines *l, const char *text)
{
	size_t i;

	for (i = 0; i < l->n; i++) {
		assert_true(strlen(l->line[i]) < 80);
		if (strstr(l->line[i], text))
			return true;
	}
	return false;
}

static void screen_of_vms(void **state)
{
	struct top_state s = { .vcpu = -1 };
	struct top_lines l;

	(void)state;
	make_view();
	assert_int_equal(top_render(&s, &view, 0, &l), 0);
	assert_int_equal(l.nr_rows, 2);
	assert_int_equal(l.target[0].vm, 7);	/* most time first */
	/* 2 s of two vCPUs: 2 s in the guest, 1 s of work; the halt of earlier intervals is cut. */
	assert_true(has(&l, "web                       7     2      2002    50.0   25.0   12.5  HLT"));
	assert_true(has(&l, "db                        9     1         0       -      -      -  -"));
	assert_false(has(&l, "old"));
	assert_true(has(&l, "2002 exits/s traced"));
	assert_int_equal(top_render_ledger(&view, &l), 0);
	assert_true(has(&l, "lost: 0 ring full, 0 no room"));
	top_lines_free(&l);
	s.sort = OUT_BY_NAME;
	assert_int_equal(top_render(&s, &view, 0, &l), 0);
	assert_int_equal(l.target[0].vm, 9);
	top_lines_free(&l);
}

static void a_kvm_that_does_not_report(void **state)
{
	struct top_state s = { .vcpu = -1 };
	struct top_lines l;

	(void)state;
	make_view();
	vms[0].traced_total = 0;
	vms[0].kvm_exits = 5000;
	vms[0].kvm_total = 5000;
	assert_int_equal(top_render(&s, &view, 0, &l), 0);
	assert_true(has(&l, "2500*    n/a    n/a    n/a  n/a"));
	assert_true(has(&l, "never calls the kvm_exit tracepoint"));
	top_lines_free(&l);
	/* If KVM's count is not known either, there is nothing to say. */
	view.kvm_known = false;
	assert_int_equal(top_render(&s, &view, 0, &l), 0);
	assert_false(has(&l, "*"));
	top_lines_free(&l);
}

static void down_and_up(void **state)
{
	struct top_state s = { .vcpu = -1, .interval_s = 2 };
	struct top_lines l;

	(void)state;
	make_view();
	assert_int_equal(top_render(&s, &view, 0, &l), 0);
	assert_true(top_key(&s, &l, TOP_KEY_DOWN));
	assert_true(top_key(&s, &l, 'j'));	/* there is no third */
	assert_int_equal(s.cursor, 1);
	assert_true(top_key(&s, &l, 'k'));
	assert_true(top_key(&s, &l, TOP_KEY_ENTER));
	assert_int_equal(s.level, TOP_VCPUS);
	top_lines_free(&l);

	assert_int_equal(top_render(&s, &view, 0, &l), 0);
	assert_true(has(&l, "[web, by vCPU]"));
	assert_int_equal(l.nr_rows, 2);
	s.cursor = 1;
	assert_true(top_key(&s, &l, TOP_KEY_ENTER));
	assert_int_equal(s.level, TOP_REASONS);
	assert_int_equal(s.vm, 7);
	top_lines_free(&l);

	assert_int_equal(top_render(&s, &view, 0, &l), 0);
	assert_true(has(&l, "IOIO                   2000     1000"));
	top_lines_free(&l);
	s.vcpu = -1;
	assert_int_equal(top_render(&s, &view, 0, &l), 0);
	assert_true(has(&l, "IOIO                   4000     2000"));
	assert_true(top_key(&s, &l, TOP_KEY_BACK));
	assert_int_equal(s.level, TOP_VMS);
	top_lines_free(&l);
}

static void other_keys(void **state)
{
	struct top_state s = { .vcpu = -1, .interval_s = 2 };
	struct top_lines l = { 0 };

	(void)state;
	assert_true(top_key(&s, &l, TOP_KEY_ENTER));	/* of nothing */
	assert_int_equal(s.level, TOP_VMS);
	assert_true(top_key(&s, &l, 'c'));
	assert_int_equal(s.sort, OUT_BY_COUNT);
	assert_true(top_key(&s, &l, 's'));
	assert_true(top_key(&s, &l, 's'));
	assert_int_equal(s.sort, OUT_BY_TIME);
	assert_true(top_key(&s, &l, '+'));
	assert_true(s.interval_s > 3.9 && s.interval_s < 4.1);
	assert_true(top_key(&s, &l, '-'));
	assert_true(top_key(&s, &l, 'p'));
	assert_true(s.paused);
	assert_true(top_key(&s, &l, 'a'));
	assert_int_equal(s.level, TOP_REASONS);
	assert_false(top_key(&s, &l, 'x'));
}

/* A signal with a table of its own. */
static void fake_text(FILE *f, const struct part *p, const struct part_ctx *c)
{
	(void)p;
	fprintf(f, "title of %s, %.1f s\nrow 1\nrow 2\n", c->name(7, c->arg), c->seconds);
}

static void other_signals(void **state)
{
	static const struct part_ops ops = { .name = "interrupts", .text = fake_text };
	struct top_state s = { .vcpu = -1, .interval_s = 2, .cursor = 1 };
	struct part fake = { &ops };
	struct top_lines l = { 0 };

	(void)state;
	make_view();
	assert_true(top_key(&s, &l, '3'));
	assert_int_equal(s.view, TOP_INTERRUPTS);
	assert_int_equal(s.cursor, 0);
	assert_int_equal(top_render(&s, &view, 0, &l), 0);
	assert_true(has(&l, "not measured; start with: exitlab top --signals interrupts"));
	top_lines_free(&l);
	view.step.parts[0] = &fake;
	view.step.nr_parts = 1;
	assert_int_equal(top_render(&s, &view, 0, &l), 0);
	assert_true(has(&l, "[interrupts]"));
	assert_true(has(&l, "title of web, 2.0 s"));
	assert_int_equal(l.nr_rows, 2);		/* they scroll, but lead nowhere */
	assert_int_equal(l.first_row, 2);
	assert_true(top_key(&s, &l, TOP_KEY_ENTER));
	assert_true(top_key(&s, &l, 'r'));
	assert_int_equal(s.view, TOP_INTERRUPTS);
	assert_int_equal(s.level, TOP_VMS);
	assert_true(top_key(&s, &l, '\t'));
	assert_int_equal(s.view, TOP_IOCORES);
	assert_true(top_key(&s, &l, '\t'));
	assert_int_equal(s.view, TOP_EXITS);
	assert_true(top_key(&s, &l, '2'));
	assert_true(top_key(&s, &l, TOP_KEY_BACK));
	assert_int_equal(s.view, TOP_EXITS);
	top_lines_free(&l);
}

static void where_to_listen(void **state)
{
	struct sockaddr_storage a;

	(void)state;
	assert_int_equal(http_parse_address("127.0.0.1:9118", &a), 0);
	assert_true(http_is_loopback(&a));
	assert_int_equal(http_parse_address("127.9.9.9:0", &a), 0);
	assert_true(http_is_loopback(&a));
	assert_int_equal(http_parse_address("[::1]:9118", &a), 0);
	assert_true(http_is_loopback(&a));
	assert_int_equal(http_parse_address("0.0.0.0:9118", &a), 0);
	assert_false(http_is_loopback(&a));
	assert_int_equal(http_parse_address("[::]:9118", &a), 0);
	assert_false(http_is_loopback(&a));
	assert_int_equal(http_parse_address("[::ffff:127.0.0.1]:1", &a), 0);
	assert_false(http_is_loopback(&a));	/* refused rather than thought about */
	assert_int_equal(http_parse_address("localhost:9118", &a), -EINVAL);
	assert_int_equal(http_parse_address("127.0.0.1", &a), -EINVAL);
	assert_int_equal(http_parse_address("127.0.0.1:65536", &a), -EINVAL);
	assert_int_equal(http_parse_address("127.0.0.1:1x", &a), -EINVAL);
	assert_int_equal(http_parse_address(":9118", &a), -EINVAL);
	assert_int_equal(http_parse_address("::1:9118", &a), -EINVAL);
	assert_int_equal(http_parse_address("", &a), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(screen_of_vms),
		cmocka_unit_test(a_kvm_that_does_not_report),
		cmocka_unit_test(down_and_up),
		cmocka_unit_test(other_keys),
		cmocka_unit_test(other_signals),
		cmocka_unit_test(where_to_listen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
