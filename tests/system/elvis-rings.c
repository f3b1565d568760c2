// SPDX-License-Identifier: GPL-2.0
/*
 * Guests of vhost-net that behave, change their minds, die and lie: what elvis-robust.sh runs in
 * the emulated host. Prints "name=value" lines. Each guest is a process, so a memory of its own for
 * vhost; two tap devices in one bridge are a pair.
 *
 * usage: elvis-rings pair TAP TAP COUNT WINDOW SIZE [ACTION EVERY [no-event-idx]]
 *        elvis-rings flood TAP TAP SIZE          (until killed)
 *        elvis-rings kill TAP TAP TIMES process|vm
 *        elvis-rings evil TAP TAP
 *        elvis-rings log TAP TAP
 *        elvis-rings scsi WWPN COUNT DEPTH BYTES [ACTION EVERY]
 */
#define _GNU_SOURCE
#include "rings.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DATA, ACK };

struct msg {
	uint32_t	kind, seq, len;
	uint8_t		data[MAX_DATA];
};
#define MSG_HDR	offsetof(struct msg, data)

/* Shared by parent and children. */
struct result {
	volatile uint64_t received, bad, reordered, lost, broken, kicks, signals, actions;
};

struct job {
	const char	*tap[2];
	uint32_t	count, window, size;
	const char	*action;
	uint32_t	every;
	bool		event_idx;
};

static void *shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	check(p != MAP_FAILED, "shared memory");
	return p;
}

static pid_t child(void)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	check(pid >= 0, "fork");
	if (!pid)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

static unsigned int fill(struct msg *m, uint32_t kind, uint32_t seq, uint32_t len)
{
	uint32_t i;

	m->kind = kind;
	m->seq = seq;
	m->len = len;
	for (i = 0; i < len; i++)
		m->data[i] = (uint8_t)(seq * 131 + i * 7 + (i >> 8));
	return (unsigned int)MSG_HDR + len;
}

static bool intact(const struct msg *m, int n)
{
	static struct msg want;

	return n >= (int)MSG_HDR && m->len <= MAX_DATA && n >= (int)(MSG_HDR + m->len) &&
		fill(&want, m->kind, m->seq, m->len) && !memcmp(&want, m, MSG_HDR + m->len);
}

/* ---- what a VMM may do at any time ---- */

/* The same rings at other addresses of the process, while they are in use. */
static void act_addr(struct guest *g)
{
	g->alias ^= 1;
	guest_memory(g);
	guest_addr(g, RX);
	guest_addr(g, TX);
}

/* The ring to send is elsewhere, and the old one no more, while the device runs. */
static void act_move(struct guest *g)
{
	check(guest_drain(g), "drain");
	ring_copy(g, TX);
	guest_addr(g, TX);
}

static void act_stop(struct guest *g)
{
	guest_backend(g, false);
	usleep(1000);
	guest_backend(g, true);
}

/* As for a migration to another place: stopped, rings copied, bases carried over. */
static void act_base(struct guest *g)
{
	uint16_t base;
	int q;

	guest_backend(g, false);
	for (q = 0; q < NR_NET; q++) {
		base = guest_base(g, q);
		ring_copy(g, q);
		guest_addr(g, q);
		guest_set_base(g, q, base);
	}
	guest_backend(g, true);
}

static void act_reset(struct guest *g)
{
	uint16_t base[NR_NET];
	int q;

	guest_backend(g, false);
	for (q = 0; q < NR_NET; q++)
		base[q] = guest_base(g, q);
	check(!ioctl(g->fd, VHOST_RESET_OWNER), "reset");
	check(!ioctl(g->fd, VHOST_SET_OWNER), "owner");
	guest_features(g, 0);
	guest_memory(g);
	for (q = 0; q < NR_NET; q++) {
		struct vhost_vring_state n = { .index = (unsigned int)q, .num = RING_NUM };

		check(!ioctl(g->fd, VHOST_SET_VRING_NUM, &n), "ring size");
		guest_set_base(g, q, base[q]);
		guest_addr(g, q);
		guest_call_fds(g, q);
	}
	guest_backend(g, true);
}

/* Reset without stopping first. Where it was is in the ring: vhost_net uses what it takes. */
static void act_rip(struct guest *g)
{
	int q;

	check(!ioctl(g->fd, VHOST_RESET_OWNER), "reset");
	check(!ioctl(g->fd, VHOST_SET_OWNER), "owner");
	guest_features(g, 0);
	guest_memory(g);
	for (q = 0; q < NR_NET; q++) {
		struct vhost_vring_state n = { .index = (unsigned int)q, .num = RING_NUM };

		check(!ioctl(g->fd, VHOST_SET_VRING_NUM, &n), "ring size");
		guest_set_base(g, q, g->ring[q].used->idx);
		guest_addr(g, q);
		guest_call_fds(g, q);
	}
	guest_backend(g, true);
}

/* Other eventfds; whoever changes the kick's looks once whether one was missed. */
static void act_fds(struct guest *g)
{
	uint64_t one = 1;
	int q;

	for (q = 0; q < NR_NET; q++) {
		int kick = g->ring[q].kick, call = g->ring[q].call;

		g->ring[q].kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		g->ring[q].call = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		guest_call_fds(g, q);
		check(write(g->ring[q].kick, &one, sizeof(one)) == sizeof(one), "kick");
		close(kick);
		close(call);
	}
}

static void log_set_up(struct guest *g)
{
	uint64_t base;
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	if (!g->log)
		g->log = mmap(NULL, LOG_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			      -1, 0);
	check(g->log != MAP_FAILED, "log");
	base = (uintptr_t)g->log;
	check(!ioctl(g->fd, VHOST_SET_LOG_BASE, &base), "log base");
	check(!ioctl(g->fd, VHOST_SET_LOG_FD, &fd), "log fd");
	close(fd);
	guest_addr(g, RX);
	guest_addr(g, TX);
	guest_features(g, 1ull << VHOST_F_LOG_ALL);
}

/* Dirty pages are logged, and then not. */
static void act_log(struct guest *g)
{
	if (g->log) {
		guest_features(g, 0);
		munmap(g->log, LOG_SIZE);
		g->log = NULL;
		guest_addr(g, RX);
		guest_addr(g, TX);
	} else {
		log_set_up(g);
	}
}

static const struct { const char *name; void (*act)(struct guest *g); } actions[] = {
	{ "addr", act_addr }, { "move", act_move }, { "stop", act_stop }, { "base", act_base },
	{ "reset", act_reset }, { "rip", act_rip }, { "fds", act_fds }, { "log", act_log },
};

static void act(struct guest *g, const char *name, struct result *res)
{
	size_t i;

	for (i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (!strcmp(name, actions[i].name)) {
			actions[i].act(g);
			res->actions++;
			return;
		}
	check(false, name);
}

/* ---- a pair: numbered data one way, acknowledgements the other ---- */

static void report(const struct guest *g, struct result *res)
{
	int q;

	res->broken = g->broken;
	for (q = 0; q < NR_NET; q++) {
		res->kicks += g->ring[q].kicks;
		res->signals += g->ring[q].signals;
	}
}

static void sender(const struct job *j, struct result *res)
{
	static struct guest g;
	static struct msg m;
	uint32_t seq = 0, acked = 0;

	guest_open(&g, j->tap[0], j->event_idx);
	guest_start(&g);
	while (acked < j->count) {
		int n;

		for (; seq < j->count && seq - acked < j->window; seq++) {
			if (j->action && seq % j->every == j->every - 1)
				act(&g, j->action, res);
			if (!guest_send(&g, &m, fill(&m, DATA, seq, j->size))) {
				res->lost++;
				goto out;
			}
		}
		n = guest_receive(&g, &m);
		if (n < 0) {
			res->lost++;
			goto out;
		}
		if (!intact(&m, n) || m.kind != ACK)
			res->bad++;
		else if (m.seq < acked || m.seq > seq)
			res->reordered++;
		else
			acked = m.seq;
	}
	res->received = acked;
out:
	report(&g, res);
	guest_close(&g);
}

static void receiver(const struct job *j, struct result *res)
{
	static struct guest g;
	static struct msg m;
	uint32_t next = 0, unacked = 0, step = j->window > 4 ? j->window / 4 : 1;

	guest_open(&g, j->tap[1], j->event_idx);
	guest_start(&g);
	while (next < j->count) {
		int n = guest_receive(&g, &m);

		if (n < 0) {
			res->lost++;
			break;
		}
		if (!intact(&m, n) || m.kind != DATA || m.len != j->size) {
			res->bad++;
			continue;
		}
		if (m.seq != next)
			res->reordered++;
		next = m.seq + 1;
		res->received++;
		/* As often as the window needs; also at the end. */
		if (++unacked < step && next < j->count)
			continue;
		unacked = 0;
		if (!guest_send(&g, &m, fill(&m, ACK, next, 0))) {
			res->lost++;
			break;
		}
	}
	if (!guest_drain(&g))
		res->lost++;
	report(&g, res);
	guest_close(&g);
}

static int pair(const struct job *j)
{
	struct result *res = shared(2 * sizeof(*res));
	pid_t pid = child(), other;
	int a, b;

	if (!pid) {
		receiver(j, &res[1]);
		_exit(0);
	}
	usleep(20000);
	other = child();
	if (!other) {
		sender(j, &res[0]);
		_exit(0);
	}
	check(waitpid(other, &a, 0) == other, "wait");
	if (a)	/* nothing more will come */
		kill(pid, SIGKILL);
	check(waitpid(pid, &b, 0) == pid, "wait");
	printf("acked=%lu\nreceived=%lu\nbad=%lu\nreordered=%lu\nlost=%lu\nbroken=%lu\nkicks=%lu\nsignals=%lu\nactions=%lu\ndied=%d\n",
	       res[0].received, res[1].received, res[0].bad + res[1].bad,
	       res[0].reordered + res[1].reordered, res[0].lost + res[1].lost,
	       res[0].broken + res[1].broken, res[0].kicks + res[1].kicks,
	       res[0].signals + res[1].signals, res[0].actions, a || b);
	return a || b;
}

/* ---- guests without manners ---- */

/* Counts what arrives, whoever sent it. */
static void sink(const char *tap, struct result *res)
{
	static struct guest g;
	static struct msg m;

	guest_open(&g, tap, true);
	guest_start(&g);
	for (;;) {
		int n = guest_receive(&g, &m);

		if (n >= 0 && !intact(&m, n))
			res->bad++;
		else if (n >= 0)
			res->received++;
	}
}

/* As much as the device takes, with a kick for each packet whether it wants to know or not. */
static void flooder(const char *tap, uint32_t size)
{
	static struct guest g;
	static struct msg m;
	uint64_t one = 1;
	uint32_t seq = 0;

	guest_open(&g, tap, true);
	guest_start(&g);
	for (;;) {
		check(guest_send(&g, &m, fill(&m, DATA, seq++, size)), "send");
		check(write(g.ring[TX].kick, &one, sizeof(one)) == sizeof(one), "kick");
	}
}

static int flood(const char *from, const char *to, uint32_t size)
{
	struct result *res = shared(sizeof(*res));

	if (!child()) {
		sink(to, res);
		_exit(0);
	}
	usleep(20000);
	flooder(from, size);
	return 0;
}

/*
 * A virtual machine: its vCPU, in real mode, adds to the ring that sends and writes to a port,
 * which KVM turns into the kick; vhost's signals become interrupts, which it does not take. Never
 * returns.
 */
static void machine(const char *tap)
{
	static const uint8_t code[] = {
		0xb8, 0x00, 0x20, 0x8e, 0xd8,	/* ds = segment of RING_AT(TX, 0) */
		0xff, 0x06, 0x02, 0x20,		/* 5: avail->idx++ */
		0xe6, 0xf1,			/* out */
		0xa1, 0x02, 0x20,		/* 11: ax = avail->idx */
		0x2b, 0x06, 0x02, 0x40,		/* less used->idx */
		0x3d, 0x40, 0x00, 0x77, 0xf4,	/* more than 64 are under way: again */
		0xeb, 0xec,			/* to 5 */
	};
	static struct guest g;
	static struct msg m;
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm, vcpu;
	struct kvm_userspace_memory_region mem = { .memory_size = MEM_SIZE };
	struct kvm_ioeventfd io = { .addr = 0xf1, .flags = KVM_IOEVENTFD_FLAG_PIO };
	struct kvm_irqfd irq = { .gsi = 5 };
	struct kvm_run *run;
	struct kvm_sregs s;
	struct kvm_regs r = { .rip = 0x1000, .rflags = 2 };
	unsigned int i;

	guest_open(&g, tap, true);
	for (i = 0; i < RING_NUM; i++) {
		uint8_t *buf = g.mem[0] + BUF_AT(TX, i);

		memset(buf, 0, HDR + 14);
		buf[HDR] = buf[HDR + 5] = buf[HDR + 6] = 2;	/* to :02 from :01 */
		buf[HDR + 11] = 1;
		buf[HDR + 12] = 0x88;
		buf[HDR + 13] = 0xb5;
		g.ring[TX].desc[i] = (struct vring_desc){ .addr = BUF_AT(TX, i),
			.len = HDR + 14 + fill(&m, DATA, i, 200) };
		memcpy(buf + HDR + 14, &m, MSG_HDR + 200);
		g.ring[TX].avail->ring[i] = (uint16_t)i;
	}
	memcpy(g.mem[0] + 0x1000, code, sizeof(code));
	guest_start(&g);
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	check(vm >= 0 && !ioctl(vm, KVM_CREATE_IRQCHIP), "virtual machine");
	mem.userspace_addr = (uintptr_t)g.mem[0];
	check(!ioctl(vm, KVM_SET_USER_MEMORY_REGION, &mem), "its memory");
	io.fd = g.ring[TX].kick;
	check(!ioctl(vm, KVM_IOEVENTFD, &io), "ioeventfd");
	irq.fd = (uint32_t)g.ring[TX].call;
	check(!ioctl(vm, KVM_IRQFD, &irq), "irqfd");
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	check(vcpu >= 0 && !ioctl(vcpu, KVM_GET_SREGS, &s), "vCPU");
	s.cs.base = s.cs.selector = 0;
	check(!ioctl(vcpu, KVM_SET_SREGS, &s) && !ioctl(vcpu, KVM_SET_REGS, &r), "registers");
	run = mmap(NULL, (size_t)ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE,
		   MAP_SHARED, vcpu, 0);
	check(run != MAP_FAILED, "vCPU");
	/* It needs nothing of us: whatever it exits for is a mistake. */
	while (ioctl(vcpu, KVM_RUN, 0) && errno == EINTR)
		;
	printf("exit_reason=%u\n", run->exit_reason);
	check(false, "KVM_RUN");
}

/* Most are killed when packets flow, some at any time since their birth. */
static int killer(const char *from, const char *to, unsigned int times, bool vm)
{
	struct result *res = shared(sizeof(*res));
	unsigned int i, midway = 0, by_itself = 0;
	pid_t other = child(), pid;

	if (!other) {
		sink(to, res);
		_exit(0);
	}
	srandom(1);
	usleep(20000);
	for (i = 0; i < times; i++) {
		uint64_t before = res->received, wanted = (uint64_t)(random() % 100) + 1;
		int n, status;

		pid = child();
		if (!pid) {
			if (vm)
				machine(from);
			flooder(from, 200);
		}
		if (i % 4 == 3)
			usleep((unsigned int)(random() % 20000));
		else
			for (n = 0; n < 4000 && res->received - before < wanted; n++)
				usleep(500);
		midway += res->received - before >= wanted;
		kill(pid, SIGKILL);
		check(waitpid(pid, &status, 0) == pid, "wait");
		by_itself += !WIFSIGNALED(status);
	}
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
	printf("killed=%u\nmidway=%u\nby_itself=%u\nreceived=%lu\nbad=%lu\n", times, midway, by_itself,
	       res->received, res->bad);
	return 0;
}

/* Which pages of guest memory are in the log, by what they are for. */
static int logged(const char *from, const char *to)
{
	static struct guest a, b;
	static struct msg m;
	unsigned int i, used = 0, buffers = 0, tx = 0, n = 0;

	guest_open(&a, from, true);
	guest_open(&b, to, true);
	guest_start(&a);
	guest_start(&b);
	for (i = 0; i < 8; i++)	/* polling, if any, has begun */
		check(guest_send(&a, &m, fill(&m, DATA, i, 64)) && guest_receive(&b, &m) > 0, "before");
	log_set_up(&a);
	log_set_up(&b);
	for (; i < 24; i++)
		check(guest_send(&a, &m, fill(&m, DATA, i, 64)) && guest_receive(&b, &m) > 0, "logged");
	check(guest_drain(&a), "drain");
	for (i = 0; i < MEM_SIZE / 4096; i++) {
		uint64_t at = (uint64_t)i * 4096;
		bool bit = b.log[i / 8] >> (i % 8) & 1;

		n += bit;
		used += bit && at == RING_AT(RX, 0) + USED_AT;
		buffers += bit && at >= BUF_AT(RX, 0) && at < BUF_AT(RX, RING_NUM);
		tx += (a.log[i / 8] >> (i % 8) & 1) && at == RING_AT(TX, 0) + USED_AT;
	}
	printf("pages=%u\nrx_used=%u\nrx_buffers=%u\ntx_used=%u\n", n, used, buffers, tx);
	return 0;
}

int evil(const char *from, const char *to);
int scsi(const char *wwpn, unsigned int count, unsigned int depth, unsigned int bytes,
	 const char *action, unsigned int every);

int main(int argc, char **argv)
{
	const char *what = argc > 3 ? argv[1] : "";

	if (!strcmp(what, "pair") && argc >= 7) {
		struct job j = { .tap = { argv[2], argv[3] }, .count = (uint32_t)atoi(argv[4]),
			.window = (uint32_t)atoi(argv[5]), .size = (uint32_t)atoi(argv[6]),
			.action = argc > 8 && strcmp(argv[7], "none") ? argv[7] : NULL,
			.every = argc > 8 ? (uint32_t)atoi(argv[8]) : 0, .event_idx = argc < 10 };

		check(j.size <= MAX_DATA && j.window && j.window <= RING_NUM, "arguments");
		return pair(&j);
	}
	if (!strcmp(what, "flood") && argc == 5)
		return flood(argv[2], argv[3], (uint32_t)atoi(argv[4]));
	if (!strcmp(what, "kill") && argc == 6)
		return killer(argv[2], argv[3], (unsigned int)atoi(argv[4]), !strcmp(argv[5], "vm"));
	if (!strcmp(what, "evil"))
		return evil(argv[2], argv[3]);
	if (!strcmp(what, "log"))
		return logged(argv[2], argv[3]);
	if (!strcmp(what, "scsi") && argc >= 6)
		return scsi(argv[2], (unsigned int)atoi(argv[3]), (unsigned int)atoi(argv[4]),
			    (unsigned int)atoi(argv[5]), argc > 7 ? argv[6] : NULL,
			    argc > 7 ? (unsigned int)atoi(argv[7]) : 0);
	fprintf(stderr, "usage: see the top of elvis-rings.c\n");
	return 2;
}
