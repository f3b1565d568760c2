/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Parameters of the host's modules for a point: KVM's halt_poll_ns, and those a configuration
 * names. One is only written if it has another value, so that a host which already is as it should
 * be does nothing more. What a record says is read back at the end of its point (run/point.c).
 */
#ifndef EXITLAB_HOSTKVM_H
#define EXITLAB_HOSTKVM_H

#include <stddef.h>
#include <stdint.h>

#define HOSTKVM_MAX 32

struct hostkvm {
	struct {
		char path[160];		/* below /sys/module */
		char old[128];		/* its value before */
	} changed[HOSTKVM_MAX];		/* in the order in which they were */
	size_t n;
};

/*
 * Before guests start. @params: words MODULE.PARAMETER=VALUE, or NULL. 0 or negative errno, the
 * reason logged; nothing is left changed then.
 */
int hostkvm_setup(struct hostkvm *k, uint32_t halt_poll_ns, const char *params);
/* Puts back what was changed, the last first. */
void hostkvm_teardown(struct hostkvm *k);
/* One word of @params into path and value. 0 or -EINVAL. Pure. */
int hostkvm_word(const char *word, char *path, size_t path_size, char *value, size_t value_size);

#endif
