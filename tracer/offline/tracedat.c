// SPDX-License-Identifier: GPL-2.0
/*
 * trace.dat, by libtracecmd.
 *
 * The hard part is that the library trusts its files: on a damaged one it reads past the end of its
 * memory. So it works in a process of its own, which sends what it finds through a pipe, may use so
 * much memory and time, and may die. Nothing here depends on what it does after that.
 *
 * A trace.dat names threads, not processes: here each vCPU's thread stands for a VM of its own,
 * which never adds up what does not belong together.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <trace-cmd/trace-cmd.h>

#include "engine/tep.h"
#include "offline/input.h"

#define MAX_MEMORY	(4ull << 30)	/* bytes of address space of the process */
#define MAX_CPU_S	600
#define MAX_BUFFERS	64

enum message_kind { MSG_EVENT = 1, MSG_LOST, MSG_NAME, MSG_END };

struct message {
	uint32_t kind;
	uint32_t tid;		/* MSG_NAME */
	union {
		struct kvm_event e;
		uint64_t lost;	/* 0: an unknown number */
		char name[64];
		int ret;	/* MSG_END */
	};
};

/* ---- in the process of its own ---- */

struct child {
	struct kvm_decoder *decoder;
	FILE *out;
	unsigned char named[4096];	/* of threads, by a hash: a name may come twice */
};

static void send(struct child *c, const struct message *m)
{
	if (fwrite(m, sizeof(*m), 1, c->out) != 1)
		_exit(1);	/* nobody listens */
}

static void send_name(struct child *c, struct tep_handle *tep, int tid)
{
	struct message m = { .kind = MSG_NAME, .tid = (uint32_t)tid };
	unsigned char *seen = &c->named[(uint32_t)tid % sizeof(c->named)], mark;
	const char *comm;

	mark = (unsigned char)(1 + (uint32_t)tid / sizeof(c->named) % 255);
	if (*seen == mark)
		return;
	*seen = mark;
	comm = tep_data_comm_from_pid(tep, tid);
	snprintf(m.name, sizeof(m.name), "%.40s-%d", comm ? comm : "thread", tid);
	send(c, &m);
}

static int take_record(struct tracecmd_input *in, struct tep_record *r, int cpu, void *arg)
{
	struct tep_handle *tep = tracecmd_get_tep(in);
	struct message m = { .kind = MSG_LOST };
	struct child *c = arg;
	int tid;

	if (r->missed_events) {
		m.lost = r->missed_events > 0 ? (uint64_t)r->missed_events : 0;
		send(c, &m);
	}
	if (r->size <= 0 || kvm_decoder_read(c->decoder, r->data, (size_t)r->size, &m.e) ||
	    m.e.type == KVM_EVENT_OTHER)
		return 0;
	tid = tep_data_pid(tep, r);
	if (tid <= 0)
		return 0;
	m.kind = MSG_EVENT;
	m.e.ts_ns = r->ts;
	m.e.tid = m.e.tgid = tid;
	m.e.cpu = cpu;
	send_name(c, tep, tid);
	send(c, &m);
	return 0;
}

static int read_all(struct child *c, int fd)
{
	struct tracecmd_input *in[MAX_BUFFERS];
	int i, n = 1, buffers;

	in[0] = tracecmd_open_fd(fd, TRACECMD_FL_LOAD_NO_PLUGINS);
	if (!in[0])
		return -EINVAL;
	c->decoder = kvm_decoder_new(tracecmd_get_tep(in[0]));
	if (!c->decoder || kvm_decoder_update(c->decoder))
		return -EOPNOTSUPP;
	if (kvm_decoder_id(c->decoder, KVM_EVENT_EXIT) < 0)
		return -ENOENT;
	buffers = tracecmd_buffer_instances(in[0]);
	for (i = 0; i < buffers && n < MAX_BUFFERS; i++) {
		in[n] = tracecmd_buffer_instance_handle(in[0], i);
		n += in[n] != NULL;
	}
	return tracecmd_iterate_events_multi(in, n, take_record, c) ? -EIO : 0;
}

static void __attribute__((noreturn)) work(int fd, int out, pid_t parent)
{
	struct rlimit memory = { MAX_MEMORY, MAX_MEMORY }, cpu = { MAX_CPU_S, MAX_CPU_S };
	struct rlimit core = { 0, 0 };
	struct message m = { .kind = MSG_END };
	struct child c = { .out = fdopen(out, "we") };
	int null = open("/dev/null", O_WRONLY);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || !c.out)
		_exit(1);
#ifndef __SANITIZE_ADDRESS__	/* which takes terabytes of addresses */
	setrlimit(RLIMIT_AS, &memory);
#else
	(void)memory;
#endif
	setrlimit(RLIMIT_CPU, &cpu);
	setrlimit(RLIMIT_CORE, &core);
	/* What the library has to say is for programmers. */
	dup2(null, 1);
	dup2(null, 2);
	tracecmd_set_loglevel(TEP_LOG_NONE);
	if (lseek(fd, 0, SEEK_SET) < 0)
		_exit(1);
	m.ret = read_all(&c, fd);
	send(&c, &m);
	fflush(c.out);
	_exit(0);
}

/* ---- here ---- */

/* A process whose memory the library has spoiled may send anything. */
static int take_message(const struct input_ops *ops, struct input_info *info, struct message *m)
{
	switch (m->kind) {
	case MSG_EVENT:
		if (m->e.tid <= 0 || m->e.type > KVM_EVENT_FAST_MMIO)
			return 0;
		if (!info->events++)
			info->start_ns = m->e.ts_ns;
		info->end_ns = m->e.ts_ns;
		return ops->event(&m->e, ops->arg);
	case MSG_LOST:
		ops->lost(m->lost, ops->arg);
		info->lost += m->lost;
		info->lost_unknown |= !m->lost;
		return 0;
	case MSG_NAME:
		m->name[sizeof(m->name) - 1] = 0;
		return ops->names ? names_add(ops->names, (pid_t)m->tid, m->name) : 0;
	default:
		return 0;
	}
}

/* What the process has said at its end, in words. */
static int end_of(struct reader *r, int ret)
{
	switch (ret) {
	case 0:
		return 0;
	case -ENOENT:
		return reader_fail(r, 0, "the file has no kvm_exit; record with: trace-cmd record -e kvm");
	case -EOPNOTSUPP:
		return reader_fail(r, 0, "the events of KVM in it lack fields that are needed; is it from "
				   "another architecture?");
	case -EIO:
		return reader_fail(r, 0, "its buffers cannot be read; it is damaged, record again");
	default:
		return reader_fail(r, 0, "libtracecmd cannot read it; it is damaged or cut short, record "
				   "again");
	}
}

static int receive(struct reader *r, int fd, const struct input_ops *ops, struct input_info *info)
{
	FILE *in = fdopen(fd, "re");
	bool ended = false;
	struct message m;
	int ret = 0;

	if (!in) {
		close(fd);
		return -ENOMEM;
	}
	while (ret >= 0 && !ended && fread(&m, sizeof(m), 1, in) == 1) {
		ended = m.kind == MSG_END;
		ret = ended ? end_of(r, m.ret) : take_message(ops, info, &m);
	}
	fclose(in);
	if (ret >= 0 && !ended)
		return reader_fail(r, 0, "libtracecmd has died of it; the file is damaged, record again");
	return ret < 0 ? ret : 0;
}

/* The first bytes, which libtracecmd checks too late. */
static int check_head(struct reader *r)
{
	static const char magic[] = "\x17\x08\x44tracing";
	char head[16] = "";
	int ret = reader_at(r, 0, head, sizeof(head));

	if (ret)
		return ret;
	if (memcmp(head, magic, sizeof(magic) - 1))
		return reader_fail(r, 0, "this is no trace.dat");
	if ((head[10] != '6' && head[10] != '7') || head[11])
		return reader_fail(r, 10, "trace.dat of another version; versions 6 and 7 can be read");
	if (head[12])
		return reader_fail(r, 12, "the file is from a big-endian host; KVM of x86 has none");
	if (head[13] != 8)
		return reader_fail(r, 13, "the file is from a host that is not 64-bit");
	return 0;
}

int tracedat_input(struct reader *r, const struct input_ops *ops, struct input_info *info)
{
	pid_t parent = getpid(), child;
	int pipe_fd[2], status, ret = check_head(r);

	info->format = "trace.dat";
	info->pids = "threads";
	if (ret)
		return ret;
	if (pipe2(pipe_fd, O_CLOEXEC))
		return -errno;
	child = fork();
	if (child < 0) {
		ret = -errno;
		close(pipe_fd[0]);
		close(pipe_fd[1]);
		return ret;
	}
	if (child == 0)
		work(r->fd, pipe_fd[1], parent);
	close(pipe_fd[1]);
	ret = receive(r, pipe_fd[0], ops, info);
	if (ret)
		kill(child, SIGKILL);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return ret;
}
