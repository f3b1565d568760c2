// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/engine/tracefs.c tracer/run/counters.c tracer/run/inside.c tracer/run/signals.c tracer/run/scenario_fields.c tracer/run/scenario_msg.c tracer/run/yaml.c tracer/util/log.c */
/*
 * Any bytes as a text of the kernel (an event's format, /proc/interrupts, a hist trigger's file) or
 * of a guest (its virtio devices, fio's report).
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/tracefs.h"
#include "run/counters.h"
#include "run/inside.h"
#include "run/signals.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Guests are asked by these; not part of what is fuzzed. */
int guest_run(struct guest *g, const char *cmd, char *out, size_t size)
{
	(void)g, (void)cmd, (void)out, (void)size;
	return -1;
}

int guest_send(struct guest *g, const char *cmd)
{
	(void)g, (void)cmd;
	return -1;
}

int guest_await(struct guest *g, char *out, size_t size, int timeout_ms)
{
	(void)g, (void)out, (void)size, (void)timeout_ms;
	return -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const every[] = { "", NULL };
	char *text = malloc(size + 1);
	struct event_field f;
	struct irq_counts c;
	json_t *hist = NULL;
	struct notify_range r[4];
	uint64_t total, dropped;
	char filter[400];
	size_t n = 0;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = 0;
	format_field(text, "exit_reason", &f);
	format_field(text, "isa", &f);
	/* Where every line matches, the parts are the whole. */
	if (!irq_counts_parse(text, every, -1, &c) && c.nic != c.all)
		abort();
	if (!hist_parse(text, &hist, &total, &dropped) && !json_is_array(hist))
		abort();
	json_decref(hist);
	json_decref(inside_parse_fio(text));
	notify_ranges_parse(text, r, 4, &n);
	if (n > 4 || (n && notify_filter(r, n, true, filter, sizeof(filter))))
		abort();
	free(text);
	return 0;
}
