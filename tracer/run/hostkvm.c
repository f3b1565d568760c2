// SPDX-License-Identifier: GPL-2.0
#include "run/hostkvm.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "util/log.h"

static int read_text(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	close(fd);
	if (n < 0)
		return -EIO;
	buf[n] = 0;
	buf[strcspn(buf, "\n")] = 0;
	return 0;
}

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret = 0;

	if (fd < 0)
		return -errno;
	/* A parameter that is a list is cleared by an empty line, not by nothing. */
	if (dprintf(fd, "%s\n", text) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

int hostkvm_word(const char *word, char *path, size_t path_size, char *value, size_t value_size)
{
	size_t module = strcspn(word, ".="), name;

	if (!module || word[module] != '.')
		return -EINVAL;
	name = strcspn(word + module + 1, "=");
	if (!name || word[module + 1 + name] != '=' || memchr(word, '/', module + 1 + name))
		return -EINVAL;
	if (snprintf(path, path_size, "/sys/module/%.*s/parameters/%.*s", (int)module, word,
		     (int)name, word + module + 1) >= (int)path_size)
		return -EINVAL;
	if (snprintf(value, value_size, "%s", word + module + name + 2) >= (int)value_size)
		return -EINVAL;
	return 0;
}

static int set(struct hostkvm *k, const char *path, const char *value)
{
	char old[sizeof(k->changed[0].old)] = "";
	int ret = read_text(path, old, sizeof(old));

	if (!ret && !strcmp(old, value))
		return 0;
	if (!ret && k->n == HOSTKVM_MAX)
		ret = -E2BIG;
	if (!ret)
		ret = write_text(path, value);
	if (ret == -ENOENT)
		err("this host has no %s: the module is not loaded, or lacks the parameter", path);
	else if (ret)
		err("cannot set %s to '%s': %s", path, value, strerror(-ret));
	if (ret)
		return ret;
	snprintf(k->changed[k->n].path, sizeof(k->changed[0].path), "%s", path);
	snprintf(k->changed[k->n++].old, sizeof(k->changed[0].old), "%s", old);
	return 0;
}

static int set_words(struct hostkvm *k, const char *params)
{
	char path[sizeof(k->changed[0].path)], value[128], words[2048], *save, *w;
	int ret = 0;

	if (snprintf(words, sizeof(words), "%s", params ? params : "") >= (int)sizeof(words))
		return -E2BIG;
	for (w = strtok_r(words, " ", &save); !ret && w; w = strtok_r(NULL, " ", &save)) {
		ret = hostkvm_word(w, path, sizeof(path), value, sizeof(value));
		if (ret)
			err("module_params: '%s' is not MODULE.PARAMETER=VALUE", w);
		else
			ret = set(k, path, value);
	}
	return ret;
}

int hostkvm_setup(struct hostkvm *k, uint32_t halt_poll_ns, const char *params)
{
	char text[16];
	int ret;

	k->n = 0;
	snprintf(text, sizeof(text), "%" PRIu32, halt_poll_ns);
	ret = set(k, "/sys/module/kvm/parameters/halt_poll_ns", text);
	if (!ret)
		ret = set_words(k, params);
	if (ret)
		hostkvm_teardown(k);
	return ret;
}

void hostkvm_teardown(struct hostkvm *k)
{
	for (; k->n > 0; k->n--)
		if (write_text(k->changed[k->n - 1].path, k->changed[k->n - 1].old))
			err("cannot set %s back to '%s'", k->changed[k->n - 1].path,
			    k->changed[k->n - 1].old);
}
