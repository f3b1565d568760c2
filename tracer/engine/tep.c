// SPDX-License-Identifier: GPL-2.0
/*
 * Layout of KVM's trace records. Fields have come, widened and moved from kernel to kernel; their
 * names have not. So a table says which fields matter, and their places are looked up once.
 */
#include "engine/tep.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <traceevent/event-parse.h>

#include "engine/tracefs.h"

#define NR_TYPES (KVM_EVENT_FAST_MMIO + 1)

/* What is read of an event. */
enum value { VCPU, ISA, REASON, DETAIL, WRITE, NR_VALUES };

static const struct {
	const char *name;
	const char *field[NR_VALUES];
	unsigned int optional;		/* bits of enum value */
} events[NR_TYPES] = {
	[KVM_EVENT_OTHER] = { .name = "" },
	[KVM_EVENT_ENTRY] = { "kvm_entry", { [VCPU] = "vcpu_id" }, 0 },
	/* vcpu_id: since 5.10 (235ba74f008d); not needed. */
	[KVM_EVENT_EXIT] = { "kvm_exit", { [VCPU] = "vcpu_id", [ISA] = "isa",
					   [REASON] = "exit_reason" }, 1 << VCPU },
	[KVM_EVENT_MSR] = { "kvm_msr", { [DETAIL] = "ecx", [WRITE] = "write" }, 0 },
	[KVM_EVENT_PIO] = { "kvm_pio", { [DETAIL] = "port", [WRITE] = "rw" }, 0 },
	[KVM_EVENT_MMIO] = { "kvm_mmio", { [DETAIL] = "gpa", [WRITE] = "type" }, 0 },
	[KVM_EVENT_PAGE_FAULT] = { "kvm_page_fault",
				   { [VCPU] = "vcpu_id", [DETAIL] = "fault_address",
				     [WRITE] = "error_code" }, 1 << VCPU },
	[KVM_EVENT_FAST_MMIO] = { "kvm_fast_mmio", { [DETAIL] = "gpa" }, 0 },
};

struct place {
	unsigned int offset, size;	/* bytes; size 0: there is no such field */
};

struct kvm_decoder {
	struct tep_handle *tep;
	bool own;			/* the handle */
	struct place common_type;
	int id[NR_TYPES];		/* -1 = not there */
	struct place place[NR_TYPES][NR_VALUES];
};

const char *kvm_event_name(enum kvm_event_type type)
{
	return events[type].name;
}

struct kvm_decoder *kvm_decoder_new(struct tep_handle *tep)
{
	struct kvm_decoder *d = calloc(1, sizeof(*d));
	size_t i;

	if (!d)
		return NULL;
	d->own = !tep;
	d->tep = tep ? tep : tep_alloc();
	if (!d->tep) {
		free(d);
		return NULL;
	}
	/* What it does not understand is none of the user's business: how to print. */
	tep_set_loglevel(TEP_LOG_NONE);
	for (i = 0; i < NR_TYPES; i++)
		d->id[i] = -1;
	return d;
}

void kvm_decoder_free(struct kvm_decoder *d)
{
	if (!d)
		return;
	if (d->own)
		tep_free(d->tep);
	free(d);
}

/* 0, or -EOPNOTSUPP: cannot be read as a number. */
static int locate(const struct tep_format_field *f, struct place *out)
{
	if (!f || f->offset < 0 || f->flags & TEP_FIELD_IS_ARRAY ||
	    (f->size != 1 && f->size != 2 && f->size != 4 && f->size != 8))
		return -EOPNOTSUPP;
	*out = (struct place){ (unsigned int)f->offset, (unsigned int)f->size };
	return 0;
}

static int learn(struct kvm_decoder *d, enum kvm_event_type type)
{
	struct tep_event *e = tep_find_event_by_name(d->tep, "kvm", events[type].name);
	struct place place[NR_VALUES] = { 0 };
	enum value v;

	d->id[type] = -1;
	if (!e)
		return 0;
	if (locate(tep_find_common_field(e, "common_type"), &d->common_type))
		return -EOPNOTSUPP;
	for (v = 0; v < NR_VALUES; v++)
		if (events[type].field[v] &&
		    locate(tep_find_field(e, events[type].field[v]), &place[v]) &&
		    !(events[type].optional & 1u << v))
			return -EOPNOTSUPP;
	memcpy(d->place[type], place, sizeof(place));
	d->id[type] = e->id;
	return 0;
}

int kvm_decoder_update(struct kvm_decoder *d)
{
	enum kvm_event_type type;
	int ret = 0, one;

	for (type = KVM_EVENT_ENTRY; type < NR_TYPES; type++) {
		one = learn(d, type);
		ret = ret ? ret : one;
	}
	return ret;
}

int kvm_decoder_add(struct kvm_decoder *d, const char *format, size_t size)
{
	/* Fields only: how to print is a program in C that the library may not understand. */
	const char *end = memmem(format, size, "\nprint fmt:", 11);
	char *text;
	int n, ret;

	n = asprintf(&text, "%.*s\nprint fmt: \"\"\n", (int)(end ? end - format : (long)size), format);
	if (n < 0)
		return -ENOMEM;
	ret = tep_parse_event(d->tep, text, (unsigned long)n, "kvm") ? -EINVAL : 0;
	free(text);
	return ret ? ret : kvm_decoder_update(d);
}

int kvm_decoder_add_live(struct kvm_decoder *d, enum kvm_event_type type)
{
	static const size_t size = 65536;
	char path[64], *text = malloc(size);
	int ret;

	if (!text)
		return -ENOMEM;
	snprintf(path, sizeof(path), "kvm/%s", events[type].name);
	ret = tracefs_format(path, text, size);
	if (!ret)
		ret = kvm_decoder_add(d, text, strlen(text));
	free(text);
	return ret;
}

int kvm_decoder_id(const struct kvm_decoder *d, enum kvm_event_type type)
{
	return d->id[type];
}

/* 0 if the event has no such field, or -1 in @bad: the record ends before it. */
static uint64_t number(const struct kvm_decoder *d, struct place p, const void *raw, size_t size,
		       int *bad)
{
	if (p.size == 0)
		return 0;
	if (p.offset > size || p.size > size - p.offset) {
		*bad = -EINVAL;
		return 0;
	}
	return tep_read_number(d->tep, (const char *)raw + p.offset, (int)p.size);
}

static bool writes(enum kvm_event_type type, uint64_t v)
{
	switch (type) {
	case KVM_EVENT_MMIO:
		return v == 2;		/* KVM_TRACE_MMIO_WRITE */
	case KVM_EVENT_PAGE_FAULT:
		return v & 2;		/* PFERR_WRITE_MASK */
	case KVM_EVENT_FAST_MMIO:
		return true;		/* an eventfd is signalled by writing */
	default:
		return v;
	}
}

int kvm_decoder_read(const struct kvm_decoder *d, const void *raw, size_t size,
		     struct kvm_event *e)
{
	const struct place *p;
	enum kvm_event_type type;
	int bad = 0, id = (int)number(d, d->common_type, raw, size, &bad);

	if (bad)
		return bad;
	for (type = KVM_EVENT_ENTRY; type < NR_TYPES && d->id[type] != id; type++)
		;
	e->type = type < NR_TYPES ? type : KVM_EVENT_OTHER;
	p = d->place[e->type];
	e->vcpu = p[VCPU].size ? (int)number(d, p[VCPU], raw, size, &bad) : -1;
	e->isa = (uint32_t)number(d, p[ISA], raw, size, &bad);
	e->reason = number(d, p[REASON], raw, size, &bad);
	e->detail = number(d, p[DETAIL], raw, size, &bad);
	e->write = writes(e->type, number(d, p[WRITE], raw, size, &bad));
	return bad;
}
