// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/run/costs.c tracer/run/scenario_fields.c tracer/run/scenario_msg.c tracer/run/yaml.c */
/*
 * Any bytes as a file of cost sets, and as a reference to one: refused with a message, or numbers
 * that fit on QEMU's command line.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "run/costs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void reference(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct costs_ref ref;

	memcpy(text, data, size);
	text[size] = '\0';
	/* What a label is made of becomes part of a file's name. */
	if (!costs_ref_parse(text, &ref) &&
	    (strchr(ref.label, '/') || !*ref.label || strlen(ref.name) > 40))
		abort();
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "epyc", "epyc@low", "epyc@fast", "a" };
	char *said = NULL, args[256];
	struct costs_ref ref;
	struct costs c;
	size_t len;
	FILE *err = open_memstream(&said, &len);
	int rc;

	reference(data, size);
	costs_ref_parse(names[size % 4], &ref);
	rc = costs_parse("fuzz.yaml", (const char *)data, size, &ref, err, &c);
	fclose(err);
	if ((rc == -EINVAL) != (len > 0) || (rc && rc != -EINVAL))
		abort();
	free(said);
	if (rc)
		return 0;
	costs_icount(&c, args, sizeof(args));
	if (strlen(args) >= sizeof(args) - 1 || !c.mips)
		abort();
	json_decref(costs_to_json(&c));
	return 0;
}
