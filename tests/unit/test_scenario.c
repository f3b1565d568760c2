// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/run/scenario.c tracer/run/scenario_check.c tracer/run/scenario_check_load.c tracer/run/scenario_fields.c tracer/run/scenario_json.c tracer/run/scenario_msg.c tracer/run/scenario_points.c tracer/run/costs.c tracer/run/yaml.c */
/*
 * The scenario parser: each good file is taken, each bad file is refused with the message that its
 * first lines promise ("# expect: LINE: text") and with no other. Run from the top of the source.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>

#include "run/scenario.h"

#define DIR_GOOD "tests/unit/scenarios/good"
#define DIR_BAD	 "tests/unit/scenarios/bad"

static int is_yaml(const struct dirent *d)
{
	const char *dot = strrchr(d->d_name, '.');

	return dot && !strcmp(dot, ".yaml");
}

/* What scenario_load() says of a file; to be freed. */
static char *load(const char *path, int *rc, struct scenario **sc)
{
	char *text = NULL;
	size_t len;
	FILE *err = open_memstream(&text, &len);

	assert_non_null(err);
	*rc = scenario_load(path, err, sc);
	fclose(err);
	return text;
}

static struct scenario *load_good(const char *path)
{
	struct scenario *sc = NULL;
	char *text;
	int rc;

	text = load(path, &rc, &sc);
	if (rc)
		fail_msg("%s: refused (%d): %s", path, rc, text);
	assert_string_equal(text, "");
	free(text);
	return sc;
}

static size_t lines_of(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* Checks one bad file; returns what is wrong with the answer, in @why, or false. */
static bool wrong_answer(const char *path, char *why, size_t size)
{
	static const char mark[] = "# expect: ";
	struct scenario *sc = NULL;
	char line[1024], *text;
	size_t expected = 0;
	bool wrong = false;
	FILE *f;
	int rc;

	text = load(path, &rc, &sc);
	f = fopen(path, "r");
	assert_non_null(f);
	if (rc != -EINVAL) {
		snprintf(why, size, "%s: returned %d", path, rc);
		wrong = true;
	}
	while (!wrong && fgets(line, sizeof(line), f) && !strncmp(line, mark, strlen(mark))) {
		char *rest = line + strlen(mark), needle[1200];
		int at = strtol(rest, &rest, 10);

		line[strcspn(line, "\n")] = '\0';
		expected++;
		/* "LINE: text" must begin with that line and hold the text anywhere in it. */
		snprintf(needle, sizeof(needle), "%s:%d: ", path, at);
		char *found = strstr(text, needle);

		while (found && !memmem(found, strcspn(found, "\n"), rest + 2, strlen(rest + 2)))
			found = strstr(found + 1, needle);
		if (!found) {
			snprintf(why, size, "%s: expected %s; got:\n%s", path, line, text);
			wrong = true;
		}
	}
	if (!wrong && (!expected || lines_of(text) != expected)) {
		snprintf(why, size, "%s: expected %zu lines; got:\n%s", path, expected, text);
		wrong = true;
	}
	fclose(f);
	free(text);
	scenario_free(sc);
	return wrong;
}

static void test_bad_files(void **state)
{
	struct dirent **names;
	char path[512], why[4096];
	int n = scandir(DIR_BAD, &names, is_yaml, alphasort), i, wrong = 0;

	(void)state;
	assert_true(n > 50);
	for (i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", DIR_BAD, names[i]->d_name);
		if (wrong_answer(path, why, sizeof(why))) {
			print_error("%s\n", why);
			wrong++;
		}
		free(names[i]);
	}
	free(names);
	assert_int_equal(wrong, 0);
}

static void test_good_files(void **state)
{
	struct dirent **names;
	char path[512];
	int n = scandir(DIR_GOOD, &names, is_yaml, alphasort), i;

	(void)state;
	assert_true(n > 0);
	for (i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", DIR_GOOD, names[i]->d_name);
		scenario_free(load_good(path));
		free(names[i]);
	}
	free(names);
}

/* The scenarios that are delivered. */
static void test_own_scenarios(void **state)
{
	struct dirent **names;
	char path[512];
	int n = scandir("scenarios", &names, is_yaml, alphasort), i;

	(void)state;
	assert_true(n > 0);
	for (i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "scenarios/%s", names[i]->d_name);
		scenario_free(load_good(path));
		free(names[i]);
	}
	free(names);
}

static void test_defaults(void **state)
{
	struct scenario *sc = load_good(DIR_GOOD "/minimal.yaml");
	const struct sc_workload *w = &sc->workloads[0];

	(void)state;
	assert_string_equal(sc->name, "minimal");
	assert_string_equal(sc->title, "minimal");
	assert_string_equal(sc->path, DIR_GOOD "/minimal.yaml");
	assert_null(sc->reproduces);
	assert_int_equal(sc->mode, SC_MODE_COUNTS);
	assert_int_equal(sc->host.cpus, 2);
	assert_int_equal(sc->host.memory_mb, 2560);
	assert_int_equal(sc->guests.count, 1);
	assert_int_equal(sc->guests.vcpus, 1);
	assert_int_equal(sc->guests.memory_mb, 256);
	assert_true(sc->guests.pv_eoi);
	assert_false(sc->guests.idle_poll);
	assert_string_equal(sc->configs[0].title, "vf");
	assert_int_equal(sc->configs[0].net, SC_NET_VF);
	assert_string_equal(w->title, "rr");
	assert_int_equal(w->requests, 10);
	assert_int_equal(w->warmup, 0);
	assert_int_equal(w->protocol, SC_UDP);
	assert_int_equal(w->request_bytes, 1);
	assert_int_equal(w->reply_bytes, 1);
	assert_false(sc->measure.msr_detail);
	assert_true(sc->measure.check_kvm_stats);
	assert_false(sc->measure.check_hist);
	assert_int_equal(sc->nr_axes, 0);
	assert_int_equal(sc->repeat, 1);
	scenario_free(sc);
}

static void test_everything(void **state)
{
	struct scenario *sc = load_good(DIR_GOOD "/everything.yaml");
	const struct sc_workload *w = sc->workloads;

	(void)state;
	assert_string_equal(sc->title, "Everything: a text with a colon");
	assert_string_equal(sc->reproduces, "nothing");
	assert_int_equal(sc->mode, SC_MODE_FAST);
	assert_int_equal(sc->guests.count, 2);
	assert_false(sc->guests.pv_eoi);
	assert_true(sc->guests.idle_poll);
	assert_string_equal(sc->guests.cmdline, "no-kvmclock nohz=off");
	assert_int_equal(sc->host.halt_poll_ns, 0);
	assert_int_equal(sc->configs[0].disk, SC_DISK_VIRTIO);
	assert_true(sc->configs[0].event_idx);
	assert_int_equal(sc->configs[1].disk, SC_DISK_VIRTIO_IOTHREAD);
	assert_false(sc->configs[1].event_idx);
	assert_int_equal(sc->nr_configs, 2);
	assert_string_equal(sc->configs[0].title, "First");
	assert_int_equal(sc->configs[0].ring, SC_RING_DEFAULT);
	assert_int_equal(sc->configs[0].numa, SC_NUMA_OFF);
	assert_int_equal(sc->configs[1].ring, SC_RING_512);
	assert_int_equal(sc->configs[1].numa, SC_NUMA_UNALIGNED);
	assert_int_equal(sc->host.numa_nodes, 2);
	assert_int_equal(sc->nr_workloads, 7);
	assert_int_equal(w[0].protocol, SC_TCP);
	assert_int_equal(w[0].request_bytes, 65536);
	assert_int_equal(w[0].reply_bytes, 2000);
	assert_int_equal(w[1].direction, SC_FROM_GUEST);
	assert_int_equal(w[1].bytes, 20000000);
	assert_int_equal(w[1].warmup_bytes, 1048576);
	assert_int_equal(w[1].write_bytes, 1460);
	assert_int_equal(w[2].clients, 64);
	assert_int_equal(w[2].value_bytes, 100);
	assert_int_equal(w[3].timers, 20);
	assert_int_equal(w[3].interval_us, 500);
	assert_int_equal(w[3].warmup, 3);
	assert_int_equal(w[4].requests, 30);
	assert_int_equal(w[4].rw, SC_WRITE);
	assert_int_equal(w[4].block_bytes, 65536);
	assert_int_equal(w[4].depth, 8);
	assert_int_equal(w[4].readers + w[4].writers, 0);
	assert_int_equal(w[5].duration_ms, 250);
	assert_int_equal(w[6].readers, 2);
	assert_int_equal(w[6].writers, 3);
	assert_true(sc->measure.msr_detail);
	assert_false(sc->measure.check_kvm_stats);
	assert_true(sc->measure.check_hist);
	assert_true(sc->measure.kicks);
	assert_true(sc->measure.replies);
	assert_int_equal(sc->nr_axes, 2);
	assert_string_equal(sc->sweep[1].key, "workloads.down.write_bytes");
	assert_int_equal(sc->sweep[1].values[2], 65536);
	assert_int_equal(sc->repeat, 3);
	scenario_free(sc);
}

static void test_bare_metal(void **state)
{
	struct scenario *sc = load_good(DIR_GOOD "/bare-metal.yaml");

	(void)state;
	assert_true(sc->host.pin_load);
	assert_int_equal(sc->guests.coalesce_us, 96);
	assert_int_equal(sc->configs[0].eli, SC_ELI_FULL);
	assert_false(sc->configs[0].bare_metal);
	assert_true(sc->configs[1].bare_metal);
	assert_int_equal(sc->workloads[0].tool, SC_TOOL_APACHE);
	assert_int_equal(sc->workloads[0].clients, 64);
	assert_int_equal(sc->workloads[0].warmup, 64);
	assert_int_equal(sc->workloads[0].page_bytes, 16384);
	assert_true(sc->workloads[1].nagle);
	scenario_free(sc);
}

static void test_placement(void **state)
{
	struct scenario *sc = load_good(DIR_GOOD "/placement.yaml");
	const struct sc_workload *w = &sc->workloads[0];

	(void)state;
	assert_int_equal(sc->host.nic_cpu, 3);
	assert_int_equal(sc->host.peer_cpus, 2);
	assert_true(sc->configs[0].worker_free);
	assert_int_equal(w->compute, 7);
	assert_int_equal(w->rr_guests, 2);
	assert_int_equal(w->rr_requests, 40);
	scenario_free(sc);
}

static void test_field_tools(void **state)
{
	struct scenario *sc = load_good(DIR_GOOD "/field-tools.yaml");
	const struct sc_workload *w = sc->workloads;
	const char *names[SC_MAX_KERNELS];

	(void)state;
	assert_int_equal(scenario_kernels(sc, names), 2);
	assert_string_equal(names[0], "6.1");
	assert_string_equal(names[1], "6.12.117+deb12-amd64");
	assert_string_equal(sc->configs[0].guest_cmdline, "mitigations=auto pti=on");
	assert_null(sc->configs[1].guest_cmdline);
	assert_null(sc->configs[3].guest_kernel);
	assert_int_equal(w[0].tool, SC_TOOL_IPERF3);
	assert_int_equal(w[0].direction, SC_FROM_GUEST);
	assert_int_equal(w[0].bytes, 4000000);
	assert_int_equal(w[0].warmup_bytes, 1000000);
	assert_int_equal(w[0].write_bytes, 256);
	assert_true(w[0].nagle);
	assert_int_equal(w[1].tool, SC_TOOL_SOCKPERF);
	assert_int_equal(w[1].protocol, SC_TCP);
	assert_int_equal(w[1].message_bytes, 65507);
	assert_int_equal(w[1].seconds, 600);
	assert_int_equal(w[1].warmup_seconds, 1);
	assert_int_equal(w[2].protocol, SC_UDP);
	assert_int_equal(w[2].message_bytes, 14);
	assert_int_equal(w[2].seconds, 1);
	assert_int_equal(w[2].warmup_seconds, 0);
	scenario_free(sc);
}

/* What scenario_parse() says of a text that no file can well hold. */
static void expect_refused(const char *text, size_t len, const char *path, const char *what)
{
	struct scenario *sc = NULL;
	char *said = NULL;
	size_t n;
	FILE *err = open_memstream(&said, &n);

	assert_int_equal(scenario_parse(path, text, len, err, &sc), -EINVAL);
	fclose(err);
	if (!strstr(said, what))
		fail_msg("expected %s; got %s", what, said);
	free(said);
}

static void test_odd_texts(void **state)
{
	const size_t big = 1024 * 1024 + 1;
	char *text = malloc(big);

	(void)state;
	memset(text, '\n', big);
	expect_refused(text, big, "big.yaml", "big.yaml:1: larger than 1 MiB");
	free(text);
	expect_refused("", 0, "none.yaml", "none.yaml:1: the file is empty");
	expect_refused("a: 1\n\0b: 2\n", 11, "nul.yaml", "nul.yaml:2: a NUL byte");
	expect_refused("a: 1\n", 5, "x/.yaml", "cannot name the scenario");
	expect_refused("a: 1\n", 5, "a b.yaml", "the file's name \"a b.yaml\"");
}

static void test_missing_file(void **state)
{
	struct scenario *sc = NULL;
	char *text;
	int rc;

	(void)state;
	text = load("tests/unit/scenarios/none.yaml", &rc, &sc);
	assert_int_equal(rc, -ENOENT);
	assert_non_null(strstr(text, "none.yaml: cannot be opened: No such file"));
	free(text);
	text = load("tests/unit/scenarios", &rc, &sc);
	assert_int_equal(rc, -EISDIR);
	free(text);
}

static void test_sha256(void **state)
{
	/* printf of the text | sha256sum */
	static const char text[] =
		"configurations: [ { name: vf, net: vf } ]\n"
		"workloads: [ { name: rr, tool: rr, requests: 10 } ]\n";
	struct scenario *sc;

	(void)state;
	assert_int_equal(scenario_parse("a.yml", text, strlen(text), stderr, &sc), 0);
	assert_string_equal(sc->name, "a");
	assert_string_equal(sc->sha256, "289b82c1882cf18ea54f05b0fd2b89b6a5fb8975d8fa2e884fe2d59b6a1ffffa");
	scenario_free(sc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_files),
		cmocka_unit_test(test_good_files),
		cmocka_unit_test(test_own_scenarios),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_bare_metal),
		cmocka_unit_test(test_placement),
		cmocka_unit_test(test_field_tools),
		cmocka_unit_test(test_odd_texts),
		cmocka_unit_test(test_missing_file),
		cmocka_unit_test(test_sha256),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
