/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Raw records of KVM's tracepoints into struct kvm_event, by libtraceevent: the layout comes from
 * the texts of the events' `format` files, of this host or out of a file that another host wrote.
 */
#ifndef EXITLAB_TEP_H
#define EXITLAB_TEP_H

#include <stddef.h>
#include <stdint.h>

#include "core/replay.h"

struct kvm_decoder;
struct tep_handle;

/*
 * @tep: a handle with events in it, such as tracecmd_get_tep()'s, borrowed; NULL: a new, empty one.
 * Events that @tep gets later are found by kvm_decoder_update(). NULL without memory.
 */
struct kvm_decoder *kvm_decoder_new(struct tep_handle *tep);
void kvm_decoder_free(struct kvm_decoder *d);	/* @d may be NULL */
/*
 * Adds the event that the text of a `format` file describes; one that is not KVM's, or of no use
 * here, is ignored. 0; -EINVAL: cannot be read; -EOPNOTSUPP: an event without the fields needed
 * from it.
 */
int kvm_decoder_add(struct kvm_decoder *d, const char *format, size_t size);
/* Likewise from this host's tracefs. Errors of tracefs_format(), too. */
int kvm_decoder_add_live(struct kvm_decoder *d, enum kvm_event_type type);
/* Looks for KVM's events in the handle. 0 or -EOPNOTSUPP as above. */
int kvm_decoder_update(struct kvm_decoder *d);
/* Name of an event without "kvm/", "" of KVM_EVENT_OTHER. */
const char *kvm_event_name(enum kvm_event_type type);
/* Number of that event in records (its "ID"), -1 if it has not been added. */
int kvm_decoder_id(const struct kvm_decoder *d, enum kvm_event_type type);
/*
 * Reads a record, from common_type on. Sets type, vcpu, isa, reason, detail and write of @e,
 * nothing else; an event that was not added is KVM_EVENT_OTHER. 0 or -EINVAL (too short).
 */
int kvm_decoder_read(const struct kvm_decoder *d, const void *raw, size_t size,
		     struct kvm_event *e);

#endif
