// SPDX-License-Identifier: GPL-2.0
/*
 * User space's half of bpf/vcpus.bpf.c for the whole host (host/kvmstat.c asks about one process).
 * The link is made once and read again and again: making it takes privileges, reading it does not.
 */
#include "host/vcpus.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/vcpus.skel.h"
#include "util/bpf_log.h"

struct vcpus {
	struct vcpus_bpf *skel;
	struct bpf_link *link;
};

int vcpus_open(struct vcpus **out)
{
	libbpf_print_fn_t old = libbpf_set_print(bpf_log);
	struct vcpus *v = calloc(1, sizeof(*v));
	int ret = 0;

	if (v)
		v->skel = vcpus_bpf__open_and_load();
	if (v && v->skel)
		v->link = bpf_program__attach_iter(v->skel->progs.list_vcpus, NULL);
	if (!v || !v->link) {
		ret = v ? -errno : -ENOMEM;
		vcpus_close(v);
		v = NULL;
	}
	libbpf_set_print(old);
	*out = v;
	return ret;
}

void vcpus_close(struct vcpus *v)
{
	if (!v)
		return;
	bpf_link__destroy(v->link);
	vcpus_bpf__destroy(v->skel);
	free(v);
}

/* Everything that can be read from @fd, with room for whole records. */
static int read_all(int fd, char **out, size_t *len)
{
	size_t room = 0;
	ssize_t n;

	*out = NULL;
	*len = 0;
	do {
		if (room - *len < sizeof(struct vcpu_record)) {
			char *more = realloc(*out, room + 64 * sizeof(struct vcpu_record));

			if (!more)
				goto fail;
			*out = more;
			room += 64 * sizeof(struct vcpu_record);
		}
		n = read(fd, *out + *len, room - *len);
		if (n > 0)
			*len += (size_t)n;
	} while (n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN)));
	if (n == 0)
		return 0;
	free(*out);
	*out = NULL;
	return -errno;
fail:
	free(*out);
	*out = NULL;
	return -ENOMEM;
}

int vcpus_read(struct vcpus *v, struct vcpu_record **out, size_t *n)
{
	int fd = bpf_iter_create(bpf_link__fd(v->link)), ret;
	size_t len = 0, all, i, k;
	char *buf = NULL;

	*out = NULL;
	*n = 0;
	if (fd < 0)
		return -errno;
	ret = read_all(fd, &buf, &len);
	close(fd);
	if (ret)
		return ret;
	*out = (struct vcpu_record *)buf;
	all = len / sizeof(**out);
	/* A file that is open twice is one vCPU all the same. */
	for (i = 0; i < all; i++) {
		for (k = 0; k < *n && (*out)[k].vcpu != (*out)[i].vcpu; k++)
			;
		if (k == *n)
			(*out)[(*n)++] = (*out)[i];
	}
	return 0;
}

int vcpus_find_vms(struct vcpus *v, struct vm_list *out)
{
	struct vcpu_record *r = NULL;
	size_t n = 0, i, k;
	int ret = vms_find(out);

	if (ret || !out->hidden || !v || vcpus_read(v, &r, &n))
		return ret;
	for (i = 0; !ret && i < n; i++) {
		int vcpus = 0;

		for (k = 0; k < n; k++)
			vcpus += r[k].tgid == r[i].tgid;
		ret = vms_add(out, (pid_t)r[i].tgid, vcpus);
	}
	free(r);
	if (ret)
		vms_free(out);
	return ret;
}
