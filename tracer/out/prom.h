/* SPDX-License-Identifier: GPL-2.0 */
/* Prometheus' text format, version 0.0.4. */
#ifndef EXITLAB_OUT_PROM_H
#define EXITLAB_OUT_PROM_H

#include <stdint.h>
#include <stdio.h>

/* # HELP and # TYPE; all samples of a family come behind its own. */
void prom_family(FILE *f, const char *name, const char *type, const char *help);
/*
 * One sample: name, labels as pairs NAME, VALUE, ... ended by NULL, an integer. A label whose
 * value is NULL is left out; values may be any text.
 */
void prom_count(FILE *f, const char *name, uint64_t value, ...) __attribute__((sentinel));
/* The same for nanoseconds, written as seconds. */
void prom_seconds(FILE *f, const char *name, uint64_t ns, ...) __attribute__((sentinel));

#endif
