// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/offline/recinput.c tracer/offline/recordfile.c tracer/offline/reader.c tracer/offline/sorter.c tracer/offline/events.c tracer/core/reason.c tracer/core/replay.c tracer/core/hist.c tracer/engine/snapshot.c tracer/host/names.c tracer/host/vm_name.c -lz */
/*
 * Any bytes as a file of exitlab record: as they are, and with right checksums, without which
 * nothing behind the first block would ever be reached.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "offline/input.h"
#include "offline/layout.h"
#include "offline/recordfile.h"
#include "tests/fuzz/fuzz_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void right_checksums(uint8_t *p, size_t size)
{
	struct recfile_block_head h;
	size_t off = sizeof(struct recfile_head);
	uint32_t seq = 0;

	for (; off + sizeof(h) <= size; off += sizeof(h) + h.len) {
		memcpy(&h, p + off, sizeof(h));
		if (h.len > size - off - sizeof(h))
			return;
		h.magic = BLOCK_MAGIC;
		h.seq = seq++;
		h.crc = 0;
		h.crc = (uint32_t)crc32(crc32(0, (void *)&h, sizeof(h)), p + off + sizeof(h),
					h.len);
		memcpy(p + off, &h, sizeof(h));
	}
}

static FILE *null;

static int print(const struct trace_event *e, void *arg)
{
	struct event_who who = { "vm", 1, "comm" };

	(void)arg;
	event_text(null, e, &who, 0);
	json_decref(event_json(e, &who));
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct recfile_ops ops = { .event = print };
	uint8_t *copy = malloc(size + 1);
	struct recfile_end end;
	struct reader r;

	if (!null)
		null = fopen("/dev/null", "we");
	if (!copy || !null)
		return 0;
	memcpy(copy, data, size);
	fuzz_input(data, size, recfile_input);
	right_checksums(copy, size);
	fuzz_input(copy, size, recfile_input);
	reader_fd(&r, memfile(copy, size));
	recfile_read(&r, &ops, NULL, &end);
	reader_close(&r);
	free(copy);
	return 0;
}
