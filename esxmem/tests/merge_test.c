// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of merging, copy-on-write and breaking 2 MB frames (share/merge.c,
 * share/cow.c, takeout.c) on page maps that nobody has mapped.
 */
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/slab.h>

#include "../frame.h"
#include "../punch.h"
#include "../share/batch.h"
#include "../share/cow.h"
#include "../share/hash.h"
#include "../share/hints.h"
#include "../share/merge.h"
#include "../share/shared.h"
#include "../takeout.h"
#include "map.h"
#include "suites.h"

#define SALT	1

/*
 * Numbers of two pages whose hashes with this salt differ, but not in the half
 * that hints keep.  Found by search.
 */
#define TWIN_A	162468
#define TWIN_B	251471

struct fixture {
	struct test_map *map;
	struct test_map *friend;	/* of the same salt */
	struct test_map *stranger;	/* of another salt */
};

static int init_maps(struct kunit *test)
{
	struct fixture *fix = kunit_kzalloc(test, sizeof(*fix), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, fix);
	KUNIT_ASSERT_EQ(test, esx_hints_count(), 0);
	KUNIT_ASSERT_EQ(test, esx_frame_count(), 0);
	KUNIT_ASSERT_EQ(test, esx_shared_count(), 0);
	test->priv = fix;
	fix->map = create_test_map(test, SALT);
	fix->friend = create_test_map(test, SALT);
	fix->stranger = create_test_map(test, SALT + 1);
	return 0;
}

static void exit_maps(struct kunit *test)
{
	struct fixture *fix = test->priv;

	if (fix)
		end_sharing_test(test, (struct test_map *[]){ fix->stranger, fix->friend,
							      fix->map }, 3);
}

static void fill_one(struct kunit *test, struct test_map *map, pgoff_t pgoff, unsigned int number)
{
	fill_alike(test, map, pgoff, pgoff + 1, number);
}

static enum esx_state state_of(struct kunit *test, struct test_map *map, pgoff_t pgoff)
{
	enum esx_state state;

	enter_test_map(test, map);
	state = state_at(test, map, pgoff);
	leave_test_map(map);
	return state;
}

static u32 *words_of(struct kunit *test, struct test_map *map, pgoff_t pgoff)
{
	struct page *page = page_of(test, map, pgoff);

	KUNIT_ASSERT_NOT_NULL(test, page);
	return page_address(page);
}

static struct esx_merge_report share(struct kunit *test, struct test_map *map)
{
	struct esx_merge_report report = {};

	KUNIT_EXPECT_EQ(test, esx_share_range(map->pmap, 0, TEST_MAP_PAGES, &report), 0);
	KUNIT_EXPECT_EQ(test, esx_hints_check(), 0);
	return report;
}

static u64 nr_events(struct test_map *map, enum esx_event event)
{
	return atomic64_read(&map->vm.events.nr[event]);
}

/* Two pages of equal hash for @salt; see hash_test.c for how it works. */
static void make_collision(struct page *page)
{
	static const u64 p1 = 0x9e3779b185ebca87ULL, p2_inverse = 0x0ba79078168d4bafULL;
	u64 *words = page_address(page);

	words[0] ^= BIT_ULL(63);
	words[4] += (p1 << 30) * p2_inverse;
}

static void equal_pages_share_one_frame(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_merge_report report;
	struct page *page;
	pgoff_t pgoff;

	fill_alike(test, fix->map, 100, 110, 7);
	fill_alike(test, fix->map, 1000, 1010, 7);
	report = share(test, fix->map);
	KUNIT_EXPECT_EQ(test, report.visited, 20);
	KUNIT_EXPECT_EQ(test, report.merged, 20);
	KUNIT_EXPECT_EQ(test, nr_events(fix->map, ESX_EV_MERGED), 20);
	KUNIT_EXPECT_EQ(test, report.hints, 1);
	expect_counts(test, fix->map, 0, 0, 20, 0);
	KUNIT_EXPECT_EQ(test, esx_frame_count(), 1);
	KUNIT_EXPECT_EQ(test, esx_hints_count(), 0);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&fix->map->quota.used), 20);

	page = page_of(test, fix->map, 100);
	KUNIT_EXPECT_EQ(test, esx_shared_refs(page_folio(page)), 20);
	KUNIT_EXPECT_EQ(test, words_of(test, fix->map, 1009)[1023], 7);
	for (pgoff = 1000; pgoff < 1010; pgoff++)
		KUNIT_EXPECT_PTR_EQ(test, page_of(test, fix->map, pgoff), page);
}

static void second_pass_finds_nothing_to_do(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_merge_report report;

	fill_alike(test, fix->map, 0, 10, 7);
	fill_alike(test, fix->map, 10, 20, 0);
	fill_one(test, fix->map, 20, 8);
	share(test, fix->map);
	report = share(test, fix->map);
	KUNIT_EXPECT_EQ(test, report.merged, 0);
	KUNIT_EXPECT_EQ(test, report.zero, 0);
	KUNIT_EXPECT_EQ(test, report.already, 20);
	KUNIT_EXPECT_EQ(test, report.hints, 1);
	expect_counts(test, fix->map, 10, 1, 10, 0);
}

static void different_pages_are_only_hinted(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_merge_report report;
	pgoff_t pgoff;

	for (pgoff = 0; pgoff < 200; pgoff++)
		fill_one(test, fix->map, pgoff, pgoff + 1);
	report = share(test, fix->map);
	KUNIT_EXPECT_EQ(test, report.merged, 0);
	KUNIT_EXPECT_EQ(test, report.hints, 200);
	KUNIT_EXPECT_EQ(test, esx_hints_count(), 200);
	expect_counts(test, fix->map, 0, 200, 0, 0);
}

static void zero_pages_are_given_up(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_merge_report report;

	fill_alike(test, fix->map, 0, 30, 0);
	report = share(test, fix->map);
	KUNIT_EXPECT_EQ(test, report.zero, 30);
	expect_counts(test, fix->map, 30, 0, 0, 0);
	KUNIT_EXPECT_EQ(test, esx_frame_count(), 0);
	KUNIT_EXPECT_EQ(test, esx_hints_count(), 0);
}

static void only_the_range_is_looked_at(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_merge_report report = {};

	fill_alike(test, fix->map, 0, 100, 7);
	KUNIT_EXPECT_EQ(test, esx_share_range(fix->map->pmap, 10, 20, &report), 0);
	KUNIT_EXPECT_EQ(test, report.visited, 10);
	expect_counts(test, fix->map, 0, 90, 10, 0);
	KUNIT_EXPECT_EQ(test, state_of(test, fix->map, 9), ESX_PRIVATE);
	KUNIT_EXPECT_EQ(test, state_of(test, fix->map, 10), ESX_SHARED);
	KUNIT_EXPECT_EQ(test, state_of(test, fix->map, 19), ESX_SHARED);
	KUNIT_EXPECT_EQ(test, state_of(test, fix->map, 20), ESX_PRIVATE);

	/* What lies beyond the file is left out. */
	KUNIT_EXPECT_EQ(test, esx_share_range(fix->map->pmap, 0, ULONG_MAX, &report), 0);
	expect_counts(test, fix->map, 0, 0, 100, 0);
}

static void page_that_becomes_equal_late_is_found(struct kunit *test)
{
	struct fixture *fix = test->priv;

	fill_one(test, fix->map, 0, 7);
	fill_one(test, fix->map, 1, 8);
	share(test, fix->map);
	expect_counts(test, fix->map, 0, 2, 0, 0);

	/* The hints of both are wrong or useless now. */
	write_page(test, fix->map, 0, 9);
	write_page(test, fix->map, 1, 9);
	share(test, fix->map);
	share(test, fix->map);
	expect_counts(test, fix->map, 0, 0, 2, 0);
}

static void stale_hint_is_not_believed(struct kunit *test)
{
	struct fixture *fix = test->priv;

	fill_one(test, fix->map, 0, 7);
	share(test, fix->map);
	write_page(test, fix->map, 0, 8);
	fill_one(test, fix->friend, 0, 7);
	share(test, fix->friend);

	expect_counts(test, fix->map, 0, 1, 0, 0);
	expect_counts(test, fix->friend, 0, 1, 0, 0);
	KUNIT_EXPECT_EQ(test, words_of(test, fix->map, 0)[5], 8);
	KUNIT_EXPECT_EQ(test, words_of(test, fix->friend, 0)[5], 7);
}

static void files_of_one_salt_share(struct kunit *test)
{
	struct fixture *fix = test->priv;

	fill_one(test, fix->map, 3, 7);
	fill_one(test, fix->friend, 600, 7);
	share(test, fix->map);
	share(test, fix->friend);
	expect_counts(test, fix->map, 0, 0, 1, 0);
	expect_counts(test, fix->friend, 0, 0, 1, 0);
	KUNIT_EXPECT_PTR_EQ(test, page_of(test, fix->map, 3), page_of(test, fix->friend, 600));
}

static void files_of_two_salts_do_not_share(struct kunit *test)
{
	struct fixture *fix = test->priv;
	unsigned int pass;

	fill_alike(test, fix->map, 0, 2, 7);
	fill_alike(test, fix->stranger, 0, 2, 7);
	fill_one(test, fix->map, 9, 8);
	fill_one(test, fix->stranger, 9, 8);
	for (pass = 0; pass < 2; pass++) {
		share(test, fix->map);
		share(test, fix->stranger);
	}
	expect_counts(test, fix->map, 0, 1, 2, 0);
	expect_counts(test, fix->stranger, 0, 1, 2, 0);
	KUNIT_EXPECT_PTR_NE(test, page_of(test, fix->map, 0), page_of(test, fix->stranger, 0));
}

static void pinned_page_is_left_alone(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_merge_report report;
	struct page *page;

	fill_alike(test, fix->map, 0, 2, 7);
	page = page_of(test, fix->map, 1);
	get_page(page);
	report = share(test, fix->map);
	KUNIT_EXPECT_EQ(test, report.pinned, 1);
	KUNIT_EXPECT_EQ(test, report.merged, 0);
	KUNIT_EXPECT_EQ(test, nr_events(fix->map, ESX_EV_PINNED), 1);
	KUNIT_EXPECT_PTR_EQ(test, page_of(test, fix->map, 1), page);
	expect_counts(test, fix->map, 0, 2, 0, 0);

	put_page(page);
	share(test, fix->map);
	expect_counts(test, fix->map, 0, 0, 2, 0);
}

static void page_is_not_merged_with_a_pinned_one(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct page *page;

	fill_alike(test, fix->map, 0, 3, 7);
	page = page_of(test, fix->map, 0);
	get_page(page);
	share(test, fix->map);
	/* The two others found each other behind it. */
	KUNIT_EXPECT_PTR_EQ(test, page_of(test, fix->map, 0), page);
	expect_counts(test, fix->map, 0, 1, 2, 0);

	put_page(page);
	share(test, fix->map);
	expect_counts(test, fix->map, 0, 0, 3, 0);
}

static void pinned_zero_page_is_left_alone(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct page *page;

	fill_one(test, fix->map, 0, 0);
	page = page_of(test, fix->map, 0);
	get_page(page);
	share(test, fix->map);
	expect_counts(test, fix->map, 0, 1, 0, 0);
	put_page(page);
	share(test, fix->map);
	expect_counts(test, fix->map, 1, 0, 0, 0);
}

/* What a fault does before it returns the page's frame. */
static void note_mapped(struct kunit *test, struct test_map *map, pgoff_t pgoff)
{
	struct esx_slot slot;

	enter_test_map(test, map);
	lock_page_at(test, map, pgoff, 0, &slot);
	esx_pmap_set_mapped(&slot, true);
	esx_pmap_unlock(&slot);
	leave_test_map(map);
}

static void locked_page_is_left_alone(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_merge_report report;
	struct page *page;

	fill_alike(test, fix->map, 0, 2, 7);
	page = page_of(test, fix->map, 1);
	note_mapped(test, fix->map, 1);

	/* A fault that is about to map the frame holds a reference and its lock. */
	get_page(page);
	lock_page(page);
	report = share(test, fix->map);
	unlock_page(page);
	put_page(page);
	KUNIT_EXPECT_EQ(test, report.pinned, 1);
	KUNIT_EXPECT_EQ(test, report.merged, 0);
	expect_counts(test, fix->map, 0, 2, 0, 0);

	share(test, fix->map);
	expect_counts(test, fix->map, 0, 0, 2, 0);
}

static void equal_hash_with_other_contents_is_not_merged(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct page *a, *b;
	unsigned int number;

	/* The trick works with about every other contents. */
	fill_alike(test, fix->map, 0, 2, 0);
	a = page_of(test, fix->map, 0);
	b = page_of(test, fix->map, 1);
	for (number = 1; number < 100; number++) {
		memset32(page_address(a), number, PAGE_SIZE / sizeof(u32));
		copy_page(page_address(b), page_address(a));
		make_collision(b);
		if (esx_hash_page(a, SALT) == esx_hash_page(b, SALT))
			break;
	}
	KUNIT_ASSERT_LT(test, number, 100);

	share(test, fix->map);
	expect_counts(test, fix->map, 0, 2, 0, 0);
	KUNIT_EXPECT_GT(test, nr_events(fix->map, ESX_EV_FALSE_MATCH), 0);
	KUNIT_EXPECT_FALSE(test, esx_pages_equal(a, b));

	/* Nor with a frame that is shared already. */
	fill_one(test, fix->map, 2, number);
	share(test, fix->map);
	share(test, fix->map);
	expect_counts(test, fix->map, 0, 1, 2, 0);
	KUNIT_EXPECT_EQ(test, state_of(test, fix->map, 1), ESX_PRIVATE);
	KUNIT_EXPECT_FALSE(test, esx_pages_equal(page_of(test, fix->map, 0), b));
}

/* A hint of equal tag but another hash stands for a page that is no use. */
static void page_of_equal_tag_does_not_hide_another(struct kunit *test)
{
	struct fixture *fix = test->priv;
	u64 hash_a, hash_b;

	fill_one(test, fix->map, 0, TWIN_A);
	fill_one(test, fix->map, 1, TWIN_B);
	fill_one(test, fix->map, 2, TWIN_A);
	hash_a = esx_hash_page(page_of(test, fix->map, 0), SALT);
	hash_b = esx_hash_page(page_of(test, fix->map, 1), SALT);
	KUNIT_ASSERT_NE(test, hash_a, hash_b);
	KUNIT_ASSERT_EQ(test, hash_a >> 32, hash_b >> 32);

	share(test, fix->map);
	KUNIT_EXPECT_EQ(test, state_of(test, fix->map, 0), ESX_SHARED);
	KUNIT_EXPECT_EQ(test, state_of(test, fix->map, 1), ESX_PRIVATE);
	KUNIT_EXPECT_EQ(test, state_of(test, fix->map, 2), ESX_SHARED);
}

/* A frame of 2 MB: parts 0 to 9 are equal, 10 to 19 differ, the rest is zero. */
static struct page *fill_huge(struct kunit *test, struct test_map *map)
{
	struct page *page;
	unsigned int i;

	enter_test_map(test, map);
	set_huge_at(test, map, 0);
	page = page_at(test, map, 0);
	leave_test_map(map);

	for (i = 0; i < 20; i++)
		memset32(page_address(nth_page(page, i)), i < 10 ? 7 : i + 100,
			 PAGE_SIZE / sizeof(u32));
	return page;
}

static void huge_frame_is_broken_and_shared(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_merge_report report;
	unsigned int i;

	fill_huge(test, fix->map);
	report = share(test, fix->map);
	KUNIT_EXPECT_EQ(test, report.huge_broken, 1);
	KUNIT_EXPECT_EQ(test, nr_events(fix->map, ESX_EV_HUGE_BROKEN), 1);
	expect_counts(test, fix->map, ESX_REGION_PAGES - 20, 10, 10, 0);
	KUNIT_EXPECT_EQ(test, esx_frame_count(), 11);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&fix->map->quota.used), ESX_REGION_PAGES);
	for (i = 0; i < 20; i++)
		KUNIT_EXPECT_EQ(test, words_of(test, fix->map, i)[1023], i < 10 ? 7 : i + 100);
}

static void pinned_huge_frame_stays_whole(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct page *page = fill_huge(test, fix->map);
	struct esx_merge_report report;

	get_page(nth_page(page, 300));
	report = share(test, fix->map);
	KUNIT_EXPECT_EQ(test, report.huge_broken, 0);
	KUNIT_EXPECT_GT(test, report.pinned, 0);
	expect_counts(test, fix->map, 0, ESX_REGION_PAGES, 0, 1);
	KUNIT_EXPECT_PTR_EQ(test, page_of(test, fix->map, 0), page);
	put_page(nth_page(page, 300));
}

static void break_page(struct kunit *test, struct test_map *map, pgoff_t pgoff)
{
	const struct esx_frame_req req = {};
	struct esx_slot slot;

	enter_test_map(test, map);
	lock_page_at(test, map, pgoff, 0, &slot);
	KUNIT_EXPECT_EQ(test, esx_share_break(&slot, &req), 0);
	KUNIT_EXPECT_EQ(test, esx_slot_state(&slot), ESX_PRIVATE);
	esx_pmap_unlock(&slot);
	leave_test_map(map);
}

static void writer_of_shared_page_gets_its_own(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct page *shared;

	fill_alike(test, fix->map, 0, 3, 7);
	share(test, fix->map);
	shared = page_of(test, fix->map, 0);

	break_page(test, fix->map, 1);
	expect_counts(test, fix->map, 0, 1, 2, 0);
	KUNIT_EXPECT_EQ(test, esx_shared_refs(page_folio(shared)), 2);
	KUNIT_EXPECT_PTR_NE(test, page_of(test, fix->map, 1), shared);
	words_of(test, fix->map, 1)[0] = 8;
	KUNIT_EXPECT_EQ(test, words_of(test, fix->map, 1)[1023], 7);
	KUNIT_EXPECT_EQ(test, words_of(test, fix->map, 0)[0], 7);
	KUNIT_EXPECT_EQ(test, esx_frame_count(), 2);
	KUNIT_EXPECT_EQ(test, nr_events(fix->map, ESX_EV_COW), 1);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&fix->map->quota.used), 3);
}

static void shared_frame_goes_with_its_last_page(struct kunit *test)
{
	struct fixture *fix = test->priv;

	fill_alike(test, fix->map, 0, 2, 7);
	share(test, fix->map);
	KUNIT_EXPECT_EQ(test, esx_shared_count(), 1);
	break_page(test, fix->map, 0);
	KUNIT_EXPECT_EQ(test, esx_shared_count(), 1);
	break_page(test, fix->map, 1);
	KUNIT_EXPECT_EQ(test, esx_shared_count(), 0);
	KUNIT_EXPECT_EQ(test, esx_frame_count(), 2);
	expect_counts(test, fix->map, 0, 2, 0, 0);

	/* And they may be shared again. */
	share(test, fix->map);
	expect_counts(test, fix->map, 0, 0, 2, 0);
}

static void writer_of_zero_page_gets_zeros(struct kunit *test)
{
	struct fixture *fix = test->priv;

	fill_alike(test, fix->map, 0, 2, 0);
	share(test, fix->map);
	expect_counts(test, fix->map, 2, 0, 0, 0);
	break_page(test, fix->map, 0);
	expect_counts(test, fix->map, 1, 1, 0, 0);
	KUNIT_EXPECT_TRUE(test, esx_page_is_zero(page_of(test, fix->map, 0)));
}

static void punched_pages_are_forgotten(struct kunit *test)
{
	struct fixture *fix = test->priv;

	fill_alike(test, fix->map, 0, 10, 7);
	fill_alike(test, fix->map, 10, 20, 0);
	fill_one(test, fix->map, 20, 8);
	fill_one(test, fix->friend, 0, 7);
	share(test, fix->map);
	share(test, fix->friend);

	esx_pmap_enter_exclusive(fix->map->pmap);
	esx_punch_pages(fix->map->pmap, 0, ESX_REGION_PAGES);
	esx_pmap_leave_exclusive(fix->map->pmap);
	expect_counts(test, fix->map, 0, 0, 0, 0);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&fix->map->quota.used), 0);
	KUNIT_EXPECT_EQ(test, esx_hints_count(), 0);
	KUNIT_EXPECT_TRUE(test, xa_empty(&fix->map->pmap->regions));

	/* The friend's page is the last one of the shared frame. */
	KUNIT_EXPECT_EQ(test, esx_frame_count(), 1);
	expect_counts(test, fix->friend, 0, 0, 1, 0);
	KUNIT_EXPECT_EQ(test, words_of(test, fix->friend, 0)[9], 7);
}

/* Another worker finds the hint, and may not merge with its page now. */
static void page_opened_while_it_is_merged_stays_open(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_candidate cand = { .salt = fix->map->vm.salt, .settled = true };

	fill_one(test, fix->map, 0, 7);
	enter_test_map(test, fix->map);
	KUNIT_ASSERT_EQ(test, esx_pmap_lock(fix->map->pmap, 0, 0, &cand.slot), 0);
	esx_merge_begin(&cand);
	esx_merge_file(&cand);
	esx_region_set_open(cand.slot.region, 0);
	KUNIT_EXPECT_EQ(test, esx_merge_finish(&cand), ESX_V_HINTED);
	KUNIT_EXPECT_TRUE(test, *cand.slot.entry & ESX_ENTRY_OPEN);
	esx_pmap_unlock(&cand.slot);
	leave_test_map(fix->map);
}

static struct kunit_case merge_cases[] = {
	KUNIT_CASE(equal_pages_share_one_frame),
	KUNIT_CASE(second_pass_finds_nothing_to_do),
	KUNIT_CASE(different_pages_are_only_hinted),
	KUNIT_CASE(zero_pages_are_given_up),
	KUNIT_CASE(only_the_range_is_looked_at),
	KUNIT_CASE(page_that_becomes_equal_late_is_found),
	KUNIT_CASE(stale_hint_is_not_believed),
	KUNIT_CASE(files_of_one_salt_share),
	KUNIT_CASE(files_of_two_salts_do_not_share),
	KUNIT_CASE(pinned_page_is_left_alone),
	KUNIT_CASE(page_is_not_merged_with_a_pinned_one),
	KUNIT_CASE(pinned_zero_page_is_left_alone),
	KUNIT_CASE(locked_page_is_left_alone),
	KUNIT_CASE(equal_hash_with_other_contents_is_not_merged),
	KUNIT_CASE(page_of_equal_tag_does_not_hide_another),
	KUNIT_CASE(huge_frame_is_broken_and_shared),
	KUNIT_CASE(pinned_huge_frame_stays_whole),
	KUNIT_CASE(writer_of_shared_page_gets_its_own),
	KUNIT_CASE(shared_frame_goes_with_its_last_page),
	KUNIT_CASE(writer_of_zero_page_gets_zeros),
	KUNIT_CASE(punched_pages_are_forgotten),
	KUNIT_CASE(page_opened_while_it_is_merged_stays_open),
	{}
};

struct kunit_suite esx_merge_suite = {
	.name = "esx_merge",
	.init = init_maps,
	.exit = exit_maps,
	.test_cases = merge_cases,
};
