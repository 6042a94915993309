// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of cloning (share/clone.c) on page maps that nobody has mapped.
 */
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/slab.h>

#include "../frame.h"
#include "../punch.h"
#include "../share/batch.h"
#include "../share/clone.h"
#include "../share/cow.h"
#include "../share/hints.h"
#include "../share/shared.h"
#include "map.h"
#include "suites.h"

struct fixture {
	struct test_map *from;
	struct test_map *to; /* of another salt */
	struct esx_clone_batch *batch;
};

static int init_maps(struct kunit *test)
{
	struct fixture *fix = kunit_kzalloc(test, sizeof(*fix), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, fix);
	fix->batch = kunit_kzalloc(test, sizeof(*fix->batch), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, fix->batch);
	KUNIT_ASSERT_EQ(test, esx_frame_count(), 0);
	KUNIT_ASSERT_EQ(test, esx_shared_count(), 0);
	test->priv = fix;
	fix->from = create_test_map(test, 1);
	fix->to = create_test_map(test, 2);
	return 0;
}

static void exit_maps(struct kunit *test)
{
	struct fixture *fix = test->priv;

	if (!fix)
		return;
	end_sharing_test(test, (struct test_map *[]){ fix->to, fix->from }, 2);
}

static void fill(struct kunit *test, struct test_map *map, pgoff_t first, pgoff_t end,
		 unsigned int number)
{
	enter_test_map(test, map);
	for (; first < end; first++)
		set_page_at(test, map, first, number ? number + first : 0);
	leave_test_map(map);
}

static u32 word_of(struct kunit *test, struct test_map *map, pgoff_t pgoff)
{
	struct page *page = page_of(test, map, pgoff);

	KUNIT_ASSERT_NOT_NULL(test, page);
	return *(u32 *)page_address(page);
}

/* Clones pages of one region to those of another; returns what is given. */
static unsigned int try_clone(struct kunit *test, pgoff_t from, pgoff_t to, unsigned int nr,
			      bool huge, int expected)
{
	struct fixture *fix = test->priv;
	struct esx_pmap *a = fix->from->pmap, *b = fix->to->pmap;
	unsigned int given = 0;

	esx_pmap_enter_both(a, b);
	esx_clone_stop_writers(a, from, from + nr);
	KUNIT_EXPECT_EQ(test, esx_clone_take(fix->batch, a, from, nr, huge), 0);
	KUNIT_EXPECT_EQ(test, esx_clone_give(fix->batch, b, to, &given), expected);
	esx_pmap_leave_both(a, b);
	return given;
}

static void clone(struct kunit *test, pgoff_t from, pgoff_t to, unsigned int nr)
{
	KUNIT_EXPECT_EQ(test, try_clone(test, from, to, nr, false, 0), nr);
}

static void pages_are_cloned_by_reference(struct kunit *test)
{
	struct fixture *fix = test->priv;
	pgoff_t i;

	fill(test, fix->from, 100, 110, 7);
	clone(test, 96, 96, 32);
	expect_counts(test, fix->from, 0, 0, 10, 0);
	expect_counts(test, fix->to, 0, 0, 10, 0);
	KUNIT_EXPECT_EQ(test, esx_frame_count(), 10);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&fix->to->quota.used), 10);
	for (i = 100; i < 110; i++)
		KUNIT_EXPECT_PTR_EQ(test, page_of(test, fix->from, i), page_of(test, fix->to, i));
}

static void prepared_pages_have_one_reference(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct page *page;

	fill(test, fix->from, 0, 3, 7);
	page = page_of(test, fix->from, 1);
	KUNIT_EXPECT_EQ(test, esx_clone_prepare(fix->from->pmap, 0, TEST_MAP_PAGES), 0);
	expect_counts(test, fix->from, 0, 0, 3, 0);
	KUNIT_EXPECT_EQ(test, esx_shared_count(), 3);
	KUNIT_EXPECT_PTR_EQ(test, page_of(test, fix->from, 1), page);

	/* And are cloned as they are. */
	clone(test, 0, 0, 3);
	KUNIT_EXPECT_EQ(test, esx_frame_count(), 3);
	KUNIT_EXPECT_PTR_EQ(test, page_of(test, fix->to, 1), page);
}

/* What the hints know are hashes under another salt. */
static void pages_hashed_under_another_salt_are_prepared(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_merge_report report = {};

	fill(test, fix->from, 0, 10, 7);
	KUNIT_EXPECT_EQ(test, esx_share_range(fix->from->pmap, 0, TEST_MAP_PAGES, &report), 0);
	fix->from->vm.salt = 3;
	fix->from->vm.epoch++;
	KUNIT_EXPECT_EQ(test, esx_clone_prepare(fix->from->pmap, 0, TEST_MAP_PAGES), 0);
	expect_counts(test, fix->from, 0, 0, 10, 0);
}

static void prepare_keeps_to_its_range(struct kunit *test)
{
	struct fixture *fix = test->priv;

	fill(test, fix->from, 0, 300, 7);
	KUNIT_EXPECT_EQ(test, esx_clone_prepare(fix->from->pmap, 100, 200), 0);
	expect_counts(test, fix->from, 0, 200, 100, 0);
	KUNIT_EXPECT_EQ(test, esx_clone_prepare(fix->from->pmap, 250, ULONG_MAX), 0);
	expect_counts(test, fix->from, 0, 150, 150, 0);
}

static void equal_pages_are_found_when_cloned(struct kunit *test)
{
	struct fixture *fix = test->priv;
	pgoff_t i;

	for (i = 0; i < 6; i++)
		fill(test, fix->from, i, i + 1, 50 - i);
	clone(test, 0, 600, 6);
	expect_counts(test, fix->from, 0, 0, 6, 0);
	expect_counts(test, fix->to, 0, 0, 6, 0);
	KUNIT_EXPECT_EQ(test, esx_frame_count(), 1);
	KUNIT_EXPECT_EQ(test, esx_shared_count(), 1);
}

static void zero_page_gives_up_its_frame(struct kunit *test)
{
	struct fixture *fix = test->priv;

	fill(test, fix->from, 5, 7, 0);
	clone(test, 0, 0, 10);
	expect_counts(test, fix->from, 2, 0, 0, 0);
	expect_counts(test, fix->to, 2, 0, 0, 0);
	KUNIT_EXPECT_EQ(test, esx_frame_count(), 0);
}

static void pinned_page_is_copied(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct page *page;

	fill(test, fix->from, 0, 2, 7);
	page = page_of(test, fix->from, 1);
	get_page(page);
	KUNIT_EXPECT_EQ(test, esx_clone_prepare(fix->from->pmap, 0, 2), 0);
	expect_counts(test, fix->from, 0, 1, 1, 0);
	clone(test, 0, 0, 2);
	expect_counts(test, fix->from, 0, 1, 1, 0);
	expect_counts(test, fix->to, 0, 1, 1, 0);
	KUNIT_EXPECT_PTR_EQ(test, page_of(test, fix->from, 1), page);
	KUNIT_EXPECT_PTR_NE(test, page_of(test, fix->to, 1), page);
	KUNIT_EXPECT_EQ(test, word_of(test, fix->to, 1), 8);
	KUNIT_EXPECT_PTR_EQ(test, page_of(test, fix->to, 1)->mapping, &fix->to->mapping);
	put_page(page);
}

static void clone_replaces_what_was_there(struct kunit *test)
{
	struct fixture *fix = test->priv;
	pgoff_t i;

	fill(test, fix->to, 0, 6, 90);
	fill(test, fix->from, 0, 2, 7);
	fill(test, fix->from, 2, 4, 0);
	clone(test, 0, 0, 5);
	expect_counts(test, fix->to, 2, 1, 2, 0);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&fix->to->quota.used), 5);
	KUNIT_EXPECT_NULL(test, page_of(test, fix->to, 4));
	KUNIT_EXPECT_EQ(test, word_of(test, fix->to, 5), 95);
	KUNIT_EXPECT_EQ(test, esx_frame_count(), 3);

	/* Shared ones, too. */
	for (i = 10; i < 12; i++)
		fill(test, fix->from, i, i + 1, 30);
	clone(test, 10, 0, 2);
	expect_counts(test, fix->to, 2, 1, 2, 0);
	KUNIT_EXPECT_EQ(test, word_of(test, fix->to, 0), 40);
}

static void clone_outlives_its_source(struct kunit *test)
{
	struct fixture *fix = test->priv;

	fill(test, fix->from, 0, 4, 7);
	clone(test, 0, 0, 4);
	esx_pmap_enter_exclusive(fix->from->pmap);
	esx_punch_pages(fix->from->pmap, 0, ULONG_MAX);
	esx_pmap_leave_exclusive(fix->from->pmap);
	KUNIT_EXPECT_EQ(test, esx_frame_count(), 4);
	expect_counts(test, fix->to, 0, 0, 4, 0);
	KUNIT_EXPECT_EQ(test, word_of(test, fix->to, 3), 10);
}

static void writer_of_a_clone_gets_its_own(struct kunit *test)
{
	const struct esx_frame_req req = {};
	struct fixture *fix = test->priv;
	struct esx_slot slot;

	fill(test, fix->from, 0, 2, 7);
	clone(test, 0, 0, 2);
	enter_test_map(test, fix->to);
	lock_page_at(test, fix->to, 1, 0, &slot);
	KUNIT_EXPECT_EQ(test, esx_share_break(&slot, &req), 0);
	esx_pmap_unlock(&slot);
	leave_test_map(fix->to);
	expect_counts(test, fix->to, 0, 1, 1, 0);
	expect_counts(test, fix->from, 0, 0, 2, 0);
	KUNIT_EXPECT_PTR_NE(test, page_of(test, fix->to, 1), page_of(test, fix->from, 1));
	KUNIT_EXPECT_EQ(test, word_of(test, fix->to, 1), 8);
}

static void full_mount_ends_a_clone(struct kunit *test)
{
	struct fixture *fix = test->priv;

	fill(test, fix->from, 0, 10, 7);
	fix->to->quota.limit = 4;
	KUNIT_EXPECT_EQ(test, try_clone(test, 0, 0, 10, false, -ENOSPC), 4);
	expect_counts(test, fix->to, 0, 0, 4, 0);
	expect_counts(test, fix->from, 0, 0, 10, 0);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&fix->to->quota.used), 4);
	KUNIT_EXPECT_EQ(test, esx_frame_count(), 10);
}

static struct page *fill_huge(struct kunit *test, struct test_map *map)
{
	struct page *page;
	unsigned int i;

	enter_test_map(test, map);
	set_huge_at(test, map, 0);
	page = page_at(test, map, 0);
	leave_test_map(map);
	for (i = 0; i < 20; i++)
		memset32(page_address(nth_page(page, i)), i + 100, PAGE_SIZE / sizeof(u32));
	return page;
}

static void huge_frame_is_broken_to_be_cloned(struct kunit *test)
{
	struct fixture *fix = test->priv;

	fill_huge(test, fix->from);
	KUNIT_EXPECT_EQ(test, try_clone(test, 0, 0, ESX_REGION_PAGES, true, 0), ESX_REGION_PAGES);
	expect_counts(test, fix->from, ESX_REGION_PAGES - 20, 0, 20, 0);
	expect_counts(test, fix->to, ESX_REGION_PAGES - 20, 0, 20, 0);
	KUNIT_EXPECT_EQ(test, esx_frame_count(), 20);
	KUNIT_EXPECT_EQ(test, word_of(test, fix->to, 19), 119);
}

static void pinned_huge_frame_is_copied_whole(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct page *page = fill_huge(test, fix->from), *pinned = nth_page(page, 300);

	get_page(pinned);
	KUNIT_EXPECT_EQ(test, try_clone(test, 0, 512, ESX_REGION_PAGES, true, 0), ESX_REGION_PAGES);
	expect_counts(test, fix->from, 0, ESX_REGION_PAGES, 0, 1);
	expect_counts(test, fix->to, 0, ESX_REGION_PAGES, 0, 1);
	KUNIT_EXPECT_EQ(test, word_of(test, fix->to, 512 + 19), 119);
	KUNIT_EXPECT_PTR_NE(test, page_of(test, fix->to, 512), page);
	put_page(pinned);
}

static void part_of_a_pinned_huge_frame_is_copied(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct page *page = fill_huge(test, fix->from), *pinned = nth_page(page, 300);

	get_page(pinned);
	clone(test, 10, 0, 20);
	expect_counts(test, fix->from, 0, ESX_REGION_PAGES, 0, 1);
	expect_counts(test, fix->to, 0, 20, 0, 0);
	KUNIT_EXPECT_EQ(test, word_of(test, fix->to, 9), 119);
	KUNIT_EXPECT_EQ(test, word_of(test, fix->to, 10), 0);
	put_page(pinned);
}

static void pinned_huge_frame_takes_the_contents(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct page *page = fill_huge(test, fix->to), *pinned = nth_page(page, 300);

	get_page(pinned);
	fill(test, fix->from, 0, 2, 7);
	clone(test, 0, 10, 4);
	expect_counts(test, fix->to, 0, ESX_REGION_PAGES, 0, 1);
	KUNIT_EXPECT_EQ(test, word_of(test, fix->to, 9), 109);
	KUNIT_EXPECT_EQ(test, word_of(test, fix->to, 10), 7);
	KUNIT_EXPECT_EQ(test, word_of(test, fix->to, 11), 8);
	KUNIT_EXPECT_EQ(test, word_of(test, fix->to, 12), 0);
	KUNIT_EXPECT_EQ(test, word_of(test, fix->to, 14), 114);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&fix->to->quota.used), ESX_REGION_PAGES);
	put_page(pinned);
}

static struct kunit_case clone_cases[] = { KUNIT_CASE(pages_are_cloned_by_reference),
					   KUNIT_CASE(prepared_pages_have_one_reference),
					   KUNIT_CASE(prepare_keeps_to_its_range),
					   KUNIT_CASE(pages_hashed_under_another_salt_are_prepared),
					   KUNIT_CASE(equal_pages_are_found_when_cloned),
					   KUNIT_CASE(zero_page_gives_up_its_frame),
					   KUNIT_CASE(pinned_page_is_copied),
					   KUNIT_CASE(clone_replaces_what_was_there),
					   KUNIT_CASE(clone_outlives_its_source),
					   KUNIT_CASE(writer_of_a_clone_gets_its_own),
					   KUNIT_CASE(full_mount_ends_a_clone),
					   KUNIT_CASE(huge_frame_is_broken_to_be_cloned),
					   KUNIT_CASE(pinned_huge_frame_is_copied_whole),
					   KUNIT_CASE(part_of_a_pinned_huge_frame_is_copied),
					   KUNIT_CASE(pinned_huge_frame_takes_the_contents),
					   {} };

struct kunit_suite esx_clone_suite = {
	.name = "esx_clone",
	.init = init_maps,
	.exit = exit_maps,
	.test_cases = clone_cases,
};
