/* SPDX-License-Identifier: GPL-2.0 */
/* A file in memory, for readers of files. */
#ifndef EXITLAB_MEMFILE_H
#define EXITLAB_MEMFILE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A descriptor of a file with these bytes; close() it. */
static inline int memfile(const void *data, size_t size)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	return fd;
}

/* Bytes to be put together one after the other. */
struct bytes {
	unsigned char b[262144];
	size_t n;
};

static inline size_t put(struct bytes *d, const void *data, size_t size)
{
	size_t at = d->n;

	if (size > sizeof(d->b) - d->n)
		abort();
	if (size > 0)
		memcpy(d->b + d->n, data, size);
	d->n += size;
	return at;
}

/* Little-endian, as the machine is. */
static inline size_t put_n(struct bytes *d, uint64_t v, size_t size)
{
	return put(d, &v, size);
}

static inline size_t put_s(struct bytes *d, const char *s)
{
	return put(d, s, strlen(s) + 1);
}

static inline void set_n(struct bytes *d, size_t at, uint64_t v, size_t size)
{
	memcpy(d->b + at, &v, size);
}

#endif
