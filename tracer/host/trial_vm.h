/* SPDX-License-Identifier: GPL-2.0 */
/* A VM of our own for a moment, to see whether this KVM reports its exits. */
#ifndef EXITLAB_TRIAL_VM_H
#define EXITLAB_TRIAL_VM_H

struct trial_vm;

/* Four kilobytes of memory, one vCPU. 0 or negative errno (-EACCES: /dev/kvm may not be opened). */
int trial_vm_open(struct trial_vm **out);
/* Makes @n exits to user space, each a write to an I/O port. 0 or negative errno. */
int trial_vm_run(struct trial_vm *vm, unsigned int n);
/* NULL is fine. */
void trial_vm_close(struct trial_vm *vm);

#endif
