// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the way from parameters to targets (tax/policy.c, tax/ledger.c and
 * tax/price.c together): what a VM claims, and what the paper's formula makes of it,
 * worked out by hand.
 */
#include "../tax/policy.h"
#include "suites.h"

#define MB	256ULL	/* pages */

static const struct esx_policy defaults = { .tax_percent = 75, .period_seconds = 15 };

static const struct esx_vm_params plain = {
	.shares = ESX_SHARES_DEFAULT,
	.tax_percent = ESX_TAX_DEFAULT,
};

static struct esx_claim claim_of(const struct esx_vm_params *params, u64 size, u64 active)
{
	struct esx_terms terms = esx_ledger_terms(params, size);

	return esx_policy_claim(&defaults, params, &terms, active);
}

static void plain_vm_claims_its_size(struct kunit *test)
{
	struct esx_claim claim = claim_of(&plain, 320 * MB, 10 * MB);

	KUNIT_EXPECT_EQ(test, claim.min, 0);
	KUNIT_EXPECT_EQ(test, claim.max, 320 * MB);
	KUNIT_EXPECT_EQ(test, claim.active, 10 * MB);
	KUNIT_EXPECT_EQ(test, claim.shares, 3200);
	KUNIT_EXPECT_EQ(test, claim.tax_pm, 750);
	KUNIT_EXPECT_FALSE(test, claim.progressive);
	KUNIT_EXPECT_EQ(test, claim.why, ESX_WHY_NONE);
}

static void own_tax_rate_goes_before_that_of_the_host(struct kunit *test)
{
	struct esx_policy policy = { .tax_percent = 10, .progressive = true };
	struct esx_vm_params params = plain;
	struct esx_terms terms = esx_ledger_terms(&params, 16 * MB);

	KUNIT_EXPECT_EQ(test, esx_policy_claim(&policy, &params, &terms, 0).tax_pm, 100);
	KUNIT_EXPECT_TRUE(test, esx_policy_claim(&policy, &params, &terms, 0).progressive);
	params.tax_percent = 0;
	KUNIT_EXPECT_EQ(test, esx_policy_claim(&policy, &params, &terms, 0).tax_pm, 0);
	params.tax_percent = 99;
	KUNIT_EXPECT_EQ(test, esx_policy_claim(&policy, &params, &terms, 0).tax_pm, 990);
}

/* Figure 7: two VMs of equal shares on 360 MB; tau 75 %; P1 - P2 = tau (a1 - a2). */
static void idle_vm_pays_as_in_figure_7(struct kunit *test)
{
	struct esx_claim claims[] = {
		claim_of(&plain, 256 * MB, 10 * MB),
		claim_of(&plain, 256 * MB, 200 * MB),
	};
	struct esx_dealt dealt = esx_price_deal(claims, 2, 360 * MB);

	/* 180 -+ 0.75 * 190 / 2 MB, that is 108.75 and 251.25. */
	KUNIT_EXPECT_EQ(test, claims[0].target, 435 * MB / 4);
	KUNIT_EXPECT_EQ(test, claims[1].target, 1005 * MB / 4);
	KUNIT_EXPECT_EQ(test, claims[0].why, ESX_WHY_TAX);
	KUNIT_EXPECT_EQ(test, dealt.shortfall, 0);
	KUNIT_EXPECT_EQ(test, dealt.spare, 0);
}

/* Shares 1:3, both idle, a minimum that the first would not reach, a limit. */
static void limits_hold_and_the_sum_is_the_pool(struct kunit *test)
{
	struct esx_vm_params params[3] = { plain, plain, plain };
	struct esx_claim claims[3];

	params[0].shares = 100;
	params[0].min_pages = 40 * MB;
	params[1].shares = 300;
	params[2].shares = 300;
	params[2].max_pages = 50 * MB;
	claims[0] = claim_of(&params[0], 128 * MB, 0);
	claims[1] = claim_of(&params[1], 128 * MB, 0);
	claims[2] = claim_of(&params[2], 128 * MB, 0);
	esx_price_deal(claims, 3, 150 * MB);
	/* Without limits 150 MB would be 21.4, 64.3 and 64.3. */
	KUNIT_EXPECT_EQ(test, claims[0].target, 40 * MB);
	KUNIT_EXPECT_EQ(test, claims[1].target, 60 * MB);
	KUNIT_EXPECT_EQ(test, claims[2].target, 50 * MB);
	KUNIT_EXPECT_EQ(test, claims[0].why, ESX_WHY_MIN);
	KUNIT_EXPECT_EQ(test, claims[1].why, ESX_WHY_TAX);
	KUNIT_EXPECT_EQ(test, claims[2].why, ESX_WHY_MAX);
}

/* An empty VM claims nothing, and takes nothing from the others. */
static void empty_vm_gets_nothing(struct kunit *test)
{
	struct esx_claim claims[] = { claim_of(&plain, 0, 0), claim_of(&plain, 8 * MB, 0) };

	esx_price_deal(claims, 2, 4 * MB);
	KUNIT_EXPECT_EQ(test, claims[0].target, 0);
	KUNIT_EXPECT_EQ(test, claims[1].target, 4 * MB);
}

static void every_reason_has_a_name(struct kunit *test)
{
	int why;

	for (why = 0; why < ESX_NR_WHYS; why++)
		KUNIT_EXPECT_NOT_NULL(test, esx_claim_why_names[why]);
}

static struct kunit_case policy_cases[] = {
	KUNIT_CASE(plain_vm_claims_its_size),
	KUNIT_CASE(own_tax_rate_goes_before_that_of_the_host),
	KUNIT_CASE(idle_vm_pays_as_in_figure_7),
	KUNIT_CASE(limits_hold_and_the_sum_is_the_pool),
	KUNIT_CASE(empty_vm_gets_nothing),
	KUNIT_CASE(every_reason_has_a_name),
	{}
};

struct kunit_suite esx_policy_suite = {
	.name = "esx_policy",
	.test_cases = policy_cases,
};
