// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/engine/tracefs.c tracer/run/counters.c tracer/util/log.c */
/* Any bytes as a text of the kernel: an event's format, /proc/interrupts, a hist trigger's file. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/tracefs.h"
#include "run/counters.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* counters.c asks guests by this; not part of what is fuzzed. */
int guest_run(struct guest *g, const char *cmd, char *out, size_t size)
{
	(void)g, (void)cmd, (void)out, (void)size;
	return -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const every[] = { "", NULL };
	char *text = malloc(size + 1);
	struct event_field f;
	struct irq_counts c;
	json_t *hist = NULL;
	uint64_t total, dropped;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = 0;
	format_field(text, "exit_reason", &f);
	format_field(text, "isa", &f);
	/* Where every line matches, the parts are the whole. */
	if (!irq_counts_parse(text, every, &c) && c.nic != c.all)
		abort();
	if (!hist_parse(text, &hist, &total, &dropped) && !json_is_array(hist))
		abort();
	json_decref(hist);
	free(text);
	return 0;
}
