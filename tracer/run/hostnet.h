/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The network of a host under test: a peer in a namespace of its own, behind a second NIC on the
 * same wire, and for each guest either a tap device on a bridge with the first NIC, or a virtual
 * function of that NIC.
 */
#ifndef EXITLAB_HOSTNET_H
#define EXITLAB_HOSTNET_H

#include <linux/ethtool.h>

#include "run/guest.h"
#include "run/scenario.h"

#define HOSTNET_MAX_GUESTS	16
#define HOSTNET_PEER_NS		"/run/netns/peer"
#define HOSTNET_PEER_IP		"10.0.0.1"

struct hostnet {
	enum sc_net kind;
	int bare_cpu;		/* bare metal: who gets the device's interrupts; else 0 */
	int guests;
	char nic[32];		/* interface that serves the guests (igb) */
	char peer[32];		/* the peer's interface (e1000e) */
	char peer_mac[18];
	char tap[HOSTNET_MAX_GUESTS][16];
	char vf[HOSTNET_MAX_GUESTS][16];	/* PCI addresses */
	bool have_ns, have_bridge, have_vfs;
	int taps;
	/* interrupt moderation switched off: what it was */
	bool nic_unmoderated, peer_unmoderated;
	struct ethtool_coalesce nic_before, peer_before;
	char affinity[300];	/* of interrupts by default: what it was, if changed */
};

/*
 * Sets everything up; on error what was done is undone. Interrupts of the host's devices go to its
 * first CPU, those of the cards where @host says. Without its moderation the two NICs interrupt at
 * once. With @bare_cpu other than 0 the host's own driver gets the one virtual function
 * (run/bare.h). 0 or negative errno, the reason logged.
 */
int hostnet_setup(struct hostnet *n, enum sc_net kind, int guests, const struct sc_host *host,
		  int bare_cpu);
/* Removes devices, namespace, bridge and virtual functions again. */
void hostnet_teardown(struct hostnet *n);
/* What guest @index needs to know. */
void hostnet_guest(const struct hostnet *n, int index, struct guest_net *out);

#endif
