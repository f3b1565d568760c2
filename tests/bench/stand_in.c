// SPDX-License-Identifier: GPL-2.0
/*
 * The benchmark on a KVM that never calls kvm_entry and kvm_exit: there every program is attached
 * to kvm_emulate_insn instead, whose first argument is the vCPU, too.
 *
 * The hard part is that the engine must not know, so that the very same programs are measured. The
 * linker wraps (-Wl,--wrap) the calls by which it loads and attaches them, reads the layout of
 * records and learns what BTF says. Programs run in the order in which they were attached, so
 * every event is an entry, then an exit, then (--detail msr) the MSR's number, and every exit
 * finds its entry. The reason, which a program on the upper rungs reads out of the vendor's struct
 * around the vCPU, is made to be the guest's RIP: the programs get BTF in which struct vcpu_vmx
 * has its exit reason there.
 */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "bpf/exits.h"
#include "bpf/exits.skel.h"
#include "engine/rungs.h"
#include "engine/tracefs.h"
#include "util/log.h"

#define VCPU_REGS_RIP 16	/* arch/x86/include/asm/kvm_host.h */

int __real_bpf_object__load_skeleton(struct bpf_object_skeleton *s);
int __wrap_bpf_object__load_skeleton(struct bpf_object_skeleton *s);
int __real_bpf_object__open_skeleton(struct bpf_object_skeleton *s,
				     const struct bpf_object_open_opts *o);
int __wrap_bpf_object__open_skeleton(struct bpf_object_skeleton *s,
				     const struct bpf_object_open_opts *o);
struct bpf_link *__real_bpf_program__attach(const struct bpf_program *p);
struct bpf_link *__wrap_bpf_program__attach(const struct bpf_program *p);
int __real_tracefs_format(const char *event, char *buf, size_t size);
int __wrap_tracefs_format(const char *event, char *buf, size_t size);
int __real_format_field(const char *format, const char *field, struct event_field *out);
int __wrap_format_field(const char *format, const char *field, struct event_field *out);
void __real_rungs_learn_host(struct rung_facts *f);
void __wrap_rungs_learn_host(struct rung_facts *f);

bool stand_in;
/* Kernel's numbers of the programs that were attached, each once. */
static __u32 ids[64];
static size_t nr_ids;
/* The next skeleton that is opened takes its programs from here. */
static void *other_obj;
static size_t other_size;
/* BTF with our struct vcpu_vmx; "" = not made yet. */
static char btf_path[32];
static struct bpf_object *last_object;

/* ---- BTF ---- */

/* Offset in bits of @member of struct @type, and its type in *@id. */
static int member_of(const struct btf *btf, const char *type, const char *member, int *id)
{
	int t = type ? btf__find_by_name_kind(btf, type, BTF_KIND_STRUCT) : *id;
	const struct btf_type *s = t > 0 ? btf__type_by_id(btf, (__u32)t) : NULL;
	const struct btf_member *m = s ? btf_members(s) : NULL;
	unsigned int i;

	for (i = 0; s && i < btf_vlen(s); i++)
		if (!strcmp(btf__name_by_offset(btf, m[i].name_off), member)) {
			*id = (int)m[i].type;
			return (int)btf_member_bit_offset(s, i);
		}
	return -ENOENT;
}

static int add_vmx(struct btf *btf)
{
	int arch, regs, id, u32, reason;

	arch = member_of(btf, "kvm_vcpu", "arch", &id);
	regs = member_of(btf, NULL, "regs", &id);
	if (arch < 0 || regs < 0)
		return -ENOENT;
	u32 = btf__find_by_name_kind(btf, "unsigned int", BTF_KIND_INT);
	reason = btf__add_union(btf, "vmx_exit_reason", 4);
	if (u32 < 0 || reason < 0 || btf__add_field(btf, "full", u32, 0, 0))
		return -EINVAL;
	if (btf__add_struct(btf, "vcpu_vmx", 1u << 16) < 0)
		return -EINVAL;
	return btf__add_field(btf, "exit_reason", reason,
			      (__u32)(arch + regs + VCPU_REGS_RIP * 64), 0);
}

/* Into a file that is gone when this process is. */
static int make_btf(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	int fd = -1, ret = btf ? add_vmx(btf) : -errno;
	const void *raw;
	__u32 size;

	if (!ret) {
		raw = btf__raw_data(btf, &size);
		fd = memfd_create("btf", MFD_CLOEXEC);
		if (!raw || fd < 0 || write(fd, raw, size) != (ssize_t)size)
			ret = -EIO;
		snprintf(btf_path, sizeof(btf_path), "/proc/self/fd/%d", fd);
	}
	btf__free(btf);
	if (ret)
		err("the stand-in for the exit reason: %s", strerror(-ret));
	return ret;
}

void __wrap_rungs_learn_host(struct rung_facts *f)
{
	__real_rungs_learn_host(f);
	f->vendor = f->vendor || stand_in;
}

/* ---- loading ---- */

int use_other_object(const char *path)
{
	struct stat st;
	int fd, ret = 0;

	free(other_obj);
	other_obj = NULL;
	if (!path)
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st)) {
		ret = -errno;
		goto out;
	}
	other_size = (size_t)st.st_size;
	other_obj = malloc(other_size + 1);
	if (!other_obj || read(fd, other_obj, other_size) != (ssize_t)other_size)
		ret = -EIO;
out:
	if (fd >= 0)
		close(fd);
	if (ret)
		err("%s: %s", path, strerror(-ret));
	return ret;
}

int __wrap_bpf_object__open_skeleton(struct bpf_object_skeleton *s,
				     const struct bpf_object_open_opts *o)
{
	DECLARE_LIBBPF_OPTS(bpf_object_open_opts, ours, .btf_custom_path = btf_path);
	int ret = stand_in && !btf_path[0] ? make_btf() : 0;

	if (ret) {
		errno = -ret;
		return ret;
	}
	if (other_obj) {
		s->data = other_obj;
		s->data_sz = other_size;
	}
	return __real_bpf_object__open_skeleton(s, stand_in && !o ? &ours : o);
}

/* The second argument of the stand-in, which is taken for the isa, is 0. */
static void expect_isa_zero(struct bpf_object_skeleton *s)
{
	int i;

	for (i = 0; i < s->map_cnt; i++)
		if (!strcmp(s->maps[i].name, "exits_bp.rodata"))
			((struct exits_bpf__rodata *)*s->maps[i].mmaped)->isa_vmx = 0;
}

struct bpf_program *last_program(const char *name)
{
	return last_object ? bpf_object__find_program_by_name(last_object, name) : NULL;
}

int __wrap_bpf_object__load_skeleton(struct bpf_object_skeleton *s)
{
	struct bpf_program *p;
	int ret = 0;

	last_object = *s->obj;
	if (!stand_in)
		return __real_bpf_object__load_skeleton(s);
	expect_isa_zero(s);
	bpf_object__for_each_program(p, *s->obj)
		if (!ret && bpf_program__autoload(p) &&
		    !strncmp(bpf_program__section_name(p), "tp_btf/", 7))
			ret = bpf_program__set_attach_target(p, 0, STAND_IN);
	return ret ? ret : __real_bpf_object__load_skeleton(s);
}

/* ---- attaching ---- */

static void remember(const struct bpf_program *p)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);
	size_t i;

	if (bpf_obj_get_info_by_fd(bpf_program__fd(p), &info, &len))
		return;
	for (i = 0; i < nr_ids; i++)
		if (ids[i] == info.id)
			return;
	if (nr_ids < sizeof(ids) / sizeof(ids[0]))
		ids[nr_ids++] = info.id;
}

struct bpf_link *__wrap_bpf_program__attach(const struct bpf_program *p)
{
	const char *section = bpf_program__section_name(p);

	remember(p);
	if (stand_in && !strncmp(section, "tp/", 3))
		return bpf_program__attach_tracepoint(p, "kvm", STAND_IN);
	if (stand_in && !strncmp(section, "raw_tp/", 7))
		return bpf_program__attach_raw_tracepoint(p, STAND_IN);
	return __real_bpf_program__attach(p);
}

int __wrap_tracefs_format(const char *event, char *buf, size_t size)
{
	return __real_tracefs_format(stand_in ? "kvm/" STAND_IN : event, buf, size);
}

int __wrap_format_field(const char *format, const char *field, struct event_field *out)
{
	if (stand_in)	/* csbase is 0 */
		field = strcmp(field, "exit_reason") ? "csbase" : "rip";
	return __real_format_field(format, field, out);
}

int attach_left_over(void)
{
	int left = 0, tries;
	size_t i;

	/* The kernel frees programs a grace period after the last reference has gone. */
	for (i = 0; i < nr_ids; i++) {
		for (tries = 0; tries < 200; tries++) {
			int fd = bpf_prog_get_fd_by_id(ids[i]);

			if (fd < 0)
				break;
			close(fd);
			usleep(10000);
		}
		left += tries == 200;
	}
	return left;
}
