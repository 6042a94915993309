// SPDX-License-Identifier: GPL-2.0
/*
 * Random order without a list.
 *
 * A linear congruential generator modulo a power of two has the full period
 * when its increment is odd and its multiplier is 1 modulo 4 (Hull and Dobell,
 * 1962).  Numbers that are too large are passed over.
 */
#include <linux/log2.h>

#include "../compat.h"
#include "permute.h"

/**
 * esx_permute_init() - begin a walk
 * @perm: filled
 * @nr: how many numbers
 * @seed: chooses the order
 */
void esx_permute_init(struct esx_permutation *perm, u64 nr, u64 seed)
{
	perm->nr = nr;
	perm->mask = nr ? roundup_pow_of_two(nr) - 1 : 0;
	perm->mult = ((seed >> 8) & ~3ULL) | 5;
	perm->add = (seed >> 32) | 1;
	perm->state = seed & perm->mask;
	perm->left = nr ? perm->mask + 1 : 0;
}
ESX_EXPORT_FOR_TESTS(esx_permute_init);

/**
 * esx_permute_next() - the next number
 * @perm: the walk
 * @out: the number
 *
 * Return: false when all have been met.
 */
bool esx_permute_next(struct esx_permutation *perm, u64 *out)
{
	while (perm->left) {
		perm->left--;
		perm->state = (perm->state * perm->mult + perm->add) & perm->mask;
		if (perm->state < perm->nr) {
			*out = perm->state;
			return true;
		}
	}
	return false;
}
ESX_EXPORT_FOR_TESTS(esx_permute_next);
