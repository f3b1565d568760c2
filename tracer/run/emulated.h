/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The emulated testbed as a backend: one QEMU process holds host and guests. This side builds the
 * machine, starts a point in it, watches and ends it; run/point.c is what runs inside.
 */
#ifndef EXITLAB_EMULATED_H
#define EXITLAB_EMULATED_H

#include <stdint.h>

#include <jansson.h>

#include "run/mailbox.h"
#include "run/scenario.h"
#include "util/proc.h"

struct testbed {
	char qemu[512];		/* folder with qemu-l0 and share/ */
	char images[512];	/* folder with vmlinux and l1.cpio */
	char key[32];		/* names content: equal keys, equal counts */
	char version[128];	/* what the emulator calls itself */
};

/* Builds what is missing (testbed/build.sh). 0; -EINTR; or another negative errno after the script
 * has said why. */
int testbed_prepare(struct testbed *t);

enum emu_state { EMU_RUNNING, EMU_DONE, EMU_FAILED };

struct emu {
	struct proc qemu;
	struct mailbox *mailbox;
	char dir[512];		/* scratch folder of this point */
	char console[512];	/* serial log, kept */
	char why[512];		/* EMU_FAILED: one line */
	json_t *record;		/* EMU_DONE: what the inside made */
	int64_t started_ms;
	uint32_t phase_seq;
	char phase[128];
	uint64_t virtual_ns;
};

/* Starts the machine with one point. @dir is created; @console is overwritten. */
int emu_start(struct emu *e, const struct testbed *t, const struct scenario *sc,
	      const struct sc_point *pt, const char *dir, const char *console);
/* Looks at the machine; updates phase, record, why. @timeout_s: longest wall time. */
enum emu_state emu_poll(struct emu *e, int timeout_s);
/* Ends the machine, removes the scratch folder, drops the record. Harmless when not started. */
void emu_end(struct emu *e);

#endif
