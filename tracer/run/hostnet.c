// SPDX-License-Identifier: GPL-2.0
/*
 * Network set-up of a host under test, by ip(8) and sysfs. What is hard is the order for virtual
 * functions: automatic probing must be off before they appear, or the host's own driver takes them
 * and the guest gets nothing; and their MAC must be set by the PF before VFIO resets them.
 */
#include "run/hostnet.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "run/bare.h"
#include "util/log.h"
#include "util/proc.h"

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

/* Name of the first interface (in alphabetic order) whose device is bound to @driver. */
static int find_nic(const char *driver, char *name, size_t size)
{
	char path[320], link[256];
	struct dirent *d;
	DIR *dir = opendir("/sys/class/net");
	ssize_t n;

	name[0] = 0;
	if (!dir)
		return -errno;
	while ((d = readdir(dir))) {
		snprintf(path, sizeof(path), "/sys/class/net/%.64s/device/driver", d->d_name);
		n = readlink(path, link, sizeof(link) - 1);
		if (n <= 0)
			continue;
		link[n] = 0;
		if (!strcmp(strrchr(link, '/') + 1, driver) &&
		    (!name[0] || strcmp(d->d_name, name) < 0))
			snprintf(name, size, "%.31s", d->d_name);
	}
	closedir(dir);
	if (name[0])
		return 0;
	err("no network interface with driver %s on this host", driver);
	return -ENODEV;
}

static int read_mac(const char *nic, char *mac, size_t size)
{
	char path[128];
	FILE *f;
	int ret = -ENODATA;

	snprintf(path, sizeof(path), "/sys/class/net/%s/address", nic);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	if (fgets(mac, (int)size, f) && strlen(mac) == 17)
		ret = 0;
	fclose(f);
	return ret;
}

/* For what only a member of the peer's namespace can do. Returns the way back, or an error. */
static int enter_peer(void)
{
	int back = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), ns, ret = 0;

	ns = open(HOSTNET_PEER_NS, O_RDONLY | O_CLOEXEC);
	if (back < 0 || ns < 0 || setns(ns, CLONE_NEWNET))
		ret = -errno;
	if (ns >= 0)
		close(ns);
	if (!ret)
		return back;
	if (back >= 0)
		close(back);
	return ret;
}

static int ethtool(const char *nic, struct ethtool_coalesce *c, uint32_t cmd)
{
	struct ifreq r = { .ifr_data = (void *)c };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), ret = 0;

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%.15s", nic);
	c->cmd = cmd;
	if (fd < 0 || ioctl(fd, SIOCETHTOOL, &r))
		ret = -errno;
	if (fd >= 0)
		close(fd);
	if (ret)
		err("cannot %s the interrupt moderation of %s: %s",
		    cmd == ETHTOOL_GCOALESCE ? "read" : "set", nic, strerror(-ret));
	return ret;
}

/* How it was before goes to @before. */
static int unmoderate(const char *nic, struct ethtool_coalesce *before)
{
	struct ethtool_coalesce c;
	int ret = ethtool(nic, before, ETHTOOL_GCOALESCE);

	c = *before;
	c.rx_coalesce_usecs = 0;
	c.tx_coalesce_usecs = 0;
	return ret ? ret : ethtool(nic, &c, ETHTOOL_SCOALESCE);
}

/*
 * Has to be done twice. While the links are down: a driver that adapts moderation to the traffic
 * has always one more value ready, which it would write after ours. And again when they are up:
 * a driver programs its card anew when it brings it up.
 */
static int stop_moderation(struct hostnet *n)
{
	int ret = unmoderate(n->nic, &n->nic_before);

	if (ret)
		return ret;
	n->nic_unmoderated = true;
	ret = unmoderate(n->peer, &n->peer_before);
	n->peer_unmoderated = !ret;
	return ret;
}

static int stop_moderation_again(struct hostnet *n)
{
	struct ethtool_coalesce now;
	int ret = unmoderate(n->nic, &now), back;

	if (ret)
		return ret;
	back = enter_peer();
	if (back < 0)
		return back;
	ret = unmoderate(n->peer, &now);
	if (setns(back, CLONE_NEWNET))
		ret = -errno;
	close(back);
	return ret;
}

static void restore_moderation(struct hostnet *n)
{
	int back;

	if (n->nic_unmoderated)
		ethtool(n->nic, &n->nic_before, ETHTOOL_SCOALESCE);
	/* Before the namespace was made it is among the host's. */
	back = n->peer_unmoderated && n->have_ns ? enter_peer() : -1;
	if (n->peer_unmoderated && !n->have_ns)
		ethtool(n->peer, &n->peer_before, ETHTOOL_SCOALESCE);
	if (back >= 0) {
		ethtool(n->peer, &n->peer_before, ETHTOOL_SCOALESCE);
		if (setns(back, CLONE_NEWNET))
			err("cannot leave the peer's namespace: %s", strerror(errno));
		close(back);
	}
	n->nic_unmoderated = n->peer_unmoderated = false;
}

#define DEFAULT_AFFINITY "/proc/irq/default_smp_affinity"

/*
 * Interrupts requested from now on (cards' when their link comes up, VFIO's) go to the first CPU,
 * where all is that is no vCPU. Left to itself the kernel spreads them by how many vectors each CPU
 * has given out, so that a card's may or may not meet the vCPU: INTR exits would depend on chance.
 */
static int pin_interrupts(struct hostnet *n)
{
	FILE *f = fopen(DEFAULT_AFFINITY, "re");
	bool read = f && fgets(n->affinity, sizeof(n->affinity), f);

	if (f)
		fclose(f);
	if (!read) {
		n->affinity[0] = 0;
		err("cannot read " DEFAULT_AFFINITY);
		return -EIO;
	}
	n->affinity[strcspn(n->affinity, "\n")] = 0;
	return write_file(DEFAULT_AFFINITY, "1");
}

/* Interrupts requested from now on go to @cpu. */
static int steer_interrupts(int cpu)
{
	char mask[16];

	snprintf(mask, sizeof(mask), "%x", 1u << cpu);
	return write_file(DEFAULT_AFFINITY, mask);
}

/*
 * The peer as a machine of its own, of @host's last CPUs: the first of them takes its card's
 * interrupts, all of them do its network stack's work, each for some connections (RPS). While the
 * card is still in the host's namespace, as its queue cannot be found in sysfs afterwards.
 */
static int own_cpus(const struct hostnet *n, const struct sc_host *host)
{
	int first = host->cpus - host->peer_cpus, ret;
	char path[128], mask[16];

	snprintf(path, sizeof(path), "/sys/class/net/%s/queues/rx-0/rps_cpus", n->peer);
	snprintf(mask, sizeof(mask), "%x", ((1u << host->peer_cpus) - 1) << first);
	ret = write_file(path, mask);
	return ret ? ret : steer_interrupts(first);
}

static int setup_peer(struct hostnet *n)
{
	int i, ret;

	ret = proc_cmd("ip netns add peer");
	if (ret)
		return ret;
	n->have_ns = true;
	ret = proc_cmd("ip link set %s netns peer", n->peer);
	if (!ret)
		ret = proc_cmd("ip -n peer addr add " HOSTNET_PEER_IP "/24 dev %s", n->peer);
	if (!ret)
		ret = proc_cmd("ip -n peer link set %s up", n->peer);
	/* Fixed neighbour entries on both sides: no address resolution inside a window. */
	for (i = 0; !ret && i < n->guests; i++)
		ret = proc_cmd("ip -n peer neigh add 10.0.0.%d lladdr 52:54:00:00:01:%02x "
			       "nud permanent dev %s", 10 + i, i, n->peer);
	return ret;
}

static int setup_taps(struct hostnet *n)
{
	int i, ret;

	ret = proc_cmd("ip link add exitlab0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0");
	if (ret)
		return ret;
	n->have_bridge = true;
	ret = proc_cmd("ip link set %s master exitlab0", n->nic);
	for (i = 0; !ret && i < n->guests; i++) {
		snprintf(n->tap[i], sizeof(n->tap[i]), "exitlab-t%d", i & 0xf);
		ret = proc_cmd("ip tuntap add dev %s mode tap vnet_hdr", n->tap[i]);
		if (ret)
			break;
		n->taps = i + 1;
		ret = proc_cmd("ip link set %s master exitlab0 up", n->tap[i]);
	}
	if (!ret)
		ret = proc_cmd("ip link set exitlab0 up");
	return ret;
}

static int bind_vf(struct hostnet *n, int i)
{
	char path[128], link[128];
	const char *addr;
	ssize_t len;
	int ret;

	snprintf(path, sizeof(path), "/sys/class/net/%s/device/virtfn%d", n->nic, i);
	len = readlink(path, link, sizeof(link) - 1);
	if (len <= 0)
		return -errno;
	link[len] = 0;
	addr = strrchr(link, '/');
	snprintf(n->vf[i], sizeof(n->vf[i]), "%.15s", addr ? addr + 1 : link);
	ret = proc_cmd("ip link set %s vf %d mac 52:54:00:00:01:%02x", n->nic, i, i);
	if (ret)
		return ret;
	if (n->bare_cpu)
		ret = bare_device(n->vf[i]);
	if (ret)
		return ret;
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver_override", n->vf[i]);
	ret = write_file(path, n->bare_cpu ? "igbvf" : "vfio-pci");
	return ret ? ret : write_file("/sys/bus/pci/drivers_probe", n->vf[i]);
}

static int setup_vfs(struct hostnet *n)
{
	char path[128], count[8];
	int i, ret;

	snprintf(path, sizeof(path), "/sys/class/net/%s/device/sriov_drivers_autoprobe", n->nic);
	ret = write_file(path, "0");
	if (ret)
		return ret;
	n->have_vfs = true;
	snprintf(path, sizeof(path), "/sys/class/net/%s/device/sriov_numvfs", n->nic);
	snprintf(count, sizeof(count), "%d", n->guests);
	ret = write_file(path, count);
	for (i = 0; !ret && i < n->guests; i++)
		ret = bind_vf(n, i);
	return ret || !n->bare_cpu ? ret : bare_net(n->vf[0], n->peer_mac, n->bare_cpu);
}

int hostnet_setup(struct hostnet *n, enum sc_net kind, int guests, const struct sc_host *host,
		  int bare_cpu)
{
	int ret;

	memset(n, 0, sizeof(*n));
	n->kind = kind;
	n->bare_cpu = bare_cpu;
	n->guests = guests;
	if (kind == SC_NET_NONE)
		return 0;
	if (guests > HOSTNET_MAX_GUESTS)
		return -E2BIG;
	ret = find_nic("igb", n->nic, sizeof(n->nic));
	if (!ret)
		ret = find_nic("e1000e", n->peer, sizeof(n->peer));
	if (!ret)
		ret = read_mac(n->peer, n->peer_mac, sizeof(n->peer_mac));
	if (!ret)
		ret = pin_interrupts(n);
	if (!ret && !host->moderation)
		ret = stop_moderation(n);
	if (!ret && host->peer_cpus)
		ret = own_cpus(n, host);
	if (!ret)
		ret = setup_peer(n);
	if (!ret && (host->peer_cpus || host->nic_cpu))
		ret = steer_interrupts(host->nic_cpu);
	if (!ret)
		ret = proc_cmd("ip link set %s up", n->nic);
	if (!ret)
		ret = kind == SC_NET_VF ? setup_vfs(n) : setup_taps(n);
	if (!ret && !host->moderation)
		ret = stop_moderation_again(n);
	if (!ret && host->nic_cpu)
		ret = steer_interrupts(0);
	if (ret)
		hostnet_teardown(n);
	return ret;
}

void hostnet_teardown(struct hostnet *n)
{
	char path[128];

	restore_moderation(n);
	if (n->affinity[0])
		write_file(DEFAULT_AFFINITY, n->affinity);
	n->affinity[0] = 0;
	if (n->bare_cpu)
		bare_unnet();
	if (n->have_vfs) {
		snprintf(path, sizeof(path), "/sys/class/net/%s/device/sriov_numvfs", n->nic);
		write_file(path, "0");
		snprintf(path, sizeof(path), "/sys/class/net/%s/device/sriov_drivers_autoprobe",
			 n->nic);
		write_file(path, "1");
	}
	while (n->taps > 0)
		proc_cmd("ip link del %s", n->tap[--n->taps]);
	if (n->have_bridge)
		proc_cmd("ip link del exitlab0");
	if (n->have_ns)
		proc_cmd("ip netns del peer");
	n->have_vfs = n->have_bridge = n->have_ns = false;
}

void hostnet_guest(const struct hostnet *n, int index, struct guest_net *out)
{
	*out = (struct guest_net){
		.kind = n->kind,
		.tap = n->tap[index],
		.vf = n->vf[index],
		.peer_ip = HOSTNET_PEER_IP,
		.peer_mac = n->peer_mac,
	};
}
