// SPDX-License-Identifier: GPL-2.0
/*
 * From a window to the numbers a gate judges. The hard thing is that nothing may look like a number
 * that is none: events that were lost, a cross check that failed or exits that were not split make
 * a count too low, and a gate that compares counts that are too low passes everything. So these are
 * refused, or reported as missing with the reason.
 */
#include "analyze/numbers.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/reason.h"

#define EXITS		"exits"
#define MSR_X2APIC_EOI	0x80b
#define APIC_PAGE_EOI	0xb0

const char *const number_signals[] = {
	"guest_interrupts", "nic_interrupts", "injections", "eoi_exits", "kicks", "replies", NULL
};

static const char *const signal_labels[] = {
	"guest interrupts", "NIC interrupts", "injected interrupts", "EOI exits", "kicks", "replies"
};

/* Counters of the record behind signals; EOI exits come from the reasons. */
static const struct { const char *signal, *group, *key; } sources[] = {
	{ "guest_interrupts", "guest", "interrupts" },
	{ "nic_interrupts", "guest", "nic_interrupts" },
	{ "injections", "kvm", "irq_injections" },
	{ "kicks", "signals", "kicks" },
	{ "replies", "signals", "replies" },
};

#define NR_SOURCES (sizeof(sources) / sizeof(sources[0]))

static int signal_index(const char *key)
{
	int i;

	for (i = 0; number_signals[i]; i++) {
		if (!strcmp(key, number_signals[i]))
			return i;
	}
	return -1;
}

enum number_kind number_kind(const char *key)
{
	char buf[NUMBER_KEY_MAX];

	if (!strcmp(key, EXITS))
		return NUMBER_TOTAL;
	if (signal_index(key) >= 0)
		return NUMBER_SIGNAL;
	return number_canonical(key, buf, sizeof(buf)) ? NUMBER_UNKNOWN : NUMBER_REASON;
}

const char *number_label(const char *key, char *buf, size_t n)
{
	int i = signal_index(key);
	const char *name;
	char *c;

	if (i >= 0 || strncmp(key, EXITS ".", 6)) {
		snprintf(buf, n, "%s", i >= 0 ? signal_labels[i] : key);
		return buf;
	}
	/* "exits.svm.MSR.EOI": without the isa, which is that of the machine. */
	name = strchr(key + 6, '.');
	snprintf(buf, n, "%s exits", name ? name + 1 : key + 6);
	for (c = buf; *c; c++)
		*c = *c == '.' ? ' ' : *c;
	return buf;
}

static uint32_t isa_of(const char *text, size_t len)
{
	if (len == 3 && !memcmp(text, "svm", 3))
		return KVM_ISA_SVM;
	return len == 3 && !memcmp(text, "vmx", 3) ? KVM_ISA_VMX : 0;
}

static int make_key(uint32_t isa, uint64_t code, const uint64_t *detail, char *buf, size_t n)
{
	char name[64], more[32];
	int len = snprintf(buf, n, EXITS ".%s.%s%s%s", isa == KVM_ISA_SVM ? "svm" : "vmx",
			   reason_name(isa, code, name, sizeof(name)), detail ? "." : "",
			   detail ? msr_name(*detail, more, sizeof(more)) : "");

	return len > 0 && (size_t)len < n ? 0 : -EINVAL;
}

/* One part of a key, up to @end: a name as it is, or a code in hex, which may have a name now. */
static int canonical_part(const char *part, const char *end, uint32_t isa, char *buf, size_t n)
{
	size_t len = end - part, i;
	char text[64], *stop;
	uint64_t code;

	if (!len || len >= sizeof(text) || len >= n)
		return -EINVAL;
	memcpy(text, part, len);
	text[len] = '\0';
	if (!strncmp(text, "0x", 2)) {
		if (!isxdigit((unsigned char)text[2]))
			return -EINVAL;
		errno = 0;
		code = strtoull(text + 2, &stop, 16);
		if (errno || *stop)
			return -EINVAL;
		if (isa)
			snprintf(buf, n, "%s", reason_name(isa, code, text, sizeof(text)));
		else
			snprintf(buf, n, "%s", msr_name(code, text, sizeof(text)));
		return 0;
	}
	for (i = 0; i < len; i++) {
		if (!isupper((unsigned char)text[i]) && !isdigit((unsigned char)text[i]) &&
		    text[i] != '_' && text[i] != '|')
			return -EINVAL;
	}
	if (isdigit((unsigned char)text[0]))
		return -EINVAL;
	snprintf(buf, n, "%s", text);
	return 0;
}

int number_canonical(const char *key, char *buf, size_t n)
{
	const char *isa = key + 6, *reason, *detail, *end = key + strlen(key);
	char name[64], more[64] = "";
	uint32_t code;
	int len;

	if (strncmp(key, EXITS ".", 6))
		return -EINVAL;
	reason = strchr(isa, '.');
	if (!reason)
		return -EINVAL;
	code = isa_of(isa, reason - isa);
	detail = strchr(++reason, '.');
	if (!code || canonical_part(reason, detail ? detail : end, code, name, sizeof(name)))
		return -EINVAL;
	if (detail && canonical_part(detail + 1, end, 0, more, sizeof(more)))
		return -EINVAL;
	len = snprintf(buf, n, EXITS ".%.3s.%s%s%s", isa, name, detail ? "." : "", more);
	return len < (int)n ? 0 : -EINVAL;
}

/* A sum in the making. */
struct sums {
	json_t *numbers;
	int64_t exits, reasons, eoi;
	bool unsplit;		/* an exit that may be an EOI, without the register */
	char *why;
	size_t n;
};

static int too_much(struct sums *s)
{
	snprintf(s->why, s->n, "tracer.vms: counts add up to more than 2^63");
	return -EINVAL;
}

/* Does this reason complete an interrupt? Not known if it needs a detail that it has not. */
static void note_eoi(struct sums *s, uint32_t isa, uint64_t code, const uint64_t *detail,
		     int64_t count)
{
	static const struct { uint32_t isa; uint64_t code; bool any; uint64_t detail; } eois[] = {
		{ KVM_ISA_SVM, 0x7c, false, MSR_X2APIC_EOI },
		{ KVM_ISA_SVM, 0x402, false, APIC_PAGE_EOI },	/* AVIC: unaccelerated access */
		{ KVM_ISA_VMX, 32, false, MSR_X2APIC_EOI },	/* MSR_WRITE */
		{ KVM_ISA_VMX, 44, false, APIC_PAGE_EOI },	/* APIC_ACCESS */
		{ KVM_ISA_VMX, 45, true, 0 },			/* EOI_INDUCED */
		{ KVM_ISA_VMX, 56, false, APIC_PAGE_EOI },	/* APIC_WRITE */
	};
	size_t i;

	for (i = 0; i < sizeof(eois) / sizeof(eois[0]); i++) {
		if (eois[i].isa != isa || eois[i].code != code)
			continue;
		if (!eois[i].any && !detail)
			s->unsplit |= count > 0;
		else if (eois[i].any || *detail == eois[i].detail)
			s->eoi += count; /* no more than s->reasons, which is checked */
	}
}

static int add_reason(struct sums *s, const json_t *reason)
{
	const char *isa = json_string_value(json_object_get(reason, "isa"));
	const json_t *d = json_object_get(reason, "detail");
	int64_t count = json_integer_value(json_object_get(reason, "count")), sum;
	uint64_t code = json_integer_value(json_object_get(reason, "reason"));
	uint64_t detail = json_integer_value(d), *has = json_is_integer(d) ? &detail : NULL;
	uint32_t number = isa_of(isa, strlen(isa));
	char key[NUMBER_KEY_MAX];

	if (!number || make_key(number, code, has, key, sizeof(key))) {
		snprintf(s->why, s->n, "tracer.vms: a reason's isa is neither svm nor vmx");
		return -EINVAL;
	}
	sum = json_integer_value(json_object_get(s->numbers, key));
	if (__builtin_add_overflow(s->reasons, count, &s->reasons))
		return too_much(s);
	note_eoi(s, number, code, has, count);
	/* What did not happen is no number: the same run without it must not look different. */
	if (!count)
		return 0;
	return json_object_set_new(s->numbers, key, json_integer(sum + count)) ? -ENOMEM : 0;
}

static int add_vcpus(struct sums *s, const json_t *vms)
{
	json_t *vm, *vcpu, *reason;
	size_t i, j, k;
	int rc;

	json_array_foreach(vms, i, vm) {
		json_array_foreach(json_object_get(vm, "vcpus"), j, vcpu) {
			int64_t exits = json_integer_value(json_object_get(vcpu, "exits"));

			if (__builtin_add_overflow(s->exits, exits, &s->exits))
				return too_much(s);
			json_array_foreach(json_object_get(vcpu, "reasons"), k, reason) {
				rc = add_reason(s, reason);
				if (rc)
					return rc;
			}
		}
	}
	if (s->exits == s->reasons)
		return 0;
	snprintf(s->why, s->n, "tracer.vms: %" PRId64 " exits, but the reasons add up to %" PRId64,
		 s->exits, s->reasons);
	return -EINVAL;
}

static int refuse_unsound(const json_t *window, char *why, size_t n)
{
	static const char *const lost[] = { "map_full", "recursion_missed" };
	const json_t *ledger = json_object_get(json_object_get(window, "tracer"), "ledger");
	json_t *check;
	size_t i;

	for (i = 0; i < 2; i++) {
		int64_t v = json_integer_value(json_object_get(ledger, lost[i]));

		if (!v)
			continue;
		snprintf(why, n, "tracer.ledger.%s: the tracer lost %" PRId64 " events; its counts are too low",
			 lost[i], v);
		return -EINVAL;
	}
	json_array_foreach(json_object_get(window, "checks"), i, check) {
		double d = json_number_value(json_object_get(check, "difference"));

		if (d == 0)
			continue;
		snprintf(why, n, "checks[%zu].difference: %.15g; a cross check that failed is nothing to judge by",
			 i, d);
		return -EINVAL;
	}
	return 0;
}

static json_t *missing(const char *group, const json_t *obj, const char *key)
{
	const char *why;
	char name[64];

	snprintf(name, sizeof(name), "%s_why", key);
	why = json_string_value(json_object_get(obj, name));
	if (why)
		return json_sprintf("%.200s", why);
	return json_sprintf("the record has no counters.%s.%s", group, key);
}

static int add_signals(struct sums *s, const json_t *counters)
{
	size_t i;

	for (i = 0; i < NR_SOURCES; i++) {
		const json_t *group = json_object_get(counters, sources[i].group);
		const json_t *v = json_object_get(group, sources[i].key);
		json_t *number;

		if (v && !json_is_null(v) && (!json_is_integer(v) || json_integer_value(v) < 0)) {
			snprintf(s->why, s->n, "counters.%s.%s: not a whole number from 0",
				 sources[i].group, sources[i].key);
			return -EINVAL;
		}
		number = json_is_integer(v) ? json_integer(json_integer_value(v)) :
			 missing(sources[i].group, group, sources[i].key);
		/* A text cut within a character is no text any more: then the plain reason. */
		if (!number)
			number = json_string("not counted");
		if (json_object_set_new(s->numbers, sources[i].signal, number))
			return -ENOMEM;
	}
	return json_object_set_new(s->numbers, "eoi_exits", s->unsplit ?
		json_string("MSR exits are not split by MSR (measure: detail: [msr])") :
		json_integer(s->eoi)) ? -ENOMEM : 0;
}

int numbers_of_window(const json_t *window, json_t **out, char *why, size_t n)
{
	struct sums s = { .numbers = json_object(), .why = why, .n = n };
	const json_t *vms = json_object_get(json_object_get(window, "tracer"), "vms");
	int rc;

	if (!s.numbers)
		return -ENOMEM;
	rc = refuse_unsound(window, why, n);
	if (!rc)
		rc = add_vcpus(&s, vms);
	if (!rc && json_object_set_new(s.numbers, EXITS, json_integer(s.exits)))
		rc = -ENOMEM;
	if (!rc)
		rc = add_signals(&s, json_object_get(window, "counters"));
	if (rc)
		json_decref(s.numbers);
	else
		*out = s.numbers;
	return rc;
}
