/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Random order without a list: a walk through 0 .. nr - 1 that meets each
 * number once.
 */
#ifndef _ESXMEM_SHARE_PERMUTE_H
#define _ESXMEM_SHARE_PERMUTE_H

#include <linux/types.h>

/**
 * struct esx_permutation - a walk under way
 */
struct esx_permutation {
	/** @nr: how many numbers. */
	u64 nr;
	/** @mask: smallest power of two that is not below @nr, less 1. */
	u64 mask;
	/** @mult: multiplier of the generator, 1 more than a multiple of 4. */
	u64 mult;
	/** @add: increment of the generator, odd. */
	u64 add;
	/** @state: the generator's. */
	u64 state;
	/** @left: states not yet met. */
	u64 left;
};

void esx_permute_init(struct esx_permutation *perm, u64 nr, u64 seed);
bool esx_permute_next(struct esx_permutation *perm, u64 *out);

#endif /* _ESXMEM_SHARE_PERMUTE_H */
