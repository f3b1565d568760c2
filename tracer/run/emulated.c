// SPDX-License-Identifier: GPL-2.0
/*
 * What the emulated testbed is made of. The command line below is part of what makes counts repeat:
 * nothing in it may depend on the machine underneath (paths do not reach the guest, the clock
 * starts at a fixed date, the seed is fixed, and no device takes input from outside).
 */
#include "run/emulated.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/args.h"
#include "util/datadir.h"
#include "util/log.h"

/* One line of what the build script prints. 0 or -ENOMEM. */
static int take_line(struct testbed *t, const char *line)
{
	char key[32], value[512], part[64];
	int end = 0;

	if (sscanf(line, "%31s %511[^\n]", key, value) != 2)
		return 0;
	if (!strcmp(key, "qemu"))
		snprintf(t->qemu, sizeof(t->qemu), "%s", value);
	else if (!strcmp(key, "images"))
		snprintf(t->images, sizeof(t->images), "%s", value);
	else if (!strcmp(key, "testbed"))
		snprintf(t->key, sizeof(t->key), "%.31s", value);
	else if (!strcmp(key, "part") && sscanf(value, "%63s %n", part, &end) == 1 && end > 0)
		return json_object_set_new(t->parts, part, json_string(value + end)) ? -ENOMEM : 0;
	return 0;
}

static void build_args(struct args *a, const char *script, const struct testbed_opts *o,
		       const char *point)
{
	const struct { const char *name, *value; } opts[] = {
		{ "--kernel", o->kernel }, { "--guest-kernel", o->guest_kernel },
		{ "--modules", o->modules }, { "--qemu", o->qemu }, { "--qemu-share", o->qemu_share },
	};
	size_t i;

	args_add(a, "%s", script);
	for (i = 0; i < sizeof(opts) / sizeof(opts[0]); i++) {
		if (!opts[i].value)
			continue;
		args_add(a, "%s", opts[i].name);
		args_add(a, "%s", opts[i].value);
	}
	for (i = 0; i < o->nr_more; i++) {
		args_add(a, "--guest-kernel-too");
		args_add(a, "%s", o->more_kernels[i]);
	}
	args_add(a, "%s", point);
}

/* Runs the build script. A signal to us ends it, too. */
static int run_build(struct testbed *t, const struct args *a)
{
	struct proc_opts o = { .cpu = -1, .pipe_stdout = true };
	char line[600];
	struct proc p;
	int ret = args_ok(a);

	if (!ret)
		ret = proc_start(&p, a->v, &o);
	if (ret)
		return ret;
	while (!(ret = proc_read_line(&p, line, sizeof(line), INT_MAX)))
		if ((ret = take_line(t, line)))
			break;
	if (ret == -EPIPE)
		ret = proc_wait(&p, -1);
	proc_stop(&p);
	/* 130: the script was interrupted by the same Ctrl-C. */
	if (ret == 130)
		return -EINTR;
	return ret > 0 ? -EIO : ret;
}

static int ask_version(struct testbed *t)
{
	char program[600], out[1024];
	char *argv[] = { program, "--version", NULL };
	struct proc_opts o = { .cpu = -1 };
	int ret;

	snprintf(program, sizeof(program), "%s/qemu-l0", t->qemu);
	ret = proc_run(argv, &o, out, sizeof(out));
	if (ret) {
		err("%s does not run", program);
		return ret < 0 ? ret : -EIO;
	}
	snprintf(t->version, sizeof(t->version), "%.*s", (int)strcspn(out, "\n"), out);
	return 0;
}

/* The program for the inside: beside ours in a build folder, in libexec/ when installed. */
static int find_point(char *buf, size_t size)
{
	static const char *const places[] = { "exitlab-point", "../libexec/exitlab/exitlab-point" };
	char self[512], *slash;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	size_t i;

	if (n <= 0)
		return -errno;
	self[n] = 0;
	slash = strrchr(self, '/');
	for (i = 0; slash && i < 2; i++) {
		snprintf(buf, size, "%.*s/%s", (int)(slash - self), self, places[i]);
		if (!access(buf, X_OK))
			return 0;
	}
	err("exitlab-point, which runs inside the emulated host, is not beside %s; build or install exitlab as a whole (make, make install)",
	    self);
	return -ENOENT;
}

int testbed_prepare(struct testbed *t, const struct testbed_opts *o)
{
	char data[512], script[600], point[600], owner[16];
	struct args a = { .n = 0 };
	int ret;

	memset(t, 0, sizeof(*t));
	t->parts = json_object();
	if (!t->parts)
		return -ENOMEM;
	ret = datadir(data, sizeof(data));
	if (ret) {
		err("exitlab's data folder is not in %s; set EXITLAB_DATA to the folder with testbed/ and plots/",
		    data);
		return ret;
	}
	ret = find_point(point, sizeof(point));
	if (ret)
		return ret;
	snprintf(script, sizeof(script), "%s/testbed/build.sh", data);
	/* A build stops by itself when the exitlab that wanted it has gone (testbed/lib.sh). */
	snprintf(owner, sizeof(owner), "%d", getpid());
	setenv("EXITLAB_OWNER_PID", owner, 1);
	build_args(&a, script, o, point);
	ret = run_build(t, &a);
	args_free(&a);
	if (ret)
		return ret;
	if (!t->qemu[0] || !t->images[0] || !t->key[0]) {
		err("%s did not say where the testbed is", script);
		return -EPROTO;
	}
	return ask_version(t);
}

void testbed_release(struct testbed *t)
{
	json_decref(t->parts);
	t->parts = NULL;
}

static void clock_args(struct args *a, const struct scenario *sc, const struct sc_point *pt,
		       bool windows)
{
	char costs[256];

	snprintf(costs, sizeof(costs), ",pause=%d", EMU_PAUSE_NS);
	if (sc->mode == SC_MODE_TIMED && windows)
		costs_icount(&pt->cost, costs, sizeof(costs));
	args_add(a, "-accel");
	if (sc->mode != SC_MODE_FAST) {
		args_add(a, "tcg,thread=single");
		/* One nanosecond per instruction; sleep=off: idle time passes at once. */
		args_add(a, "-icount");
		args_add(a, "shift=0,sleep=off,quantum=%d%s", emu_quantum_ns(sc, pt), costs);
		args_words(a, "-rtc base=2024-01-01T00:00:00,clock=vm");
	} else {
		args_add(a, "tcg,thread=multi");
	}
	args_words(a, "-seed 1");
}

/* Two ends of a cable, or two ports of a hub, inside the process: no packet leaves it. */
static void cable_args(struct args *a, const struct scenario *sc, const struct sc_point *pt,
		       bool windows)
{
	const struct sc_link before = { .rate_mbit = 10000, .delay_ns = 300 };
	const struct sc_link *link = windows || !pt->link.rate_mbit ? &pt->link : &before;
	int i;

	for (i = 0; i < 2; i++) {
		args_add(a, "-netdev");
		/* The clock of mode fast is the real one and has nothing to do with the link. */
		if (sc->mode == SC_MODE_FAST || !link->rate_mbit)
			args_add(a, "hubport,id=n%d,hubid=0", i);
		else
			args_add(a, "link,id=n%d,linkid=0,rate=%llu,delay=%u", i,
				 link->rate_mbit * 1000000ull, link->delay_ns);
	}
}

static void nic_args(struct args *a, const struct scenario *sc, const struct sc_point *pt,
		     bool windows)
{
	cable_args(a, sc, pt, windows);
	/* The VFs' BARs must lie below 4 GiB; there is room only if the root port reserves it. */
	args_words(a, "-device pcie-root-port,id=rp0,bus=pcie.0,chassis=1,slot=1,pref32-reserve=16M");
	args_words(a, "-device igb,netdev=n0,bus=rp0,mac=52:54:00:00:00:02,romfile=");
	args_words(a, "-device pcie-root-port,id=rp1,bus=pcie.0,chassis=2,slot=2");
	args_words(a, "-device e1000e,netdev=n1,bus=rp1,mac=52:54:00:00:00:01,romfile=");
}

/* A path inside an option of QEMU: a comma would end it. */
static void add_path(struct args *a, const char *before, const char *path, const char *after)
{
	char doubled[1200];
	size_t n = 0;

	for (; *path && n + 3 < sizeof(doubled); path++) {
		if (*path == ',')
			doubled[n++] = ',';
		doubled[n++] = *path;
	}
	doubled[n] = 0;
	args_add(a, "%s%s%s", before, doubled, after);
}

/* CPUs and memory; with nodes, each gets CPUs and memory of its own, in order, and is a socket. */
static void size_args(struct args *a, const struct sc_host *host)
{
	int n = host->numa_nodes, each = n ? host->cpus / n : 0, i;

	args_add(a, "-smp");
	if (n)
		args_add(a, "%d,sockets=%d", host->cpus, n);
	else
		args_add(a, "%d", host->cpus);
	args_add(a, "-m"), args_add(a, "%d", host->memory_mb);
	for (i = 0; i < n; i++) {
		args_add(a, "-object");
		args_add(a, "memory-backend-ram,id=node%d,size=%dM", i, host->memory_mb / n);
		args_add(a, "-numa");
		args_add(a, "node,nodeid=%d,memdev=node%d,cpus=%d-%d", i, i, i * each,
			 (i + 1) * each - 1);
	}
}

void machine_args(struct args *a, const struct machine_paths *p, const struct scenario *sc,
		  const struct sc_point *pt, bool windows)
{
	char repeat[32] = "";

	/* A word that nobody reads moves the kernel's memory and time: else repeats were one. */
	if (pt->repeat > 1)
		snprintf(repeat, sizeof(repeat), " " EMU_REPEAT_WORD "%d", pt->repeat);
	args_add(a, "%s/qemu-l0", p->qemu);
	args_add(a, "-L"), args_add(a, "%s/share", p->qemu);
	args_words(a, "-nodefaults -no-user-config"), args_add(a, "-no-reboot");
	args_words(a, "-display none");
	args_words(a, "-machine q35,hpet=off");
	args_words(a, "-device intel-iommu,intremap=on,eim=on");
	clock_args(a, sc, pt, windows);
	size_args(a, &pt->host);
	/* -monitor: QEMU's MWAIT does not halt a CPU, HLT does. */
	args_words(a, "-cpu max,la57=off,+svm,+x2apic,-rdrand,-rdseed,-monitor,-erms,-fsrm,-fzrm,-fsrs,-fsrc");
	args_add(a, "-kernel"), args_add(a, "%s/vmlinux", p->images);
	args_add(a, "-initrd"), args_add(a, "%s/l1.cpio", p->images);
	args_add(a, "-append");
	/* By real time, on a busy machine, the kernel's test of its timer interrupt can fail. */
	args_add(a, "console=ttyS0 panic=-1 mitigations=off nokaslr ipv6.disable=1 cryptomgr.notests "
	    "tsc=reliable intel_iommu=on iommu=strict quiet%s%s",
		 sc->mode == SC_MODE_FAST ? " no_timer_check" : "", repeat);
	/* What a restored machine prints is appended to what it had printed when it was saved. */
	args_add(a, "-chardev");
	add_path(a, "file,id=console,append=on,path=", p->console, "");
	args_words(a, "-serial chardev:console");
	args_words(a, "-chardev stdio,id=qmp,signal=off -mon chardev=qmp,mode=control");
	args_words(a, "-device isa-debug-stop");
	nic_args(a, sc, pt, windows);
	args_add(a, "-object");
	add_path(a, "memory-backend-file,id=mailbox,share=on,mem-path=", p->mailbox,
		 ",size=" MAILBOX_SIZE_TEXT);
	args_words(a, "-device ivshmem-plain,memdev=mailbox,master=on");
}
