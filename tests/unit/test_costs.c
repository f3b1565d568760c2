// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/run/costs.c tracer/run/scenario_fields.c tracer/run/scenario_msg.c tracer/run/yaml.c */
/*
 * Cost sets: conversion, the ends of ranges, references, and that each bad file is refused with
 * the message that its first line promises ("# expect: LINE: text") and no other.
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

#include "run/costs.h"

#define GOOD "tests/unit/costs/good/a.yaml"
#define BAD  "tests/unit/costs/bad"

static void load(const char *path, const char *name, struct costs *c)
{
	struct costs_ref ref;

	assert_int_equal(costs_ref_parse(name, &ref), 0);
	assert_int_equal(costs_load(path, &ref, stderr, c), 0);
}

static void test_values(void **state)
{
	struct costs c;
	char args[256];

	(void)state;
	load(GOOD, "a", &c);
	assert_string_equal(c.name, "a");
	assert_string_equal(c.title, "A machine");
	assert_string_equal(c.file, "testbed/costs.yaml");
	assert_int_equal(strlen(c.sha256), 64);
	/* 1001 cycles of half a nanosecond, rounded. */
	assert_int_equal(c.ns[COST_VMRUN], 501);
	costs_icount(&c, args, sizeof(args));
	assert_string_equal(args, ",mips=2000,vmrun=501,vmexit=300,ipi-delay=1000");
	load(GOOD, "b", &c);
	costs_icount(&c, args, sizeof(args));
	assert_string_equal(args, ",mips=1500");
}

/* Published ranges and assumptions are moved apart from each other. */
static void test_variants(void **state)
{
	static const struct { const char *name; unsigned mips, vmrun, vmexit; } want[] = {
		{ "a@low", 2000, 500, 300 },
		{ "a@high", 2000, 700, 300 },
		{ "a@slow", 1000, 501, 100 },
		{ "a@fast", 4000, 501, 500 },
	};
	struct costs c;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		load(GOOD, want[i].name, &c);
		assert_string_equal(c.name, want[i].name);
		assert_int_equal(c.mips, want[i].mips);
		assert_int_equal(c.ns[COST_VMRUN], want[i].vmrun);
		assert_int_equal(c.ns[COST_VMEXIT], want[i].vmexit);
		assert_int_equal(c.ns[COST_IPI_DELAY], 1000);
	}
}

static void test_references(void **state)
{
	static const char *const bad[] = { "", "@low", "a@", "a@mid", "A", "a b", ":a", "f:", "f:@low",
		"a@low@high", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" };
	struct costs_ref ref;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(costs_ref_parse(bad[i], &ref), -EINVAL);
	assert_int_equal(costs_ref_parse("./d:e/my.yaml:e5-2660@high", &ref), 0);
	assert_string_equal(ref.file, "./d:e/my.yaml");
	assert_string_equal(ref.name, "e5-2660");
	assert_string_equal(ref.label, "e5-2660.high");
	assert_int_equal(ref.variant, COSTS_HIGH);
}

static void test_record(void **state)
{
	struct costs c;
	json_t *j;

	(void)state;
	load(GOOD, "a@high", &c);
	j = costs_to_json(&c);
	assert_string_equal(json_string_value(json_object_get(j, "name")), "a@high");
	assert_int_equal(json_integer_value(json_object_get(j, "vmrun_ns")), 700);
	assert_int_equal(json_integer_value(json_object_get(j, "pio_ns")), 0);
	assert_int_equal(json_integer_value(json_object_get(j, "mips")), 2000);
	json_decref(j);
}

/* The file that comes along: all its sets, and the one that is the default. */
static void test_ours(void **state)
{
	static const char *const names[] = { COSTS_DEFAULT, "x5570", "e5-2660", "epyc@high" };
	struct costs c;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		load("testbed/costs.yaml", names[i], &c);
		assert_in_range(c.mips, 500, 10000);
		assert_in_range(c.ns[COST_VMRUN] + c.ns[COST_VMEXIT], 100, 2000);
	}
	/* 2,000 cycles at 2.93 GHz. */
	load("testbed/costs.yaml", "x5570", &c);
	assert_int_equal(c.ns[COST_VMRUN] + c.ns[COST_VMEXIT], 682);
}

static int is_yaml(const struct dirent *d)
{
	const char *dot = strrchr(d->d_name, '.');

	return dot && !strcmp(dot, ".yaml");
}

static void refused(const char *path)
{
	struct costs_ref ref = { .name = "a", .label = "a" };
	char line[512], want[600], *said = NULL;
	struct costs c;
	size_t len;
	FILE *f = fopen(path, "r"), *err = open_memstream(&said, &len);
	int at, n = 0;

	assert_non_null(f);
	assert_non_null(fgets(line, sizeof(line), f));
	fclose(f);
	line[strcspn(line, "\n")] = '\0';
	assert_int_equal(sscanf(line, "# expect: %d: %n", &at, &n), 1);
	snprintf(want, sizeof(want), "%s:%d: %s", path, at, line + n);
	assert_int_equal(costs_load(path, &ref, err, &c), -EINVAL);
	fclose(err);
	if (strncmp(said, want, strlen(want)) || strchr(said, '\n') != said + len - 1)
		fail_msg("expected %s, got %s", want, said);
	free(said);
}

static void test_bad_files(void **state)
{
	struct dirent **names;
	char path[512];
	int n = scandir(BAD, &names, is_yaml, alphasort), i;

	(void)state;
	assert_true(n > 10);
	for (i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", BAD, names[i]->d_name);
		refused(path);
		free(names[i]);
	}
	free(names);
}

static void test_no_file(void **state)
{
	struct costs_ref ref = { .name = "a" };
	struct costs c;
	char *said = NULL;
	size_t len;
	FILE *err = open_memstream(&said, &len);

	(void)state;
	assert_int_equal(costs_load("tests/unit/costs/none.yaml", &ref, err, &c), -ENOENT);
	fclose(err);
	assert_non_null(strstr(said, "tests/unit/costs/none.yaml: cannot be opened"));
	free(said);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_variants),
		cmocka_unit_test(test_references),
		cmocka_unit_test(test_record),
		cmocka_unit_test(test_ours),
		cmocka_unit_test(test_bad_files),
		cmocka_unit_test(test_no_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
