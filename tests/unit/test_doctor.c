// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/cmd/doctor_signals.c tracer/cmd/doctor_host.c tracer/util/log.c */
/* What exitlab doctor says about signals, from a table with one that works and two that do not. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd/doctor.h"
#include "engine/signal.h"
#include "util/log.h"

static int state, opened, attached, closed;

static int open_ok(const struct engine_opts *o, void **out)
{
	assert_true(o->signals & SIGNAL_ACCOUNT);
	if (o->rung && !strcmp(o->rung, "kvm_entry=raw_tp"))
		return -EACCES;
	opened++;
	*out = &state;
	return 0;
}

static int attach_ok(void *s)
{
	assert_ptr_equal(s, &state);
	attached++;
	return 0;
}

static void detach(void *s)
{
	assert_ptr_equal(s, &state);
	attached = 0;
}

static int read_ok(void *s, struct trace_snapshot *out)
{
	static const struct probe_info p[] = { { "sched_switch", "tp_btf" },
		{ "kvm_vcpu_wakeup", "tp" }, { "sched_wakeup", "tp_btf" } };

	(void)s;
	memcpy(out->probes, p, sizeof(p));
	out->nr_probes = 3;
	return 0;
}

static void close_it(void *s)
{
	(void)s;
	closed++;
}

static int open_bad(const struct engine_opts *o, void **out)
{
	(void)o;
	(void)out;
	err("this kernel has no such tracepoint");
	return -EOPNOTSUPP;
}

static int attach_bad(void *s)
{
	(void)s;
	err("cannot attach");
	return -EPERM;
}

static const struct signal_ops good = {
	.name = "account", .bit = SIGNAL_ACCOUNT, .what = "time", .open = open_ok,
	.attach = attach_ok, .detach = detach, .read = read_ok, .close = close_it,
};
static const struct signal_ops bad = {
	.name = "interrupts", .bit = SIGNAL_INTERRUPTS, .what = "irqs", .open = open_bad,
};
static const struct signal_ops half = {
	.name = "io_cores", .bit = SIGNAL_ACCOUNT, .what = "vhost", .open = open_ok,
	.attach = attach_bad, .detach = detach, .read = read_ok, .close = close_it,
};

const struct signal_ops *const engine_signals[] = { &good, &bad, &half, NULL };

void snapshot_free(struct trace_snapshot *s)
{
	(void)s;
}

static void signals_are_tried_alone(void **unused)
{
	static struct findings f;

	(void)unused;
	doctor_more_signals(&f);
	assert_int_equal(f.n, 4);
	assert_int_equal(f.list[0].state, FOUND_OK);
	assert_string_equal(f.list[0].name, "account");
	assert_string_equal(f.list[0].what, "time");
	assert_string_equal(f.list[0].text, "sched_switch, sched_wakeup by tp_btf; kvm_vcpu_wakeup by tp");
	assert_int_equal(f.list[0].nr_probes, 3);
	assert_string_equal(f.list[0].probes[1].name, "kvm_vcpu_wakeup");
	assert_int_equal(f.list[1].state, FOUND_MISSING);
	assert_string_equal(f.list[1].text, "this kernel has no such tracepoint");
	assert_int_equal(f.list[1].nr_probes, 0);
	assert_int_equal(f.list[2].state, FOUND_MISSING);
	assert_string_equal(f.list[2].text, "cannot attach");
	/* None of them is needed to trace exits. */
	assert_false(findings_missing(&f));
	/* Those that can be attached are loaded by each rung, too; this one has none between. */
	assert_string_equal(f.list[3].name, "rungs");
	assert_string_equal(f.list[3].text, "account tp_btf, tp");
	assert_int_equal(opened, 4);
	assert_int_equal(closed, 4);
	assert_int_equal(attached, 0);
}

static void long_lists_are_cut(void **unused)
{
	struct probe_info p[30];
	char text[40];
	size_t i;

	(void)unused;
	for (i = 0; i < 30; i++)
		p[i] = (struct probe_info){ "a_tracepoint_of_long_name", "tp" };
	assert_true(doctor_probes_text(p, 30, text, sizeof(text)) >= sizeof(text));
	assert_int_equal(strlen(text), sizeof(text) - 1);
	assert_int_equal(doctor_probes_text(p, 0, text, sizeof(text)), 0);
	assert_string_equal(text, "");
}

static void more_probes_than_room(void **unused)
{
	struct probe_info p[FINDING_PROBES + 5] = { { "x", "tp" } };
	static struct findings f;
	struct finding *one = finding_add(&f, "signal", "x", FOUND_OK, "y");

	(void)unused;
	finding_set_probes(one, p, FINDING_PROBES + 5);
	assert_int_equal(one->nr_probes, FINDING_PROBES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signals_are_tried_alone),
		cmocka_unit_test(long_lists_are_cut),
		cmocka_unit_test(more_probes_than_room),
	};

	log_threshold = LOG_ERROR;
	return cmocka_run_group_tests_name("doctor", tests, NULL, NULL);
}
