// SPDX-License-Identifier: GPL-2.0
/*
 * Rings that no driver would write: each on a device of its own, after some packets that are in
 * order, so that it is polled if it can be. Prints "NAME=E U": whether the device has signalled an
 * error, and how many entries of the ring it has used. What is right is what the stock module does.
 */
#include "rings.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int evil(const char *from, const char *to);

#define GOOD	16u	/* packets before */
#define INDIRECT (BUF_AT(TX, RING_NUM - 2))

/* Entry @id with a frame of 60 bytes in its buffer, not yet made available. */
static struct vring_desc *entry(struct guest *g, int q, uint16_t id)
{
	g->ring[q].desc[id] = (struct vring_desc){ .addr = BUF_AT(q, id), .len = HDR + 60,
		.flags = q == RX ? VRING_DESC_F_WRITE : 0 };
	return &g->ring[q].desc[id];
}

static void offer(struct guest *g, int q, uint16_t id)
{
	struct ring *r = &g->ring[q];

	r->avail->ring[r->avail_idx % RING_NUM] = id;
	__atomic_store_n(&r->avail->idx, ++r->avail_idx, __ATOMIC_SEQ_CST);
}

static void head_out_of_range(struct guest *g, int q)
{
	offer(g, q, RING_NUM + 5);
}

static void head_huge(struct guest *g, int q)
{
	offer(g, q, 0xffff);
}

static void idx_ahead(struct guest *g, int q)
{
	g->ring[q].avail->idx = (uint16_t)(g->ring[q].avail_idx + RING_NUM + 1);
}

static void idx_back(struct guest *g, int q)
{
	g->ring[q].avail->idx = (uint16_t)(g->ring[q].used_last - 3);
}

static void next_out_of_range(struct guest *g, int q)
{
	struct vring_desc *d = entry(g, q, 3);

	d->flags |= VRING_DESC_F_NEXT;
	d->next = 0x8000;
	offer(g, q, 3);
}

static void loop_self(struct guest *g, int q)
{
	struct vring_desc *d = entry(g, q, 3);

	d->flags |= VRING_DESC_F_NEXT;
	d->next = 3;
	offer(g, q, 3);
}

static void loop_two(struct guest *g, int q)
{
	entry(g, q, 3)->next = 4;
	entry(g, q, 4)->next = 3;
	g->ring[q].desc[3].flags |= VRING_DESC_F_NEXT;
	g->ring[q].desc[4].flags |= VRING_DESC_F_NEXT;
	offer(g, q, 3);
}

static void length_huge(struct guest *g, int q)
{
	entry(g, q, 3)->len = 0xffffffff;
	offer(g, q, 3);
}

static void length_zero(struct guest *g, int q)
{
	entry(g, q, 3)->len = 0;
	offer(g, q, 3);
}

static void length_beyond_memory(struct guest *g, int q)
{
	entry(g, q, 3)->len = MEM_SIZE;
	offer(g, q, 3);
}

static void unmapped(struct guest *g, int q)
{
	entry(g, q, 3)->addr = 0x4000000000;
	offer(g, q, 3);
}

static void address_wraps(struct guest *g, int q)
{
	entry(g, q, 3)->addr = ~0ull - 16;
	offer(g, q, 3);
}

static void wrong_direction(struct guest *g, int q)
{
	entry(g, q, 3)->flags ^= VRING_DESC_F_WRITE;
	offer(g, q, 3);
}

/* A table of @n descriptors behind one, all in a chain. */
static struct vring_desc *table(struct guest *g, int q, uint32_t n)
{
	struct vring_desc *t = (void *)(g->mem[0] + INDIRECT), *d = entry(g, q, 3);
	uint32_t i;

	for (i = 0; i < n; i++)
		t[i] = (struct vring_desc){ .addr = BUF_AT(q, i), .len = 64,
			.next = (uint16_t)(i + 1),
			.flags = (uint16_t)((q == RX ? VRING_DESC_F_WRITE : 0) |
					    (i + 1 < n ? VRING_DESC_F_NEXT : 0)) };
	d->addr = INDIRECT;
	d->len = n * (uint32_t)sizeof(*t);
	d->flags = VRING_DESC_F_INDIRECT;
	return t;
}

static void indirect_odd_length(struct guest *g, int q)
{
	table(g, q, 2);
	g->ring[q].desc[3].len = 17;
	offer(g, q, 3);
}

static void indirect_loop(struct guest *g, int q)
{
	struct vring_desc *t = table(g, q, 3);

	t[2].flags |= VRING_DESC_F_NEXT;
	t[2].next = 0;
	offer(g, q, 3);
}

static void indirect_in_indirect(struct guest *g, int q)
{
	struct vring_desc *t = table(g, q, 2);

	t[1] = (struct vring_desc){ .addr = INDIRECT, .len = 32, .flags = VRING_DESC_F_INDIRECT };
	offer(g, q, 3);
}

static void indirect_huge(struct guest *g, int q)
{
	table(g, q, 2);
	g->ring[q].desc[3].len = 0x100000 * (uint32_t)sizeof(struct vring_desc);
	offer(g, q, 3);
}

static void indirect_unmapped(struct guest *g, int q)
{
	table(g, q, 2);
	g->ring[q].desc[3].addr = 0x4000000000;
	offer(g, q, 3);
}

/* The whole ring at once, all of it nonsense. */
static void all_nonsense(struct guest *g, int q)
{
	memset(g->ring[q].desc, 0xa5, RING_NUM * sizeof(struct vring_desc));
	memset(g->ring[q].avail->ring, 0xa5, RING_NUM * sizeof(uint16_t));
	g->ring[q].avail_idx = (uint16_t)(g->ring[q].used_last + RING_NUM);
	g->ring[q].avail->idx = g->ring[q].avail_idx;
}

static void ring_taken_away(struct guest *g, int q)
{
	offer(g, q, 3);
	/* The mapping that vhost knows: the device has no ring any more. */
	munmap(g->mem[0] + RING_AT(q, g->ring[q].place), RING_SIZE);
}

static const struct { const char *name; void (*set_up)(struct guest *g, int q); } attacks[] = {
#define A(n) { #n, n }
	A(head_out_of_range), A(head_huge), A(idx_ahead), A(idx_back), A(next_out_of_range),
	A(loop_self), A(loop_two), A(length_huge), A(length_zero), A(length_beyond_memory),
	A(unmapped), A(address_wraps), A(wrong_direction), A(indirect_odd_length), A(indirect_loop),
	A(indirect_in_indirect), A(indirect_huge), A(indirect_unmapped), A(all_nonsense),
	A(ring_taken_away),
#undef A
};

static void force_kick(struct ring *r)
{
	uint64_t one = 1;

	check(write(r->kick, &one, sizeof(one)) == sizeof(one), "kick");
}

/* Afterwards the ring may be gone: nothing of it is read but used->idx, if it is there. */
static void attack(unsigned int i, int q, const char *from, const char *to)
{
	static struct guest a, b;
	static uint8_t data[MAX_DATA];
	struct pollfd p = { .events = POLLIN };
	unsigned int k;
	uint16_t used;
	bool err, gone = attacks[i].set_up == ring_taken_away;

	guest_open(&a, q == TX ? from : to, true);
	guest_open(&b, q == TX ? to : from, true);
	guest_start(&a);
	guest_start(&b);
	memset(data, 0x55, sizeof(data));
	for (k = 0; k < GOOD; k++)
		check(q == TX ? guest_send(&a, data, 60) && guest_receive(&b, data) == 60 :
		      guest_send(&b, data, 60) && guest_receive(&a, data) == 60, "packets before");
	check(guest_drain(q == TX ? &a : &b), "drain");
	if (q == RX) {
		/* What was on offer is withdrawn: the next packet meets the attack. */
		guest_backend(&a, false);
		a.ring[RX].avail_idx = a.ring[RX].avail->idx = a.ring[RX].used_last;
		guest_set_base(&a, RX, a.ring[RX].used_last);
		guest_backend(&a, true);
	}
	used = a.ring[q].used_last;
	attacks[i].set_up(&a, q);
	for (k = 0; k < 20; k++) {
		force_kick(&a.ring[q]);
		if (q == RX)
			check(guest_send(&b, data, 60), "packet for the attacked");
		usleep(1000);
	}
	p.fd = a.ring[q].err;
	err = poll(&p, 1, 0) > 0;
	printf("%s_%s=%d %d\n", attacks[i].name, q == TX ? "tx" : "rx", err,
	       gone ? -1 : (uint16_t)(a.ring[q].used->idx - used));
	fflush(stdout);
	/* While a device is polled and wrong, it is closed. */
	guest_close(&a);
	guest_close(&b);
}

int evil(const char *from, const char *to)
{
	unsigned int i;
	int q;

	for (i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++)
		for (q = 0; q < NR_NET; q++)
			attack(i, q, from, to);
	return 0;
}
