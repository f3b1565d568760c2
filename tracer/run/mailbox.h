/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The mailbox between exitlab outside and exitlab inside the emulated host: a piece of memory that
 * both map (a file outside, the BAR of an ivshmem device inside). Chosen over a serial or virtio
 * channel because plain memory causes no interrupt, no exit and no host-dependent timing: the run
 * inside stays exactly repeatable while the outside watches its progress.
 *
 * Requests travel in one after the other, one response out; the phase text is rewritten as the run
 * goes on.
 */
#ifndef EXITLAB_MAILBOX_H
#define EXITLAB_MAILBOX_H

#include <stddef.h>
#include <stdint.h>

#define MAILBOX_SIZE		(8u << 20)	/* a BAR must be a power of two */
#define MAILBOX_SIZE_TEXT	"8M"		/* the same, for a command line */
#define MAILBOX_REQUEST_MAX	(60u << 10)

enum mailbox_state {
	MAILBOX_EMPTY,
	MAILBOX_REQUEST,	/* outside has put a request */
	MAILBOX_RUNNING,	/* inside has taken it */
	MAILBOX_DONE,		/* response: the record's JSON */
	MAILBOX_FAILED,		/* response: one line for people */
	MAILBOX_READY,		/* inside waits for the next request */
};

struct mailbox;

/* Outside: creates the file (replacing an old one). 0 or negative errno. */
int mailbox_create(const char *path, struct mailbox **out);
/* Inside: @path is a file, or "auto" to find the ivshmem device. 0 or negative errno. */
int mailbox_open(const char *path, struct mailbox **out);
void mailbox_close(struct mailbox *m);

/* -EMSGSIZE if it does not fit. */
int mailbox_put_request(struct mailbox *m, const char *text);
/* Copies the request (malloc'ed, terminated) and marks the mailbox as running. */
int mailbox_take_request(struct mailbox *m, char **text);
/*
 * Inside: says that it is ready, waits for a request and takes it. The emulated machine stops at
 * once, always at the same instruction (isa-debug-stop), and goes on when the outside lets it: this
 * is where it can be saved. With a mailbox that is a file it is awaited.
 */
int mailbox_next_request(struct mailbox *m, char **text);

/* At most 127 bytes are kept. @virtual_ns: time since the machine started, for the outside. */
void mailbox_set_phase(struct mailbox *m, uint64_t virtual_ns, const char *text);
/* Returns a number that changes with every new phase; copies the text. */
uint32_t mailbox_phase(const struct mailbox *m, char *text, size_t size, uint64_t *virtual_ns);

/* @state is MAILBOX_DONE or MAILBOX_FAILED. */
int mailbox_put_response(struct mailbox *m, enum mailbox_state state, const char *text);
enum mailbox_state mailbox_state(const struct mailbox *m);
/* Response as malloc'ed, terminated text. */
int mailbox_response(const struct mailbox *m, char **text);

#endif
