// SPDX-License-Identifier: GPL-2.0
/*
 * A page map for tests.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "../fault.h"
#include "../frame.h"
#include "../punch.h"
#include "../share/hints.h"
#include "../share/large.h"
#include "../share/shared.h"
#include "map.h"

static void init_vm(struct esx_vm *vm, u64 salt)
{
	kref_init(&vm->ref);
	INIT_LIST_HEAD(&vm->pmaps);
	mutex_init(&vm->reclaim_lock);
	spin_lock_init(&vm->lock);
	strscpy(vm->name, "test", sizeof(vm->name));
	vm->salt = salt;
	vm->share = true;
	esx_hold_init(&vm->hold);
}

/**
 * create_test_map() - make an empty page map
 * @test: the test, aborted when there is no memory
 * @salt: of its VM
 *
 * Return: the map, the caller's to destroy.
 */
struct test_map *create_test_map(struct kunit *test, u64 salt)
{
	struct test_map *map = kzalloc(sizeof(*map), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, map);
	map->quota.limit = TEST_MAP_PAGES;
	address_space_init_once(&map->mapping);
	init_vm(&map->vm, salt);

	map->pmap = esx_pmap_create(&map->mapping, &map->quota);
	KUNIT_ASSERT_NOT_NULL(test, map->pmap);
	map->pmap->vm = &map->vm;
	map->pmap->parent = &map->vm.counts;
	list_add(&map->pmap->vm_node, &map->vm.pmaps);
	map->pmap->nr_pages = TEST_MAP_PAGES;
	return map;
}

/**
 * destroy_test_map() - empty the map and free it
 * @test: the test
 * @map: from create_test_map()
 *
 * The map of a test that was aborted stays as it is: something may be locked.
 */
void destroy_test_map(struct kunit *test, struct test_map *map)
{
	if (map->in_use)
		return;

	list_del_init(&map->pmap->vm_node);
	esx_pmap_kill(map->pmap);
	expect_counts(test, map, 0, 0, 0, 0);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&map->quota.used), 0);
	esx_pmap_put(map->pmap);
	kfree(map);
}

/**
 * exit_test_map() - end of a test whose @priv is one map, which shares nothing
 * @test: the test, which may not have got as far as to have one
 */
void exit_test_map(struct kunit *test)
{
	if (!test->priv)
		return;
	destroy_test_map(test, test->priv);
	KUNIT_EXPECT_EQ(test, esx_frame_count(), 0);
}

/**
 * end_sharing_test() - destroy the maps of a test; nothing of sharing may be left
 * @test: the test
 * @maps: from create_test_map(), or NULL where the test did not get that far
 * @nr: how many
 */
void end_sharing_test(struct kunit *test, struct test_map *const *maps, unsigned int nr)
{
	unsigned int i;

	KUNIT_EXPECT_EQ(test, esx_hints_check(), 0);
	for (i = 0; i < nr; i++)
		if (maps[i])
			destroy_test_map(test, maps[i]);
	KUNIT_EXPECT_EQ(test, esx_hints_count(), 0);
	KUNIT_EXPECT_EQ(test, esx_frame_count(), 0);
	KUNIT_EXPECT_EQ(test, esx_shared_count(), 0);
	KUNIT_EXPECT_EQ(test, esx_large_shareable_pages(), 0);
	KUNIT_EXPECT_EQ(test, esx_large_shareable_frames(), 0);
}

/**
 * enter_test_map() - esx_pmap_enter() that must succeed
 * @test: the test
 * @map: the map
 */
void enter_test_map(struct kunit *test, struct test_map *map)
{
	KUNIT_ASSERT_TRUE(test, esx_pmap_enter(map->pmap, false));
	map->in_use = true;
}

/**
 * leave_test_map() - end what enter_test_map() began
 * @map: the map, none of its pages locked
 *
 * By the thread that has entered: not by the exit function of a suite.
 */
void leave_test_map(struct test_map *map)
{
	map->in_use = false;
	esx_pmap_leave(map->pmap);
}

/**
 * lock_page_at() - esx_pmap_lock() that must succeed
 * @test: the test
 * @map: an entered map
 * @pgoff: page number
 * @how: ESX_SLOT_* flags
 * @slot: filled
 */
void lock_page_at(struct kunit *test, struct test_map *map, pgoff_t pgoff, unsigned int how,
		  struct esx_slot *slot)
{
	KUNIT_ASSERT_EQ(test, esx_pmap_lock(map->pmap, pgoff, how, slot), 0);
}

/**
 * lock_entry_at() - lock a page that has an entry, or give it one
 * @test: the test
 * @map: an entered map
 * @pgoff: page number, of a region without a 2 MB frame
 * @slot: filled
 */
void lock_entry_at(struct kunit *test, struct test_map *map, pgoff_t pgoff,
		   struct esx_slot *slot)
{
	lock_page_at(test, map, pgoff, ESX_SLOT_CREATE, slot);
	if (!slot->entry)
		KUNIT_ASSERT_EQ(test, esx_pmap_make_leaf(slot, false), 0);
}

/**
 * new_private_frame() - a frame that may become a page of a map
 * @test: the test
 * @map: the map
 * @pgoff: page number
 *
 * Return: a zeroed frame.
 */
struct folio *new_private_frame(struct kunit *test, struct test_map *map, pgoff_t pgoff)
{
	const struct esx_frame_req req = {};
	struct folio *folio = esx_frame_alloc(&req, true);

	KUNIT_ASSERT_NOT_NULL(test, folio);
	esx_frame_adopt(folio, &map->mapping, pgoff);
	return folio;
}

/**
 * set_page_at() - give an empty page a private frame
 * @test: the test
 * @map: an entered map
 * @pgoff: page number
 * @number: contents: 0 for zeros, equal numbers for equal contents
 */
void set_page_at(struct kunit *test, struct test_map *map, pgoff_t pgoff, unsigned int number)
{
	struct folio *folio = new_private_frame(test, map, pgoff);
	struct esx_slot slot;

	memset32(folio_address(folio), number, PAGE_SIZE / sizeof(u32));
	KUNIT_ASSERT_TRUE(test, esx_quota_charge(&map->quota, 1));
	lock_entry_at(test, map, pgoff, &slot);
	esx_pmap_set(&slot, ESX_PRIVATE, folio_page(folio, 0));
	esx_pmap_unlock(&slot);
}

/**
 * set_huge_at() - give an empty region a zeroed 2 MB frame
 * @test: the test
 * @map: an entered map
 * @pgoff: any page of the region
 */
void set_huge_at(struct kunit *test, struct test_map *map, pgoff_t pgoff)
{
	const struct esx_frame_req req = {};
	struct folio *folio = esx_frame_alloc_huge(&req);
	struct esx_slot slot;

	KUNIT_ASSERT_NOT_NULL(test, folio);
	esx_frame_adopt(folio, &map->mapping, pgoff & ~ESX_REGION_MASK);
	KUNIT_ASSERT_TRUE(test, esx_quota_charge(&map->quota, ESX_REGION_PAGES));
	lock_page_at(test, map, pgoff, ESX_SLOT_CREATE, &slot);
	KUNIT_ASSERT_NULL(test, slot.entry);
	esx_pmap_set_huge(&slot, folio);
	esx_pmap_unlock(&slot);
}

/**
 * state_at() - what is a page?
 * @test: the test
 * @map: an entered map
 * @pgoff: page number
 *
 * Return: its state.
 */
enum esx_state state_at(struct kunit *test, struct test_map *map, pgoff_t pgoff)
{
	struct esx_slot slot;
	enum esx_state state;

	lock_page_at(test, map, pgoff, 0, &slot);
	state = esx_slot_state(&slot);
	esx_pmap_unlock(&slot);
	return state;
}

/**
 * page_at() - the machine page behind a page
 * @test: the test
 * @map: an entered map
 * @pgoff: page number
 *
 * Return: it, or NULL if there is none.
 */
struct page *page_at(struct kunit *test, struct test_map *map, pgoff_t pgoff)
{
	struct page *page = NULL;
	struct esx_slot slot;
	enum esx_state state;

	lock_page_at(test, map, pgoff, 0, &slot);
	state = esx_slot_state(&slot);
	if (state == ESX_PRIVATE || state == ESX_SHARED)
		page = esx_slot_page(&slot);
	esx_pmap_unlock(&slot);
	return page;
}

/**
 * page_of() - the machine page behind a page
 * @test: the test
 * @map: a map that is not entered and that nobody else changes meanwhile
 * @pgoff: page number
 *
 * Return: it, or NULL if there is none.
 */
struct page *page_of(struct kunit *test, struct test_map *map, pgoff_t pgoff)
{
	struct page *page;

	enter_test_map(test, map);
	page = page_at(test, map, pgoff);
	leave_test_map(map);
	return page;
}

/**
 * write_page() - do to a page what write(2) does
 * @test: the test
 * @map: a map that is not entered
 * @pgoff: page number
 * @number: new contents, as in set_page_at()
 */
void write_page(struct kunit *test, struct test_map *map, pgoff_t pgoff, unsigned int number)
{
	struct esx_fault fault = { .pmap = map->pmap, .pgoff = pgoff, .write = true };

	enter_test_map(test, map);
	KUNIT_ASSERT_EQ(test, esx_fault_page(&fault), 0);
	memset32(page_address(fault.page), number, PAGE_SIZE / sizeof(u32));
	put_page(fault.page);
	leave_test_map(map);
}

static void fill(struct kunit *test, struct test_map *map, pgoff_t first, pgoff_t end,
		 unsigned int number, unsigned int step)
{
	enter_test_map(test, map);
	for (; first < end; first++, number += step)
		set_page_at(test, map, first, number);
	leave_test_map(map);
}

/**
 * fill_alike() - give empty pages private frames of one contents
 * @test: the test
 * @map: a map that is not entered
 * @first: first page
 * @end: page after the last one
 * @number: contents, as in set_page_at()
 */
void fill_alike(struct kunit *test, struct test_map *map, pgoff_t first, pgoff_t end,
		unsigned int number)
{
	fill(test, map, first, end, number, 0);
}

/**
 * fill_apart() - give empty pages private frames of which no two are alike
 * @test: the test
 * @map: a map that is not entered
 * @first: first page
 * @end: page after the last one
 * @number: contents of the first; each has one more than the page before it
 */
void fill_apart(struct kunit *test, struct test_map *map, pgoff_t first, pgoff_t end,
		unsigned int number)
{
	fill(test, map, first, end, number, 1);
}

/**
 * age_digest() - as if a region's 2 MB frame had been looked at earlier
 * @test: the test
 * @map: a map that is not entered
 * @region: number of the region
 * @seconds: how much
 */
void age_digest(struct kunit *test, struct test_map *map, unsigned int region,
		unsigned int seconds)
{
	struct esx_slot slot;

	enter_test_map(test, map);
	lock_page_at(test, map, region * ESX_REGION_PAGES, 0, &slot);
	slot.region->since -= seconds;
	esx_pmap_unlock(&slot);
	leave_test_map(map);
}

/**
 * expect_counts() - the counters of map and VM must be these
 * @test: the test
 * @map: the map
 * @nr_zero: pages in state ESX_ZERO
 * @nr_private: pages in state ESX_PRIVATE
 * @nr_shared: pages in state ESX_SHARED
 * @nr_huge: 2 MB frames
 */
void expect_counts(struct kunit *test, struct test_map *map, long nr_zero, long nr_private,
		   long nr_shared, long nr_huge)
{
	const struct esx_counts *counts[] = { &map->pmap->counts, &map->vm.counts };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		KUNIT_EXPECT_EQ(test, atomic_long_read(&counts[i]->nr[ESX_EMPTY]), 0);
		KUNIT_EXPECT_EQ(test, atomic_long_read(&counts[i]->nr[ESX_ZERO]), nr_zero);
		KUNIT_EXPECT_EQ(test, atomic_long_read(&counts[i]->nr[ESX_PRIVATE]), nr_private);
		KUNIT_EXPECT_EQ(test, atomic_long_read(&counts[i]->nr[ESX_SHARED]), nr_shared);
		KUNIT_EXPECT_EQ(test, atomic_long_read(&counts[i]->nr_huge), nr_huge);
	}
}
