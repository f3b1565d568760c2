/* SPDX-License-Identifier: GPL-2.0 */
/* Names of the details by which exits can be split (enum engine_detail). */
#ifndef EXITLAB_DETAILS_H
#define EXITLAB_DETAILS_H

/* "msr,port" into bits. 0 or -EINVAL (also for an empty list). */
int details_parse(const char *list, unsigned int *bits);

#endif
