// SPDX-License-Identifier: GPL-2.0
/* Prometheus' text format. Integers stay integers and nanoseconds keep all their digits. */
#include "out/prom.h"

#include <inttypes.h>
#include <stdarg.h>

void prom_family(FILE *f, const char *name, const char *type, const char *help)
{
	fprintf(f, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void escaped(FILE *f, const char *s)
{
	for (; *s; s++) {
		if (*s == '\\' || *s == '"')
			fputc('\\', f);
		if (*s == '\n')
			fputs("\\n", f);
		else
			fputc(*s, f);
	}
}

static void labels(FILE *f, const char *name, va_list ap)
{
	const char *label, *value;
	char before = '{';

	fputs(name, f);
	while ((label = va_arg(ap, const char *))) {
		value = va_arg(ap, const char *);
		if (!value)
			continue;
		fprintf(f, "%c%s=\"", before, label);
		escaped(f, value);
		fputc('"', f);
		before = ',';
	}
	if (before == ',')
		fputc('}', f);
}

void prom_count(FILE *f, const char *name, uint64_t value, ...)
{
	va_list ap;

	va_start(ap, value);
	labels(f, name, ap);
	va_end(ap);
	fprintf(f, " %" PRIu64 "\n", value);
}

void prom_seconds(FILE *f, const char *name, uint64_t ns, ...)
{
	va_list ap;

	va_start(ap, ns);
	labels(f, name, ap);
	va_end(ap);
	fprintf(f, " %" PRIu64 ".%09" PRIu64 "\n", ns / 1000000000u, ns % 1000000000u);
}
