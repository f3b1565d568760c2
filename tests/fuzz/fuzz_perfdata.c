// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/offline/perfdata.c tracer/offline/perfrec.c tracer/offline/reader.c tracer/offline/sorter.c tracer/engine/tep.c tracer/engine/tracefs.c tracer/core/replay.c tracer/core/hist.c tracer/engine/snapshot.c tracer/host/names.c tracer/host/vm_name.c -ltraceevent -lzstd */
/* Any bytes as a perf.data. */
#include <stdint.h>

#include "tests/fuzz/fuzz_input.h"
#include "tests/unit/lsan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_input(data, size, perfdata_input);
	return 0;
}
