/* SPDX-License-Identifier: GPL-2.0 */
/* A field of a trace record; its place is read from the event's `format` by user space. */
#ifndef EXITLAB_BPF_TP_FIELD_H
#define EXITLAB_BPF_TP_FIELD_H

struct tp_field {
	unsigned int offset, size;	/* bytes; size 0 = the record has none */
};

#endif
