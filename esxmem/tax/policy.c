// SPDX-License-Identifier: GPL-2.0
/*
 * The policy: what each VM is entitled to (the paper's section 6.3).
 *
 * One delayed work computes the targets of all VMs, soon after a parameter, a size
 * or a knob has changed, and once in a period.  Many changes in a row are one
 * computation.  The memory to hand out is the pool of tax/admit.c, or what guests can
 * hold without memory being short if that is less.
 *
 * A target is what the VM is entitled to; tax/enforce.c brings it there.
 *
 * The work alone writes what VMs and pools are entitled to; readers see each field
 * whole, and may see those of two computations side by side, which is good enough for
 * people.
 */
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/workqueue.h>

#include "../compat.h"
#include "../trace.h"
#include "../vm.h"
#include "admit.h"
#include "enforce.h"
#include "gate.h"
#include "gauge.h"
#include "policy.h"
#include "sample.h"
#include "tree.h"

/* So long after the first of several changes: a VMM sets more than one thing. */
#define SOON_MS		10

const char *const esx_claim_why_names[] = {
	[ESX_WHY_NONE] = "none",
	[ESX_WHY_MAX] = "max",
	[ESX_WHY_SHARES] = "shares",
	[ESX_WHY_TAX] = "tax",
	[ESX_WHY_MIN] = "min",
};
ESX_EXPORT_FOR_TESTS(esx_claim_why_names);

/**
 * struct round - one computation
 */
struct round {
	/** @id: its number, not 0. */
	u64 id;
	/** @vms: the VMs, each with a reference. */
	struct esx_vm **vms;
	/** @room_vms: for how many there is memory. */
	u32 room_vms;
	/** @pools: the pools that they are in, each with a reference. */
	struct esx_pool **pools;
	/** @room_pools: for how many there is memory. */
	u32 room_pools;
	/** @tree: what they claim; as many, in the same order. */
	struct esx_tree tree;
	/** @policy: the knobs. */
	struct esx_policy policy;
};

static void rebalance(struct work_struct *work);

static struct workqueue_struct *workqueue;
static DECLARE_DELAYED_WORK(rebalance_work, rebalance);
static unsigned long is_kicked;

/* Each knob is a word of its own, so no lock. */
static struct esx_policy knobs = {
	.tax_percent = 75,
	.reclaim = true,
	.hold = true,
	.hold_max_ms = 10,
	.period_seconds = 15,
};
static struct esx_policy_figures figures;

/* The work's alone. */
static u64 last_round;

static void fill_claim(struct esx_claim *claim, struct esx_vm *vm, const struct esx_policy *policy)
{
	struct esx_vm_params params;
	struct esx_terms terms;

	esx_admit_params(vm, &params, &terms);
	*claim = esx_policy_claim(policy, &params, &terms, esx_estimate_active_pages(vm));
}

static int count_vm(struct esx_vm *vm, void *ctx)
{
	u32 *nr = ctx;

	++*nr;
	return 0;
}

/* Note @pool, and those above it that are not noted yet. */
static bool collect_pool(struct round *round, struct esx_pool *pool)
{
	struct esx_tree *tree = &round->tree;
	struct esx_tree_pool *below = NULL;

	for (; pool && pool->round != round->id; pool = esx_pool_parent(pool)) {
		if (tree->nr_pools == round->room_pools)
			return false;
		pool->round = round->id;
		pool->index = tree->nr_pools++;
		if (below)
			below->parent = pool->index;
		below = &tree->pools[pool->index];
		below->parent = ESX_TREE_TOP;
		below->params = esx_admit_pool_params(pool);
		esx_pool_get(pool);
		round->pools[pool->index] = pool;
	}
	if (below && pool)
		below->parent = pool->index;
	return true;
}

static int collect_vm(struct esx_vm *vm, void *ctx)
{
	struct round *round = ctx;
	struct esx_tree *tree = &round->tree;

	/* Who came since they were counted has asked for another round. */
	if (tree->nr_vms == round->room_vms || !collect_pool(round, vm->pool))
		return 1;
	fill_claim(&tree->vms[tree->nr_vms].claim, vm, &round->policy);
	tree->vms[tree->nr_vms].pool = vm->pool ? vm->pool->index : ESX_TREE_TOP;
	esx_vm_get(vm);
	round->vms[tree->nr_vms++] = vm;
	return 0;
}

static void entitle(struct esx_vm *vm, const struct esx_claim *claim)
{
	u64 old = READ_ONCE(vm->entitled.target);
	char name[ESX_VM_NAME_MAX];

	WRITE_ONCE(vm->entitled.target, claim->target);
	WRITE_ONCE(vm->entitled.active, claim->active);
	WRITE_ONCE(vm->entitled.rho_ppm, esx_price_rho_ppm(claim));
	WRITE_ONCE(vm->entitled.why, claim->why);
	if (old == claim->target || !trace_esxmem_target_enabled())
		return;
	esx_vm_name(vm, name, sizeof(name));
	trace_esxmem_target(vm->id, name, old, claim->target, claim->active, claim->why);
}

/* Of the pool only what can be held without memory being short. */
static u64 memory_to_deal(void)
{
	return min(esx_admit_ledger().pool, esx_gauge_room());
}

static void entitle_pool(struct esx_pool *pool, const struct esx_tree_pool *found)
{
	WRITE_ONCE(pool->shares, found->shares);
	WRITE_ONCE(pool->entitled.target, found->target);
	WRITE_ONCE(pool->entitled.active, found->active);
	WRITE_ONCE(pool->entitled.rho_ppm, found->rho_ppm);
	WRITE_ONCE(pool->entitled.why, found->why);
}

static void entitle_all(struct round *round)
{
	struct esx_tree *tree = &round->tree;
	u64 pages = memory_to_deal();
	struct esx_dealt dealt;
	u32 i;

	esx_vm_for_each(collect_vm, round);
	tree->tax_pm = round->policy.tax_percent * 10;
	tree->progressive = round->policy.progressive;
	dealt = esx_tree_deal(tree, pages);
	for (i = 0; i < tree->nr_pools; i++)
		entitle_pool(round->pools[i], &tree->pools[i]);
	for (i = 0; i < tree->nr_vms; i++)
		entitle(round->vms[i], &tree->vms[i].claim);
	trace_esxmem_rebalance(tree->nr_vms, pages, dealt.spare, dealt.shortfall);
	WRITE_ONCE(figures.shortfall, dealt.shortfall);
	/* Who sees the count sees the targets: pairs with esx_policy_figures(). */
	smp_store_release(&figures.rebalances, figures.rebalances + 1);
}

static bool alloc_round(struct round *round)
{
	struct esx_tree *tree = &round->tree;

	esx_vm_for_each(count_vm, &round->room_vms);
	round->room_pools = esx_pool_count();
	round->vms = kvcalloc(round->room_vms, sizeof(*round->vms), GFP_KERNEL);
	round->pools = kvcalloc(round->room_pools, sizeof(*round->pools), GFP_KERNEL);
	tree->vms = kvcalloc(round->room_vms, sizeof(*tree->vms), GFP_KERNEL);
	tree->pools = kvcalloc(round->room_pools, sizeof(*tree->pools), GFP_KERNEL);
	tree->order = kvcalloc(round->room_pools, sizeof(*tree->order), GFP_KERNEL);
	tree->claims = kvcalloc((size_t)round->room_vms + round->room_pools,
				sizeof(*tree->claims), GFP_KERNEL);
	return round->vms && round->pools && tree->vms && tree->pools && tree->order &&
	       tree->claims;
}

static void free_round(struct round *round)
{
	u32 i;

	for (i = 0; i < round->tree.nr_vms; i++)
		esx_vm_put(round->vms[i]);
	for (i = 0; i < round->tree.nr_pools; i++)
		esx_pool_put(round->pools[i]);
	kvfree(round->tree.claims);
	kvfree(round->tree.order);
	kvfree(round->tree.pools);
	kvfree(round->tree.vms);
	kvfree(round->pools);
	kvfree(round->vms);
}

static void rebalance(struct work_struct *work)
{
	struct round round = { .id = ++last_round };

	/* Before anything is looked at: who changes something later kicks again. */
	clear_bit(0, &is_kicked);
	smp_mb__after_atomic();

	esx_policy_get(&round.policy);
	/* Without memory the targets stay as they are until the next time. */
	if (alloc_round(&round))
		entitle_all(&round);
	free_round(&round);
	esx_gate_kick();
	esx_enforce_kick();
	/* Does nothing when it was kicked meanwhile. */
	queue_delayed_work(workqueue, &rebalance_work, round.policy.period_seconds * HZ);
}

/**
 * esx_policy_kick() - something changed that targets depend on
 *
 * They are computed again within a moment.  May be called under any lock.
 */
void esx_policy_kick(void)
{
	/* Once for many changes, and not put off by each: pairs with rebalance(). */
	if (!test_and_set_bit(0, &is_kicked))
		mod_delayed_work(workqueue, &rebalance_work, msecs_to_jiffies(SOON_MS));
}

/**
 * esx_policy_claim() - what a VM claims
 * @policy: the knobs
 * @params: the VM's parameters
 * @terms: what they come to
 * @active: pages that it uses
 *
 * Return: the claim, without a target yet.
 */
struct esx_claim esx_policy_claim(const struct esx_policy *policy,
				  const struct esx_vm_params *params,
				  const struct esx_terms *terms, u64 active)
{
	u32 percent = params->tax_percent;

	if (percent == ESX_TAX_DEFAULT)
		percent = policy->tax_percent;
	return (struct esx_claim){
		.min = terms->min,
		.max = terms->max,
		.active = active,
		.shares = terms->shares,
		.tax_pm = percent * 10,
		.progressive = policy->progressive,
	};
}
ESX_EXPORT_FOR_TESTS(esx_policy_claim);

/**
 * esx_policy_get() - read the knobs
 * @policy: filled
 */
void esx_policy_get(struct esx_policy *policy)
{
	*policy = (struct esx_policy){
		.tax_percent = READ_ONCE(knobs.tax_percent),
		.progressive = READ_ONCE(knobs.progressive),
		.reclaim = READ_ONCE(knobs.reclaim),
		.hold = READ_ONCE(knobs.hold),
		.hold_max_ms = READ_ONCE(knobs.hold_max_ms),
		.period_seconds = READ_ONCE(knobs.period_seconds),
	};
}

/**
 * esx_policy_set() - turn the knobs
 * @policy: all of them
 *
 * Targets are computed again within a moment.  Two that turn knobs at the same time
 * are for the caller to keep apart.
 *
 * Return: 0, or -EINVAL when one is out of range; then none is changed.
 */
int esx_policy_set(const struct esx_policy *policy)
{
	if (policy->tax_percent > ESX_TAX_PERCENT_MAX || !policy->period_seconds ||
	    policy->period_seconds > ESX_POLICY_MAX_SECONDS || !policy->hold_max_ms ||
	    policy->hold_max_ms > ESX_HOLD_MAX_MS)
		return -EINVAL;
	WRITE_ONCE(knobs.tax_percent, policy->tax_percent);
	WRITE_ONCE(knobs.progressive, policy->progressive);
	WRITE_ONCE(knobs.reclaim, policy->reclaim);
	WRITE_ONCE(knobs.hold, policy->hold);
	WRITE_ONCE(knobs.hold_max_ms, policy->hold_max_ms);
	WRITE_ONCE(knobs.period_seconds, policy->period_seconds);
	esx_gate_kick();
	esx_policy_kick();
	return 0;
}

/**
 * esx_policy_figures() - what the policy did
 *
 * Return: a copy.
 */
struct esx_policy_figures esx_policy_figures(void)
{
	struct esx_policy_figures copy;

	copy.rebalances = smp_load_acquire(&figures.rebalances);
	copy.shortfall = READ_ONCE(figures.shortfall);
	return copy;
}

/**
 * esx_policy_init() - begin
 *
 * Return: 0 or -ENOMEM.
 */
int esx_policy_init(void)
{
	/* It allocates memory, so no other work is to wait for it. */
	workqueue = alloc_workqueue("esxmem_policy", WQ_UNBOUND | WQ_MEM_RECLAIM, 1);
	if (!workqueue)
		return -ENOMEM;
	esx_admit_init();
	esx_policy_kick();
	return 0;
}

/**
 * esx_policy_exit() - stop; no VM and no knob is left that could kick it
 */
void esx_policy_exit(void)
{
	cancel_delayed_work_sync(&rebalance_work);
	destroy_workqueue(workqueue);
}
