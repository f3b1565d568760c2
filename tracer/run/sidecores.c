// SPDX-License-Identifier: GPL-2.0
#include "run/sidecores.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define PATH "/sys/kernel/debug/vhost/sidecores"

char *sidecores_read(void)
{
	FILE *f = fopen(PATH, "re");
	size_t len = 0, room = 0;
	char *text = NULL, *more;

	/* A vhost-scsi disk has 130 queues there, some 25 kB. */
	while (f) {
		more = realloc(text, room + 65536);
		if (!more)
			break;
		text = more;
		room += 65536;
		len += fread(text + len, 1, room - 1 - len, f);
		if (len < room - 1)
			break;
	}
	if (f)
		fclose(f);
	if (!len) {
		free(text);
		return NULL;
	}
	text[len] = 0;
	return text;
}

/* Numbers that are no counts. */
static bool describes(const char *name)
{
	static const char *const names[] = { "core", "node", "pid", "workers", "leaving", "owner",
					     "device", "worker", "vq", "polled", "passed_max" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

/* "NAME VALUE NAME VALUE ..." into @o. 0 or -1. */
static int pairs(char *text, json_t *o)
{
	char *save, *name, *value, *end;

	for (name = strtok_r(text, " ", &save); name; name = strtok_r(NULL, " ", &save)) {
		json_int_t n;

		value = strtok_r(NULL, " ", &save);
		if (!value)
			return -1;
		n = strtoll(value, &end, 10);
		if (*end || json_object_set_new(o, name, json_integer(n)))
			return -1;
	}
	return 0;
}

/* A line "core 2 node 0 ..." or "queue core 2 ...". NULL if it is neither. */
static json_t *line_json(char *line, bool *queue)
{
	json_t *o = json_object();

	*queue = !strncmp(line, "queue ", 6);
	if (o && (*queue || !strncmp(line, "core ", 5)) && !pairs(line + (*queue ? 6 : 0), o))
		return o;
	json_decref(o);
	return NULL;
}

/* Of a queue: whether it has done anything. Of 130 that a vhost-scsi disk may have, one does. */
static bool used(const json_t *o)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)o, key, v)
		if (!describes(key) && json_integer_value(v))
			return true;
	return false;
}

static int parse(const char *text, json_t *cores, json_t *queues)
{
	char *copy = strdup(text ? text : ""), *save, *line;
	int ret = copy ? 0 : -1;

	for (line = copy ? strtok_r(copy, "\n", &save) : NULL; !ret && line;
	     line = strtok_r(NULL, "\n", &save)) {
		bool queue;
		json_t *o = line_json(line, &queue);

		if (o && queue && !used(o))
			json_decref(o);
		else
			ret = o ? json_array_append_new(queue ? queues : cores, o) : -1;
	}
	free(copy);
	return ret;
}

static bool same_line(const json_t *a, const json_t *b, bool queue)
{
	static const char *const keys[] = { "core", "owner", "worker", "vq", "device" };
	size_t i;

	for (i = 0; i < (queue ? 5 : 1); i++) {
		const json_t *x = json_object_get(a, keys[i]), *y = json_object_get(b, keys[i]);

		/* A guest with two devices has two queues 0. Older modules do not number them. */
		if ((x || y) && !json_equal(x, y))
			return false;
	}
	return true;
}

static int subtract(json_t *after, const json_t *before, bool queue)
{
	json_t *a, *b, *v;
	const char *key;
	size_t i, k;

	json_array_foreach(after, i, a) {
		json_array_foreach(before, k, b) {
			if (!same_line(a, b, queue))
				continue;
			json_object_foreach(a, key, v) {
				json_int_t old = json_integer_value(json_object_get(b, key));

				if (!describes(key) &&
				    json_integer_set(v, json_integer_value(v) - old))
					return -1;
			}
		}
	}
	return 0;
}

json_t *sidecores_delta(const char *before, const char *after)
{
	json_t *old = json_pack("{s:[], s:[]}", "cores", "queues");
	json_t *new = json_pack("{s:[], s:[]}", "cores", "queues");
	json_t *cores = json_object_get(new, "cores"), *queues = json_object_get(new, "queues");
	int ret = old && new ? 0 : -1;

	if (!ret)
		ret = parse(before, json_object_get(old, "cores"), json_object_get(old, "queues"));
	if (!ret)
		ret = parse(after, cores, queues);
	if (!ret && !json_array_size(cores))
		ret = -1;
	if (!ret)
		ret = subtract(cores, json_object_get(old, "cores"), false);
	if (!ret)
		ret = subtract(queues, json_object_get(old, "queues"), true);
	json_decref(old);
	if (ret) {
		json_decref(new);
		return NULL;
	}
	return new;
}
