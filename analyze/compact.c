// SPDX-License-Identifier: GPL-2.0
/*
 * A record of seven guests is mostly histograms, and its wall times differ with every run: without
 * both it is small, and the same run gives the same bytes.
 */
#include "analyze/compact.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/fs.h"
#include "util/log.h"

/* Distributions, wherever they are. */
static void drop_histograms(json_t *j)
{
	const char *key;
	json_t *v;
	size_t i;

	json_object_del(j, "hist");
	json_object_foreach(j, key, v)
		drop_histograms(v);
	json_array_foreach(j, i, v)
		drop_histograms(v);
}

int compact_write(const struct records *rs, const char *dir)
{
	char folder[4096], path[4300];
	size_t i;
	int ret = 0;

	for (i = 0; !ret && i < rs->n; i++) {
		const struct record *r = &rs->list[i];
		json_t *copy = json_deep_copy(r->root);
		char *text = NULL;

		snprintf(folder, sizeof(folder), "%s/%s", dir, r->scenario);
		snprintf(path, sizeof(path), "%s/%s.json", folder, r->id);
		if (copy) {
			json_object_del(copy, "volatile");
			drop_histograms(copy);
			text = json_dumps(copy, JSON_SORT_KEYS | JSON_COMPACT |
					  JSON_REAL_PRECISION(15));
		}
		/* A file ends with a newline. */
		if (text) {
			size_t n = strlen(text);
			char *more = realloc(text, n + 2);

			if (more) {
				text = strcpy(more + n, "\n") - n;
				ret = make_dirs(folder);
				ret = ret ? ret : write_whole(path, text, n + 1);
			} else {
				ret = -ENOMEM;
			}
		} else {
			ret = -ENOMEM;
		}
		if (ret)
			err("%s: %s", path, strerror(-ret));
		free(text);
		json_decref(copy);
	}
	return ret;
}
