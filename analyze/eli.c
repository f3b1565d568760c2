// SPDX-License-Identifier: GPL-2.0
/*
 * Everything here is arithmetic on counters of the record. What takes care is what must not be
 * printed: speed where the emulator's time says nothing about it, and zeros of what was not counted
 * or cannot be, such as injections where there is no VM.
 */
#include "analyze/eli.h"

#include <string.h>

#include "analyze/text.h"

#define NOT_COUNTED	"not counted"
#define NO_VM		"bare metal: there is no VM"

static const json_t *config_of(const struct column *c)
{
	return json_object_get(c->rec->point, "configuration");
}

static bool is_bare(const struct column *c)
{
	return json_is_true(json_object_get(config_of(c), "bare_metal"));
}

static bool is_eli(const struct column *c)
{
	const char *eli = json_string_value(json_object_get(config_of(c), "eli"));

	return eli && strcmp(eli, "off");
}

bool eli_in_table(const struct table *t)
{
	size_t i;

	for (i = 0; i < t->nr_cols; i++)
		if (is_bare(&t->cols[i]) || is_eli(&t->cols[i]))
			return true;
	return false;
}

static bool is_emulated(const struct column *c)
{
	const char *backend = json_string_value(json_object_get(c->rec->root, "backend"));

	return backend && !strcmp(backend, "emulated");
}

/* NULL if the record's time tells how fast the machine was. */
static const char *speed_why(const struct column *c)
{
	const char *mode = json_string_value(json_object_get(c->rec->point, "mode"));

	if (!is_emulated(c) || (mode && !strcmp(mode, "timed")))
		return NULL;
	return "the time of this mode says nothing about speed; mode: timed";
}

static uint64_t windows_of(const struct table *t, size_t col)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < t->nr_rows; i++) {
		const struct row *r = &t->rows[i];

		/* SVM has VINTR for it, VMX the interrupt window. */
		if ((!strcmp(r->isa, "svm") && r->reason == 0x64) ||
		    (!strcmp(r->isa, "vmx") && r->reason == 7))
			n += r->cells[col].count;
	}
	return n;
}

static bool result_of(const struct column *c, const char *key, double *v)
{
	struct result r[64];
	size_t n = table_results(c->window, r, 64), i;

	for (i = 0; i < n; i++) {
		if (!strcmp(r[i].key, key)) {
			*v = r[i].value;
			return true;
		}
	}
	return false;
}

static bool throughput(const struct table *t, const struct column *c, double *v)
{
	double ns;

	if (!strcmp(t->unit, "MB")) {
		if (!result_of(c, "bytes_per_s", v))
			return false;
		*v *= 8e-6;
		return true;
	}
	if (result_of(c, "requests_per_s", v))
		return true;
	if (!result_of(c, "elapsed_ns", &ns) || !(ns > 0))
		return false;
	*v = c->work * 1e9 / ns;
	return true;
}

static bool response(const struct column *c, double *v)
{
	if (!result_of(c, "response_mean_ns", v) && !result_of(c, "rtt_mean_ns", v))
		return false;
	*v /= 1e3;
	return true;
}

static bool exits_per_irq(const struct column *c, double *v)
{
	double irqs;

	if (!table_counter(c->window, "guest", "nic_interrupts", &irqs) || !(irqs > 0))
		return false;
	*v = c->exits / irqs;
	return true;
}

/* The column to compare with: of the same parameters and repetition. NULL: there is none. */
static const struct column *reference(const struct table *t, size_t col, bool bare)
{
	const struct record *r = t->cols[col].rec;
	size_t i;

	for (i = 0; i < t->nr_cols; i++) {
		const struct column *c = &t->cols[i];

		if (is_bare(c) == bare && (bare || !is_eli(c)) && c->rec->repeat == r->repeat &&
		    json_equal(c->rec->parameters, r->parameters))
			return c;
	}
	return NULL;
}

static bool counted(const struct column *c, const char *group, const char *key, double *v)
{
	if (!table_counter(c->window, group, key, v) || !(c->duration_s > 0))
		return false;
	*v /= c->duration_s;
	return true;
}

static bool ratio(const struct table *t, const struct column *c, const struct column *ref,
		  bool speed, double *v)
{
	double base;

	if (!ref || !(speed ? throughput(t, c, v) : exits_per_irq(c, v)) ||
	    !(speed ? throughput(t, ref, &base) : exits_per_irq(ref, &base)) || !(base > 0))
		return false;
	*v = 100 * (*v / base);
	return true;
}

static void name(const struct table *t, const struct column *c, enum eli_row row,
		 struct eli_value *out)
{
	static const char *const keys[] = {
		"exits_per_s", "guest_percent", "device_interrupts_per_s",
		"handled_in_host_per_s", "injections_per_s", "irq_windows_per_s", "throughput",
		"throughput_percent_of_bare_metal", "response_us", "exits_per_device_interrupt",
		"exits_percent_of_baseline",
	};
	static const char *const labels[] = {
		"exits/s", "time in guest, %", "device irqs/s", "  handled in host/s",
		"injections/s", "IRQ windows/s", "requests/s", "  % of bare", "response, us",
		"exits/device irq", "  % of baseline",
	};
	const char *label = labels[row], *model = "";

	if (row == ELI_THROUGHPUT && !strcmp(t->unit, "MB"))
		label = "Mb/s";
	/* Modelled time is never shown as if it had been measured. */
	if ((row == ELI_THROUGHPUT || row == ELI_RESPONSE || row == ELI_THROUGHPUT_RATIO) &&
	    is_emulated(c) && !speed_why(c))
		model = ", modelled";
	out->key = keys[row];
	snprintf(out->label, sizeof(out->label), "%s%s", label, model);
}

void eli_value(const struct table *t, size_t col, enum eli_row row, struct eli_value *out)
{
	const struct column *c = &t->cols[col];
	bool bare = is_bare(c), ok = false;
	double *v = &out->value;

	*out = (struct eli_value){ 0 };
	name(t, c, row, out);
	switch (row) {
	case ELI_EXITS:
		ok = c->duration_s > 0;
		*v = ok ? c->exits / c->duration_s : 0;
		break;
	case ELI_GUEST:
		ok = !bare && c->vcpus && c->duration_s > 0;
		*v = ok ? table_guest_percent(c) : 0;
		break;
	case ELI_INTERRUPTS:
		ok = counted(c, "guest", "nic_interrupts", v);
		break;
	case ELI_HANDLED:
		ok = !bare && counted(c, "host", "vfio_interrupts", v);
		break;
	case ELI_INJECTIONS:
		ok = !bare && counted(c, "kvm", "irq_injections", v);
		break;
	case ELI_WINDOWS:
		ok = !bare && c->duration_s > 0;
		*v = ok ? windows_of(t, col) / c->duration_s : 0;
		break;
	case ELI_THROUGHPUT:
		ok = throughput(t, c, v);
		break;
	case ELI_RESPONSE:
		ok = response(c, v);
		break;
	case ELI_EXITS_PER_IRQ:
		ok = exits_per_irq(c, v);
		break;
	case ELI_EXITS_RATIO:
		ok = ratio(t, c, reference(t, col, false), false, v);
		break;
	case ELI_THROUGHPUT_RATIO:
		ok = ratio(t, c, reference(t, col, true), true, v);
		break;
	case ELI_ROWS:
		break;
	}
	if (!ok)
		out->why = bare && row >= ELI_GUEST && row <= ELI_WINDOWS && row != ELI_INTERRUPTS ?
			   NO_VM : NOT_COUNTED;
	else if (row == ELI_THROUGHPUT || row == ELI_RESPONSE || row == ELI_THROUGHPUT_RATIO)
		out->why = speed_why(c);
	out->no_speed = ok && out->why;
	if (out->why)
		*v = 0;
}

/* A row that no column can have, such as the response time of a stream, is not printed. */
static bool any_counted(const struct table *t, enum eli_row row, size_t first, size_t end)
{
	struct eli_value v;
	size_t i;

	for (i = first; i < end; i++) {
		eli_value(t, i, row, &v);
		if (!v.why || v.no_speed)
			return true;
	}
	return false;
}

void eli_lines(FILE *out, const struct table *t, size_t first, size_t end)
{
	struct eli_value v;
	char buf[32];
	int row;
	size_t i;

	for (row = 0; row < ELI_ROWS; row++) {
		if (!any_counted(t, row, first, end))
			continue;
		eli_value(t, first, row, &v);
		fprintf(out, "%-*.*s", TEXT_LABEL_WIDTH, TEXT_LABEL_WIDTH, v.label);
		for (i = first; i < end; i++) {
			eli_value(t, i, row, &v);
			if (!v.why)
				text_cell(buf, sizeof(buf), v.value);
			else
				snprintf(buf, sizeof(buf), "%s", v.no_speed ? "n/a" : "-");
			fprintf(out, " %*s", TEXT_COL_WIDTH, buf);
		}
		fprintf(out, "\n");
	}
}

json_t *eli_json(const struct table *t, size_t col)
{
	json_t *o = json_object();
	struct eli_value v;
	char key[64];
	int row;

	for (row = 0; o && row < ELI_ROWS; row++) {
		eli_value(t, col, row, &v);
		json_object_set_new(o, v.key, v.why ? json_null() : json_real(v.value));
		snprintf(key, sizeof(key), "%s_why", v.key);
		if (v.why)
			json_object_set_new(o, key, json_string(v.why));
	}
	return o;
}
