/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Picking pages at random.
 */
#ifndef _ESXMEM_TAX_PICK_H
#define _ESXMEM_TAX_PICK_H

#include <linux/types.h>

unsigned int esx_pick(u64 *numbers, unsigned int nr, u64 total, u64 seed);

#endif /* _ESXMEM_TAX_PICK_H */
