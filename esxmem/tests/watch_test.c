// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of watching pages (tax/watch.c), on a page map that no file is behind and
 * with a guest whose accessed bits are an array.
 */
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/slab.h>

#include "../punch.h"
#include "../tax/tally.h"
#include "../tax/watch.h"
#include "map.h"
#include "suites.h"

/*
 * A guest, and the VMM beside it; where the guest's page tables map 2 MB at once
 * one bit serves all.
 */
struct guest {
	DECLARE_BITMAP(young, TEST_MAP_PAGES);
	DECLARE_BITMAP(host, TEST_MAP_PAGES);
	DECLARE_BITMAP(large, TEST_MAP_PAGES / ESX_REGION_PAGES);
	unsigned int nr_cleared;
	unsigned int nr_tested;
	bool busy;
};

struct fixture {
	struct test_map *map;
	struct guest guest;
};

static pgoff_t bit_of(const struct guest *guest, pgoff_t pgoff)
{
	return test_bit(pgoff >> ESX_REGION_ORDER, guest->large) ? pgoff & ~ESX_REGION_MASK : pgoff;
}

static bool age(void *data, struct esx_age *ages, unsigned int nr, bool clear)
{
	struct guest *guest = data;
	unsigned int i;

	if (guest->busy)
		return false;
	for (i = 0; i < nr; i++) {
		pgoff_t bit = bit_of(guest, ages[i].pgoff);

		ages[i].young = test_bit(bit, guest->young);
		ages[i].host = test_bit(ages[i].pgoff, guest->host);
		if (!clear)
			continue;
		clear_bit(bit, guest->young);
		clear_bit(ages[i].pgoff, guest->host);
	}
	*(clear ? &guest->nr_cleared : &guest->nr_tested) += nr;
	return true;
}

static void no_stats(void *data, struct esx_guest_stats *stats)
{
}

static const struct esx_guest_ops ops = { .stats = no_stats, .age = age };

static void touch_by_guest(struct fixture *fix, pgoff_t pgoff)
{
	set_bit(bit_of(&fix->guest, pgoff), fix->guest.young);
}

static void touch_by_vmm(struct fixture *fix, pgoff_t pgoff)
{
	set_bit(pgoff, fix->guest.host);
}

/* What a fault does before it returns the page's frame. */
static void touch_by_fault(struct kunit *test, struct fixture *fix, pgoff_t pgoff)
{
	struct esx_slot slot;

	enter_test_map(test, fix->map);
	lock_page_at(test, fix->map, pgoff, 0, &slot);
	esx_pmap_set_mapped(&slot, true);
	esx_pmap_unlock(&slot);
	leave_test_map(fix->map);
}

static void fill_pages(struct kunit *test, struct fixture *fix, pgoff_t first, pgoff_t nr)
{
	pgoff_t i;

	enter_test_map(test, fix->map);
	for (i = first; i < first + nr; i++)
		set_page_at(test, fix->map, i, i + 1);
	leave_test_map(fix->map);
	for (i = first; i < first + nr; i++)
		touch_by_fault(test, fix, i);
}

static void fill_large(struct kunit *test, struct fixture *fix, pgoff_t pgoff)
{
	enter_test_map(test, fix->map);
	set_huge_at(test, fix->map, pgoff);
	leave_test_map(fix->map);
	touch_by_fault(test, fix, pgoff);
	set_bit(pgoff >> ESX_REGION_ORDER, fix->guest.large);
}

static void attach(struct kunit *test, struct fixture *fix)
{
	KUNIT_ASSERT_EQ(test, esx_vm_attach_guest(&fix->map->vm, &ops, &fix->guest), 0);
}

static struct esx_watch *watch_all(struct kunit *test, struct fixture *fix,
				   enum esx_sample_method method)
{
	struct esx_watch *watch = esx_watch_begin(&fix->map->vm, TEST_MAP_PAGES, method, 1);

	KUNIT_ASSERT_NOT_NULL(test, watch);
	KUNIT_EXPECT_EQ(test, esx_watch_method(watch), method);
	return watch;
}

struct expected {
	u32 sampled, touched, coarse, host, zeroed, freed;
};

static void expect_tally(struct kunit *test, struct fixture *fix, struct esx_watch *watch,
			 const struct expected *expected)
{
	struct esx_tally tally;

	esx_watch_look(watch, &fix->map->vm);
	esx_watch_tally(watch, &tally);
	KUNIT_EXPECT_EQ(test, tally.sampled, expected->sampled);
	KUNIT_EXPECT_EQ(test, tally.all.touched, expected->touched);
	KUNIT_EXPECT_EQ(test, tally.all.coarse, expected->coarse);
	KUNIT_EXPECT_EQ(test, tally.all.host, expected->host);
	KUNIT_EXPECT_EQ(test, tally.zeroed, expected->zeroed);
	KUNIT_EXPECT_EQ(test, tally.freed, expected->freed);
	KUNIT_EXPECT_EQ(test, tally.kept.touched,
			expected->touched - expected->zeroed - expected->freed);
}

#define EXPECT_TALLY(test, fix, watch, ...) \
	expect_tally(test, fix, watch, &(const struct expected){ __VA_ARGS__ })

static void young_counts_the_guests_touches(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_watch *watch;

	fill_pages(test, fix, 0, 20);
	attach(test, fix);
	touch_by_guest(fix, 3);
	watch = watch_all(test, fix, ESX_SAMPLE_YOUNG);
	EXPECT_TALLY(test, fix, watch, .sampled = TEST_MAP_PAGES);
	touch_by_guest(fix, 3);
	touch_by_guest(fix, 7);
	EXPECT_TALLY(test, fix, watch, .sampled = TEST_MAP_PAGES, .touched = 2);
	esx_watch_end(watch);
}

static void touch_that_was_seen_is_not_forgotten(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_watch *watch;

	fill_pages(test, fix, 0, 20);
	attach(test, fix);
	watch = watch_all(test, fix, ESX_SAMPLE_YOUNG);
	touch_by_guest(fix, 3);
	EXPECT_TALLY(test, fix, watch, .sampled = TEST_MAP_PAGES, .touched = 1);
	bitmap_zero(fix->guest.young, TEST_MAP_PAGES);
	EXPECT_TALLY(test, fix, watch, .sampled = TEST_MAP_PAGES, .touched = 1);
	esx_watch_end(watch);
}

static void looking_changes_no_accessed_bit(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_watch *watch;
	unsigned int cleared;

	fill_pages(test, fix, 0, 20);
	attach(test, fix);
	watch = watch_all(test, fix, ESX_SAMPLE_YOUNG);
	cleared = fix->guest.nr_cleared;
	touch_by_guest(fix, 3);
	esx_watch_look(watch, &fix->map->vm);
	esx_watch_look(watch, &fix->map->vm);
	KUNIT_EXPECT_TRUE(test, test_bit(3, fix->guest.young));
	KUNIT_EXPECT_EQ(test, fix->guest.nr_cleared, cleared);
	/* The second time what was touched is not asked about. */
	KUNIT_EXPECT_EQ(test, fix->guest.nr_tested, 2 * TEST_MAP_PAGES - 1);
	esx_watch_end(watch);
}

/* All 512 pages of the first region are watched, and one bit serves them. */
static void large_page_counts_as_coarse(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_watch *watch;

	fill_large(test, fix, 0);
	fill_pages(test, fix, ESX_REGION_PAGES, 20);
	attach(test, fix);
	watch = watch_all(test, fix, ESX_SAMPLE_YOUNG);
	EXPECT_TALLY(test, fix, watch, .sampled = TEST_MAP_PAGES);
	touch_by_guest(fix, 5);
	touch_by_guest(fix, ESX_REGION_PAGES + 5);
	EXPECT_TALLY(test, fix, watch, .sampled = TEST_MAP_PAGES,
		     .touched = ESX_REGION_PAGES + 1, .coarse = ESX_REGION_PAGES);
	esx_watch_end(watch);
}

/* A frame of 2 MB that the guest and the VMM see by 4 KB: each page has its bits. */
static void large_page_mapped_in_parts_begins_untouched(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_watch *watch;

	fill_large(test, fix, 0);
	clear_bit(0, fix->guest.large);
	attach(test, fix);
	bitmap_fill(fix->guest.young, ESX_REGION_PAGES);
	bitmap_fill(fix->guest.host, ESX_REGION_PAGES);
	watch = watch_all(test, fix, ESX_SAMPLE_YOUNG);
	EXPECT_TALLY(test, fix, watch, .sampled = TEST_MAP_PAGES);
	touch_by_vmm(fix, 8);
	touch_by_guest(fix, 9);
	EXPECT_TALLY(test, fix, watch, .sampled = TEST_MAP_PAGES, .touched = 2, .coarse = 2,
		     .host = 1);
	esx_watch_end(watch);
}

/* One sample in 2 MB is one page, whatever the bit stands for. */
static void sample_in_a_large_page_counts_once(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_watch *watch;
	unsigned int i;

	for (i = 0; i < TEST_MAP_PAGES; i += ESX_REGION_PAGES)
		fill_large(test, fix, i);
	attach(test, fix);
	watch = esx_watch_begin(&fix->map->vm, 1, ESX_SAMPLE_YOUNG, 1);
	KUNIT_ASSERT_NOT_NULL(test, watch);
	for (i = 0; i < TEST_MAP_PAGES; i++)
		touch_by_guest(fix, i);
	EXPECT_TALLY(test, fix, watch, .sampled = 1, .touched = 1, .coarse = 1);
	esx_watch_end(watch);
}

static void unmap_counts_what_is_mapped_again(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_watch *watch;

	fill_pages(test, fix, 0, 20);
	watch = watch_all(test, fix, ESX_SAMPLE_UNMAP);
	EXPECT_TALLY(test, fix, watch, .sampled = TEST_MAP_PAGES);
	touch_by_fault(test, fix, 3);
	touch_by_fault(test, fix, 7);
	touch_by_fault(test, fix, 7);
	EXPECT_TALLY(test, fix, watch, .sampled = TEST_MAP_PAGES, .touched = 2);
	esx_watch_end(watch);
}

static void unmapped_large_page_counts_as_coarse(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_watch *watch;

	fill_large(test, fix, 0);
	watch = watch_all(test, fix, ESX_SAMPLE_UNMAP);
	EXPECT_TALLY(test, fix, watch, .sampled = TEST_MAP_PAGES);
	touch_by_fault(test, fix, 9);
	EXPECT_TALLY(test, fix, watch, .sampled = TEST_MAP_PAGES, .touched = ESX_REGION_PAGES,
		     .coarse = ESX_REGION_PAGES);
	esx_watch_end(watch);
}

static void pinned_page_counts_as_touched(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_watch *watch;
	struct page *page;

	fill_pages(test, fix, 0, 20);
	page = page_of(test, fix->map, 4);
	get_page(page);
	watch = watch_all(test, fix, ESX_SAMPLE_UNMAP);
	EXPECT_TALLY(test, fix, watch, .sampled = TEST_MAP_PAGES, .touched = 1);
	esx_watch_end(watch);
	put_page(page);
}

static void page_that_is_locked_is_not_sampled(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_watch *watch;
	struct esx_slot slot;

	fill_pages(test, fix, 0, 20);
	enter_test_map(test, fix->map);
	lock_page_at(test, fix->map, 4, 0, &slot);
	watch = watch_all(test, fix, ESX_SAMPLE_UNMAP);
	esx_pmap_unlock(&slot);
	leave_test_map(fix->map);
	EXPECT_TALLY(test, fix, watch, .sampled = TEST_MAP_PAGES - 1);
	esx_watch_end(watch);
}

static void young_tells_touches_of_the_vmm_apart(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_watch *watch;

	fill_pages(test, fix, 0, 20);
	attach(test, fix);
	touch_by_vmm(fix, 2);
	watch = watch_all(test, fix, ESX_SAMPLE_YOUNG);
	EXPECT_TALLY(test, fix, watch, .sampled = TEST_MAP_PAGES);
	touch_by_vmm(fix, 3);
	touch_by_guest(fix, 7);
	touch_by_guest(fix, 8);
	touch_by_vmm(fix, 8);
	EXPECT_TALLY(test, fix, watch, .sampled = TEST_MAP_PAGES, .touched = 3, .host = 1);
	esx_watch_end(watch);
}

/* A fault fills the VMM's page tables before the guest's. */
static void touch_of_the_vmm_may_turn_out_to_be_the_guests(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_watch *watch;

	fill_pages(test, fix, 0, 20);
	attach(test, fix);
	watch = watch_all(test, fix, ESX_SAMPLE_YOUNG);
	touch_by_vmm(fix, 3);
	EXPECT_TALLY(test, fix, watch, .sampled = TEST_MAP_PAGES, .touched = 1, .host = 1);
	touch_by_guest(fix, 3);
	EXPECT_TALLY(test, fix, watch, .sampled = TEST_MAP_PAGES, .touched = 1);
	/* And stays so, whatever is forgotten. */
	bitmap_zero(fix->guest.young, TEST_MAP_PAGES);
	EXPECT_TALLY(test, fix, watch, .sampled = TEST_MAP_PAGES, .touched = 1);
	esx_watch_end(watch);
}

static void touches_of_host_and_guest_are_told_apart(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_watch *watch;

	fill_pages(test, fix, 0, 20);
	attach(test, fix);
	watch = watch_all(test, fix, ESX_SAMPLE_UNMAP);
	touch_by_fault(test, fix, 3);
	touch_by_fault(test, fix, 7);
	touch_by_guest(fix, 7);
	EXPECT_TALLY(test, fix, watch, .sampled = TEST_MAP_PAGES, .touched = 2, .host = 1);
	esx_watch_end(watch);
}

static void set_words(struct kunit *test, struct fixture *fix, pgoff_t pgoff, u32 word)
{
	memset32(page_address(page_of(test, fix->map, pgoff)), word, PAGE_SIZE / sizeof(u32));
}

static void punch_page(struct fixture *fix, pgoff_t pgoff)
{
	esx_pmap_enter_exclusive(fix->map->pmap);
	esx_punch_pages(fix->map->pmap, pgoff, pgoff + 1);
	esx_pmap_leave_exclusive(fix->map->pmap);
}

static void zeroed_page_is_discounted(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_watch *watch;

	fill_pages(test, fix, 0, 20);
	attach(test, fix);
	watch = watch_all(test, fix, ESX_SAMPLE_YOUNG);
	touch_by_guest(fix, 3);
	touch_by_guest(fix, 7);
	set_words(test, fix, 7, 0);
	EXPECT_TALLY(test, fix, watch, .sampled = TEST_MAP_PAGES, .touched = 2, .zeroed = 1);
	/* It is used after all. */
	set_words(test, fix, 7, 1);
	EXPECT_TALLY(test, fix, watch, .sampled = TEST_MAP_PAGES, .touched = 2);
	esx_watch_end(watch);
}

/* In the period in which they are zeroed, and not again. */
static void zeros_in_use_are_not_hidden(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_watch *watch;

	fill_pages(test, fix, 0, 20);
	attach(test, fix);
	watch = watch_all(test, fix, ESX_SAMPLE_YOUNG);
	touch_by_guest(fix, 7);
	set_words(test, fix, 7, 0);
	EXPECT_TALLY(test, fix, watch, .sampled = TEST_MAP_PAGES, .touched = 1, .zeroed = 1);
	esx_watch_end(watch);
	watch = watch_all(test, fix, ESX_SAMPLE_YOUNG);
	touch_by_guest(fix, 7);
	EXPECT_TALLY(test, fix, watch, .sampled = TEST_MAP_PAGES, .touched = 1);
	esx_watch_end(watch);
}

/* The scanner gave up the frame in between, and the guest has written zeros again. */
static void zeros_that_the_scanner_found_are_no_hole(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_watch *watch;
	struct esx_slot slot;

	attach(test, fix);
	enter_test_map(test, fix->map);
	KUNIT_ASSERT_TRUE(test, esx_quota_charge(&fix->map->quota, 1));
	lock_entry_at(test, fix->map, 7, &slot);
	esx_pmap_set(&slot, ESX_ZERO, NULL);
	esx_pmap_unlock(&slot);
	leave_test_map(fix->map);
	watch = watch_all(test, fix, ESX_SAMPLE_YOUNG);
	write_page(test, fix->map, 7, 0);
	touch_by_guest(fix, 7);
	EXPECT_TALLY(test, fix, watch, .sampled = TEST_MAP_PAGES, .touched = 1);
	esx_watch_end(watch);
}

static void hole_that_is_filled_with_zeros_is_discounted(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_watch *watch;

	attach(test, fix);
	watch = watch_all(test, fix, ESX_SAMPLE_YOUNG);
	write_page(test, fix->map, 3, 0);
	write_page(test, fix->map, 7, 7);
	touch_by_guest(fix, 3);
	touch_by_guest(fix, 7);
	EXPECT_TALLY(test, fix, watch, .sampled = TEST_MAP_PAGES, .touched = 2, .zeroed = 1);
	esx_watch_end(watch);
}

static void freed_page_is_discounted(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_watch *watch;

	fill_pages(test, fix, 0, 20);
	attach(test, fix);
	watch = watch_all(test, fix, ESX_SAMPLE_YOUNG);
	touch_by_guest(fix, 3);
	touch_by_guest(fix, 7);
	esx_watch_look(watch, &fix->map->vm);
	punch_page(fix, 7);
	EXPECT_TALLY(test, fix, watch, .sampled = TEST_MAP_PAGES, .touched = 2, .freed = 1);
	esx_watch_end(watch);
}

/* Of 512 pages that look touched one was zeroed, and that one is known. */
static void zeroed_part_of_a_large_page_is_discounted(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_watch *watch;

	fill_large(test, fix, 0);
	set_words(test, fix, 5, 5);
	attach(test, fix);
	watch = watch_all(test, fix, ESX_SAMPLE_YOUNG);
	touch_by_guest(fix, 0);
	set_words(test, fix, 5, 0);
	EXPECT_TALLY(test, fix, watch, .sampled = TEST_MAP_PAGES, .touched = ESX_REGION_PAGES,
		     .coarse = ESX_REGION_PAGES, .zeroed = 1);
	esx_watch_end(watch);
}

static void page_that_is_locked_is_not_discounted(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_watch *watch;
	struct esx_slot slot;

	fill_pages(test, fix, 0, 20);
	attach(test, fix);
	watch = watch_all(test, fix, ESX_SAMPLE_YOUNG);
	touch_by_guest(fix, 4);
	set_words(test, fix, 4, 0);
	enter_test_map(test, fix->map);
	lock_page_at(test, fix->map, 4, 0, &slot);
	EXPECT_TALLY(test, fix, watch, .sampled = TEST_MAP_PAGES, .touched = 1);
	esx_pmap_unlock(&slot);
	leave_test_map(fix->map);
	EXPECT_TALLY(test, fix, watch, .sampled = TEST_MAP_PAGES, .touched = 1, .zeroed = 1);
	esx_watch_end(watch);
}

static void without_a_guest_pages_are_unmapped(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_watch *watch;

	fill_pages(test, fix, 0, 20);
	watch = esx_watch_begin(&fix->map->vm, TEST_MAP_PAGES, ESX_SAMPLE_YOUNG, 1);
	KUNIT_ASSERT_NOT_NULL(test, watch);
	KUNIT_EXPECT_EQ(test, esx_watch_method(watch), ESX_SAMPLE_UNMAP);
	touch_by_fault(test, fix, 3);
	EXPECT_TALLY(test, fix, watch, .sampled = TEST_MAP_PAGES, .touched = 1);
	esx_watch_end(watch);
}

static void guest_that_cannot_be_asked_is_left_alone(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_watch *watch;

	fill_pages(test, fix, 0, 20);
	attach(test, fix);
	fix->guest.busy = true;
	KUNIT_EXPECT_NULL(test, esx_watch_begin(&fix->map->vm, 10, ESX_SAMPLE_YOUNG, 1));
	fix->guest.busy = false;
	watch = watch_all(test, fix, ESX_SAMPLE_YOUNG);
	touch_by_guest(fix, 3);
	fix->guest.busy = true;
	EXPECT_TALLY(test, fix, watch, .sampled = TEST_MAP_PAGES);
	fix->guest.busy = false;
	EXPECT_TALLY(test, fix, watch, .sampled = TEST_MAP_PAGES, .touched = 1);
	esx_watch_end(watch);
}

static void vm_without_memory_is_not_sampled(struct kunit *test)
{
	struct fixture *fix = test->priv;

	atomic_long_set(&fix->map->vm.size_pages, 0);
	KUNIT_EXPECT_NULL(test, esx_watch_begin(&fix->map->vm, 10, ESX_SAMPLE_UNMAP, 1));
}

/* Half of the pages are touched; 3 sigma of 400 samples are 30. */
static void sample_shows_the_fraction(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_watch *watch;
	struct esx_tally tally;
	pgoff_t i;

	attach(test, fix);
	watch = esx_watch_begin(&fix->map->vm, 400, ESX_SAMPLE_YOUNG, 7);
	KUNIT_ASSERT_NOT_NULL(test, watch);
	for (i = 0; i < TEST_MAP_PAGES; i += 2)
		touch_by_guest(fix, i);
	esx_watch_look(watch, &fix->map->vm);
	esx_watch_tally(watch, &tally);
	KUNIT_EXPECT_EQ(test, tally.sampled, 400);
	KUNIT_EXPECT_GE(test, tally.all.touched, 170);
	KUNIT_EXPECT_LE(test, tally.all.touched, 230);
	esx_watch_end(watch);
}

static int watch_test_init(struct kunit *test)
{
	struct fixture *fix = kunit_kzalloc(test, sizeof(*fix), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, fix);
	fix->map = create_test_map(test, 1);
	atomic_long_set(&fix->map->vm.size_pages, TEST_MAP_PAGES);
	test->priv = fix;
	return 0;
}

static void watch_test_exit(struct kunit *test)
{
	struct fixture *fix = test->priv;

	esx_vm_detach_guest(&fix->map->vm, &fix->guest);
	destroy_test_map(test, fix->map);
}

static struct kunit_case watch_cases[] = {
	KUNIT_CASE(young_counts_the_guests_touches),
	KUNIT_CASE(touch_that_was_seen_is_not_forgotten),
	KUNIT_CASE(looking_changes_no_accessed_bit),
	KUNIT_CASE(large_page_counts_as_coarse),
	KUNIT_CASE(large_page_mapped_in_parts_begins_untouched),
	KUNIT_CASE(sample_in_a_large_page_counts_once),
	KUNIT_CASE(unmap_counts_what_is_mapped_again),
	KUNIT_CASE(unmapped_large_page_counts_as_coarse),
	KUNIT_CASE(pinned_page_counts_as_touched),
	KUNIT_CASE(page_that_is_locked_is_not_sampled),
	KUNIT_CASE(young_tells_touches_of_the_vmm_apart),
	KUNIT_CASE(touch_of_the_vmm_may_turn_out_to_be_the_guests),
	KUNIT_CASE(touches_of_host_and_guest_are_told_apart),
	KUNIT_CASE(zeroed_page_is_discounted),
	KUNIT_CASE(zeros_in_use_are_not_hidden),
	KUNIT_CASE(zeros_that_the_scanner_found_are_no_hole),
	KUNIT_CASE(hole_that_is_filled_with_zeros_is_discounted),
	KUNIT_CASE(freed_page_is_discounted),
	KUNIT_CASE(zeroed_part_of_a_large_page_is_discounted),
	KUNIT_CASE(page_that_is_locked_is_not_discounted),
	KUNIT_CASE(without_a_guest_pages_are_unmapped),
	KUNIT_CASE(guest_that_cannot_be_asked_is_left_alone),
	KUNIT_CASE(vm_without_memory_is_not_sampled),
	KUNIT_CASE(sample_shows_the_fraction),
	{}
};

struct kunit_suite esx_watch_suite = {
	.name = "esx_watch",
	.init = watch_test_init,
	.exit = watch_test_exit,
	.test_cases = watch_cases,
};
