/* SPDX-License-Identifier: GPL-2.0 */
/* What `exitlab doctor` has found out, line by line. */
#ifndef EXITLAB_DOCTOR_H
#define EXITLAB_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/engine.h"

#define FINDING_PROBES 24

enum finding_state {
	FOUND_OK,
	FOUND_NOTE,	/* works, with less */
	FOUND_MISSING,
	FOUND_UNKNOWN,	/* could not be found out */
};

struct finding {
	const char *group;	/* "host", "permission", "signal"; constants */
	const char *name;
	enum finding_state state;
	bool needed;		/* without it no exits can be traced */
	char text[256];		/* what there is, or why not */
	char fix[200];		/* what to do; "" = nothing, or unknown */
	const char *what;	/* what a signal shows; constant, NULL = said by its name */
	struct probe_info probes[FINDING_PROBES];	/* of a signal: where it is attached */
	size_t nr_probes;
};

struct findings {
	struct finding list[48];
	size_t n;
};

/* A new line; the last one is used again when there is no room. */
struct finding *finding_add(struct findings *f, const char *group, const char *name,
			    enum finding_state state, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
/* The first FINDING_PROBES of @p. */
void finding_set_probes(struct finding *one, const struct probe_info *p, size_t n);
/* Whether something needed is missing. */
bool findings_missing(const struct findings *f);

/* What is in files: kernel, BTF, lockdown, KVM, tracefs, sysctls. @root: before their names. */
void doctor_host(struct findings *f, const char *root);
/* What this process may do. */
void doctor_permissions(struct findings *f);
/* Each signal, by trying; @trial_vm: may make a VM of its own for a moment. */
void doctor_signals(struct findings *f, bool trial_vm);
/* The signals beside exits; hardware counters; what our own programs cost. By trying. */
void doctor_more_signals(struct findings *f);
void doctor_hardware(struct findings *f);
void doctor_cost(struct findings *f);

/* ---- Parsers; pure ---- */

/* "none [integrity] confidentiality" -> "integrity". */
bool doctor_lockdown(const char *text, char *mode, size_t size);
/* "a, b by tp_btf; c by tp"; cut at @size. Length as snprintf(), at least what was written. */
size_t doctor_probes_text(const struct probe_info *p, size_t n, char *buf, size_t size);

#endif
