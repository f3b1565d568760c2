// SPDX-License-Identifier: GPL-2.0
/* LINK: analyze/baseline.c analyze/baseline_read.c analyze/baseline_update.c analyze/baseline_write.c analyze/facts.c analyze/gate.c analyze/gate_json.c analyze/gate_judge.c analyze/gate_junit.c analyze/gate_text.c analyze/numbers.c analyze/record.c analyze/welch.c tracer/core/reason.c tracer/run/scenario_msg.c tracer/run/yaml.c -lgsl -lgslcblas */
/*
 * Any bytes as a baseline: it is refused with one line, or it can be written and read back as the
 * same, compared with a record in every way, updated with it, and told in every format.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/baseline.h"
#include "analyze/gate.h"
#include "analyze/gate_out.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RUN(repeat) \
"{\"schema\":\"exitlab-record/1\",\"complete\":true,\"backend\":\"emulated\",\"time_base\":\"t\"," \
"\"scenario\":{\"name\":\"t\",\"title\":\"T\",\"sha256\":\"0\"}," \
"\"point\":{\"id\":\"p\",\"configuration\":{\"name\":\"c\",\"title\":\"X\",\"net\":\"vf\"}," \
"\"parameters\":{},\"repeat\":" repeat ",\"mode\":\"counts\"," \
"\"workloads\":[{\"name\":\"rr\",\"tool\":\"rr\",\"requests\":100}]}," \
"\"machine\":{\"testbed\":\"k\",\"kernel\":\"6.12\",\"kvm\":{\"halt_poll_ns\":\"0\"}}," \
"\"windows\":[{\"workload\":\"rr\",\"tool\":\"rr\",\"unit\":\"request\",\"work\":100," \
"\"duration_ns\":1,\"tracer\":{\"schema\":\"exitlab-stat/1\",\"vms\":[{\"vm\":\"g\",\"vcpus\":[" \
"{\"vcpu\":0,\"entries\":7,\"exits\":7" repeat ",\"guest_ns\":0,\"reasons\":[" \
"{\"isa\":\"svm\",\"reason\":120,\"count\":7" repeat ",\"timed\":0}]}]}]}," \
"\"counters\":{\"guest\":{\"interrupts\":30}}}]}"

static json_t *records(void)
{
	static const char *const runs[] = { RUN("1"), RUN("2"), RUN("3") };
	struct records rs = { 0 };
	json_t *b;
	int i;

	for (i = 0; i < 3; i++) {
		if (records_add_text(&rs, "r", runs[i], strlen(runs[i]), stderr))
			abort();
	}
	if (baseline_of_records(&rs, stderr, &b))
		abort();
	records_free(&rs);
	return b;
}

static void gate_once(const json_t *base, const json_t *now, const struct gate_options *o)
{
	char *told = NULL, *text = NULL;
	size_t told_len, len;
	FILE *err = open_memstream(&told, &told_len), *out = open_memstream(&text, &len);
	struct gate g;
	int rc = gate_compare(base, now, o, err, &g);
	json_t *j;

	fclose(err);
	if ((rc && rc != -EINVAL) || (rc == -EINVAL) != (told_len > 0))
		abort();
	if (!rc) {
		gate_text(out, &g);
		gate_junit(out, &g, true);
		j = gate_json(&g, 0);
		if (!j || json_dumpf(j, out, 0))
			abort();
		json_decref(j);
	}
	gate_free(&g);
	fclose(out);
	free(told);
	free(text);
}

static void compare(const json_t *base, const json_t *now)
{
	static const struct gate_options options[] = {
		{ .min_effect = -1, .confidence = 99, .any_scenario = true },
		{ .min_effect = 0, .confidence = 99, .any_scenario = true, .partial = true },
		{ .min_effect = -1, .confidence = 50, .exact = true, .only = "p" },
	};
	size_t i;

	for (i = 0; i < 3; i++)
		gate_once(base, now, &options[i]);
}

/* Written and read again it must be the same, and be written in the same bytes. */
static void round_trip(const json_t *b)
{
	char *one = NULL, *two = NULL;
	size_t len, again_len;
	FILE *f = open_memstream(&one, &len);
	json_t *again;

	if (baseline_write(f, b) || fclose(f))
		abort();
	if (baseline_read("f", one, len, stderr, &again) || !json_equal(b, again))
		abort();
	f = open_memstream(&two, &again_len);
	if (baseline_write(f, again) || fclose(f) || len != again_len || memcmp(one, two, len))
		abort();
	json_decref(again);
	free(one);
	free(two);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static json_t *now;
	char *told = NULL, *changes = NULL;
	size_t told_len, len;
	FILE *err = open_memstream(&told, &told_len), *out;
	json_t *b = NULL;
	int rc = baseline_read("f", (const char *)data, size, err, &b);

	if (!now)
		now = records();
	fclose(err);
	if (rc && rc != -EINVAL)
		abort();
	if ((rc == -EINVAL) != (told_len > 0) || (rc && strchr(told, '\n') != told + told_len - 1))
		abort();
	free(told);
	if (rc)
		return 0;
	round_trip(b);
	compare(b, now);
	err = open_memstream(&told, &told_len);
	out = open_memstream(&changes, &len);
	rc = baseline_update(b, now, out, err);
	fclose(err);
	fclose(out);
	if (rc && rc != -EINVAL)
		abort();
	round_trip(b);
	free(told);
	free(changes);
	json_decref(b);
	return 0;
}
