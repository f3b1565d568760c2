/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The numbers of a window that a gate judges: all exits, exits by reason, and signals (interrupts,
 * injections, EOI exits, kicks, replies). A number is known by its key, which this program makes
 * from codes and never from names in a record: "exits", "exits.svm.MSR.EOI", "kicks".
 */
#ifndef EXITLAB_NUMBERS_H
#define EXITLAB_NUMBERS_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

enum number_kind { NUMBER_UNKNOWN, NUMBER_TOTAL, NUMBER_REASON, NUMBER_SIGNAL };

/* Signals in the order in which they are written; NULL-terminated. */
extern const char *const number_signals[];

/* Room for a key, with its NUL. */
#define NUMBER_KEY_MAX 128

/* NUMBER_UNKNOWN if no number of that key can exist. */
enum number_kind number_kind(const char *key);
/* For people, in the plural: "exits", "MSR EOI exits", "NIC interrupts". Returns @buf. */
const char *number_label(const char *key, char *buf, size_t n);
/*
 * The key as this version of the program writes it: codes that have got a name since, "0x7c", are
 * replaced by the name. -EINVAL if it is not the key of an exit reason.
 */
int number_canonical(const char *key, char *buf, size_t n);

/*
 * A new object of all numbers of a checked window (analyze/record.h): an integer, or a text that
 * says why there is none. All VMs and vCPUs are summed. -EINVAL if the window must not be judged
 * (lost events, failed cross checks, sums that do not agree or overflow), with "FIELD: why" in
 * @why; -ENOMEM.
 */
int numbers_of_window(const json_t *window, json_t **out, char *why, size_t n);

#endif
