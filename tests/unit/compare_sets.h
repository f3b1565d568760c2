/* SPDX-License-Identifier: GPL-2.0 */
/* Sets of small records to compare, for the tests of that. */
#ifndef EXITLAB_TEST_COMPARE_SETS_H
#define EXITLAB_TEST_COMPARE_SETS_H

#include "unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/compare_print.h"

/* What a record of these tests may differ in; NULL or 0 is the default below. */
struct spec {
	const char *id, *config, *parameters, *scenario, *mode, *kernel, *testbed, *unit, *workload;
	const char *guests, *counters, *title;
	int repeat, work, eoi, hlt, timed;
	bool untimed;
};

static const char format[] =
"{\"schema\":\"exitlab-record/1\",\"complete\":true,"
"\"scenario\":{\"name\":\"%s\",\"title\":\"A test\",\"sha256\":\"0123456789abcdef\"},"
"\"point\":{\"id\":\"%s\",\"configuration\":{\"name\":\"%s\",\"title\":\"X\",\"net\":\"vf\"},"
"\"parameters\":%s,\"repeat\":%d,\"mode\":\"%s\",\"guests\":%s,"
"\"workloads\":[{\"name\":\"%s\",\"title\":\"%s\",\"requests\":100}]},"
"\"backend\":\"emulated\",\"time_base\":\"counted\","
"\"machine\":{\"kernel\":\"%s\",\"testbed\":\"%s\",\"guest_boot_ns\":[%d]},"
"\"windows\":[{\"workload\":\"%s\",\"tool\":\"rr\",\"unit\":\"%s\",\"work\":%d,"
"\"duration_ns\":1000000,"
"\"tracer\":{\"schema\":\"exitlab-stat/1\",\"vms\":[{\"vm\":\"g0\",\"vcpus\":["
"{\"vcpu\":0,\"entries\":1,\"exits\":%d,\"guest_ns\":400000,\"reasons\":["
"{\"isa\":\"svm\",\"reason\":124,\"name\":\"MSR\",\"detail\":2059,\"detail_name\":\"EOI\","
"\"count\":%d,\"timed\":%d,\"total_ns\":100000},"
"{\"isa\":\"svm\",\"reason\":120,\"name\":\"HLT\",\"count\":%d,\"timed\":%d,"
"\"total_ns\":300000}]}]}]},"
"\"counters\":%s}]}";

#define OR(field, other) (s->field ? s->field : (other))

static inline void add(struct compare_set *set, const struct spec *s)
{
	int eoi = OR(eoi, 200), hlt = OR(hlt, 100);
	char text[8192], path[128];

	snprintf(text, sizeof(text), format, OR(scenario, "t"), OR(id, "vf"), OR(config, "vf"),
		 OR(parameters, "{}"), OR(repeat, 1), OR(mode, "counts"),
		 OR(guests, "{\"pv_eoi\":true}"), OR(workload, "rr"), OR(title, "Round trips"),
		 OR(kernel, "6.12"), OR(testbed, "k1"), eoi, OR(workload, "rr"),
		 OR(unit, "request"), s->work < 0 ? 0 : OR(work, 100), eoi + hlt, eoi,
		 s->untimed ? 0 : eoi, hlt, hlt, OR(counters, "{}"));
	snprintf(path, sizeof(path), "%s/%s.json", set->path, OR(id, "vf"));
	assert_int_equal(records_add_text(&set->rs, path, text, strlen(text), stderr), 0);
}

#define ADD(set, ...) add(set, &(struct spec){ __VA_ARGS__ })

static inline void open_sets(struct compare_set *sets, size_t n)
{
	char name[8];
	size_t i;

	for (i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%c", (char)('A' + i));
		sets[i] = (struct compare_set){ .label = strdup(name), .path = strdup(name) };
	}
}

static inline void close_sets(struct compare_set *sets, size_t n, struct compare *c)
{
	size_t i;

	compare_free(c);
	for (i = 0; i < n; i++) {
		free(sets[i].label);
		free(sets[i].path);
		records_free(&sets[i].rs);
	}
}

static inline void build(struct compare_set *sets, size_t n, struct compare *c)
{
	static const struct compare_filter all;

	assert_int_equal(compare_build(sets, n, 0, &all, c), 0);
}

static inline char *text_of(const struct compare *c, size_t top)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_int_equal(compare_text(out, c, top), 0);
	fclose(out);
	return text;
}

static inline const struct compare_row *row_of(const struct comparison *c, const char *label)
{
	size_t i;

	for (i = 0; i < c->nr_rows; i++) {
		if (!strcmp(c->rows[i].label, label))
			return &c->rows[i];
	}
	fail_msg("no row '%s'", label);
	return NULL;
}

static inline void assert_number(double is, double want)
{
	if (fabs(is - want) > 1e-9)
		fail_msg("%.12g is not %.12g", is, want);
}

#endif
