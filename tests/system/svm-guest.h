/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of the program share: the processor's registers and formats, and the tiny host and
 * guest of svm-guest.c.
 */

#pragma once

#include "bare.h"

#define PAGE		4096

#define MSR_APIC_BASE	0x1b
#define MSR_X2APIC	0x800		/* + register offset / 16 */
#define MSR_EFER	0xc0000080
#define MSR_VM_HSAVE_PA	0xc0010117
#define EFER_SVME	(1u << 12)

#define FLAG_IF		0x200

#define VEC_HOST	0x50 /* taken by this program: timer or inter-processor interrupt */
#define VEC_IPI	0x80 /* the first of VEC_IPIS inter-processor interrupts */
#define VEC_IPIS	64
#define VEC_GUEST	0x41		/* injected into the guest */
#define VEC_GUEST2	0x42		/* a second one */
#define VEC_DIRECT	0x61		/* taken by the guest without an exit */
#define VEC_NMI		2
#define VEC_UD		6
#define VEC_NP		11
#define VEC_GP		13

#define EXIT_READ_CR0	0x00
#define EXIT_EXCEPTION	0x40
#define EXIT_INTR	0x60
#define EXIT_NMI	0x61
#define EXIT_VINTR	0x64
#define EXIT_CR0_SELECTIVE 0x65
#define EXIT_VMMCALL	0x81
#define EXIT_NPF	0x400
#define ICPT_INTR	(1u << 0)	/* word 3 */
#define ICPT_NMI	(1u << 1)
#define ICPT_VINTR	(1u << 4)
#define ICPT_CR0_SELECTIVE (1u << 5)
#define ICPT_VMRUN	(1u << 0)	/* word 4 */
#define ICPT_VMMCALL	(1u << 1)
/* EVENTINJ and EXITINTINFO: valid, with an error code, type. */
#define EVENT_VALID	(1u << 31)
#define EVENT_ERR	(1u << 11)
#define EVENT_INTR	(EVENT_VALID | 0 << 8)
#define EVENT_NMI	(EVENT_VALID | 2 << 8 | VEC_NMI)
#define EVENT_EXCEPTION	(EVENT_VALID | 3 << 8)
#define EVENT_SOFT	(EVENT_VALID | 4 << 8)
#define V_TPR(n)	(n)
#define V_IRQ		(1u << 8)
#define V_PRIO_MAX	(15u << 16)
#define V_IGN_TPR	(1u << 20)
#define V_INTR_MASKING	(1u << 24)

struct vmcb_seg {
	u16 selector, attrib;
	u32 limit;
	u64 base;
} __attribute__((packed));

/* AMD64 Architecture Programmer's Manual, volume 2, appendix B; only the fields that are used. */
struct vmcb {
	u32 icpt_cr, icpt_dr, icpt_exception, icpt3, icpt4;
	u8 pad0[0x58 - 0x14];
	u32 asid;
	u8 tlb_ctl, pad1[3];
	u32 int_ctl, int_vector;
	u64 int_state, exit_code, exit_info1, exit_info2;
	u32 exit_int_info, exit_int_info_err;
	u64 nested_ctl;
	u8 pad2[0xa8 - 0x98];
	u32 event_inj, event_inj_err;
	u64 nested_cr3;
	u8 pad3[0x400 - 0xb8];
	struct vmcb_seg es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
	u8 pad4[0x4cb - 0x4a0];
	u8 cpl, pad5[4];
	u64 efer;
	u8 pad6[0x548 - 0x4d8];
	u64 cr4, cr3, cr0, dr7, dr6, rflags, rip;
	u8 pad7[0x5d8 - 0x580];
	u64 rsp;
	u8 pad8[0x5f8 - 0x5e0];
	u64 rax;
	u8 pad9[PAGE - 0x600];
} __attribute__((packed));

_Static_assert(sizeof(struct vmcb) == PAGE, "a VMCB is a page");
_Static_assert(__builtin_offsetof(struct vmcb, rax) == 0x5f8, "layout of the VMCB");
_Static_assert(__builtin_offsetof(struct vmcb, efer) == 0x4d0, "layout of the VMCB");
_Static_assert(__builtin_offsetof(struct vmcb, nested_cr3) == 0xb0, "layout of the VMCB");

/* Of each CPU: the second one is there in the modes with two. */
extern struct vmcb vmcbs[2];
static struct vmcb *const vm = &vmcbs[0];
extern u8 guest_stacks[2][PAGE];
extern struct gate guest_idt[256];

extern const u8 guest_main[], guest_cr8[], guest_read_cr8[], guest_read_cr3[], guest_sti[];
extern const u8 guest_ud[], guest_lmsw[], guest_lmsw2[], guest_int[], guest_pause[], guest_irq[];
/* Counted by the guests' handlers; guest_error is the last error code. */
extern volatile u64 guest_irqs, guest_irqs2, guest_directs, guest_nmis, guest_uds, guest_gps;
extern volatile u64 guest_error;
/* Counted by the host's handler, for each CPU. */
extern volatile u64 host_irqs[2], host_ipis[2][VEC_IPIS], gif0_irqs, host_nmis;

void svm_run(u64 vmcb_pa);
int check(const char *text, u64 got, u64 want);
void start_ap(void (*fn)(void));
void run_guest_at(int cpu, const u8 *code, u32 event, u32 error, u64 flags);
void run_guest(u32 event, u64 flags);

u32 test_x2apic(void);
u32 test_inject(void);
u32 test_parallel(void);
u32 test_cr8(void);
u32 test_delivery(void);
u32 test_npf(void);
u32 test_read_cr(void);
u32 test_virq(void);
u32 test_reserved(void);
u32 test_lmsw(void);
u32 test_nmi(void);
u32 test_events(void);
u32 test_ipis(void);
u32 test_costs(void);

static inline u64 rdmsr(u32 msr)
{
	u32 lo, hi;

	asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return lo | (u64)hi << 32;
}

static inline void wrmsr(u32 msr, u64 v)
{
	asm volatile("wrmsr" : : "a"((u32)v), "d"((u32)(v >> 32)), "c"(msr) : "memory");
}
