/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Bare metal: what a guest would do is done by the host itself, which drives the virtual function
 * with its own driver in a network namespace of its own. The servers run on the CPU that would be
 * the first vCPU's, and so do the device's interrupts. An agent like that of a guest takes
 * commands, so that all else treats it as a guest; but there is no VM, and no exit.
 */
#ifndef EXITLAB_BARE_H
#define EXITLAB_BARE_H

#include <jansson.h>

#include "run/guest.h"

#define BARE_NS		"/run/netns/bare"
#define BARE_NIC	"bare0"
#define BARE_CPU	1	/* the first vCPU's, see guest_vcpu_cpu() */

/*
 * To be done before a driver takes the device with PCI address @vf: its DMA is not translated, as
 * on a host without an IOMMU, and its driver is there. 0 or negative errno, the reason logged.
 */
int bare_device(const char *vf);
/*
 * Afterwards: gives its interface name, namespace, address and the peer as a fixed neighbour. @cpu
 * gets its interrupts. 0 or negative errno, the reason logged; bare_unnet() undoes it.
 */
int bare_net(const char *vf, const char *peer_mac, int cpu);
void bare_unnet(void);

/* Starts the agent on @cpu and connects to it: an answer ("ready") is due. */
int bare_start(struct guest *g, const struct lab *lab, int cpu, int timeout_ms);

/* For the record: what was set up, as read back. New reference. */
json_t *bare_json(const char *vf, int cpu);

#endif
