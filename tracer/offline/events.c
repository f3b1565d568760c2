// SPDX-License-Identifier: GPL-2.0
/* The table of events; everything about one kind is in its entry. */
#include "offline/events.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "core/reason.h"

#define KVM(event) .name = #event, .tracepoint = "kvm/" #event, .prog = "rec_" #event

const struct event_kind event_kinds[NR_REC_TYPES] = {
	[REC_LOST] = { .name = "lost", .a = { "events", ARG_DEC } },
	[REC_KVM_ENTRY] = { KVM(kvm_entry), .classic = true, .field = { "vcpu_id", NULL, "rip" },
		.a = { "vcpu_id", ARG_DEC }, .c = { "rip", ARG_HEX } },
	[REC_KVM_EXIT] = { KVM(kvm_exit), .classic = true,
		.field = { "exit_reason", "info1", "guest_rip", "isa" },
		.a = { "reason", ARG_HEX }, .b = { "info1", ARG_HEX }, .c = { "rip", ARG_HEX },
		.flags = { "isa", ARG_DEC } },
	[REC_KVM_MSR] = { KVM(kvm_msr), .classic = true,
		.field = { "ecx", "data", "exception", "write" }, .a = { "msr", ARG_HEX },
		.b = { "data", ARG_HEX }, .c = { "exception", ARG_DEC },
		.flags = { "write", ARG_DEC } },
	[REC_KVM_PIO] = { KVM(kvm_pio), .classic = true,
		.field = { "port", "val", "size", "rw", "count" }, .a = { "port", ARG_HEX },
		.b = { "val", ARG_HEX }, .c = { "count_size", ARG_HEX },
		.flags = { "write", ARG_DEC } },
	[REC_KVM_MMIO] = { KVM(kvm_mmio), .classic = true, .field = { "gpa", "val", "len", "type" },
		.a = { "gpa", ARG_HEX }, .b = { "val", ARG_HEX }, .c = { "len", ARG_DEC },
		.flags = { "type", ARG_DEC } },
	[REC_KVM_PAGE_FAULT] = { KVM(kvm_page_fault), .classic = true,
		.field = { "fault_address", "error_code" }, .a = { "address", ARG_HEX },
		.b = { "error", ARG_HEX } },
	[REC_KVM_FAST_MMIO] = { KVM(kvm_fast_mmio), .classic = true, .field = { "gpa" },
		.a = { "gpa", ARG_HEX } },
	[REC_KVM_CPUID] = { KVM(kvm_cpuid), .classic = true,
		.field = { "function", "index", "rax" }, .a = { "function", ARG_HEX },
		.b = { "index", ARG_HEX }, .c = { "rax", ARG_HEX } },
	[REC_KVM_USERSPACE_EXIT] = { KVM(kvm_userspace_exit), .classic = true,
		.field = { "reason", "errno" }, .a = { "reason", ARG_DEC },
		.b = { "errno", ARG_SIGNED } },
	[REC_KVM_VCPU_WAKEUP] = { KVM(kvm_vcpu_wakeup), .classic = true,
		.field = { "ns", "waited", "valid" }, .a = { "ns", ARG_DEC },
		.b = { "waited", ARG_DEC }, .c = { "valid", ARG_DEC } },
	[REC_KVM_INJ_VIRQ] = { KVM(kvm_inj_virq), .classic = true,
		.field = { "vector", "soft", "reinjected" }, .a = { "vector", ARG_DEC },
		.b = { "soft", ARG_DEC }, .c = { "reinjected", ARG_DEC } },
	/* Not classic, but can be: the fields are for that. */
	[REC_KVM_EOI] = { KVM(kvm_eoi), .field = { "vector" }, .a = { "vector", ARG_SIGNED } },
	[REC_KVM_APIC_ACCEPT_IRQ] = { KVM(kvm_apic_accept_irq),
		.field = { "vec", "dm", "tm", NULL, "apicid" }, .a = { "vector", ARG_DEC },
		.b = { "mode", ARG_DEC }, .c = { "trigger", ARG_DEC } },
	[REC_KVM_APICV_ACCEPT_IRQ] = { KVM(kvm_apicv_accept_irq),
		.field = { "vec", "dm", "tm", NULL, "apicid" }, .a = { "vector", ARG_DEC },
		.b = { "mode", ARG_DEC }, .c = { "trigger", ARG_DEC } },
	[REC_IRQ_ENTRY] = { "irq_handler_entry", "irq/irq_handler_entry", "rec_irq_handler_entry",
		.field = { "irq", "name" },
		.a = { "irq", ARG_DEC } },
	[REC_IRQ_EXIT] = { "irq_handler_exit", "irq/irq_handler_exit", "rec_irq_handler_exit",
		.field = { "irq", "ret" },
		.a = { "irq", ARG_DEC }, .b = { "handled", ARG_DEC } },
	[REC_SCHED_IN] = { "sched_in", "sched/sched_switch", "rec_sched_switch",
		.field = { "next_pid", "prev_state", "prev_pid" },
		.a = { "from_tid", ARG_DEC } },
	[REC_SCHED_OUT] = { "sched_out", "sched/sched_switch", "rec_sched_switch",
		.field = { "next_pid", "prev_state", "prev_pid" },
		.a = { "to_tid", ARG_DEC }, .b = { "state", ARG_HEX } },
};

static bool in_list(const struct event_kind *k, const char *word, size_t len)
{
	const char *slash = strchr(k->tracepoint, '/');

	return (strlen(k->name) == len && !strncmp(k->name, word, len)) ||
	       ((size_t)(slash - k->tracepoint) == len && !strncmp(k->tracepoint, word, len)) ||
	       (len == 3 && !strncmp(word, "all", 3));
}

int events_parse(const char *list, uint32_t *mask)
{
	*mask = 0;
	for (;;) {
		size_t len = strcspn(list, ",");
		uint32_t found = 0;
		int i;

		for (i = 1; i < NR_REC_TYPES; i++)
			if (in_list(&event_kinds[i], list, len))
				found |= 1u << i;
		if (!found)
			return -EINVAL;
		*mask |= found;
		if (!list[len])
			return 0;
		list += len + 1;
	}
}

static void arg_text(FILE *f, const struct event_arg *a, uint64_t v)
{
	if (!a->name)
		return;
	if (a->form == ARG_HEX)
		fprintf(f, " %s=0x%" PRIx64, a->name, v);
	else if (a->form == ARG_SIGNED)
		fprintf(f, " %s=%" PRId32, a->name, (int32_t)v);
	else
		fprintf(f, " %s=%" PRIu64, a->name, v);
}

static void arg_json(json_t *o, const struct event_arg *a, uint64_t v)
{
	if (a->name)
		json_object_set_new(o, a->name, json_integer(a->form == ARG_SIGNED ?
			(json_int_t)(int32_t)v : (json_int_t)v));
}

void event_text(FILE *f, const struct trace_event *e, const struct event_who *who,
		uint64_t start_ns)
{
	const struct event_kind *k = &event_kinds[e->type];
	int64_t t = (int64_t)(e->ts_ns - start_ns);
	uint64_t abs_t = t < 0 ? (uint64_t)-t : (uint64_t)t;
	char reason[64], isa[16];

	fprintf(f, "%s%" PRIu64 ".%09" PRIu64 " [%03u] ", t < 0 ? "-" : "", abs_t / 1000000000,
		abs_t % 1000000000, e->cpu);
	fprintf(f, "%s/", who->vm ? who->vm : "-");
	if (e->vcpu >= 0)
		fprintf(f, "%d", e->vcpu);
	else
		fputc('-', f);
	fprintf(f, " %u %s:", e->tid, k->name);
	if (e->type == REC_KVM_EXIT)
		fprintf(f, " %s %s", isa_name(e->flags, isa, sizeof(isa)),
			reason_name(e->flags, e->a, reason, sizeof(reason)));
	arg_text(f, &k->a, e->a);
	arg_text(f, &k->b, e->b);
	arg_text(f, &k->c, e->c);
	arg_text(f, &k->flags, e->flags);
	if (e->vcpu < 0 && who->comm)
		fprintf(f, " comm=%s", who->comm);
	fputc('\n', f);
}

json_t *event_json(const struct trace_event *e, const struct event_who *who)
{
	const struct event_kind *k = &event_kinds[e->type];
	char reason[64];
	json_t *o = json_pack("{s:I, s:i, s:s, s:i}", "time_ns", (json_int_t)e->ts_ns, "cpu",
			      (int)e->cpu, "event", k->name, "tid", (int)e->tid);

	if (!o)
		return NULL;
	json_object_set_new(o, "vm", who->vm ? json_string(who->vm) : json_null());
	json_object_set_new(o, "pid", who->pid ? json_integer(who->pid) : json_null());
	json_object_set_new(o, "vcpu", e->vcpu >= 0 ? json_integer(e->vcpu) : json_null());
	if (who->comm)
		json_object_set_new(o, "comm", json_string(who->comm));
	if (e->type == REC_KVM_EXIT)
		json_object_set_new(o, "name", json_string(
			reason_name(e->flags, e->a, reason, sizeof(reason))));
	arg_json(o, &k->a, e->a);
	arg_json(o, &k->b, e->b);
	arg_json(o, &k->c, e->c);
	arg_json(o, &k->flags, e->flags);
	return o;
}
