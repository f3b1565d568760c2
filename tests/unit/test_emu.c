// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/run/emu.c tracer/run/emulated.c tracer/run/qmp.c tracer/run/snapshots.c tracer/run/mailbox.c tracer/run/costs.c tracer/run/scenario.c tracer/run/scenario_check.c tracer/run/scenario_check_load.c tracer/run/scenario_fields.c tracer/run/scenario_json.c tracer/run/scenario_msg.c tracer/run/scenario_points.c tracer/run/yaml.c tracer/util/args.c tracer/util/datadir.c tracer/util/fs.c tracer/util/log.c tracer/util/proc.c */
/* What a snapshot's key depends on, and the command line it is made of. */
#include "unit.h"

#include <string.h>

#include "run/emulated.h"

#define WORK "workloads: [ { name: rr, tool: rr, requests: 10 } ]\n"
#define VF   "configurations: [ { name: a, net: vf } ]\n"

struct keys {
	char k[EMU_LEVELS][SNAPSHOT_KEY_SIZE];
};

static struct keys keys_of(const char *yaml, const char *testbed, const char *folder)
{
	struct testbed t = { .key = "" };
	struct keys keys = { 0 };
	struct scenario *sc;
	struct sc_point *p;
	size_t n;

	snprintf(t.key, sizeof(t.key), "%s", testbed);
	snprintf(t.qemu, sizeof(t.qemu), "%s/qemu", folder);
	snprintf(t.images, sizeof(t.images), "%s/images", folder);
	assert_int_equal(scenario_parse("t.yaml", yaml, strlen(yaml), stderr, &sc), 0);
	assert_int_equal(scenario_points(sc, &p, &n), 0);
	assert_int_equal(emu_keys(&t, sc, &p[n - 1], keys.k), 0);
	scenario_points_free(p, n);
	scenario_free(sc);
	return keys;
}

static void what_keys_depend_on(void **state)
{
	static const char *const machines[] = {
		VF WORK "host: { memory_mb: 2048 }\n",
		VF WORK "host: { cpus: 3 }\n",
		VF WORK "mode: fast\n",
		VF WORK "sweep: { host.cpus: [2, 4] }\n",
		VF WORK "repeat: 2\n",	/* the second one, which is to tell what chance does */
	};
	static const char *const guests[] = {
		VF WORK "guests: { memory_mb: 300 }\n",
		VF WORK "guests: { pv_eoi: off }\n",
		"configurations: [ { name: a, net: virtio-vhost } ]\n" WORK,
	};
	struct keys k = keys_of(VF WORK, "testbed", "/a"), other;
	size_t i;

	(void)state;
	assert_string_not_equal(k.k[EMU_HOST], k.k[EMU_GUESTS]);
	for (i = 0; i < sizeof(machines) / sizeof(machines[0]); i++) {
		other = keys_of(machines[i], "testbed", "/a");
		assert_string_not_equal(k.k[EMU_HOST], other.k[EMU_HOST]);
		assert_string_not_equal(k.k[EMU_GUESTS], other.k[EMU_GUESTS]);
	}
	for (i = 0; i < sizeof(guests) / sizeof(guests[0]); i++) {
		other = keys_of(guests[i], "testbed", "/a");
		assert_string_equal(k.k[EMU_HOST], other.k[EMU_HOST]);
		assert_string_not_equal(k.k[EMU_GUESTS], other.k[EMU_GUESTS]);
	}
	other = keys_of(VF WORK, "another testbed", "/a");
	assert_string_not_equal(k.k[EMU_HOST], other.k[EMU_HOST]);
	assert_string_not_equal(k.k[EMU_GUESTS], other.k[EMU_GUESTS]);
}

static void what_they_do_not(void **state)
{
	struct keys k = keys_of(VF WORK, "testbed", "/a"), other;

	(void)state;
	other = keys_of(VF WORK, "testbed", "/some/other/folder");
	assert_memory_equal(&k, &other, sizeof(k));
	other = keys_of("configurations: [ { name: b, title: B, net: vf } ]\n"
			"workloads: [ { name: s, tool: stream, bytes: 10 } ]\n"
			"measure: { detail: [msr] }\n", "testbed", "/a");
	assert_memory_equal(&k, &other, sizeof(k));
}

/* Costs and link come with the windows; all that a snapshot holds was made without them. */
static void costs_begin_with_the_windows(void **state)
{
	static const char timed[] = VF WORK "mode: timed\ncosts: x5570\n"
		"link: { rate_mbit: 100, delay_ns: 9 }\n";
	static const struct machine_paths p = { "/q", "/i", "/log", "/mailbox" };
	struct keys k = keys_of(VF WORK, "testbed", "/a"), other;
	bool icount[2] = { false }, link[2] = { false };
	struct scenario *sc;
	struct sc_point *pt;
	int i, windows;
	size_t n;

	(void)state;
	other = keys_of(timed, "testbed", "/a");
	assert_memory_equal(&k, &other, sizeof(k));
	assert_int_equal(scenario_parse("t.yaml", timed, strlen(timed), stderr, &sc), 0);
	assert_int_equal(scenario_points(sc, &pt, &n), 0);
	pt->cost.mips = 2930;
	pt->cost.ns[COST_VMRUN] = 341;
	for (windows = 0; windows < 2; windows++) {
		struct args a = { .n = 0 };

		machine_args(&a, &p, sc, pt, windows);
		assert_int_equal(args_ok(&a), 0);
		for (i = 0; i < a.n; i++) {
			icount[windows] |= strstr(a.v[i], ",mips=2930,vmrun=") != NULL;
			link[windows] |= strstr(a.v[i], ",rate=100000000,delay=9") != NULL;
		}
		args_free(&a);
	}
	assert_true(!icount[0] && icount[1] && !link[0] && link[1]);
	scenario_points_free(pt, n);
	scenario_free(sc);
}

/* A comma ends a value on QEMU's command line, and points have commas in their names. */
static void paths_with_commas(void **state)
{
	static const struct machine_paths p = { "/q", "/i", "/x,y=1/log", "/x,y=1/mailbox" };
	bool console = false, mailbox = false;
	struct args a = { .n = 0 };
	struct scenario *sc;
	struct sc_point *pt;
	size_t n;
	int i;

	(void)state;
	assert_int_equal(scenario_parse("t.yaml", VF WORK, strlen(VF WORK), stderr, &sc), 0);
	assert_int_equal(scenario_points(sc, &pt, &n), 0);
	machine_args(&a, &p, sc, pt, false);
	assert_int_equal(args_ok(&a), 0);
	for (i = 0; i < a.n; i++) {
		console |= strstr(a.v[i], "path=/x,,y=1/log") != NULL;
		mailbox |= strstr(a.v[i], "mem-path=/x,,y=1/mailbox,size=8M") != NULL;
	}
	assert_true(console && mailbox);
	args_free(&a);
	scenario_points_free(pt, n);
	scenario_free(sc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_keys_depend_on),
		cmocka_unit_test(what_they_do_not),
		cmocka_unit_test(costs_begin_with_the_windows),
		cmocka_unit_test(paths_with_commas),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
