// SPDX-License-Identifier: GPL-2.0
#include "util/cpus.h"

#include <ctype.h>
#include <errno.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

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

int cpus_online(cpu_set_t *out)
{
	FILE *f = fopen("/sys/devices/system/cpu/online", "re");
	uint64_t mask[CPU_SETSIZE / 64];
	char text[4096];
	size_t i;
	int ret = -EIO;

	if (!f)
		return -errno;
	if (fgets(text, sizeof(text), f))
		ret = cpus_parse(text, mask, CPU_SETSIZE / 64);
	fclose(f);
	CPU_ZERO(out);
	for (i = 0; !ret && i < CPU_SETSIZE; i++)
		if (mask[i / 64] & 1ull << i % 64)
			CPU_SET(i, out);
	return ret;
}

int cpus_watch(void)
{
	/* The group in which the kernel itself speaks. */
	struct sockaddr_nl a = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			NETLINK_KOBJECT_UEVENT);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a))) {
		close(fd);
		return -1;
	}
	return fd;
}

int cpus_gone_message(const char *message)
{
	static const char begin[] = "offline@/devices/system/cpu/cpu";
	long cpu;

	if (strncmp(message, begin, sizeof(begin) - 1))
		return -1;
	message += sizeof(begin) - 1;
	cpu = number(&message);
	return *message || cpu >= CPU_SETSIZE ? -1 : (int)cpu;
}

void cpus_gone(int fd, cpu_set_t *out)
{
	struct sockaddr_nl from;
	char text[4096];
	ssize_t n;

	CPU_ZERO(out);
	if (fd < 0)
		return;
	for (;;) {
		socklen_t len = sizeof(from);
		int cpu;

		n = recvfrom(fd, text, sizeof(text) - 1, 0, (struct sockaddr *)&from, &len);
		/* ENOBUFS: some were lost; the others still come. */
		if (n < 0 && errno != ENOBUFS && errno != EINTR)
			return;
		if (n <= 0 || from.nl_pid != 0)
			continue;
		text[n] = 0;
		cpu = cpus_gone_message(text);
		if (cpu >= 0)
			CPU_SET((size_t)cpu, out);
	}
}
