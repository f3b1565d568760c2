// SPDX-License-Identifier: GPL-2.0
/* What exitlab doctor reads out of files. Everything is looked at; nothing is changed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cmd/doctor.h"

struct finding *finding_add(struct findings *f, const char *group, const char *name,
			    enum finding_state state, const char *fmt, ...)
{
	struct finding *one = &f->list[f->n];
	va_list ap;

	if (f->n + 1 < sizeof(f->list) / sizeof(f->list[0]))
		f->n++;
	*one = (struct finding){ .group = group, .name = name, .state = state };
	va_start(ap, fmt);
	vsnprintf(one->text, sizeof(one->text), fmt, ap);
	va_end(ap);
	return one;
}

void finding_set_probes(struct finding *one, const struct probe_info *p, size_t n)
{
	one->nr_probes = n < FINDING_PROBES ? n : FINDING_PROBES;
	memcpy(one->probes, p, one->nr_probes * sizeof(*p));
}

bool findings_missing(const struct findings *f)
{
	size_t i;

	for (i = 0; i < f->n; i++)
		if (f->list[i].needed && f->list[i].state == FOUND_MISSING)
			return true;
	return false;
}

static void needed(struct finding *f, const char *fix)
{
	f->needed = true;
	snprintf(f->fix, sizeof(f->fix), "%s", f->state == FOUND_OK ? "" : fix);
}

/* Length or negative errno; without the newline at the end. */
static int read_file(const char *root, const char *path, char *buf, size_t size)
{
	char full[PATH_MAX];
	ssize_t n;
	int fd;

	buf[0] = 0;
	snprintf(full, sizeof(full), "%s%s", root, path);
	fd = open(full, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	if (n < 0)
		n = -errno;
	close(fd);
	buf[n > 0 ? n : 0] = 0;
	buf[strcspn(buf, "\n")] = 0;
	return (int)n;
}

static int look_for(const char *root, const char *path, int mode)
{
	char full[PATH_MAX];

	snprintf(full, sizeof(full), "%s%s", root, path);
	return faccessat(AT_FDCWD, full, mode, AT_EACCESS) ? -errno : 0;
}

bool doctor_lockdown(const char *text, char *mode, size_t size)
{
	const char *open = strchr(text, '['), *close = open ? strchr(open, ']') : NULL;

	if (!close)
		return false;
	snprintf(mode, size, "%.*s", (int)(close - open - 1), open + 1);
	return true;
}

static void lockdown(struct findings *f, const char *root)
{
	char text[128], mode[32];
	int ret = read_file(root, "/sys/kernel/security/lockdown", text, sizeof(text));

	if (ret < 0 || !doctor_lockdown(text, mode, sizeof(mode)))
		finding_add(f, "host", "lockdown", FOUND_UNKNOWN, "%s", ret == -ENOENT ?
			    "not known: securityfs is not mounted, or this kernel has none" :
			    "not known: cannot be read");
	else if (!strcmp(mode, "confidentiality"))
		needed(finding_add(f, "host", "lockdown", FOUND_MISSING,
				   "confidentiality: the kernel lets no program read its memory"),
		       "boot with lockdown=integrity");
	else
		finding_add(f, "host", "lockdown", FOUND_OK, "%s%s", mode,
			    strcmp(mode, "integrity") ? "" : " (KVM's counters not by debugfs)");
}

static void btf(struct findings *f, const char *root)
{
	int ret = look_for(root, "/sys/kernel/btf/vmlinux", R_OK);
	bool module = !look_for(root, "/sys/module/kvm/initstate", F_OK);

	needed(finding_add(f, "host", "BTF", ret ? FOUND_MISSING : FOUND_OK,
			   ret ? "this kernel does not describe its types" : "of the kernel"),
	       "use a kernel with CONFIG_DEBUG_INFO_BTF");
	if (!module)
		finding_add(f, "host", "BTF of KVM", FOUND_OK, "KVM is built in");
	else if (look_for(root, "/sys/kernel/btf/kvm", F_OK))
		finding_add(f, "host", "BTF of KVM", FOUND_NOTE,
			    "the module does not describe its types: kvm_entry not by tp_btf");
	else
		finding_add(f, "host", "BTF of KVM", FOUND_OK, "of the module");
}

static void kvm(struct findings *f, const char *root)
{
	char list[160] = "", path[PATH_MAX];
	struct dirent *e;
	size_t n = 0;
	DIR *d;

	needed(finding_add(f, "host", "/dev/kvm", look_for(root, "/dev/kvm", F_OK) ?
			   FOUND_MISSING : FOUND_OK, "%s", look_for(root, "/dev/kvm", F_OK) ?
			   "there is none" : "there"),
	       "load kvm_intel or kvm_amd, and switch virtualization on in the firmware");
	snprintf(path, sizeof(path), "%s/sys/module", root);
	d = opendir(path);
	while (d && (e = readdir(d)))
		if (!strncmp(e->d_name, "kvm", 3) && n < sizeof(list))
			n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%.60s", n ? ", " : "",
					      e->d_name);
	if (d)
		closedir(d);
	finding_add(f, "host", "KVM modules", n ? FOUND_OK : FOUND_UNKNOWN, "%s",
		    n ? list : "none in /sys/module");
}

static void tracefs(struct findings *f, const char *root)
{
	static const char *const roots[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };
	static const char *const events[] = { "kvm_entry", "kvm_exit", "kvm_msr" };
	char path[128], text[64];
	int ret = -ENOENT;
	size_t i, k;

	for (i = 0; i < 2 && ret; i++) {
		snprintf(path, sizeof(path), "%s/events", roots[i]);
		ret = look_for(root, path, F_OK);
		if (ret == -EACCES)
			break;
	}
	k = i && !ret ? i - 1 : 0;
	needed(finding_add(f, "host", "tracefs", ret ? FOUND_MISSING : FOUND_OK, "%s", !ret ?
			   roots[k] : ret == -EACCES ? "may not be read" : "not mounted"),
	       ret == -EACCES ? "root, or CAP_DAC_READ_SEARCH" :
	       "mount -t tracefs tracefs /sys/kernel/tracing");
	for (i = 0; !ret && i < 3; i++) {
		int r;

		snprintf(path, sizeof(path), "%s/events/kvm/%s/format", roots[k], events[i]);
		r = read_file(root, path, text, sizeof(text));
		finding_add(f, "host", events[i], r < 0 ? FOUND_MISSING : FOUND_OK, "tracepoint %s",
			    r == -ENOENT ? "is missing; is KVM loaded?" :
			    r < 0 ? "may not be read" : "is there")->needed = i < 2;
	}
	ret = look_for(root, "/sys/kernel/debug/kvm", F_OK);
	finding_add(f, "host", "debugfs", ret ? FOUND_NOTE : FOUND_OK, "%s", ret == -ENOENT ?
		    "no /sys/kernel/debug/kvm: KVM's counters by BPF" : ret ?
		    "may not be read: KVM's counters by BPF" : "/sys/kernel/debug/kvm");
}

static void sysctls(struct findings *f, const char *root)
{
	char v[16];

	if (read_file(root, "/proc/sys/kernel/unprivileged_bpf_disabled", v, sizeof(v)) > 0)
		finding_add(f, "host", "unprivileged_bpf_disabled", FOUND_OK, "%s%s", v,
			    v[0] == '0' ? "" : ": loading takes CAP_BPF");
	if (read_file(root, "/proc/sys/kernel/perf_event_paranoid", v, sizeof(v)) > 0)
		finding_add(f, "host", "perf_event_paranoid", FOUND_OK, "%s%s", v,
			    atoi(v) < 0 ? "" : ": tracepoints take CAP_PERFMON");
	if (read_file(root, "/proc/sys/kernel/bpf_stats_enabled", v, sizeof(v)) > 0)
		finding_add(f, "host", "bpf_stats_enabled", FOUND_OK, "%s%s", v, v[0] == '0' ?
			    ": own cost only with stat --cost" : ": own cost is measured");
}

void doctor_host(struct findings *f, const char *root)
{
	struct utsname u;

	if (!uname(&u))
		finding_add(f, "host", "kernel", FOUND_OK, "%s %s", u.release, u.machine);
	btf(f, root);
	lockdown(f, root);
	kvm(f, root);
	tracefs(f, root);
	sysctls(f, root);
}
