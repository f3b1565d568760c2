// SPDX-License-Identifier: GPL-2.0
/* Reading event formats. tracefs has two customary places; mounting it is the administrator's. */
#include "engine/tracefs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int format_field(const char *format, const char *field, struct event_field *out)
{
	size_t n = strlen(field);
	const char *p = format;

	/*	field:unsigned int exit_reason;	offset:8;	size:4;	signed:0; */
	while ((p = strstr(p, "field:"))) {
		const char *semi = strchr(p, ';'), *name;

		if (!semi)
			return -EINVAL;
		name = semi - n;
		if (name > p && !strncmp(name, field, n) && (name[-1] == ' ' || name[-1] == '*')) {
			if (sscanf(semi, "; offset:%u; size:%u;", &out->offset, &out->size) != 2)
				return -EINVAL;
			return 0;
		}
		p = semi;
	}
	return -ENOENT;
}

int tracefs_format(const char *event, char *buf, size_t size)
{
	static const char *const roots[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };
	char path[256];
	size_t i, have = 0;

	for (i = 0; i < 2; i++) {
		ssize_t n;
		int fd;

		snprintf(path, sizeof(path), "%s/events", roots[i]);
		if (faccessat(AT_FDCWD, path, F_OK, AT_EACCESS))
			continue;
		snprintf(path, sizeof(path), "%s/events/%s/format", roots[i], event);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return -errno;
		while (have < size - 1 && (n = read(fd, buf + have, size - 1 - have)) > 0)
			have += (size_t)n;
		buf[have] = 0;
		close(fd);
		return have ? 0 : -EIO;
	}
	return -ENODEV;
}
