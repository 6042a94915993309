// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of pools (tax/tree.c and tax/price.c together), against targets worked out by
 * hand, and in any shape against what holds for all.
 */
#include <linux/slab.h>
#include <linux/string.h>

#include "../tax/tree.h"
#include "suites.h"

#define MB	256ULL	/* pages */
#define VMS	12
#define POOLS	6

#define TOP	ESX_TREE_TOP

/* A tree with its own memory. */
struct bed {
	struct esx_tree tree;
	struct esx_tree_vm vms[VMS];
	struct esx_tree_pool pools[POOLS];
	struct esx_claim claims[VMS + POOLS];
	u32 order[POOLS];
};

static struct bed *new_bed(struct kunit *test)
{
	struct bed *bed = kunit_kzalloc(test, sizeof(*bed), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, bed);
	bed->tree = (struct esx_tree){
		.vms = bed->vms,
		.pools = bed->pools,
		.claims = bed->claims,
		.order = bed->order,
		.tax_pm = 750,
	};
	return bed;
}

static u32 add_pool(struct bed *bed, u32 parent, u64 min, u64 max, u32 shares)
{
	bed->pools[bed->tree.nr_pools] = (struct esx_tree_pool){
		.parent = parent,
		.params = { .min_pages = min, .max_pages = max, .shares = shares },
	};
	return bed->tree.nr_pools++;
}

static u32 add_plain(struct bed *bed, u32 parent)
{
	return add_pool(bed, parent, 0, 0, ESX_SHARES_DEFAULT);
}

/* An idle VM of 256 MB. */
static u32 add_vm(struct bed *bed, u32 pool, u32 shares)
{
	bed->vms[bed->tree.nr_vms] = (struct esx_tree_vm){
		.pool = pool,
		.claim = { .max = 256 * MB, .shares = shares, .tax_pm = 750 },
	};
	return bed->tree.nr_vms++;
}

static u64 target(const struct bed *bed, u32 vm)
{
	return bed->vms[vm].claim.target;
}

static void plain_pools_change_nothing(struct kunit *test)
{
	struct bed *bed = new_bed(test);
	u32 libvirt = add_plain(bed, TOP), qemu = add_plain(bed, libvirt);
	u32 a = add_vm(bed, add_plain(bed, qemu), 100), b = add_vm(bed, add_plain(bed, qemu), 200);
	u32 c = add_vm(bed, TOP, 300);

	esx_tree_deal(&bed->tree, 120 * MB);
	KUNIT_EXPECT_EQ(test, target(bed, a), 20 * MB);
	KUNIT_EXPECT_EQ(test, target(bed, b), 40 * MB);
	KUNIT_EXPECT_EQ(test, target(bed, c), 60 * MB);
	/* What is shown of one is the sum of its members'. */
	KUNIT_EXPECT_EQ(test, bed->pools[libvirt].target, 60 * MB);
	KUNIT_EXPECT_EQ(test, bed->pools[libvirt].shares, 300);
	KUNIT_EXPECT_EQ(test, bed->pools[libvirt].why, ESX_WHY_NONE);
	KUNIT_EXPECT_EQ(test, bed->pools[qemu].target, 60 * MB);
}

/* Three VMs of equal shares, two of them in a pool that has half as many as the third. */
static void shares_are_those_of_the_pool_first(struct kunit *test)
{
	struct bed *bed = new_bed(test);
	u32 pool = add_pool(bed, TOP, 0, 0, 50);
	u32 a = add_vm(bed, pool, 100), b = add_vm(bed, pool, 100), c = add_vm(bed, TOP, 100);

	esx_tree_deal(&bed->tree, 150 * MB);
	KUNIT_EXPECT_EQ(test, bed->pools[pool].target, 50 * MB);
	KUNIT_EXPECT_EQ(test, target(bed, a), 25 * MB);
	KUNIT_EXPECT_EQ(test, target(bed, b), 25 * MB);
	KUNIT_EXPECT_EQ(test, target(bed, c), 100 * MB);
	KUNIT_EXPECT_EQ(test, bed->pools[pool].shares, 50);
	KUNIT_EXPECT_EQ(test, bed->pools[pool].why, ESX_WHY_TAX);
	/* 50 shares for 12800 idle pages that cost four each. */
	KUNIT_EXPECT_EQ(test, bed->pools[pool].rho_ppm, 976);
}

static void maximum_of_a_pool_leaves_the_rest_to_others(struct kunit *test)
{
	struct bed *bed = new_bed(test);
	u32 pool = add_pool(bed, TOP, 0, 30 * MB, ESX_SHARES_DEFAULT);
	u32 a = add_vm(bed, pool, 200), b = add_vm(bed, pool, 100), c = add_vm(bed, TOP, 100);

	esx_tree_deal(&bed->tree, 120 * MB);
	KUNIT_EXPECT_EQ(test, target(bed, a), 20 * MB);
	KUNIT_EXPECT_EQ(test, target(bed, b), 10 * MB);
	KUNIT_EXPECT_EQ(test, target(bed, c), 90 * MB);
	KUNIT_EXPECT_EQ(test, bed->pools[pool].why, ESX_WHY_MAX);
	KUNIT_EXPECT_EQ(test, bed->vms[a].claim.why, ESX_WHY_TAX);
}

static void minimum_of_a_pool_is_its_members_together(struct kunit *test)
{
	struct bed *bed = new_bed(test);
	u32 pool = add_pool(bed, TOP, 60 * MB, 0, ESX_SHARES_DEFAULT);
	u32 a = add_vm(bed, pool, 20), b = add_vm(bed, pool, 10), c = add_vm(bed, TOP, 970);

	bed->vms[b].claim.min = 30 * MB;
	esx_tree_deal(&bed->tree, 100 * MB);
	/* By shares it would be 2, 1 and 97, and within the pool 40 and 20. */
	KUNIT_EXPECT_EQ(test, target(bed, a), 30 * MB);
	KUNIT_EXPECT_EQ(test, target(bed, b), 30 * MB);
	KUNIT_EXPECT_EQ(test, target(bed, c), 40 * MB);
	KUNIT_EXPECT_EQ(test, bed->pools[pool].why, ESX_WHY_MIN);
	KUNIT_EXPECT_EQ(test, bed->vms[b].claim.why, ESX_WHY_MIN);
}

/*
 * top 240 +- p, 300 shares: 120 +- q, 100 shares: 40 +- b: 20
 *         |                     |                    +- c: 20, below a plain one
 *         |                     +- a, 200 shares: 80
 *         +- d, 300 shares: 120
 */
static void pools_nest(struct kunit *test)
{
	struct bed *bed = new_bed(test);
	/* The inner one first: their order means nothing. */
	u32 plain = add_plain(bed, 2), q, p;
	u32 a, b, c, d;

	q = add_pool(bed, TOP, 0, 0, 100);
	KUNIT_ASSERT_EQ(test, q, 1);
	bed->pools[plain].parent = q;
	p = add_pool(bed, TOP, 0, 0, 300);
	bed->pools[q].parent = p;
	b = add_vm(bed, q, 7);
	a = add_vm(bed, p, 200);
	d = add_vm(bed, TOP, 300);
	c = add_vm(bed, plain, 7);
	esx_tree_deal(&bed->tree, 240 * MB);
	KUNIT_EXPECT_EQ(test, bed->pools[p].target, 120 * MB);
	KUNIT_EXPECT_EQ(test, bed->pools[q].target, 40 * MB);
	KUNIT_EXPECT_EQ(test, bed->pools[plain].target, 20 * MB);
	KUNIT_EXPECT_EQ(test, target(bed, a), 80 * MB);
	KUNIT_EXPECT_EQ(test, target(bed, b), 20 * MB);
	KUNIT_EXPECT_EQ(test, target(bed, c), 20 * MB);
	KUNIT_EXPECT_EQ(test, target(bed, d), 120 * MB);
}

/* A pool with a limit that does not bind has its members' shares: as without it. */
static void shares_by_default_are_the_sum(struct kunit *test)
{
	struct bed *bed = new_bed(test);
	u32 outer = add_pool(bed, TOP, 0, 900 * MB, ESX_SHARES_DEFAULT);
	u32 inner = add_pool(bed, outer, 0, 900 * MB, 50);
	u32 a = add_vm(bed, outer, 100), b = add_vm(bed, inner, 100), c = add_vm(bed, TOP, 150);

	esx_tree_deal(&bed->tree, 150 * MB);
	KUNIT_EXPECT_EQ(test, bed->pools[outer].shares, 150);
	KUNIT_EXPECT_EQ(test, target(bed, a), 50 * MB);
	KUNIT_EXPECT_EQ(test, target(bed, b), 25 * MB);
	KUNIT_EXPECT_EQ(test, target(bed, c), 75 * MB);
}

static void pools_without_vms_claim_nothing(struct kunit *test)
{
	struct bed *bed = new_bed(test);
	u32 empty = add_pool(bed, TOP, 80 * MB, 0, 1000000), a;

	add_pool(bed, empty, 40 * MB, 0, 1000);
	a = add_vm(bed, TOP, 1);
	esx_tree_deal(&bed->tree, 100 * MB);
	KUNIT_EXPECT_EQ(test, target(bed, a), 100 * MB);
	KUNIT_EXPECT_EQ(test, bed->pools[empty].target, 0);
	bed->tree.nr_vms = 0;
	KUNIT_EXPECT_EQ(test, esx_tree_deal(&bed->tree, 100 * MB).spare, 100 * MB);
}

/* As figure 7, between pools: the idle one pays for what its members do not use. */
static void tax_is_on_what_members_do_not_use(struct kunit *test)
{
	struct bed *bed = new_bed(test);
	u32 idle = add_pool(bed, TOP, 0, 0, 100), busy = add_pool(bed, TOP, 0, 0, 100);
	u32 a = add_vm(bed, idle, 1), b = add_vm(bed, busy, 1), c = add_vm(bed, busy, 1);

	bed->vms[a].claim.active = 10 * MB;
	bed->vms[b].claim.active = 200 * MB;
	bed->vms[c].claim.max = 0;
	esx_tree_deal(&bed->tree, 360 * MB);
	KUNIT_EXPECT_EQ(test, target(bed, a), 435 * MB / 4);
	KUNIT_EXPECT_EQ(test, target(bed, b), 1005 * MB / 4);
	KUNIT_EXPECT_EQ(test, target(bed, c), 0);
	KUNIT_EXPECT_EQ(test, bed->pools[busy].active, 200 * MB);
}

static void huge_shares_are_cut(struct kunit *test)
{
	struct bed *bed = new_bed(test);
	u32 pool = add_pool(bed, TOP, 0, 900 * MB, ESX_SHARES_DEFAULT), i;

	for (i = 0; i < VMS; i++)
		add_vm(bed, pool, 1000000000);
	esx_tree_deal(&bed->tree, 120 * MB);
	KUNIT_EXPECT_EQ(test, bed->pools[pool].shares, U32_MAX);
	for (i = 0; i < VMS; i++)
		KUNIT_EXPECT_EQ(test, target(bed, i), 10 * MB);
}

static u64 next(u64 *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed >> 8;
}

static void make_tree(u64 *seed, struct bed *bed, bool plain)
{
	u32 i, nr = next(seed) % (POOLS + 1);

	bed->tree.nr_pools = 0;
	bed->tree.nr_vms = 0;
	for (i = 0; i < nr; i++) {
		if (plain || next(seed) % 3 == 0)
			add_plain(bed, TOP);
		else
			add_pool(bed, TOP, next(seed) % 2 ? next(seed) % 999 : 0,
				 next(seed) % 2 ? 1000 + next(seed) % 9999 : 0,
				 next(seed) % 2 ? ESX_SHARES_DEFAULT : next(seed) % 100);
	}
	for (i = 1; i < nr; i++)
		bed->pools[i].parent = next(seed) % 3 ? next(seed) % i : TOP;
	nr = next(seed) % (VMS + 1);
	for (i = 0; i < nr; i++) {
		add_vm(bed, bed->tree.nr_pools && next(seed) % 4 ?
		       next(seed) % bed->tree.nr_pools : TOP, next(seed) % 1000);
		bed->vms[i].claim.max = next(seed) % 5000;
		bed->vms[i].claim.min = next(seed) % 2 ? next(seed) % 500 : 0;
		bed->vms[i].claim.min = min(bed->vms[i].claim.min, bed->vms[i].claim.max);
		bed->vms[i].claim.active = next(seed) % 5000;
	}
}

static u64 sum_of_targets(const struct bed *bed)
{
	u64 sum = 0;
	u32 i;

	for (i = 0; i < bed->tree.nr_vms; i++)
		sum += target(bed, i);
	return sum;
}

/* Is VM @vm in pool @pool, or in one within it? */
static bool is_member(const struct bed *bed, u32 vm, u32 pool)
{
	u32 at = bed->vms[vm].pool;

	while (at != TOP && at != pool)
		at = bed->pools[at].parent;
	return at == pool;
}

static void expect_pool(struct kunit *test, const struct bed *bed, u32 nr, bool short_of_pages)
{
	const struct esx_tree_pool *pool = &bed->pools[nr];
	u64 sum = 0, floor = 0;
	u32 i;

	for (i = 0; i < bed->tree.nr_vms; i++) {
		if (!is_member(bed, i, nr))
			continue;
		sum += target(bed, i);
		floor += bed->vms[i].claim.min;
	}
	if (short_of_pages)
		return;
	KUNIT_ASSERT_EQ(test, pool->target, sum);
	if (pool->params.max_pages)
		KUNIT_ASSERT_LE(test, sum, max(pool->params.max_pages, floor));
}

static void any_tree_is_dealt_exactly(struct kunit *test)
{
	u64 seed = 0x243f6a8885a308d3ULL, pages;
	struct bed *bed = new_bed(test);
	struct esx_dealt dealt;
	u32 round, i;

	for (round = 0; round < 3000; round++) {
		make_tree(&seed, bed, false);
		pages = next(&seed) % 40000;
		dealt = esx_tree_deal(&bed->tree, pages);
		if (!dealt.shortfall)
			KUNIT_ASSERT_EQ(test, sum_of_targets(bed) + dealt.spare, pages);
		for (i = 0; i < bed->tree.nr_vms; i++) {
			KUNIT_ASSERT_GE(test, target(bed, i), bed->vms[i].claim.min);
			KUNIT_ASSERT_LE(test, target(bed, i), bed->vms[i].claim.max);
		}
		for (i = 0; i < bed->tree.nr_pools; i++)
			expect_pool(test, bed, i, dealt.shortfall);
	}
}

/* Whatever directories VMs are in: when nothing is said of these they do not matter. */
static void plain_trees_are_as_flat_as_none(struct kunit *test)
{
	u64 seed = 0x13198a2e03707344ULL, pages;
	struct bed *bed = new_bed(test);
	struct esx_claim flat[VMS];
	u32 round, i;

	for (round = 0; round < 3000; round++) {
		make_tree(&seed, bed, true);
		for (i = 0; i < bed->tree.nr_vms; i++)
			flat[i] = bed->vms[i].claim;
		pages = next(&seed) % 40000;
		esx_price_deal(flat, bed->tree.nr_vms, pages);
		esx_tree_deal(&bed->tree, pages);
		for (i = 0; i < bed->tree.nr_vms; i++) {
			KUNIT_ASSERT_EQ(test, target(bed, i), flat[i].target);
			KUNIT_ASSERT_EQ(test, bed->vms[i].claim.why, flat[i].why);
		}
	}
}

static struct kunit_case tree_cases[] = {
	KUNIT_CASE(plain_pools_change_nothing),
	KUNIT_CASE(shares_are_those_of_the_pool_first),
	KUNIT_CASE(maximum_of_a_pool_leaves_the_rest_to_others),
	KUNIT_CASE(minimum_of_a_pool_is_its_members_together),
	KUNIT_CASE(pools_nest),
	KUNIT_CASE(shares_by_default_are_the_sum),
	KUNIT_CASE(pools_without_vms_claim_nothing),
	KUNIT_CASE(tax_is_on_what_members_do_not_use),
	KUNIT_CASE(huge_shares_are_cut),
	KUNIT_CASE(any_tree_is_dealt_exactly),
	KUNIT_CASE(plain_trees_are_as_flat_as_none),
	{}
};

struct kunit_suite esx_tree_suite = {
	.name = "esx_tree",
	.test_cases = tree_cases,
};
