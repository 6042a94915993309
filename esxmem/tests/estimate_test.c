// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the estimates (tax/estimate.c), of sampling periods (tax/period.c) and
 * of picking (tax/pick.c): arithmetic, so no thread, no clock and no page.
 */
#include <linux/slab.h>
#include <linux/time64.h>

#include "../tax/estimate.h"
#include "../tax/period.h"
#include "../tax/pick.h"
#include "suites.h"

#define ONE	ESX_FRACTION_ONE
#define MS	((u64)NSEC_PER_MSEC)

/* Figure 6 of the paper: a VM of 320 MB, here in units of 0.1 MB. */
#define FIGURE_SIZE	3200
/* What one per cent of it is: the figure is drawn in steps of this. */
#define FIGURE_STEP	32

static void fraction_is_rounded_to_the_nearest(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, esx_fraction(0, 100), 0);
	KUNIT_EXPECT_EQ(test, esx_fraction(100, 100), ONE);
	KUNIT_EXPECT_EQ(test, esx_fraction(1, 4), ONE / 4);
	/* 16777216 / 3 = 5592405.33, and twice that 11184810.67. */
	KUNIT_EXPECT_EQ(test, esx_fraction(1, 3), 5592405);
	KUNIT_EXPECT_EQ(test, esx_fraction(2, 3), 11184811);
	/* 2^24 / 2^25: a half, which goes up. */
	KUNIT_EXPECT_EQ(test, esx_fraction(1, 1 << 25), 1);
}

static void fraction_is_never_more_than_one(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, esx_fraction(101, 100), ONE);
	KUNIT_EXPECT_EQ(test, esx_fraction(U64_MAX, 100), ONE);
	KUNIT_EXPECT_EQ(test, esx_fraction(0, 0), 0);
	KUNIT_EXPECT_EQ(test, esx_fraction(5, 0), 0);
}

static void part_of_a_whole_is_rounded_to_the_nearest(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, esx_fraction_of(ONE, 81920), 81920);
	KUNIT_EXPECT_EQ(test, esx_fraction_of(0, 81920), 0);
	KUNIT_EXPECT_EQ(test, esx_fraction_of(ONE / 2, 3), 2);
	KUNIT_EXPECT_EQ(test, esx_fraction_of(esx_fraction(1, 3), 3), 1);
	KUNIT_EXPECT_EQ(test, esx_fraction_of(esx_fraction(7, 100), 100), 7);
	/* 16 TB of pages, and more than there can be. */
	KUNIT_EXPECT_EQ(test, esx_fraction_of(ONE, 1ULL << 32), 1ULL << 32);
	KUNIT_EXPECT_EQ(test, esx_fraction_of(ONE / 4, 1ULL << 60), 1ULL << 58);
}

static void first_period_is_believed(struct kunit *test)
{
	struct esx_average average = {};

	esx_average_add(&average, ONE / 2);
	KUNIT_EXPECT_EQ(test, average.slow, ONE / 2);
	KUNIT_EXPECT_EQ(test, average.fast, ONE / 2);
}

static void averages_move_by_their_gains(struct kunit *test)
{
	struct esx_average average = { .slow = 1000, .fast = 1000, .primed = true };

	esx_average_add(&average, 2000);
	KUNIT_EXPECT_EQ(test, average.slow, 1250);
	KUNIT_EXPECT_EQ(test, average.fast, 1750);
	esx_average_add(&average, 250);
	KUNIT_EXPECT_EQ(test, average.slow, 1000);
	KUNIT_EXPECT_EQ(test, average.fast, 625);
	/* 1/4 and 3/4 of 2, which are 0.5 and 1.5, are steps of 1 and 2. */
	average = (struct esx_average){ .slow = 8, .fast = 8, .primed = true };
	esx_average_add(&average, 6);
	KUNIT_EXPECT_EQ(test, average.slow, 7);
	KUNIT_EXPECT_EQ(test, average.fast, 6);
}

static void averages_arrive_at_what_does_not_change(struct kunit *test)
{
	static const u32 goals[] = { 0, 1, 12345677, ONE - 1, ONE };
	struct esx_average average = { .slow = 12345678, .fast = 12345678, .primed = true };
	unsigned int i, round;

	for (i = 0; i < ARRAY_SIZE(goals); i++) {
		for (round = 0; round < 60; round++)
			esx_average_add(&average, goals[i]);
		KUNIT_EXPECT_EQ(test, average.slow, goals[i]);
		KUNIT_EXPECT_EQ(test, average.fast, goals[i]);
	}
}

static void period_under_way_can_only_add(struct kunit *test)
{
	struct esx_average average = { .slow = ONE / 8, .fast = ONE / 4, .primed = true };
	struct esx_estimates estimates;

	esx_estimates_get(&average, 0, &estimates);
	KUNIT_EXPECT_EQ(test, estimates.by[ESX_EST_SLOW], ONE / 8);
	KUNIT_EXPECT_EQ(test, estimates.by[ESX_EST_FAST], ONE / 4);
	KUNIT_EXPECT_EQ(test, estimates.by[ESX_EST_NOW], ONE / 4);
	/* A quarter of a quarter and three quarters of a half. */
	esx_estimates_get(&average, ONE / 2, &estimates);
	KUNIT_EXPECT_EQ(test, estimates.by[ESX_EST_NOW], ONE / 16 + 3 * (ONE / 8));
}

static void largest_estimate_counts(struct kunit *test)
{
	static const struct {
		struct esx_estimates estimates;
		enum esx_estimate largest;
	} table[] = {
		{ { { 3, 2, 2 } }, ESX_EST_SLOW },
		{ { { 1, 2, 2 } }, ESX_EST_FAST },
		{ { { 1, 2, 3 } }, ESX_EST_NOW },
		{ { { 2, 2, 2 } }, ESX_EST_SLOW },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(table); i++)
		KUNIT_EXPECT_EQ(test, esx_estimates_largest(&table[i].estimates),
				table[i].largest);
}

static u64 in_figure(u32 fraction)
{
	return esx_fraction_of(fraction, FIGURE_SIZE);
}

static void expect_figure(struct kunit *test, u32 fraction, u64 drawn)
{
	KUNIT_EXPECT_GE(test, in_figure(fraction) + FIGURE_STEP, drawn);
	KUNIT_EXPECT_LE(test, in_figure(fraction), drawn + FIGURE_STEP);
}

/* The toucher stops; what is left is 16 MB, five samples of a hundred. */
static void figure_6_decays_as_drawn(struct kunit *test)
{
	struct esx_average average = {
		.slow = esx_fraction(1824, FIGURE_SIZE),
		.fast = esx_fraction(2240, FIGURE_SIZE),
		.primed = true,
	};

	esx_average_add(&average, esx_fraction(5, 100));
	/* By hand: (2240 + 3 * 160) / 4 = 680, (3 * 1824 + 160) / 4 = 1408. */
	KUNIT_EXPECT_EQ(test, in_figure(average.fast), 680);
	KUNIT_EXPECT_EQ(test, in_figure(average.slow), 1408);
	expect_figure(test, average.fast, 672);
	expect_figure(test, average.slow, 1408);
	esx_average_add(&average, esx_fraction(5, 100));
	expect_figure(test, average.fast, 288);
	expect_figure(test, average.slow, 1088);
}

/* 12.8 MB in use, then 50 MB more: 15 samples so far, and in the end 20. */
static void figure_6_rises_as_drawn(struct kunit *test)
{
	struct esx_average average = {
		.slow = esx_fraction(128, FIGURE_SIZE),
		.fast = esx_fraction(128, FIGURE_SIZE),
		.primed = true,
	};
	struct esx_estimates estimates;

	esx_estimates_get(&average, esx_fraction(15, 100), &estimates);
	KUNIT_EXPECT_EQ(test, esx_estimates_largest(&estimates), ESX_EST_NOW);
	expect_figure(test, estimates.by[ESX_EST_NOW], 384);
	esx_average_add(&average, esx_fraction(15, 100));
	esx_average_add(&average, esx_fraction(20, 100));
	expect_figure(test, average.fast, 576);
}

static void period_is_measured_in_time_of_the_vm(struct kunit *test)
{
	struct esx_clock now = { .vm_ns = 500 * MS, .wall_ns = 1000 * MS };
	struct esx_period period;

	esx_period_begin(&period, &now);
	KUNIT_EXPECT_FALSE(test, esx_period_is_over(&period, &now, 30, 60));
	now.vm_ns += 30 * MS - 1;
	now.wall_ns += 59 * MS;
	KUNIT_EXPECT_FALSE(test, esx_period_is_over(&period, &now, 30, 60));
	now.vm_ns += 1;
	KUNIT_EXPECT_TRUE(test, esx_period_is_over(&period, &now, 30, 60));
}

static void idle_vm_has_periods_too(struct kunit *test)
{
	struct esx_clock now = { .vm_ns = 500 * MS, .wall_ns = 1000 * MS };
	struct esx_period period;

	esx_period_begin(&period, &now);
	now.wall_ns += 60 * MS - 1;
	KUNIT_EXPECT_FALSE(test, esx_period_is_over(&period, &now, 30, 60));
	now.wall_ns += 1;
	KUNIT_EXPECT_TRUE(test, esx_period_is_over(&period, &now, 30, 60));
}

static void clock_that_goes_back_is_another_guest(struct kunit *test)
{
	struct esx_clock now = { .vm_ns = 500 * MS };
	struct esx_period period;

	esx_period_begin(&period, &now);
	now.vm_ns = 520 * MS;
	KUNIT_EXPECT_FALSE(test, esx_period_is_over(&period, &now, 30, 60));
	now.vm_ns = 9 * MS;
	KUNIT_EXPECT_FALSE(test, esx_period_is_over(&period, &now, 30, 60));
	now.vm_ns = 10 * MS;
	KUNIT_EXPECT_TRUE(test, esx_period_is_over(&period, &now, 30, 60));
}

static void longest_period_does_not_overflow(struct kunit *test)
{
	struct esx_clock now = {};
	struct esx_period period;

	esx_period_begin(&period, &now);
	now.vm_ns = U32_MAX * MS - 1;
	KUNIT_EXPECT_FALSE(test, esx_period_is_over(&period, &now, U32_MAX, U32_MAX));
	now.vm_ns++;
	KUNIT_EXPECT_TRUE(test, esx_period_is_over(&period, &now, U32_MAX, U32_MAX));
}

#define MAX_PICKED	200

static void expect_valid_pick(struct kunit *test, unsigned int nr, u64 total, u64 seed)
{
	u64 numbers[MAX_PICKED];
	unsigned int i;

	KUNIT_ASSERT_EQ(test, esx_pick(numbers, nr, total, seed), min_t(u64, nr, total));
	for (i = 0; i < min_t(u64, nr, total); i++) {
		KUNIT_EXPECT_LT(test, numbers[i], total);
		if (i)
			KUNIT_EXPECT_LT(test, numbers[i - 1], numbers[i]);
	}
}

static void picked_numbers_differ_and_ascend(struct kunit *test)
{
	static const u64 totals[] = { 1, 2, 99, 100, 101, 150, 199, 200, 201, 1000, 1ULL << 40 };
	unsigned int i;
	u64 seed;

	for (i = 0; i < ARRAY_SIZE(totals); i++) {
		for (seed = 0; seed < 20; seed++) {
			expect_valid_pick(test, 1, totals[i], seed);
			expect_valid_pick(test, 100, totals[i], seed);
		}
	}
}

static void nothing_is_picked_of_nothing(struct kunit *test)
{
	u64 number = 7;

	KUNIT_EXPECT_EQ(test, esx_pick(&number, 1, 0, 1), 0);
	KUNIT_EXPECT_EQ(test, esx_pick(&number, 0, 10, 1), 0);
	KUNIT_EXPECT_EQ(test, number, 7);
}

static void seed_decides_what_is_picked(struct kunit *test)
{
	u64 first[50], second[50];

	esx_pick(first, 50, 1 << 20, 42);
	esx_pick(second, 50, 1 << 20, 42);
	KUNIT_EXPECT_EQ(test, memcmp(first, second, sizeof(first)), 0);
	esx_pick(second, 50, 1 << 20, 43);
	KUNIT_EXPECT_NE(test, memcmp(first, second, sizeof(first)), 0);
}

/*
 * Each number is picked with probability p in each of n rounds: n * p times, with
 * a variance of n * p * (1 - p).  The seeds are fixed, so the outcome is; five
 * standard deviations are what one number in a million exceeds.
 */
static void expect_uniform(struct kunit *test, unsigned int nr, unsigned int total)
{
	unsigned int *hits = kunit_kcalloc(test, total, sizeof(*hits), GFP_KERNEL);
	const unsigned int rounds = 2000;
	u64 mean = rounds * nr / total, variance = mean * (total - nr) / total;
	u64 numbers[MAX_PICKED];
	unsigned int round, i;

	KUNIT_ASSERT_NOT_NULL(test, hits);
	for (round = 0; round < rounds; round++) {
		esx_pick(numbers, nr, total, round);
		for (i = 0; i < nr; i++)
			hits[numbers[i]]++;
	}
	for (i = 0; i < total; i++) {
		s64 off = (s64)hits[i] - (s64)mean;

		KUNIT_EXPECT_LE(test, (u64)(off * off), 25 * variance);
	}
}

static void every_number_is_equally_likely(struct kunit *test)
{
	expect_uniform(test, 100, 1000);
	expect_uniform(test, 100, 160);
}

static struct kunit_case estimate_cases[] = {
	KUNIT_CASE(fraction_is_rounded_to_the_nearest),
	KUNIT_CASE(fraction_is_never_more_than_one),
	KUNIT_CASE(part_of_a_whole_is_rounded_to_the_nearest),
	KUNIT_CASE(first_period_is_believed),
	KUNIT_CASE(averages_move_by_their_gains),
	KUNIT_CASE(averages_arrive_at_what_does_not_change),
	KUNIT_CASE(period_under_way_can_only_add),
	KUNIT_CASE(largest_estimate_counts),
	KUNIT_CASE(figure_6_decays_as_drawn),
	KUNIT_CASE(figure_6_rises_as_drawn),
	KUNIT_CASE(period_is_measured_in_time_of_the_vm),
	KUNIT_CASE(idle_vm_has_periods_too),
	KUNIT_CASE(clock_that_goes_back_is_another_guest),
	KUNIT_CASE(longest_period_does_not_overflow),
	KUNIT_CASE(picked_numbers_differ_and_ascend),
	KUNIT_CASE(nothing_is_picked_of_nothing),
	KUNIT_CASE(seed_decides_what_is_picked),
	KUNIT_CASE(every_number_is_equally_likely),
	{}
};

struct kunit_suite esx_estimate_suite = {
	.name = "esx_estimate",
	.test_cases = estimate_cases,
};
