/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Resource pools: the one that a VM competes in.
 */
#ifndef ESXMEMCTL_POOL_H
#define ESXMEMCTL_POOL_H

#include <stdint.h>

/**
 * struct esx_pool - a pool that competes for memory in place of its members
 * @name: its name; NULL: there is none, and the rest means nothing
 * @target: bytes that members are entitled to together
 * @max: the most that they may be, 0: no limit
 * @why: what decided @target, in the kernel's word; to be freed, as @name
 */
struct esx_pool {
	char *name;
	uint64_t target;
	uint64_t max;
	char *why;
};

void esx_pool_of_vm(struct esx_pool *pool, const char *vm);
void esx_pool_free(struct esx_pool *pool);

#endif /* ESXMEMCTL_POOL_H */
