/* SPDX-License-Identifier: GPL-2.0 */
/* exitlab stat -i FILE: the same answer as live, from events in a file. */
#ifndef EXITLAB_STAT_INPUT_H
#define EXITLAB_STAT_INPUT_H

#include "cmd/stat_options.h"

/* Counts o->input. Exit status. Needs no privileges. */
int stat_input(const struct stat_options *o);

#endif
