// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of how memory is handed out (tax/price.c): values worked out by hand,
 * the paper's figure 7, and what has to hold for any input.
 */
#include <linux/ktime.h>
#include <linux/slab.h>

#include "../tax/price.h"
#include "suites.h"

#define CLAIMS_MAX	12
#define MB		256ULL	/* pages */

#define EXPECT_TARGETS(test, claims, ...)						\
	do {										\
		const u64 expected_[] = { __VA_ARGS__ };				\
		unsigned int i_;							\
											\
		for (i_ = 0; i_ < ARRAY_SIZE(expected_); i_++)				\
			KUNIT_EXPECT_EQ(test, (claims)[i_].target, expected_[i_]);	\
	} while (0)

static void equal_shares_are_equal_parts(struct kunit *test)
{
	struct esx_claim claims[] = {
		{ .max = 1000, .shares = 7 },
		{ .max = 1000, .shares = 7 },
	};

	esx_price_deal(claims, 2, 1000);
	EXPECT_TARGETS(test, claims, 500, 500);
	KUNIT_EXPECT_EQ(test, claims[0].why, ESX_WHY_SHARES);
	/* The odd page goes to who comes first. */
	esx_price_deal(claims, 2, 1001);
	EXPECT_TARGETS(test, claims, 501, 500);
}

static void shares_are_proportions(struct kunit *test)
{
	struct esx_claim claims[] = {
		{ .max = 5000, .shares = 1000 },
		{ .max = 5000, .shares = 2000 },
		{ .max = 5000, .shares = 5000 },
	};

	esx_price_deal(claims, 3, 800);
	EXPECT_TARGETS(test, claims, 100, 200, 500);
}

static void limits_pass_the_rest_on(struct kunit *test)
{
	struct esx_claim claims[] = {
		{ .max = 100, .shares = 10 },
		{ .min = 400, .max = 1000, .shares = 10 },
		{ .max = 1000, .shares = 10 },
		{ .max = 1000, .shares = 20 },
	};

	/* 100 and 400 are settled, 600 are divided 1:2. */
	esx_price_deal(claims, 4, 1100);
	EXPECT_TARGETS(test, claims, 100, 400, 200, 400);
	KUNIT_EXPECT_EQ(test, claims[0].why, ESX_WHY_MAX);
	KUNIT_EXPECT_EQ(test, claims[1].why, ESX_WHY_MIN);
	KUNIT_EXPECT_EQ(test, claims[2].why, ESX_WHY_SHARES);
}

static void tax_moves_idle_pages(struct kunit *test)
{
	struct esx_claim claims[] = {
		{ .max = 2000, .shares = 5, .active = 100, .tax_pm = 750 },
		{ .max = 2000, .shares = 5, .active = 300, .tax_pm = 750 },
	};

	/* 1400 pages are bought by each: 1400 - 3/4 * 1300, 1400 - 3/4 * 1100. */
	esx_price_deal(claims, 2, 1000);
	EXPECT_TARGETS(test, claims, 425, 575);
	KUNIT_EXPECT_EQ(test, claims[0].why, ESX_WHY_TAX);

	/* 740 by each: 740 - 3/4 * 640, and all of 740 are active. */
	claims[1].active = 900;
	esx_price_deal(claims, 2, 1000);
	EXPECT_TARGETS(test, claims, 260, 740);
	KUNIT_EXPECT_EQ(test, claims[1].why, ESX_WHY_SHARES);
}

static void progressive_tax_spares_who_is_half_active(struct kunit *test)
{
	struct esx_claim claims[] = {
		{ .max = 2000, .shares = 5, .tax_pm = 500, .progressive = true },
		{ .max = 2000, .shares = 5, .tax_pm = 500, .progressive = true, .active = 500 },
	};

	/* Of 1000: 1/2 of 1000; 1/2 of 1/2 of 500. */
	esx_price_deal(claims, 2, 1375);
	EXPECT_TARGETS(test, claims, 500, 875);
}

/* Values of figure 7 as read from the plot, in tenths of a megabyte. */
#define FIG7_ACTIVE1	99
#define FIG7_ACTIVE2	2004
#define FIG7_ALLOC1	1013
#define FIG7_ALLOC2	2434

static void figure_7_with_tax(struct kunit *test)
{
	struct esx_claim claims[] = {
		{ .max = 256 * MB, .shares = 9, .active = FIG7_ACTIVE1 * MB / 10, .tax_pm = 750 },
		{ .max = 256 * MB, .shares = 9, .active = FIG7_ACTIVE2 * MB / 10, .tax_pm = 750 },
	};

	esx_price_deal(claims, 2, (FIG7_ALLOC1 + FIG7_ALLOC2) * MB / 10);
	/* tau * (a2 - a1) = 142.875 MB, give or take the rounding of two targets. */
	KUNIT_EXPECT_GE(test, claims[1].target - claims[0].target, 142875 * MB / 1000 - 2);
	KUNIT_EXPECT_LE(test, claims[1].target - claims[0].target, 142875 * MB / 1000 + 2);
	/* What ESX did, within a megabyte. */
	KUNIT_EXPECT_GE(test, claims[0].target, (FIG7_ALLOC1 - 10) * MB / 10);
	KUNIT_EXPECT_LE(test, claims[0].target, (FIG7_ALLOC1 + 10) * MB / 10);
	KUNIT_EXPECT_GE(test, claims[1].target, (FIG7_ALLOC2 - 10) * MB / 10);
	KUNIT_EXPECT_LE(test, claims[1].target, (FIG7_ALLOC2 + 10) * MB / 10);
}

static void figure_7_without_tax(struct kunit *test)
{
	struct esx_claim claims[] = {
		{ .max = 256 * MB, .shares = 2560, .active = 96 * MB / 10 },
		{ .max = 256 * MB, .shares = 2560, .active = 1742 * MB / 10 },
	};

	esx_price_deal(claims, 2, 358 * MB);
	EXPECT_TARGETS(test, claims, 179 * MB, 179 * MB);
}

static void no_shares_pin_to_the_minimum(struct kunit *test)
{
	struct esx_claim claims[] = {
		{ .min = 10, .max = 500, .active = 500 },
		{ .min = 20, .max = 500, .shares = 1 },
	};
	struct esx_dealt dealt = esx_price_deal(claims, 2, 1000);

	EXPECT_TARGETS(test, claims, 10, 500);
	KUNIT_EXPECT_EQ(test, claims[0].why, ESX_WHY_MIN);
	KUNIT_EXPECT_EQ(test, dealt.spare, 490);
	KUNIT_EXPECT_EQ(test, dealt.shortfall, 0);
}

static void too_little_for_the_minima_is_reported(struct kunit *test)
{
	struct esx_claim claims[] = {
		{ .min = 300, .max = 500, .shares = 1 },
		{ .min = 400, .max = 400, .shares = 1 },
	};
	struct esx_dealt dealt = esx_price_deal(claims, 2, 600);

	EXPECT_TARGETS(test, claims, 300, 400);
	KUNIT_EXPECT_EQ(test, dealt.shortfall, 100);
	KUNIT_EXPECT_EQ(test, claims[0].why, ESX_WHY_MIN);
	KUNIT_EXPECT_EQ(test, claims[1].why, ESX_WHY_MAX);
}

static void nobody_gets_nothing(struct kunit *test)
{
	struct esx_dealt dealt = esx_price_deal(NULL, 0, 5);

	KUNIT_EXPECT_EQ(test, dealt.spare, 5);
	KUNIT_EXPECT_EQ(test, dealt.shortfall, 0);
}

static void nonsense_is_cut(struct kunit *test)
{
	struct esx_claim claims[] = {
		{ .min = U64_MAX, .max = U64_MAX, .shares = U32_MAX, .tax_pm = U32_MAX },
		{ .min = 9, .max = 3, .active = U64_MAX, .shares = 1, .tax_pm = 1000 },
	};
	struct esx_dealt dealt = esx_price_deal(claims, 2, U64_MAX);

	EXPECT_TARGETS(test, claims, ESX_PRICE_PAGES_MAX, 3);
	KUNIT_EXPECT_EQ(test, dealt.shortfall, 0);
}

/* The rates at which a page is worth most and least: all that lambda can be. */
static void extremes_are_exact(struct kunit *test)
{
	struct esx_claim claims[] = {
		{ .max = U64_MAX, .shares = 1, .tax_pm = 999 },
		{ .max = U64_MAX, .shares = U32_MAX, .tax_pm = 999 },
		{ .max = U64_MAX, .shares = U32_MAX, .tax_pm = 999, .progressive = true },
	};
	u64 pages;

	for (pages = 1; pages < 3 * ESX_PRICE_PAGES_MAX; pages = pages * 3 + 1) {
		esx_price_deal(claims, 3, pages);
		KUNIT_EXPECT_EQ(test, claims[0].target + claims[1].target + claims[2].target,
				pages);
	}
	esx_price_deal(claims, 3, 3 * ESX_PRICE_PAGES_MAX - 1);
	EXPECT_TARGETS(test, claims, ESX_PRICE_PAGES_MAX - 1, ESX_PRICE_PAGES_MAX,
		       ESX_PRICE_PAGES_MAX);
}

static void rho_is_the_papers(struct kunit *test)
{
	/* 1000 shares for 100 + 4 * 400 and for 500 pages' worth; 10 for none. */
	const struct esx_claim claims[] = {
		{ .shares = 1000, .target = 500, .active = 100, .tax_pm = 750 },
		{ .shares = 1000, .target = 500, .active = 500, .tax_pm = 750 },
		{ .shares = 10 },
	};

	KUNIT_EXPECT_EQ(test, esx_price_rho_ppm(&claims[0]), 588235);
	KUNIT_EXPECT_EQ(test, esx_price_rho_ppm(&claims[1]), 2000000);
	KUNIT_EXPECT_EQ(test, esx_price_rho_ppm(&claims[2]), 0);
}

static void all_pay_the_same_price(struct kunit *test)
{
	struct esx_claim claims[] = {
		{ .max = 100000, .shares = 400, .active = 10000, .tax_pm = 750 },
		{ .max = 100000, .shares = 500, .active = 40000, .tax_pm = 750 },
		{ .max = 100000, .shares = 300, .active = 0, .tax_pm = 250 },
	};
	u64 rho;
	int i;

	esx_price_deal(claims, 3, 100000);
	rho = esx_price_rho_ppm(&claims[0]);
	for (i = 1; i < 3; i++) {
		KUNIT_EXPECT_GE(test, esx_price_rho_ppm(&claims[i]), rho - rho / 1000);
		KUNIT_EXPECT_LE(test, esx_price_rho_ppm(&claims[i]), rho + rho / 1000);
	}
}

static void pools_share_before_their_members(struct kunit *test)
{
	struct esx_claim claims[] = {
		/* A VM and two pools of equal shares. */
		{ .max = 1000, .shares = 10 },
		{ .max = 1000, .shares = 10, .first_child = 3, .nr_children = 2 },
		{ .max = 250, .shares = 10, .first_child = 5, .nr_children = 3 },
		/* In the first pool 1:3. */
		{ .max = 1000, .shares = 100 },
		{ .max = 1000, .shares = 300 },
		/* In the second: one with a minimum, and a pool. */
		{ .min = 120, .max = 1000, .shares = 1 },
		{ .max = 1000, .shares = 1 },
		{ .max = 1000, .shares = 1, .first_child = 8, .nr_children = 1 },
		{ .max = 30, .shares = 1 },
	};
	struct esx_dealt dealt = esx_price_deal_tree(claims, ARRAY_SIZE(claims), 3, 1050);

	/* 250, and (1050 - 250) / 2 for each of the others. */
	EXPECT_TARGETS(test, claims, 400, 400, 250, 100, 300, 120, 100, 30, 30);
	KUNIT_EXPECT_EQ(test, dealt.spare, 0);
	KUNIT_EXPECT_EQ(test, dealt.shortfall, 0);
}

static void minima_within_a_pool_hold(struct kunit *test)
{
	struct esx_claim claims[] = {
		{ .max = 1000, .shares = 1000 },
		{ .max = 1000, .shares = 1, .first_child = 2, .nr_children = 1 },
		{ .min = 300, .max = 1000, .shares = 1 },
	};
	struct esx_dealt dealt;

	esx_price_deal_tree(claims, 3, 2, 1000);
	EXPECT_TARGETS(test, claims, 700, 300, 300);

	/* The pool may not have that much: its member has it, 200 are missing. */
	claims[1].min = 0;
	claims[1].max = 100;
	dealt = esx_price_deal_tree(claims, 3, 2, 1000);
	EXPECT_TARGETS(test, claims, 900, 100, 300);
	KUNIT_EXPECT_EQ(test, dealt.shortfall, 200);
}

/* A sequence of numbers that is the same in each run. */
static u64 next(u64 *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static u32 make_claims(u64 *seed, struct esx_claim *claims, u64 size)
{
	static const u32 rates[] = { 0, 10, 250, 500, 750, 900, 999 };
	u32 i, nr = 1 + next(seed) % CLAIMS_MAX;
	bool progressive = next(seed) % 4 == 0;

	for (i = 0; i < nr; i++) {
		claims[i] = (struct esx_claim){
			.max = next(seed) % (size + 1),
			.shares = next(seed) % 8 ? 1 + next(seed) % 100000 : next(seed) % 2,
			.tax_pm = rates[next(seed) % ARRAY_SIZE(rates)],
			.progressive = progressive,
		};
		claims[i].min = next(seed) % 2 ? next(seed) % (claims[i].max + 1) : 0;
		claims[i].active = next(seed) % (size + 1);
	}
	return nr;
}

static u64 sum_of_minima(const struct esx_claim *claims, u32 nr)
{
	u64 sum = 0;

	while (nr--)
		sum += claims[nr].min;
	return sum;
}

static u64 sum_of_ceilings(const struct esx_claim *claims, u32 nr)
{
	u64 sum = 0;

	while (nr--)
		sum += claims[nr].shares ? claims[nr].max : claims[nr].min;
	return sum;
}

static void check_sum_and_bounds(struct kunit *test, const struct esx_claim *claims, u32 nr,
				 u64 pages, struct esx_dealt dealt)
{
	u64 sum = 0;
	u32 i;

	for (i = 0; i < nr; i++) {
		KUNIT_ASSERT_GE(test, claims[i].target, claims[i].min);
		KUNIT_ASSERT_LE(test, claims[i].target, claims[i].max);
		sum += claims[i].target;
	}
	KUNIT_ASSERT_EQ(test, sum + dealt.spare, pages + dealt.shortfall);
	KUNIT_ASSERT_EQ(test, sum, clamp(pages, sum_of_minima(claims, nr),
					 sum_of_ceilings(claims, nr)));
}

static void sum_and_bounds_are_exact(struct kunit *test)
{
	struct esx_claim claims[CLAIMS_MAX];
	u64 seed = 0x9e3779b97f4a7c15ULL, size, pages;
	u32 nr, round;

	for (round = 0; round < 2000 * SCALE; round++) {
		size = 1ULL << (next(&seed) % 40);
		nr = make_claims(&seed, claims, size);
		pages = next(&seed) % (size * nr + 1);
		check_sum_and_bounds(test, claims, nr, pages, esx_price_deal(claims, nr, pages));
	}
}

static void more_memory_is_less_for_nobody(struct kunit *test)
{
	struct esx_claim claims[CLAIMS_MAX], before[CLAIMS_MAX];
	u64 seed = 0xdeadbeefcafef00dULL, size, pages;
	u32 nr, round, i;

	for (round = 0; round < 2000 * SCALE; round++) {
		size = 1ULL << (next(&seed) % 40);
		nr = make_claims(&seed, claims, size);
		pages = next(&seed) % (size * nr + 1);
		esx_price_deal(claims, nr, pages);
		memcpy(before, claims, sizeof(before));
		pages += next(&seed) % 2 ? 1 : next(&seed) % (size + 1);
		esx_price_deal(claims, nr, pages);
		for (i = 0; i < nr; i++)
			KUNIT_ASSERT_GE(test, claims[i].target, before[i].target);
	}
}

/* Make one claim's right to memory better, one way or the other. */
static void favour(u64 *seed, struct esx_claim *claim, u64 size)
{
	switch (next(seed) % 4) {
	case 0:
		claim->shares += 1 + next(seed) % 1000;
		break;
	case 1:
		claim->active += 1 + next(seed) % (size + 1);
		break;
	case 2:
		claim->max += 1 + next(seed) % (size + 1);
		break;
	case 3:
		claim->min += next(seed) % (claim->max - claim->min + 1);
		break;
	}
}

static void better_claim_gets_no_less_and_others_no_more(struct kunit *test)
{
	struct esx_claim claims[CLAIMS_MAX], before[CLAIMS_MAX];
	u64 seed = 0x123456789abcdefULL, size, pages;
	u32 nr, round, i, who;

	for (round = 0; round < 2000 * SCALE; round++) {
		size = 1ULL << (next(&seed) % 40);
		nr = make_claims(&seed, claims, size);
		pages = next(&seed) % (size * nr + 1);
		esx_price_deal(claims, nr, pages);
		memcpy(before, claims, sizeof(before));
		who = next(&seed) % nr;
		favour(&seed, &claims[who], size);
		esx_price_deal(claims, nr, pages);
		for (i = 0; i < nr; i++) {
			if (i == who)
				KUNIT_ASSERT_GE(test, claims[i].target, before[i].target);
			else
				KUNIT_ASSERT_LE(test, claims[i].target, before[i].target);
		}
	}
}

/* What a VM pays for its last page, as numerator and denominator of rho. */
static u64 cost_of(const struct esx_claim *claim, u64 pages)
{
	u64 active = min(claim->active, pages);

	return active * (1000 - claim->tax_pm) + (pages - active) * 1000;
}

static bool pays_less(const struct esx_claim *a, u64 pages_a, const struct esx_claim *b,
		      u64 pages_b)
{
	return a->shares * (1000ULL - a->tax_pm) * cost_of(b, pages_b) <
	       b->shares * (1000ULL - b->tax_pm) * cost_of(a, pages_a);
}

/* The paper's way: take page after page from who pays least for his. */
static void revoke(const struct esx_claim *claims, u32 nr, u64 *pages, u64 excess)
{
	u32 i, victim;

	for (; excess; excess--) {
		victim = nr;
		for (i = 0; i < nr; i++) {
			if (pages[i] > claims[i].min &&
			    (victim == nr || pays_less(&claims[i], pages[i], &claims[victim],
						       pages[victim])))
				victim = i;
		}
		pages[victim]--;
	}
}

static void targets_are_those_of_revocation(struct kunit *test)
{
	u64 seed = 0xfeedfacefeedfaceULL, floor, ceiling, pages, held[CLAIMS_MAX];
	struct esx_claim claims[CLAIMS_MAX];
	u32 nr, round, i;

	for (round = 0; round < 100 * SCALE; round++) {
		nr = make_claims(&seed, claims, 512);
		for (i = 0; i < nr; i++) {
			claims[i].progressive = false;
			claims[i].shares = 1 + next(&seed) % 1000;
			held[i] = claims[i].max;
		}
		floor = sum_of_minima(claims, nr);
		ceiling = sum_of_ceilings(claims, nr);
		pages = floor + next(&seed) % (ceiling - floor + 1);
		esx_price_deal(claims, nr, pages);
		revoke(claims, nr, held, ceiling - pages);
		/* What one way rounds up and the other down may gather at one VM. */
		for (i = 0; i < nr; i++) {
			KUNIT_ASSERT_LE(test, claims[i].target, held[i] + nr);
			KUNIT_ASSERT_LE(test, held[i], claims[i].target + nr);
		}
	}
}

static void ten_thousand_vms(struct kunit *test)
{
	u32 i, nr = 10000;
	struct esx_claim *claims = kvcalloc(nr, sizeof(*claims), GFP_KERNEL);
	u64 seed = 0x5deece66dULL, sum = 0, begin, end;

	KUNIT_ASSERT_NOT_NULL(test, claims);
	for (i = 0; i < nr; i++) {
		claims[i].max = (1 + next(&seed) % 64) << 18;
		claims[i].active = next(&seed) % claims[i].max;
		claims[i].shares = claims[i].max / MB * 10;
		claims[i].tax_pm = 750;
		sum += claims[i].max;
	}
	begin = ktime_get_ns();
	esx_price_deal(claims, nr, sum / 2);
	end = ktime_get_ns();
	kunit_info(test, "10,000 targets in %llu us", (end - begin) / 1000);
	for (i = 0; i < nr; i++)
		sum -= 2 * claims[i].target;
	kvfree(claims);
	KUNIT_EXPECT_LE(test, sum, 1);
}

static struct kunit_case price_cases[] = {
	KUNIT_CASE(equal_shares_are_equal_parts),
	KUNIT_CASE(shares_are_proportions),
	KUNIT_CASE(limits_pass_the_rest_on),
	KUNIT_CASE(tax_moves_idle_pages),
	KUNIT_CASE(progressive_tax_spares_who_is_half_active),
	KUNIT_CASE(figure_7_with_tax),
	KUNIT_CASE(figure_7_without_tax),
	KUNIT_CASE(no_shares_pin_to_the_minimum),
	KUNIT_CASE(too_little_for_the_minima_is_reported),
	KUNIT_CASE(nobody_gets_nothing),
	KUNIT_CASE(nonsense_is_cut),
	KUNIT_CASE(extremes_are_exact),
	KUNIT_CASE(rho_is_the_papers),
	KUNIT_CASE(all_pay_the_same_price),
	KUNIT_CASE(pools_share_before_their_members),
	KUNIT_CASE(minima_within_a_pool_hold),
	KUNIT_CASE(sum_and_bounds_are_exact),
	KUNIT_CASE(more_memory_is_less_for_nobody),
	KUNIT_CASE(better_claim_gets_no_less_and_others_no_more),
	KUNIT_CASE(targets_are_those_of_revocation),
	KUNIT_CASE(ten_thousand_vms),
	{}
};

struct kunit_suite esx_price_suite = {
	.name = "esx_price",
	.test_cases = price_cases,
};
