/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A guest's side of vhost without a guest: rings in this process's memory, /dev/vhost-net behind
 * them, a tap device behind that. Packets have a number and a pattern, so that what is lost,
 * duplicated, reordered or damaged shows. Everything that a VMM or a guest can do to a device, well
 * or ill, can be done at any moment and hundreds of times a minute.
 */
#ifndef RINGS_H
#define RINGS_H

#include <linux/vhost.h>
#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RX, TX, NR_NET, NR_RINGS = 3 };

/* "Guest-physical" layout: two places for each ring, then buffers. */
#define RING_NUM	128u	/* entries; a power of two */
#define RING_AT(q, place) \
	(0x10000ul + 0x10000ul * (unsigned int)(q) + 0x8000ul * (unsigned int)(place))
#define DESC_AT		0x0ul
#define AVAIL_AT	0x2000ul
#define USED_AT		0x4000ul
#define RING_SIZE	0x6000ul
#define BUF_SIZE	2048u
/* A net device's; the third ring's belong to nobody else. */
#define BUF_AT(q, i)	(0x40000ul + 0x40000ul * (unsigned int)(q) + (size_t)(i) * BUF_SIZE)
#define MEM_SIZE	0x100000ul
#define LOG_SIZE	(MEM_SIZE / 4096 / 8)

#define HDR		12u	/* virtio_net_hdr_mrg_rxbuf */
#define MAX_DATA	1400u

struct ring {
	unsigned int	place;		/* which of the two */
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	uint16_t	avail_idx, used_last;
	int		kick, call, err;
	uint64_t	kicks, signals;
};

struct guest {
	int		fd, tap, memfd;	/* tap: -1 if it is no net device */
	int		nr;		/* rings */
	unsigned int	alias;		/* which of the two mappings vhost is told of */
	uint8_t		*mem[2];	/* the same memory twice */
	uint8_t		*log;
	uint64_t	features;
	bool		event_idx;
	struct ring	ring[NR_RINGS];
	uint64_t	broken;		/* entries that came back in another order, or twice */
};

/* Ends the process with a message if @ok is false. */
void check(bool ok, const char *what);

void guest_open(struct guest *g, const char *tap, bool event_idx);	/* /dev/vhost-net */
void device_open(struct guest *g, const char *path, int nr, bool event_idx);	/* any other */
void device_start(struct guest *g);	/* owner, memory, rings */
void guest_start(struct guest *g);	/* the same, buffers to receive, and a backend */
void guest_close(struct guest *g);

void guest_backend(struct guest *g, bool on);
void guest_memory(struct guest *g);
void guest_features(struct guest *g, uint64_t more);
void guest_addr(struct guest *g, int q);	/* VHOST_SET_VRING_ADDR from what @g holds */
uint16_t guest_base(struct guest *g, int q);
void guest_set_base(struct guest *g, int q, uint16_t base);
void guest_call_fds(struct guest *g, int q);
/* Points a ring at its other place, with a copy of what is there. The old place becomes rubbish. */
void ring_copy(struct guest *g, int q);

void ring_add(struct guest *g, int q, uint16_t id, uint64_t addr, uint32_t len, bool writable);
void ring_kick(struct guest *g, int q);
/* Waits until the device has used an entry; false after a minute. Length in @len. */
bool ring_wait(struct guest *g, int q, uint32_t *len);

/* Sends @len bytes of @data in a frame. False if the device does not take it. */
bool guest_send(struct guest *g, const void *data, unsigned int len);
/* The next frame of ours; its length, or -1 after a minute. */
int guest_receive(struct guest *g, void *data);
/* Waits until the device has taken all that was sent. */
bool guest_drain(struct guest *g);

#endif
