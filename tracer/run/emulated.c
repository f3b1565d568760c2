// SPDX-License-Identifier: GPL-2.0
/*
 * The outside of the emulated testbed. The command line below is part of what makes counts repeat:
 * nothing in it may depend on the machine underneath (paths do not reach the guest, the clock
 * starts at a fixed date, the seed is fixed, and no device takes input from outside).
 */
#include "run/emulated.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/args.h"
#include "util/clock.h"
#include "util/datadir.h"
#include "util/fs.h"
#include "util/log.h"

/* One line of what the build script prints. */
static void take_line(struct testbed *t, const char *line)
{
	char key[32], value[512];

	if (sscanf(line, "%31s %511[^\n]", key, value) != 2)
		return;
	if (!strcmp(key, "qemu"))
		snprintf(t->qemu, sizeof(t->qemu), "%s", value);
	else if (!strcmp(key, "images"))
		snprintf(t->images, sizeof(t->images), "%s", value);
	else if (!strcmp(key, "testbed"))
		snprintf(t->key, sizeof(t->key), "%.31s", value);
}

/* Runs the build script. A signal to us ends it, too. */
static int run_build(struct testbed *t, const char *script, const char *self)
{
	char *argv[] = { (char *)script, (char *)self, NULL };
	struct proc_opts o = { .cpu = -1, .pipe_stdout = true };
	char line[600];
	struct proc p;
	int ret = proc_start(&p, argv, &o);

	if (ret)
		return ret;
	while (!(ret = proc_read_line(&p, line, sizeof(line), INT_MAX)))
		take_line(t, line);
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

int testbed_prepare(struct testbed *t)
{
	char data[512], script[600], self[512], owner[16];
	ssize_t n;
	int ret;

	memset(t, 0, sizeof(*t));
	ret = datadir(data, sizeof(data));
	if (ret) {
		err("exitlab's data folder is not in %s; set EXITLAB_DATA to the folder with testbed/ and plots/",
		    data);
		return ret;
	}
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n <= 0)
		return -errno;
	self[n] = 0;
	snprintf(script, sizeof(script), "%s/testbed/build.sh", data);
	/* A build stops by itself when the exitlab that wanted it has gone (testbed/lib.sh). */
	snprintf(owner, sizeof(owner), "%d", getpid());
	setenv("EXITLAB_OWNER_PID", owner, 1);
	ret = run_build(t, script, self);
	if (ret)
		return ret;
	if (!t->qemu[0] || !t->images[0] || !t->key[0]) {
		err("%s did not say where the testbed is", script);
		return -EPROTO;
	}
	return ask_version(t);
}

static void clock_args(struct args *a, enum sc_mode mode)
{
	args_add(a, "-accel");
	if (mode == SC_MODE_COUNTS) {
		args_add(a, "tcg,thread=single");
		/* One nanosecond per instruction; sleep=off: idle time passes at once. */
		args_words(a, "-icount shift=0,sleep=off");
		args_words(a, "-rtc base=2024-01-01T00:00:00,clock=vm");
	} else {
		args_add(a, "tcg,thread=multi");
	}
	args_words(a, "-seed 1");
}

static void nic_args(struct args *a)
{
	/* Both NICs hang on one hub inside the process: no packet leaves it. The VFs' BARs must lie
	 * below 4 GiB, where there is room only if the root port reserves it. */
	args_words(a, "-netdev hubport,id=n0,hubid=0");
	args_words(a, "-netdev hubport,id=n1,hubid=0");
	args_words(a, "-device pcie-root-port,id=rp0,bus=pcie.0,chassis=1,slot=1,pref32-reserve=16M");
	args_words(a, "-device igb,netdev=n0,bus=rp0,mac=52:54:00:00:00:02,romfile=");
	args_words(a, "-device pcie-root-port,id=rp1,bus=pcie.0,chassis=2,slot=2");
	args_words(a, "-device e1000e,netdev=n1,bus=rp1,mac=52:54:00:00:00:01,romfile=");
}

static void command_line(struct args *a, const struct testbed *t, const struct scenario *sc,
			 const struct sc_point *pt, const struct emu *e)
{
	args_add(a, "%s/qemu-l0", t->qemu);
	args_add(a, "-L"), args_add(a, "%s/share", t->qemu);
	args_words(a, "-nodefaults -no-user-config"), args_add(a, "-no-reboot");
	args_words(a, "-display none");
	args_words(a, "-machine q35,hpet=off");
	args_words(a, "-device intel-iommu,intremap=on,eim=on");
	clock_args(a, sc->mode);
	args_add(a, "-smp"), args_add(a, "%d", pt->host.cpus);
	args_words(a, "-cpu max,la57=off,+svm,+x2apic,-rdrand,-rdseed");
	args_add(a, "-m"), args_add(a, "%d", pt->host.memory_mb);
	args_add(a, "-kernel"), args_add(a, "%s/vmlinux", t->images);
	args_add(a, "-initrd"), args_add(a, "%s/l1.cpio", t->images);
	args_add(a, "-append");
	args_add(a, "console=ttyS0 panic=-1 mitigations=off nokaslr ipv6.disable=1 cryptomgr.notests "
	    "tsc=reliable intel_iommu=on iommu=strict quiet");
	args_add(a, "-serial"), args_add(a, "file:%s", e->console);
	nic_args(a);
	args_add(a, "-object");
	args_add(a, "memory-backend-file,id=mailbox,share=on,mem-path=%s/mailbox,size=%u", e->dir,
	    MAILBOX_SIZE);
	args_words(a, "-device ivshmem-plain,memdev=mailbox,master=on");
}

static int start_machine(struct emu *e, const struct testbed *t, const struct scenario *sc,
			 const struct sc_point *pt)
{
	struct args a = { .n = 0 };
	char log[600];
	struct proc_opts o = { .cpu = -1, .log = log, .new_group = true };
	int ret;

	snprintf(log, sizeof(log), "%s.qemu", e->console);
	unlink(log);
	unlink(e->console);
	command_line(&a, t, sc, pt, e);
	ret = args_ok(&a);
	if (!ret)
		ret = proc_start(&e->qemu, a.v, &o);
	args_free(&a);
	return ret;
}

int emu_start(struct emu *e, const struct testbed *t, const struct scenario *sc,
	      const struct sc_point *pt, const char *dir, const char *console)
{
	json_t *request = sc_point_to_json(sc, pt);
	char *text = request ? json_dumps(request, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	char path[600];
	int ret = text ? 0 : -ENOMEM;

	memset(e, 0, sizeof(*e));
	e->qemu.in = e->qemu.out = -1;
	snprintf(e->dir, sizeof(e->dir), "%s", dir);
	snprintf(e->console, sizeof(e->console), "%s", console);
	snprintf(e->phase, sizeof(e->phase), "starting");
	e->started_ms = clock_ms();
	if (!ret && mkdir(dir, 0700) && errno != EEXIST)
		ret = -errno;
	snprintf(path, sizeof(path), "%s/mailbox", dir);
	if (!ret)
		ret = mailbox_create(path, &e->mailbox);
	if (!ret)
		ret = mailbox_put_request(e->mailbox, text);
	if (!ret)
		ret = start_machine(e, t, sc, pt);
	if (ret) {
		err("point '%s': cannot start the emulated host: %s", pt->id, strerror(-ret));
		emu_end(e);
	} else {
		snprintf(e->phase, sizeof(e->phase), "booting the emulated host");
	}
	free(text);
	json_decref(request);
	return ret;
}

static enum emu_state failed(struct emu *e, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static enum emu_state failed(struct emu *e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(e->why, sizeof(e->why), fmt, ap);
	va_end(ap);
	return EMU_FAILED;
}

static enum emu_state take_response(struct emu *e, enum mailbox_state state)
{
	char *text = NULL;
	json_error_t je;
	enum emu_state ret;

	if (mailbox_response(e->mailbox, &text))
		return failed(e, "the emulated host left no readable response");
	if (state == MAILBOX_FAILED) {
		ret = failed(e, "%.400s", text);
	} else {
		e->record = json_loads(text, 0, &je);
		ret = e->record ? EMU_DONE : failed(e, "its record is not JSON: %s", je.text);
	}
	free(text);
	return ret;
}

enum emu_state emu_poll(struct emu *e, int timeout_s)
{
	enum mailbox_state state = mailbox_state(e->mailbox);
	char phase[128];
	uint32_t seq;
	int status;

	seq = mailbox_phase(e->mailbox, phase, sizeof(phase), &e->virtual_ns);
	if (seq != e->phase_seq) {
		e->phase_seq = seq;
		memcpy(e->phase, phase, sizeof(phase));
	}
	if (state == MAILBOX_DONE || state == MAILBOX_FAILED)
		return take_response(e, state);
	status = proc_wait(&e->qemu, 0);
	if (status != -ETIMEDOUT)
		return failed(e, "the emulated host ended (status %d) during '%s'", status, e->phase);
	if (clock_ms() - e->started_ms > (int64_t)timeout_s * 1000)
		return failed(e, "no end after %d s, the last step was '%s'", timeout_s, e->phase);
	return EMU_RUNNING;
}

void emu_end(struct emu *e)
{
	proc_kill(&e->qemu);
	mailbox_close(e->mailbox);
	e->mailbox = NULL;
	if (e->dir[0])
		remove_tree(e->dir);
	e->dir[0] = 0;
	json_decref(e->record);
	e->record = NULL;
}
