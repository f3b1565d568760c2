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
#include "run/bare.h"
#include "run/hostdisk.h"
#include "run/hosteli.h"
#include "run/hostkvm.h"
#include "run/hostnet.h"
#include "run/placement.h"
#include "run/window.h"
#include "util/log.h"

#define GUEST_BOOT_MS	(300 * 1000)

struct point {
	struct guest guests[HOSTNET_MAX_GUESTS];
	int nr_guests;
	bool bare;		/* no VM: the one guest is this host itself */
	const struct lab *lab;
	struct hostnet net;
	struct hostkvm kvm;
	struct hostdisk disk;
	struct guest_cpus on;
	point_phase_fn phase;
	void *arg;
};

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

/* The guest's kernel, by its own word; null if it does not answer. */
static json_t *guest_kernel(struct guest *g)
{
	char out[2048], *cmdline, *pti;

	if (guest_run(g, "uname -r; cat /proc/cmdline; grep -qw pti /proc/cpuinfo && echo on || echo off",
		      out, sizeof(out)))
		return json_null();
	cmdline = strchr(out, '\n');
	pti = cmdline ? strchr(cmdline + 1, '\n') : NULL;
	if (!pti)
		return json_null();
	*cmdline++ = *pti++ = 0;
	return json_pack("{s:s, s:s, s:b}", "release", out, "cmdline", cmdline,
			 "page_table_isolation", !strcmp(pti, "on\n"));
}

static json_t *machine_json(struct point *p, const struct sc_point *pt)
{
	char buf[4096], *version[] = { (char *)p->lab->qemu, "--version", NULL };
	struct proc_opts o = { .cpu = -1 };
	json_t *m = json_object(), *boots = json_array(), *eli = json_array();
	json_t *kernels = json_array();
	struct utsname u;
	int i, vms = p->bare ? 0 : p->nr_guests;

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
	for (i = 0; i < vms; i++)
		json_array_append_new(boots, json_integer((json_int_t)p->guests[i].boot_ns));
	for (i = 0; i < vms; i++)
		json_array_append_new(eli, hosteli_state(p->guests[i].vmm.pid));
	for (i = 0; i < vms; i++)
		json_array_append_new(kernels, guest_kernel(&p->guests[i]));
	json_object_set_new(m, "guest_boot_ns", boots);
	json_object_set_new(m, "guest_kernels", kernels);
	json_object_set_new(m, "guest_eli", eli);
	if (pt->config->numa)
		json_object_set_new(m, "guest_nodes", placement_nodes(p->guests, vms));
	if (pt->config->ring)
		json_object_set_new(m, "guest_rings", placement_rings(p->guests, vms));
	if (p->bare)
		json_object_set_new(m, "bare_metal", bare_json(p->net.vf[0], BARE_CPU));
	json_object_set_new(m, "kvm", module_params("kvm"));
	json_object_set_new(m, "kvm_amd", module_params("kvm_amd"));
	json_object_set_new(m, "kvm_intel", module_params("kvm_intel"));
	json_object_set_new(m, "vhost", module_params("vhost"));
	return m;
}

static int coalesce(struct guest *g, const char *nic, uint32_t us)
{
	char cmd[64], out[256] = "";
	int ret = 0;

	snprintf(cmd, sizeof(cmd), "netload coalesce %s %u", nic, us);
	if (us)
		ret = guest_run(g, cmd, out, sizeof(out));
	if (ret)
		err("guest %s: coalesce_us: %u us cannot be set: %s", g->name, us,
		    ret < 0 ? strerror(-ret) : out);
	return ret > 0 ? -EIO : ret;
}

/* In place of a guest. */
static int start_bare(struct point *p, const struct sc_guests *cfg)
{
	struct guest *g = &p->guests[0];
	int ret = bare_start(g, p->lab, BARE_CPU, GUEST_BOOT_MS);

	if (!ret)
		ret = guest_wait_ready(g, GUEST_BOOT_MS);
	if (!ret)
		ret = coalesce(g, BARE_NIC, cfg->coalesce_us);
	return ret ? ret : guest_freeze(g);
}

/* CPUs of vhost's workers, as bits: one, or the vCPUs' and that of the card's interrupts. */
static unsigned int worker_cpus(const struct sc_point *shape, const struct guest_cpus *on)
{
	unsigned int set = 1u << shape->host.nic_cpu;
	int i, v;

	if (!shape->config->worker_free)
		return 1u << shape->config->worker_cpu;
	for (i = 0; i < shape->guests.count; i++) {
		for (v = 0; v < shape->guests.vcpus; v++)
			set |= 1u << guest_vcpu_cpu(i, v, shape->guests.vcpus, on);
	}
	return set;
}

struct own_kernel {
	struct lab lab;
	struct sc_guests cfg;
	char kernel[300], initrd[300], cmdline[500];
};

/* What a configuration says of the guests' kernel, put into copies of what is said for all. */
static int own_kernel(const struct lab *lab, const struct sc_point *shape, struct own_kernel *o)
{
	const struct sc_config *c = shape->config;

	o->lab = *lab;
	o->cfg = shape->guests;
	if (c->guest_cmdline) {
		snprintf(o->cmdline, sizeof(o->cmdline), "%s%s%s",
			 shape->guests.cmdline ? shape->guests.cmdline : "",
			 shape->guests.cmdline ? " " : "", c->guest_cmdline);
		o->cfg.cmdline = o->cmdline;
	}
	if (!c->guest_kernel)
		return 0;
	snprintf(o->kernel, sizeof(o->kernel), "%s/%s/vmlinux", lab->kernels, c->guest_kernel);
	snprintf(o->initrd, sizeof(o->initrd), "%s/%s/l2.cpio", lab->kernels, c->guest_kernel);
	o->lab.kernel = o->kernel;
	o->lab.initrd = o->initrd;
	if (!access(o->kernel, R_OK) && !access(o->initrd, R_OK))
		return 0;
	err("guest_kernel: this host has no kernel %s for guests", c->guest_kernel);
	return -ENOENT;
}

static int boot_guests(struct point *p, const struct sc_point *shape)
{
	struct own_kernel own;
	const struct sc_guests *cfg = &own.cfg;
	int i, ret = own_kernel(p->lab, shape, &own);
	unsigned int workers;
	struct guest_net gn;

	p->on = (struct guest_cpus){ .cpus = (int)sysconf(_SC_NPROCESSORS_ONLN),
				     .nodes = shape->host.numa_nodes, .numa = shape->config->numa };
	workers = worker_cpus(shape, &p->on);
	for (i = 0; !ret && i < p->nr_guests; i++) {
		hostnet_guest(&p->net, i, &gn);
		gn.poll_us = shape->config->poll_us;
		gn.disk = shape->config->disk;
		gn.event_idx = shape->config->event_idx;
		gn.ring = shape->config->ring;
		gn.wwpn = p->disk.wwpn[i];
		ret = guest_start(&p->guests[i], i, &own.lab, cfg, &gn, &p->on);
	}
	for (i = 0; !ret && i < p->nr_guests; i++)
		ret = guest_pin(&p->guests[i], p->lab, cfg, workers, &p->on,
				GUEST_BOOT_MS);
	for (i = 0; !ret && i < p->nr_guests; i++)
		ret = guest_wait_ready(&p->guests[i], GUEST_BOOT_MS);
	for (i = 0; !ret && i < p->nr_guests; i++)
		ret = guest_await_disk(&p->guests[i]);
	for (i = 0; !ret && i < p->nr_guests; i++)
		ret = guest_settle(&p->guests[i], cfg, workers, &p->on);
	for (i = 0; !ret && i < p->nr_guests; i++)
		ret = coalesce(&p->guests[i], "eth0", cfg->coalesce_us);
	/* Held still: no vCPU is inside a guest when the machine is saved. */
	for (i = 0; !ret && i < p->nr_guests; i++) {
		ret = guest_freeze(&p->guests[i]);
		if (ret)
			err("guest %s does not stand still: %s", p->guests[i].name, strerror(-ret));
	}
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

int point_prepare(const struct sc_point *shape, const struct lab *lab, point_phase_fn phase,
		  void *arg, struct point **out)
{
	struct point *p = calloc(1, sizeof(*p));
	int n = shape->guests.count, i, ret;

	if (!p)
		return -ENOMEM;
	p->lab = lab;
	p->phase = phase;
	p->arg = arg;
	for (i = 0; i < HOSTNET_MAX_GUESTS; i++)
		p->guests[i].agent = -1;
	if (n > HOSTNET_MAX_GUESTS) {
		err("%d guests asked for, at most %d are possible", n, HOSTNET_MAX_GUESTS);
		free(p);
		return -E2BIG;
	}
	p->nr_guests = n;
	p->bare = shape->config->bare_metal;
	phase("network", arg);
	ret = n > 0 ? hostkvm_setup(&p->kvm, shape->host.halt_poll_ns,
				    shape->config->module_params) : 0;
	if (!ret)
		ret = hostnet_setup(&p->net, n > 0 ? shape->config->net : SC_NET_NONE, n,
			    &shape->host, p->bare ? BARE_CPU : 0);
	if (!ret)
		ret = hostdisk_setup(&p->disk, n > 0 ? shape->config->disk : SC_DISK_NONE, n);
	if (!ret && p->bare) {
		phase("bare metal", arg);
		ret = start_bare(p, &shape->guests);
	} else if (!ret && n > 0) {
		phase(n == 1 ? "booting the guest" : "booting guests", arg);
		ret = boot_guests(p, shape);
	}
	if (ret) {
		show_consoles(lab, n);
		point_end(p);
		return ret;
	}
	*out = p;
	return 0;
}

static int run_windows(struct point *p, const struct scenario *sc, const struct sc_point *pt,
		       json_t *windows)
{
	struct engine_opts eo = { .details = (sc->measure.msr_detail ? DETAIL_MSR : 0) |
					     (sc->measure.port_detail ? DETAIL_PORT : 0) |
					     (sc->measure.gpa_detail ? DETAIL_GPA : 0) };
	struct window_env env = {
		.guests = p->guests, .nr_guests = p->nr_guests, .lab = p->lab,
		.measure = &sc->measure, .phase = p->phase, .arg = p->arg,
		.disk = &p->disk, .eli = pt->config->eli,
		.bare = p->bare,
		.load_cpu = pt->host.peer_cpus ? pt->host.cpus - pt->host.peer_cpus :
			    pt->host.pin_load ? 0 : -1,
		.load_cpus = pt->host.peer_cpus,
	};
	int i, ret;

	p->phase("loading the tracer", p->arg);
	ret = engine_open(&eo, &env.engine);
	for (i = 0; !ret && i < (int)pt->nr_workloads; i++) {
		json_t *w = NULL;

		ret = window_run(&env, &pt->workloads[i], &w);
		if (!ret)
			json_array_append_new(windows, w);
	}
	if (env.engine)
		engine_close(env.engine);
	return ret;
}

int point_measure(struct point *p, const struct scenario *sc, const struct sc_point *pt,
		  json_t **record)
{
	json_t *windows = json_array();
	int i, ret = 0;

	for (i = 0; !ret && i < p->nr_guests; i++)
		ret = guest_thaw(&p->guests[i]);
	for (i = 0; !ret && i < p->nr_guests; i++)
		ret = hosteli_set(p->guests[i].vmm.pid, pt->config->eli);
	if (!ret)
		ret = run_windows(p, sc, pt, windows);
	if (!ret)
		*record = json_pack("{s:o, s:o, s:O}", "point", sc_point_to_json(sc, pt),
				    "machine", machine_json(p, pt), "windows", windows);
	if (!ret && !*record)
		ret = -ENOMEM;
	if (ret)
		show_consoles(p->lab, p->nr_guests);
	json_decref(windows);
	return ret;
}

void point_end(struct point *p)
{
	int i;

	if (!p)
		return;
	for (i = 0; i < HOSTNET_MAX_GUESTS; i++)
		guest_stop(&p->guests[i]);
	hostdisk_teardown(&p->disk);
	hostnet_teardown(&p->net);
	hostkvm_teardown(&p->kvm);
	free(p);
}
