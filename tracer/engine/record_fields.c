// SPDX-License-Identifier: GPL-2.0
#include "engine/record_fields.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/tracefs.h"
#include "util/log.h"

static int no_format(const char *who, const char *event, int e)
{
	if (e == -ENODEV)
		err("tracefs is not mounted; try: mount -t tracefs tracefs /sys/kernel/tracing");
	else
		err("%s: cannot read the format of %s: %s", who, event, strerror(-e));
	return e == -ENOENT ? -EOPNOTSUPP : e;
}

int record_fields(const char *who, const struct wanted_field *w, size_t n)
{
	static char text[65536];
	const char *read = NULL;	/* the event that @text is of */
	struct event_field at;
	int ret;

	for (; n; n--, w++) {
		*w->to = (struct tp_field){ 0 };
		if (!read || strcmp(read, w->event)) {
			read = NULL;
			ret = tracefs_format(w->event, text, sizeof(text));
			if (ret == -ENOENT && w->optional)
				continue;
			if (ret)
				return no_format(who, w->event, ret);
			read = w->event;
		}
		if (format_field(text, w->name, &at) || at.size > 8) {
			if (w->optional)
				continue;
			err("%s: the %s tracepoint of this kernel has an unknown layout: no field %s",
			    who, w->event, w->name);
			return -EOPNOTSUPP;
		}
		*w->to = (struct tp_field){ at.offset, at.size };
	}
	return 0;
}

bool records_only(void)
{
	return getenv("EXITLAB_RECORDS_ONLY");
}
