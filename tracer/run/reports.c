// SPDX-License-Identifier: GPL-2.0
#include "run/reports.h"

#include <stdio.h>

void reports_path(const struct load *l, int i, char *path, size_t size)
{
	snprintf(path, size, "%s.%d", l->peer_log, i);
}

size_t reports_text(const struct load *l, int i, char *text, size_t size)
{
	char path[REPORTS_PATH];
	size_t n = 0;
	FILE *f;

	reports_path(l, i, path, sizeof(path));
	f = fopen(path, "re");
	if (f) {
		n = fread(text, 1, size - 1, f);
		fclose(f);
	}
	text[n] = 0;
	return n;
}

int reports_result(struct load *l, reports_one one, const char *key, double scale, json_t **result,
		   double *work)
{
	json_t *all = json_array(), *o = NULL;
	int i, ret = 0;

	*work = 0;
	for (i = 0; !ret && i < l->nr_guests; i++) {
		ret = one(l, i, &o);
		if (ret)
			break;
		*work += json_number_value(json_object_get(o, key)) * scale;
		json_array_append_new(all, o);
	}
	if (!ret)
		*result = l->nr_guests == 1 ? json_incref(json_array_get(all, 0)) :
					      json_pack("{s:O}", "per_guest", all);
	json_decref(all);
	return ret;
}
