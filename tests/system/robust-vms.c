// SPDX-License-Identifier: GPL-2.0
/*
 * Virtual machines that behave as badly as those of a production host: a thousand one after the
 * other, more vCPUs than the tracer has room for, vCPUs that change thread and threads that change
 * vCPU, and some that are killed. The guest is two instructions (OUT, and a jump back), so that
 * each KVM_RUN is one exit for I/O and the numbers are known. For robust-*.sh; needs no library.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/kvm.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MEM_SIZE	0x1000
#define MAX_VCPUS	4096
#define VCPUS_OF_VM	256	/* KVM allows more; 6.1 not much */

static const unsigned char code[] = { 0xe6, 0xf1, 0xeb, 0xfc };	/* out $0xf1, al; jmp */

struct vcpu {
	int fd;
	struct kvm_run *run;
};

static void die(const char *what)
{
	fprintf(stderr, "robust-vms: %s: %s\n", what, strerror(errno));
	exit(errno == ENOENT ? 4 : 1);
}

static int new_vm(void)
{
	static int kvm = -1;
	struct kvm_userspace_memory_region r = { .memory_size = MEM_SIZE };
	void *mem = mmap(NULL, MEM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int vm;

	if (kvm < 0)
		kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm < 0 || mem == MAP_FAILED)
		die("/dev/kvm");
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm < 0)
		die("KVM_CREATE_VM");
	ioctl(vm, KVM_SET_TSS_ADDR, 0xfffbd000);	/* some Intel CPUs need it */
	memcpy(mem, code, sizeof(code));
	r.userspace_addr = (uint64_t)mem;
	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &r))
		die("KVM_SET_USER_MEMORY_REGION");
	return vm;
}

static struct vcpu new_vcpu(int vm, int id)
{
	struct kvm_regs regs = { .rflags = 2 };
	struct kvm_sregs s;
	struct vcpu v = { .fd = ioctl(vm, KVM_CREATE_VCPU, id) };

	if (v.fd < 0)
		die("KVM_CREATE_VCPU");
	v.run = mmap(NULL, MEM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, v.fd, 0);
	if (v.run == MAP_FAILED || ioctl(v.fd, KVM_GET_SREGS, &s))
		die("vCPU");
	s.cs.base = 0;
	s.cs.selector = 0;
	if (ioctl(v.fd, KVM_SET_SREGS, &s) || ioctl(v.fd, KVM_SET_REGS, &regs))
		die("KVM_SET_REGS");
	return v;
}

static void run(const struct vcpu *v, unsigned long exits)
{
	while (exits) {
		if (ioctl(v->fd, KVM_RUN, 0)) {
			if (errno != EINTR)
				die("KVM_RUN");
			continue;
		}
		if (v->run->exit_reason != KVM_EXIT_IO) {
			fprintf(stderr, "robust-vms: exit %u of KVM\n", v->run->exit_reason);
			exit(1);
		}
		exits--;
	}
}

/* ---- what they do ---- */

/* @n processes, one after the other, each with a VM that makes @exits. */
static void serial(unsigned long n, unsigned long exits)
{
	while (n--) {
		pid_t pid = fork();
		int status;

		if (pid < 0)
			die("fork");
		if (!pid) {
			struct vcpu v = new_vcpu(new_vm(), 0);

			run(&v, exits);
			_exit(0);
		}
		if (waitpid(pid, &status, 0) < 0 || status)
			die("child");
	}
}

struct job {
	struct vcpu v;
	unsigned long exits;
	pthread_t thread;
};

static void *run_job(void *arg)
{
	struct job *j = arg;

	run(&j->v, j->exits);
	return NULL;
}

/* @n vCPUs of @exits each; a thread for each, or one for all. They stay until the end. */
static void vcpus(unsigned long n, unsigned long exits, int threads)
{
	static struct job job[MAX_VCPUS];
	struct rlimit l;
	unsigned long i;
	int vm = -1;

	if (n > MAX_VCPUS)
		n = MAX_VCPUS;
	getrlimit(RLIMIT_NOFILE, &l);
	l.rlim_cur = l.rlim_max;
	setrlimit(RLIMIT_NOFILE, &l);
	for (i = 0; i < n; i++) {
		if (i % VCPUS_OF_VM == 0)
			vm = new_vm();
		job[i].v = new_vcpu(vm, (int)(i % VCPUS_OF_VM));
		job[i].exits = exits;
		if (!threads)
			run(&job[i].v, exits);
		else if (pthread_create(&job[i].thread, NULL, run_job, &job[i]))
			die("thread");
		else
			pthread_join(job[i].thread, NULL);
	}
}

/* One thread, two VMs: vCPU 0 makes two exits, vCPU 1 of the other VM one. */
static void alternate(unsigned long rounds)
{
	struct vcpu a = new_vcpu(new_vm(), 0), b = new_vcpu(new_vm(), 1);

	while (rounds--) {
		run(&a, 2);
		run(&b, 1);
	}
}

/* Two threads run one vCPU in turn, an exit each. */
static pthread_barrier_t barrier;

static void *take_turns(void *arg)
{
	struct job *j = arg;
	unsigned long i;

	for (i = 0; i < 2 * j->exits; i++) {
		if (i % 2 == (unsigned long)(j->thread != 0))
			run(&j->v, 1);
		pthread_barrier_wait(&barrier);
	}
	return NULL;
}

static void turns(unsigned long rounds)
{
	struct job a = { .v = new_vcpu(new_vm(), 0), .exits = rounds }, b = a;
	pthread_t other;

	b.thread = 1;	/* the second */
	pthread_barrier_init(&barrier, NULL, 2);
	if (pthread_create(&other, NULL, take_turns, &b))
		die("thread");
	take_turns(&a);
	pthread_join(other, NULL);
}

/* Goes to another CPU every few exits; one that is not there now is left out. */
static void migrate(unsigned long exits)
{
	struct vcpu v = new_vcpu(new_vm(), 0);
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	unsigned long i;

	for (i = 0; i < exits; i++) {
		cpu_set_t set;

		CPU_ZERO(&set);
		CPU_SET((i / 3) % (unsigned long)cpus, &set);
		if (i % 3 == 0)
			sched_setaffinity(0, sizeof(set), &set);
		run(&v, 1);
	}
}

/* ---- what others see ---- */

static int open_event(const char *name, int cpu)
{
	struct perf_event_attr a = { .type = PERF_TYPE_TRACEPOINT, .size = sizeof(a) };
	char path[128], text[32] = "";
	int fd, n;

	snprintf(path, sizeof(path), "/sys/kernel/tracing/events/%s/id", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : (int)read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		die(path);
	close(fd);
	a.config = strtoull(text, NULL, 10);
	return (int)syscall(SYS_perf_event_open, &a, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

/* As perf stat -a -e @name: counts while @argv runs. */
static int perf(const char *name, char **argv)
{
	long cpus = sysconf(_SC_NPROCESSORS_CONF), i;
	int fd[64], status;
	uint64_t sum = 0, v;
	pid_t pid;

	for (i = 0; i < cpus && i < 64; i++)
		fd[i] = open_event(name, (int)i);
	if (fd[0] < 0)
		die("perf_event_open");
	pid = fork();
	if (!pid) {
		execvp(argv[0], argv);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	for (i = 0; i < cpus && i < 64; i++)
		if (fd[i] >= 0 && read(fd[i], &v, sizeof(v)) == sizeof(v))
			sum += v;
	printf("perf=%llu\n", (unsigned long long)sum);
	return status != 0;
}

static int count_ids(int cmd)
{
	union bpf_attr a;
	uint32_t id = 0;
	int n = 0;

	for (;;) {
		memset(&a, 0, sizeof(a));
		a.start_id = id;
		if (syscall(SYS_bpf, cmd, &a, sizeof(a)))
			return n;
		id = a.next_id;
		n++;
	}
}

static unsigned long number(char **argv, int argc, int i)
{
	return i < argc ? strtoul(argv[i], NULL, 10) : 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	unsigned long a = number(argv, argc, 2), b = number(argv, argc, 3);

	if (!strcmp(what, "serial"))
		serial(a, b);
	else if (!strcmp(what, "vcpus") || !strcmp(what, "threads"))
		vcpus(a, b, *what == 't');
	else if (!strcmp(what, "alternate"))
		alternate(a);
	else if (!strcmp(what, "turns"))
		turns(a);
	else if (!strcmp(what, "migrate"))
		migrate(a);
	else if (!strcmp(what, "forever")) {
		struct vcpu v = new_vcpu(new_vm(), 0);

		run(&v, ~0ul);
	}
	else if (!strcmp(what, "perf") && argc > 3)
		return perf(argv[2], argv + 3);
	else if (!strcmp(what, "bpf"))
		printf("programs=%d links=%d maps=%d\n", count_ids(BPF_PROG_GET_NEXT_ID),
		       count_ids(BPF_LINK_GET_NEXT_ID), count_ids(BPF_MAP_GET_NEXT_ID));
	else
		return 2;
	/* An argument more: stay there, to be looked at. */
	if (argc > 4 || (argc > 3 && strcmp(what, "serial") && strcmp(what, "vcpus") &&
			 strcmp(what, "threads"))) {
		puts("done");
		fflush(stdout);
		pause();
	}
	return 0;
}
