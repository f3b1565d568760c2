// SPDX-License-Identifier: GPL-2.0
/*
 * A source of device interrupts with a count of its own: a virtual function of an 82576, opened by
 * VFIO, whose register EICS raises an interrupt with each write. So "the device" is a thread of
 * this program, on CPU 0, and knows how many interrupts there were, as no network adapter does.
 *
 * The thread raises one and waits until the guest has counted it, again and again (paced), or
 * raises one every so many ns whatever becomes of them (storm). A second thread changes the mode of
 * exitless interrupts at moments that have nothing to do with the first.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "eli-vfio.h"

/* Registers of the virtual function: cause set, mask set, auto clear. */
enum { EICS = 0x1520, EIMS = 0x1524, EIAC = 0x152c };
/* A line of KVM's that no interrupt controller has. */
enum { GSI = 24 };

static struct device_plan *plan;
static pthread_t device_thread, mode_thread;
static int device, container, group, trigger, request;
static volatile char *registers;
static volatile int done;
static uint64_t raised, lost, switches, released;
static size_t size;

static void put(unsigned reg, uint32_t value)
{
	*(volatile uint32_t *)(registers + reg) = value;
}

void on_cpu_0(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("sched_setaffinity");
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* @fd: of an eventfd, or -1: off */
static void set_irq(unsigned index, int fd)
{
	struct { struct vfio_irq_set h; int fd; } set = {
		{ .argsz = sizeof(set), .index = index, .count = 1,
		  .flags = VFIO_IRQ_SET_ACTION_TRIGGER | VFIO_IRQ_SET_DATA_EVENTFD }, fd };

	if (fd < 0)
		set.h.argsz = sizeof(set.h), set.h.count = 0,
		set.h.flags = VFIO_IRQ_SET_ACTION_TRIGGER | VFIO_IRQ_SET_DATA_NONE;
	if (ioctl(device, VFIO_DEVICE_SET_IRQS, &set))
		die("VFIO_DEVICE_SET_IRQS");
}

static void set_irqfd(unsigned flags)
{
	struct kvm_irqfd irqfd = { .fd = (uint32_t)trigger, .gsi = GSI, .flags = flags };

	if (ioctl(plan->vm, KVM_IRQFD, &irqfd))
		die("KVM_IRQFD");
}

static void open_device(void)
{
	struct vfio_region_info bar = { .argsz = sizeof(bar), .index = VFIO_PCI_BAR0_REGION_INDEX };
	struct vfio_region_info config = { .argsz = sizeof(config),
					   .index = VFIO_PCI_CONFIG_REGION_INDEX };
	uint16_t command = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	char path[128], link[256];
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group", plan->address);
	n = readlink(path, link, sizeof(link) - 1);
	if (n < 0)
		die(path);
	link[n] = '\0';
	snprintf(path, sizeof(path), "/dev/vfio%s", strrchr(link, '/'));
	container = open("/dev/vfio/vfio", O_RDWR);
	group = open(path, O_RDWR);
	if (container < 0 || group < 0 || ioctl(group, VFIO_GROUP_SET_CONTAINER, &container) ||
	    ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		die(path);
	device = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, plan->address);
	if (device < 0 || ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &bar) ||
	    ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &config))
		die("the device");
	if (pwrite(device, &command, 2, (off_t)config.offset + PCI_COMMAND) != 2)
		die("PCI_COMMAND");
	size = bar.size;
	registers = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, device, (off_t)bar.offset);
	if (registers == MAP_FAILED)
		die("the device's registers");
}

static void connect_device(unsigned vector)
{
	struct { struct kvm_irq_routing h; struct kvm_irq_routing_entry e; } routing = {
		{ .nr = 1 }, { .gsi = GSI, .type = KVM_IRQ_ROUTING_MSI } };

	routing.e.u.msi.address_lo = 0xfee00000;
	routing.e.u.msi.data = vector;
	trigger = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	request = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (trigger < 0 || request < 0 || ioctl(plan->vm, KVM_SET_GSI_ROUTING, &routing))
		die("KVM_SET_GSI_ROUTING");
	set_irqfd(0);
	set_irq(VFIO_PCI_MSIX_IRQ_INDEX, trigger);
	set_irq(VFIO_PCI_REQ_IRQ_INDEX, request);
	put(EIAC, 1);
	put(EIMS, 1);
}

/* Someone unbinds the device from its driver: it is let go, while the guest runs on. */
static void release_if_asked(void)
{
	struct pollfd p = { .fd = request, .events = POLLIN };

	if (released || poll(&p, 1, 0) <= 0)
		return;
	set_irq(VFIO_PCI_MSIX_IRQ_INDEX, -1);
	set_irqfd(KVM_IRQFD_FLAG_DEASSIGN);
	munmap((void *)registers, size);
	close(device);
	close(group);
	close(container);
	released = 1;
}

static void *run_device(void *unused)
{
	uint64_t before, i, end;

	on_cpu_0();
	for (i = 0; i < plan->interrupts && !released; i++) {
		if (plan->no_eoi && i == plan->interrupts / 2)
			*plan->no_eoi = 1;
		before = *plan->taken;
		put(EICS, 1);
		raised++;
		/* A storm, too, waits for the guest to run. */
		if (!plan->storm || !i) {
			end = now_ns() + 1000000000;
			while (*plan->taken == before && now_ns() < end)
				;
			lost += *plan->taken == before;
		} else {
			for (end = now_ns() + plan->storm; now_ns() < end; )
				;
		}
		if (i % 16 == 0)
			release_if_asked();
	}
	for (end = now_ns() + plan->ms * 1000000; now_ns() < end; usleep(1000))
		release_if_asked();
	done = 1;
	*plan->stop = 1;
	return unused;
}

static void *run_modes(void *unused)
{
	unsigned s = 1;
	char mode[16];
	const char *p;
	int n;

	on_cpu_0();
	while (!done)
		for (p = plan->modes; !done && sscanf(p, " %15s%n", mode, &n) == 1; p += n) {
			eli_set(plan->vm, "eli_mode", mode);
			switches++;
			s = s * 1103515245u + 12345;
			usleep(300 + s / 65536 % 5000);
		}
	return unused;
}

void device_start(struct device_plan *p, unsigned vector)
{
	plan = p;
	open_device();
	connect_device(vector);
	if (pthread_create(&device_thread, NULL, run_device, NULL) ||
	    (plan->modes && pthread_create(&mode_thread, NULL, run_modes, NULL)))
		die("thread");
}

void device_end(void)
{
	pthread_join(device_thread, NULL);
	if (plan->modes)
		pthread_join(mode_thread, NULL);
	printf("raised %llu\nlost %llu\nswitched %llu\nreleased %llu\n",
	       (unsigned long long)raised, (unsigned long long)lost,
	       (unsigned long long)switches, (unsigned long long)released);
}
