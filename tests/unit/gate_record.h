/* SPDX-License-Identifier: GPL-2.0 */
/* Small records for the tests of the gate: what the tests vary, the rest fixed. */
#ifndef EXITLAB_GATE_RECORD_H
#define EXITLAB_GATE_RECORD_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/baseline.h"

struct run {
	const char *id, *scenario, *testbed, *kernel, *mode, *backend, *halt_poll, *workload;
	int repeat;
	const char *work, *requests, *unit, *pv_eoi, *extra; /* extra: members of the root */
	int eoi, hlt, npf;
	const char *exits;	/* of the vCPU; NULL: the sum */
	const char *irqs, *signals, *difference, *lost, *detail;
};

/* A test names what it sets otherwise. */
#pragma GCC diagnostic ignored "-Woverride-init"

/* 100 requests with 100 EOIs, 50 HLTs, 10 page faults: 1.6 exits per request. */
#define RUN(...) ((struct run){ .id = "vf", .scenario = "t", .testbed = "aa", .kernel = "6.12", \
	.mode = "counts", .backend = "emulated", .halt_poll = "0", .workload = "rr", .repeat = 1, \
	.work = "100", .requests = "100", .unit = "request", .pv_eoi = "false", .extra = "", \
	.eoi = 100, .hlt = 50, .npf = 10, .irqs = "120", .signals = "{\"kicks\":40,\"replies\":null," \
	"\"replies_why\":\"no vhost here\"}", .difference = "0", .lost = "0", \
	.detail = ",\"detail\":2059,\"detail_name\":\"EOI\"", __VA_ARGS__ })

static inline char *run_text(const struct run *r)
{
	char *text, sum[24];

	snprintf(sum, sizeof(sum), "%d", r->eoi + r->hlt + r->npf);
	if (asprintf(&text,
"{\"schema\":\"exitlab-record/1\",\"complete\":true,%s\"backend\":\"%s\",\"time_base\":\"counted\","
"\"scenario\":{\"name\":\"%s\",\"title\":\"T\",\"sha256\":\"00\"},"
"\"machine\":{\"testbed\":\"%s\",\"kernel\":\"%s\",\"cpus\":2,\"guest_boot_ns\":[5],\"kvm\":"
"{\"halt_poll_ns\":\"%s\",\"tdp_mmu\":\"Y\"},\"kvm_intel\":{}},"
"\"point\":{\"id\":\"%s\",\"configuration\":{\"name\":\"c\",\"title\":\"X\",\"net\":\"vf\"},"
"\"parameters\":{},\"repeat\":%d,\"mode\":\"%s\",\"guests\":{\"pv_eoi\":%s},"
"\"workloads\":[{\"name\":\"%s\",\"title\":\"R\",\"tool\":\"rr\",\"requests\":%s}]},"
"\"windows\":[{\"workload\":\"%s\",\"tool\":\"rr\",\"unit\":\"%s\",\"work\":%s,\"duration_ns\":1,"
"\"tracer\":{\"schema\":\"exitlab-stat/1\",\"ledger\":{\"map_full\":%s,\"recursion_missed\":0},"
"\"vms\":[{\"vm\":\"g\",\"vcpus\":["
"{\"vcpu\":0,\"entries\":1,\"exits\":%s,\"guest_ns\":0,\"reasons\":["
"{\"isa\":\"svm\",\"reason\":124,\"name\":\"MSR\"%s,\"count\":%d,\"timed\":0},"
"{\"isa\":\"svm\",\"reason\":1024,\"name\":\"NPF\",\"count\":%d,\"timed\":0},"
"{\"isa\":\"svm\",\"reason\":120,\"name\":\"HLT\",\"count\":%d,\"timed\":0}]}]}]},"
"\"counters\":{\"guest\":{\"interrupts\":%s},\"signals\":%s},"
"\"checks\":[{\"name\":\"KVM\",\"tracer\":1,\"other\":1,\"difference\":%s}]}]}",
		     r->extra, r->backend, r->scenario, r->testbed, r->kernel, r->halt_poll, r->id,
		     r->repeat, r->mode, r->pv_eoi, r->workload, r->requests, r->workload, r->unit,
		     r->work, r->lost, r->exits ? r->exits : sum, r->detail, r->eoi, r->npf,
		     r->hlt, r->irqs, r->signals, r->difference) < 0)
		abort();
	return text;
}

/* The files are called a.json, b.json, ... What is said goes to @err; -EINVAL if refused. */
static inline int runs_baseline(const struct run *runs, size_t n, FILE *err, json_t **out)
{
	struct records rs = { 0 };
	size_t i;
	int rc = 0;

	for (i = 0; i < n && !rc; i++) {
		char *text = run_text(&runs[i]), name[] = "a.json";

		name[0] += i;
		rc = records_add_text(&rs, name, text, strlen(text), err);
		free(text);
	}
	records_sort(&rs);
	if (!rc)
		rc = baseline_of_records(&rs, err, out);
	records_free(&rs);
	return rc;
}

static inline char *baseline_text(const json_t *b)
{
	char *text;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f || baseline_write(f, b) || fclose(f))
		abort();
	return text;
}

#endif
