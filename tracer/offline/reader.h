/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reading files that others made: nothing in them is believed. Every reader here takes bytes only
 * through reader_at(), which knows where the file ends, and says what is wrong in one line with the
 * offset.
 */
#ifndef EXITLAB_OFFLINE_READER_H
#define EXITLAB_OFFLINE_READER_H

#include <stddef.h>
#include <stdint.h>

struct reader {
	int fd;			/* of a regular file */
	uint64_t size;		/* bytes */
	char why[300];		/* what is wrong, for people; "" = nothing */
};

/* 0 or negative errno, with @why set. */
int reader_open(struct reader *r, const char *path);
/* The same of an open file, which stays the caller's. */
int reader_fd(struct reader *r, int fd);
void reader_close(struct reader *r);
/* Exactly @n bytes from @off. 0; -ENODATA: they are not all there; or negative errno. */
int reader_at(struct reader *r, uint64_t off, void *buf, size_t n);
/* "at offset 0x10: ..." into @why. Returns -EINVAL. */
int reader_fail(struct reader *r, uint64_t off, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
