// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of what the scanner does from pass to pass (share/batch.c, share/large.c,
 * share/join.c), on page maps that nobody has mapped.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "../frame.h"
#include "../share/batch.h"
#include "../share/hints.h"
#include "../share/join.h"
#include "../share/large.h"
#include "../share/merge.h"
#include "../share/shared.h"
#include "map.h"
#include "suites.h"

#define SALT	1

struct fixture {
	struct test_map *map;
	struct test_map *friend;	/* of the same salt */
	u64 pass;
	unsigned int nr_others;	/* pages of scan_others() */
};

static int init_maps(struct kunit *test)
{
	struct fixture *fix = kunit_kzalloc(test, sizeof(*fix), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, fix);
	KUNIT_ASSERT_EQ(test, esx_hints_count(), 0);
	test->priv = fix;
	fix->map = create_test_map(test, SALT);
	fix->friend = create_test_map(test, SALT);
	esx_pressure_percent_set(0);
	return 0;
}

static void exit_maps(struct kunit *test)
{
	struct fixture *fix = test->priv;

	esx_break_large_set(ESX_BREAK_PRESSURE);
	esx_pressure_percent_set(10);
	if (fix)
		end_sharing_test(test, (struct test_map *[]){ fix->friend, fix->map }, 2);
}

static struct page *backed_page_of(struct kunit *test, struct test_map *map, pgoff_t pgoff)
{
	struct page *page = page_of(test, map, pgoff);

	KUNIT_ASSERT_NOT_NULL(test, page);
	return page;
}

static struct esx_merge_report scan_map(struct kunit *test, struct test_map *map, u64 pass,
					bool pressed)
{
	struct esx_share_visit visit = { .pass = pass, .pressed = pressed };
	pgoff_t first = 0;

	while (esx_share_region(map->pmap, &first, TEST_MAP_PAGES, &visit))
		;
	KUNIT_EXPECT_EQ(test, esx_hints_check(), 0);
	return visit.report;
}

/* The next pass over both maps; the report is of the first. */
static struct esx_merge_report scan(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_merge_report report;

	fix->pass++;
	report = scan_map(test, fix->map, fix->pass, false);
	scan_map(test, fix->friend, fix->pass, false);
	return report;
}

static u64 nr_events(struct test_map *map, enum esx_event event)
{
	return atomic64_read(&map->vm.events.nr[event]);
}

static void unchanged_page_is_not_hashed_again(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_merge_report report;

	fill_apart(test, fix->map, 0, 500, 1);
	report = scan(test);
	KUNIT_EXPECT_EQ(test, report.hashed, 500);
	report = scan(test);
	KUNIT_EXPECT_EQ(test, report.visited, 500);
	KUNIT_EXPECT_EQ(test, report.hashed, 0);
	KUNIT_EXPECT_EQ(test, nr_events(fix->map, ESX_EV_CLEAN), 500);

	write_page(test, fix->map, 17, 10000);
	report = scan(test);
	KUNIT_EXPECT_EQ(test, report.hashed, 1);
	/* It has stayed the same since: hashed where it is, then out of use. */
	report = scan(test);
	KUNIT_EXPECT_EQ(test, report.hashed, 2);
	report = scan(test);
	KUNIT_EXPECT_EQ(test, report.hashed, 0);
}

static void clean_page_is_found_by_a_later_one(struct kunit *test)
{
	struct fixture *fix = test->priv;
	unsigned int i;

	fill_apart(test, fix->map, 0, 100, 1);
	fill_apart(test, fix->friend, 0, 100, 1001);
	for (i = 0; i < 9; i++)
		scan(test);
	write_page(test, fix->friend, 3, 50);
	scan(test);
	scan(test);
	expect_counts(test, fix->map, 0, 99, 1, 0);
	expect_counts(test, fix->friend, 0, 99, 1, 0);
	KUNIT_EXPECT_PTR_EQ(test, backed_page_of(test, fix->map, 49),
			    backed_page_of(test, fix->friend, 3));
}

static void two_late_pages_meet(struct kunit *test)
{
	struct fixture *fix = test->priv;
	unsigned int i;

	fill_apart(test, fix->map, 0, 10, 1);
	fill_apart(test, fix->friend, 0, 10, 1001);
	for (i = 0; i < 9; i++)
		scan(test);
	write_page(test, fix->map, 3, 7777);
	for (i = 0; i < 3; i++)
		scan(test);
	write_page(test, fix->friend, 8, 7777);
	scan(test);
	scan(test);
	expect_counts(test, fix->map, 0, 9, 1, 0);
	expect_counts(test, fix->friend, 0, 9, 1, 0);
}

static void page_that_keeps_changing_is_hashed_where_it_is(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_merge_report report;
	unsigned int i;

	fill_apart(test, fix->map, 0, 1, 1);
	scan(test);
	for (i = 0; i < 20; i++) {
		write_page(test, fix->map, 0, 100 + i);
		report = scan(test);
		KUNIT_EXPECT_EQ(test, report.hashed, 1);
		KUNIT_EXPECT_EQ(test, report.merged, 0);
	}
	write_page(test, fix->map, 0, 0);
	report = scan(test);
	KUNIT_EXPECT_EQ(test, report.zero, 1);
}

static void page_refused_is_looked_at_again(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct page *page;
	unsigned int i;

	fill_alike(test, fix->map, 0, 2, 7);
	page = backed_page_of(test, fix->map, 0);
	get_page(page);
	for (i = 0; i < 5; i++)
		scan(test);
	expect_counts(test, fix->map, 0, 2, 0, 0);
	put_page(page);
	scan(test);
	scan(test);
	expect_counts(test, fix->map, 0, 0, 2, 0);
}

static void page_that_is_written_to_all_the_time_is_not_merged(struct kunit *test)
{
	struct fixture *fix = test->priv;
	unsigned int i;

	fill_alike(test, fix->map, 0, 2, 7);
	for (i = 0; i < 20; i++) {
		scan(test);
		/* The contents are the same, but who would know? */
		write_page(test, fix->map, 0, 7);
		write_page(test, fix->map, 1, 7);
	}
	expect_counts(test, fix->map, 0, 2, 0, 0);
	KUNIT_EXPECT_EQ(test, nr_events(fix->map, ESX_EV_COW), 0);

	scan(test);
	scan(test);
	expect_counts(test, fix->map, 0, 0, 2, 0);
}

/* New pages are hashed so many times, in the second region of the second map. */
static void scan_others(struct kunit *test, unsigned int nr_regions)
{
	struct fixture *fix = test->priv;
	struct esx_share_visit visit = {};
	pgoff_t first;

	while (nr_regions--) {
		first = ESX_REGION_PAGES + fix->nr_others++;
		fill_apart(test, fix->friend, first, first + 1, 1000 + fix->nr_others);
		visit.pass = ++fix->pass;
		first = ESX_REGION_PAGES;
		esx_share_region(fix->friend->pmap, &first, 2 * ESX_REGION_PAGES, &visit);
	}
}

static void new_page_is_merged_with_one_that_has_settled(struct kunit *test)
{
	struct fixture *fix = test->priv;

	fill_apart(test, fix->map, 0, 10, 1);
	scan(test);
	scan_others(test, 40);
	/* This one has changed since. */
	write_page(test, fix->map, 9, 10);
	fill_apart(test, fix->friend, 0, 10, 1);
	scan_map(test, fix->friend, ++fix->pass, false);
	expect_counts(test, fix->map, 0, 1, 9, 0);
	expect_counts(test, fix->friend, 0, 41, 9, 0);
	scan(test);
	scan(test);
	expect_counts(test, fix->map, 0, 0, 10, 0);
}

static void new_pages_wait_until_one_has_settled(struct kunit *test)
{
	struct fixture *fix = test->priv;

	fill_apart(test, fix->map, 0, 10, 1);
	scan_map(test, fix->map, ++fix->pass, false);
	scan_others(test, 10);
	fill_apart(test, fix->friend, 0, 10, 1);
	scan_map(test, fix->friend, ++fix->pass, false);
	expect_counts(test, fix->map, 0, 10, 0, 0);
	scan(test);
	expect_counts(test, fix->map, 0, 0, 10, 0);
}

/* Another worker was faster with the partner's region, and hashed it just now. */
static void page_hashed_later_has_not_settled(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_region *region;

	fill_apart(test, fix->map, 0, 10, 1);
	scan_map(test, fix->map, ++fix->pass, false);
	region = xa_load(&fix->map->pmap->regions, 0);
	region->clock += 10;
	fill_apart(test, fix->friend, 0, 10, 1);
	scan_map(test, fix->friend, ++fix->pass, false);
	expect_counts(test, fix->map, 0, 10, 0, 0);
}

static void page_whose_sharing_broke_has_to_settle_itself(struct kunit *test)
{
	struct fixture *fix = test->priv;

	new_page_is_merged_with_one_that_has_settled(test);
	/* Both give up the frame, so there is none to meet at first sight. */
	write_page(test, fix->map, 0, 500);
	write_page(test, fix->friend, 0, 500);
	scan_map(test, fix->map, ++fix->pass, false);
	scan_others(test, 40);
	scan_map(test, fix->friend, ++fix->pass, false);
	expect_counts(test, fix->friend, 0, 81, 9, 0);
	scan(test);
	expect_counts(test, fix->friend, 0, 80, 10, 0);
}

static void sharing_that_breaks_is_left_alone(struct kunit *test)
{
	struct fixture *fix = test->priv;
	unsigned int i;

	/* Somebody keeps the frame, so the page meets it each time. */
	fill_alike(test, fix->friend, 0, 2, 7);
	fill_alike(test, fix->map, 0, 1, 7);
	for (i = 0; i < 22; i++) {
		scan(test);
		write_page(test, fix->map, 0, 7);
	}
	KUNIT_EXPECT_GT(test, nr_events(fix->map, ESX_EV_COW), 1);
	KUNIT_EXPECT_LE(test, nr_events(fix->map, ESX_EV_COW), 4);
	KUNIT_EXPECT_GT(test, nr_events(fix->map, ESX_EV_BACKED_OFF), 0);

	/* And comes back when it stays. */
	for (i = 0; i < 32; i++)
		scan(test);
	expect_counts(test, fix->map, 0, 0, 1, 0);
}

static void breaks_back_off_in_step(struct kunit *test)
{
	unsigned int breaks;
	u64 pass;

	for (pass = 0; pass < 1000; pass++) {
		KUNIT_EXPECT_FALSE(test, esx_merge_backs_off(0, pass));
		KUNIT_EXPECT_FALSE(test, esx_merge_backs_off(4, pass));
		KUNIT_EXPECT_EQ(test, esx_merge_backs_off(5, pass), pass % 16 != 0);
		/* Whoever may in the longest period may in all. */
		for (breaks = 2; breaks < ESX_BREAKS_MAX; breaks++) {
			if (!esx_merge_backs_off(breaks + 1, pass))
				KUNIT_EXPECT_FALSE(test, esx_merge_backs_off(breaks, pass));
		}
	}
	KUNIT_EXPECT_FALSE(test, esx_merge_backs_off(ESX_BREAKS_MAX, 128));
}

static void change_of_salt_is_noticed(struct kunit *test)
{
	struct fixture *fix = test->priv;

	fix->friend->vm.salt = SALT + 1;
	fill_alike(test, fix->map, 0, 1, 7);
	fill_alike(test, fix->friend, 0, 1, 7);
	scan(test);
	scan(test);
	expect_counts(test, fix->map, 0, 1, 0, 0);
	fix->friend->vm.salt = SALT;
	fix->friend->vm.epoch++;
	scan(test);
	scan(test);
	expect_counts(test, fix->map, 0, 0, 1, 0);
	expect_counts(test, fix->friend, 0, 0, 1, 0);
}

/* A 2 MB frame; @nr parts are equal to those of every such frame, the rest not. */
static void fill_huge(struct kunit *test, struct test_map *map, unsigned int region,
		      unsigned int nr)
{
	static unsigned int unique = 1 << 20;
	struct page *page;
	unsigned int i;

	enter_test_map(test, map);
	set_huge_at(test, map, region * ESX_REGION_PAGES);
	page = page_at(test, map, region * ESX_REGION_PAGES);
	leave_test_map(map);
	for (i = 0; i < ESX_REGION_PAGES; i++)
		memset32(page_address(nth_page(page, i)), i < nr ? i + 1 : unique++,
			 PAGE_SIZE / sizeof(u32));
}

static void large_frames_are_kept(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_merge_report report;
	unsigned int i;
	u64 hashed;

	fill_huge(test, fix->map, 0, ESX_REGION_PAGES);
	fill_huge(test, fix->friend, 0, ESX_REGION_PAGES);
	report = scan(test);
	KUNIT_EXPECT_EQ(test, report.hashed, ESX_REGION_PAGES);
	KUNIT_EXPECT_EQ(test, report.huge_broken, 0);
	/* Both know now.  Further looks are further and further apart. */
	for (i = 0, hashed = 0; i < 255; i++)
		hashed += scan(test).hashed;
	KUNIT_EXPECT_LE(test, hashed, 10 * ESX_REGION_PAGES);
	expect_counts(test, fix->map, 0, ESX_REGION_PAGES, 0, 1);
	KUNIT_EXPECT_EQ(test, esx_large_shareable_frames(), 2);
	/* An estimate; the truth is ESX_REGION_PAGES. */
	KUNIT_EXPECT_GT(test, esx_large_shareable_pages(), ESX_REGION_PAGES / 2);
	KUNIT_EXPECT_LT(test, esx_large_shareable_pages(), ESX_REGION_PAGES * 2);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&fix->map->vm.shareable_frames), 1);
}

static void one_equal_part_is_no_reason_to_break(struct kunit *test)
{
	struct fixture *fix = test->priv;
	unsigned int i;

	for (i = 0; i < 4; i++)
		fill_huge(test, fix->map, i, 1);
	fix->pass++;
	scan_map(test, fix->map, fix->pass, true);
	fix->pass++;
	scan_map(test, fix->map, fix->pass, true);
	expect_counts(test, fix->map, 0, 4 * ESX_REGION_PAGES, 0, 4);
	KUNIT_EXPECT_EQ(test, esx_large_shareable_frames(), 0);
}

static void dense_frames_are_broken_first(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_merge_report report;

	fill_huge(test, fix->map, 0, 100);
	fill_huge(test, fix->map, 1, ESX_REGION_PAGES);
	fill_huge(test, fix->friend, 0, ESX_REGION_PAGES);
	scan(test);
	/* None of them is in use. */
	age_digest(test, fix->map, 0, 2);
	age_digest(test, fix->map, 1, 2);
	age_digest(test, fix->friend, 0, 2);
	scan(test);

	fix->pass++;
	report = scan_map(test, fix->map, fix->pass, true);
	KUNIT_EXPECT_EQ(test, report.huge_broken, 1);
	KUNIT_EXPECT_FALSE(test, PageCompound(backed_page_of(test, fix->map, ESX_REGION_PAGES)));
	KUNIT_EXPECT_TRUE(test, PageCompound(backed_page_of(test, fix->map, 0)));
	scan_map(test, fix->friend, fix->pass, true);
	/* Its parts were pointed at the first one's without being copied. */
	expect_counts(test, fix->friend, 0, 0, ESX_REGION_PAGES, 0);
	KUNIT_EXPECT_PTR_EQ(test, backed_page_of(test, fix->map, ESX_REGION_PAGES + 9),
			    backed_page_of(test, fix->friend, 9));
}

static void policy_never_and_always(struct kunit *test)
{
	struct fixture *fix = test->priv;

	fill_huge(test, fix->map, 0, ESX_REGION_PAGES);
	fill_huge(test, fix->friend, 0, ESX_REGION_PAGES);
	esx_break_large_set(ESX_BREAK_NEVER);
	scan(test);
	scan_map(test, fix->map, ++fix->pass, true);
	expect_counts(test, fix->map, 0, ESX_REGION_PAGES, 0, 1);
	esx_break_large_set(ESX_BREAK_ALWAYS);
	scan(test);
	scan(test);
	scan(test);
	expect_counts(test, fix->map, 0, 0, ESX_REGION_PAGES, 0);
	expect_counts(test, fix->friend, 0, 0, ESX_REGION_PAGES, 0);
}

/* A region whose 2 MB frame was broken; its pages hold their number plus 1. */
static void fill_broken(struct kunit *test, struct test_map *map)
{
	struct esx_merge_report report = {};

	fill_huge(test, map, 0, ESX_REGION_PAGES);
	KUNIT_ASSERT_EQ(test, esx_share_range(map->pmap, 0, 1, &report), 0);
	KUNIT_ASSERT_EQ(test, report.huge_broken, 1);
}

static void region_that_was_never_whole_is_not_joined(struct kunit *test)
{
	struct fixture *fix = test->priv;
	unsigned int i;

	fill_apart(test, fix->map, 0, ESX_REGION_PAGES, 1);
	for (i = 0; i < 8; i++)
		scan(test);
	expect_counts(test, fix->map, 0, ESX_REGION_PAGES, 0, 0);
}

static void region_that_shares_is_not_joined(struct kunit *test)
{
	struct fixture *fix = test->priv;
	unsigned int i;

	fill_broken(test, fix->map);
	fill_apart(test, fix->friend, 0, 1, 1);
	for (i = 0; i < 8; i++)
		scan(test);
	expect_counts(test, fix->map, 0, ESX_REGION_PAGES - 1, 1, 0);
	KUNIT_EXPECT_EQ(test, esx_join_region(fix->map->pmap, 0), -ENOENT);
}

static void region_is_joined_when_sharing_is_gone(struct kunit *test)
{
	struct fixture *fix = test->priv;
	unsigned int i;

	fill_broken(test, fix->map);
	fill_apart(test, fix->friend, 0, ESX_REGION_PAGES, 1);
	scan(test);
	scan(test);
	expect_counts(test, fix->map, 0, 0, ESX_REGION_PAGES, 0);
	for (i = 0; i < ESX_REGION_PAGES; i++)
		write_page(test, fix->map, i, 5000 + i);
	for (i = 0; i < 8; i++)
		scan(test);
	expect_counts(test, fix->map, 0, ESX_REGION_PAGES, 0, 1);
	KUNIT_EXPECT_EQ(test, nr_events(fix->map, ESX_EV_HUGE_JOINED), 1);
	for (i = 0; i < ESX_REGION_PAGES; i++) {
		u32 *words = page_address(backed_page_of(test, fix->map, i));

		KUNIT_EXPECT_EQ(test, words[1023], 5000 + i);
	}
	KUNIT_EXPECT_EQ(test, atomic_long_read(&fix->map->quota.used), ESX_REGION_PAGES);
}

static void region_with_a_pinned_page_is_not_joined(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct page *page;
	unsigned int i;

	fill_broken(test, fix->map);
	page = backed_page_of(test, fix->map, 300);
	get_page(page);
	for (i = 0; i < 8; i++)
		scan(test);
	KUNIT_EXPECT_EQ(test, esx_join_region(fix->map->pmap, 0), -EBUSY);
	expect_counts(test, fix->map, 0, ESX_REGION_PAGES, 0, 0);
	KUNIT_EXPECT_PTR_EQ(test, backed_page_of(test, fix->map, 300), page);
	put_page(page);
	for (i = 0; i < 8; i++)
		scan(test);
	expect_counts(test, fix->map, 0, ESX_REGION_PAGES, 0, 1);
}

static struct kunit_case scan_cases[] = {
	KUNIT_CASE(unchanged_page_is_not_hashed_again),
	KUNIT_CASE(clean_page_is_found_by_a_later_one),
	KUNIT_CASE(two_late_pages_meet),
	KUNIT_CASE(page_that_keeps_changing_is_hashed_where_it_is),
	KUNIT_CASE(page_refused_is_looked_at_again),
	KUNIT_CASE(page_that_is_written_to_all_the_time_is_not_merged),
	KUNIT_CASE(new_page_is_merged_with_one_that_has_settled),
	KUNIT_CASE(new_pages_wait_until_one_has_settled),
	KUNIT_CASE(page_hashed_later_has_not_settled),
	KUNIT_CASE(page_whose_sharing_broke_has_to_settle_itself),
	KUNIT_CASE(sharing_that_breaks_is_left_alone),
	KUNIT_CASE(breaks_back_off_in_step),
	KUNIT_CASE(change_of_salt_is_noticed),
	KUNIT_CASE(large_frames_are_kept),
	KUNIT_CASE(one_equal_part_is_no_reason_to_break),
	KUNIT_CASE(dense_frames_are_broken_first),
	KUNIT_CASE(policy_never_and_always),
	KUNIT_CASE(region_that_was_never_whole_is_not_joined),
	KUNIT_CASE(region_that_shares_is_not_joined),
	KUNIT_CASE(region_is_joined_when_sharing_is_gone),
	KUNIT_CASE(region_with_a_pinned_page_is_not_joined),
	{}
};

struct kunit_suite esx_scan_suite = {
	.name = "esx_scan",
	.init = init_maps,
	.exit = exit_maps,
	.test_cases = scan_cases,
};
