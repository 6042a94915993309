// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of reclaiming (reclaim.c), on page maps that nobody has mapped.  What it
 * says that it has freed is compared with the frames there are, every time.
 */
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "../frame.h"
#include "../reclaim.h"
#include "../share/batch.h"
#include "../share/hints.h"
#include "../share/large.h"
#include "../share/shared.h"
#include "map.h"
#include "suites.h"

#define SALT		1
#define REGIONS		(TEST_MAP_PAGES / ESX_REGION_PAGES)
#define ALL		U64_MAX

struct fixture {
	struct test_map *map;
	struct test_map *friend;	/* of the same salt */
	unsigned int unique;
};

static int init_maps(struct kunit *test)
{
	struct fixture *fix = kunit_kzalloc(test, sizeof(*fix), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, fix);
	KUNIT_ASSERT_EQ(test, esx_frame_count(), 0);
	test->priv = fix;
	fix->unique = 1 << 20;
	fix->map = create_test_map(test, SALT);
	fix->friend = create_test_map(test, SALT);
	return 0;
}

static void exit_maps(struct kunit *test)
{
	struct fixture *fix = test->priv;

	if (fix)
		end_sharing_test(test, (struct test_map *[]){ fix->friend, fix->map }, 2);
}

static void fill_unique(struct kunit *test, struct test_map *map, pgoff_t first, pgoff_t end)
{
	struct fixture *fix = test->priv;

	fill_apart(test, map, first, end, fix->unique);
	fix->unique += end - first;
}

/* A 2 MB frame of which @nr parts are zero, and the rest like no other. */
static void fill_huge(struct kunit *test, struct test_map *map, unsigned int region,
		      unsigned int nr)
{
	struct fixture *fix = test->priv;
	struct page *page;
	unsigned int i;

	enter_test_map(test, map);
	set_huge_at(test, map, region * ESX_REGION_PAGES);
	page = page_at(test, map, region * ESX_REGION_PAGES);
	leave_test_map(map);
	for (i = nr; i < ESX_REGION_PAGES; i++)
		memset32(page_address(nth_page(page, i)), fix->unique++, PAGE_SIZE / sizeof(u32));
}

static bool is_huge(struct kunit *test, struct test_map *map, unsigned int region)
{
	struct page *page = page_of(test, map, region * ESX_REGION_PAGES + ESX_REGION_MASK);

	KUNIT_ASSERT_NOT_NULL(test, page);
	return PageCompound(page);
}

static struct esx_reclaim_report reclaim_limited(struct kunit *test, struct test_map *map,
						 u64 pages, u64 max_hashed)
{
	const struct esx_reclaim_req req = { .pages = pages, .max_hashed = max_hashed };
	struct esx_reclaim_report report;
	long frames = esx_frame_count();

	KUNIT_EXPECT_EQ(test, esx_reclaim_vm(&map->vm, &req, &report), 0);
	KUNIT_EXPECT_EQ(test, report.freed, frames - esx_frame_count());
	KUNIT_EXPECT_EQ(test, report.freed, report.merged + report.zero + report.broken);
	KUNIT_EXPECT_EQ(test, esx_hints_check(), 0);
	return report;
}

static struct esx_reclaim_report reclaim(struct kunit *test, struct test_map *map, u64 pages)
{
	return reclaim_limited(test, map, pages, 0);
}

static void equal_pages_are_merged(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_reclaim_report report;

	fill_alike(test, fix->map, 10, 110, 7);
	report = reclaim(test, fix->map, ALL);
	KUNIT_EXPECT_EQ(test, report.merged, 99);
	expect_counts(test, fix->map, 0, 0, 100, 0);
	report = reclaim(test, fix->map, ALL);
	KUNIT_EXPECT_EQ(test, report.freed, 0);
}

static void zero_pages_are_given_up(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_reclaim_report report;

	fill_alike(test, fix->map, 600, 640, 0);
	fill_unique(test, fix->map, 640, 650);
	report = reclaim(test, fix->map, ALL);
	KUNIT_EXPECT_EQ(test, report.zero, 40);
	KUNIT_EXPECT_EQ(test, report.merged, 0);
	expect_counts(test, fix->map, 40, 10, 0, 0);
}

/* Pages of the other VM that meet here give a frame as well. */
static void pages_of_another_vm_count(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_reclaim_report report;
	unsigned int i;

	for (i = 0; i < 50; i++) {
		fill_alike(test, fix->map, i, i + 1, i + 1);
		fill_alike(test, fix->friend, i, i + 1, i + 1);
		fill_alike(test, fix->friend, 512 + i, 513 + i, i + 1);
	}
	report = reclaim(test, fix->map, ALL);
	KUNIT_EXPECT_EQ(test, report.freed, 0);
	report = reclaim(test, fix->friend, ALL);
	KUNIT_EXPECT_EQ(test, report.merged, 100);
	expect_counts(test, fix->map, 0, 0, 50, 0);
}

static void unique_pages_stay(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_reclaim_report report;

	fill_unique(test, fix->map, 0, 1000);
	report = reclaim(test, fix->map, ALL);
	KUNIT_EXPECT_EQ(test, report.freed, 0);
	KUNIT_EXPECT_EQ(test, report.hashed, 1000);
	/* They are known. */
	report = reclaim(test, fix->map, ALL);
	KUNIT_EXPECT_EQ(test, report.hashed, 0);
	expect_counts(test, fix->map, 0, 1000, 0, 0);
}

static void nothing_comes_of_nothing(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_reclaim_report report;

	report = reclaim(test, fix->map, ALL);
	KUNIT_EXPECT_EQ(test, report.freed, 0);
	fill_alike(test, fix->map, 0, 10, 0);
	report = reclaim(test, fix->map, 0);
	KUNIT_EXPECT_EQ(test, report.freed, 0);
	expect_counts(test, fix->map, 0, 10, 0, 0);
}

static long zero_pages_of(struct test_map *map)
{
	return atomic_long_read(&map->pmap->counts.nr[ESX_ZERO]);
}

/* Ten zero pages in each region: what is asked for decides how many are visited. */
static void reclaim_stops_when_enough_is_freed(struct kunit *test)
{
	struct fixture *fix = test->priv;
	unsigned int i;

	for (i = 0; i < REGIONS; i++)
		fill_alike(test, fix->map, i * ESX_REGION_PAGES, i * ESX_REGION_PAGES + 10, 0);
	KUNIT_EXPECT_EQ(test, reclaim(test, fix->map, 1).freed, 10);
	KUNIT_EXPECT_EQ(test, reclaim(test, fix->map, 11).freed, 20);
	KUNIT_EXPECT_EQ(test, reclaim(test, fix->map, 10).freed, 10);
	KUNIT_EXPECT_EQ(test, zero_pages_of(fix->map), 40);
}

static void reclaim_goes_round(struct kunit *test)
{
	struct fixture *fix = test->priv;
	unsigned int i;

	for (i = 0; i < REGIONS; i++)
		fill_alike(test, fix->map, i * ESX_REGION_PAGES, i * ESX_REGION_PAGES + 10, 0);
	for (i = 0; i < REGIONS; i++) {
		KUNIT_EXPECT_EQ(test, reclaim(test, fix->map, 1).freed, 10);
		/* It is not back at the first region before all had their turn. */
		write_page(test, fix->map, 0, 0);
	}
	KUNIT_EXPECT_EQ(test, zero_pages_of(fix->map), 10 * REGIONS - 1);
	KUNIT_EXPECT_EQ(test, reclaim(test, fix->map, ALL).freed, 1);
}

static void reclaim_goes_on_where_it_gave_up(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_reclaim_report report;
	unsigned int i;

	fill_unique(test, fix->map, 0, 3 * ESX_REGION_PAGES);
	fill_alike(test, fix->map, 3 * ESX_REGION_PAGES, 3 * ESX_REGION_PAGES + 10, 0);
	for (i = 0; i < 3; i++) {
		report = reclaim_limited(test, fix->map, ALL, 1);
		KUNIT_EXPECT_EQ(test, report.hashed, ESX_REGION_PAGES);
		KUNIT_EXPECT_EQ(test, report.freed, 0);
	}
	report = reclaim_limited(test, fix->map, ALL, 1);
	KUNIT_EXPECT_EQ(test, report.freed, 10);
}

static void large_frames_are_broken_when_nothing_else_helps(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_reclaim_report report;

	fill_huge(test, fix->map, 0, 300);
	fill_alike(test, fix->map, ESX_REGION_PAGES, ESX_REGION_PAGES + 50, 0);
	report = reclaim(test, fix->map, 50);
	KUNIT_EXPECT_EQ(test, report.zero, 50);
	KUNIT_EXPECT_EQ(test, report.huge_broken, 0);
	report = reclaim(test, fix->map, 1);
	KUNIT_EXPECT_EQ(test, report.huge_broken, 1);
	KUNIT_EXPECT_EQ(test, report.broken, 300);
	expect_counts(test, fix->map, 350, 212, 0, 0);
}

static void densest_large_frame_is_broken_first(struct kunit *test)
{
	struct fixture *fix = test->priv;

	fill_huge(test, fix->map, 0, 100);
	fill_huge(test, fix->map, 1, 500);
	fill_huge(test, fix->map, 2, 200);
	KUNIT_EXPECT_EQ(test, reclaim(test, fix->map, 1).broken, 500);
	KUNIT_EXPECT_TRUE(test, is_huge(test, fix->map, 0));
	KUNIT_EXPECT_TRUE(test, is_huge(test, fix->map, 2));
	KUNIT_EXPECT_EQ(test, reclaim(test, fix->map, 1).broken, 200);
	KUNIT_EXPECT_TRUE(test, is_huge(test, fix->map, 0));
	KUNIT_EXPECT_EQ(test, reclaim(test, fix->map, 1).broken, 100);
}

static void large_frame_that_gives_little_is_kept(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_reclaim_report report;

	fill_huge(test, fix->map, 0, ESX_LARGE_MIN_GAIN - 1);
	fill_huge(test, fix->map, 1, ESX_LARGE_MIN_GAIN);
	report = reclaim(test, fix->map, ALL);
	KUNIT_EXPECT_EQ(test, report.huge_broken, 1);
	KUNIT_EXPECT_EQ(test, report.broken, ESX_LARGE_MIN_GAIN);
	KUNIT_EXPECT_TRUE(test, is_huge(test, fix->map, 0));
}

static void look_at(struct kunit *test, struct test_map *map)
{
	struct esx_share_visit visit = { .kind = ESX_VISIT_LOOK };
	pgoff_t first = 0;

	while (esx_share_region(map->pmap, &first, TEST_MAP_PAGES, &visit))
		;
	KUNIT_EXPECT_EQ(test, visit.report.huge_broken, 0);
}

static void scribble(struct kunit *test, struct test_map *map, unsigned int region)
{
	struct fixture *fix = test->priv;
	struct page *page = page_of(test, map, region * ESX_REGION_PAGES + ESX_REGION_MASK);

	KUNIT_ASSERT_NOT_NULL(test, page);
	memset32(page_address(page), fix->unique++, PAGE_SIZE / sizeof(u32));
}

/* As dense, nearly: the one that was written to between two looks comes last. */
static void large_frame_in_use_is_broken_last(struct kunit *test)
{
	struct fixture *fix = test->priv;

	fill_huge(test, fix->map, 0, 300);
	fill_huge(test, fix->map, 1, 290);
	fill_huge(test, fix->map, 2, 280);
	look_at(test, fix->map);
	age_digest(test, fix->map, 0, 2);
	age_digest(test, fix->map, 1, 2);
	age_digest(test, fix->map, 2, 2);
	scribble(test, fix->map, 0);
	scribble(test, fix->map, 1);
	look_at(test, fix->map);
	KUNIT_EXPECT_EQ(test, reclaim(test, fix->map, 1).broken, 280);
	KUNIT_EXPECT_TRUE(test, is_huge(test, fix->map, 0));
	KUNIT_EXPECT_EQ(test, reclaim(test, fix->map, ALL).broken, 590);
}

/* Two looks in the same second, however long it takes until there are. */
static void look_twice_in_a_moment(struct kunit *test, struct test_map *map, unsigned int in_use)
{
	time64_t second;

	do {
		second = ktime_get_seconds();
		scribble(test, map, in_use);
		look_at(test, map);
		look_at(test, map);
	} while (ktime_get_seconds() != second);
}

/* Nobody writes to a frame in use in the moment between two looks. */
static void large_frame_in_use_does_not_pass_for_quiet(struct kunit *test)
{
	struct fixture *fix = test->priv;

	fill_huge(test, fix->map, 0, 300);
	fill_huge(test, fix->map, 1, 280);
	look_at(test, fix->map);
	age_digest(test, fix->map, 1, 2);
	look_twice_in_a_moment(test, fix->map, 0);
	KUNIT_EXPECT_EQ(test, reclaim(test, fix->map, 1).broken, 280);
	KUNIT_EXPECT_TRUE(test, is_huge(test, fix->map, 0));
}

/* Also when the clock's 8 bits have gone round. */
static void large_frame_that_is_left_alone_stays_quiet(struct kunit *test)
{
	struct fixture *fix = test->priv;

	fill_huge(test, fix->map, 0, 300);
	fill_huge(test, fix->map, 1, 280);
	look_at(test, fix->map);
	age_digest(test, fix->map, 1, 2);
	look_at(test, fix->map);
	age_digest(test, fix->map, 1, 254);
	look_twice_in_a_moment(test, fix->map, 0);
	KUNIT_EXPECT_EQ(test, reclaim(test, fix->map, 1).broken, 280);
}

/* Neither saves anything alone; looked at together they show that one does. */
static void equal_large_frames_share_their_parts(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_reclaim_report report;

	fill_huge(test, fix->map, 0, 0);
	fix->unique -= ESX_REGION_PAGES;
	fill_huge(test, fix->map, 3, 0);
	report = reclaim(test, fix->map, ALL);
	KUNIT_EXPECT_EQ(test, report.huge_broken, 2);
	KUNIT_EXPECT_EQ(test, report.broken, ESX_REGION_PAGES);
	expect_counts(test, fix->map, 0, 0, 2 * ESX_REGION_PAGES, 0);
}

/* Nobody has looked since they changed: then reclaim looks itself. */
static void large_frame_that_changed_is_looked_at_again(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_reclaim_report report;
	struct page *page;
	unsigned int i;

	fill_huge(test, fix->map, 0, 0);
	report = reclaim(test, fix->map, ALL);
	KUNIT_EXPECT_EQ(test, report.huge_broken, 0);
	KUNIT_EXPECT_EQ(test, report.hashed, ESX_REGION_PAGES);
	page = page_of(test, fix->map, 0);
	KUNIT_ASSERT_NOT_NULL(test, page);
	for (i = 0; i < 200; i++)
		clear_page(page_address(nth_page(page, i)));
	report = reclaim(test, fix->map, ALL);
	KUNIT_EXPECT_EQ(test, report.huge_broken, 1);
	KUNIT_EXPECT_EQ(test, report.broken, 200);
}

static void large_frame_that_is_pinned_stays(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_reclaim_report report;
	struct folio *folio;

	fill_huge(test, fix->map, 0, 300);
	folio = page_folio(page_of(test, fix->map, ESX_REGION_MASK));
	folio_get(folio);
	report = reclaim(test, fix->map, ALL);
	KUNIT_EXPECT_EQ(test, report.freed, 0);
	KUNIT_EXPECT_EQ(test, report.pinned, ESX_REGION_PAGES);
	folio_put(folio);
	KUNIT_EXPECT_EQ(test, reclaim(test, fix->map, ALL).broken, 300);
}

/* A turn of enforcement: nobody asked for this VM. */
static struct esx_reclaim_report reclaim_sparingly(struct kunit *test, struct test_map *map)
{
	const struct esx_reclaim_req req = { .pages = ALL, .spares = true };
	struct esx_reclaim_report report;

	KUNIT_EXPECT_EQ(test, esx_reclaim_vm(&map->vm, &req, &report), 0);
	KUNIT_EXPECT_EQ(test, esx_hints_check(), 0);
	return report;
}

/* 32 looks, of which each turn has four: it is tried in the 1st and in the 10th turn. */
static void large_frame_that_is_pinned_rests(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_reclaim_report report;
	struct folio *folio;
	unsigned int turn;
	u64 pinned = 0;

	fill_huge(test, fix->map, 0, 300);
	folio = page_folio(page_of(test, fix->map, ESX_REGION_MASK));
	folio_get(folio);
	for (turn = 1; turn <= 10; turn++) {
		report = reclaim_sparingly(test, fix->map);
		KUNIT_EXPECT_EQ(test, report.freed, 0);
		/* What is known of it is kept. */
		KUNIT_EXPECT_EQ(test, report.hashed, turn == 1 ? ESX_REGION_PAGES : 0);
		pinned += report.pinned;
		KUNIT_EXPECT_EQ(test, pinned, (turn == 10 ? 2 : 1) * ESX_REGION_PAGES);
		KUNIT_EXPECT_EQ(test, esx_large_shareable_frames(), 0);
	}
	folio_put(folio);
	KUNIT_EXPECT_EQ(test, reclaim_sparingly(test, fix->map).broken, 0);
	/* Who asks does not wait; only what stays is hashed, to be shared perhaps. */
	report = reclaim(test, fix->map, ALL);
	KUNIT_EXPECT_EQ(test, report.broken, 300);
	KUNIT_EXPECT_EQ(test, report.hashed, ESX_REGION_PAGES - 300);
}

/* Parts beyond the end of a file that was cut short are freed with the rest. */
static void large_frame_at_the_end_counts_what_is_beyond(struct kunit *test)
{
	struct fixture *fix = test->priv;

	fill_huge(test, fix->map, 7, 100);
	esx_pmap_enter_exclusive(fix->map->pmap);
	fix->map->pmap->nr_pages -= 12;
	esx_pmap_leave_exclusive(fix->map->pmap);
	/* 12 of those beyond the end are no pages of the file any more. */
	KUNIT_EXPECT_EQ(test, reclaim(test, fix->map, ALL).broken, 112);
	esx_pmap_enter_exclusive(fix->map->pmap);
	fix->map->pmap->nr_pages += 12;
	esx_pmap_leave_exclusive(fix->map->pmap);
}

static void vm_that_does_not_share_leaves_no_one_in_line(struct kunit *test)
{
	struct fixture *fix = test->priv;

	fix->map->vm.share = false;
	fill_huge(test, fix->map, 0, 300);
	fill_huge(test, fix->map, 1, 100);
	KUNIT_EXPECT_EQ(test, reclaim(test, fix->map, 1).broken, 300);
	KUNIT_EXPECT_TRUE(test, is_huge(test, fix->map, 1));
	KUNIT_EXPECT_EQ(test, atomic_long_read(&fix->map->vm.shareable_frames), 0);
	fix->map->vm.share = true;
	look_at(test, fix->map);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&fix->map->vm.shareable_frames), 1);
}

static struct kunit_case reclaim_cases[] = {
	KUNIT_CASE(equal_pages_are_merged),
	KUNIT_CASE(zero_pages_are_given_up),
	KUNIT_CASE(pages_of_another_vm_count),
	KUNIT_CASE(unique_pages_stay),
	KUNIT_CASE(nothing_comes_of_nothing),
	KUNIT_CASE(reclaim_stops_when_enough_is_freed),
	KUNIT_CASE(reclaim_goes_round),
	KUNIT_CASE(reclaim_goes_on_where_it_gave_up),
	KUNIT_CASE(large_frames_are_broken_when_nothing_else_helps),
	KUNIT_CASE(densest_large_frame_is_broken_first),
	KUNIT_CASE(large_frame_that_gives_little_is_kept),
	KUNIT_CASE(large_frame_in_use_is_broken_last),
	KUNIT_CASE(large_frame_in_use_does_not_pass_for_quiet),
	KUNIT_CASE(large_frame_that_is_left_alone_stays_quiet),
	KUNIT_CASE(equal_large_frames_share_their_parts),
	KUNIT_CASE(large_frame_that_changed_is_looked_at_again),
	KUNIT_CASE(large_frame_that_is_pinned_stays),
	KUNIT_CASE(large_frame_that_is_pinned_rests),
	KUNIT_CASE(large_frame_at_the_end_counts_what_is_beyond),
	KUNIT_CASE(vm_that_does_not_share_leaves_no_one_in_line),
	{}
};

struct kunit_suite esx_reclaim_suite = {
	.name = "esx_reclaim",
	.init = init_maps,
	.exit = exit_maps,
	.test_cases = reclaim_cases,
};
