// SPDX-License-Identifier: GPL-2.0
/*
 * The views of exitlab top. The hard part is a share of time that is told late: an exit's time is
 * known when it ends, so a vCPU that slept through three intervals in HLT brings the time of all
 * three in the fourth. A share is therefore cut to what fits into the interval, and a vCPU without
 * any event has none.
 */
#include "cmd/top_view.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/estimate.h"
#include "core/reason.h"
#include "engine/part.h"
#include "out/halt.h"

/* One VM or vCPU. */
struct row {
	char name[VM_NAME_MAX + 16], top[48];
	int id;				/* pid or tid */
	int vcpus;			/* known to exist; 1 for a vCPU */
	uint64_t exits, guest_ns, work_ns, halt_ns;
	uint64_t top_ns;		/* time of the reason in @top */
	bool seen;			/* an event, hence shares of time */
	bool blind;
	struct top_target target;
};

static int put(struct top_lines *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int put(struct top_lines *l, const char *fmt, ...)
{
	char (*more)[160] = realloc(l->line, (l->n + 1) * sizeof(*more));
	va_list ap;

	if (!more)
		return -ENOMEM;
	l->line = more;
	va_start(ap, fmt);
	vsnprintf(more[l->n++], sizeof(*more), fmt, ap);
	va_end(ap);
	return 0;
}

static int put_row(struct top_lines *l, struct top_target t, const char *text)
{
	struct top_target *more = realloc(l->target, (l->nr_rows + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	l->target = more;
	more[l->nr_rows] = t;
	if (!l->nr_rows++)
		l->first_row = l->n;
	return put(l, "%s", text);
}

void top_lines_free(struct top_lines *l)
{
	free(l->line);
	free(l->target);
	*l = (struct top_lines){ 0 };
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Adds a vCPU to the row of itself or of its VM. */
static void add_vcpu(struct row *row, const struct vcpu_trace *v, uint64_t interval_ns)
{
	uint64_t work = 0, halt = 0, guest = least(estimate_guest(v), interval_ns);
	char name[64];
	size_t i;

	for (i = 0; i < v->nr_reasons; i++) {
		const struct exit_stat *r = &v->reasons[i];
		uint64_t ns = estimate_total(r);

		if (exit_is_halt(r))
			halt += ns;
		else
			work += ns;
		if (!row->top[0] || ns > row->top_ns) {
			row->top_ns = ns;
			snprintf(row->top, sizeof(row->top), "%s",
				 reason_name(r->isa, r->reason, name, sizeof(name)));
		}
	}
	work = least(work, interval_ns - guest);
	row->exits += v->exits;
	row->guest_ns += guest;
	row->work_ns += work;
	row->halt_ns += least(halt, interval_ns - guest - work);
	row->seen = true;
}

static int by_time(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->work_ns != y->work_ns)
		return x->work_ns > y->work_ns ? -1 : 1;
	return x->exits != y->exits ? (x->exits > y->exits ? -1 : 1) : strcmp(x->name, y->name);
}

static int by_count(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return x->exits != y->exits ? (x->exits > y->exits ? -1 : 1) : by_time(a, b);
}

static int by_name(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int c;

	if (x->target.vm == y->target.vm && x->target.vcpu != y->target.vcpu)
		return x->target.vcpu < y->target.vcpu ? -1 : 1;
	c = strcmp(x->name, y->name);
	return c ? c : by_time(a, b);
}

static int put_rows(struct top_lines *l, struct row *rows, size_t n, enum out_sort sort,
		    double seconds)
{
	static int (*const order[])(const void *, const void *) = { by_time, by_count, by_name };
	char line[160], rate[24], share[3][16];
	size_t i, k;
	int ret = 0;

	if (n)
		qsort(rows, n, sizeof(*rows), order[sort]);
	for (i = 0; i < n && !ret; i++) {
		const struct row *r = &rows[i];
		uint64_t ns[3] = { r->guest_ns, r->work_ns, r->halt_ns };

		for (k = 0; k < 3; k++) {
			if (r->blind)
				snprintf(share[k], sizeof(share[k]), "n/a");
			else if (!r->seen || seconds <= 0)
				snprintf(share[k], sizeof(share[k]), "-");
			else
				snprintf(share[k], sizeof(share[k]), "%.1f",
					 (double)ns[k] / 1e7 / seconds /
					 (r->vcpus > 0 ? r->vcpus : 1));
		}
		out_count(seconds > 0 ? (uint64_t)((double)r->exits / seconds + 0.5) : 0, rate,
			  sizeof(rate));
		snprintf(line, sizeof(line), "%-18.18s %8d %5d %9s%c %6s %6s %6s  %-12.12s", r->name,
			 r->id, r->vcpus, rate, r->blind ? '*' : ' ', share[0], share[1], share[2],
			 r->blind ? "n/a" : r->top[0] ? r->top : "-");
		ret = put_row(l, r->target, line);
	}
	return ret;
}

static struct row *row_of(struct row *rows, size_t n, pid_t vm)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (rows[i].target.vm == vm)
			return &rows[i];
	return NULL;
}

/* VMs that run, or ran until a moment ago. */
static int vms(const struct top_state *s, const struct watch_view *v, struct top_lines *l)
{
	double seconds = (double)v->step.duration_ns / 1e9;
	struct row *rows = calloc(v->nr_vms + 1, sizeof(*rows));
	size_t i, n = 0;
	int ret;

	if (!rows)
		return -ENOMEM;
	for (i = 0; i < v->nr_vms; i++) {
		const struct watch_vm *vm = &v->vms[i];

		if (vm->ended_ns || row_of(rows, n, vm->pid))
			continue;
		rows[n] = (struct row){ .id = vm->pid, .vcpus = vm->vcpus,
					.blind = v->kvm_known && watch_blind(vm),
					.target = { vm->pid, -1 } };
		if (rows[n].blind)
			rows[n].exits = vm->kvm_exits;
		snprintf(rows[n].name, sizeof(rows[n].name), "%s", vm->label);
		n++;
	}
	for (i = 0; i < v->step.nr_vcpus; i++) {
		struct row *r = row_of(rows, n, v->step.vcpus[i].vm);

		if (r)
			add_vcpu(r, &v->step.vcpus[i], v->step.duration_ns);
	}
	ret = put(l, "%-18s %8s %5s %9s  %6s %6s %6s  %-12s", "VM", "PID", "VCPUS", "EXITS/s",
		  "GUEST%", "HANDL%", "HALT%", "MOST TIME");
	if (!ret)
		ret = put_rows(l, rows, n, s->sort, seconds);
	for (i = 0; i < n && !ret; i++) {
		if (rows[i].blind) {
			ret = put(l, "* by KVM's own count: it never calls the kvm_exit tracepoint here, "
				  "so reasons") || put(l, "  and times are n/a");
			break;
		}
	}
	if (!ret && !n)
		ret = put(l, "no VM is running");
	free(rows);
	return ret ? -ENOMEM : 0;
}

static int vcpus(const struct top_state *s, const struct watch_view *v, struct top_lines *l)
{
	double seconds = (double)v->step.duration_ns / 1e9;
	struct row *rows = calloc(v->step.nr_vcpus + 1, sizeof(*rows));
	size_t i, n = 0;
	int ret;

	if (!rows)
		return -ENOMEM;
	for (i = 0; i < v->step.nr_vcpus; i++) {
		const struct vcpu_trace *t = &v->step.vcpus[i];

		if (t->vm != s->vm)
			continue;
		rows[n] = (struct row){ .id = t->tid, .vcpus = 1, .target = { t->vm, t->vcpu } };
		snprintf(rows[n].name, sizeof(rows[n].name), "vCPU %d", t->vcpu);
		add_vcpu(&rows[n++], t, v->step.duration_ns);
	}
	ret = put(l, "%-18s %8s %5s %9s  %6s %6s %6s  %-12s", "VCPU", "TID", "", "EXITS/s", "GUEST%",
		  "HANDL%", "HALT%", "MOST TIME");
	if (!ret)
		ret = put_rows(l, rows, n, s->sort, seconds);
	if (!ret && !n)
		ret = put(l, "no exit was traced in this interval");
	free(rows);
	return ret;
}

/* All reasons of what is selected, as one vCPU; the table is that of exitlab stat. */
static int merge(const struct top_state *s, const struct watch_view *v, struct vcpu_trace *sum)
{
	size_t i, k, m;

	for (i = 0; i < v->step.nr_vcpus; i++) {
		const struct vcpu_trace *t = &v->step.vcpus[i];

		if ((s->vm && t->vm != s->vm) || (s->vcpu >= 0 && t->vcpu != s->vcpu))
			continue;
		sum->exits += t->exits;
		for (k = 0; k < t->nr_reasons; k++) {
			const struct exit_stat *r = &t->reasons[k];
			struct exit_stat *to;

			for (m = 0; m < sum->nr_reasons; m++) {
				to = &sum->reasons[m];
				if (to->isa == r->isa && to->reason == r->reason &&
				    to->has_detail == r->has_detail && to->detail == r->detail)
					break;
			}
			if (m == sum->nr_reasons) {
				to = realloc(sum->reasons, (m + 1) * sizeof(*to));
				if (!to)
					return -ENOMEM;
				sum->reasons = to;
				to[m] = *r;
				sum->nr_reasons++;
				continue;
			}
			estimate_add(to, r);
		}
	}
	return 0;
}

/* @text as lines, the first of which stays when the others scroll. Writes into it. */
static int put_text(struct top_lines *l, char *text)
{
	char *line, *next;
	int ret = 0;

	for (line = text; *line && !ret; line = next) {
		next = line + strcspn(line, "\n");
		if (*next)
			*next++ = 0;
		ret = line == text ? put(l, "%s", line) :
				     put_row(l, (struct top_target){ 0, -1 }, line);
	}
	return ret;
}

static int reasons(const struct top_state *s, const struct watch_view *v, struct top_lines *l)
{
	struct vcpu_trace sum = { 0 };
	char *text = NULL;
	size_t len = 0;
	FILE *f = NULL;
	int ret = merge(s, v, &sum);

	if (!ret && !sum.nr_reasons) {
		ret = put(l, "no exit was traced in this interval");
		goto out;
	}
	f = ret ? NULL : open_memstream(&text, &len);
	if (!f) {
		ret = -ENOMEM;
		goto out;
	}
	out_reasons(f, &sum, 0, s->sort, (double)v->step.duration_ns / 1e9);
	fclose(f);
	ret = put_text(l, text);
out:
	free(text);
	free(sum.reasons);
	return ret;
}

static const char *label_of(const struct watch_view *v, pid_t vm)
{
	size_t i;

	for (i = 0; i < v->nr_vms; i++)
		if (v->vms[i].pid == vm)
			return v->vms[i].label;
	return "a VM that has ended";
}

const char *top_view_name(enum top_view v)
{
	static const char *const names[] = { "exits", "account", "interrupts", "io_cores" };

	return names[v];
}

static const char *name_for_part(pid_t vm, void *arg)
{
	return label_of(arg, vm);
}

/* The table is that of exitlab stat. */
static int other_signal(const struct top_state *s, const struct watch_view *v, struct top_lines *l)
{
	const char *name = top_view_name(s->view);
	struct part *p = part_get(&v->step, name);
	struct part_ctx c = { .name = name_for_part, .arg = (void *)v,
			      .seconds = (double)v->step.duration_ns / 1e9 };
	char *text = NULL;
	size_t len = 0;
	FILE *f;
	int ret;

	if (!p)
		return put(l, "not measured; start with: exitlab top --signals %s", name);
	f = open_memstream(&text, &len);
	if (!f)
		return -ENOMEM;
	p->ops->text(f, p, &c);
	ret = fclose(f) ? -ENOMEM : put_text(l, text);
	free(text);
	return ret;
}

int top_render(const struct top_state *s, const struct watch_view *v, time_t now,
	       struct top_lines *out)
{
	double seconds = (double)v->step.duration_ns / 1e9;
	char clock[16], what[128];
	uint64_t exits = 0;
	struct tm tm;
	size_t i;
	int ret;

	*out = (struct top_lines){ 0 };
	localtime_r(&now, &tm);
	strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	for (i = 0; i < v->step.nr_vcpus; i++)
		exits += v->step.vcpus[i].exits;
	if (s->view != TOP_EXITS)
		snprintf(what, sizeof(what), "%s", top_view_name(s->view));
	else if (s->level == TOP_VMS)
		snprintf(what, sizeof(what), "all VMs");
	else if (s->level == TOP_VCPUS)
		snprintf(what, sizeof(what), "%.40s, by vCPU", label_of(v, s->vm));
	else if (!s->vm)
		snprintf(what, sizeof(what), "all VMs, by reason");
	else if (s->vcpu < 0)
		snprintf(what, sizeof(what), "%.40s, by reason", label_of(v, s->vm));
	else
		snprintf(what, sizeof(what), "%.40s, vCPU %d", label_of(v, s->vm), s->vcpu);
	ret = put(out, "exitlab top %s  %.3f s  %.0f exits/s traced  [%s]%s", clock, seconds,
		  seconds > 0 ? (double)exits / seconds : 0.0, what, s->paused ? " PAUSED" : "");
	if (!ret)
		ret = s->view != TOP_EXITS ? other_signal(s, v, out) :
		      s->level == TOP_VMS ? vms(s, v, out) :
		      s->level == TOP_VCPUS ? vcpus(s, v, out) : reasons(s, v, out);
	return ret;
}

int top_render_ledger(const struct watch_view *v, struct top_lines *out)
{
	const struct ledger *l = &v->step.ledger;
	char probes[200] = "", times[100];
	size_t i, n = 0;

	if (out_times(&v->step, times, sizeof(times)) && put(out, "%s", times))
		return -ENOMEM;

	for (i = 0; i < v->step.nr_probes && n < sizeof(probes); i++)
		n += (size_t)snprintf(probes + n, sizeof(probes) - n, "%s%s (%s)", i ? ", " : "",
				      v->step.probes[i].name, v->step.probes[i].rung);
	return put(out, "lost: %" PRIu64 " ring full, %" PRIu64 " no room, %" PRIu64 " skipped, %" PRIu64
		   " of unknown vCPUs; %" PRIu64 " seen", l->lost, l->map_full, l->recursion_missed,
		   l->unknown_exits, l->events) ||
	       put(out, "probes: %.70s", probes) ? -ENOMEM : 0;
}

/* ---- keys ---- */

static void enter(struct top_state *s, const struct top_lines *l)
{
	struct top_target t;

	if (s->view != TOP_EXITS || s->level == TOP_REASONS || s->cursor >= l->nr_rows)
		return;
	t = l->target[s->cursor];
	s->vm = t.vm;
	s->vcpu = t.vcpu;
	s->level++;
	s->cursor = 0;
}

static void back(struct top_state *s)
{
	if (s->view != TOP_EXITS)
		s->view = TOP_EXITS;
	else if (s->level == TOP_REASONS && (s->vcpu < 0 || !s->vm))
		s->level = TOP_VMS;	/* it was entered by 'r' */
	else if (s->level != TOP_VMS)
		s->level--;
	s->cursor = 0;
}

bool top_key(struct top_state *s, const struct top_lines *l, int key)
{
	switch (key) {
	case TOP_KEY_UP: case 'k':
		s->cursor -= s->cursor > 0;
		return true;
	case TOP_KEY_DOWN: case 'j':
		s->cursor += s->cursor + 1 < l->nr_rows;
		return true;
	case TOP_KEY_ENTER:
		enter(s, l);
		return true;
	case TOP_KEY_BACK:
		back(s);
		return true;
	case 'r':	/* the reasons of the selected VM, over its vCPUs */
		if (s->view != TOP_EXITS || s->level != TOP_VMS || s->cursor >= l->nr_rows)
			return true;
		s->vm = l->target[s->cursor].vm;
		s->vcpu = -1;
		s->level = TOP_REASONS;
		s->cursor = 0;
		return true;
	case 'a':	/* and of all VMs */
		s->view = TOP_EXITS;
		s->vm = 0;
		s->vcpu = -1;
		s->level = TOP_REASONS;
		s->cursor = 0;
		return true;
	case '\t':
		s->view = (s->view + 1) % NR_TOP_VIEWS;
		s->cursor = 0;
		return true;
	case '1': case '2': case '3': case '4':
		s->view = (enum top_view)(key - '1');
		s->cursor = 0;
		return true;
	case 't': case 'c': case 'n':
		s->sort = key == 't' ? OUT_BY_TIME : key == 'c' ? OUT_BY_COUNT : OUT_BY_NAME;
		return true;
	case 's': case 'o':
		s->sort = s->sort == OUT_BY_NAME ? OUT_BY_TIME : s->sort + 1;
		return true;
	case '+':
		s->interval_s = s->interval_s < 3600 ? s->interval_s * 2 : s->interval_s;
		return true;
	case '-':
		s->interval_s = s->interval_s > 0.2 ? s->interval_s / 2 : s->interval_s;
		return true;
	case 'p': case ' ':
		s->paused = !s->paused;
		return true;
	}
	return false;
}
