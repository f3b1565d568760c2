// SPDX-License-Identifier: GPL-2.0
#include "util/cpus.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* A CPU's number from *@s, which moves on; -1 if there is none. */
static long number(const char **s)
{
	char *end;
	long v;

	if (!isdigit((unsigned char)**s))
		return -1;
	errno = 0;
	v = strtol(*s, &end, 10);
	*s = end;
	return errno || v >= CPU_SETSIZE ? -1 : v;
}

int cpus_parse(const char *list, cpu_set_t *out)
{
	CPU_ZERO(out);
	do {
		long from = number(&list), to = from;

		if (*list == '-') {
			list++;
			to = number(&list);
		}
		if (from < 0 || to < from)
			return -EINVAL;
		for (; from <= to; from++)
			CPU_SET((size_t)from, out);
	} while (*list == ',' && list++);
	return *list && *list != '\n' ? -EINVAL : 0;
}

int cpus_online(cpu_set_t *out)
{
	FILE *f = fopen("/sys/devices/system/cpu/online", "re");
	char text[4096];
	int ret = -EIO;

	if (!f)
		return -errno;
	if (fgets(text, sizeof(text), f))
		ret = cpus_parse(text, out);
	fclose(f);
	return ret;
}
