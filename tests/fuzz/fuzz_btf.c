// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/engine/rungs.c -lbpf -lelf -lz */
/*
 * Any bytes as BTF of a kernel or a module, and the plan that follows from it: whatever they say,
 * every event gets a rung, and one that is forced is taken or refused with a reason.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "engine/rungs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void judge(const struct rung_facts *f, const char *force)
{
	enum rung plan[NR_RUNG_EVENTS];
	struct rung_force forced;
	char why[200] = "";
	unsigned int e;
	int ret;

	if (rungs_parse(force, &forced))
		abort();
	ret = rungs_plan(f, &forced, (1u << NR_RUNG_EVENTS) - 1, RUNG_TP_BTF, plan, why,
			 sizeof(why));
	if (ret != 0 && ret != -EOPNOTSUPP)
		abort();
	if (ret && !why[0])
		abort();
	for (e = 0; !ret && e < NR_RUNG_EVENTS; e++) {
		if (plan[e] >= NR_RUNGS)
			abort();
		if (rungs_possible(f, (enum rung_event)e, plan[e], why, sizeof(why)))
			abort();
	}
	if (!force[0] && ret)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rung_facts f;
	struct btf *btf;

	libbpf_set_print(NULL);
	memset(&f, 0, sizeof(f));
	btf = btf__new(data, (__u32)size);
	rungs_learn(btf, &f);
	judge(&f, "");
	judge(&f, "tp");
	judge(&f, "tp_btf");
	judge(&f, "kvm_exit=raw_tp");
	btf__free(btf);
	return 0;
}
