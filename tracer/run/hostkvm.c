// SPDX-License-Identifier: GPL-2.0
/*
 * KVM's parameter halt_poll_ns: how long a vCPU that halted is polled for before its thread sleeps.
 * The kernel reads it at each halt, so it holds for guests that run already, too; what the record
 * says is read back at the end of the point (run/point.c), not taken from here.
 */
#include "run/hostkvm.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "util/log.h"

#define HALT_POLL "/sys/module/kvm/parameters/halt_poll_ns"

static int read_u32(const char *path, uint32_t *v)
{
	FILE *f = fopen(path, "re");
	int ret = 0;

	if (!f)
		return -errno;
	if (fscanf(f, "%" SCNu32, v) != 1)
		ret = -EIO;
	fclose(f);
	return ret;
}

static int write_u32(const char *path, uint32_t v)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%" PRIu32, v), ret = 0;
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (write(fd, text, (size_t)n) != n)
		ret = -errno;
	close(fd);
	return ret;
}

int hostkvm_setup(struct hostkvm *k, uint32_t halt_poll_ns)
{
	int ret;

	*k = (struct hostkvm){ 0 };
	ret = read_u32(HALT_POLL, &k->halt_poll_ns);
	if (!ret && k->halt_poll_ns != halt_poll_ns) {
		ret = write_u32(HALT_POLL, halt_poll_ns);
		k->changed = !ret;
	}
	if (ret)
		err("cannot set " HALT_POLL " to %" PRIu32 ": %s", halt_poll_ns, strerror(-ret));
	return ret;
}

void hostkvm_teardown(struct hostkvm *k)
{
	if (k->changed && write_u32(HALT_POLL, k->halt_poll_ns))
		err("cannot set " HALT_POLL " back to %" PRIu32, k->halt_poll_ns);
	k->changed = false;
}
