/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Exitless interrupts of a guest, if the host's KVM has the patches of eli-ref/: the mode, which is
 * a setting per VM that can be changed while it runs, and KVM's counters of it.
 */
#ifndef EXITLAB_HOSTELI_H
#define EXITLAB_HOSTELI_H

#include <sys/types.h>

#include <jansson.h>

#include "run/scenario.h"

/*
 * Sets the mode of the VM of process @vm, which must be running, and waits until KVM says that it
 * is in effect. "off" needs no patched KVM. 0 or negative errno, the reason logged.
 */
int hosteli_set(pid_t vm, enum sc_eli mode);

/*
 * What KVM says of the VM now: { "mode": "full", "why": null, "routes": N }, and its counters,
 * { NAME: N }. New references; a JSON null if its KVM has no ELI, NULL on -ENOMEM.
 */
json_t *hosteli_state(pid_t vm);
json_t *hosteli_stats(pid_t vm);

/* What was counted from @before to @after, of hosteli_stats(). New reference. */
json_t *hosteli_delta(const json_t *before, const json_t *after);

#endif
