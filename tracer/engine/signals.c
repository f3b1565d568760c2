// SPDX-License-Identifier: GPL-2.0
/* The table of signals. */
#include "engine/signal.h"

#include <errno.h>
#include <string.h>

extern const struct signal_ops account_signal, irqs_signal, iocores_signal;

const struct signal_ops *const engine_signals[] = {
	&account_signal,
	&irqs_signal,
	&iocores_signal,
	NULL
};

static int one(const char *name, size_t len, unsigned int *bits)
{
	const struct signal_ops *const *s;

	if (len == 3 && !strncmp(name, "all", len)) {
		for (s = engine_signals; *s; s++)
			*bits |= (*s)->bit;
		return 0;
	}
	if (len == 5 && !strncmp(name, "exits", len))
		return 0;
	for (s = engine_signals; *s; s++) {
		if (strlen((*s)->name) == len && !strncmp(name, (*s)->name, len)) {
			*bits |= (*s)->bit;
			return 0;
		}
	}
	return -EINVAL;
}

int signals_parse(const char *list, unsigned int *bits)
{
	*bits = SIGNAL_EXITS;
	for (;;) {
		size_t len = strcspn(list, ",");
		int ret = one(list, len, bits);

		if (ret || !list[len])
			return ret;
		list += len + 1;
	}
}
