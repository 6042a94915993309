/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From VMs and the pools that they are in to claims, and back.
 */
#ifndef _ESXMEM_TAX_TREE_H
#define _ESXMEM_TAX_TREE_H

#include "../params.h"
#include "price.h"

/** ESX_TREE_TOP - where a pool or VM is that is in no pool */
#define ESX_TREE_TOP	U32_MAX

/**
 * struct esx_tree_pool - a pool, in one computation of targets
 */
struct esx_tree_pool {
	/** @parent: index of the pool that it is in, or ESX_TREE_TOP. */
	u32 parent;
	/** @params: what was said of it. */
	struct esx_pool_params params;
	/** @shares: out: those that count: its own, or the sum of its members'. */
	u32 shares;
	/** @target: out: pages. */
	u64 target;
	/** @active: out: pages that its members use. */
	u64 active;
	/** @why: out: what decided @target; ESX_WHY_NONE: only its members' claims did. */
	enum esx_claim_why why;
	/** @rho_ppm: out: what it pays for a page, 0 when it does not compete itself. */
	u64 rho_ppm;
	/* The rest is in use while the tree is built. */
	/** @group: the nearest pool above that competes itself, or ESX_TREE_TOP. */
	u32 group;
	/** @nr_vms: VMs in it and in pools within it. */
	u32 nr_vms;
	/** @sum: shares of its members, cut at U32_MAX. */
	u64 sum;
	/** @first: of the claims of its members: index. */
	u32 first;
	/** @nr: how many of them there are. */
	u32 nr;
	/** @where: index of its own claim. */
	u32 where;
};

/**
 * struct esx_tree_vm - a VM, in one computation of targets
 */
struct esx_tree_vm {
	/** @pool: index of the pool that it is in, or ESX_TREE_TOP. */
	u32 pool;
	/** @claim: what it claims; out: its target. */
	struct esx_claim claim;
	/** @where: index of its claim, while the tree is built. */
	u32 where;
};

/**
 * struct esx_tree - all that compete for memory
 */
struct esx_tree {
	/** @vms: the VMs. */
	struct esx_tree_vm *vms;
	/** @nr_vms: how many. */
	u32 nr_vms;
	/** @pools: the pools, in any order. */
	struct esx_tree_pool *pools;
	/** @nr_pools: how many. */
	u32 nr_pools;
	/** @claims: room for as many as there are VMs and pools. */
	struct esx_claim *claims;
	/** @order: room for as many as there are pools: from the top down. */
	u32 *order;
	/** @tax_pm: rate at which pools are taxed on their members' idle memory. */
	u32 tax_pm;
	/** @progressive: as for VMs. */
	bool progressive;
};

bool esx_tree_is_plain(const struct esx_pool_params *params);
struct esx_dealt esx_tree_deal(struct esx_tree *tree, u64 pages);

#endif /* _ESXMEM_TAX_TREE_H */
