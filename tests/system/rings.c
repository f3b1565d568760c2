// SPDX-License-Identifier: GPL-2.0
/* See rings.h. */
#define _GNU_SOURCE
#include "rings.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define ETHERTYPE	0x88b5	/* for experiments */
#define ETH_HDR		14u
#define PATIENCE_MS	60000

void check(bool ok, const char *what)
{
	if (ok)
		return;
	printf("failed=%s: %s\n", what, strerror(errno));
	fflush(stdout);
	_exit(1);
}

/* Where the other side says at which entry it wants to be told: behind the ring. */
static volatile uint16_t *avail_event(struct ring *r)
{
	return (volatile uint16_t *)(void *)&r->used->ring[RING_NUM];
}

static volatile uint16_t *used_event(struct ring *r)
{
	return &r->avail->ring[RING_NUM];
}

static void barrier(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

/* ---- device ---- */

void guest_memory(struct guest *g)
{
	struct { struct vhost_memory m; struct vhost_memory_region r[2]; } t = { .m.nregions = 2 };
	int i;

	for (i = 0; i < 2; i++) {
		t.r[i].guest_phys_addr = (uint64_t)i * MEM_SIZE / 2;
		t.r[i].memory_size = MEM_SIZE / 2;
		t.r[i].userspace_addr = (uintptr_t)g->mem[g->alias] + t.r[i].guest_phys_addr;
	}
	check(!ioctl(g->fd, VHOST_SET_MEM_TABLE, &t), "memory table");
}

void guest_features(struct guest *g, uint64_t more)
{
	uint64_t f = g->features | more;

	check(!ioctl(g->fd, VHOST_SET_FEATURES, &f), "features");
}

static void ring_pointers(struct guest *g, int q)
{
	uint8_t *at = g->mem[0] + RING_AT(q, g->ring[q].place);

	g->ring[q].desc = (void *)(at + DESC_AT);
	g->ring[q].avail = (void *)(at + AVAIL_AT);
	g->ring[q].used = (void *)(at + USED_AT);
}

void guest_addr(struct guest *g, int q)
{
	uint64_t phys = RING_AT(q, g->ring[q].place), user = (uintptr_t)g->mem[g->alias] + phys;
	struct vhost_vring_addr a = {
		.index = (unsigned int)q,
		.flags = g->log ? 1 << VHOST_VRING_F_LOG : 0,
		.desc_user_addr = user + DESC_AT,
		.avail_user_addr = user + AVAIL_AT,
		.used_user_addr = user + USED_AT,
		.log_guest_addr = phys + USED_AT,
	};

	check(!ioctl(g->fd, VHOST_SET_VRING_ADDR, &a), "ring address");
}

uint16_t guest_base(struct guest *g, int q)
{
	struct vhost_vring_state s = { .index = (unsigned int)q };

	check(!ioctl(g->fd, VHOST_GET_VRING_BASE, &s), "get ring base");
	return (uint16_t)s.num;
}

void guest_set_base(struct guest *g, int q, uint16_t base)
{
	struct vhost_vring_state s = { .index = (unsigned int)q, .num = base };

	check(!ioctl(g->fd, VHOST_SET_VRING_BASE, &s), "set ring base");
}

void guest_call_fds(struct guest *g, int q)
{
	struct ring *r = &g->ring[q];
	struct vhost_vring_file f = { .index = (unsigned int)q };

	f.fd = r->kick;
	check(!ioctl(g->fd, VHOST_SET_VRING_KICK, &f), "kick");
	f.fd = r->call;
	check(!ioctl(g->fd, VHOST_SET_VRING_CALL, &f), "call");
	f.fd = r->err;
	check(!ioctl(g->fd, VHOST_SET_VRING_ERR, &f), "err");
}

void guest_backend(struct guest *g, bool on)
{
	int q;

	for (q = 0; q < NR_NET; q++) {
		struct vhost_vring_file f = { .index = (unsigned int)q, .fd = on ? g->tap : -1 };

		check(!ioctl(g->fd, VHOST_NET_SET_BACKEND, &f), "backend");
	}
}

/*
 * A bridge drops what a port without a carrier sends, and hears of the carrier from a work that
 * the kernel puts off, by a second when others came before (net/core/link_watch.c). PATIENCE_MS at
 * most.
 */
static void tap_await_bridge(const char *name)
{
	char path[64], state = '3';
	int i, fd;

	snprintf(path, sizeof(path), "/sys/class/net/%s/brport/state", name);
	for (i = 0; i < PATIENCE_MS; i++) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return;	/* in no bridge */
		check(read(fd, &state, 1) == 1, path);
		close(fd);
		if (state == '3')	/* BR_STATE_FORWARDING */
			return;
		usleep(1000);
	}
	check(false, "bridge does not forward");
}

static int tap_open(const char *name)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC), hdr = (int)HDR;

	check(fd >= 0, "/dev/net/tun");
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	check(!ioctl(fd, TUNSETIFF, &ifr), "tap device");
	check(!ioctl(fd, TUNSETVNETHDRSZ, &hdr), "header size");
	tap_await_bridge(name);
	return fd;
}

void device_open(struct guest *g, const char *path, int nr, bool event_idx)
{
	int q;

	memset(g, 0, sizeof(*g));
	g->nr = nr;
	g->tap = -1;
	g->memfd = memfd_create("guest", MFD_CLOEXEC);
	check(g->memfd >= 0 && !ftruncate(g->memfd, MEM_SIZE), "memory");
	for (q = 0; q < 2; q++) {
		g->mem[q] = mmap(NULL, MEM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, g->memfd, 0);
		check(g->mem[q] != MAP_FAILED, "memory");
	}
	g->event_idx = event_idx;
	g->features = 1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_RING_F_INDIRECT_DESC |
		(event_idx ? 1ull << VIRTIO_RING_F_EVENT_IDX : 0);
	g->fd = open(path, O_RDWR | O_CLOEXEC);
	check(g->fd >= 0, path);
	for (q = 0; q < nr; q++) {
		struct ring *r = &g->ring[q];

		ring_pointers(g, q);
		r->kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		r->call = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		r->err = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	}
}

void guest_open(struct guest *g, const char *tap, bool event_idx)
{
	int fd = tap_open(tap);

	device_open(g, "/dev/vhost-net", NR_NET, event_idx);
	g->tap = fd;
	g->features |= 1ull << VIRTIO_NET_F_MRG_RXBUF;
}

void device_start(struct guest *g)
{
	int q;

	check(!ioctl(g->fd, VHOST_SET_OWNER), "owner");
	guest_features(g, 0);
	guest_memory(g);
	for (q = 0; q < g->nr; q++) {
		struct vhost_vring_state n = { .index = (unsigned int)q, .num = RING_NUM };

		check(!ioctl(g->fd, VHOST_SET_VRING_NUM, &n), "ring size");
		guest_set_base(g, q, g->ring[q].used_last);
		guest_addr(g, q);
		guest_call_fds(g, q);
	}
}

void guest_start(struct guest *g)
{
	device_start(g);
	/* At the first start only: after a reset they are there. */
	while ((uint16_t)(g->ring[RX].avail_idx - g->ring[RX].used_last) < RING_NUM)
		ring_add(g, RX, g->ring[RX].avail_idx % RING_NUM,
			 BUF_AT(RX, g->ring[RX].avail_idx % RING_NUM), BUF_SIZE, true);
	guest_backend(g, true);
}

void guest_close(struct guest *g)
{
	int q;

	close(g->fd);
	if (g->tap >= 0)
		close(g->tap);
	for (q = 0; q < g->nr; q++) {
		close(g->ring[q].kick);
		close(g->ring[q].call);
		close(g->ring[q].err);
	}
	munmap(g->mem[0], MEM_SIZE);
	munmap(g->mem[1], MEM_SIZE);
	if (g->log)
		munmap(g->log, LOG_SIZE);
	close(g->memfd);
}

/* ---- rings ---- */

void ring_copy(struct guest *g, int q)
{
	uint8_t *old = g->mem[0] + RING_AT(q, g->ring[q].place);

	g->ring[q].place ^= 1;
	ring_pointers(g, q);
	memcpy(g->mem[0] + RING_AT(q, g->ring[q].place), old, RING_SIZE);
	memset(old, 0xff, RING_SIZE);
}

void ring_add(struct guest *g, int q, uint16_t id, uint64_t addr, uint32_t len, bool writable)
{
	struct ring *r = &g->ring[q];

	r->desc[id] = (struct vring_desc){ .addr = addr, .len = len,
		.flags = writable ? VRING_DESC_F_WRITE : 0 };
	r->avail->ring[r->avail_idx % RING_NUM] = id;
	barrier();
	__atomic_store_n(&r->avail->idx, ++r->avail_idx, __ATOMIC_RELEASE);
}

/* After one ring_add(). */
void ring_kick(struct guest *g, int q)
{
	struct ring *r = &g->ring[q];
	uint64_t one = 1;

	barrier();
	if (g->event_idx) {
		uint16_t event = *avail_event(r);

		if (!vring_need_event(event, r->avail_idx, (uint16_t)(r->avail_idx - 1)))
			return;
	} else if (*(volatile uint16_t *)&r->used->flags & VRING_USED_F_NO_NOTIFY) {
		return;
	}
	r->kicks++;
	check(write(r->kick, &one, sizeof(one)) == sizeof(one), "kick");
}

static bool ring_has_used(struct ring *r)
{
	return __atomic_load_n(&r->used->idx, __ATOMIC_ACQUIRE) != r->used_last;
}

bool ring_wait(struct guest *g, int q, uint32_t *len)
{
	struct ring *r = &g->ring[q];
	struct pollfd p = { .fd = r->call, .events = POLLIN };
	const struct vring_used_elem *e;
	uint64_t n;

	while (!ring_has_used(r)) {
		*used_event(r) = r->used_last;
		barrier();
		if (ring_has_used(r))
			break;
		if (poll(&p, 1, PATIENCE_MS) <= 0)
			return false;
		if (read(r->call, &n, sizeof(n)) == sizeof(n))
			r->signals += n;
	}
	e = &r->used->ring[r->used_last % RING_NUM];
	/* vhost_net uses entries in their order. */
	if (e->id != r->avail->ring[r->used_last % RING_NUM])
		g->broken++;
	if (len)
		*len = e->len;
	r->used_last++;
	return true;
}

/* ---- frames ---- */

bool guest_drain(struct guest *g)
{
	struct ring *r = &g->ring[TX];

	while (r->used_last != r->avail_idx)
		if (!ring_wait(g, TX, NULL))
			return false;
	return true;
}

bool guest_send(struct guest *g, const void *data, unsigned int len)
{
	static const uint8_t eth[ETH_HDR] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1,
					      ETHERTYPE >> 8, ETHERTYPE & 0xff };
	struct ring *r = &g->ring[TX];
	uint16_t id = r->avail_idx % RING_NUM;
	uint8_t *buf = g->mem[0] + BUF_AT(TX, id);

	while (ring_has_used(r) || (uint16_t)(r->avail_idx - r->used_last) == RING_NUM)
		if (!ring_wait(g, TX, NULL))
			return false;
	memset(buf, 0, HDR);
	memcpy(buf + HDR, eth, sizeof(eth));
	memcpy(buf + HDR + ETH_HDR, data, len);
	ring_add(g, TX, id, BUF_AT(TX, id), HDR + ETH_HDR + len, false);
	/* Nothing is to be told about it, unless somebody waits. */
	*used_event(r) = (uint16_t)(r->used_last - 1);
	ring_kick(g, TX);
	return true;
}

int guest_receive(struct guest *g, void *data)
{
	struct ring *r = &g->ring[RX];
	uint32_t len;

	for (;;) {
		uint16_t id;
		uint8_t *buf;
		int n = -2;

		if (!ring_wait(g, RX, &len))
			return -1;
		id = (uint16_t)(r->used_last - 1) % RING_NUM;
		buf = g->mem[0] + BUF_AT(RX, id);
		if (len >= HDR + ETH_HDR && len <= BUF_SIZE && buf[HDR + 12] == ETHERTYPE >> 8 &&
		    buf[HDR + 13] == (ETHERTYPE & 0xff)) {
			n = (int)(len - HDR - ETH_HDR);
			memcpy(data, buf + HDR + ETH_HDR, (size_t)n);
		}
		ring_add(g, RX, id, BUF_AT(RX, id), BUF_SIZE, true);
		ring_kick(g, RX);
		if (n >= 0)
			return n;
	}
}
