// SPDX-License-Identifier: GPL-2.0
#include "run/bare.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "run/hostnet.h"
#include "util/clock.h"
#include "util/log.h"

#define AFFINITY	"/proc/irq/default_smp_affinity"
#define CARRIER_MS	20000

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret = 0;

	if (fd < 0 || write(fd, text, strlen(text)) < 0) {
		ret = -errno;
		err("cannot write '%s' to %s: %s", text, path, strerror(errno));
	}
	if (fd >= 0)
		close(fd);
	return ret;
}

static void domain_path(const char *vf, char *path, size_t size)
{
	snprintf(path, size, "/sys/bus/pci/devices/%.20s/iommu_group/type", vf);
}

int bare_device(const char *vf)
{
	char path[128];

	domain_path(vf, path, sizeof(path));
	/* Without an IOMMU there is no such file, and nothing to do. */
	if (!access(path, F_OK) && write_file(path, "identity"))
		return -EIO;
	return proc_cmd("modprobe igbvf");
}

/* The interface that the driver made of the device. */
static int nic_of(const char *vf, char *name, size_t size)
{
	char path[128];
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%.20s/net", vf);
	d = opendir(path);
	name[0] = 0;
	while (d && !name[0] && (e = readdir(d)))
		if (e->d_name[0] != '.')
			snprintf(name, size, "%.15s", e->d_name);
	if (d)
		closedir(d);
	if (name[0])
		return 0;
	err("the driver igbvf has made no interface of the virtual function %s", vf);
	return -ENODEV;
}

/* A socket of the namespace, whose interfaces it sees from anywhere. */
static int socket_inside(void)
{
	int back = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int ns = open(BARE_NS, O_RDONLY | O_CLOEXEC), fd = -1;

	if (back >= 0 && ns >= 0 && !setns(ns, CLONE_NEWNET)) {
		fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (setns(back, CLONE_NEWNET)) {
			err("cannot leave the namespace " BARE_NS ": %s", strerror(errno));
			if (fd >= 0)
				close(fd);
			fd = -1;
		}
	}
	if (ns >= 0)
		close(ns);
	if (back >= 0)
		close(back);
	return fd;
}

/* A virtual function has its link after some time only. */
static int await_carrier(void)
{
	int64_t end = clock_ms() + CARRIER_MS;
	struct ifreq r = { .ifr_name = BARE_NIC };
	int fd = socket_inside(), ret = -ETIMEDOUT;

	while (fd >= 0 && ret && clock_ms() < end) {
		if (!ioctl(fd, SIOCGIFFLAGS, &r) && (r.ifr_flags & IFF_RUNNING))
			ret = 0;
		else
			usleep(50000);
	}
	if (fd >= 0)
		close(fd);
	if (ret)
		err(BARE_NIC " has no link");
	return ret;
}

/* Interrupts that are requested when the interface comes up go to @cpu; those after it do not. */
static int link_up(int cpu)
{
	char mask[32], before[300];
	FILE *f = fopen(AFFINITY, "re");
	bool read = f && fgets(before, sizeof(before), f);
	int ret;

	if (f)
		fclose(f);
	if (!read) {
		err("cannot read " AFFINITY);
		return -EIO;
	}
	before[strcspn(before, "\n")] = 0;
	snprintf(mask, sizeof(mask), "%x", 1u << cpu);
	ret = write_file(AFFINITY, mask);
	if (!ret)
		ret = proc_cmd("ip -n bare link set " BARE_NIC " up");
	return write_file(AFFINITY, before) ? -EIO : ret;
}

int bare_net(const char *vf, const char *peer_mac, int cpu)
{
	char name[16];
	int ret = nic_of(vf, name, sizeof(name));

	/* Named before it comes up: its interrupts are named after it, and found by that. */
	if (!ret)
		ret = proc_cmd("ip link set %s name " BARE_NIC, name);
	if (!ret)
		ret = proc_cmd("ip netns add bare");
	if (!ret)
		ret = proc_cmd("ip link set " BARE_NIC " netns bare");
	if (!ret)
		ret = proc_cmd("ip -n bare link set lo up");
	if (!ret)
		ret = proc_cmd("ip -n bare addr add 10.0.0.10/24 dev " BARE_NIC);
	if (!ret)
		ret = link_up(cpu);
	if (!ret)
		ret = proc_cmd("ip -n bare neigh add " HOSTNET_PEER_IP " lladdr %s nud permanent dev "
			       BARE_NIC, peer_mac);
	return ret ? ret : await_carrier();
}

void bare_unnet(void)
{
	if (!access(BARE_NS, F_OK))
		proc_cmd("ip netns del bare");
}

int bare_start(struct guest *g, const struct lab *lab, int cpu, int timeout_ms)
{
	char log[256], path[256];
	struct proc_opts o = { .netns = BARE_NS, .cpu = cpu, .log = log };
	char *argv[] = { "agent", "--listen", path, NULL };
	int ret;

	memset(g, 0, sizeof(*g));
	g->agent = -1;
	snprintf(g->name, sizeof(g->name), "bare");
	snprintf(g->ip, sizeof(g->ip), "10.0.0.10");
	snprintf(log, sizeof(log), "%s/bare.log", lab->run_dir);
	snprintf(path, sizeof(path), "%s/bare.agent", lab->run_dir);
	g->started_ns = clock_ns();
	ret = proc_start(&g->vmm, argv, &o);
	if (ret)
		return ret;
	g->vmm.name = "agent of bare metal";
	return guest_connect(g, lab, timeout_ms);
}

json_t *bare_json(const char *vf, int cpu)
{
	char path[128], domain[32] = "";
	json_t *o = json_pack("{s:s, s:i}", "driver", "igbvf", "cpu", cpu);
	FILE *f;

	domain_path(vf, path, sizeof(path));
	f = fopen(path, "re");
	if (f && fgets(domain, sizeof(domain), f))
		domain[strcspn(domain, "\n")] = 0;
	if (f)
		fclose(f);
	if (o)
		json_object_set_new(o, "iommu_domain", domain[0] ? json_string(domain) :
								  json_null());
	return o;
}
