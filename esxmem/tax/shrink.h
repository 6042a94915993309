/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The shrinker: how the kernel's own reclaim tells that it wants memory.
 */
#ifndef _ESXMEM_TAX_SHRINK_H
#define _ESXMEM_TAX_SHRINK_H

#include <linux/types.h>

#include "level.h"

/**
 * struct esx_shrink_figures - what the kernel asked for
 */
struct esx_shrink_figures {
	/** @offered: pages, when it was last asked how many there are. */
	u64 offered;
	/** @calls: how often it asked for all of them, or more. */
	u64 calls;
};

int esx_shrink_init(void);
void esx_shrink_exit(void);
enum esx_level esx_shrink_take(void);
struct esx_shrink_figures esx_shrink_figures(void);

#endif /* _ESXMEM_TAX_SHRINK_H */
