// SPDX-License-Identifier: GPL-2.0
/*
 * From the ring to the file. Addresses of the kernel stay out of it: a VM gets a number. Whoever
 * appears for the first time is described in a block of its own, before the events that refer to
 * it, so that a file cut short has the names of all that it has events of.
 */
#include "cmd/record_write.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "util/clock.h"

/* First line of a file of the kernel's; "" if there is none. Returns @buf. */
static char *line_of(const char *path, char *buf, int size)
{
	FILE *f = fopen(path, "re");

	buf[0] = 0;
	if (f && !fgets(buf, size, f))
		buf[0] = 0;
	if (f)
		fclose(f);
	buf[strcspn(buf, "\n")] = 0;
	return buf;
}

static void stop(struct record_write *w, int error)
{
	if (!w->stopped)
		w->error = error;
	w->stopped = true;
}

static void put_names(struct record_write *w, const char *key, json_t *entry)
{
	json_t *o = json_pack("{s:[o]}", key, entry);
	int ret = o ? recfile_put_json(w->file, RECFILE_NAMES, o) : -ENOMEM;

	json_decref(o);
	if (ret)
		stop(w, ret);
}

/* Text that is no UTF-8 would not get into JSON. */
static json_t *text(const char *s)
{
	json_t *o = json_string(s);

	return o ? o : json_string("?");
}

static void put_vm(struct record_write *w, size_t i, const char *comm)
{
	const struct record_vm *v = &w->vm[i];
	const char *name = v->tgid ? names_name((pid_t)v->tgid, w->names) : NULL;
	json_t *o = json_pack("{s:i, s:i}", "vm", (int)i + 1, "pid", (int)v->tgid);
	char program[64];

	/* A VMM that has ended meanwhile is known by its program, if at all. */
	if (!name && comm) {
		snprintf(program, sizeof(program), "%s-%u", comm, v->tgid);
		name = program;
	}
	if (o && name)
		json_object_set_new(o, "name", text(name));
	put_names(w, "vms", o);
}

/* Number of the VM in the file; 0 = unknown. @comm may be NULL. */
static uint16_t vm_number(struct record_write *w, const struct rec *r, const char *comm)
{
	struct record_vm *more;
	size_t i;

	if (!r->tgid && !r->kvm)
		return 0;
	if (w->last < w->nr_vms && w->vm[w->last].tgid == r->tgid && w->vm[w->last].kvm == r->kvm)
		return (uint16_t)(w->last + 1);
	/* Backwards: addresses come again, and the newest is meant. */
	for (i = w->nr_vms; i > 0; i--)
		if (w->vm[i - 1].tgid == r->tgid && w->vm[i - 1].kvm == r->kvm)
			break;
	if (!i) {
		if (w->nr_vms == UINT16_MAX)
			return 0;
		more = realloc(w->vm, (w->nr_vms + 1) * sizeof(*more));
		if (!more)
			return 0;
		w->vm = more;
		w->vm[w->nr_vms] = (struct record_vm){ r->tgid, r->kvm };
		i = ++w->nr_vms;
		put_vm(w, i - 1, comm);
	}
	w->last = i - 1;
	return (uint16_t)i;
}

static void take_thread(struct record_write *w, const struct rec *r)
{
	uint64_t words[3] = { r->a, r->b, 0 };
	char comm[24];
	uint16_t vm;
	json_t *o;

	memcpy(comm, words, sizeof(comm));
	vm = vm_number(w, r, comm);
	o = json_pack("{s:i, s:i, s:i, s:o}", "tid", (int)r->tid, "pid", (int)r->tgid, "vm", (int)vm,
		      "comm", text(comm));
	if (o && r->vcpu >= 0)
		json_object_set_new(o, "vcpu", json_integer(r->vcpu));
	put_names(w, "threads", o);
}

static void take_irq(struct record_write *w, uint64_t irq)
{
	char path[64], name[200];

	if (irq >= 8 * sizeof(w->irq_known) || w->irq_known[irq / 8] & 1u << irq % 8)
		return;
	w->irq_known[irq / 8] |= (unsigned char)(1u << irq % 8);
	snprintf(path, sizeof(path), "/sys/kernel/irq/%u/actions", (unsigned int)irq);
	put_names(w, "irqs", json_pack("{s:i, s:o}", "irq", (int)irq, "name",
				       text(line_of(path, name, sizeof(name)))));
}

int record_take(const struct rec *r, void *arg)
{
	struct record_write *w = arg;
	struct trace_event e = { .ts_ns = r->ts, .a = r->a, .b = r->b, .c = r->c, .tid = r->tid,
		.cpu = r->cpu, .vcpu = r->vcpu, .type = r->type, .flags = r->flags };
	int ret;

	if (r->type >= NR_REC_TYPES)
		return 0;
	w->taken[r->type]++;
	if (w->stopped)
		return 0;
	if (r->type == REC_THREAD) {
		take_thread(w, r);
		return 0;
	}
	if (r->lost > w->lost) {
		struct trace_event gap = { .ts_ns = r->ts, .a = r->lost - w->lost,
					   .type = REC_LOST, .vcpu = -1, .cpu = r->cpu };

		w->lost = r->lost;
		ret = recfile_put_event(w->file, &gap);
		if (ret)
			stop(w, ret);
	}
	if (r->type == REC_IRQ_ENTRY)
		take_irq(w, r->a);
	e.vm = vm_number(w, r, NULL);
	ret = w->stopped ? w->error : recfile_put_event(w->file, &e);
	if (ret)
		stop(w, ret);
	return 0;
}

static const char *vendor(char *buf, int size)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char line[256];

	snprintf(buf, (size_t)size, "unknown");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "vendor_id : %63s", buf) == 1)
			break;
	if (f)
		fclose(f);
	return buf;
}

static json_t *events_json(const struct recorder *r, bool missing)
{
	json_t *a = json_array();
	unsigned int i;

	for (i = 1; i < NR_REC_TYPES; i++) {
		const struct event_kind *k = &event_kinds[i];

		if (missing && recorder_missing(r, i))
			json_array_append_new(a, json_pack("{s:s, s:s}", "name", k->name, "why",
							   recorder_missing(r, i)));
		else if (!missing && recorder_events(r) & 1u << i)
			json_array_append_new(a, json_pack("{s:i, s:s, s:s}", "type", (int)i,
				"name", k->name, "rung", k->classic ? "tp" : "raw_tp"));
	}
	return a;
}

int record_put_info(struct record_write *w, const struct recorder *r, size_t ring_bytes)
{
	char cpu[64], boot[64];
	struct timespec t;
	struct utsname u;
	uint64_t mono;
	json_t *o;
	int ret;

	uname(&u);
	clock_gettime(CLOCK_REALTIME, &t);
	mono = clock_ns();
	o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:f, s:I, s:o, s:o}",
		"schema", "exitlab-trace/1", "host", u.nodename, "kernel", u.release,
		"boot_id", line_of("/proc/sys/kernel/random/boot_id", boot, sizeof(boot)),
		"cpu_vendor", vendor(cpu, sizeof(cpu)), "clock", "CLOCK_MONOTONIC",
		"start_ns", (json_int_t)mono, "start_time", (double)t.tv_sec + t.tv_nsec * 1e-9,
		"ring_bytes", (json_int_t)ring_bytes, "events", events_json(r, false),
		"missing", events_json(r, true));
	ret = o ? recfile_put_json(w->file, RECFILE_INFO, o) : -ENOMEM;
	json_decref(o);
	return ret;
}

int record_put_ledger(struct record_write *w, const struct recorder *r, bool final)
{
	json_t *events = json_array(), *o;
	unsigned int i;
	int ret = w->stopped ? w->error : recfile_flush(w->file);

	if (ret)
		stop(w, ret);
	for (i = 1; i < NR_REC_TYPES; i++) {
		struct rec_count n = recorder_count(r, i);
		uint64_t in = recfile_written(w->file, i);

		w->no_room[i] = w->taken[i] - in;
		if (final ? recorder_events(r) & 1u << i : n.seen > 0)
			json_array_append_new(events, json_pack("{s:s, s:I, s:I, s:I, s:I, s:I}",
				"name", event_kinds[i].name, "seen", (json_int_t)n.seen,
				"written", (json_int_t)in,
				"lost", (json_int_t)(n.lost + w->no_room[i]),
				"lost_ring_full", (json_int_t)n.lost,
				"lost_file_full", (json_int_t)w->no_room[i]));
	}
	o = json_pack("{s:b, s:I, s:I, s:I, s:o}", "final", final, "end_ns", (json_int_t)clock_ns(),
		"lost_names", (json_int_t)recorder_count(r, REC_THREAD).lost,
		"skipped_by_kernel", (json_int_t)recorder_skipped(r), "events", events);
	ret = o ? recfile_put_json(w->file, RECFILE_LEDGER, o) : -ENOMEM;
	json_decref(o);
	return ret;
}

uint64_t record_lost(const struct record_write *w, const struct recorder *r)
{
	uint64_t n = 0;
	unsigned int i;

	for (i = 1; i < NR_REC_TYPES; i++)
		n += recorder_count(r, i).lost + w->no_room[i];
	return n;
}

void record_write_free(struct record_write *w)
{
	free(w->vm);
	w->vm = NULL;
}
