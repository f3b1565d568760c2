// SPDX-License-Identifier: GPL-2.0
/* QMP: one JSON object a line in each direction, with events in between that nobody waits for. */
#include "run/qmp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ANSWER_MS	(30 * 1000)

static char refusal[256];

static int write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -errno;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

static int send(struct proc *qemu, const char *name, json_t *arguments)
{
	json_t *cmd = json_pack("{s:s, s:o*}", "execute", name, "arguments", arguments);
	char *text = cmd ? json_dumps(cmd, JSON_COMPACT) : NULL;
	int ret = text ? write_all(qemu->in, text, strlen(text)) : -ENOMEM;

	if (!ret)
		ret = write_all(qemu->in, "\n", 1);
	free(text);
	json_decref(cmd);
	return ret;
}

/* The next object that has one of the two keys. */
static int receive(struct proc *qemu, const char *key, const char *other, json_t **out)
{
	char line[16384];
	json_error_t e;

	for (;;) {
		int ret = proc_read_line(qemu, line, sizeof(line), ANSWER_MS);
		json_t *j;

		if (ret)
			return ret;
		j = json_loads(line, 0, &e);
		if (!json_is_object(j)) {
			json_decref(j);
			return -EPROTO;
		}
		if (json_object_get(j, key) || (other && json_object_get(j, other))) {
			*out = j;
			return 0;
		}
		json_decref(j);
	}
}

int qmp_open(struct proc *qemu)
{
	json_t *greeting = NULL;
	int ret = receive(qemu, "QMP", NULL, &greeting);

	json_decref(greeting);
	return ret ? ret : qmp_command(qemu, "qmp_capabilities", NULL, NULL);
}

int qmp_command(struct proc *qemu, const char *name, json_t *arguments, json_t **result)
{
	json_t *answer = NULL, *error;
	int ret = send(qemu, name, arguments);

	if (!ret)
		ret = receive(qemu, "return", "error", &answer);
	if (ret)
		return ret;
	error = json_object_get(answer, "error");
	if (error) {
		const char *why = json_string_value(json_object_get(error, "desc"));

		snprintf(refusal, sizeof(refusal), "QEMU refused '%s': %s", name,
			 why ? why : "no reason given");
		ret = -EREMOTEIO;
	} else if (result) {
		*result = json_incref(json_object_get(answer, "return"));
	}
	json_decref(answer);
	return ret;
}

const char *qmp_reason(int ret)
{
	return ret == -EREMOTEIO ? refusal : strerror(-ret);
}
