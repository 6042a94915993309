// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the shrinker's word (tax/word.c): arithmetic, so no shrinker and no clock.
 */
#include <linux/math64.h>
#include <linux/time64.h>

#include "../tax/word.h"
#include "suites.h"

#define S	((u64)NSEC_PER_SEC)

/* 1000 pages, thresholds at 60, 40, 20 and 10, which end a tenth above. */
static const struct esx_level_marks marks = {
	.fall = { 60, 40, 20, 10 },
	.rise = { 66, 44, 22, 11 },
};

/* The kernel asks for four times the offer, less by the priority, twice it at most. */
static void part_that_a_round_asks_for_decides(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, esx_word_weigh(0), ESX_LEVEL_HIGH);
	/* By priority 12 and 3: 4 and 2048 of 4096. */
	KUNIT_EXPECT_EQ(test, esx_word_weigh(4), ESX_LEVEL_HIGH);
	KUNIT_EXPECT_EQ(test, esx_word_weigh(2048), ESX_LEVEL_HIGH);
	/* With half as much that was put off. */
	KUNIT_EXPECT_EQ(test, esx_word_weigh(3072), ESX_LEVEL_HIGH);
	/* By priority 2, without and with. */
	KUNIT_EXPECT_EQ(test, esx_word_weigh(4096), ESX_LEVEL_SOFT);
	KUNIT_EXPECT_EQ(test, esx_word_weigh(6144), ESX_LEVEL_SOFT);
	/* By priority 1, and what is more is cut off. */
	KUNIT_EXPECT_EQ(test, esx_word_weigh(8192), ESX_LEVEL_HARD);
	KUNIT_EXPECT_EQ(test, esx_word_weigh(U64_MAX), ESX_LEVEL_HARD);
}

/*
 * What one round asks for, as the kernel computes it: @deferred is what earlier ones
 * did not ask for in full, and changes.  Returns 0 when nobody is called.
 */
static u64 ask(unsigned int priority, u64 *deferred)
{
	u64 delta = div_u64((u64)(ESX_WORD_WHOLE >> priority) * 4, ESX_WORD_SEEKS);
	u64 asked = min_t(u64, (*deferred >> priority) + delta, 2 * ESX_WORD_WHOLE);
	u64 left = *deferred + delta;

	if (asked < ESX_WORD_WHOLE)
		asked = 0;
	*deferred = min_t(u64, left - min(left, asked), 2 * ESX_WORD_WHOLE);
	return asked;
}

/* 12 to 3 are not heard however often, as on a host that reads files all day. */
static void rounds_do_not_add_up(struct kunit *test)
{
	u64 deferred = 0;
	unsigned int priority, i;

	for (priority = 3; priority <= 12; priority++) {
		for (i = 0; i < 100000; i++)
			KUNIT_ASSERT_EQ(test, ask(priority, &deferred), 0);
	}
	/* All of it was put off, and each is still what it was. */
	KUNIT_EXPECT_EQ(test, deferred, 8192);
	KUNIT_EXPECT_EQ(test, ask(3, &deferred), 0);
	KUNIT_EXPECT_EQ(test, ask(2, &deferred), 6144);
	deferred = 8192;
	KUNIT_EXPECT_EQ(test, ask(1, &deferred), 8192);
	deferred = 8192;
	KUNIT_EXPECT_EQ(test, ask(0, &deferred), 8192);
	deferred = 0;
	KUNIT_EXPECT_EQ(test, ask(3, &deferred), 0);
	deferred = 0;
	KUNIT_EXPECT_EQ(test, ask(2, &deferred), 4096);
	deferred = 0;
	KUNIT_EXPECT_EQ(test, ask(1, &deferred), 8192);
	deferred = 0;
	KUNIT_EXPECT_EQ(test, ask(0, &deferred), 8192);
}

static void it_holds_for_a_second(struct kunit *test)
{
	struct esx_word word = {};

	esx_word_hear(&word, ESX_LEVEL_HIGH, 900, 5 * S);
	KUNIT_EXPECT_EQ(test, word.level, ESX_LEVEL_HIGH);
	esx_word_hear(&word, ESX_LEVEL_HARD, 900, 5 * S);
	KUNIT_EXPECT_EQ(test, word.level, ESX_LEVEL_HARD);
	esx_word_hear(&word, ESX_LEVEL_HIGH, 900, 6 * S - 1);
	KUNIT_EXPECT_EQ(test, word.level, ESX_LEVEL_HARD);
	esx_word_hear(&word, ESX_LEVEL_HIGH, 900, 6 * S);
	KUNIT_EXPECT_EQ(test, word.level, ESX_LEVEL_HIGH);
	/* And for one more from the last time that it was given. */
	esx_word_hear(&word, ESX_LEVEL_SOFT, 900, 7 * S);
	esx_word_hear(&word, ESX_LEVEL_SOFT, 900, 7 * S + S / 2);
	esx_word_hear(&word, ESX_LEVEL_HIGH, 900, 8 * S);
	KUNIT_EXPECT_EQ(test, word.level, ESX_LEVEL_SOFT);
	esx_word_hear(&word, ESX_LEVEL_HIGH, 900, 8 * S + S / 2);
	KUNIT_EXPECT_EQ(test, word.level, ESX_LEVEL_HIGH);
}

static void better_word_does_not_take_it_back(struct kunit *test)
{
	struct esx_word word = {};

	esx_word_hear(&word, ESX_LEVEL_SOFT, 900, 5 * S);
	esx_word_hear(&word, ESX_LEVEL_HARD, 900, 5 * S + S / 2);
	KUNIT_EXPECT_EQ(test, word.level, ESX_LEVEL_HARD);
	/* Nor does it keep it. */
	esx_word_hear(&word, ESX_LEVEL_SOFT, 900, 6 * S);
	KUNIT_EXPECT_EQ(test, word.level, ESX_LEVEL_HARD);
	esx_word_hear(&word, ESX_LEVEL_HIGH, 900, 6 * S + S / 2);
	KUNIT_EXPECT_EQ(test, word.level, ESX_LEVEL_HIGH);
	esx_word_hear(&word, ESX_LEVEL_SOFT, 900, 7 * S);
	KUNIT_EXPECT_EQ(test, word.level, ESX_LEVEL_SOFT);
}

/* Low ends when memory is free again, whatever the word is. */
static void state_is_the_worse_of_memory_and_word(struct kunit *test)
{
	static const struct {
		enum esx_level before;
		u64 free;
		enum esx_level word, level;
	} table[] = {
		{ ESX_LEVEL_LOW, 500, ESX_LEVEL_HARD, ESX_LEVEL_HARD },
		{ ESX_LEVEL_LOW, 500, ESX_LEVEL_SOFT, ESX_LEVEL_SOFT },
		{ ESX_LEVEL_LOW, 500, ESX_LEVEL_HIGH, ESX_LEVEL_HIGH },
		{ ESX_LEVEL_HARD, 500, ESX_LEVEL_SOFT, ESX_LEVEL_SOFT },
		{ ESX_LEVEL_HIGH, 500, ESX_LEVEL_HARD, ESX_LEVEL_HARD },
		{ ESX_LEVEL_HIGH, 500, ESX_LEVEL_HIGH, ESX_LEVEL_HIGH },
		/* 22 end low, 21 do not. */
		{ ESX_LEVEL_LOW, 21, ESX_LEVEL_SOFT, ESX_LEVEL_LOW },
		{ ESX_LEVEL_LOW, 22, ESX_LEVEL_SOFT, ESX_LEVEL_HARD },
		{ ESX_LEVEL_HIGH, 9, ESX_LEVEL_HARD, ESX_LEVEL_LOW },
		{ ESX_LEVEL_HIGH, 39, ESX_LEVEL_HARD, ESX_LEVEL_HARD },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(table); i++) {
		enum esx_level next = esx_level_next(table[i].before, table[i].free, &marks);
		struct esx_word word = {};

		esx_word_hear(&word, table[i].word, 0, 5 * S);
		KUNIT_EXPECT_EQ_MSG(test, esx_word_level(&word, next), table[i].level,
				    "row %u", i);
	}
}

/* Soft takes 66 - 40 = 26 pages, hard 66 - 20 = 46. */
static void one_amount_is_taken_for_a_word(struct kunit *test)
{
	struct esx_word word = {};
	u64 held = 900;
	unsigned int i;

	KUNIT_EXPECT_EQ(test, esx_word_room(&word, &marks), U64_MAX);
	/* Guests are brought down to it, and the word lasts: no more is taken. */
	for (i = 0; i < 100; i++) {
		esx_word_hear(&word, ESX_LEVEL_SOFT, held, 5 * S + i * (S / 2));
		held = esx_word_room(&word, &marks);
		KUNIT_ASSERT_EQ(test, held, 874);
	}
	esx_word_hear(&word, ESX_LEVEL_HARD, held, 55 * S);
	KUNIT_EXPECT_EQ(test, esx_word_room(&word, &marks), 854);
	esx_word_hear(&word, ESX_LEVEL_HIGH, 854, 56 * S);
	KUNIT_EXPECT_EQ(test, esx_word_room(&word, &marks), U64_MAX);
	/* The next one takes as much again. */
	esx_word_hear(&word, ESX_LEVEL_SOFT, 854, 57 * S);
	KUNIT_EXPECT_EQ(test, esx_word_room(&word, &marks), 828);
}

static void no_more_is_taken_than_is_held(struct kunit *test)
{
	struct esx_word word = {};

	esx_word_hear(&word, ESX_LEVEL_HARD, 45, 5 * S);
	KUNIT_EXPECT_EQ(test, esx_word_room(&word, &marks), 0);
}

static struct kunit_case word_cases[] = {
	KUNIT_CASE(part_that_a_round_asks_for_decides),
	KUNIT_CASE(rounds_do_not_add_up),
	KUNIT_CASE(it_holds_for_a_second),
	KUNIT_CASE(better_word_does_not_take_it_back),
	KUNIT_CASE(state_is_the_worse_of_memory_and_word),
	KUNIT_CASE(one_amount_is_taken_for_a_word),
	KUNIT_CASE(no_more_is_taken_than_is_held),
	{}
};

struct kunit_suite esx_word_suite = {
	.name = "esx_word",
	.test_cases = word_cases,
};
