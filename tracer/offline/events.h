/* SPDX-License-Identifier: GPL-2.0 */
/* The kinds of events that exitlab record knows, and how one is printed. */
#ifndef EXITLAB_OFFLINE_EVENTS_H
#define EXITLAB_OFFLINE_EVENTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "bpf/record.h"

/* How a number is printed as text; JSON has it as a number. */
enum event_arg_form { ARG_DEC, ARG_HEX, ARG_SIGNED };

struct event_arg {
	const char *name;	/* NULL = not used */
	enum event_arg_form form;
};

struct event_kind {
	const char *name;	/* as in --events; for all but sched_* the tracepoint's */
	const char *tracepoint;	/* "kvm/kvm_exit" */
	const char *prog;	/* name of the BPF program; with "_tp" that of the rung tp */
	bool classic;		/* its program is one of the rung tp always */
	const char *field[REC_FIELDS];	/* of the trace record; NULL = none. The first is a must. */
	struct event_arg a, b, c;
	struct event_arg flags;
};

/* By enum rec_type. */
extern const struct event_kind event_kinds[NR_REC_TYPES];

/* One event of a file of exitlab's. */
struct trace_event {
	uint64_t ts_ns;		/* CLOCK_MONOTONIC of the recording host */
	uint64_t a, b, c;
	uint32_t tid;
	uint16_t cpu;
	uint16_t vm;		/* number of the VM in the file; 0 = unknown */
	int16_t vcpu;		/* -1 = none or unknown */
	uint8_t type;		/* enum rec_type */
	uint8_t flags;
};

/* What to print about whom. */
struct event_who {
	const char *vm;		/* NULL = unknown */
	int pid;		/* 0 = unknown */
	const char *comm;	/* of the thread; NULL = unknown */
};

#define ALL_EVENTS (((1u << NR_REC_TYPES) - 1) & ~1u)

/* "kvm_exit,sched,irq,all" into bits 1 << type. 0 or -EINVAL. A group: kvm, irq, sched. */
int events_parse(const char *list, uint32_t *mask);
/* One line of text. @start_ns: the time that counts as 0. */
void event_text(FILE *f, const struct trace_event *e, const struct event_who *who,
		uint64_t start_ns);
/* New reference; NULL without memory. */
json_t *event_json(const struct trace_event *e, const struct event_who *who);

#endif
