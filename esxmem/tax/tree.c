// SPDX-License-Identifier: GPL-2.0
/*
 * From VMs and the pools that they are in to claims, and back (pools are ESX's; the
 * paper knows VMs alone).  Arithmetic alone: no state of the kernel, no lock.
 *
 * A pool of which nothing was said is plain, and dissolved: its members compete with
 * those of the pool above.  So directories that nobody thinks of as pools change
 * nothing.  The same goes for a pool without a VM, which claims nothing.
 *
 * Any other pool claims for its members as tax/price.c has it.  Unless it has shares
 * of its own it has those of its members: of VMs, and of pools in it.
 *
 * All pools are put in order first, from the top down, so that what comes from above
 * is known when it is needed, and backwards what comes from below.  The members of a
 * pool, and those at the top, have claims side by side, each pool's behind its own.
 */
#include <linux/export.h>
#include <linux/minmax.h>

#include "../compat.h"
#include "tree.h"

/**
 * esx_tree_is_plain() - does a pool change nothing?
 * @params: what was said of it
 *
 * Return: the answer.
 */
bool esx_tree_is_plain(const struct esx_pool_params *params)
{
	return !params->min_pages && !params->max_pages && params->shares == ESX_SHARES_DEFAULT;
}

static bool competes(const struct esx_tree_pool *pool)
{
	return pool->nr_vms && !esx_tree_is_plain(&pool->params);
}

/*
 * Fill tree->order.  Each pool goes behind the one above it, of which it is known by
 * @where whether it is there already; pools are few levels deep, so few rounds do.
 */
static void put_in_order(struct esx_tree *tree)
{
	u32 nr = 0, before = U32_MAX, i;
	struct esx_tree_pool *pool;

	for (i = 0; i < tree->nr_pools; i++)
		tree->pools[i].where = 0;
	while (nr < tree->nr_pools && nr != before) {
		before = nr;
		for (i = 0; i < tree->nr_pools; i++) {
			pool = &tree->pools[i];
			if (pool->where || (pool->parent != ESX_TREE_TOP &&
					    !tree->pools[pool->parent].where))
				continue;
			pool->where = 1;
			tree->order[nr++] = i;
		}
	}
}

static void add_shares(u64 *sum, u32 shares)
{
	*sum = min(*sum + shares, (u64)U32_MAX);
}

/* Upward: how many VMs there are in each pool, and how many shares they have. */
static void gather(struct esx_tree *tree)
{
	struct esx_tree_pool *pool, *parent;
	u32 i;

	for (i = 0; i < tree->nr_pools; i++) {
		tree->pools[i].nr_vms = 0;
		tree->pools[i].sum = 0;
	}
	for (i = 0; i < tree->nr_vms; i++) {
		if (tree->vms[i].pool == ESX_TREE_TOP)
			continue;
		pool = &tree->pools[tree->vms[i].pool];
		pool->nr_vms++;
		add_shares(&pool->sum, tree->vms[i].claim.shares);
	}
	for (i = tree->nr_pools; i--;) {
		pool = &tree->pools[tree->order[i]];
		pool->shares = pool->params.shares == ESX_SHARES_DEFAULT ? pool->sum :
									   pool->params.shares;
		if (pool->parent == ESX_TREE_TOP || !pool->nr_vms)
			continue;
		parent = &tree->pools[pool->parent];
		parent->nr_vms += pool->nr_vms;
		add_shares(&parent->sum, pool->shares);
	}
}

/* The pool by which a member of @pool competes. */
static u32 group_of(const struct esx_tree *tree, u32 pool)
{
	if (pool == ESX_TREE_TOP || competes(&tree->pools[pool]))
		return pool;
	return tree->pools[pool].group;
}

static u32 *size_of(struct esx_tree *tree, u32 group, u32 *top)
{
	return group == ESX_TREE_TOP ? top : &tree->pools[group].nr;
}

/* Downward: who competes with whom; how many claims each group has. */
static void form_groups(struct esx_tree *tree, u32 *nr_top)
{
	struct esx_tree_pool *pool;
	u32 i;

	*nr_top = 0;
	for (i = 0; i < tree->nr_pools; i++) {
		pool = &tree->pools[tree->order[i]];
		pool->nr = 0;
		pool->group = group_of(tree, pool->parent);
		if (competes(pool))
			++*size_of(tree, pool->group, nr_top);
	}
	for (i = 0; i < tree->nr_vms; i++)
		++*size_of(tree, group_of(tree, tree->vms[i].pool), nr_top);
}

/* A place in the group's row of claims; its length is counted anew by that. */
static u32 take_place(struct esx_tree *tree, u32 group, u32 *top)
{
	if (group == ESX_TREE_TOP)
		return (*top)++;
	return tree->pools[group].first + tree->pools[group].nr++;
}

static void place_pools(struct esx_tree *tree, u32 next, u32 *top)
{
	struct esx_tree_pool *pool;
	u32 i;

	for (i = 0; i < tree->nr_pools; i++) {
		pool = &tree->pools[tree->order[i]];
		if (!competes(pool))
			continue;
		pool->where = take_place(tree, pool->group, top);
		pool->first = next;
		next += pool->nr;
		tree->claims[pool->where] = (struct esx_claim){
			.min = pool->params.min_pages,
			.max = pool->params.max_pages ? pool->params.max_pages :
							ESX_PRICE_PAGES_MAX,
			.shares = pool->shares,
			.tax_pm = tree->tax_pm,
			.progressive = tree->progressive,
			.first_child = pool->first,
			.nr_children = pool->nr,
		};
		pool->nr = 0;
	}
}

static void place_vms(struct esx_tree *tree, u32 *top)
{
	struct esx_tree_vm *vm;
	u32 i;

	for (i = 0; i < tree->nr_vms; i++) {
		vm = &tree->vms[i];
		vm->where = take_place(tree, group_of(tree, vm->pool), top);
		tree->claims[vm->where] = vm->claim;
	}
}

static void read_back(struct esx_tree *tree)
{
	const struct esx_claim *claim;
	struct esx_tree_pool *pool;
	u32 i;

	for (i = 0; i < tree->nr_pools; i++) {
		tree->pools[i].target = 0;
		tree->pools[i].active = 0;
	}
	for (i = 0; i < tree->nr_vms; i++) {
		tree->vms[i].claim = tree->claims[tree->vms[i].where];
		if (tree->vms[i].pool == ESX_TREE_TOP)
			continue;
		pool = &tree->pools[tree->vms[i].pool];
		pool->target += tree->vms[i].claim.target;
		pool->active += tree->vms[i].claim.active;
	}
	for (i = tree->nr_pools; i--;) {
		pool = &tree->pools[tree->order[i]];
		claim = competes(pool) ? &tree->claims[pool->where] : NULL;
		if (claim)
			pool->target = claim->target;
		pool->why = claim ? claim->why : ESX_WHY_NONE;
		pool->rho_ppm = claim ? esx_price_rho_ppm(claim) : 0;
		if (pool->parent == ESX_TREE_TOP)
			continue;
		tree->pools[pool->parent].target += pool->target;
		tree->pools[pool->parent].active += pool->active;
	}
}

/**
 * esx_tree_deal() - hand out memory to pools and VMs
 * @tree: what they claim; their targets are filled in
 * @pages: what there is
 *
 * Return: what is left at the top, what is missing anywhere.
 */
struct esx_dealt esx_tree_deal(struct esx_tree *tree, u64 pages)
{
	u32 nr_top, placed = 0, nr, i;
	struct esx_dealt dealt;

	put_in_order(tree);
	gather(tree);
	form_groups(tree, &nr_top);
	nr = tree->nr_vms;
	for (i = 0; i < tree->nr_pools; i++)
		nr += competes(&tree->pools[i]);
	place_pools(tree, nr_top, &placed);
	place_vms(tree, &placed);
	dealt = esx_price_deal_tree(tree->claims, nr, nr_top, pages);
	read_back(tree);
	return dealt;
}
ESX_EXPORT_FOR_TESTS(esx_tree_deal);
