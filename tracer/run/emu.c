// SPDX-License-Identifier: GPL-2.0
/*
 * One point in the emulated machine, seen from outside. A machine is brought to its windows by
 * levels (host booted, guests up). At each level it stops by itself at a certain instruction, is
 * saved, and thrown away; what comes after always runs in a machine restored from that snapshot. So
 * it makes no difference to the windows whether a snapshot was found or has just been made.
 *
 * Everything is a step that emu_poll() looks at: several points run at a time in one thread.
 */
#include "run/emulated.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run/qmp.h"
#include "util/clock.h"
#include "util/fs.h"
#include "util/log.h"

static void say(struct emu *e, const char *text)
{
	snprintf(e->phase, sizeof(e->phase), "%s", text);
	e->phase_seq++;
}

static void timing(struct emu *e, enum emu_time what)
{
	int64_t now = clock_ms();

	e->spent_ms[e->timing] += now - e->since_ms;
	e->since_ms = now;
	e->timing = what;
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

int emu_keys(const struct testbed *t, const struct scenario *sc, const struct sc_point *pt,
	     char key[EMU_LEVELS][SNAPSHOT_KEY_SIZE])
{
	static const struct machine_paths nowhere = { "Q", "I", "C", "M" };
	const char *parts[ARGS_MAX + 4] = { "exitlab-snapshot/1", t->key };
	json_t *shape = sc_shape_to_json(sc, pt);
	char *text = shape ? json_dumps(shape, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	struct args a = { .n = 0 };
	int ret = text ? 0 : -ENOMEM, i;

	machine_args(&a, &nowhere, sc, pt, false);
	if (!ret)
		ret = args_ok(&a);
	if (!ret) {
		for (i = 0; i < a.n; i++)
			parts[2 + i] = a.v[i];
		snapshot_key(key[EMU_HOST], parts);
		snapshot_key(key[EMU_GUESTS], (const char *[]){ key[EMU_HOST], text, NULL });
	}
	args_free(&a);
	json_decref(shape);
	free(text);
	return ret;
}

static int copy_file(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC), out, ret = 0;
	ssize_t n = 0;

	out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (in < 0 || out < 0)
		ret = -errno;
	while (!ret && (n = sendfile(out, in, NULL, 1 << 20)) > 0)
		;
	if (n < 0)
		ret = -errno;
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	return ret;
}

static void end_machine(struct emu *e)
{
	proc_kill(&e->qemu);
	e->qmp_open = false;
}

/* Starts QEMU; with @load it waits for a snapshot instead of booting. */
static int start_machine(struct emu *e, bool load, bool windows)
{
	char log[600], mailbox[600];
	struct proc_opts o = { .cpu = -1, .log = log, .new_group = true, .pipe_stdin = true,
			       .pipe_stdout = true };
	const struct machine_paths p = {
		e->testbed->qemu, e->testbed->images, e->console, mailbox
	};
	struct args a = { .n = 0 };
	int ret;

	snprintf(log, sizeof(log), "%s.qemu", e->console);
	snprintf(mailbox, sizeof(mailbox), "%s/mailbox", e->dir);
	unlink(log);
	mailbox_close(e->mailbox);
	e->mailbox = NULL;
	ret = mailbox_create(mailbox, &e->mailbox);
	if (ret)
		return ret;
	e->inside_seq = 0;
	machine_args(&a, &p, e->sc, e->pt, windows);
	if (load)
		args_words(&a, "-S -incoming defer");
	ret = args_ok(&a);
	if (!ret)
		ret = proc_start(&e->qemu, a.v, &o);
	args_free(&a);
	return ret;
}

static int command(struct emu *e, const char *name, json_t *arguments, json_t **result)
{
	int ret = e->qmp_open ? 0 : qmp_open(&e->qemu);

	if (ret) {
		json_decref(arguments);
		return ret;
	}
	e->qmp_open = true;
	return qmp_command(&e->qemu, name, arguments, result);
}

/* What a query calls "status"; with what went wrong, if it says so, in @why. */
static int query(struct emu *e, const char *name, char *status, size_t size)
{
	json_t *r = NULL;
	const char *s;
	int ret = command(e, name, NULL, &r);

	s = json_string_value(json_object_get(r, "status"));
	snprintf(status, size, "%s", s ? s : "");
	s = json_string_value(json_object_get(r, "error-desc"));
	snprintf(e->why, sizeof(e->why), "%s", ret ? qmp_reason(ret) : s ? s : "");
	json_decref(r);
	return ret;
}

static enum emu_state boot(struct emu *e)
{
	int ret;

	unlink(e->console);
	ret = start_machine(e, false, e->want == EMU_NONE);
	if (ret)
		return failed(e, "cannot start the emulated host: %s", strerror(-ret));
	timing(e, EMU_T_BOOT);
	say(e, "booting the emulated host");
	e->at = EMU_NONE;
	e->step = EMU_RUN;
	return EMU_RUNNING;
}

static enum emu_state load(struct emu *e, enum emu_level level)
{
	char path[700];
	int ret;

	say(e, level == EMU_HOST ? "restoring the booted host" : "restoring host and guests");
	snprintf(path, sizeof(path), "%s/console.log", e->held.dir);
	ret = copy_file(path, e->console);
	if (!ret)
		ret = start_machine(e, true, level == EMU_GUESTS);
	/* After a load QEMU would announce every network card, by real time. */
	if (!ret)
		ret = command(e, "migrate-set-parameters", json_pack("{s:i}", "announce-rounds", 0),
			      NULL);
	snprintf(path, sizeof(path), "file:%s/state", e->held.dir);
	if (!ret)
		ret = command(e, "migrate-incoming", json_pack("{s:s}", "uri", path), NULL);
	if (ret)
		return failed(e, "cannot restore the emulated host: %s", qmp_reason(ret));
	e->at = level;
	e->step = EMU_LOAD;
	return EMU_RUNNING;
}

/* Nothing runs: what is there to start from, and what to make of it? */
static enum emu_state choose(struct emu *e)
{
	enum emu_level have;
	int ret;

	if (e->want == EMU_NONE)
		return boot(e);
	for (have = e->want; have > EMU_NONE; have--)
		if (snapshot_exists(&e->store, e->key[have]))
			break;
	e->making = EMU_NONE;
	if (have < e->want) {
		ret = snapshot_begin(&e->store, e->key[have + 1], e->key[have],
				     e->pt->host.memory_mb / 2, &e->part);
		if (ret == -EBUSY && e->timing != EMU_T_WAIT) {
			timing(e, EMU_T_WAIT);
			say(e, "waiting for the snapshot that another point or run is making");
		}
		if (ret == -EBUSY || ret == -EEXIST)
			return EMU_RUNNING;
		if (ret)
			return failed(e, "no snapshot can be made: %s", strerror(-ret));
		e->making = have + 1;
		if (have == EMU_NONE)
			return boot(e);
	}
	timing(e, EMU_T_RESTORE);
	ret = snapshot_hold(&e->store, e->key[have], &e->held);
	if (!ret)
		return load(e, have);
	/* Damaged and removed, or about to be: look again. */
	snapshot_abandon(&e->part);
	return ret == -ENOENT ? EMU_RUNNING : failed(e, "its snapshot cannot be used");
}

/* Puts the request that brings the machine from the level it stands at to the next. */
static int go_on(struct emu *e)
{
	bool windows = e->at == EMU_GUESTS;
	json_t *j = windows ? sc_point_to_json(e->sc, e->pt) : sc_shape_to_json(e->sc, e->pt);
	char *text = j ? json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	int ret = text ? mailbox_put_request(e->mailbox, text) : -ENOMEM;

	free(text);
	json_decref(j);
	timing(e, windows ? EMU_T_WINDOWS : EMU_T_GUESTS);
	e->step = EMU_RUN;
	return ret ? ret : command(e, "cont", NULL, NULL);
}

/* The machine has stopped by itself, one level further. */
static enum emu_state stopped(struct emu *e)
{
	char path[700];
	int ret;

	e->at++;
	if (e->at >= EMU_LEVELS)
		return failed(e, "the emulated host stopped where it should not");
	if (e->at != e->making) {
		ret = go_on(e);
		return ret ? failed(e, "the emulated host does not go on: %s", qmp_reason(ret))
			   : EMU_RUNNING;
	}
	timing(e, EMU_T_SAVE);
	say(e, e->at == EMU_HOST ? "saving the booted host" : "saving host and guests");
	/* A limit on bandwidth is for networks. */
	ret = command(e, "migrate-set-parameters",
		      json_pack("{s:I}", "max-bandwidth", (json_int_t)1 << 40), NULL);
	snprintf(path, sizeof(path), "file:%s/state", e->part.dir);
	if (!ret)
		ret = command(e, "migrate", json_pack("{s:s}", "uri", path), NULL);
	if (ret)
		return failed(e, "the emulated host cannot be saved: %s", qmp_reason(ret));
	e->step = EMU_SAVE;
	return EMU_RUNNING;
}

static enum emu_state poll_save(struct emu *e)
{
	char status[32], path[700], why[200];
	json_t *about;
	int ret = query(e, "query-migrate", status, sizeof(status));

	if (ret || !strcmp(status, "failed") || !strcmp(status, "cancelled")) {
		snprintf(why, sizeof(why), "%.199s", e->why);
		return failed(e, "it cannot be saved in %.200s: %s", e->part.dir, why);
	}
	if (strcmp(status, "completed"))
		return EMU_RUNNING;
	end_machine(e);
	snprintf(path, sizeof(path), "%s/console.log", e->part.dir);
	ret = copy_file(e->console, path);
	about = json_pack("{s:s, s:s, s:o?}", "level", e->at == EMU_HOST ? "host" : "guests",
			  "testbed", e->testbed->key, "shape",
			  e->at == EMU_HOST ? NULL : sc_shape_to_json(e->sc, e->pt));
	if (!ret)
		ret = snapshot_finish(&e->store, &e->part, about);
	else
		json_decref(about);
	if (ret)
		return failed(e, "its snapshot cannot be kept: %s", strerror(-ret));
	e->made[e->at] = true;
	e->step = EMU_CHOOSE;
	return EMU_RUNNING;
}

/* The last line that QEMU has said. */
static void last_words(const struct emu *e, char *buf, size_t size)
{
	char path[600], line[300];
	FILE *f;

	snprintf(path, sizeof(path), "%s.qemu", e->console);
	snprintf(buf, size, "QEMU does not load it");
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		snprintf(buf, size, "QEMU does not load it: %s", line);
	}
	if (f)
		fclose(f);
}

/* The snapshot cannot be loaded although its content is what was written: once, make it again. */
static enum emu_state not_loaded(struct emu *e)
{
	enum emu_level level = e->at;
	char why[400];

	end_machine(e);
	last_words(e, why, sizeof(why));
	snapshot_release(&e->held);
	snapshot_abandon(&e->part);
	if (e->made[level])
		return failed(e, "its snapshot cannot be used: %s", why);
	if (snapshot_discard(&e->store, e->key[level], why))
		return failed(e, "its snapshot cannot be used");
	e->made[level] = true;
	e->step = EMU_CHOOSE;
	return EMU_RUNNING;
}

static enum emu_state poll_load(struct emu *e)
{
	char status[32];
	int ret = query(e, "query-migrate", status, sizeof(status));

	if (ret || !strcmp(status, "failed"))
		return not_loaded(e);
	if (strcmp(status, "completed"))
		return EMU_RUNNING;
	/* The load is over for the memory; the machine stands when its state says so. */
	ret = query(e, "query-status", status, sizeof(status));
	if (ret)
		return not_loaded(e);
	if (strcmp(status, "paused"))
		return EMU_RUNNING;
	snapshot_release(&e->held);
	if (mailbox_state(e->mailbox) != MAILBOX_READY)
		return not_loaded(e);
	e->inside_seq = mailbox_phase(e->mailbox, status, sizeof(status), &e->virtual_ns);
	ret = go_on(e);
	return ret ? failed(e, "the restored host does not go on: %s", qmp_reason(ret))
		   : EMU_RUNNING;
}

static enum emu_state take_response(struct emu *e, enum mailbox_state state)
{
	char *text = NULL;
	json_error_t je;
	enum emu_state ret;

	timing(e, e->timing);
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

static enum emu_state poll_run(struct emu *e)
{
	enum mailbox_state state = mailbox_state(e->mailbox);
	char text[128];
	uint32_t seq;
	int status;

	seq = mailbox_phase(e->mailbox, text, sizeof(text), &e->virtual_ns);
	if (seq != e->inside_seq) {
		e->inside_seq = seq;
		say(e, text);
	}
	if (state == MAILBOX_DONE || state == MAILBOX_FAILED)
		return take_response(e, state);
	status = proc_wait(&e->qemu, 0);
	if (status != -ETIMEDOUT)
		return failed(e, "the emulated host ended (status %d) during '%s'", status,
			      e->phase);
	if (state != MAILBOX_READY)
		return EMU_RUNNING;
	/* It says so just before it stops. */
	if (query(e, "query-status", text, sizeof(text)))
		return failed(e, "QEMU does not answer");
	return strcmp(text, "paused") ? EMU_RUNNING : stopped(e);
}

enum emu_state emu_poll(struct emu *e, int timeout_s)
{
	if (clock_ms() - e->started_ms > (int64_t)timeout_s * 1000)
		return failed(e, "no end after %d s, the last step was '%s'", timeout_s, e->phase);
	switch (e->step) {
	case EMU_CHOOSE:
		return choose(e);
	case EMU_RUN:
		return poll_run(e);
	case EMU_SAVE:
		return poll_save(e);
	case EMU_LOAD:
		return poll_load(e);
	}
	return EMU_FAILED;
}

int emu_start(struct emu *e, const struct testbed *t, const struct scenario *sc,
	      const struct sc_point *pt, const char *dir, const char *console, bool cache)
{
	char own[600];
	int ret = 0;

	*e = (struct emu){
		.testbed = t, .sc = sc, .pt = pt, .qemu = { .in = -1, .out = -1 },
		.held = { .fd = -1 }, .part = { .lock = -1 }, .step = EMU_CHOOSE,
		.timing = EMU_T_RESTORE,
	};
	e->started_ms = e->since_ms = clock_ms();
	snprintf(e->dir, sizeof(e->dir), "%s", dir);
	snprintf(e->console, sizeof(e->console), "%s", console);
	say(e, "starting");
	if (mkdir(dir, 0700) && errno != EEXIST)
		ret = -errno;
	/*
	 * With unsynchronised CPUs nothing repeats, and nothing stops at a certain instruction.
	 * Everywhere else every stop is followed by a restore, also where there are no guests to
	 * save: a machine that just goes on may go on with another CPU first.
	 */
	e->want = sc->mode == SC_MODE_FAST ? EMU_NONE : EMU_GUESTS;
	if (!ret && e->want != EMU_NONE) {
		snprintf(own, sizeof(own), "%s/snapshots", dir);
		ret = snapshots_open(&e->store, cache ? NULL : own);
	}
	if (!ret)
		ret = emu_keys(t, sc, pt, e->key);
	if (ret) {
		err("point '%s': cannot start the emulated host: %s", pt->id, strerror(-ret));
		emu_end(e);
	}
	return ret;
}

json_t *emu_times(const struct emu *e)
{
	static const char *const name[] = { "wait_s", "boot_s", "guests_s", "save_s", "restore_s",
					    "windows_s" };
	json_t *j = json_object();
	int i;

	for (i = 0; i < EMU_TIMES; i++)
		json_object_set_new(j, name[i], json_real((double)e->spent_ms[i] / 1000));
	json_object_set_new(j, "snapshot", json_string(e->want == EMU_NONE ? "none" :
		e->made[e->want] ? "made" : "reused"));
	return j;
}

void emu_end(struct emu *e)
{
	end_machine(e);
	snapshot_release(&e->held);
	snapshot_abandon(&e->part);
	mailbox_close(e->mailbox);
	e->mailbox = NULL;
	if (e->dir[0])
		remove_tree(e->dir);
	e->dir[0] = 0;
	json_decref(e->record);
	e->record = NULL;
}
