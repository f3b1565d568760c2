// SPDX-License-Identifier: GPL-2.0
/*
 * Memory shared between the inside and the outside of the emulated host. What is hard: the two
 * sides share no lock and one may die at any time, so the state word is written last, with release
 * order, and everything read from the other side is bounded before it is used.
 */
#include "run/mailbox.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAGIC		0x62616c7469786531ull	/* "1exitlab" */
#define REQUEST_AT	4096u
#define RESPONSE_AT	(64u << 10)
#define RESPONSE_MAX	(MAILBOX_SIZE - RESPONSE_AT - 1)
#define STOP_PORT	0x504	/* isa-debug-stop (testbed/qemu/patches) */

struct layout {
	uint64_t magic;
	uint32_t state;
	uint32_t phase_seq;
	uint64_t virtual_ns;
	uint32_t request_len;
	uint32_t response_len;
	char phase[128];
};

struct mailbox {
	struct layout *l;
	bool stops;		/* a write to STOP_PORT stops the machine */
};

static int map(int fd, struct mailbox **out)
{
	struct mailbox *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->l = mmap(NULL, MAILBOX_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (m->l == MAP_FAILED) {
		free(m);
		return -errno;
	}
	*out = m;
	return 0;
}

int mailbox_create(const char *path, struct mailbox **out)
{
	int fd, ret;

	unlink(path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	ret = posix_fallocate(fd, 0, MAILBOX_SIZE);
	ret = ret ? -ret : map(fd, out);
	close(fd);
	if (ret)
		unlink(path);
	else
		(*out)->l->magic = MAGIC;
	return ret;
}

/* The ivshmem device has PCI id 1af4:1110; its memory is BAR 2. */
static int find_device(char *path, size_t size)
{
	glob_t g;
	size_t i;
	int ret = -ENODEV;

	if (glob("/sys/bus/pci/devices/*/device", 0, NULL, &g))
		return -ENODEV;
	for (i = 0; i < g.gl_pathc && ret; i++) {
		unsigned int id = 0;
		FILE *f = fopen(g.gl_pathv[i], "re");

		if (f && fscanf(f, "%x", &id) == 1 && id == 0x1110) {
			snprintf(path, size, "%.*s/resource2",
				 (int)(strlen(g.gl_pathv[i]) - strlen("/device")), g.gl_pathv[i]);
			ret = 0;
		}
		if (f)
			fclose(f);
	}
	globfree(&g);
	return ret;
}

int mailbox_open(const char *path, struct mailbox **out)
{
	bool device = !strcmp(path, "auto");
	char found[512];
	int fd, ret;

	if (device) {
		ret = find_device(found, sizeof(found));
		if (ret)
			return ret;
		path = found;
	}
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = map(fd, out);
	close(fd);
	if (ret)
		return ret;
	ret = (*out)->l->magic == MAGIC ? 0 : -EINVAL;
	/* Nobody but our emulator answers at this port. */
	if (!ret && device && ioperm(STOP_PORT, 1, 1))
		ret = -errno;
	if (ret)
		mailbox_close(*out);
	else
		(*out)->stops = device;
	return ret;
}

void mailbox_close(struct mailbox *m)
{
	if (!m)
		return;
	munmap(m->l, MAILBOX_SIZE);
	free(m);
}

static char *at(const struct mailbox *m, unsigned int offset)
{
	return (char *)m->l + offset;
}

static void set_state(struct mailbox *m, enum mailbox_state s)
{
	__atomic_store_n(&m->l->state, (uint32_t)s, __ATOMIC_RELEASE);
}

enum mailbox_state mailbox_state(const struct mailbox *m)
{
	return (enum mailbox_state)__atomic_load_n(&m->l->state, __ATOMIC_ACQUIRE);
}

int mailbox_put_request(struct mailbox *m, const char *text)
{
	size_t n = strlen(text);

	if (n > MAILBOX_REQUEST_MAX)
		return -EMSGSIZE;
	memcpy(at(m, REQUEST_AT), text, n);
	m->l->request_len = (uint32_t)n;
	set_state(m, MAILBOX_REQUEST);
	return 0;
}

static int copy_out(const struct mailbox *m, unsigned int offset, size_t len, char **text)
{
	*text = malloc(len + 1);
	if (!*text)
		return -ENOMEM;
	memcpy(*text, at(m, offset), len);
	(*text)[len] = 0;
	return 0;
}

int mailbox_take_request(struct mailbox *m, char **text)
{
	size_t n = m->l->request_len;

	if (mailbox_state(m) != MAILBOX_REQUEST || n > MAILBOX_REQUEST_MAX)
		return -ENODATA;
	set_state(m, MAILBOX_RUNNING);
	return copy_out(m, REQUEST_AT, n, text);
}

int mailbox_next_request(struct mailbox *m, char **text)
{
	struct timespec t = { 0, 1000000 };

	set_state(m, MAILBOX_READY);
	if (m->stops)
		outb(0, STOP_PORT);
	while (mailbox_state(m) == MAILBOX_READY)
		nanosleep(&t, NULL);
	return mailbox_take_request(m, text);
}

void mailbox_set_phase(struct mailbox *m, uint64_t virtual_ns, const char *text)
{
	snprintf(m->l->phase, sizeof(m->l->phase), "%s", text);
	m->l->virtual_ns = virtual_ns;
	__atomic_add_fetch(&m->l->phase_seq, 1, __ATOMIC_RELEASE);
}

uint32_t mailbox_phase(const struct mailbox *m, char *text, size_t size, uint64_t *virtual_ns)
{
	uint32_t seq = __atomic_load_n(&m->l->phase_seq, __ATOMIC_ACQUIRE);
	size_t n = strnlen(m->l->phase, sizeof(m->l->phase) - 1);

	if (n >= size)
		n = size - 1;
	memcpy(text, m->l->phase, n);
	text[n] = 0;
	*virtual_ns = m->l->virtual_ns;
	return seq;
}

int mailbox_put_response(struct mailbox *m, enum mailbox_state state, const char *text)
{
	size_t n = strlen(text);

	if (n > RESPONSE_MAX)
		return -EMSGSIZE;
	memcpy(at(m, RESPONSE_AT), text, n);
	m->l->response_len = (uint32_t)n;
	set_state(m, state);
	return 0;
}

int mailbox_response(const struct mailbox *m, char **text)
{
	size_t n = m->l->response_len;
	enum mailbox_state s = mailbox_state(m);

	if (s != MAILBOX_DONE && s != MAILBOX_FAILED)
		return -ENODATA;
	if (n > RESPONSE_MAX)
		return -EMSGSIZE;
	return copy_out(m, RESPONSE_AT, n, text);
}
