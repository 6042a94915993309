// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the random order of the scanner (share/permute.c).
 */
#include <linux/bitmap.h>
#include <linux/slab.h>

#include "../share/permute.h"
#include "suites.h"

static const u64 sizes[] = { 0, 1, 2, 3, 4, 5, 511, 512, 513, 1000, 4096, 100003 };

static void describe_size(const u64 *size, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%llu numbers", *size);
}

KUNIT_ARRAY_PARAM(sizes, sizes, describe_size);

static void expect_each_once(struct kunit *test, u64 size, u64 seed)
{
	struct esx_permutation perm;
	u64 number, nr = 0;
	unsigned long *seen;

	seen = kunit_kcalloc(test, BITS_TO_LONGS(size) + 1, sizeof(*seen), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, seen);
	esx_permute_init(&perm, size, seed);
	for (; esx_permute_next(&perm, &number); nr++) {
		KUNIT_ASSERT_LT(test, number, size);
		KUNIT_ASSERT_FALSE(test, __test_and_set_bit(number, seen));
	}
	KUNIT_EXPECT_EQ(test, nr, size);
	KUNIT_EXPECT_FALSE(test, esx_permute_next(&perm, &number));
	kunit_kfree(test, seen);
}

static void walk_meets_each_number_once(struct kunit *test)
{
	static const u64 seeds[] = { 0, 1, 2, 3, U64_MAX, 0x123456789abcdefULL, 1ULL << 32 };
	const u64 *size = test->param_value;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(seeds); i++)
		expect_each_once(test, *size, seeds[i]);
}

static void record_walk(u64 *walk, u64 size, u64 seed)
{
	struct esx_permutation perm;
	unsigned int i = 0;

	for (esx_permute_init(&perm, size, seed); esx_permute_next(&perm, &walk[i]);)
		i++;
}

static void seed_chooses_the_order(struct kunit *test)
{
	/* One more than the walk: the last call may write. */
	u64 a[65], b[65];

	record_walk(a, 64, 1);
	record_walk(b, 64, 1);
	KUNIT_EXPECT_MEMEQ(test, a, b, 64 * sizeof(u64));
	record_walk(b, 64, 0x9e3779b97f4a7c15ULL);
	KUNIT_EXPECT_MEMNEQ(test, a, b, 64 * sizeof(u64));
}

static void order_is_not_that_of_the_numbers(struct kunit *test)
{
	/* One more than the walk: the last call may write. */
	u64 *walk = kunit_kcalloc(test, 1025, sizeof(*walk), GFP_KERNEL);
	unsigned int i, nr_ascents = 0;

	KUNIT_ASSERT_NOT_NULL(test, walk);
	record_walk(walk, 1024, 0x9e3779b97f4a7c15ULL);
	for (i = 1; i < 1024; i++)
		nr_ascents += walk[i] == walk[i - 1] + 1;
	KUNIT_EXPECT_LT(test, nr_ascents, 1024 / 8);
}

static struct kunit_case permute_cases[] = {
	KUNIT_CASE_PARAM(walk_meets_each_number_once, sizes_gen_params),
	KUNIT_CASE(seed_chooses_the_order),
	KUNIT_CASE(order_is_not_that_of_the_numbers),
	{}
};

struct kunit_suite esx_permute_suite = {
	.name = "esx_permute",
	.test_cases = permute_cases,
};
