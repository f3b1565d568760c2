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
	return *message ? -1 : (int)cpu;
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
