/* SPDX-License-Identifier: GPL-2.0 */
/* Exits in which the guest has nothing to do: their time is sleep, not work. */
#ifndef EXITLAB_OUT_HALT_H
#define EXITLAB_OUT_HALT_H

#include "core/reason.h"
#include "engine/engine.h"

/* HLT and MWAIT. */
static inline bool exit_is_halt(const struct exit_stat *r)
{
	if (r->isa == KVM_ISA_VMX)
		return r->reason == 12 || r->reason == 36;
	return r->isa == KVM_ISA_SVM && (r->reason == 0x78 || r->reason == 0x8b);
}

#endif
