// SPDX-License-Identifier: GPL-2.0
/*
 * Independent counters. They are kept by code that shares nothing with our tracer: only then does a
 * difference of zero mean something.
 */
#include "run/counters.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run/bare.h"
#include "util/log.h"

#define TRIGGER	"/sys/kernel/tracing/events/kvm/kvm_exit/trigger"
#define HIST	"/sys/kernel/tracing/events/kvm/kvm_exit/hist"
#define KEY	"hist:keys=exit_reason:size=512"

/* Adds up the numbers after "NAME:" of one line of /proc/interrupts; or takes that of one CPU. */
static uint64_t line_sum(const char *p, int cpu)
{
	uint64_t sum = 0;
	char *end;
	int column;

	for (column = 0;; column++) {
		unsigned long long v;

		while (*p == ' ')
			p++;
		if (!isdigit((unsigned char)*p))
			return sum;
		v = strtoull(p, &end, 10);
		/* A controller's name can begin with a digit ("8259A"): only whole words count. */
		if (*end && *end != ' ')
			return sum;
		if (cpu < 0 || column == cpu)
			sum += v;
		p = end;
	}
}

static bool matches(const char *line, const char *const match[])
{
	for (; *match; match++)
		if (strstr(line, *match))
			return true;
	return false;
}

int irq_counts_parse(const char *text, const char *const match[], int cpu, struct irq_counts *out)
{
	char line[1024];
	int lines = 0;

	*out = (struct irq_counts){ 0 };
	while (*text) {
		size_t n = strcspn(text, "\n");
		size_t keep = n < sizeof(line) - 1 ? n : sizeof(line) - 1;
		char *colon;

		memcpy(line, text, keep);
		line[keep] = 0;
		text += n + (text[n] == '\n');
		colon = strchr(line, ':');
		/* ERR and MIS count faults of the controller, not interrupts. */
		if (!colon || strstr(line, "ERR:") || strstr(line, "MIS:"))
			continue;
		out->all += line_sum(colon + 1, cpu);
		if (matches(colon, match))
			out->nic += line_sum(colon + 1, -1);
		lines++;
	}
	return lines ? 0 : -EINVAL;
}

int irq_counts_guest(struct guest *g, bool bare, struct irq_counts *out)
{
	static const char *const own[] = { BARE_NIC, NULL };
	/* virtio-net names its queues input and output, igbvf its vectors after the interface. */
	static const char *const nic[] = { "-input.", "-output.", "eth0", NULL };
	static char text[128 * 1024];
	int ret = guest_run(g, "cat /proc/interrupts", text, sizeof(text));

	if (ret == 0)
		ret = irq_counts_parse(text, bare ? own : nic, bare ? BARE_CPU : -1, out);
	if (ret)
		err("guest %s: cannot read its interrupt counts", g->name);
	return ret > 0 ? -EIO : ret;
}

static int read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t have = 0;
	ssize_t n = 0;

	if (fd < 0)
		return -errno;
	while (have < size - 1 && (n = read(fd, text + have, size - 1 - have)) > 0)
		have += (size_t)n;
	text[have] = 0;
	n = n < 0 ? -errno : 0;
	close(fd);
	return (int)n;
}

int irq_counts_host(struct irq_counts *out)
{
	static const char *const vfio[] = { "vfio-", NULL };
	static char text[256 * 1024];
	int ret = read_text("/proc/interrupts", text, sizeof(text));

	return ret ? ret : irq_counts_parse(text, vfio, -1, out);
}

int disk_requests_parse(const char *text, uint64_t *requests)
{
	unsigned long long reads, writes;

	/* Reads: completed, merged, sectors, ms; then the same of writes. */
	if (sscanf(text, "%llu %*u %*u %*u %llu %*u %*u %*u", &reads, &writes) != 2)
		return -EINVAL;
	*requests = reads + writes;
	return 0;
}

int disk_requests_guest(struct guest *g, uint64_t *requests)
{
	char text[512];
	char cmd[64];
	int ret;

	snprintf(cmd, sizeof(cmd), "cat /sys/block/%s/stat", g->block);
	ret = guest_run(g, cmd, text, sizeof(text));
	if (ret == 0)
		ret = disk_requests_parse(text, requests);
	if (ret)
		err("guest %s: cannot read its disk's statistics", g->name);
	return ret > 0 ? -EIO : ret;
}

static int trigger(const char *text)
{
	/* Truncating the file would remove the other triggers, too. */
	int fd = open(TRIGGER, O_WRONLY | O_APPEND | O_CLOEXEC), ret = 0;

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		ret = -errno;
	if (fd >= 0)
		close(fd);
	return ret;
}

int hist_start(void)
{
	int ret = trigger(KEY);

	if (ret)
		err("cannot set a hist trigger in " TRIGGER ": %s", strerror(-ret));
	return ret;
}

void hist_stop(void)
{
	trigger("!" KEY);
}

int hist_parse(const char *text, json_t **out, uint64_t *total, uint64_t *dropped)
{
	const char *p = text;
	unsigned long long n;

	*total = 0;
	*out = json_array();
	while ((p = strstr(p, "{ exit_reason:"))) {
		unsigned long long reason, count;

		if (sscanf(p, "{ exit_reason: %llu } hitcount: %llu", &reason, &count) != 2)
			goto bad;
		json_array_append_new(*out, json_pack("{s:I, s:I}", "reason", (json_int_t)reason,
						      "count", (json_int_t)count));
		*total += count;
		p++;
	}
	p = strstr(text, "Dropped:");
	if (p && sscanf(p, "Dropped: %llu", &n) == 1) {
		*dropped = n;
		return 0;
	}
bad:
	json_decref(*out);
	*out = NULL;
	return -EINVAL;
}

int hist_read(json_t **out, uint64_t *total, uint64_t *dropped)
{
	static char text[128 * 1024];
	int ret = read_text(HIST, text, sizeof(text));

	if (!ret)
		ret = hist_parse(text, out, total, dropped);
	if (ret)
		err("cannot read " HIST ": %s", strerror(-ret));
	return ret;
}
