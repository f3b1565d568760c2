/* SPDX-License-Identifier: GPL-2.0 */
/* Layout of trace records, from tracefs: the one description of them that every kernel has. */
#ifndef EXITLAB_TRACEFS_H
#define EXITLAB_TRACEFS_H

#include <stddef.h>

struct event_field {
	unsigned int offset, size;	/* bytes */
};

/*
 * Offset and size of @field in the text of an event's `format` file. Pure.
 * 0 or -ENOENT (no such field), -EINVAL (its line cannot be read).
 */
int format_field(const char *format, const char *field, struct event_field *out);
/*
 * Reads the `format` of an event ("kvm/kvm_exit") into @buf.
 * 0; -ENOENT: there is no such event (its module is not loaded); -ENODEV: tracefs is not mounted.
 */
int tracefs_format(const char *event, char *buf, size_t size);

#endif
