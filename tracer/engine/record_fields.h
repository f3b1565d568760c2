/* SPDX-License-Identifier: GPL-2.0 */
/* Where programs on the lowest rung (rungs.h) find what they read: from the events' `format`. */
#ifndef EXITLAB_RECORD_FIELDS_H
#define EXITLAB_RECORD_FIELDS_H

#include <stdbool.h>
#include <stddef.h>

#include "bpf/tp_field.h"

struct wanted_field {
	const char *event;	/* "kvm/kvm_entry" */
	const char *name;
	struct tp_field *to;	/* a constant of the programs */
	bool optional;		/* not every kernel has it, or the whole event */
};

/* @who: for messages. 0, -EOPNOTSUPP or an error of tracefs_format(); logged in one line. */
int record_fields(const char *who, const struct wanted_field *w, size_t n);
/*
 * Whether programs are to read nothing but records ($EXITLAB_RECORDS_ONLY), as where the kernel's
 * BTF does not describe what they otherwise ask of the running thread.
 */
bool records_only(void);

#endif
