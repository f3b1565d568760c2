// SPDX-License-Identifier: GPL-2.0
/*
 * The time account for people and programs. A table row has to hold eight kinds of time and the
 * residual in 79 columns, so every vCPU has two: percent of its wall time, and the times.
 */
#include "out/account.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "out/csv.h"
#include "out/exits.h"
#include "out/prom.h"

#define NAME_WIDTH 12

/* Kinds that are one number; those of classes come twice, for KVM and the VMM. */
static const struct {
	unsigned int kind;
	const char *key;	/* + "_ns" in JSON and CSV; class label in Prometheus */
} plain[] = {
	{ ACCOUNT_GUEST, "guest" },	{ ACCOUNT_POLL, "halt_poll" },
	{ ACCOUNT_BLOCKED, "blocked" },	{ ACCOUNT_SLEEP, "sleep" },
	{ ACCOUNT_RUNQUEUE, "run_queue" }, { ACCOUNT_HOST_IRQ, "host_interrupt" },
};
#define NR_PLAIN (sizeof(plain) / sizeof(plain[0]))

static const struct account_part *of(const struct part *p)
{
	return (const struct account_part *)p;
}

static uint64_t of_classes(const struct account_row *r, unsigned int first)
{
	uint64_t n = 0;
	int c;

	for (c = 0; c < NR_REASON_CLASSES; c++)
		n += r->ns[first + c];
	return n;
}

/* ---- text ---- */

static void cell(FILE *f, int64_t ns, uint64_t wall, bool percent)
{
	char text[24], signed_text[32];
	uint64_t abs = ns < 0 ? (uint64_t)-ns : (uint64_t)ns;

	if (percent) {
		fprintf(f, " %6.2f", wall ? 100.0 * (double)ns / (double)wall : 0.0);
		return;
	}
	out_ns(abs, text, sizeof(text));
	snprintf(signed_text, sizeof(signed_text), "%s%s", ns < 0 ? "-" : "", text);
	fprintf(f, " %6s", signed_text);
}

static void cells(FILE *f, const struct account_row *r, bool percent)
{
	const uint64_t ns[] = {
		r->ns[ACCOUNT_GUEST], of_classes(r, ACCOUNT_KERNEL), of_classes(r, ACCOUNT_USER),
		r->ns[ACCOUNT_POLL], r->ns[ACCOUNT_BLOCKED], r->ns[ACCOUNT_SLEEP],
		r->ns[ACCOUNT_RUNQUEUE], r->ns[ACCOUNT_HOST_IRQ],
	};
	size_t i;

	for (i = 0; i < sizeof(ns) / sizeof(ns[0]); i++)
		cell(f, (int64_t)ns[i], r->wall_ns, percent);
	cell(f, account_residual(r), r->wall_ns, percent);
	fputc('\n', f);
}

static void class_line(FILE *f, const struct account_row *r, enum reason_class c)
{
	uint64_t ns[2] = { r->ns[ACCOUNT_KERNEL + c], r->ns[ACCOUNT_USER + c] };
	char t[2][24];

	if (!ns[0] && !ns[1])
		return;
	fprintf(f, "  %-10s KVM %6s %6.2f %%   VMM %6s %6.2f %%\n", reason_class_name(c),
		out_ns(ns[0], t[0], sizeof(t[0])),
		r->wall_ns ? 100.0 * (double)ns[0] / (double)r->wall_ns : 0.0,
		out_ns(ns[1], t[1], sizeof(t[1])),
		r->wall_ns ? 100.0 * (double)ns[1] / (double)r->wall_ns : 0.0);
}

static void text_row(FILE *f, const struct account_row *r, const char *vm)
{
	char id[24], t[24];
	int c;

	if (strlen(vm) > NAME_WIDTH - 4) {
		fprintf(f, "%s\n", vm);
		vm = "";
	}
	snprintf(id, sizeof(id), "%d", r->vcpu);
	fprintf(f, "%-*s %3s", NAME_WIDTH - 4, vm, id);
	cells(f, r, true);
	fprintf(f, "%*s", NAME_WIDTH, out_ns(r->wall_ns, t, sizeof(t)));
	cells(f, r, false);
	for (c = 0; c < NR_REASON_CLASSES; c++)
		class_line(f, r, (enum reason_class)c);
	if (r->unseen_ns)
		fprintf(f, "  before its first entry %s of the wall time\n",
			out_ns(r->unseen_ns, t, sizeof(t)));
	if (r->sched_run_ns) {
		fprintf(f, "  scheduler: ran %s", out_ns(r->sched_run_ns, t, sizeof(t)));
		fprintf(f, " (account %s)", out_ns(r->run_ns, t, sizeof(t)));
		fprintf(f, ", waited %s", out_ns(r->sched_wait_ns, t, sizeof(t)));
		fprintf(f, " (account %s)\n", out_ns(r->wait_ns, t, sizeof(t)));
	}
	if (r->moves)
		fprintf(f, "  ran by another thread %" PRIu64 " times\n", r->moves);
}

static const char *no_poll(const struct account_part *p)
{
	return p->no_poll_why ? p->no_poll_why : "this KVM does not say how long it polls";
}

static void text_ledger(FILE *f, const struct account_part *p)
{
	const struct account_ledger *l = &p->ledger;
	char t[24];

	fprintf(f, "not in turn: %" PRIu64 " entries, %" PRIu64 " exits, %" PRIu64 " interrupts, %"
		PRIu64 " wake-ups; clock back %s\n", l->unmatched_entries, l->unmatched_exits,
		l->unmatched_irqs, l->unseen_wakeups, out_ns(l->clock_back_ns, t, sizeof(t)));
	fprintf(f, "in the middle of another event %" PRIu64 ", no room %" PRIu64
		", exits of unknown vCPUs %" PRIu64 "\n", l->skipped, l->map_full,
		l->unknown_exits);
	if (!p->has_poll && p->nr_rows)
		fprintf(f, "POLL: n/a (%s; it is in KVM)\n", no_poll(p));
	if (!p->has_return)
		fputs("VMM: until the next entry (this kernel has no event for the return)\n", f);
}

void account_text(FILE *f, const struct part *part, const struct part_ctx *c)
{
	const struct account_part *p = of(part);
	size_t i;

	fputs("time account: percent of the wall time, and times\n", f);
	fprintf(f, "%-*s %3s %6s %6s %6s %6s %6s %6s %6s %6s %6s\n", NAME_WIDTH - 4, "VM", "CPU",
		"GUEST", "KVM", "VMM", "POLL", "BLOCK", "SLEEP", "RUNQ", "IRQ", "RESID");
	if (!p->nr_rows)
		fputs("no vCPU has made an entry\n", f);
	for (i = 0; i < p->nr_rows; i++) {
		const char *vm = c->name ? c->name(p->rows[i].vm, c->arg) : NULL;

		text_row(f, &p->rows[i], vm ? vm : "VM");
	}
	text_ledger(f, p);
	fputc('\n', f);
}

/* ---- JSON ---- */

static bool put(json_t *o, const char *key, uint64_t n)
{
	return json_object_set_new(o, key, json_integer((json_int_t)n)) == 0;
}

static json_t *handling_json(const struct account_row *r)
{
	json_t *o = json_object();
	bool ok = o != NULL;
	int c;

	for (c = 0; c < NR_REASON_CLASSES && ok; c++)
		ok = json_object_set_new(o, reason_class_name((enum reason_class)c),
			json_pack("{s:I,s:I}",
				  "kernel_ns", (json_int_t)r->ns[ACCOUNT_KERNEL + c],
				  "user_ns", (json_int_t)r->ns[ACCOUNT_USER + c])) == 0;
	if (ok)
		return o;
	json_decref(o);
	return NULL;
}

static json_t *row_json(const struct account_part *p, const struct account_row *r,
			const struct part_ctx *c)
{
	const char *vm = c->name ? c->name(r->vm, c->arg) : NULL;
	char key[32], number[16];
	json_t *o;
	bool ok;
	size_t i;

	snprintf(number, sizeof(number), "%d", (int)r->vm);
	o = json_pack("{s:s,s:i,s:i,s:i}", "vm", vm ? vm : number, "pid", (int)r->vm,
		      "vcpu", r->vcpu, "tid", (int)r->tid);
	ok = o && put(o, "wall_ns", r->wall_ns) && put(o, "unseen_ns", r->unseen_ns);
	for (i = 0; i < NR_PLAIN && ok; i++) {
		snprintf(key, sizeof(key), "%s_ns", plain[i].key);
		if (plain[i].kind == ACCOUNT_POLL && !p->has_poll)
			ok = json_object_set_new(o, key, json_null()) == 0 &&
			     json_object_set_new(o, "halt_poll_why", json_sprintf(
				"%s; it is in handling", no_poll(p))) == 0;
		else
			ok = put(o, key, r->ns[plain[i].kind]);
	}
	ok = ok && json_object_set_new(o, "handling", handling_json(r)) == 0 &&
	     json_object_set_new(o, "residual_ns", json_integer(account_residual(r))) == 0 &&
	     put(o, "kvm_poll_ns", r->kvm_poll_ns) && put(o, "moves", r->moves) &&
	     json_object_set_new(o, "scheduler", json_pack("{s:I,s:I,s:I,s:I}",
		"run_ns", (json_int_t)r->sched_run_ns, "account_run_ns", (json_int_t)r->run_ns,
		"wait_ns", (json_int_t)r->sched_wait_ns,
		"account_wait_ns", (json_int_t)r->wait_ns)) == 0;
	if (ok)
		return o;
	json_decref(o);
	return NULL;
}

static json_t *ledger_json(const struct account_ledger *l)
{
	return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}",
		"unmatched_entries", (json_int_t)l->unmatched_entries,
		"unmatched_exits", (json_int_t)l->unmatched_exits,
		"unmatched_irqs", (json_int_t)l->unmatched_irqs,
		"unseen_wakeups", (json_int_t)l->unseen_wakeups,
		"unknown_exits", (json_int_t)l->unknown_exits,
		"skipped", (json_int_t)l->skipped,
		"clock_back_ns", (json_int_t)l->clock_back_ns,
		"map_full", (json_int_t)l->map_full);
}

json_t *account_json(const struct part *part, const struct part_ctx *c)
{
	const struct account_part *p = of(part);
	json_t *rows = json_array(), *o;
	size_t i;

	for (i = 0; i < p->nr_rows; i++) {
		if (json_array_append_new(rows, row_json(p, &p->rows[i], c))) {
			json_decref(rows);
			return NULL;
		}
	}
	o = json_pack("{s:o,s:o,s:s}", "vcpus", rows, "ledger", ledger_json(&p->ledger),
		      "return_from_user", p->has_return ? "kvm_fpu" : "kvm_entry");
	return o;
}

/* ---- CSV ---- */

void account_csv(struct csv_row *row, const struct part *part, const struct part_ctx *c)
{
	const struct account_part *p = of(part);
	struct csv_row r = *row;
	char metric[48];
	size_t i, k;

	for (i = 0; i < p->nr_rows; i++) {
		const struct account_row *a = &p->rows[i];
		const char *vm = c->name ? c->name(a->vm, c->arg) : NULL;
		int64_t residual = account_residual(a);

		r.vm = vm ? vm : "";
		r.pid = a->vm;
		r.vcpu = a->vcpu;
		r.reason = "";
		csv_number(&r, "account_wall_ns", a->wall_ns);
		csv_number(&r, "account_unseen_ns", a->unseen_ns);
		for (k = 0; k < NR_PLAIN; k++) {
			snprintf(metric, sizeof(metric), "account_%s_ns", plain[k].key);
			if (plain[k].kind != ACCOUNT_POLL || p->has_poll)
				csv_number(&r, metric, a->ns[plain[k].kind]);
		}
		csv_number(&r, residual < 0 ? "account_excess_ns" : "account_residual_ns",
			   (uint64_t)(residual < 0 ? -residual : residual));
		for (k = 0; k < NR_REASON_CLASSES; k++) {
			r.reason = reason_class_name((enum reason_class)k);
			csv_number(&r, "account_kernel_ns", a->ns[ACCOUNT_KERNEL + k]);
			csv_number(&r, "account_user_ns", a->ns[ACCOUNT_USER + k]);
		}
	}
}

/* ---- Prometheus ---- */

/* Series must not repeat: all rows with the same labels in one. */
static struct account_row *merged(const struct account_part *p, const struct part_ctx *c, size_t *n)
{
	struct account_row *out = calloc(p->nr_rows + 1, sizeof(*out));
	size_t i, j, k;

	*n = 0;
	for (i = 0; out && i < p->nr_rows; i++) {
		const struct account_row *r = &p->rows[i];
		const char *vm = c->name ? c->name(r->vm, c->arg) : NULL;

		for (j = 0; j < *n; j++) {
			const char *other = c->name ? c->name(out[j].vm, c->arg) : NULL;

			if (!strcmp(vm ? vm : "", other ? other : "") &&
			    (!c->per_vcpu || out[j].vcpu == r->vcpu))
				break;
		}
		if (j == *n) {
			out[(*n)++] = *r;
			continue;
		}
		out[j].wall_ns += r->wall_ns;
		out[j].unseen_ns += r->unseen_ns;
		for (k = 0; k < NR_ACCOUNT; k++)
			out[j].ns[k] += r->ns[k];
	}
	return out;
}

static void prom_row(FILE *f, const struct account_row *r, const char *vm, const char *vcpu,
		     bool has_poll)
{
	char class[32];
	size_t i;

#define SAMPLE(label, value) \
	prom_seconds(f, "exitlab_vcpu_seconds_total", value, "vm", vm, "vcpu", vcpu, \
		     "class", label, (char *)NULL)
	for (i = 0; i < NR_PLAIN; i++)
		if (plain[i].kind != ACCOUNT_POLL || has_poll)
			SAMPLE(plain[i].key, r->ns[plain[i].kind]);
	for (i = 0; i < NR_REASON_CLASSES; i++) {
		snprintf(class, sizeof(class), "kvm_%s", reason_class_name((enum reason_class)i));
		SAMPLE(class, r->ns[ACCOUNT_KERNEL + i]);
		snprintf(class, sizeof(class), "vmm_%s", reason_class_name((enum reason_class)i));
		SAMPLE(class, r->ns[ACCOUNT_USER + i]);
	}
	SAMPLE("unseen", r->unseen_ns);
#undef SAMPLE
}

void account_prom(FILE *f, const struct part *part, const struct part_ctx *c)
{
	const struct account_part *p = of(part);
	size_t n, i;
	struct account_row *rows = merged(p, c, &n);
	int pass;

	for (pass = 0; rows && pass < 2; pass++) {
		if (pass)
			prom_family(f, "exitlab_vcpu_wall_seconds_total", "counter",
				    "Wall time of vCPU threads; less all classes: what is unexplained.");
		else
			prom_family(f, "exitlab_vcpu_seconds_total", "counter",
				    "Wall time of vCPU threads by what it went into.");
		for (i = 0; i < n; i++) {
			const char *vm = c->name ? c->name(rows[i].vm, c->arg) : NULL;
			char vcpu[16];

			snprintf(vcpu, sizeof(vcpu), "%d", rows[i].vcpu);
			if (pass)
				prom_seconds(f, "exitlab_vcpu_wall_seconds_total", rows[i].wall_ns,
					     "vm", vm ? vm : "", "vcpu",
					     c->per_vcpu ? vcpu : NULL, (char *)NULL);
			else
				prom_row(f, &rows[i], vm ? vm : "", c->per_vcpu ? vcpu : NULL,
					 p->has_poll);
		}
	}
	free(rows);
}
