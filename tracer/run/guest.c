// SPDX-License-Identifier: GPL-2.0
/*
 * Guests: command line of the VMM, agent protocol, freezing. The freeze is what makes counts exact:
 * two counters can only be compared when nothing happens between switching on the one and the
 * other. SIGSTOP takes every vCPU thread out of KVM_RUN without the VMM's taking part, so that its
 * devices (vhost, VFIO) are not reset as a "stop" of the VMM would do.
 */
#include "run/guest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "util/args.h"
#include "util/clock.h"
#include "util/log.h"

int guest_node(int index, const struct guest_cpus *on)
{
	return on->numa == SC_NUMA_OFF || on->nodes < 2 ? -1 : index % on->nodes;
}

int guest_vcpu_cpu(int index, int vcpu, int vcpus, const struct guest_cpus *on)
{
	int node = guest_node(index, on), each;

	if (on->cpus < 2)
		return 0;
	if (node < 0)
		return 1 + (index * vcpus + vcpu) % (on->cpus - 1);
	each = on->cpus / on->nodes;
	return node * each + 1 + (index / on->nodes * vcpus + vcpu) % (each - 1);
}

int guest_start_cpu(int index, int vcpus, const struct guest_cpus *on)
{
	int node = guest_node(index, on);

	if (on->cpus < 2)
		return -1;
	if (node >= 0 && on->numa == SC_NUMA_UNALIGNED)
		return (node + 1) % on->nodes * (on->cpus / on->nodes);
	return guest_vcpu_cpu(index, 0, vcpus, on);
}

static void add_net(struct args *a, const struct guest *g, const struct guest_net *net)
{
	switch (net->kind) {
	case SC_NET_NONE:
		break;
	case SC_NET_VIRTIO_USER:
	case SC_NET_VIRTIO_VHOST:
		args_add(a, "-netdev");
		args_add(a, "tap,id=n0,ifname=%s,script=no,downscript=no,vhost=%s,poll-us=%u", net->tap,
		    net->kind == SC_NET_VIRTIO_VHOST ? "on" : "off", net->poll_us);
		args_add(a, "-device");
		/* What is sent has 256 in any case: QEMU allows no more with a tap. */
		args_add(a, "virtio-net-pci,netdev=n0,mac=%s,romfile=%s%s", g->mac,
			 net->event_idx ? "" : ",event_idx=off",
			 net->ring == SC_RING_512 ? ",rx_queue_size=512" : "");
		break;
	case SC_NET_VF:
		args_add(a, "-device");
		args_add(a, "vfio-pci,host=%s,romfile=", net->vf);
		break;
	}
}

/*
 * In the host's memory: a real disk's time would be the emulator's. QEMU cannot bypass the page
 * cache there (tmpfs has no O_DIRECT), so reads and writes are copies made by its pool of threads.
 */
static int make_disk(struct guest *g, const struct lab *lab)
{
	int fd, ret;

	snprintf(g->disk, sizeof(g->disk), "%s/%s.disk", lab->run_dir, g->name);
	fd = open(g->disk, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	/* All of it there: a first write to a hole would find memory, a second would not. */
	ret = -posix_fallocate(fd, 0, GUEST_DISK_BYTES);
	close(fd);
	return ret;
}

static void add_disk(struct args *a, const struct guest *g, const struct guest_net *net)
{
	bool thread = net->disk == SC_DISK_VIRTIO_IOTHREAD;

	if (net->disk == SC_DISK_NONE)
		return;
	if (net->disk == SC_DISK_VHOST_SCSI) {
		args_add(a, "-device");
		args_add(a, "vhost-scsi-pci,wwpn=%s%s%s", net->wwpn,
			 net->event_idx ? "" : ",event_idx=off",
			 net->ring == SC_RING_256 ? ",virtqueue_size=256" :
			 net->ring == SC_RING_512 ? ",virtqueue_size=512" : "");
		return;
	}
	if (thread)
		args_words(a, "-object iothread,id=io0");
	args_add(a, "-drive");
	args_add(a, "if=none,id=d0,format=raw,aio=threads,file=%s", g->disk);
	args_add(a, "-device");
	args_add(a, "virtio-blk-pci,drive=d0%s%s", thread ? ",iothread=io0" : "",
		 net->event_idx ? "" : ",event_idx=off");
}

static void command_line(struct args *a, const struct guest *g, const struct lab *lab,
			 const struct sc_guests *cfg, const struct guest_net *net)
{
	args_add(a, "%s", lab->qemu);
	args_add(a, "-L"), args_add(a, "%s", lab->share);
	args_words(a, "-nodefaults -no-user-config"), args_add(a, "-no-reboot");
	args_words(a, "-display none");
	args_add(a, "-name"), args_add(a, "guest=%s,debug-threads=on", g->name);
	args_add(a, "-machine"), args_add(a, "q35,accel=kvm%s", g->node < 0 ? "" :
					  ",memory-backend=ram");
	if (g->node >= 0) {
		args_add(a, "-object");
		args_add(a, "memory-backend-ram,id=ram,size=%dM,host-nodes=%d,policy=bind",
			 cfg->memory_mb, g->node);
	}
	args_add(a, "-cpu"), args_add(a, "host,kvm-pv-eoi=%s", cfg->pv_eoi ? "on" : "off");
	args_add(a, "-m"), args_add(a, "%d", cfg->memory_mb);
	args_add(a, "-smp"), args_add(a, "%d", cfg->vcpus);
	args_add(a, "-kernel"), args_add(a, "%s", lab->kernel);
	args_add(a, "-initrd"), args_add(a, "%s", lab->initrd);
	args_add(a, "-append");
	args_add(a, "console=ttyS0 quiet panic=-1 mitigations=off nokaslr ipv6.disable=1 "
	    "cryptomgr.notests%s%s%s%s%s%s%s%s%s", cfg->idle_poll ? " idle=poll" : "",
	    net->kind == SC_NET_NONE ? "" : " exitlab.ip=", net->kind == SC_NET_NONE ? "" : g->ip,
	    net->kind == SC_NET_NONE ? "" : " exitlab.peer=", net->kind == SC_NET_NONE ? "" : net->peer_ip,
	    net->kind == SC_NET_NONE ? "" : " exitlab.peer_mac=",
	    net->kind == SC_NET_NONE ? "" : net->peer_mac,
	    cfg->cmdline ? " " : "", cfg->cmdline ? cfg->cmdline : "");
	args_add(a, "-serial"), args_add(a, "file:%s/%s.console", lab->run_dir, g->name);
	args_words(a, "-device virtio-serial-pci");
	args_add(a, "-chardev");
	args_add(a, "socket,id=agent,path=%s/%s.agent,server=on,wait=off", lab->run_dir, g->name);
	args_words(a, "-device virtserialport,chardev=agent,name=exitlab.agent");
	add_net(a, g, net);
	add_disk(a, g, net);
}

int guest_start(struct guest *g, int index, const struct lab *lab, const struct sc_guests *cfg,
		const struct guest_net *net, const struct guest_cpus *on)
{
	struct args a = { .n = 0 };
	char log[256];
	struct proc_opts o = {
		.cpu = guest_start_cpu(index, cfg->vcpus, on),
		.log = log,
	};
	int ret = 0;

	memset(g, 0, sizeof(*g));
	g->index = index;
	g->agent = -1;
	g->node = guest_node(index, on);
	if (net->disk != SC_DISK_NONE)
		snprintf(g->block, sizeof(g->block), "%s",
			 net->disk == SC_DISK_VHOST_SCSI ? "sda" : "vda");
	snprintf(g->name, sizeof(g->name), "g%u", (unsigned int)index & 0x3f);
	snprintf(g->ip, sizeof(g->ip), "10.0.0.%u", 10 + ((unsigned int)index & 0x3f));
	snprintf(g->mac, sizeof(g->mac), "52:54:00:00:01:%02x", (unsigned int)index & 0xff);
	snprintf(log, sizeof(log), "%s/%s.log", lab->run_dir, g->name);
	if (net->disk == SC_DISK_VIRTIO || net->disk == SC_DISK_VIRTIO_IOTHREAD)
		ret = make_disk(g, lab);
	if (ret) {
		err("guest %s: cannot make its disk %s: %s", g->name, g->disk, strerror(-ret));
		return ret;
	}
	g->started_ns = clock_ns();
	command_line(&a, g, lab, cfg, net);
	ret = args_ok(&a);
	if (!ret)
		ret = proc_start(&g->vmm, a.v, &o);
	g->vmm.name = "guest's VMM";
	args_free(&a);
	return ret;
}

/*
 * Pins the threads that QEMU named "CPU n/KVM"; those that the kernel named "vhost-PID" to the CPUs
 * @workers, all others to the CPUs @others unless there is none. Sets of CPUs are bits.
 */
static int pin_threads(const struct guest *g, const struct sc_guests *cfg, unsigned int workers,
		       unsigned int others, const struct guest_cpus *on)
{
	char path[64], comm[32];
	struct dirent *d;
	int pinned = 0, vcpu, cpu;
	unsigned int cpus;
	DIR *dir;

	if (on->cpus < 2)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/task", g->vmm.pid);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while ((d = readdir(dir))) {
		cpu_set_t set;
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%d/task/%.20s/comm", g->vmm.pid, d->d_name);
		f = d->d_name[0] == '.' ? NULL : fopen(path, "re");
		if (!f)
			continue;
		cpus = others;
		if (!fgets(comm, sizeof(comm), f))
			comm[0] = 0;
		fclose(f);
		if (sscanf(comm, "CPU %d/KVM", &vcpu) == 1)
			cpus = 1u << guest_vcpu_cpu(g->index, vcpu, cfg->vcpus, on);
		else if (!strncmp(comm, "vhost-", 6))
			cpus = workers;
		if (!cpus)
			continue;
		CPU_ZERO(&set);
		for (cpu = 0; cpu < on->cpus; cpu++) {
			if (cpus & 1u << cpu)
				CPU_SET(cpu, &set);
		}
		if (!sched_setaffinity(atoi(d->d_name), sizeof(set), &set) && comm[0] == 'C')
			pinned++;
	}
	closedir(dir);
	return pinned == cfg->vcpus ? 0 : -ESRCH;
}

static int agent_connect(struct guest *g, const struct lab *lab)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	snprintf(a.sun_path, sizeof(a.sun_path), "%s/%s.agent", lab->run_dir, g->name);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a))) {
		int e = errno;

		close(fd);
		return -e;
	}
	g->agent = fd;
	return 0;
}

static int read_byte(int fd, char *c, int64_t end)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left = end - clock_ms();
		int r = poll(&p, 1, left < 0 ? 0 : (int)left);
		ssize_t n;

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (r == 0)
			return -ETIMEDOUT;
		n = read(fd, c, 1);
		if (n == 1)
			return 0;
		if (n < 0 && errno == EINTR)
			continue;
		return n < 0 ? -errno : -EPIPE;
	}
}

/* One answer of the agent: "STATUS LENGTH\n" and LENGTH bytes. */
static int agent_answer(struct guest *g, char *out, size_t size, int timeout_ms)
{
	int64_t end = clock_ms() + timeout_ms;
	char head[64], c;
	size_t n = 0, len, i;
	int status, ret;

	for (;;) {
		ret = read_byte(g->agent, &c, end);
		if (ret)
			return ret;
		if (c == '\n')
			break;
		if (n + 1 == sizeof(head))
			return -EPROTO;
		head[n++] = c;
	}
	head[n] = 0;
	if (sscanf(head, "%d %zu", &status, &len) != 2 || status < 0)
		return -EPROTO;
	for (i = 0; i < len; i++) {
		ret = read_byte(g->agent, &c, end);
		if (ret)
			return ret;
		if (out && i + 1 < size)
			out[i] = c;
	}
	if (out && size)
		out[len < size ? len : size - 1] = 0;
	return status;
}

int guest_connect(struct guest *g, const struct lab *lab, int timeout_ms)
{
	int64_t end = clock_ms() + timeout_ms;
	int ret;

	while ((ret = agent_connect(g, lab))) {
		if (clock_ms() > end || proc_wait(&g->vmm, 0) != -ETIMEDOUT) {
			err("guest %s: its VMM ended or made no agent socket: %s", g->name, strerror(-ret));
			return ret;
		}
		usleep(10000);
	}
	return 0;
}

int guest_pin(struct guest *g, const struct lab *lab, const struct sc_guests *cfg,
	      unsigned int workers, const struct guest_cpus *on, int timeout_ms)
{
	int64_t end = clock_ms() + timeout_ms;
	int ret = guest_connect(g, lab, timeout_ms);

	if (ret)
		return ret;
	/* The vCPU threads appear a little after the socket. */
	while ((ret = pin_threads(g, cfg, workers, 0, on)) == -ESRCH && clock_ms() < end)
		usleep(1000);
	if (ret)
		err("guest %s: cannot pin its vCPU threads: %s", g->name, strerror(-ret));
	return ret;
}

int guest_settle(struct guest *g, const struct sc_guests *cfg, unsigned int workers,
		 const struct guest_cpus *on)
{
	return pin_threads(g, cfg, workers, 1, on);
}

int guest_await_disk(struct guest *g)
{
	/* The disk appears some time after its driver. */
	static const char cmd[] = "modprobe -a virtio_scsi sd_mod && n=0 && "
		"until [ -b /dev/sda ] || [ $n = 400 ]; do usleep 25000; n=$((n + 1)); done; "
		"[ -b /dev/sda ]";
	char out[256] = "";
	int ret;

	if (strcmp(g->block, "sda"))
		return 0;
	ret = guest_run(g, cmd, out, sizeof(out));
	if (ret)
		err("guest %s: its disk has not appeared: %s", g->name,
		    ret < 0 ? strerror(-ret) : out[0] ? out : "no /dev/sda after 10 s");
	return ret > 0 ? -ENODEV : ret;
}

int guest_wait_ready(struct guest *g, int timeout_ms)
{
	char out[32];
	int ret = agent_answer(g, out, sizeof(out), timeout_ms);

	g->boot_ns = clock_ns() - g->started_ns;
	if (ret < 0 && proc_wait(&g->vmm, 1000) != -ETIMEDOUT)
		err("guest %s: its VMM ended while it booted", g->name);
	else if (ret < 0)
		err("guest %s: its agent did not answer: %s", g->name, strerror(-ret));
	return ret < 0 ? ret : 0;
}

int guest_send(struct guest *g, const char *cmd)
{
	/* One message, so that the guest is woken once. */
	struct iovec part[] = { { (char *)cmd, strlen(cmd) }, { "\n", 1 } };
	struct msghdr m = { .msg_iov = part, .msg_iovlen = 2 };

	return sendmsg(g->agent, &m, MSG_NOSIGNAL) == (ssize_t)part[0].iov_len + 1 ? 0 : -EPIPE;
}

int guest_await(struct guest *g, char *out, size_t size, int timeout_ms)
{
	return agent_answer(g, out, size, timeout_ms);
}

int guest_run(struct guest *g, const char *cmd, char *out, size_t size)
{
	int ret = guest_send(g, cmd);

	return ret ? ret : guest_await(g, out, size, 60000);
}

/* True when every thread of @pid is stopped ('T') or no thread of the process can run ('Z'). */
static bool all_stopped(pid_t pid)
{
	char path[64], line[512];
	bool all = true;
	struct dirent *d;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	if (!dir)
		return true;
	while (all && (d = readdir(dir))) {
		char *p;
		FILE *f;

		if (d->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%.20s/stat", pid, d->d_name);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (fgets(line, sizeof(line), f)) {
			p = strrchr(line, ')');
			/* A vhost worker is a thread of the VMM that no signal stops; it runs no
			 * vCPU. */
			if (p && !strstr(line, "(vhost-"))
				all = p[2] == 'T' || p[2] == 'Z' || p[2] == 'X';
		}
		fclose(f);
	}
	closedir(dir);
	return all;
}

int guest_freeze(struct guest *g)
{
	int64_t end = clock_ms() + 10000;

	if (kill(g->vmm.pid, SIGSTOP))
		return -errno;
	while (!all_stopped(g->vmm.pid)) {
		if (clock_ms() > end)
			return -ETIMEDOUT;
		usleep(500);
	}
	return 0;
}

int guest_thaw(struct guest *g)
{
	return kill(g->vmm.pid, SIGCONT) ? -errno : 0;
}

void guest_stop(struct guest *g)
{
	if (g->agent >= 0)
		close(g->agent);
	g->agent = -1;
	proc_kill(&g->vmm);
	if (g->disk[0])
		unlink(g->disk);
	g->disk[0] = 0;
}
