// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/offline/tracedat.c tracer/offline/reader.c tracer/engine/tep.c tracer/engine/tracefs.c tracer/core/replay.c tracer/core/hist.c tracer/engine/snapshot.c tracer/host/names.c tracer/host/vm_name.c -isystem /usr/include/tracefs -isystem /usr/include/traceevent -ltracecmd -ltracefs -ltraceevent */
/*
 * Any bytes as a trace.dat. libtracecmd dies of some, in its own process; here nothing may die, and
 * what comes through the pipe of a process that has gone wrong is as little to be believed.
 */
#include <stdint.h>

#include "tests/fuzz/fuzz_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_input(data, size, tracedat_input);
	return 0;
}
