// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the shrinker's word (tax/word.c): arithmetic, so no shrinker and no clock.
 */
#include <linux/time64.h>

#include "../tax/word.h"
#include "suites.h"

#define S	((u64)NSEC_PER_SEC)
#define OFFER	4096

static void nothing_asked_is_high(struct kunit *test)
{
	struct esx_word word = {};

	KUNIT_EXPECT_EQ(test, esx_word_hear(&word, 0, 0, 5 * S), ESX_LEVEL_HIGH);
	KUNIT_EXPECT_EQ(test, esx_word_hear(&word, 0, OFFER, 6 * S), ESX_LEVEL_HIGH);
}

/* Of 4096 pages offered a quarter are 1024. */
static void part_that_is_asked_for_decides(struct kunit *test)
{
	static const struct {
		u64 asked, offered;
		enum esx_level level;
	} table[] = {
		{ 1, OFFER, ESX_LEVEL_HIGH },
		{ 1023, OFFER, ESX_LEVEL_HIGH },
		{ 1024, OFFER, ESX_LEVEL_SOFT },
		{ 4095, OFFER, ESX_LEVEL_SOFT },
		{ 4096, OFFER, ESX_LEVEL_HARD },
		{ U64_MAX, OFFER, ESX_LEVEL_HARD },
		/* A quarter of 5 pages is 2 whole ones. */
		{ 1, 5, ESX_LEVEL_HIGH },
		{ 2, 5, ESX_LEVEL_SOFT },
		{ 1, 1, ESX_LEVEL_HARD },
		/* The offer was withdrawn meanwhile. */
		{ 1, 0, ESX_LEVEL_HARD },
		{ U64_MAX - 1, U64_MAX, ESX_LEVEL_SOFT },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(table); i++) {
		struct esx_word word = {};

		KUNIT_EXPECT_EQ_MSG(test,
				    esx_word_hear(&word, table[i].asked, table[i].offered, 5 * S),
				    table[i].level, "row %u", i);
	}
}

static void many_small_ones_within_a_second_add_up(struct kunit *test)
{
	struct esx_word word = {};
	unsigned int i;

	/* 511 times 2 pages are 1022, and the next is the quarter. */
	for (i = 0; i < 511; i++)
		KUNIT_ASSERT_EQ(test, esx_word_hear(&word, 2, OFFER, 5 * S + i), ESX_LEVEL_HIGH);
	KUNIT_EXPECT_EQ(test, esx_word_hear(&word, 2, OFFER, 6 * S - 1), ESX_LEVEL_SOFT);
}

/* Turning over page cache: 128 rounds a second, 2 pages each, for ten minutes. */
static void easy_reclaim_is_no_pressure(struct kunit *test)
{
	struct esx_word word = {};
	unsigned int i;

	for (i = 0; i < 600 * 128; i++)
		KUNIT_ASSERT_EQ(test, esx_word_hear(&word, 2, OFFER, i * (S / 128)),
				ESX_LEVEL_HIGH);
}

static void it_holds_for_a_second(struct kunit *test)
{
	struct esx_word word = {};

	KUNIT_EXPECT_EQ(test, esx_word_hear(&word, OFFER, OFFER, 5 * S), ESX_LEVEL_HARD);
	KUNIT_EXPECT_EQ(test, esx_word_hear(&word, 0, OFFER, 6 * S - 1), ESX_LEVEL_HARD);
	KUNIT_EXPECT_EQ(test, esx_word_hear(&word, 0, OFFER, 6 * S), ESX_LEVEL_HIGH);
	/* And for one more from the last time that it was given. */
	KUNIT_EXPECT_EQ(test, esx_word_hear(&word, OFFER, OFFER, 7 * S), ESX_LEVEL_HARD);
	KUNIT_EXPECT_EQ(test, esx_word_hear(&word, OFFER, OFFER, 7 * S + S / 2), ESX_LEVEL_HARD);
	KUNIT_EXPECT_EQ(test, esx_word_hear(&word, 0, OFFER, 8 * S), ESX_LEVEL_HARD);
	KUNIT_EXPECT_EQ(test, esx_word_hear(&word, 0, OFFER, 8 * S + S / 2), ESX_LEVEL_HIGH);
}

static void better_word_does_not_take_it_back(struct kunit *test)
{
	struct esx_word word = {};

	KUNIT_EXPECT_EQ(test, esx_word_hear(&word, OFFER, OFFER, 5 * S), ESX_LEVEL_HARD);
	/* A second later the count begins anew: a quarter is soft. */
	KUNIT_EXPECT_EQ(test, esx_word_hear(&word, OFFER, OFFER, 5 * S + S - 1), ESX_LEVEL_HARD);
	KUNIT_EXPECT_EQ(test, esx_word_hear(&word, OFFER / 4, OFFER, 6 * S), ESX_LEVEL_HARD);
	KUNIT_EXPECT_EQ(test, esx_word_hear(&word, OFFER / 4, OFFER, 7 * S), ESX_LEVEL_SOFT);
}

/* 1000 pages, thresholds at 60, 40, 20 and 10: less than 40 is soft, than 20 hard. */
static void free_memory_is_what_it_leaves(struct kunit *test)
{
	static const struct esx_level_marks marks = { .fall = { 60, 40, 20, 10 } };
	static const struct esx_level_marks none = {};
	static const struct esx_level_marks close = { .fall = { 3, 1, 1, 1 } };

	KUNIT_EXPECT_EQ(test, esx_word_free(500, ESX_LEVEL_HIGH, &marks), 500);
	KUNIT_EXPECT_EQ(test, esx_word_free(500, ESX_LEVEL_SOFT, &marks), 39);
	KUNIT_EXPECT_EQ(test, esx_word_free(500, ESX_LEVEL_HARD, &marks), 19);
	/* No more than there is. */
	KUNIT_EXPECT_EQ(test, esx_word_free(30, ESX_LEVEL_SOFT, &marks), 30);
	KUNIT_EXPECT_EQ(test, esx_word_free(5, ESX_LEVEL_HARD, &marks), 5);
	/* Never a worse state than it says, on hosts as small as this. */
	KUNIT_EXPECT_EQ(test, esx_word_free(500, ESX_LEVEL_HARD, &none), 0);
	KUNIT_EXPECT_EQ(test, esx_word_free(500, ESX_LEVEL_HARD, &close), 1);
	KUNIT_EXPECT_EQ(test, esx_word_free(500, ESX_LEVEL_SOFT, &close), 1);
}

static struct kunit_case word_cases[] = {
	KUNIT_CASE(nothing_asked_is_high),
	KUNIT_CASE(part_that_is_asked_for_decides),
	KUNIT_CASE(many_small_ones_within_a_second_add_up),
	KUNIT_CASE(easy_reclaim_is_no_pressure),
	KUNIT_CASE(it_holds_for_a_second),
	KUNIT_CASE(better_word_does_not_take_it_back),
	KUNIT_CASE(free_memory_is_what_it_leaves),
	{}
};

struct kunit_suite esx_word_suite = {
	.name = "esx_word",
	.test_cases = word_cases,
};
