/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Settings of the host's KVM for a point. A parameter is only written if it has another value, so
 * that a host which already is as it should be does nothing more.
 */
#ifndef EXITLAB_HOSTKVM_H
#define EXITLAB_HOSTKVM_H

#include <stdbool.h>
#include <stdint.h>

struct hostkvm {
	uint32_t halt_poll_ns;	/* what it was before */
	bool changed;
};

/* Before guests start. 0 or negative errno, the reason logged; nothing is left changed then. */
int hostkvm_setup(struct hostkvm *k, uint32_t halt_poll_ns);
/* Puts back what was changed. */
void hostkvm_teardown(struct hostkvm *k);

#endif
