// SPDX-License-Identifier: GPL-2.0
#include "offline/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail_errno(struct reader *r)
{
	int e = errno;

	snprintf(r->why, sizeof(r->why), "%s", strerror(e));
	return -e;
}

int reader_fd(struct reader *r, int fd)
{
	struct stat st;

	*r = (struct reader){ .fd = fd };
	if (fstat(fd, &st))
		return fail_errno(r);
	if (!S_ISREG(st.st_mode)) {
		snprintf(r->why, sizeof(r->why), "not a regular file; a pipe has to be written to a "
			 "file first");
		return -EINVAL;
	}
	r->size = (uint64_t)st.st_size;
	return 0;
}

int reader_open(struct reader *r, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int ret;

	*r = (struct reader){ .fd = -1 };
	if (fd < 0)
		return fail_errno(r);
	ret = reader_fd(r, fd);
	if (ret) {
		close(fd);
		r->fd = -1;
	}
	return ret;
}

void reader_close(struct reader *r)
{
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
}

int reader_at(struct reader *r, uint64_t off, void *buf, size_t n)
{
	size_t have = 0;

	if (off > r->size || n > r->size - off) {
		reader_fail(r, off, "the file ends before %zu bytes that should be there; it is cut "
			    "short", n);
		return -ENODATA;
	}
	while (have < n) {
		ssize_t got = pread(r->fd, (char *)buf + have, n - have, (off_t)(off + have));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fail_errno(r);
		if (got == 0) {
			reader_fail(r, off + have, "the file has become shorter while it was read");
			return -ENODATA;
		}
		have += (size_t)got;
	}
	return 0;
}

int reader_fail(struct reader *r, uint64_t off, const char *fmt, ...)
{
	int n = snprintf(r->why, sizeof(r->why), "at offset 0x%" PRIx64 ": ", off);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->why + n, sizeof(r->why) - (size_t)n, fmt, ap);
	va_end(ap);
	return -EINVAL;
}
