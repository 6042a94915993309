// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of hints that are not one for each page, and of how regions come by
 * their hints (share/hints.c, share/hints_mem.c).
 */
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "../pmap.h"
#include "../share/hints.h"
#include "suites.h"
#include "thread.h"

#define NR_REGIONS	(20 + 9 * SCALE)
#define NR_THREADS	4

struct fixture {
	struct esx_region regions[NR_REGIONS];
	/* What get_hint() was told of. */
	const struct esx_hints *hints;
	unsigned int idx;
};

static int init_samples(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, esx_hints_count(), 0);
	test->priv = kunit_kzalloc(test, sizeof(struct fixture), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, test->priv);
	return 0;
}

static void forget_region(struct fixture *fix, unsigned int nr)
{
	esx_hints_destroy(fix->regions[nr].hints);
	fix->regions[nr].hints = NULL;
}

static void exit_samples(struct kunit *test)
{
	struct fixture *fix = test->priv;
	unsigned int nr;

	if (!fix)
		return;
	KUNIT_EXPECT_EQ(test, esx_hints_check(), 0);
	for (nr = 0; nr < NR_REGIONS; nr++)
		forget_region(fix, nr);
	KUNIT_EXPECT_EQ(test, esx_hints_count(), 0);
	KUNIT_EXPECT_EQ(test, esx_hints_check(), 0);
}

static struct esx_hints *attach(struct kunit *test, unsigned int region, unsigned int nr)
{
	struct fixture *fix = test->priv;

	KUNIT_ASSERT_EQ(test, esx_hints_attach(&fix->regions[region], nr), 0);
	KUNIT_ASSERT_NOT_NULL(test, esx_hints_of(&fix->regions[region]));
	return esx_hints_of(&fix->regions[region]);
}

static bool get_hint(const struct esx_hints *hints, unsigned int idx, void *ctx)
{
	struct fixture *fix = ctx;

	fix->hints = hints;
	fix->idx = idx;
	return true;
}

static bool find_hash(struct fixture *fix, u64 hash)
{
	struct esx_hints_query query = { .hash = hash, .get = get_hint, .ctx = fix };

	return esx_hints_find(&query);
}

static u64 hash_of(unsigned int region, unsigned int idx)
{
	return (u64)((region * ESX_REGION_PAGES + idx) * 0x9e3779b1U) << 32;
}

static void file_all(struct esx_hints *hints, unsigned int region, unsigned int nr)
{
	unsigned int idx;

	for (idx = 0; idx < nr; idx++)
		esx_hints_file(hints, idx, hash_of(region, idx));
}

static unsigned int count_found(struct fixture *fix, unsigned int region, unsigned int nr)
{
	unsigned int idx, found = 0;

	for (idx = 0; idx < nr; idx++) {
		found += find_hash(fix, hash_of(region, idx)) && fix->idx == idx &&
			 esx_hints_region(fix->hints) == &fix->regions[region];
	}
	return found;
}

/* Any number of hints, found by region and number like others. */
static void samples_are_found_like_pages(struct kunit *test)
{
	static const unsigned int nrs[] = { 1, 3, 4, 5, 8, 16, 31, 32, 33, 64, ESX_REGION_PAGES };
	struct fixture *fix = test->priv;
	struct esx_hints *hints;
	unsigned int i;
	long sum = 0;

	for (i = 0; i < ARRAY_SIZE(nrs); i++) {
		hints = attach(test, i, nrs[i]);
		KUNIT_EXPECT_EQ(test, esx_hints_is_sample(hints), nrs[i] != ESX_REGION_PAGES);
		file_all(hints, i, nrs[i]);
		sum += nrs[i];
		KUNIT_EXPECT_EQ(test, esx_hints_count(), sum);
	}
	KUNIT_EXPECT_EQ(test, esx_hints_check(), 0);

	for (i = 0; i < ARRAY_SIZE(nrs); i++) {
		KUNIT_EXPECT_EQ(test, count_found(fix, i, nrs[i]), nrs[i]);
		forget_region(fix, i);
		sum -= nrs[i];
		KUNIT_EXPECT_EQ(test, esx_hints_count(), sum);
		KUNIT_EXPECT_EQ(test, count_found(fix, i, nrs[i]), 0);
	}
}

static void samples_cost_little(struct kunit *test)
{
	struct fixture *fix = test->priv;
	unsigned int i, nr;
	size_t sz;

	for (nr = 4; nr <= ESX_HINTS_MAX_SAMPLES; nr *= 2) {
		sz = esx_hints_bytes();
		for (i = 0; i < NR_REGIONS; i++)
			attach(test, i, nr);
		sz = esx_hints_bytes() - sz;
		kunit_info(test, "%u samples: %zu bytes for a region\n", nr, sz / NR_REGIONS);
		/* The hints with half a head each, the object; a page of heads begun. */
		KUNIT_EXPECT_LE(test, sz, NR_REGIONS * (10UL * nr + 32) + PAGE_SIZE);
		for (i = 0; i < NR_REGIONS; i++)
			forget_region(fix, i);
	}
}

static void region_keeps_the_hints_it_has(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_hints *hints;
	size_t sz;

	KUNIT_EXPECT_NULL(test, esx_hints_of(&fix->regions[0]));
	hints = attach(test, 0, 8);
	sz = esx_hints_bytes();
	KUNIT_EXPECT_PTR_EQ(test, attach(test, 0, ESX_REGION_PAGES), hints);
	KUNIT_EXPECT_TRUE(test, esx_hints_is_sample(hints));
	KUNIT_EXPECT_EQ(test, esx_hints_bytes(), sz);
}

/* Two threads found none and made some: the second's give way. */
static void second_hints_of_a_region_give_way(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_region *region = &fix->regions[0];
	struct esx_hints *first, *second;
	size_t sz;

	KUNIT_ASSERT_EQ(test, esx_hints_create(region, 8, &first), 0);
	sz = esx_hints_bytes();
	KUNIT_ASSERT_EQ(test, esx_hints_create(region, 8, &second), 0);
	KUNIT_EXPECT_GT(test, esx_hints_bytes(), sz);
	esx_hints_publish(region, first);
	file_all(first, 0, 8);
	esx_hints_publish(region, second);
	KUNIT_EXPECT_PTR_EQ(test, esx_hints_of(region), first);
	KUNIT_EXPECT_EQ(test, count_found(fix, 0, 8), 8);
	KUNIT_EXPECT_EQ(test, esx_hints_bytes(), sz);
}

/*
 * Threads give the same regions hints and file in them at once, each for a page
 * of its own.  Each region gets one object.
 */
struct attacher {
	struct test_thread thread;
	struct fixture *fix;
	unsigned int idx;
	const struct esx_hints *seen[NR_REGIONS];
};

static int attach_all(void *arg)
{
	struct attacher *attacher = arg;
	struct esx_region *region;
	unsigned int i;
	int nr_wrong = 0;

	for (i = 0; i < NR_REGIONS; i++) {
		region = &attacher->fix->regions[i];
		if (esx_hints_attach(region, ESX_REGION_PAGES))
			return nr_wrong + 1;
		attacher->seen[i] = esx_hints_of(region);
		nr_wrong += esx_hints_region(attacher->seen[i]) != region;
		esx_hints_file(esx_hints_of(region), attacher->idx, hash_of(i, attacher->idx));
		cond_resched();
	}
	return nr_wrong;
}

static void region_gets_its_hints_once(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct attacher *attachers;
	unsigned int i, nr;

	attachers = kunit_kcalloc(test, NR_THREADS, sizeof(*attachers), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, attachers);
	for (i = 0; i < NR_THREADS; i++) {
		attachers[i].fix = fix;
		attachers[i].idx = i;
		start_test_thread(test, &attachers[i].thread, attach_all, &attachers[i]);
	}
	for (i = 0; i < NR_THREADS; i++)
		join_test_thread(test, &attachers[i].thread);

	KUNIT_EXPECT_EQ(test, esx_hints_count(), NR_REGIONS * NR_THREADS);
	for (nr = 0; nr < NR_REGIONS; nr++) {
		KUNIT_EXPECT_EQ(test, count_found(fix, nr, NR_THREADS), NR_THREADS);
		for (i = 0; i < NR_THREADS; i++)
			KUNIT_EXPECT_PTR_EQ(test, attachers[i].seen[nr], fix->regions[nr].hints);
	}
}

static struct kunit_case samples_cases[] = {
	KUNIT_CASE(samples_are_found_like_pages),
	KUNIT_CASE(samples_cost_little),
	KUNIT_CASE(region_keeps_the_hints_it_has),
	KUNIT_CASE(second_hints_of_a_region_give_way),
	KUNIT_CASE(region_gets_its_hints_once),
	{}
};

struct kunit_suite esx_samples_suite = {
	.name = "esx_samples",
	.init = init_samples,
	.exit = exit_samples,
	.test_cases = samples_cases,
};
