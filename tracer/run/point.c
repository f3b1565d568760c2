// SPDX-License-Identifier: GPL-2.0
/*
 * One point on this host, from nothing to a record and back to nothing. It knows no emulator: the
 * emulated testbed runs this inside its host, a backend for real hardware would run it as it is.
 */
#include "run/point.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "engine/engine.h"
#include "run/hostnet.h"
#include "run/window.h"
#include "util/log.h"

#define GUEST_BOOT_MS	(300 * 1000)

/* First line of a file, or NULL. */
static const char *first_line(const char *path, char *buf, size_t size)
{
	FILE *f = fopen(path, "re");
	char *line = f ? fgets(buf, (int)size, f) : NULL;

	if (f)
		fclose(f);
	if (line)
		line[strcspn(line, "\n")] = 0;
	return line;
}

static void set_string(json_t *o, const char *key, const char *value)
{
	json_object_set_new(o, key, value ? json_string(value) : json_null());
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Parameters of a module as they are now, read back: toggles are facts, not wishes. */
static json_t *module_params(const char *module)
{
	char path[320], buf[256], *names[128];
	json_t *o = json_object();
	struct dirent *d;
	size_t n = 0, i;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/module/%s/parameters", module);
	dir = opendir(path);
	while (dir && n < 128 && (d = readdir(dir)))
		if (d->d_name[0] != '.')
			names[n++] = strdup(d->d_name);
	if (dir)
		closedir(dir);
	/* Sorted: the order of a directory is an accident, and records are compared. */
	qsort(names, n, sizeof(names[0]), by_name);
	for (i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "/sys/module/%s/parameters/%s", module, names[i]);
		set_string(o, names[i], first_line(path, buf, sizeof(buf)));
		free(names[i]);
	}
	return o;
}

static json_t *machine_json(const struct lab *lab)
{
	char buf[4096], *version[] = { (char *)lab->qemu, "--version", NULL };
	struct proc_opts o = { .cpu = -1 };
	json_t *m = json_object();
	struct utsname u;

	uname(&u);
	set_string(m, "kernel", u.release);
	set_string(m, "kernel_version", u.version);
	json_object_set_new(m, "cpus", json_integer(sysconf(_SC_NPROCESSORS_ONLN)));
	set_string(m, "cmdline", first_line("/proc/cmdline", buf, sizeof(buf)));
	set_string(m, "clocksource", first_line(
		"/sys/devices/system/clocksource/clocksource0/current_clocksource", buf, sizeof(buf)));
	if (proc_run(version, &o, buf, sizeof(buf)) == 0) {
		buf[strcspn(buf, "\n")] = 0;
		set_string(m, "vmm", buf);
	}
	json_object_set_new(m, "kvm", module_params("kvm"));
	json_object_set_new(m, "kvm_amd", module_params("kvm_amd"));
	json_object_set_new(m, "kvm_intel", module_params("kvm_intel"));
	return m;
}

static int boot_guests(struct guest *guests, int n, const struct lab *lab,
		       const struct sc_guests *cfg, const struct hostnet *net, int cpus)
{
	struct guest_net gn;
	int i, ret = 0;

	for (i = 0; !ret && i < n; i++) {
		hostnet_guest(net, i, &gn);
		ret = guest_start(&guests[i], i, lab, cfg, &gn, cpus);
	}
	for (i = 0; !ret && i < n; i++)
		ret = guest_wait_ready(&guests[i], lab, cfg, cpus, GUEST_BOOT_MS);
	return ret;
}

/* What a guest printed last, for the log of a failed point. */
static void show_consoles(const struct lab *lab, int n)
{
	char path[256], line[512];
	int i;

	for (i = 0; i < n; i++) {
		FILE *f;

		snprintf(path, sizeof(path), "%s/g%d.console", lab->run_dir, i);
		f = fopen(path, "re");
		while (f && fgets(line, sizeof(line), f)) {
			line[strcspn(line, "\r\n")] = 0;
			info("g%d console: %s", i, line);
		}
		if (f)
			fclose(f);
		snprintf(path, sizeof(path), "%s/g%d.log", lab->run_dir, i);
		f = fopen(path, "re");
		while (f && fgets(line, sizeof(line), f)) {
			line[strcspn(line, "\r\n")] = 0;
			info("g%d VMM: %s", i, line);
		}
		if (f)
			fclose(f);
	}
}

int point_run(const struct scenario *sc, const struct sc_point *pt, const struct lab *lab,
	      point_phase_fn phase, void *arg, json_t **record)
{
	struct engine_opts eo = { .msr_detail = sc->measure.msr_detail };
	struct guest guests[HOSTNET_MAX_GUESTS];
	int n = pt->guests.count, i, ret, cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
	struct hostnet net = { .kind = SC_NET_NONE };
	struct window_env env = {
		.guests = guests, .nr_guests = n, .lab = lab, .measure = &sc->measure,
		.phase = phase, .arg = arg,
	};
	json_t *windows = json_array(), *w;

	memset(guests, 0, sizeof(guests));
	for (i = 0; i < HOSTNET_MAX_GUESTS; i++)
		guests[i].agent = -1;
	if (n > HOSTNET_MAX_GUESTS) {
		err("%d guests asked for, at most %d are possible", n, HOSTNET_MAX_GUESTS);
		ret = -E2BIG;
		goto out;
	}
	phase("network", arg);
	ret = hostnet_setup(&net, n > 0 ? pt->config->net : SC_NET_NONE, n);
	if (ret)
		goto out;
	phase(n == 1 ? "booting the guest" : "booting guests", arg);
	ret = boot_guests(guests, n, lab, &pt->guests, &net, cpus);
	if (ret)
		goto out;
	phase("loading the tracer", arg);
	ret = engine_open(&eo, &env.engine);
	if (ret)
		goto out;
	for (i = 0; !ret && i < (int)pt->nr_workloads; i++) {
		w = NULL;
		ret = window_run(&env, &pt->workloads[i], &w);
		if (!ret)
			json_array_append_new(windows, w);
	}
	if (!ret)
		*record = json_pack("{s:o, s:o, s:O}", "point", sc_point_to_json(sc, pt),
				    "machine", machine_json(lab), "windows", windows);
	if (!ret && !*record)
		ret = -ENOMEM;
out:
	if (ret)
		show_consoles(lab, n);
	if (env.engine)
		engine_close(env.engine);
	for (i = 0; i < HOSTNET_MAX_GUESTS; i++)
		guest_stop(&guests[i]);
	hostnet_teardown(&net);
	json_decref(windows);
	return ret;
}
