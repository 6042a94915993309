// SPDX-License-Identifier: GPL-2.0
/*
 * What a pass costs, in work done: pages hashed, pages passed over, ranges
 * unmapped.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/esx.h"

#define REGIONS 4UL
#define PAGES (REGIONS * ESX_HUGE_PAGES)
#define SIZE (PAGES * ESX_PAGE)

/* A page is hashed to see that it changed, that it no longer does, to merge. */
#define HASHES_PER_CHANGE 3

struct memory {
	int fd;
	char *map;
};

static char *page_at(const struct memory *m, size_t page)
{
	return m->map + page * ESX_PAGE;
}

static struct memory make_unique(uint64_t base)
{
	struct memory m = { .fd = esx_file("vm/ram", SIZE) };

	m.map = esx_map_huge(m.fd, SIZE);
	for (size_t i = 0; i < PAGES; i++)
		esx_fill(page_at(&m, i), base + i);
	return m;
}

static void expect_unique(const struct memory *m, uint64_t base)
{
	for (size_t i = 0; i < PAGES; i++)
		CHECK_MSG(esx_has(page_at(m, i), base + i),
			  "page %zu has changed", i);
}

/* No more than is necessary for a page that holds still. */
static void settle(void)
{
	esx_scanner(true);
	esx_wait_scans(3);
}

static void unchanged_pages_are_not_hashed(void)
{
	struct memory m = make_unique(1);
	uint64_t hashed, clean;

	settle();
	hashed = esx_figure("hashed_pages");
	clean = esx_figure("clean_pages");
	CHECK(hashed >= PAGES);
	esx_wait_scans(4);
	CHECK_EQ(esx_figure("hashed_pages"), hashed);
	CHECK(esx_figure("clean_pages") >= clean + 4 * PAGES);
	expect_unique(&m, 1);
}

static void pages_that_are_read_are_not_hashed(void)
{
	struct memory m = make_unique(1);
	uint64_t hashed, ranges;
	char page[ESX_PAGE];

	settle();
	expect_unique(&m, 1);
	hashed = esx_figure("hashed_pages");
	ranges = esx_figure("unmap_ranges");
	for (int round = 0; round < 3; round++) {
		expect_unique(&m, 1);
		CHECK_EQ(pread(m.fd, page, ESX_PAGE, 0), ESX_PAGE);
		esx_wait_scans(1);
	}
	CHECK_EQ(esx_figure("hashed_pages"), hashed);
	/* Whoever reads them keeps them mapped. */
	CHECK_EQ(esx_figure("unmap_ranges"), ranges);
}

static void shared_and_zero_pages_are_not_hashed(void)
{
	struct memory m = make_unique(1);
	uint64_t hashed;

	for (size_t i = 0; i < PAGES; i++)
		esx_fill(page_at(&m, i), i % 8);
	settle();
	CHECK_EQ(esx_count(m.fd, 0, PAGES, ESXMEM_PAGE_ZERO), PAGES / 8);
	CHECK_EQ(esx_count(m.fd, 0, PAGES, ESXMEM_PAGE_SHARED),
		 PAGES - PAGES / 8);
	hashed = esx_figure("hashed_pages");
	esx_wait_scans(3);
	CHECK_EQ(esx_figure("hashed_pages"), hashed);
}

/* In the first pass, the second, the fourth and so on, up to every 64th. */
static void large_pages_are_hashed_ever_more_rarely(void)
{
	uint64_t hashed, clean;
	struct memory m;

	esx_set(ESX_SYSFS "/large_pages", "always");
	m = make_unique(1);
	CHECK_EQ(esx_count(m.fd, 0, PAGES, ESXMEM_PAGE_HUGE), PAGES);
	settle();
	hashed = esx_figure("hashed_pages");
	clean = esx_figure("clean_pages");
	esx_wait_scans(40);
	hashed = esx_figure("hashed_pages") - hashed;
	tap_note("%llu pages hashed in 40 passes over %lu",
		 (unsigned long long)hashed, PAGES);
	CHECK(hashed <= 7 * PAGES);
	CHECK(esx_figure("clean_pages") >= clean + 30 * PAGES);
	CHECK_EQ(esx_count(m.fd, 0, PAGES, ESXMEM_PAGE_HUGE), PAGES);
	expect_unique(&m, 1);
}

static void check_changed(const struct memory *m, size_t count)
{
	uint64_t hashed = esx_figure("hashed_pages");

	/* 37 has no factor in common with the number of pages. */
	for (size_t i = 0; i < count; i++)
		esx_fill(page_at(m, i * 37 % PAGES), 10000 + i);
	esx_wait_scans(4);
	hashed = esx_figure("hashed_pages") - hashed;
	CHECK_MSG(hashed >= count && hashed <= HASHES_PER_CHANGE * count,
		  "%zu pages were written to, %llu hashed", count,
		  (unsigned long long)hashed);
	hashed = esx_figure("hashed_pages");
	esx_wait_scans(2);
	CHECK_EQ(esx_figure("hashed_pages"), hashed);
	for (size_t i = 0; i < count; i++) {
		CHECK(esx_has(page_at(m, i * 37 % PAGES), 10000 + i));
		esx_fill(page_at(m, i * 37 % PAGES), 1 + i * 37 % PAGES);
	}
	expect_unique(m, 1);
	esx_wait_scans(3);
}

static void as_many_pages_are_hashed_as_were_written_to(void)
{
	struct memory m = make_unique(1);

	settle();
	check_changed(&m, 1);
	check_changed(&m, 10);
	check_changed(&m, 300);
	CHECK_EQ(esx_count(m.fd, 0, PAGES, ESXMEM_PAGE_PRIVATE), PAGES);
}

#define HOT 16UL

/* With neighbours that stay mapped, so that each costs a range of its own. */
static void write_hot(const struct memory *m, uint64_t id)
{
	for (size_t i = 0; i < HOT; i++)
		esx_fill(page_at(m, 2 * i), id + i);
}

/* A page that is written all the time is unmapped once, when it is first seen. */
static void pages_that_keep_changing_are_not_unmapped_again(void)
{
	struct memory m = make_unique(1);
	uint64_t ranges, hashed;

	settle();
	expect_unique(&m, 1);
	write_hot(&m, 20000);
	ranges = esx_figure("unmap_ranges");
	hashed = esx_figure("hashed_pages");
	for (int round = 1; round <= 10; round++) {
		/* A pass or, now and then, two, of which the second unmaps. */
		esx_wait_scans(0);
		write_hot(&m, 20000 + round * HOT);
	}
	ranges = esx_figure("unmap_ranges") - ranges;
	hashed = esx_figure("hashed_pages") - hashed;
	tap_note("%llu pages hashed, %llu ranges unmapped",
		 (unsigned long long)hashed, (unsigned long long)ranges);
	CHECK(hashed >= 5 * HOT);
	CHECK(ranges <= 4 * HOT);
}

static void expect_few_ranges(const struct memory *m)
{
	uint64_t ranges = esx_figure("unmap_ranges");
	uint64_t merged = esx_figure("merged_pages");

	esx_scanner(true);
	esx_wait_scans(2);
	ranges = esx_figure("unmap_ranges") - ranges;
	CHECK_EQ(esx_count(m->fd, 0, PAGES, ESXMEM_PAGE_SHARED), PAGES);
	merged = esx_figure("merged_pages") - merged;
	tap_note("%llu pages merged, %llu ranges unmapped",
		 (unsigned long long)merged, (unsigned long long)ranges);
	CHECK_EQ(merged, PAGES);
	CHECK(ranges >= REGIONS && ranges <= 3 * REGIONS);
}

/* Each page has a twin @distance pages away. */
static void check_pairs(size_t distance)
{
	struct memory m = make_unique(1);

	for (size_t i = 0; i < PAGES; i++)
		esx_fill(page_at(&m, i), 1 + (i & ~distance));
	expect_few_ranges(&m);
	for (size_t i = 0; i < PAGES; i++)
		CHECK(esx_has(page_at(&m, i), 1 + (i & ~distance)));
}

static void merging_pairs_in_one_region_unmaps_ranges(void)
{
	check_pairs(1);
}

static void merging_pairs_across_regions_unmaps_ranges(void)
{
	check_pairs(ESX_HUGE_PAGES);
}

static const struct tap_case cases[] = {
	TAP_CASE(unchanged_pages_are_not_hashed),
	TAP_CASE(pages_that_are_read_are_not_hashed),
	TAP_CASE(shared_and_zero_pages_are_not_hashed),
	TAP_CASE(large_pages_are_hashed_ever_more_rarely),
	TAP_CASE(as_many_pages_are_hashed_as_were_written_to),
	TAP_CASE(pages_that_keep_changing_are_not_unmapped_again),
	TAP_CASE(merging_pairs_in_one_region_unmaps_ranges),
	TAP_CASE(merging_pairs_across_regions_unmaps_ranges),
};

ESX_MAIN(cases)
