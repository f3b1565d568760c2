// SPDX-License-Identifier: GPL-2.0
#include "engine/details.h"

#include <errno.h>
#include <string.h>

#include "engine/engine.h"

static const struct {
	const char *name;
	enum engine_detail bit;
} details[] = { { "msr", DETAIL_MSR }, { "port", DETAIL_PORT }, { "gpa", DETAIL_GPA } };

int details_parse(const char *list, unsigned int *bits)
{
	size_t len, i;

	*bits = 0;
	for (;; list += len + 1) {
		len = strcspn(list, ",");
		for (i = 0; i < sizeof(details) / sizeof(details[0]); i++)
			if (strlen(details[i].name) == len && !strncmp(details[i].name, list, len))
				break;
		if (i == sizeof(details) / sizeof(details[0]))
			return -EINVAL;
		*bits |= details[i].bit;
		if (!list[len])
			return 0;
	}
}
