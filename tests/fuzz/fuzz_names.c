// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/host/vm_name.c tracer/host/names.c tracer/host/filter.c */
/* Any bytes as what other people's programs leave for us to read: command lines, cgroups, lists. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "host/filter.h"
#include "host/names.h"
#include "host/vm_name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void printable(const char *s)
{
	for (; *s; s++)
		if (*s < ' ' || *s > '~')
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), name[VM_NAME_MAX], path[128];
	struct filter f = { 0 };

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = 0;
	if (vm_name_cmdline(text, size, name, sizeof(name)))
		printable(name);
	if (vm_name_cgroup(text, name, sizeof(name)))
		printable(name);
	names_start_time(text);
	filter_cgroup2_mount(text, path, sizeof(path));
	filter_vcpus(&f, text);
	free(text);
	return 0;
}
