// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/offline/tracedat.c tracer/offline/reader.c tracer/engine/tep.c tracer/engine/tracefs.c tracer/core/replay.c tracer/core/hist.c tracer/engine/snapshot.c tracer/host/names.c tracer/host/vm_name.c -isystem /usr/include/tracefs -isystem /usr/include/traceevent -ltracecmd -ltracefs -ltraceevent */
/*
 * Any bytes as a trace.dat. libtracecmd dies of some, in its own process; here nothing may die, and
 * what comes through the pipe of a process that has gone wrong is as little to be believed.
 * Coverage ends at that process, so most inputs are changes to a good file: three bytes each, where
 * and what.
 */
#include <stdint.h>
#include <stdio.h>

#include "tests/fuzz/fuzz_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t good[8192], bytes[8192];
	static size_t n;
	FILE *f;

	if (!n) {
		f = fopen("tests/fuzz/tracedat/small.dat", "re");
		n = f ? fread(good, 1, sizeof(good), f) : 0;
		if (!n)
			abort();
		fclose(f);
	}
	if (size > 0 && data[0] == 0x17) {
		fuzz_input(data, size, tracedat_input);
		return 0;
	}
	memcpy(bytes, good, n);
	for (; size >= 3; data += 3, size -= 3)
		bytes[(data[0] | data[1] << 8) % n] = data[2];
	fuzz_input(bytes, n - size * 1000, tracedat_input);
	return 0;
}
