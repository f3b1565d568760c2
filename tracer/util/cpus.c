// SPDX-License-Identifier: GPL-2.0
#include "util/cpus.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A number at *@s, which moves behind it; -1: none. */
static long number(const char **s)
{
	char *end;
	long v;

	if (!isdigit((unsigned char)**s))
		return -1;
	errno = 0;
	v = strtol(*s, &end, 10);
	*s = end;
	return errno ? -1 : v;
}

int cpus_parse(const char *list, uint64_t *mask, size_t words)
{
	memset(mask, 0, words * sizeof(mask[0]));
	do {
		long from = number(&list), to = from;

		if (*list == '-') {
			list++;
			to = number(&list);
		}
		if (from < 0 || to < from)
			return -EINVAL;
		if ((size_t)to >= words * 64)
			return -ERANGE;
		for (; from <= to; from++)
			mask[from / 64] |= 1ull << from % 64;
	} while (*list == ',' && list++);
	return *list && strcmp(list, "\n") ? -EINVAL : 0;
}

long cpus_missing(const uint64_t *some, const uint64_t *all, size_t words)
{
	size_t i;

	for (i = 0; i < words; i++)
		if (some[i] & ~all[i])
			return (long)(i * 64) + __builtin_ctzll(some[i] & ~all[i]);
	return -1;
}
