// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/run/scenario.c tracer/run/scenario_check.c tracer/run/scenario_check_load.c tracer/run/scenario_fields.c tracer/run/scenario_json.c tracer/run/scenario_msg.c tracer/run/scenario_points.c tracer/run/costs.c tracer/run/yaml.c */
/*
 * Any bytes as a scenario file: the parser must either refuse them with a message or give points
 * that survive the way through JSON unchanged. Build from the top of the source:
 *
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -std=gnu11 -D_GNU_SOURCE -Itracer -I. \
 *     tests/fuzz/fuzz_scenario.c tracer/run/scenario*.c tracer/run/yaml.c \
 *     -lyaml -ljansson -lcrypto -o fuzz_scenario
 *   ./fuzz_scenario -max_total_time=180 CORPUS tests/unit/scenarios/good tests/unit/scenarios/bad
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "run/scenario.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Enough points of a scenario to see each of its configurations and axes. */
#define MAX_POINTS 20

static void round_trip(const struct scenario *sc, const struct sc_point *pt)
{
	json_t *j = sc_point_to_json(sc, pt), *again;
	struct scenario *sc2;
	struct sc_point *pt2;

	if (!j || sc_point_from_json(j, &sc2, &pt2, stderr))
		abort();
	again = sc_point_to_json(sc2, pt2);
	if (!json_equal(j, again))
		abort();
	json_decref(j);
	json_decref(again);
	scenario_points_free(pt2, 1);
	scenario_free(sc2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct scenario *sc;
	struct sc_point *points;
	char *said = NULL;
	size_t len, n, i;
	FILE *err = open_memstream(&said, &len);
	int rc = scenario_parse("fuzz.yaml", (const char *)data, size, err, &sc);

	fclose(err);
	/* Refused without a word, or taken with one. */
	if ((rc == -EINVAL) != (len > 0) || (rc && rc != -EINVAL))
		abort();
	free(said);
	if (rc)
		return 0;
	if (scenario_points(sc, &points, &n))
		abort();
	for (i = 0; i < n && i < MAX_POINTS; i++)
		round_trip(sc, &points[i]);
	scenario_points_free(points, n);
	scenario_free(sc);
	return 0;
}
