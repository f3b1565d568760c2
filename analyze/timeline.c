// SPDX-License-Identifier: GPL-2.0
#include "analyze/timeline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/plotdata.h"

/* Room before the event that a piece begins with, as a share of its length. */
#define LEAD	0.1

struct event {
	double s;
	char who[48], name[48], rest[160];
};

/* "1.033345094 [000] web/0 298 kvm_exit: svm IOIO reason=0x7b"; false if it is not such a line. */
static bool read_event(const char *line, struct event *e)
{
	int n = 0;

	if (sscanf(line, "%lf [%*d] %47s %*s %47[^: \n]:%n", &e->s, e->who, e->name, &n) != 3 || !n)
		return false;
	snprintf(e->rest, sizeof(e->rest), "%s", line[n] == ' ' ? line + n + 1 : line + n);
	e->rest[strcspn(e->rest, "\n")] = 0;
	return true;
}

struct reader {
	struct event *e;
	size_t n, room;
};

static int add_event(struct reader *r, const struct event *e)
{
	struct event *more;

	if (r->n == r->room) {
		r->room = r->room ? 2 * r->room : 256;
		more = realloc(r->e, r->room * sizeof(*more));
		if (!more)
			return -ENOMEM;
		r->e = more;
	}
	r->e[r->n++] = *e;
	return 0;
}

static int read_all(FILE *in, const char *name, FILE *err, struct reader *r, char *note, size_t n)
{
	char line[512];
	struct event e;
	size_t number = 0;

	while (fgets(line, sizeof(line), in)) {
		number++;
		if (line[0] == '#') {
			line[strcspn(line, "\n")] = 0;
			if (line[1] && !*note)
				snprintf(note, n, "%.190s", line + 2);
			continue;
		}
		if (!read_event(line, &e)) {
			fprintf(err, "%s:%zu: not a line of exitlab script\n", name, number);
			return -EINVAL;
		}
		if (add_event(r, &e))
			return -ENOMEM;
	}
	return 0;
}

static bool host_takes(const struct event *e)
{
	return !strcmp(e->name, "irq_handler_entry") && strstr(e->rest, "vfio");
}

/* Vectors that Linux gives to devices; timers and other local ones are above, exceptions below. */
static bool of_device(const struct event *e)
{
	unsigned int vector;

	return (!strcmp(e->name, "kvm_inj_virq") || !strcmp(e->name, "kvm_eoi")) &&
	       sscanf(e->rest, "vector=%u", &vector) == 1 && vector >= 0x20 && vector <= 0xea;
}

static double beginning(const struct reader *r, const char *vcpu, double length_s)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		if (of_device(&r->e[i]) && !strcmp(r->e[i].who, vcpu))
			return r->e[i].s - LEAD * length_s;
	for (i = 0; i < r->n; i++)
		if (!strcmp(r->e[i].who, vcpu) && !strcmp(r->e[i].name, "kvm_entry"))
			return r->e[i].s;
	return r->n ? r->e[0].s : 0;
}

enum { GUEST, HOST, CORE };

static void span(struct timeline *t, double from, double to, int lane, const char *label)
{
	struct timeline_span *s = &t->spans[t->nr_spans];

	from = from < 0 ? 0 : from;
	to = to > t->length ? t->length : to;
	if (to <= from)
		return;
	*s = (struct timeline_span){ from, to, lane, "" };
	snprintf(s->label, sizeof(s->label), "%s", label);
	t->nr_spans++;
}

/* "svm MSR reason=0x7c ..." into "MSR"; "svm MSR write 80b ..." keeps what is short. */
static void exit_label(const char *rest, char *buf, size_t n)
{
	const char *from = strchr(rest, ' ');
	size_t len;

	from = from ? from + 1 : rest;
	len = strcspn(from, " ");
	snprintf(buf, n, "%.*s", (int)len, from);
}

static bool mark_label(const struct event *e, char *buf, size_t n)
{
	int vector = (int)strcspn(e->rest, " ");

	if (host_takes(e))
		snprintf(buf, n, "host takes it");
	else if (!strcmp(e->name, "kvm_inj_virq"))
		snprintf(buf, n, "inject %.*s", vector > 16 ? 16 : vector, e->rest);
	else if (!strcmp(e->name, "kvm_eoi"))
		snprintf(buf, n, "EOI %.*s", vector > 16 ? 16 : vector, e->rest);
	else
		return false;
	return true;
}

/* "g1/-" into "g1". */
static void owner(const struct event *e, char *buf, size_t n)
{
	snprintf(buf, n, "%.*s", (int)strcspn(e->who, "/"), e->who);
}

/* A lane for each VM whose queues are worked on, in order of names. False if there are too many. */
static bool vm_lanes(const struct reader *r, struct timeline *t)
{
	char vm[TIMELINE_TEXT];
	size_t i, lane, n = 0;

	for (i = 0; i < r->n; i++) {
		if (strcmp(r->e[i].name, "work_on"))
			continue;
		owner(&r->e[i], vm, sizeof(vm));
		for (lane = 0; lane < n && strcmp(t->lane[lane], vm) < 0; lane++)
			;
		if (lane < n && !strcmp(t->lane[lane], vm))
			continue;
		if (n == TIMELINE_LANES)
			return false;
		memmove(t->lane[lane + 1], t->lane[lane], (n - lane) * sizeof(t->lane[0]));
		strcpy(t->lane[lane], vm);
		n++;
	}
	return true;
}

/* Work on queues: a lane of its own, or one for each VM. */
static void core(const struct reader *r, struct timeline *t, bool by_vm)
{
	char vm[TIMELINE_TEXT], label[TIMELINE_TEXT] = "";
	double on = -2e9, us;
	int lane = CORE;
	size_t i;

	for (i = 0; i < r->n; i++) {
		const struct event *e = &r->e[i];
		const char *queue = strncmp(e->rest, "queue=", 6) ? "" : e->rest + 6;

		us = (e->s - t->began) * 1e6;
		if (!strcmp(e->name, "work_on")) {
			owner(e, vm, sizeof(vm));
			for (lane = by_vm ? 0 : CORE; by_vm && strcmp(t->lane[lane], vm); lane++)
				;
			if (!by_vm)
				strcpy(t->lane[CORE], "I/O core");
			snprintf(label, sizeof(label), "%.16s%s%.16s", by_vm ? "" : vm, by_vm ? "" : " ", queue);
			on = us;
		} else if (!strcmp(e->name, "work_off") && on > -1e9) {
			span(t, on, us, lane, label);
			on = -2e9;
		} else if (by_vm && !strcmp(e->name, "sched_in") && strstr(e->rest, "comm=vhost") &&
			   us >= 0 && us <= t->length) {
			owner(e, vm, sizeof(vm));
			snprintf(t->marks[t->nr_marks].label, TIMELINE_TEXT, "thread of %.20s", vm);
			t->marks[t->nr_marks++].at = us;
		}
	}
}

static void build(const struct reader *r, const char *vcpu, struct timeline *t)
{
	double last = -1, us;
	char label[TIMELINE_TEXT] = "";
	bool guest = false, known = false;
	size_t i;

	strcpy(t->lane[GUEST], "guest");
	strcpy(t->lane[HOST], "host");
	for (i = 0; i < r->n; i++) {
		const struct event *e = &r->e[i];
		bool mine = !strcmp(e->who, vcpu), entry = !strcmp(e->name, "kvm_entry");

		us = (e->s - t->began) * 1e6;
		if (mine && (entry || !strcmp(e->name, "kvm_exit"))) {
			/* Where it was before is what the first event takes it from. */
			if (!known)
				guest = !entry;
			known = true;
			if (last >= 0 || us >= 0)
				span(t, last, us, guest ? GUEST : HOST, guest ? "" : label);
			guest = entry;
			last = us;
			if (!entry)
				exit_label(e->rest, label, sizeof(label));
		}
		if (us >= 0 && us <= t->length && (mine || host_takes(e)) &&
		    mark_label(e, t->marks[t->nr_marks].label, TIMELINE_TEXT))
			t->marks[t->nr_marks++].at = us;
	}
	if (last >= 0 || r->n)
		span(t, last, t->length, guest ? GUEST : HOST, guest ? "" : label);
	core(r, t, false);
}

/* Everything but the spans and marks. */
static int begin(FILE *in, const char *name, double length_us, FILE *err, struct reader *r,
		 struct timeline *out)
{
	int ret;

	*out = (struct timeline){ .length = length_us };
	snprintf(out->title, sizeof(out->title), "%.63s", strrchr(name, '/') ? strrchr(name, '/') + 1
		 : name);
	ret = read_all(in, name, err, r, out->note, sizeof(out->note));
	/* A vCPU's stays and an I/O core's. */
	out->spans = ret ? NULL : calloc(2 * r->n + 2, sizeof(out->spans[0]));
	out->marks = ret ? NULL : calloc(r->n + 1, sizeof(out->marks[0]));
	return !ret && (!out->spans || !out->marks) ? -ENOMEM : ret;
}

int timeline_read(FILE *in, const char *name, const char *vcpu, double at, double length_us,
		  FILE *err, struct timeline *out)
{
	struct reader r = { 0 };
	int ret = begin(in, name, length_us, err, &r, out);
	size_t i;

	/* The last, because a recording learns names as it goes. */
	for (i = ret ? 0 : r.n; !vcpu && i; i--)
		if (!strcmp(r.e[i - 1].name, "kvm_entry"))
			vcpu = r.e[i - 1].who;
	if (!ret && !vcpu) {
		fprintf(err, "%s: no kvm_entry of a vCPU\n", name);
		ret = -EINVAL;
	}
	if (!ret) {
		out->began = at >= 0 ? at : beginning(&r, vcpu, length_us / 1e6);
		build(&r, vcpu, out);
	} else {
		timeline_free(out);
	}
	free(r.e);
	return ret;
}

int timeline_read_core(FILE *in, const char *name, double at, double length_us, FILE *err,
		       struct timeline *out)
{
	struct reader r = { 0 };
	int ret = begin(in, name, length_us, err, &r, out);

	if (!ret) {
		out->began = at >= 0 ? at : r.n ? r.e[0].s : 0;
		if (vm_lanes(&r, out)) {
			core(&r, out, true);
		} else {
			fprintf(err, "%s: work of more than %d VMs\n", name, TIMELINE_LANES);
			ret = -EINVAL;
		}
	}
	if (!ret && !out->nr_spans) {
		fprintf(err, "%s: no work of an I/O core there\n", name);
		ret = -EINVAL;
	}
	if (ret)
		timeline_free(out);
	free(r.e);
	return ret;
}

int timeline_piece(char *file, double *at, double *length_us)
{
	char *where = strrchr(file, '@'), *end;

	if (!where)
		return 0;
	*at = strtod(where + 1, &end);
	if (end != where + 1 && *end == '+')
		*length_us = strtod(end + 1, &end);
	if (end == where + 1 || *end || *at < 0 || !(*length_us > 0))
		return -EINVAL;
	*where = 0;
	return 0;
}

void timeline_free(struct timeline *t)
{
	free(t->spans);
	free(t->marks);
	memset(t, 0, sizeof(*t));
}

int timelines_data(FILE *out, const struct timelines *t)
{
	size_t i, j;
	int lane;

	for (i = 0; i < t->n; i++) {
		for (lane = 0; lane < TIMELINE_LANES; lane++) {
			fprintf(out, "%s# %s: %s, from to label\n0 0 \"\"\n", i || lane ? "\n\n" : "",
				t->list[i].title, t->list[i].lane[lane]);
			for (j = 0; j < t->list[i].nr_spans; j++) {
				const struct timeline_span *s = &t->list[i].spans[j];

				if (s->lane != lane)
					continue;
				fprintf(out, "%.3f %.3f ", s->from, s->to);
				plot_quoted(out, s->label, true);
				fputc('\n', out);
			}
		}
		fputs("\n\n# marks: at label\n-1 \"\"\n", out);
		for (j = 0; j < t->list[i].nr_marks; j++) {
			fprintf(out, "%.3f ", t->list[i].marks[j].at);
			plot_quoted(out, t->list[i].marks[j].label, true);
			fputc('\n', out);
		}
	}
	return 0;
}

int timelines_variables(FILE *out, const struct timelines *t, const char *base, const char *data)
{
	size_t i, lanes;

	plot_variable(out, "base", base);
	plot_variable(out, "data", data);
	plot_variable(out, "heading", t->heading);
	fprintf(out, "panels = %zu\narray panel_title[panels]\narray panel_note[panels]\n"
		"array panel_length[panels]\narray panel_lanes[panels]\narray lane_name[3 * panels]\n", t->n);
	for (i = 0; i < t->n; i++) {
		plot_element(out, "panel_title", i, t->list[i].title);
		plot_element(out, "panel_note", i, t->list[i].note);
		fprintf(out, "panel_length[%zu] = %.9g\n", i + 1, t->list[i].length);
		for (lanes = 0; lanes < TIMELINE_LANES; lanes++)
			plot_element(out, "lane_name", TIMELINE_LANES * i + lanes, t->list[i].lane[lanes]);
		while (lanes && !*t->list[i].lane[lanes - 1])
			lanes--;
		fprintf(out, "panel_lanes[%zu] = %zu\n", i + 1, lanes);
	}
	return 0;
}
