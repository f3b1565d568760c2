/* SPDX-License-Identifier: GPL-2.0 */
/* What `exitlab doctor` has found out, line by line. */
#ifndef EXITLAB_DOCTOR_H
#define EXITLAB_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>

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
};

struct findings {
	struct finding list[48];
	size_t n;
};

/* A new line; the last one is used again when there is no room. */
struct finding *finding_add(struct findings *f, const char *group, const char *name,
			    enum finding_state state, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
/* Whether something needed is missing. */
bool findings_missing(const struct findings *f);

/* What is in files: kernel, BTF, lockdown, KVM, tracefs, sysctls. @root: before their names. */
void doctor_host(struct findings *f, const char *root);
/* What this process may do. */
void doctor_permissions(struct findings *f);
/* Each signal, by trying; @trial_vm: may make a VM of its own for a moment. */
void doctor_signals(struct findings *f, bool trial_vm);

/* ---- Parsers; pure ---- */

/* "none [integrity] confidentiality" -> "integrity". */
bool doctor_lockdown(const char *text, char *mode, size_t size);

#endif
