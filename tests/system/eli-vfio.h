/* SPDX-License-Identifier: GPL-2.0 */
/* A device whose interrupts this program raises one by one; see eli-vfio.c. */
#ifndef ELI_VFIO_H
#define ELI_VFIO_H

#include <stdint.h>

/* How the device thread behaves. */
struct device_plan {
	const char *address;		/* of the virtual function, 0000:bb:dd.f */
	uint64_t storm;			/* ns between two; 0: each when the last was counted */
	uint64_t interrupts;		/* how many to raise */
	uint64_t ms;			/* wait so long afterwards */
	const char *modes;		/* "off full": set at random moments meanwhile */
	int vm;
	volatile uint64_t *taken;	/* the guest's count of them */
	volatile uint64_t *no_eoi;	/* set after half of them, if not NULL */
	volatile uint64_t *stop;	/* ends the guest */
};

/* Connects the device's first interrupt to the guest's @vector, and starts the thread. */
void device_start(struct device_plan *plan, unsigned vector);
/* Waits for the thread's end, and prints what it did. */
void device_end(void);

_Noreturn void die(const char *what);
void on_cpu_0(void);
void eli_set(int vm, const char *name, const char *value);
#endif
