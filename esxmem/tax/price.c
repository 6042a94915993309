// SPDX-License-Identifier: GPL-2.0
/*
 * What memory costs, and who gets how much of it (the paper's sections 5.1 and
 * 5.2).  Arithmetic alone: no state of the kernel, no lock.
 *
 * The paper takes memory, page by page, from the VM that pays least for it:
 *
 *	rho = S / (P * (f + k * (1 - f)))	k = 1 / (1 - tau)
 *
 * with S shares, P pages, f the active fraction of them and tau the tax rate.
 * When that has come to rest all VMs between their limits pay the same price;
 * lambda, its inverse, is how many pages a share buys.  Of the x = lambda * S
 * pages that a VM buys the tax takes tau of those that are idle, with a active
 * pages:
 *
 *	P = x - tau * max(x - a, 0)		clamped to [min, max]
 *
 * which grows with lambda.  So lambda is found by bisection, such that the sum
 * is what there is to hand out.
 *
 * All in whole numbers: lambda is a multiple of 2^-32, a VM's pages are rounded
 * in one step from it.  Targets are those of the largest lambda whose sum is not
 * too large; what is missing to the sum goes, in the order of the claims, to
 * those that the next lambda would give more.  Hence
 *  - the sum is exact, and nobody is out of [min, max];
 *  - equal claims differ by one page at the most;
 *  - with more memory nobody gets less;
 *  - who has more shares, active pages or minimum gets no less, and the others
 *    no more.
 *
 * When not even the minima can be met everybody has the minimum as target: who
 * is to do without is not decided here, but by not admitting so many.
 *
 * The progressive tax takes tau * (x - a) / x of an idle page instead of tau: who
 * uses most of his memory pays little for the rest.
 */
#include <linux/export.h>
#include <linux/math64.h>
#include <linux/minmax.h>

#include "../compat.h"
#include "price.h"

#define LAMBDA_SHIFT	32

/* What is bought before tax: beyond this everybody has the maximum. */
#define BOUGHT_MAX	(ESX_PRICE_PAGES_MAX << 10)

static_assert(1024 * (1000 - ESX_TAX_PM_MAX) >= 1000, "who buys BOUGHT_MAX keeps the maximum");
static_assert(U64_MAX / ESX_TAX_PM_MAX >= BOUGHT_MAX, "a tax fits into 64 bits");

static u64 bought(const struct esx_claim *claim, unsigned __int128 lambda)
{
	unsigned __int128 pages = (lambda * claim->shares) >> LAMBDA_SHIFT;

	return pages < BOUGHT_MAX ? pages : BOUGHT_MAX;
}

/* The tax on @pages that were bought. */
static u64 tax_on(const struct esx_claim *claim, u64 pages)
{
	u64 idle = pages - min(claim->active, pages);

	if (claim->progressive && idle)
		idle = mul_u64_u64_div_u64(idle, idle, pages);
	return idle * claim->tax_pm / 1000;
}

static u64 pages_at(const struct esx_claim *claim, unsigned __int128 lambda)
{
	u64 pages = bought(claim, lambda);

	if (pages <= claim->min || !claim->shares)
		return claim->min;
	return clamp(pages - tax_on(claim, pages), claim->min, claim->max);
}

/* The most that a claim can be given. */
static u64 most(const struct esx_claim *claim)
{
	return claim->shares ? claim->max : claim->min;
}

/* Is the sum at @lambda beyond @pages?  No sum of two terms overflows. */
static bool exceeds(const struct esx_claim *claims, u32 nr, unsigned __int128 lambda, u64 pages)
{
	u64 sum = 0;
	u32 i;

	for (i = 0; i < nr && sum <= pages; i++)
		sum += pages_at(&claims[i], lambda);
	return sum > pages;
}

static unsigned __int128 find_lambda(const struct esx_claim *claims, u32 nr, u64 pages)
{
	unsigned __int128 lo = 0, hi = 1ULL << LAMBDA_SHIFT, mid;

	while (!exceeds(claims, nr, hi, pages)) {
		lo = hi;
		hi *= 2;
	}
	while (hi - lo > 1) {
		mid = lo + (hi - lo) / 2;
		if (exceeds(claims, nr, mid, pages))
			hi = mid;
		else
			lo = mid;
	}
	return lo;
}

static enum esx_claim_why why(const struct esx_claim *claim, unsigned __int128 lambda)
{
	u64 pages = bought(claim, lambda);

	if (claim->target >= claim->max)
		return ESX_WHY_MAX;
	if (claim->target <= claim->min)
		return ESX_WHY_MIN;
	return tax_on(claim, pages) ? ESX_WHY_TAX : ESX_WHY_SHARES;
}

static void deal_at(struct esx_claim *claims, u32 nr, unsigned __int128 lambda, u64 pages)
{
	u64 step;
	u32 i;

	for (i = 0; i < nr; i++) {
		claims[i].target = pages_at(&claims[i], lambda);
		pages -= claims[i].target;
	}
	for (i = 0; i < nr; i++) {
		step = min(pages, pages_at(&claims[i], lambda + 1) - claims[i].target);
		claims[i].target += step;
		pages -= step;
		claims[i].why = why(&claims[i], lambda);
	}
}

static void deal_limits(struct esx_claim *claims, u32 nr, u64 (*limit)(const struct esx_claim *))
{
	u32 i;

	for (i = 0; i < nr; i++) {
		claims[i].target = limit(&claims[i]);
		claims[i].why = claims[i].target == claims[i].max ? ESX_WHY_MAX : ESX_WHY_MIN;
	}
}

static u64 least(const struct esx_claim *claim)
{
	return claim->min;
}

/* Pages of all claims, or the largest number when there are even more. */
static u64 total(const struct esx_claim *claims, u32 nr, u64 (*limit)(const struct esx_claim *))
{
	u64 sum = 0, pages;
	u32 i;

	for (i = 0; i < nr; i++) {
		pages = limit(&claims[i]);
		sum = pages > U64_MAX - sum ? U64_MAX : sum + pages;
	}
	return sum;
}

/* Make a claim fit for the arithmetic above, whatever it says. */
static void tidy(struct esx_claim *claim)
{
	claim->max = min(claim->max, ESX_PRICE_PAGES_MAX);
	claim->min = min(claim->min, claim->max);
	claim->tax_pm = min(claim->tax_pm, ESX_TAX_PM_MAX);
}

/**
 * esx_price_deal() - hand out memory
 * @claims: who wants it; their targets are filled in
 * @nr: how many
 * @pages: what there is
 *
 * Limits that are too large, or cross, are cut in place.
 *
 * Return: what is left, or what is missing when everybody has the minimum.
 */
struct esx_dealt esx_price_deal(struct esx_claim *claims, u32 nr, u64 pages)
{
	struct esx_dealt dealt = {};
	u64 floor, ceiling;
	u32 i;

	for (i = 0; i < nr; i++)
		tidy(&claims[i]);
	/* So that what exceeds it by one VM's pages is still a number. */
	pages = min(pages, U64_MAX / 2);
	floor = total(claims, nr, least);
	ceiling = total(claims, nr, most);

	if (pages < floor) {
		dealt.shortfall = floor - pages;
		deal_limits(claims, nr, least);
	} else if (pages >= ceiling) {
		dealt.spare = pages - ceiling;
		deal_limits(claims, nr, most);
	} else {
		deal_at(claims, nr, find_lambda(claims, nr, pages), pages);
	}
	return dealt;
}
ESX_EXPORT_FOR_TESTS(esx_price_deal);

/* A pool can use what its members can, and must have what they must. */
static void fit_pool(struct esx_claim *pool, struct esx_claim *children)
{
	u64 floor, ceiling, active = 0;
	u32 i;

	for (i = 0; i < pool->nr_children; i++) {
		tidy(&children[i]);
		active += min(children[i].active, children[i].max);
	}
	floor = total(children, pool->nr_children, least);
	ceiling = total(children, pool->nr_children, most);
	pool->max = min(pool->max, ceiling);
	pool->min = max(pool->min, floor);
	pool->active = active;
}

/**
 * esx_price_deal_tree() - hand out memory to pools, and within them
 * @claims: VMs and pools; those of the top first, the members of a pool side by
 *	side somewhere behind it
 * @nr: how many
 * @nr_top: how many of them are at the top
 * @pages: what there is
 *
 * A pool claims as a VM does, with the active pages of its members; it can use no
 * more than they can, and has at least the sum of their minima, unless its own
 * maximum is below.  Then its members have their minima all the same, and what is
 * missing counts as a shortfall.
 *
 * Return: what is left at the top, what is missing anywhere.
 */
struct esx_dealt esx_price_deal_tree(struct esx_claim *claims, u32 nr, u32 nr_top, u64 pages)
{
	struct esx_dealt dealt, inner;
	u32 i;

	for (i = nr; i--;) {
		if (claims[i].nr_children)
			fit_pool(&claims[i], &claims[claims[i].first_child]);
	}
	dealt = esx_price_deal(claims, nr_top, pages);
	for (i = 0; i < nr; i++) {
		if (!claims[i].nr_children)
			continue;
		inner = esx_price_deal(&claims[claims[i].first_child], claims[i].nr_children,
				       claims[i].target);
		dealt.shortfall += inner.shortfall;
	}
	return dealt;
}
ESX_EXPORT_FOR_TESTS(esx_price_deal_tree);

/**
 * esx_price_rho_ppm() - what a VM pays for a page
 * @claim: the VM, with its target
 *
 * The paper's rho at the target, without limits the same for all.  With the
 * progressive tax, at the rate that the target's idle fraction has.
 *
 * Return: millionths of a share for each page.
 */
u64 esx_price_rho_ppm(const struct esx_claim *claim)
{
	u64 active = min(claim->active, claim->target);
	u64 idle = claim->target - active;
	u64 rate = min(claim->tax_pm, ESX_TAX_PM_MAX);
	u64 cost;

	if (claim->progressive && idle)
		rate = mul_u64_u64_div_u64(rate, idle, claim->target);
	/* Targets are below 2^44 and the factor below 2^10. */
	cost = active + idle * 1000 / (1000 - rate);
	return cost ? (u64)claim->shares * 1000000 / cost : 0;
}
ESX_EXPORT_FOR_TESTS(esx_price_rho_ppm);
