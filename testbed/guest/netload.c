// SPDX-License-Identifier: GPL-2.0
/*
 * netload: the request-response and stream load of the scenarios. Work is given as a number of
 * requests or bytes, never as a time: only then do exits per request mean the same on a slow and on
 * a fast machine, and only then can a run repeat exactly.
 *
 *   netload server udp|tcp PORT REQUEST REPLY        answers every REQUEST bytes with REPLY bytes
 *   netload sink PORT                                reads and drops a TCP stream
 *   netload source PORT WRITE                        sends as many bytes as it is asked for
 *   netload rr udp|tcp HOST PORT REQUEST REPLY WARMUP COUNT
 *   netload send HOST PORT WRITE WARMUP BYTES        a TCP stream to a sink
 *   netload receive HOST PORT WARMUP BYTES           a TCP stream from a source
 *   netload coalesce INTERFACE USECS                 how long its card holds interrupts back
 *   netload rings INTERFACE                          prints the entries of its card's rings
 *
 * With --compute N before the command a source computes before each write: N instructions per bit.
 * With --nagle before the command the kernel may hold back a small write until what was sent
 * before is acknowledged, as it does for programs that do not say otherwise; a stream of small
 * writes then goes in whole segments.
 *
 * A client does its warm-up, prints "ready", waits for a line on stdin (the host starts its window
 * meanwhile), does the counted work and prints one line of JSON.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define MAX_MSG (1 << 20)

static char buf[MAX_MSG];
static int nodelay = 1;
static uint64_t compute;

_Noreturn static void die(const char *what)
{
	fprintf(stderr, "netload: %s: %s\n", what, errno ? strerror(errno) : "failed");
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t number(const char *s, uint64_t min, uint64_t max)
{
	char *end;
	uint64_t v;

	errno = 0;
	v = strtoull(s, &end, 10);
	if (errno || *end || end == s || v < min || v > max) {
		fprintf(stderr, "netload: '%s' is not a number from %" PRIu64 " to %" PRIu64 "\n",
			s, min, max);
		exit(2);
	}
	return v;
}

static bool is_tcp(const char *s)
{
	if (strcmp(s, "tcp") && strcmp(s, "udp")) {
		fprintf(stderr, "netload: '%s' is neither tcp nor udp\n", s);
		exit(2);
	}
	return s[0] == 't';
}

static int sock(bool tcp)
{
	int fd = socket(AF_INET, tcp ? SOCK_STREAM : SOCK_DGRAM, 0), one = 1;

	if (fd < 0)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	/* What a listener accepts inherits it. */
	if (tcp)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &nodelay, sizeof(nodelay));
	return fd;
}

static int listener(bool tcp, const char *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int fd = sock(tcp);

	a.sin_port = htons((uint16_t)number(port, 1, 65535));
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)))
		die("bind");
	if (tcp && listen(fd, 64))
		die("listen");
	return fd;
}

static int connected(bool tcp, const char *host, const char *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int fd = sock(tcp), tries;

	a.sin_port = htons((uint16_t)number(port, 1, 65535));
	if (inet_pton(AF_INET, host, &a.sin_addr) != 1) {
		fprintf(stderr, "netload: '%s' is not an IPv4 address\n", host);
		exit(2);
	}
	/* The server may be starting: its port refuses until it listens. */
	for (tries = 0; connect(fd, (struct sockaddr *)&a, sizeof(a)); tries++) {
		if (errno != ECONNREFUSED || tries == 100)
			die("connect");
		usleep(20000);
	}
	return fd;
}

static void write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t w = send(fd, p, n, MSG_NOSIGNAL);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			die("send");
		p += w;
		n -= (size_t)w;
	}
}

/* Reads @n bytes; false at the end of the stream. */
static bool read_all(int fd, char *p, size_t n)
{
	while (n > 0) {
		ssize_t r = recv(fd, p, n, MSG_WAITALL);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return false;
		p += r;
		n -= (size_t)r;
	}
	return true;
}

_Noreturn static void serve_udp(int fd, size_t rep)
{
	for (;;) {
		struct sockaddr_in from;
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &len);

		if (n < 0)
			die("recvfrom");
		if (sendto(fd, buf, rep, 0, (struct sockaddr *)&from, len) < 0)
			die("sendto");
	}
}

_Noreturn static void do_server(char **a)
{
	bool tcp = is_tcp(a[0]);
	size_t req = number(a[2], 1, MAX_MSG), rep = number(a[3], 1, MAX_MSG);
	int fd = listener(tcp, a[1]), c;

	if (!tcp)
		serve_udp(fd, rep);
	for (;;) {
		c = accept(fd, NULL, NULL);
		if (c < 0)
			die("accept");
		setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
		while (read_all(c, buf, req))
			write_all(c, buf, rep);
		close(c);
	}
}

/* A sink answers each 8-byte length with one byte once that many bytes have arrived. */
_Noreturn static void do_sink(char **a)
{
	int fd = listener(true, a[0]), c;
	uint64_t left;

	for (;;) {
		c = accept(fd, NULL, NULL);
		if (c < 0)
			die("accept");
		while (read_all(c, (char *)&left, sizeof(left))) {
			left = le64toh(left);
			while (left > 0) {
				ssize_t n = recv(c, buf, left < MAX_MSG ? left : MAX_MSG, 0);

				if (n <= 0)
					break;
				left -= (uint64_t)n;
			}
			if (left > 0)
				break;
			write_all(c, "k", 1);
		}
		close(c);
	}
}

/*
 * Nagle holds a last, short segment back until what is under way is acknowledged, and a receiver
 * may delay that for 40 ms. To a stream of minutes this is nothing, to one of milliseconds most.
 */
static void push(int fd)
{
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &nodelay, sizeof(nodelay));
}

/* As if the bits of the next write had to be computed first: a loop of two instructions. */
static void make(size_t bytes)
{
	uint64_t i;

	for (i = bytes * 8 * compute / 2; i > 0; i--)
		__asm__ volatile("" : "+r"(i));
}

/* A source reads an 8-byte length and sends that many bytes in writes of WRITE bytes. */
_Noreturn static void do_source(char **a)
{
	size_t wr = number(a[1], 1, MAX_MSG);
	int fd = listener(true, a[0]), c;
	uint64_t left;

	for (;;) {
		c = accept(fd, NULL, NULL);
		if (c < 0)
			die("accept");
		while (read_all(c, (char *)&left, sizeof(left))) {
			for (left = le64toh(left); left > 0; left -= left < wr ? left : wr) {
				make(left < wr ? left : wr);
				write_all(c, buf, left < wr ? left : wr);
			}
			push(c);
		}
		close(c);
	}
}

static void wait_for_window(void)
{
	char go;

	printf("ready\n");
	fflush(stdout);
	do {
		if (read(0, &go, 1) != 1)
			exit(1);	/* the host went away */
	} while (go != '\n');
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/*
 * One request and its reply. Returns how often it had to be sent again (UDP only). One that was
 * sent again may be answered twice, so each has a number in its first byte, which the server sends
 * back: a late reply to one before would make all that follow look shorter than they are.
 */
static unsigned int transact(int fd, bool tcp, size_t req, size_t rep)
{
	static char seq;
	unsigned int again = 0;
	ssize_t n;

	seq++;
	for (;;) {
		if (tcp) {
			write_all(fd, buf, req);
			if (!read_all(fd, buf, rep))
				die("connection closed by the server");
			return 0;
		}
		buf[0] = seq;
		if (send(fd, buf, req, 0) < 0 && errno != ECONNREFUSED)
			die("send");
		do
			n = recv(fd, buf, sizeof(buf), 0);
		while (n == (ssize_t)rep && buf[0] != seq);
		if (n == (ssize_t)rep)
			return again;
		if (n >= 0) {
			errno = EPROTO;
			die("a reply of another length");
		}
		if (errno != EAGAIN && errno != ECONNREFUSED)
			die("recv");
		if (++again == 50)
			die("no reply after 50 tries");
		if (errno == ECONNREFUSED)
			usleep(20000);
	}
}

static int do_rr(char **a)
{
	bool tcp = is_tcp(a[0]);
	size_t req = number(a[3], 1, MAX_MSG), rep = number(a[4], 1, MAX_MSG);
	uint64_t warmup = number(a[5], 0, 1u << 30), count = number(a[6], 1, 1u << 24), i, sum = 0;
	uint64_t *rtt = calloc(count, sizeof(*rtt)), t0, t, resent = 0;
	struct timeval timeout = { .tv_usec = 200000 };
	int fd = connected(tcp, a[1], a[2]);

	if (!rtt)
		die("memory");
	/* Touch it now: page faults belong to no request. */
	memset(rtt, 1, count * sizeof(*rtt));
	if (!tcp)
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	for (i = 0; i < warmup; i++)
		transact(fd, tcp, req, rep);
	wait_for_window();
	t0 = now_ns();
	for (i = 0; i < count; i++) {
		t = now_ns();
		resent += transact(fd, tcp, req, rep);
		rtt[i] = now_ns() - t;
	}
	t = now_ns() - t0;
	for (i = 0; i < count; i++)
		sum += rtt[i];
	qsort(rtt, count, sizeof(*rtt), by_value);
	printf("{\"requests\":%" PRIu64 ",\"resent\":%" PRIu64 ",\"elapsed_ns\":%" PRIu64
	       ",\"rtt_mean_ns\":%" PRIu64 ",\"rtt_min_ns\":%" PRIu64 ",\"rtt_p50_ns\":%" PRIu64
	       ",\"rtt_p99_ns\":%" PRIu64 ",\"rtt_max_ns\":%" PRIu64 "}\n",
	       count, resent, t, sum / count, rtt[0], rtt[(count - 1) / 2],
	       rtt[(count - 1) * 99 / 100], rtt[count - 1]);
	return 0;
}

static void send_stream(int fd, size_t wr, uint64_t bytes)
{
	uint64_t len = htole64(bytes);
	char k;

	write_all(fd, (char *)&len, sizeof(len));
	for (; bytes > 0; bytes -= bytes < wr ? bytes : wr)
		write_all(fd, buf, bytes < wr ? bytes : wr);
	push(fd);
	if (!read_all(fd, &k, 1))
		die("connection closed by the sink");
}

static void receive_stream(int fd, uint64_t bytes)
{
	uint64_t len = htole64(bytes);

	write_all(fd, (char *)&len, sizeof(len));
	while (bytes > 0) {
		ssize_t n = recv(fd, buf, bytes < MAX_MSG ? bytes : MAX_MSG, 0);

		if (n <= 0)
			die("connection closed by the source");
		bytes -= (uint64_t)n;
	}
}

static int do_stream(char **a, bool send)
{
	int fd = connected(true, a[0], a[1]), i = 2;
	size_t wr = send ? number(a[i++], 1, MAX_MSG) : 0;
	uint64_t warmup = number(a[i], 0, UINT64_MAX / 2),
		 bytes = number(a[i + 1], 1, UINT64_MAX / 2);
	uint64_t t;

	if (warmup > 0 && send)
		send_stream(fd, wr, warmup);
	else if (warmup > 0)
		receive_stream(fd, warmup);
	wait_for_window();
	t = now_ns();
	if (send)
		send_stream(fd, wr, bytes);
	else
		receive_stream(fd, bytes);
	t = now_ns() - t;
	printf("{\"bytes\":%" PRIu64 ",\"elapsed_ns\":%" PRIu64 ",\"bytes_per_s\":%.0f}\n",
	       bytes, t, (double)bytes * 1e9 / (double)t);
	return 0;
}

/* Read back: a driver may take less than it was given. */
static int do_coalesce(char **a)
{
	struct ethtool_coalesce c = { .cmd = ETHTOOL_GCOALESCE };
	uint32_t usecs = (uint32_t)number(a[1], 0, 10000);
	struct ifreq r = { .ifr_data = (void *)&c };
	int fd = sock(false);

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", a[0]);
	if (ioctl(fd, SIOCETHTOOL, &r))
		die("the card's moderation");
	c.cmd = ETHTOOL_SCOALESCE;
	c.rx_coalesce_usecs = usecs;
	if (ioctl(fd, SIOCETHTOOL, &r))
		die("setting the card's moderation");
	c.cmd = ETHTOOL_GCOALESCE;
	if (ioctl(fd, SIOCETHTOOL, &r))
		die("the card's moderation");
	errno = EINVAL;
	if (c.rx_coalesce_usecs != usecs)
		die("the card's moderation is not what was set");
	return 0;
}

static int do_rings(char **a)
{
	struct ethtool_ringparam p = { .cmd = ETHTOOL_GRINGPARAM };
	struct ifreq r = { .ifr_data = (void *)&p };
	int fd = sock(false);

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", a[0]);
	if (ioctl(fd, SIOCETHTOOL, &r))
		die("the card's rings");
	printf("{\"receive\":%u,\"send\":%u}\n", p.rx_pending, p.tx_pending);
	return 0;
}

int main(int argc, char **argv)
{
	const char *cmd;
	char **a;
	int n;

	if (argc > 1 && !strcmp(argv[1], "--nagle")) {
		nodelay = 0;
		argc--;
		argv++;
	}
	if (argc > 2 && !strcmp(argv[1], "--compute")) {
		compute = number(argv[2], 0, 1000000);
		argc -= 2;
		argv += 2;
	}
	cmd = argc > 1 ? argv[1] : "";
	a = argv + 2;
	n = argc - 2;
	if (!strcmp(cmd, "server") && n == 4)
		do_server(a);
	if (!strcmp(cmd, "sink") && n == 1)
		do_sink(a);
	if (!strcmp(cmd, "source") && n == 2)
		do_source(a);
	if (!strcmp(cmd, "rr") && n == 7)
		return do_rr(a);
	if (!strcmp(cmd, "send") && n == 5)
		return do_stream(a, true);
	if (!strcmp(cmd, "receive") && n == 4)
		return do_stream(a, false);
	if (!strcmp(cmd, "coalesce") && n == 2)
		return do_coalesce(a);
	if (!strcmp(cmd, "rings") && n == 1)
		return do_rings(a);
	fprintf(stderr, "usage: netload [--nagle] [--compute N] server udp|tcp PORT REQUEST REPLY\n"
		"       netload sink PORT | source PORT WRITE\n"
		"       netload rr udp|tcp HOST PORT REQUEST REPLY WARMUP COUNT\n"
		"       netload send HOST PORT WRITE WARMUP BYTES\n"
		"       netload receive HOST PORT WARMUP BYTES\n"
		"       netload coalesce INTERFACE USECS | rings INTERFACE\n");
	return 2;
}
