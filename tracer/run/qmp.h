/* SPDX-License-Identifier: GPL-2.0 */
/*
 * QMP, QEMU's control protocol, over the standard input and output of a QEMU that we started with
 * both as pipes (-chardev stdio). Used only while its machine stands still.
 */
#ifndef EXITLAB_QMP_H
#define EXITLAB_QMP_H

#include <jansson.h>

#include "util/proc.h"

/* Greeting and capabilities; before the first command. 0 or negative errno. */
int qmp_open(struct proc *qemu);
/*
 * Runs a command. @arguments is taken over, and may be NULL. 0; -EREMOTEIO if QEMU refused; or
 * another negative errno. *@result, if wanted, is a new reference.
 */
int qmp_command(struct proc *qemu, const char *name, json_t *arguments, json_t **result);
/* What went wrong last, for people: QEMU's own words if it refused. */
const char *qmp_reason(int ret);

#endif
