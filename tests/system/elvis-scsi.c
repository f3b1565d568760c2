// SPDX-License-Identifier: GPL-2.0
/*
 * Block I/O through /dev/vhost-scsi by a process that drives the rings itself: random reads and
 * writes, DEPTH of them at a time. Each write fills its blocks with a pattern of its own; each read
 * must find the pattern of the last write there. Blocks in use are left alone by other requests.
 */
#include "rings.h"

#include <fcntl.h>
#include <linux/virtio_scsi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int scsi(const char *wwpn, unsigned int count, unsigned int depth, unsigned int bytes,
	 const char *action, unsigned int every);

/* Since Linux 6.5; the headers may be older. */
#ifndef VHOST_NEW_WORKER
struct vhost_worker_state { unsigned int worker_id; };
struct vhost_vring_worker { unsigned int index, worker_id; };
#define VHOST_NEW_WORKER _IOR(VHOST_VIRTIO, 0x8, struct vhost_worker_state)
#define VHOST_FREE_WORKER _IOW(VHOST_VIRTIO, 0x9, struct vhost_worker_state)
#define VHOST_ATTACH_VRING_WORKER _IOW(VHOST_VIRTIO, 0x15, struct vhost_vring_worker)
#define VHOST_GET_VRING_WORKER _IOWR(VHOST_VIRTIO, 0x16, struct vhost_vring_worker)
#endif

#define CTL		0
#define EVENT		1
#define IO		2	/* the ring of requests */
#define SLOTS		32u
#define SLOT_DESCS	3u	/* request, data, answer */
#define PLACES		64u	/* where to read and write */
#define BLOCK		512u
/* In the memory of rings that are not there: */
#define REQ_AT(s)	(0x40000ul + (s) * 0x200ul)
#define RESP_AT(s)	(0x48000ul + (s) * 0x200ul)
#define DATA_AT(s)	(0x50000ul + (s) * 0x1000ul)
#define EVENT_AT(i)	(0x80000ul + (i) * 64ul)

struct slot {
	bool		busy, write;
	unsigned int	place;
};

static struct {
	struct guest	g;
	struct slot	slot[SLOTS];
	uint32_t	version[PLACES];	/* of what was written last */
	bool		used[PLACES];		/* by a request under way */
	uint32_t	next_version;
	unsigned int	bytes;
	unsigned long	errors, bad;
} s;

static void pattern(uint8_t *p, unsigned int place, uint32_t version)
{
	unsigned int i;

	for (i = 0; i < s.bytes; i++)
		p[i] = version ? (uint8_t)(version * 31 + place * 7 + i + (i >> 8)) : 0;
}

static void endpoint(const char *wwpn, unsigned long request)
{
	struct vhost_scsi_target t = { .abi_version = VHOST_SCSI_ABI_VERSION, .vhost_tpgt = 1 };

	snprintf(t.vhost_wwpn, sizeof(t.vhost_wwpn), "%s", wwpn);
	check(!ioctl(s.g.fd, request, &t), "endpoint");
}

static void submit(unsigned int n, bool write, unsigned int place)
{
	struct virtio_scsi_cmd_req *req = (void *)(s.g.mem[0] + REQ_AT(n));
	struct virtio_scsi_cmd_resp *resp = (void *)(s.g.mem[0] + RESP_AT(n));
	struct ring *r = &s.g.ring[IO];
	uint32_t lba = place * s.bytes / BLOCK;
	uint16_t d = (uint16_t)(n * SLOT_DESCS);
	struct vring_desc *t = &r->desc[d];

	s.slot[n] = (struct slot){ .busy = true, .write = write, .place = place };
	s.used[place] = true;
	memset(req, 0, sizeof(*req));
	memset(resp, 0xff, sizeof(*resp));
	req->lun[0] = 1;
	req->lun[1] = 1;	/* tpgt */
	req->lun[2] = 0x40;
	req->tag = n;
	req->cdb[0] = write ? 0x2a : 0x28;
	req->cdb[2] = (uint8_t)(lba >> 24);
	req->cdb[3] = (uint8_t)(lba >> 16);
	req->cdb[4] = (uint8_t)(lba >> 8);
	req->cdb[5] = (uint8_t)lba;
	req->cdb[7] = (uint8_t)(s.bytes / BLOCK >> 8);
	req->cdb[8] = (uint8_t)(s.bytes / BLOCK);
	if (write)
		pattern(s.g.mem[0] + DATA_AT(n), place, s.version[place] = ++s.next_version);
	else
		memset(s.g.mem[0] + DATA_AT(n), 0xee, s.bytes);
	t[0] = (struct vring_desc){ .addr = REQ_AT(n), .len = sizeof(*req),
		.flags = VRING_DESC_F_NEXT, .next = (uint16_t)(d + 1) };
	/* What the device writes comes after what it reads. */
	t[write ? 1 : 2] = (struct vring_desc){ .addr = DATA_AT(n), .len = s.bytes,
		.flags = write ? VRING_DESC_F_NEXT : VRING_DESC_F_WRITE,
		.next = (uint16_t)(d + 2) };
	t[write ? 2 : 1] = (struct vring_desc){ .addr = RESP_AT(n), .len = sizeof(*resp),
		.flags = (uint16_t)(VRING_DESC_F_WRITE | (write ? 0 : VRING_DESC_F_NEXT)),
		.next = (uint16_t)(d + 2) };
	r->avail->ring[r->avail_idx % RING_NUM] = d;
	__atomic_store_n(&r->avail->idx, ++r->avail_idx, __ATOMIC_SEQ_CST);
	ring_kick(&s.g, IO);
}

static bool complete(void)
{
	static uint8_t want[4096];
	const struct virtio_scsi_cmd_resp *resp;
	struct ring *r = &s.g.ring[IO];
	struct slot *slot;
	unsigned int n;

	if (!ring_wait(&s.g, IO, NULL))
		return false;
	n = r->used->ring[(uint16_t)(r->used_last - 1) % RING_NUM].id / SLOT_DESCS;
	if (n >= SLOTS || !s.slot[n].busy) {
		s.bad++;
		return true;
	}
	slot = &s.slot[n];
	resp = (const void *)(s.g.mem[0] + RESP_AT(n));
	s.errors += resp->response != VIRTIO_SCSI_S_OK || resp->status;
	if (!slot->write) {
		pattern(want, slot->place, s.version[slot->place]);
		s.bad += !!memcmp(want, s.g.mem[0] + DATA_AT(n), s.bytes);
	}
	s.used[slot->place] = slot->busy = false;
	return true;
}

/* The endpoint goes and comes back, with whatever is in the ring. */
static void act_stop(const char *wwpn, bool kick)
{
	uint64_t one = 1;

	endpoint(wwpn, VHOST_SCSI_CLEAR_ENDPOINT);
	usleep(2000);
	endpoint(wwpn, VHOST_SCSI_SET_ENDPOINT);
	if (kick)
		check(write(s.g.ring[IO].kick, &one, sizeof(one)) == sizeof(one), "kick");
}

/* A worker more, for the requests; and none. With two sidecores it is on the other one. */
static void act_worker(void)
{
	static bool more;
	static uint32_t first;
	struct vhost_worker_state w = { 0 };
	struct vhost_vring_worker v = { .index = IO };

	check(!ioctl(s.g.fd, VHOST_GET_VRING_WORKER, &v), "get worker");
	if (!more) {
		first = v.worker_id;
		check(!ioctl(s.g.fd, VHOST_NEW_WORKER, &w), "new worker");
		v.worker_id = w.worker_id;
		check(!ioctl(s.g.fd, VHOST_ATTACH_VRING_WORKER, &v), "attach");
	} else {
		w.worker_id = v.worker_id;
		v.worker_id = first;
		check(!ioctl(s.g.fd, VHOST_ATTACH_VRING_WORKER, &v), "attach back");
		check(!ioctl(s.g.fd, VHOST_FREE_WORKER, &w), "free worker");
	}
	more = !more;
}

int scsi(const char *wwpn, unsigned int count, unsigned int depth, unsigned int bytes,
	 const char *action, unsigned int every)
{
	unsigned int i, done = 0, sent = 0, lost = 0, actions = 0;

	check(depth <= SLOTS && bytes <= 4096 && bytes % BLOCK == 0, "arguments");
	s.bytes = bytes;
	device_open(&s.g, "/dev/vhost-scsi", NR_RINGS, true);
	device_start(&s.g);
	for (i = 0; i < 16; i++)	/* buffers for events, which stay there */
		ring_add(&s.g, EVENT, (uint16_t)i, EVENT_AT(i), 64, true);
	endpoint(wwpn, VHOST_SCSI_SET_ENDPOINT);
	ring_kick(&s.g, EVENT);
	srandom(1);
	while (done < count && !lost) {
		while (sent < count && sent - done < depth) {
			unsigned int place = (unsigned int)random() % PLACES, n = 0;

			if (sent >= PLACES && s.used[place])
				continue;
			while (s.slot[n].busy)
				n++;
			/* At first everything is written, as nobody knows what was there. */
			if (sent < PLACES)
				submit(n, true, sent);
			else
				submit(n, random() & 1, place);
			sent++;
			if (action && sent % every == 0) {
				/* "stop": what comes after must be noticed without a kick. */
				if (!strcmp(action, "worker"))
					act_worker();
				else
					act_stop(wwpn, !!strcmp(action, "stop"));
				actions++;
			}
		}
		if (complete())
			done++;
		else
			lost++;
	}
	printf("done=%u\nlost=%u\nbad=%lu\nerrors=%lu\nkicks=%lu\nsignals=%lu\nactions=%u\n", done, lost,
	       s.bad, s.errors, s.g.ring[IO].kicks, s.g.ring[IO].signals, actions);
	endpoint(wwpn, VHOST_SCSI_CLEAR_ENDPOINT);
	guest_close(&s.g);
	return 0;
}
