// SPDX-License-Identifier: GPL-2.0
/*
 * An interrupt without a device: a vector of the host's that is sent by hand, and is offered to KVM
 * as that of an assigned device, as VFIO does. For machines whose emulator has no IOMMU.
 *
 * /dev/eli-irq: one interrupt per open file; see eli-irq.h.
 */
#include <linux/eventfd.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irqbypass.h>
#include <linux/irqdomain.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <asm/apic.h>
#include <asm/hw_irq.h>
#include <asm/irqdomain.h>

#include "eli-irq.h"

struct eli_irq {
	int irq;
	struct eventfd_ctx *event;
	struct irq_bypass_producer producer;
	atomic_t handled;
};

static struct fwnode_handle *fwnode;
static struct irq_domain *domain;

static void nothing(struct irq_data *data)
{
}

static struct irq_chip chip = {
	.name = "eli-irq",
	.irq_mask = nothing,
	.irq_unmask = nothing,
	.irq_ack = irq_chip_ack_parent,
	.irq_set_affinity = irq_chip_set_affinity_parent,
	.irq_retrigger = irq_chip_retrigger_hierarchy,
};

static int domain_alloc(struct irq_domain *d, unsigned int irq, unsigned int nr, void *arg)
{
	int r = irq_domain_alloc_irqs_parent(d, irq, nr, arg);

	if (!r)
		irq_domain_set_info(d, irq, irq, &chip, NULL, handle_edge_irq, NULL, "edge");
	return r;
}

static const struct irq_domain_ops domain_ops = {
	.alloc = domain_alloc,
	.free = irq_domain_free_irqs_common,
};

static irqreturn_t handle(int irq, void *arg)
{
	struct eli_irq *e = arg;

	atomic_inc(&e->handled);
	eventfd_signal(e->event);
	return IRQ_HANDLED;
}

static int eli_irq_set(struct eli_irq *e, unsigned long arg)
{
	struct irq_alloc_info info = { .mask = cpumask_of((arg >> 16) % nr_cpu_ids) };
	int r;

	if (e->event)
		return -EBUSY;
	e->event = eventfd_ctx_fdget(arg & 0xffff);
	if (IS_ERR(e->event)) {
		r = PTR_ERR(e->event);
		goto err_event;
	}
	e->irq = irq_domain_alloc_irqs(domain, 1, NUMA_NO_NODE, &info);
	if (e->irq <= 0) {
		r = -ENOSPC;
		goto err_irq;
	}
	/* As with interrupt remapping: it moves when it is told to. */
	irq_set_status_flags(e->irq, IRQ_MOVE_PCNTXT);
	r = request_irq(e->irq, handle, IRQF_NO_THREAD, "eli-irq", e);
	if (r)
		goto err_request;
	e->producer.token = e->event;
	e->producer.irq = e->irq;
	r = irq_bypass_register_producer(&e->producer);
	if (!r)
		return 0;
	free_irq(e->irq, e);
err_request:
	irq_dispose_mapping(e->irq);
err_irq:
	eventfd_ctx_put(e->event);
err_event:
	e->event = NULL;
	return r;
}

/* A message of a device would go to the same CPU with the same vector. */
static int eli_irq_fire(struct eli_irq *e)
{
	struct irq_data *data = irq_get_irq_data(e->irq);
	int cpu = cpumask_first(irq_data_get_effective_affinity_mask(data));

	apic->send_IPI(cpu, irqd_cfg(data)->vector);
	return cpu;
}

static long eli_irq_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct eli_irq *e = file->private_data;

	if (cmd == ELI_IRQ_SET)
		return eli_irq_set(e, arg);
	if (!e->event)
		return -EINVAL;
	switch (cmd) {
	case ELI_IRQ_FIRE:
		return eli_irq_fire(e);
	case ELI_IRQ_HANDLED:
		return atomic_read(&e->handled);
	case ELI_IRQ_VECTOR:
		return irqd_cfg(irq_get_irq_data(e->irq))->vector;
	}
	return -ENOTTY;
}

static int eli_irq_open(struct inode *inode, struct file *file)
{
	file->private_data = kzalloc(sizeof(struct eli_irq), GFP_KERNEL);
	return file->private_data ? 0 : -ENOMEM;
}

static int eli_irq_release(struct inode *inode, struct file *file)
{
	struct eli_irq *e = file->private_data;

	if (e->event) {
		irq_bypass_unregister_producer(&e->producer);
		free_irq(e->irq, e);
		irq_dispose_mapping(e->irq);
		eventfd_ctx_put(e->event);
	}
	kfree(e);
	return 0;
}

static const struct file_operations fops = {
	.owner = THIS_MODULE,
	.open = eli_irq_open,
	.release = eli_irq_release,
	.unlocked_ioctl = eli_irq_ioctl,
};

static struct miscdevice misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "eli-irq",
	.fops = &fops,
};

static int __init eli_irq_init(void)
{
	int r;

	fwnode = irq_domain_alloc_named_fwnode("eli-irq");
	if (!fwnode)
		return -ENOMEM;
	domain = irq_domain_create_hierarchy(x86_vector_domain, 0, 0, fwnode, &domain_ops, NULL);
	r = domain ? misc_register(&misc) : -ENOMEM;
	if (!r)
		return 0;
	if (domain)
		irq_domain_remove(domain);
	irq_domain_free_fwnode(fwnode);
	return r;
}

static void __exit eli_irq_exit(void)
{
	misc_deregister(&misc);
	irq_domain_remove(domain);
	irq_domain_free_fwnode(fwnode);
}

module_init(eli_irq_init);
module_exit(eli_irq_exit);
MODULE_DESCRIPTION("An interrupt that is sent by hand, for tests of exitless interrupts");
MODULE_LICENSE("GPL");
