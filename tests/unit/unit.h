/* SPDX-License-Identifier: GPL-2.0 */
/* What cmocka wants included before itself. */
#ifndef EXITLAB_UNIT_H
#define EXITLAB_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
