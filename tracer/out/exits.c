// SPDX-License-Identifier: GPL-2.0
/*
 * The table of `exitlab stat`. Nine columns have to fit into 79 characters, so times carry three
 * digits and their own unit, and a name that is too long gets a line of its own rather than being
 * cut: reasons that differ only at the end exist.
 */
#include "out/exits.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/estimate.h"
#include "core/reason.h"
#include "engine/part.h"

#define NAME_WIDTH 17

const char *out_ns(uint64_t ns, char *buf, size_t size)
{
	static const char *const unit[] = { "ns", "us", "ms", "s" };
	const uint64_t day = 86400ull * 1000000000u;
	double v = (double)ns;
	int u = 0;

	if (ns < 1000) {
		snprintf(buf, size, "%uns", (unsigned int)ns);
		return buf;
	}
	if (ns > day) {
		v /= (double)day;
		snprintf(buf, size, "%.*fd", v < 999.95 ? 1 : 0, v);
		return buf;
	}
	/* What would be rounded to 1000 belongs to the next unit. */
	while (v >= 999.5 && u < 3) {
		v /= 1000;
		u++;
	}
	snprintf(buf, size, "%.*f%s", v < 9.995 ? 2 : v < 99.95 ? 1 : 0, v, unit[u]);
	return buf;
}

const char *out_count(uint64_t n, char *buf, size_t size)
{
	if (n < 1000000000u)
		snprintf(buf, size, "%" PRIu64, n);
	else
		snprintf(buf, size, "%.2fe9", (double)n / 1e9);
	return buf;
}

static void row_name(const struct exit_stat *r, char *buf, size_t size)
{
	char reason[64], msr[32];

	if (r->has_detail)
		snprintf(buf, size, "%s %s", reason_name(r->isa, r->reason, reason, sizeof(reason)),
			 detail_name(r->isa, r->reason, r->detail, msr, sizeof(msr)));
	else
		snprintf(buf, size, "%s", reason_name(r->isa, r->reason, reason, sizeof(reason)));
}

static void row(FILE *f, const char *name, const struct exit_stat *r, uint64_t all, double seconds)
{
	char n[24], rate[24], t[5][24];
	uint64_t ns[5] = {
		estimate_total(r), (uint64_t)estimate_mean(r),
		hist_percentile(&r->hist, 50), hist_percentile(&r->hist, 99), r->max_ns,
	};
	int i;

	if (strlen(name) > NAME_WIDTH) {
		fprintf(f, "%s\n", name);
		name = "";
	}
	out_count(r->count, n, sizeof(n));
	out_count(seconds > 0 ? (uint64_t)((double)r->count / seconds + 0.5) : 0, rate,
		  sizeof(rate));
	fprintf(f, "%-*s %9s %8s %5.1f", NAME_WIDTH, name, n, rate,
		all ? 100.0 * (double)r->count / (double)all : 0.0);
	for (i = 0; i < 5; i++) {
		/* A percentile is the end of its bucket, the maximum is exact. */
		if ((i == 2 || i == 3) && ns[i] > r->max_ns)
			ns[i] = r->max_ns;
		fprintf(f, " %6s", r->timed ? out_ns(ns[i], t[i], sizeof(t[i])) : "-");
	}
	fputc('\n', f);
}

static int by_time(const void *a, const void *b)
{
	const struct exit_stat *x = *(const struct exit_stat *const *)a;
	const struct exit_stat *y = *(const struct exit_stat *const *)b;

	uint64_t a_ns = estimate_total(x), b_ns = estimate_total(y);

	if (a_ns != b_ns)
		return a_ns > b_ns ? -1 : 1;
	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return x->reason < y->reason ? -1 : x->reason > y->reason;
}

static int by_count(const void *a, const void *b)
{
	const struct exit_stat *x = *(const struct exit_stat *const *)a;
	const struct exit_stat *y = *(const struct exit_stat *const *)b;

	return x->count != y->count ? (x->count > y->count ? -1 : 1) : by_time(a, b);
}

static int by_name(const void *a, const void *b)
{
	char x[128], y[128];
	int c;

	row_name(*(const struct exit_stat *const *)a, x, sizeof(x));
	row_name(*(const struct exit_stat *const *)b, y, sizeof(y));
	c = strcmp(x, y);
	return c ? c : by_time(a, b);
}

static int (*const order_of[])(const void *, const void *) = {
	[OUT_BY_TIME] = by_time, [OUT_BY_COUNT] = by_count, [OUT_BY_NAME] = by_name,
};

void out_reasons(FILE *f, const struct vcpu_trace *v, size_t top, enum out_sort sort,
		 double seconds)
{
	const struct exit_stat **order = calloc(v->nr_reasons + 1, sizeof(*order));
	struct exit_stat *other = calloc(1, sizeof(*other));
	char name[128];
	size_t i;

	if (!order || !other)
		goto out;
	for (i = 0; i < v->nr_reasons; i++)
		order[i] = &v->reasons[i];
	qsort(order, v->nr_reasons, sizeof(*order), order_of[sort]);
	/* "other" would take as much room as the one reason it stands for. */
	if (!top || v->nr_reasons <= top + 1)
		top = v->nr_reasons;
	fprintf(f, "%-*s %9s %8s %5s %6s %6s %6s %6s %6s\n", NAME_WIDTH, "REASON", "EXITS", "EXITS/s",
		"%", "TIME", "MEAN", "P50", "P99", "MAX");
	for (i = 0; i < top; i++) {
		row_name(order[i], name, sizeof(name));
		row(f, name, order[i], v->exits, seconds);
	}
	for (; i < v->nr_reasons; i++)
		estimate_add(other, order[i]);
	if (top < v->nr_reasons) {
		snprintf(name, sizeof(name), "other (%zu)", v->nr_reasons - top);
		row(f, name, other, v->exits, seconds);
	}
out:
	free(order);
	free(other);
}

static void vcpu(FILE *f, const struct vcpu_trace *v, const char *vm, size_t top,
		 enum out_sort sort, double seconds)
{
	uint64_t handling = 0;
	char guest[24], host[24];
	size_t i;

	for (i = 0; i < v->nr_reasons; i++)
		handling += estimate_total(&v->reasons[i]);
	fprintf(f, "%s (pid %d), vCPU %d (tid %d)\n", vm, (int)v->vm, v->vcpu, (int)v->tid);
	out_reasons(f, v, top, sort, seconds);
	fprintf(f, "%" PRIu64 " exits, %" PRIu64 " entries in %.3f s\n"
		"in guest %s (%.1f %%), from exit to next entry %s\n\n", v->exits, v->entries,
		seconds, out_ns(estimate_guest(v), guest, sizeof(guest)),
		seconds > 0 ? (double)estimate_guest(v) / 1e7 / seconds : 0.0,
		out_ns(handling, host, sizeof(host)));
}

bool out_times(const struct trace_snapshot *s, char *buf, size_t size)
{
	struct estimate_all a = estimate_snapshot(s);
	char how[32];
	int n;

	if (s->time == TIME_OFF) {
		snprintf(buf, size, "times: none taken (--time off)");
		return true;
	}
	if (a.timed >= a.exits)
		return false;
	if (s->time == TIME_EVERY)
		snprintf(how, sizeof(how), "--time %u", s->time_every);
	else
		snprintf(how, sizeof(how), "auto");
	if (!a.timed) {
		snprintf(buf, size, "times: no exit timed (%s)", how);
		return true;
	}
	n = snprintf(buf, size, "times: 1 exit in %.1f timed (%s)",
		     (double)a.exits / (double)a.timed, how);
	if (a.total_ns > 0 && n > 0 && (size_t)n < size)
		snprintf(buf + n, size - (size_t)n, ", +-%.1f %% in total",
			 100 * a.error_ns / a.total_ns);
	return true;
}

static void footer(FILE *f, const struct trace_snapshot *s)
{
	const struct ledger *l = &s->ledger;
	char times[100];
	size_t i;
	int width;

	if (out_times(s, times, sizeof(times)))
		fprintf(f, "%s\n", times);
	fprintf(f, "lost: %" PRIu64 " ring full, %" PRIu64 " no room, %" PRIu64
		" skipped by the kernel, %" PRIu64 " of unknown vCPUs;\n%" PRIu64 " events seen\n",
		l->lost, l->map_full, l->recursion_missed, l->unknown_exits, l->events);
	fprintf(f, "without time: %" PRIu64 " exits without an entry before, %" PRIu64
		" entries without an exit\n", l->unmatched_exits, l->unmatched_entries);
	if (l->other_cpus)
		fprintf(f, "not counted: %" PRIu64 " exits on other CPUs\n", l->other_cpus);
	if (l->detail_full)
		fprintf(f, "without detail: %" PRIu64 " exits of vCPUs that have too many of them\n",
			l->detail_full);
	if (snapshot_vm_is_process(s))
		fputs("a VM is a process here: this kvm_entry does not tell VMs of one apart\n", f);
	width = fprintf(f, "probes:");
	for (i = 0; i < s->nr_probes; i++) {
		char one[80];
		int n = snprintf(one, sizeof(one), " %s (%s)", s->probes[i].name, s->probes[i].rung);

		if (i)
			width += fprintf(f, ",");
		if (width + n > 78)
			width = fprintf(f, "\n       ") - 1;
		width += fprintf(f, "%s", one);
	}
	fputc('\n', f);
	if (s->run_cnt && !s->cost_of_reader)
		fprintf(f, "their programs ran %" PRIu64 " times, %" PRIu64 " ns each\n", s->run_cnt,
			s->run_ns / s->run_cnt);
	if (s->run_cnt && s->cost_of_reader)
		fprintf(f, "reading %" PRIu64 " events took %" PRIu64 " ns each, %.1f %% of a CPU\n",
			s->run_cnt, s->run_ns / s->run_cnt,
			s->duration_ns ? 100.0 * (double)s->run_ns / (double)s->duration_ns : 0.0);
}

void out_exits(FILE *f, const struct trace_snapshot *s, size_t top, enum out_sort sort,
	       vm_name_fn name, void *arg)
{
	double seconds = (double)s->duration_ns / 1e9;
	size_t i;

	for (i = 0; i < s->nr_vcpus; i++) {
		const char *vm = name ? name(s->vcpus[i].vm, arg) : NULL;

		vcpu(f, &s->vcpus[i], vm ? vm : "VM", top, sort, seconds);
	}
	for (i = 0; i < s->nr_parts; i++) {
		struct part_ctx c = { .name = name, .arg = arg, .seconds = seconds, .top = top };

		s->parts[i]->ops->text(f, s->parts[i], &c);
	}
	footer(f, s);
}
