// SPDX-License-Identifier: GPL-2.0
/*
 * The agent inside a guest: runs commands for the host over a virtio-serial port and sends back
 * their output. It must not disturb what is measured: between commands it sleeps in read(2) on the
 * port, with no timer of its own, so it causes no exit unless the host speaks to it.
 *
 * Protocol, one command at a time:
 *   host:  COMMAND\n                 (a line for /bin/sh)
 *   guest: STATUS LENGTH\n OUTPUT    (exit status, then LENGTH bytes: stdout and stderr)
 * After start the guest sends "0 5\nready" once.
 *
 * With --listen it serves one host at a Unix socket instead: the same commands without a guest, on
 * bare metal.
 *
 * The command @go is carried out by the agent itself, because a shell that starts would be part of
 * what is measured: it writes a newline to the pipe /tmp/go, which lets a waiting program go, and
 * answers with the first line that comes from the pipe /tmp/out.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static int write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t w = write(fd, p, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return -1;
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

static int reply(int fd, int status, const char *out, size_t len)
{
	char head[64];
	int n = snprintf(head, sizeof(head), "%d %zu\n", status, len);

	if (write_all(fd, head, (size_t)n))
		return -1;
	return write_all(fd, out, len);
}

/* Runs @line; its output, at most @size bytes, goes to @out. Returns the exit status. */
static int run(const char *line, char *out, size_t size, size_t *len)
{
	int p[2], status;
	pid_t pid;
	ssize_t n;

	*len = 0;
	if (pipe2(p, O_CLOEXEC))
		return 126;
	pid = fork();
	if (pid == 0) {
		dup2(p[1], 1);
		dup2(p[1], 2);
		execl("/bin/sh", "sh", "-c", line, (char *)NULL);
		_exit(127);
	}
	close(p[1]);
	while (pid > 0 && *len < size) {
		n = read(p[0], out + *len, size - *len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		*len += (size_t)n;
	}
	close(p[0]);
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return 126;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Both pipes exist and are held open by the program that waits. */
static int go(char *out, size_t size, size_t *len)
{
	int from = open("/tmp/out", O_RDONLY | O_CLOEXEC), to = open("/tmp/go", O_WRONLY | O_CLOEXEC);
	int status = from < 0 || to < 0 || write_all(to, "\n", 1) ? 126 : 0;

	*len = 0;
	while (!status && *len < size && !memchr(out, '\n', *len)) {
		ssize_t n = read(from, out + *len, size - *len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			status = 1;	/* the program has gone */
		else
			*len += (size_t)n;
	}
	close(from);
	close(to);
	return status;
}

/* Waits at @path for the host to connect. */
static int await_host(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int l = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fd = -1;

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	unlink(path);
	if (l >= 0 && !bind(l, (struct sockaddr *)&a, sizeof(a)) && !listen(l, 1))
		fd = accept4(l, NULL, NULL, SOCK_CLOEXEC);
	if (l >= 0)
		close(l);
	return fd;
}

int main(int argc, char **argv)
{
	static char line[4096], out[256 * 1024];
	size_t have = 0, len;
	int fd;

	if (argc == 3 && !strcmp(argv[1], "--listen")) {
		fd = await_host(argv[2]);
	} else if (argc == 2) {
		fd = open(argv[1], O_RDWR | O_CLOEXEC);
	} else {
		fprintf(stderr, "usage: agent PORT | agent --listen SOCKET\n");
		return 2;
	}
	if (fd < 0) {
		perror(argv[argc - 1]);
		return 1;
	}
	if (reply(fd, 0, "ready", 5))
		return 1;
	for (;;) {
		char *nl = memchr(line, '\n', have);
		ssize_t n;
		int status;

		if (!nl) {
			if (have == sizeof(line)) {
				fprintf(stderr, "agent: command too long\n");
				have = 0;
			}
			n = read(fd, line + have, sizeof(line) - have);
			if (n < 0 && errno == EINTR)
				continue;
			if (n <= 0)	/* the host closed the port */
				return 0;
			have += (size_t)n;
			continue;
		}
		*nl = 0;
#ifdef AGENT_ONE_MORE
		asm volatile("nop");	/* tests/system/determinism.sh: does a record show it? */
#endif
		status = strcmp(line, "@go") ? run(line, out, sizeof(out), &len) :
					       go(out, sizeof(out), &len);
		if (reply(fd, status, out, len))
			return 1;
		have -= (size_t)(nl + 1 - line);
		memmove(line, nl + 1, have);
	}
}
