// SPDX-License-Identifier: GPL-2.0
/*
 * Names of virtual machines. A pid says nothing to people, and each way to start a VM leaves its
 * name in another place. The places are tried in the order of how directly somebody chose the name:
 * command line, libvirt's pid file, cgroup, program's name. All of them are other people's text.
 */
#include "host/vm_name.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIBVIRT_PIDS "/run/libvirt/qemu"

/* A name is somebody else's text and ends up on a terminal. */
static void copy_name(const char *from, size_t len, char *to, size_t size)
{
	size_t i;

	for (i = 0; i < len && i + 1 < size; i++)
		to[i] = isprint((unsigned char)from[i]) ? from[i] : '?';
	to[i] = 0;
}

/* QEMU's option list: the value of guest=, or the first one if it has no key. ",," is a comma. */
static bool qemu_name(const char *s, char *name, size_t size)
{
	bool first = true;

	while (*s) {
		char item[256];
		size_t n = 0;

		while (*s && !(*s == ',' && s[1] != ',')) {
			if (*s == ',')
				s++;
			if (n < sizeof(item))
				item[n++] = *s;
			s++;
		}
		if (*s)
			s++;
		if (n > 6 && !memcmp(item, "guest=", 6)) {
			copy_name(item + 6, n - 6, name, size);
			return true;
		}
		if (first && n > 0 && !memchr(item, '=', n)) {
			copy_name(item, n, name, size);
			return true;
		}
		first = false;
	}
	return false;
}

/* "path=/run/vm/web.sock" and "/run/vm/web.sock" -> "web". */
static bool socket_name(const char *s, char *name, size_t size)
{
	const char *end, *base;

	if (!strncmp(s, "path=", 5))
		s += 5;
	end = s + strcspn(s, ",");
	for (base = end; base > s && base[-1] != '/'; base--)
		;
	if (end - base > 5 && !strncmp(end - 5, ".sock", 5))
		end -= 5;
	copy_name(base, (size_t)(end - base), name, size);
	return name[0] != 0;
}

/* The value of an option that carries a name; false if @option does not. */
static bool option_name(const char *option, size_t n, const char *value, char *name, size_t size)
{
#define IS(text) (n == sizeof(text) - 1 && !memcmp(option, text, n))
	if (IS("-name") || IS("--name"))
		return qemu_name(value, name, size);
	if (IS("--id")) {
		copy_name(value, strlen(value), name, size);
		return name[0] != 0;
	}
	if (IS("--api-socket"))
		return socket_name(value, name, size);
#undef IS
	return false;
}

bool vm_name_cmdline(const char *args, size_t len, char *name, size_t size)
{
	const char *end = args + len, *p, *next;
	char value[512];

	for (p = args; p < end; p = next) {
		size_t n = strnlen(p, (size_t)(end - p)), key;
		const char *equal = memchr(p, '=', n);

		next = p + n + 1;
		if (n < 2 || p[0] != '-')
			continue;
		key = equal && p[1] == '-' ? (size_t)(equal - p) : n;
		if (key < n)
			snprintf(value, sizeof(value), "%.*s", (int)(n - key - 1), equal + 1);
		else if (next < end)
			snprintf(value, sizeof(value), "%.*s",
				 (int)strnlen(next, (size_t)(end - next)), next);
		else
			return false;
		if (value[0] && option_name(p, key, value, name, size))
			return true;
	}
	return false;
}

/* systemd writes most punctuation as \xNN. In place. */
static void unescape(char *s)
{
	char *to = s;
	unsigned int c;
	int used;

	while (*s) {
		if (s[0] == '\\' && s[1] == 'x' && sscanf(s + 2, "%2x%n", &c, &used) == 1 && used == 2) {
			*to++ = (char)c;
			s += 4;
		} else {
			*to++ = *s++;
		}
	}
	*to = 0;
}

/* .../machine.slice/machine-qemu\x2d3\x2dweb.scope/libvirt/emulator */
static bool machine_name(const char *text, char *name, size_t size)
{
	const char *p = strstr(text, "machine.slice/machine-"), *end;
	char scope[256], *s = scope;
	int used = 0, id;

	if (!p)
		return false;
	p += strlen("machine.slice/machine-");
	end = p + strcspn(p, "/\n");
	if (end - p <= 6 || strncmp(end - 6, ".scope", 6) || end - p - 6 >= (int)sizeof(scope))
		return false;
	snprintf(scope, sizeof(scope), "%.*s", (int)(end - p - 6), p);
	unescape(scope);
	/* libvirt: driver, number, name */
	if (sscanf(scope, "qemu-%d-%n", &id, &used) == 1 && used > 0 && scope[used])
		s = scope + used;
	copy_name(s, strlen(s), name, size);
	return name[0] != 0;
}

/*
 * .../kubepods-burstable-pod0a1b2c3d_1111_2222_3333_444455556666.slice/cri-containerd-... (systemd)
 * .../kubepods/burstable/pod0a1b2c3d-1111-2222-3333-444455556666/... (cgroupfs)
 */
static bool pod_name(const char *text, char *name, size_t size)
{
	const char *p = text;
	char uid[37];
	size_t i;

	if (!strstr(text, "kubepods"))
		return false;
	while ((p = strstr(p, "pod"))) {
		p += 3;
		for (i = 0; i < 36; i++) {
			bool dash = i == 8 || i == 13 || i == 18 || i == 23;

			if (dash ? p[i] != '-' && p[i] != '_' : !isxdigit((unsigned char)p[i]))
				break;
			uid[i] = dash ? '-' : p[i];
		}
		if (i == 36) {
			uid[i] = 0;
			snprintf(name, size, "pod-%s", uid);
			return true;
		}
	}
	return false;
}

bool vm_name_cgroup(const char *text, char *name, size_t size)
{
	return machine_name(text, name, size) || pod_name(text, name, size);
}

bool cgroup_within(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	if (n == 1 && dir[0] == '/')
		return path[0] == '/';
	return !strncmp(path, dir, n) && (path[n] == 0 || path[n] == '/');
}

/* ---- files ---- */

/* Reads at most @size - 1 bytes, terminated. Number of bytes or negative errno. */
static ssize_t read_text(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t have = 0;
	ssize_t n = 0;

	buf[0] = 0;
	if (fd < 0)
		return -errno;
	while (have < size - 1 && (n = read(fd, buf + have, size - 1 - have)) > 0)
		have += (size_t)n;
	if (n < 0)
		n = -errno;
	close(fd);
	buf[have] = 0;
	return n < 0 && !have ? n : (ssize_t)have;
}

static ssize_t read_proc(const char *root, pid_t pid, const char *file, char *buf, size_t size)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/proc/%d/%s", root, (int)pid, file);
	return read_text(path, buf, size);
}

static bool libvirt_name(const char *root, pid_t pid, char *name, size_t size)
{
	char path[PATH_MAX], text[32];
	struct dirent *e;
	bool found = false;
	DIR *d;

	snprintf(path, sizeof(path), "%s" LIBVIRT_PIDS, root);
	d = opendir(path);
	while (d && !found && (e = readdir(d))) {
		size_t n = strlen(e->d_name);

		if (n <= 4 || strcmp(e->d_name + n - 4, ".pid"))
			continue;
		snprintf(path, sizeof(path), "%s" LIBVIRT_PIDS "/%s", root, e->d_name);
		if (read_text(path, text, sizeof(text)) > 0 && atoi(text) == pid) {
			copy_name(e->d_name, n - 4, name, size);
			found = true;
		}
	}
	if (d)
		closedir(d);
	return found;
}

enum vm_name_source vm_name_read(const char *root, pid_t pid, char *name, size_t size)
{
	static char buf[65536];
	ssize_t n = read_proc(root, pid, "cmdline", buf, sizeof(buf));
	char comm[32];

	if (n > 0 && vm_name_cmdline(buf, (size_t)n, name, size) && name[0])
		return VM_NAME_CMDLINE;
	if (libvirt_name(root, pid, name, size))
		return VM_NAME_LIBVIRT;
	if (read_proc(root, pid, "cgroup", buf, sizeof(buf)) > 0 && vm_name_cgroup(buf, name, size))
		return VM_NAME_CGROUP;
	n = read_proc(root, pid, "comm", buf, sizeof(buf));
	copy_name(buf, n > 0 ? strcspn(buf, "\n") : 0, comm, sizeof(comm));
	snprintf(name, size, "%s-%d", comm[0] ? comm : "vm", (int)pid);
	return VM_NAME_COMM;
}

int vm_cgroup_read(const char *root, pid_t pid, char *path, size_t size)
{
	static char buf[65536];
	ssize_t n = read_proc(root, pid, "cgroup", buf, sizeof(buf));
	const char *p;

	if (n < 0)
		return n == -ENOENT ? -ESRCH : (int)n;
	/* "0::/path"; lines with other numbers are of version 1 */
	for (p = buf; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		if (strncmp(p, "0::/", 4))
			continue;
		snprintf(path, size, "%.*s", (int)strcspn(p + 3, "\n"), p + 3);
		return 0;
	}
	return -ENOENT;
}
