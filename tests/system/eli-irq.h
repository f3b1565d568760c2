/* SPDX-License-Identifier: GPL-2.0 */
/* What /dev/eli-irq (eli-irq.c) understands. */
#ifndef ELI_IRQ_H
#define ELI_IRQ_H

#include <linux/ioctl.h>

/* Bits 0 to 15: the eventfd that it signals; above: the CPU that it begins on. */
#define ELI_IRQ_SET	_IO('E', 1)
/* Sends it to the CPU that it is on now, which is returned. */
#define ELI_IRQ_FIRE	_IO('E', 2)
/* How often the host's handler ran; the host's vector. */
#define ELI_IRQ_HANDLED	_IO('E', 3)
#define ELI_IRQ_VECTOR	_IO('E', 4)

#endif
