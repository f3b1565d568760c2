// SPDX-License-Identifier: GPL-2.0
/*
 * Kicks and replies. What is hard is to tell them from their like. KVM traces every write of a
 * guest to a device register in one tracepoint (kvm_mmio, before it is known whether an eventfd,
 * the kernel or the VMM takes it), so kicks are told by their address: the guests are asked where
 * the notification registers of their virtio devices are. And every interrupt that reaches a local
 * APIC is traced in one (kvm_apic_accept_irq), so replies are told by their vector: Linux guests
 * give devices those below the system vectors, which begin with 0xeb.
 *
 * Counting mode, no records: one counter per CPU and tracepoint, off outside of windows.
 */
#include "run/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/log.h"

#define EVENTS "/sys/kernel/tracing/events/kvm/"
/* Fixed and lowest-priority delivery (what MSIs use) of vectors that devices have. */
#define REPLIES "vec >= 0x20 && vec < 0xeb && (dm == 0 || dm == 0x100)"

#define PCI_STATUS		0x06
#define PCI_STATUS_CAP_LIST	0x10
#define PCI_CAPABILITY_LIST	0x34
#define PCI_CAP_ID_VNDR		0x09
#define VIRTIO_PCI_CAP_NOTIFY_CFG 2

static const char list_devices[] =
	"for d in /sys/bus/pci/devices/*; do [ \"$(cat $d/vendor)\" = 0x1af4 ] || continue; "
	"echo \"config $(hexdump -v -e '1/1 \"%02x\"' $d/config)\"; cat $d/resource; done";

static size_t read_hex(const char *p, uint8_t *out, size_t max)
{
	size_t n = 0;
	unsigned int v;

	while (n < max && sscanf(p + 2 * n, "%2x", &v) == 1 && p[2 * n + 1] > ' ')
		out[n++] = (uint8_t)v;
	return n;
}

static uint32_t le32(const uint8_t *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

static int add_range(struct notify_range *r, size_t max, size_t *n, uint64_t start, uint64_t end)
{
	size_t i;

	for (i = 0; i < *n; i++) {
		if (r[i].start == start && r[i].end == end)
			return 0;
	}
	if (*n == max || start >= end)
		return -EINVAL;
	r[(*n)++] = (struct notify_range){ start, end };
	return 0;
}

/* The notification capability of one device; its BARs are the first six lines of @resource. */
static int add_device(const uint8_t *config, const char *resource, struct notify_range *r,
		      size_t max, size_t *n)
{
	uint64_t bar[6] = { 0 };
	int i, hops, at;

	for (i = 0; i < 6 && !strncmp(resource, "0x", 2); i++) {
		bar[i] = strtoull(resource, NULL, 16);
		resource += strcspn(resource, "\n");
		resource += *resource == '\n';
	}
	at = config[PCI_STATUS] & PCI_STATUS_CAP_LIST ? config[PCI_CAPABILITY_LIST] & ~3 : 0;
	/* A list that leads back into itself is no list. */
	for (hops = 0; at && hops < 64; hops++, at = config[at + 1] & ~3) {
		const uint8_t *c = config + at;

		if (at > 256 - 16)
			return -EINVAL;
		if (c[0] != PCI_CAP_ID_VNDR || c[3] != VIRTIO_PCI_CAP_NOTIFY_CFG)
			continue;
		if (c[4] > 5 || !bar[c[4]])
			return -EINVAL;
		return add_range(r, max, n, bar[c[4]] + le32(c + 8),
				 bar[c[4]] + le32(c + 8) + le32(c + 12));
	}
	return 0;
}

int notify_ranges_parse(const char *text, struct notify_range *r, size_t max, size_t *n)
{
	uint8_t config[256];
	int ret = 0;

	while (!ret && (text = strstr(text, "config "))) {
		text += 7;
		if (read_hex(text, config, sizeof(config)) < sizeof(config))
			return -EINVAL;
		text += strcspn(text, "\n");
		text += *text == '\n';
		ret = add_device(config, text, r, max, n);
	}
	return ret;
}

int notify_filter(const struct notify_range *r, size_t n, bool type, char *buf, size_t size)
{
	size_t used = 0, i;

	/* 2: a write (KVM_TRACE_MMIO_WRITE). */
	used += (size_t)snprintf(buf, size, "%s(", type ? "type == 2 && " : "");
	for (i = 0; i < n && used < size; i++)
		used += (size_t)snprintf(buf + used, size - used,
			"%s(gpa >= 0x%" PRIx64 " && gpa < 0x%" PRIx64 ")", i ? " || " : "",
			r[i].start, r[i].end);
	if (used < size)
		used += (size_t)snprintf(buf + used, size - used, ")");
	return used < size ? 0 : -ENOSPC;
}

static int event_id(const char *event, uint64_t *id)
{
	char path[160];
	FILE *f;
	int ret;

	snprintf(path, sizeof(path), EVENTS "%s/id", event);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	ret = fscanf(f, "%" SCNu64, id) == 1 ? 0 : -EIO;
	fclose(f);
	return ret;
}

/* Adds counters of @event on every CPU. On failure e->why is set. */
static int add_event(struct signal_events *e, const char *event, const char *filter)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT, .size = sizeof(attr), .disabled = 1,
	};
	int cpu, cpus = (int)sysconf(_SC_NPROCESSORS_ONLN), fd, ret;
	const char *step = "no tracepoint";
	uint64_t id;
	int *more;

	ret = event_id(event, &id);
	if (!ret) {
		attr.config = id;
		step = "counters of";
		more = realloc(e->fd, (e->n + (size_t)cpus) * sizeof(*e->fd));
		ret = more ? 0 : -ENOMEM;
		e->fd = more ? more : e->fd;
	}
	for (cpu = 0; !ret && cpu < cpus; cpu++) {
		step = "perf_event_open for";
		fd = (int)syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
		if (fd < 0) {
			ret = -errno;
			break;
		}
		e->fd[e->n++] = fd;
		step = "a filter for";
		if (ioctl(fd, PERF_EVENT_IOC_SET_FILTER, filter))
			ret = -errno;
	}
	if (ret)
		snprintf(e->why, sizeof(e->why), "%s kvm:%.40s: %s", step, event, strerror(-ret));
	return ret;
}

static int find_registers(struct guest *guests, int nr_guests, struct notify_range *r, size_t *n)
{
	static char text[64 * 1024];
	int i, ret = 0;

	for (i = 0; !ret && i < nr_guests; i++) {
		ret = guest_run(&guests[i], list_devices, text, sizeof(text));
		if (!ret)
			ret = notify_ranges_parse(text, r, SIGNALS_MAX_RANGES, n);
		if (ret)
			err("guest %s: cannot tell where its virtio devices are notified",
			    guests[i].name);
	}
	return ret > 0 ? -EIO : ret;
}

static int open_kicks(struct signal_events *e, struct guest *guests, int nr_guests)
{
	struct notify_range r[SIGNALS_MAX_RANGES];
	char filter[SIGNALS_MAX_RANGES * 64 + 64];
	size_t n = 0;
	int ret = find_registers(guests, nr_guests, r, &n);

	if (ret)
		return ret;
	if (!n) {
		snprintf(e->why, sizeof(e->why), "the guests have no virtio device");
		return 0;
	}
	ret = notify_filter(r, n, true, filter, sizeof(filter));
	if (!ret && !add_event(e, "kvm_mmio", filter)) {
		/* Intel's shortcut for notifications, which kvm_mmio does not see. */
		ret = notify_filter(r, n, false, filter, sizeof(filter));
		if (!ret)
			add_event(e, "kvm_fast_mmio", filter);
	}
	return ret;
}

int signals_open(struct signals *s, const struct sc_measure *m, struct guest *guests,
		 int nr_guests)
{
	*s = (struct signals){ .want_kicks = m->kicks, .want_replies = m->replies };
	if (s->want_replies)
		add_event(&s->replies, "kvm_apic_accept_irq", REPLIES);
	return s->want_kicks ? open_kicks(&s->kicks, guests, nr_guests) : 0;
}

static void switch_on(struct signal_events *e)
{
	size_t i;

	for (i = 0; i < e->n; i++) {
		if (ioctl(e->fd[i], PERF_EVENT_IOC_ENABLE, 0) && !e->why[0])
			snprintf(e->why, sizeof(e->why), "cannot switch a counter on: %s",
				 strerror(errno));
	}
}

static void switch_off(struct signal_events *e)
{
	uint64_t v;
	size_t i;

	for (i = 0; i < e->n; i++) {
		if (!ioctl(e->fd[i], PERF_EVENT_IOC_DISABLE, 0) &&
		    read(e->fd[i], &v, sizeof(v)) == sizeof(v))
			e->count += v;
		else if (!e->why[0])
			snprintf(e->why, sizeof(e->why), "cannot read a counter: %s",
				 strerror(errno));
	}
}

void signals_start(struct signals *s)
{
	switch_on(&s->kicks);
	switch_on(&s->replies);
}

void signals_stop(struct signals *s)
{
	switch_off(&s->kicks);
	switch_off(&s->replies);
}

static void put(json_t *o, const char *key, const struct signal_events *e)
{
	char why[32];

	if (!e->why[0]) {
		json_object_set_new(o, key, json_integer((json_int_t)e->count));
		return;
	}
	json_object_set_new(o, key, json_null());
	snprintf(why, sizeof(why), "%s_why", key);
	json_object_set_new(o, why, json_string(e->why));
}

json_t *signals_json(const struct signals *s)
{
	json_t *o = s->want_kicks || s->want_replies ? json_object() : NULL;

	if (s->want_kicks)
		put(o, "kicks", &s->kicks);
	if (s->want_replies)
		put(o, "replies", &s->replies);
	return o;
}

static void close_events(struct signal_events *e)
{
	while (e->n > 0)
		close(e->fd[--e->n]);
	free(e->fd);
	e->fd = NULL;
}

void signals_close(struct signals *s)
{
	close_events(&s->kicks);
	close_events(&s->replies);
}
