/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Disks of the host kernel's SCSI target (LIO), one for each guest, in its memory: what vhost-scsi
 * offers to guests. Made by files of configfs, and removed again.
 */
#ifndef EXITLAB_HOSTDISK_H
#define EXITLAB_HOSTDISK_H

#include <stdint.h>

#include "run/guest.h"

#define HOSTDISK_MAX	16

struct hostdisk {
	int made;			/* disks of which anything is there */
	bool loaded;			/* the target's folders are there */
	bool mounted;			/* configfs, by us */
	char wwpn[HOSTDISK_MAX][32];
};

/* On error what was done is undone. 0 or negative errno, the reason logged. */
int hostdisk_setup(struct hostdisk *d, enum sc_disk kind, int guests);
void hostdisk_teardown(struct hostdisk *d);
/* Commands that the target has taken for all disks so far, by its own count. */
int hostdisk_commands(const struct hostdisk *d, uint64_t *commands);

#endif
