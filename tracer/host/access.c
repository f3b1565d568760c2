// SPDX-License-Identifier: GPL-2.0
/*
 * access(2) answers for the real user without capabilities, so a process that is not root and has
 * CAP_DAC_READ_SEARCH is told that tracefs is not there. The program is linked with
 * -Wl,--wrap=access, and asks for what it can really do. (The callers are engine/tracefs.c and
 * host/kvmstat.c; exitlab-point, which is always root, is linked without this.)
 */
#include <fcntl.h>
#include <unistd.h>

int __wrap_access(const char *path, int mode);

int __wrap_access(const char *path, int mode)
{
	return faccessat(AT_FDCWD, path, mode, AT_EACCESS);
}
