/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The shrinker: how the kernel's own reclaim tells that it wants memory.
 */
#ifndef _ESXMEM_TAX_SHRINK_H
#define _ESXMEM_TAX_SHRINK_H

#include <linux/types.h>

/**
 * struct esx_shrink_figures - what the kernel asked for
 */
struct esx_shrink_figures {
	/** @offered: pages, when it was last asked how many there are. */
	u64 offered;
	/** @calls: how often it asked for some. */
	u64 calls;
	/** @asked: pages, all together. */
	u64 asked;
};

int esx_shrink_init(void);
void esx_shrink_exit(void);
u64 esx_shrink_take(u64 *offered);
struct esx_shrink_figures esx_shrink_figures(void);

#endif /* _ESXMEM_TAX_SHRINK_H */
