// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of rations (ration.c): who waits for how long, at made-up times.
 */
#include <linux/string.h>

#include "../ration.h"
#include "suites.h"

#define MAX	10
#define T0	1000ULL
#define A	7
#define B	8

static int init_rations(struct kunit *test)
{
	struct esx_rations *rations = kunit_kzalloc(test, sizeof(*rations), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, rations);
	esx_rations_init(rations);
	test->priv = rations;
	return 0;
}

static void expect_wait(struct kunit *test, pid_t task, u64 now, unsigned long left)
{
	KUNIT_EXPECT_FALSE(test, esx_ration_take(test->priv, task, now));
	KUNIT_EXPECT_EQ(test, esx_ration_wait(test->priv, task, now, MAX), left);
}

static void expect_frames(struct kunit *test, pid_t task, u64 now, unsigned int nr)
{
	while (nr--)
		KUNIT_EXPECT_TRUE(test, esx_ration_take(test->priv, task, now));
	KUNIT_EXPECT_FALSE(test, esx_ration_take(test->priv, task, now));
}

static void a_wait_is_good_for_a_ration(struct kunit *test)
{
	expect_wait(test, A, T0, MAX);
	KUNIT_EXPECT_FALSE(test, esx_ration_take(test->priv, A, T0 + MAX - 1));
	expect_frames(test, A, T0 + MAX, ESX_RATION_FRAMES);
	/* The next one is waited for anew. */
	expect_wait(test, A, T0 + MAX, MAX);
	expect_frames(test, A, T0 + 2 * MAX, ESX_RATION_FRAMES);
}

/* Seven waits for 1,000 pages of 128 a ration, and an eighth for the last 104. */
static void a_thousand_pages_wait_eight_times(struct kunit *test)
{
	unsigned int i, waits = 0;
	u64 now = T0;

	for (i = 0; i < 1000; i++) {
		if (esx_ration_take(test->priv, A, now))
			continue;
		now += esx_ration_wait(test->priv, A, now, MAX);
		KUNIT_ASSERT_TRUE(test, esx_ration_take(test->priv, A, now));
		waits++;
	}
	KUNIT_EXPECT_EQ(test, waits, 8);
	KUNIT_EXPECT_EQ(test, now, T0 + 80);
}

/* Signals at 1003, 1006, 1009. */
static void wait_in_pieces_is_no_longer(struct kunit *test)
{
	expect_wait(test, A, T0, 10);
	expect_wait(test, A, T0 + 3, 7);
	expect_wait(test, A, T0 + 6, 4);
	expect_wait(test, A, T0 + 9, 1);
	expect_frames(test, A, T0 + 10, ESX_RATION_FRAMES);
}

/* Nobody looks in between; a signal was there whenever it began. */
static void wait_that_is_never_slept_through_ends(struct kunit *test)
{
	expect_wait(test, A, T0, 10);
	expect_frames(test, A, T0 + 10 + 5 * ESX_RATION_KEEP, ESX_RATION_FRAMES);
}

static void shorter_limit_counts_for_who_waits(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, esx_ration_wait(test->priv, A, T0, 5000), 5000);
	expect_wait(test, A, T0 + 1, MAX);
	KUNIT_EXPECT_EQ(test, esx_ration_wait(test->priv, A, T0 + 2, 5000), MAX - 1);
	expect_frames(test, A, T0 + 1 + MAX, ESX_RATION_FRAMES);
}

static void tasks_do_not_share(struct kunit *test)
{
	expect_wait(test, A, T0, 10);
	expect_wait(test, B, T0 + 4, 10);
	expect_frames(test, A, T0 + 10, ESX_RATION_FRAMES);
	expect_wait(test, B, T0 + 10, 4);
	expect_frames(test, B, T0 + 14, ESX_RATION_FRAMES);
}

static bool repels(struct kunit *test, pid_t task, u64 now)
{
	return !esx_ration_take(test->priv, task, now) &&
	       esx_ration_repel(test->priv, task, now);
}

static void write_is_repelled_once(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, repels(test, A, T0));
	KUNIT_EXPECT_FALSE(test, repels(test, A, T0));
	KUNIT_EXPECT_TRUE(test, repels(test, A, T0));
}

static void two_that_repel_each_other_get_on(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, repels(test, A, T0));
	KUNIT_EXPECT_TRUE(test, repels(test, B, T0));
	KUNIT_EXPECT_FALSE(test, repels(test, A, T0));
	KUNIT_EXPECT_FALSE(test, repels(test, B, T0));
}

static void who_has_waited_is_not_repelled(struct kunit *test)
{
	/* Cut short by a signal. */
	expect_wait(test, A, T0, 10);
	KUNIT_EXPECT_FALSE(test, repels(test, A, T0 + 2));
	/* To its end: not for the whole ration. */
	expect_wait(test, B, T0, 10);
	expect_frames(test, B, T0 + 10, ESX_RATION_FRAMES);
	KUNIT_EXPECT_TRUE(test, repels(test, B, T0 + 10));
}

static void fill_all(struct kunit *test, u64 now)
{
	pid_t task;

	for (task = 100; task < 100 + ESX_RATIONS; task++)
		expect_wait(test, task, now, MAX);
}

static void who_has_no_place_is_served(struct kunit *test)
{
	fill_all(test, T0);
	expect_wait(test, A, T0 + 1, 0);
	KUNIT_EXPECT_FALSE(test, repels(test, A, T0 + 1));
	/* They have lost nothing by that. */
	expect_wait(test, 100, T0 + 1, 9);
	expect_wait(test, 100 + ESX_RATIONS - 1, T0 + 1, 9);
}

/* All wait until 1010; a place is kept for ESX_RATION_KEEP after. */
static void place_that_is_not_used_is_given_away(struct kunit *test)
{
	u64 end = T0 + MAX + ESX_RATION_KEEP;

	fill_all(test, T0);
	/* One comes back in time, so it is another's that is taken. */
	KUNIT_EXPECT_TRUE(test, esx_ration_take(test->priv, 100, T0 + MAX));
	KUNIT_EXPECT_TRUE(test, esx_ration_take(test->priv, 100, end - 1));
	expect_wait(test, A, end - 1, 0);
	expect_wait(test, A, end, MAX);
	expect_frames(test, 100, end, ESX_RATION_FRAMES - 2);
	expect_wait(test, 101, end, MAX);
}

static struct kunit_case ration_cases[] = {
	KUNIT_CASE(a_wait_is_good_for_a_ration),
	KUNIT_CASE(a_thousand_pages_wait_eight_times),
	KUNIT_CASE(wait_in_pieces_is_no_longer),
	KUNIT_CASE(wait_that_is_never_slept_through_ends),
	KUNIT_CASE(shorter_limit_counts_for_who_waits),
	KUNIT_CASE(tasks_do_not_share),
	KUNIT_CASE(write_is_repelled_once),
	KUNIT_CASE(two_that_repel_each_other_get_on),
	KUNIT_CASE(who_has_waited_is_not_repelled),
	KUNIT_CASE(who_has_no_place_is_served),
	KUNIT_CASE(place_that_is_not_used_is_given_away),
	{}
};

struct kunit_suite esx_ration_suite = {
	.name = "esx_ration",
	.init = init_rations,
	.test_cases = ration_cases,
};
