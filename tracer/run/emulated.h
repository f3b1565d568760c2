/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The emulated testbed as a backend: one QEMU process holds host and guests. This side builds the
 * machine (emulated.c), brings it up from a snapshot, runs a point in it, watches and ends it
 * (emu.c); run/point.c is what runs inside.
 */
#ifndef EXITLAB_EMULATED_H
#define EXITLAB_EMULATED_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "run/mailbox.h"
#include "run/scenario.h"
#include "run/snapshots.h"
#include "util/args.h"
#include "util/proc.h"

/*
 * What PAUSE counts as where no cost set says it (-icount pause=), about as much as on processors
 * since 2015 (exitlab-costs(5)). A loop that waits then takes few instructions to emulate: a host
 * of 16 CPUs boots in 40 % of the time.
 */
#define EMU_PAUSE_NS		40

/*
 * Length of a round of parallel virtual time (-icount quantum=): what an IPI takes at least; by
 * default it is there and back in a microsecond. 0: time is not counted in instructions at all.
 */
static inline int emu_quantum_ns(const struct scenario *sc, const struct sc_point *pt)
{
	return sc->mode == SC_MODE_FAST ? 0 : pt->host.quantum_ns;
}

struct testbed {
	char qemu[512];		/* folder with qemu-l0 and share/ */
	char images[512];	/* folder with vmlinux and l1.cpio */
	char key[32];		/* names content: equal keys, equal counts */
	char version[128];	/* what the emulator calls itself */
	json_t *parts;		/* object of texts: machine.parts of a record */
};

/*
 * What the testbed is to be made of; NULL: our own. Options of exitlab-run(1), borrowed, checked by
 * the build script.
 */
struct testbed_opts {
	const char *kernel, *guest_kernel;	/* package file, or a release that apt knows */
	const char *more_kernels[SC_MAX_KERNELS]; /* of guests, as the scenario names them */
	size_t nr_more;
	const char *modules;			/* folder */
	const char *qemu, *qemu_share;		/* program, folder */
};

/* On the host's command line from a point's second repetition on, with its number. */
#define EMU_REPEAT_WORD "exitlab.repeat="

/* Builds what is missing (testbed/build.sh). 0; -EINTR; or another negative errno after the script
 * has said why. In any case testbed_release() is due. */
int testbed_prepare(struct testbed *t, const struct testbed_opts *o);
void testbed_release(struct testbed *t);

/* Where the command line of the machine points to; nothing of it reaches the inside. */
struct machine_paths {
	const char *qemu, *images;	/* as in struct testbed */
	const char *console, *mailbox;	/* files */
};

/*
 * The command line of the emulated machine of a point. With @windows it is the one in which the
 * point's windows run, with its costs and its link. Before that all points of a shape are alike:
 * what varies between them must not have moved anything in a guest.
 */
void machine_args(struct args *a, const struct machine_paths *p, const struct scenario *sc,
		  const struct sc_point *pt, bool windows);

enum emu_state { EMU_RUNNING, EMU_DONE, EMU_FAILED };

/*
 * How far a machine has come when it stops and can be saved. Its snapshot of a level is made from
 * the one below.
 */
enum emu_level {
	EMU_NONE,		/* not even started */
	EMU_HOST,		/* the host has booted */
	EMU_GUESTS,		/* network set up, guests booted and held still */
	EMU_LEVELS
};

enum emu_step {
	EMU_CHOOSE,		/* no machine runs: load, make or wait for a snapshot */
	EMU_RUN,
	EMU_SAVE,
	EMU_LOAD,
};

/* Where the wall time of a point went. */
enum emu_time {
	EMU_T_WAIT,		/* for another process that makes the same snapshot */
	EMU_T_BOOT, EMU_T_GUESTS, EMU_T_SAVE, EMU_T_RESTORE, EMU_T_WINDOWS,
	EMU_TIMES
};

struct emu {
	const struct testbed *testbed;
	const struct scenario *sc;
	const struct sc_point *pt;
	struct snapshots store;
	char key[EMU_LEVELS][SNAPSHOT_KEY_SIZE];
	enum emu_level want;	/* the level its windows start from; EMU_NONE: uses no snapshots */
	enum emu_level at;	/* the level of the machine that runs, or is loaded */
	enum emu_level making;	/* the level to save; EMU_NONE: run the windows */
	bool made[EMU_LEVELS];	/* by this very run */
	bool qmp_open;
	enum emu_step step;
	struct snapshot held;
	struct snapshot_part part;

	struct proc qemu;
	struct mailbox *mailbox;
	char dir[512];		/* scratch folder of this point */
	char console[512];	/* serial log, kept */
	char why[512];		/* EMU_FAILED: one line */
	json_t *record;		/* EMU_DONE: what the inside made */
	int64_t started_ms;
	int64_t since_ms;	/* start of the time that is running */
	enum emu_time timing;
	int64_t spent_ms[EMU_TIMES];
	uint32_t phase_seq;	/* changes with phase */
	uint32_t inside_seq;
	char phase[128];
	uint64_t virtual_ns;
};

/* Names what a snapshot of each level depends on: everything that could be seen inside. */
int emu_keys(const struct testbed *t, const struct scenario *sc, const struct sc_point *pt,
	     char key[EMU_LEVELS][SNAPSHOT_KEY_SIZE]);
/*
 * Starts one point. @dir is created; @console is overwritten. With @cache the machine starts from a
 * snapshot in exitlab's cache, else from one of its own, made anew: in mode counts a point always
 * starts from a snapshot, so that it makes no difference whether there was one.
 */
int emu_start(struct emu *e, const struct testbed *t, const struct scenario *sc,
	      const struct sc_point *pt, const char *dir, const char *console, bool cache);
/* Looks at the machine; updates phase, record, why. @timeout_s: longest wall time. */
enum emu_state emu_poll(struct emu *e, int timeout_s);
/* Seconds by kind, and which snapshots were made or found: for the record's "volatile". */
json_t *emu_times(const struct emu *e);
/* Ends the machine, removes the scratch folder and what is unfinished, drops the record. Harmless
 * when not started. */
void emu_end(struct emu *e);

#endif
