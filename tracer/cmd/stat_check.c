// SPDX-License-Identifier: GPL-2.0
/*
 * Compares what was traced with what KVM counted. The two intervals are not the same to the
 * microsecond (KVM's is a little longer), so the numbers are never expected to be equal here; only
 * "many" against "none" is a finding.
 */
#include "cmd/stat_check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/log.h"

static struct vm_check *find(const struct stat_check *c, pid_t pid)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		if (c->vm[i].vm.pid == pid)
			return &c->vm[i];
	return NULL;
}

static struct vm_check *add(struct stat_check *c, const struct vm_info *vm)
{
	struct vm_check *more = realloc(c->vm, (c->n + 1) * sizeof(*more));

	if (!more)
		return NULL;
	c->vm = more;
	more += c->n++;
	*more = (struct vm_check){ .vm = *vm };
	return more;
}

static bool wanted(const struct stat_check *c, pid_t pid)
{
	if (c->pid)
		return c->pid == pid;
	return !c->filter || filter_has_vm(c->filter, c->names, pid);
}

/* The VMs that are there now. */
static int list(const struct stat_check *c, struct vm_list *out)
{
	struct vm_info vm;
	size_t i, n = 0;
	int ret = c->pid ? vms_probe(c->pid, &vm) : 0;

	*out = (struct vm_list){ 0 };
	if (c->pid && !ret)
		return vms_add(out, c->pid, vm.vcpus);
	/* A process that may not be looked at is found among all of them. */
	if (c->pid && ret != -EACCES && ret != -EPERM)
		return 0;
	ret = vcpus_find_vms(c->vcpus, out);
	for (i = 0; i < out->n; i++)
		if (wanted(c, out->vm[i].pid))
			out->vm[n++] = out->vm[i];
	out->n = n;
	return ret;
}

/* A VM without a vCPU has counted nothing yet. */
static int read_counters(pid_t vm, struct kvmstat *out)
{
	int ret = kvmstat_read(vm, out);

	if (ret == -ESRCH) {
		*out = (struct kvmstat){ .present = ~0ull };
		ret = 0;
	}
	return ret;
}

void stat_check_attached(struct stat_check *c)
{
	size_t i;

	for (i = 0; i < c->n; i++) {
		struct kvmstat now;

		/* One that has ended meanwhile keeps what it had. */
		if (c->vm[i].error || read_counters(c->vm[i].vm.pid, &now))
			continue;
		c->vm[i].before = c->vm[i].after = now;
	}
}

int stat_check_begin(struct stat_check *c)
{
	struct vm_list l;
	size_t i;
	int ret;

	kvmstat_prepare();
	if (vcpus_open(&c->vcpus))
		c->vcpus = NULL;
	if (endings_open(&c->endings))
		c->endings = NULL;
	ret = list(c, &l);
	if (ret)
		return ret;
	for (i = 0; i < l.n; i++) {
		struct vm_check *v = add(c, &l.vm[i]);

		if (!v) {
			ret = -ENOMEM;
			break;
		}
		v->error = read_counters(v->vm.pid, &v->before);
		v->after = v->before;
	}
	if (!ret && !l.n && !c->pid && !(c->filter && c->filter->nr_vms))
		info("no VM is running yet; those that start are counted");
	vms_free(&l);
	return ret;
}

/* The VMs that ended meanwhile: what their counters were at the end. */
static int add_ended(struct stat_check *c)
{
	struct ending *e = NULL;
	uint64_t missed = 0;
	size_t n = 0, i;
	int ret = endings_read(c->endings, &e, &n, &missed);

	if (!ret && missed)
		info("KVM's own counts lack those of %" PRIu64 " vCPUs that ended: too many did",
		     missed);
	for (i = 0; !ret && i < n; i++) {
		struct vm_info info = { .pid = e[i].pid, .vcpus = e[i].stat.vcpus };
		struct vm_check *v;

		if (!wanted(c, e[i].pid))
			continue;
		v = find(c, e[i].pid);
		if (!v) {
			snprintf(info.name, sizeof(info.name), "%s-%d", e[i].comm, (int)e[i].pid);
			v = add(c, &info);
			if (v)
				v->before.present = ~0ull;
		}
		if (v)
			v->after = e[i].stat;
		if (v && v->error == -ESRCH)
			v->error = 0;
		ret = v ? 0 : -ENOMEM;
	}
	free(e);
	return ret;
}

int stat_check_end(struct stat_check *c)
{
	struct vm_list l;
	size_t i, known = c->n;
	int ret;

	/* First of all, as the VMs go on. Whether a VM without counters has ended is seen below. */
	for (i = 0; i < known; i++)
		if (!c->vm[i].error)
			c->vm[i].error = read_counters(c->vm[i].vm.pid, &c->vm[i].after);
	ret = list(c, &l);
	if (ret)
		return ret;
	for (i = 0; i < known; i++)
		if (!vms_by_pid(&l, c->vm[i].vm.pid))
			c->vm[i].error = -ESRCH;
	for (i = 0; i < l.n; i++) {
		struct vm_check *v = find(c, l.vm[i].pid);

		if (v)
			continue;
		v = add(c, &l.vm[i]);
		if (!v) {
			ret = -ENOMEM;
			break;
		}
		v->before.present = ~0ull;
		v->error = read_counters(v->vm.pid, &v->after);
	}
	vms_free(&l);
	if (!ret && c->endings)
		ret = add_ended(c);
	return ret;
}

void stat_check_free(struct stat_check *c)
{
	endings_close(c->endings);
	vcpus_close(c->vcpus);
	free(c->vm);
	kvmstat_end();
	*c = (struct stat_check){ 0 };
}

static uint64_t traced(const struct trace_snapshot *s, pid_t vm)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < s->nr_vcpus; i++)
		if (!vm || s->vcpus[i].vm == vm)
			sum += s->vcpus[i].exits;
	return sum;
}

/* Also those that -C leaves out: they show that KVM reports its exits. */
static bool seen(const struct trace_snapshot *s, pid_t vm)
{
	size_t i;

	for (i = 0; i < s->nr_vcpus; i++)
		if ((!vm || s->vcpus[i].vm == vm) && s->vcpus[i].exits + s->vcpus[i].other_cpus)
			return true;
	return false;
}

static uint64_t counted(const struct vm_check *v)
{
	/* A vCPU that was removed takes its counts with it. */
	return v->error || v->after.exits < v->before.exits ? 0 : v->after.exits - v->before.exits;
}

enum stat_verdict stat_check_verdict(const struct stat_check *c, const struct trace_snapshot *s)
{
	enum stat_verdict verdict = c->n ? STAT_QUIET : STAT_NO_VM;
	size_t i;

	if (seen(s, 0))
		return STAT_SEEN;
	for (i = 0; i < c->n; i++) {
		if (counted(&c->vm[i]))
			return STAT_BLIND;
		if (c->vm[i].error)
			verdict = STAT_UNKNOWN;
	}
	return verdict;
}

static const char *group(uint64_t n, char *buf, size_t size)
{
	char plain[24];
	size_t len, i, o = 0;

	len = (size_t)snprintf(plain, sizeof(plain), "%" PRIu64, n);
	for (i = 0; i < len && o + 2 < size; i++) {
		if (i && (len - i) % 3 == 0)
			buf[o++] = ',';
		buf[o++] = plain[i];
	}
	buf[o] = 0;
	return buf;
}

/* Why there is no count for @v; NULL if there is one. */
static const char *why(const struct vm_check *v, const struct trace_snapshot *s, char *buf,
		       size_t size)
{
	char n[32];

	if (seen(s, v->vm.pid) || (!v->error && !counted(v)))
		return NULL;
	if (!v->error)
		snprintf(buf, size, "KVM counted %s exits of VM %s in this window but never called "
			 "the kvm_exit tracepoint: per-reason counts n/a on this kernel",
			 group(counted(v), n, sizeof(n)), v->vm.name);
	else if (v->error == -ESRCH)
		snprintf(buf, size, "no exit of VM %s was traced, and it ended before KVM's own count "
			 "could be read", v->vm.name);
	else
		snprintf(buf, size, "no exit of VM %s was traced, and KVM's own count cannot be read: "
			 "%s", v->vm.name, strerror(-v->error));
	return buf;
}

void stat_check_say(const struct stat_check *c, const struct trace_snapshot *s)
{
	enum stat_verdict verdict = stat_check_verdict(c, s);
	char text[400];
	size_t i;

	for (i = 0; i < c->n; i++)
		if (why(&c->vm[i], s, text, sizeof(text)))
			log_msg(verdict == STAT_SEEN ? LOG_INFO : LOG_ERROR, "%s", text);
	if (verdict == STAT_NO_VM)
		err("no VM ran in this window");
	if (verdict == STAT_QUIET)
		info("no exits in this window, and KVM counted none");
}

static int add_kvm(const struct stat_check *c, json_t *o)
{
	json_t *kvm = json_array();
	int bad = json_object_set_new(o, "kvm", kvm);
	size_t i;

	for (i = 0; !bad && i < c->n; i++) {
		const struct vm_check *v = &c->vm[i];
		json_t *d = v->error ? json_object() : kvmstat_delta_json(&v->before, &v->after, 1);

		bad = json_object_set_new(d, "vm", json_string(v->vm.name)) ||
		      json_object_set_new(d, "pid", json_integer(v->vm.pid)) ||
		      json_array_append(kvm, d);
		if (v->error) {
			json_object_set_new(d, "exits", json_null());
			json_object_set_new(d, "exits_why", json_string(v->error == -ESRCH ?
				"the VM ended in the window" : strerror(-v->error)));
		}
		json_decref(d);
	}
	return bad ? -ENOMEM : 0;
}

int stat_check_json(const struct stat_check *c, const struct trace_snapshot *s, json_t *o)
{
	enum stat_verdict verdict = stat_check_verdict(c, s);
	char text[400] = "no VM ran in this window";
	size_t i;
	int bad;

	if (verdict == STAT_SEEN || verdict == STAT_QUIET) {
		bad = json_object_set_new(o, "exits", json_integer((json_int_t)traced(s, 0)));
	} else {
		for (i = 0; i < c->n && !why(&c->vm[i], s, text, sizeof(text)); i++)
			;
		bad = json_object_set_new(o, "exits", json_null()) ||
		      json_object_set_new(o, "exits_why", json_string(text));
	}
	return bad ? -ENOMEM : add_kvm(c, o);
}

const char *stat_check_name(const struct stat_check *c, pid_t vm)
{
	const struct vm_check *v = find(c, vm);

	return v ? v->vm.name : NULL;
}
