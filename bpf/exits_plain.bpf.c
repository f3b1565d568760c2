// SPDX-License-Identifier: GPL-2.0
/*
 * The programs of exits.bpf.c for kernels without the function they call, if they can, instead of a
 * helper. libbpf before 1.3 looks for a function that the kernel has not in the BTF of modules,
 * too, though nobody needs it, and loads nothing where it may not read that.
 */
#define WITHOUT_KFUNCS
#include "exits.bpf.c"
