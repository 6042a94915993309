// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the page map (pmap.c): its encoding, its locks, its counters.
 *
 * A test finds the map entered and leaves it as its last act.
 */
#include <linux/mm.h>
#include <linux/prandom.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "../frame.h"
#include "../pmap.h"
#include "map.h"
#include "suites.h"
#include "thread.h"

static int init_map(struct kunit *test)
{
	test->priv = create_test_map(test, 1);
	enter_test_map(test, test->priv);
	return 0;
}

static void new_map_is_empty(struct kunit *test)
{
	struct test_map *map = test->priv;
	struct esx_slot slot;

	lock_page_at(test, map, 17, 0, &slot);
	KUNIT_EXPECT_NULL(test, slot.region);
	KUNIT_EXPECT_NULL(test, slot.entry);
	KUNIT_EXPECT_EQ(test, esx_slot_state(&slot), ESX_EMPTY);
	KUNIT_EXPECT_FALSE(test, esx_slot_is_huge(&slot));
	esx_pmap_unlock(&slot);
	expect_counts(test, map, 0, 0, 0, 0);
	KUNIT_EXPECT_TRUE(test, xa_empty(&map->pmap->regions));
	leave_test_map(map);
}

static void looking_at_a_hole_allocates_nothing(struct kunit *test)
{
	struct test_map *map = test->priv;
	pgoff_t pgoff;

	for (pgoff = 0; pgoff < TEST_MAP_PAGES; pgoff += 100)
		KUNIT_EXPECT_EQ(test, state_at(test, map, pgoff), ESX_EMPTY);
	KUNIT_EXPECT_TRUE(test, xa_empty(&map->pmap->regions));
	leave_test_map(map);
}

static void region_is_made_when_asked_for(struct kunit *test)
{
	struct test_map *map = test->priv;
	pgoff_t pgoff = 3 * ESX_REGION_PAGES + 5;
	struct esx_slot slot;

	lock_page_at(test, map, pgoff, ESX_SLOT_CREATE, &slot);
	KUNIT_ASSERT_NOT_NULL(test, slot.region);
	KUNIT_EXPECT_NULL(test, slot.entry);
	KUNIT_EXPECT_EQ(test, slot.region->index, 3);
	KUNIT_EXPECT_PTR_EQ(test, slot.region->pmap, map->pmap);
	KUNIT_EXPECT_EQ(test, esx_slot_state(&slot), ESX_EMPTY);
	esx_pmap_unlock(&slot);
	expect_counts(test, map, 0, 0, 0, 0);
	leave_test_map(map);
}

static void new_leaf_has_512_empty_entries(struct kunit *test)
{
	struct test_map *map = test->priv;
	struct esx_slot slot;
	pgoff_t pgoff;

	lock_entry_at(test, map, ESX_REGION_PAGES + 5, &slot);
	KUNIT_EXPECT_NOT_NULL(test, slot.entry);
	KUNIT_EXPECT_EQ(test, esx_slot_state(&slot), ESX_EMPTY);
	esx_pmap_unlock(&slot);

	for (pgoff = ESX_REGION_PAGES; pgoff < 2 * ESX_REGION_PAGES; pgoff++)
		KUNIT_EXPECT_EQ(test, state_at(test, map, pgoff), ESX_EMPTY);
	expect_counts(test, map, 0, 0, 0, 0);
	leave_test_map(map);
}

static void entry_keeps_state_frame_and_flag(struct kunit *test)
{
	static const enum esx_state states[] = { ESX_PRIVATE, ESX_SHARED, ESX_ZERO, ESX_EMPTY };
	struct test_map *map = test->priv;
	struct folio *folio = new_private_frame(test, map, 0);
	struct esx_slot slot;
	unsigned int i;

	KUNIT_ASSERT_TRUE(test, esx_quota_charge(&map->quota, 1));
	lock_entry_at(test, map, 0, &slot);
	for (i = 0; i < ARRAY_SIZE(states); i++) {
		bool framed = states[i] == ESX_PRIVATE || states[i] == ESX_SHARED;

		esx_pmap_set(&slot, states[i], framed ? folio_page(folio, 0) : NULL);
		KUNIT_EXPECT_EQ(test, esx_slot_state(&slot), states[i]);
		KUNIT_EXPECT_FALSE(test, esx_slot_is_mapped(&slot));
		esx_pmap_set_mapped(&slot, true);
		KUNIT_EXPECT_TRUE(test, esx_slot_is_mapped(&slot));
		KUNIT_EXPECT_EQ(test, esx_slot_state(&slot), states[i]);
		if (framed)
			KUNIT_EXPECT_PTR_EQ(test, esx_slot_page(&slot), folio_page(folio, 0));
		esx_pmap_set_mapped(&slot, false);
		KUNIT_EXPECT_FALSE(test, esx_slot_is_mapped(&slot));
		if (framed)
			KUNIT_EXPECT_PTR_EQ(test, esx_slot_page(&slot), folio_page(folio, 0));
	}
	esx_pmap_unlock(&slot);
	esx_frame_release(folio);
	leave_test_map(map);
}

/* All sixteen pairs of states. */
struct transition {
	enum esx_state from;
	enum esx_state to;
};

static const struct transition transitions[] = {
	{ ESX_EMPTY, ESX_EMPTY },     { ESX_EMPTY, ESX_ZERO },
	{ ESX_EMPTY, ESX_PRIVATE },   { ESX_EMPTY, ESX_SHARED },
	{ ESX_ZERO, ESX_EMPTY },      { ESX_ZERO, ESX_ZERO },
	{ ESX_ZERO, ESX_PRIVATE },    { ESX_ZERO, ESX_SHARED },
	{ ESX_PRIVATE, ESX_EMPTY },   { ESX_PRIVATE, ESX_ZERO },
	{ ESX_PRIVATE, ESX_PRIVATE }, { ESX_PRIVATE, ESX_SHARED },
	{ ESX_SHARED, ESX_EMPTY },    { ESX_SHARED, ESX_ZERO },
	{ ESX_SHARED, ESX_PRIVATE },  { ESX_SHARED, ESX_SHARED },
};

static_assert(ARRAY_SIZE(transitions) == ESX_NR_STATES * ESX_NR_STATES);

static const char *const state_names[ESX_NR_STATES] = {
	[ESX_EMPTY] = "empty",
	[ESX_ZERO] = "zero",
	[ESX_PRIVATE] = "private",
	[ESX_SHARED] = "shared",
};

static void describe_transition(const struct transition *transition, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s to %s", state_names[transition->from],
		 state_names[transition->to]);
}

KUNIT_ARRAY_PARAM(transitions, transitions, describe_transition);

static void expect_one_page_in(struct kunit *test, struct test_map *map, enum esx_state state)
{
	expect_counts(test, map, state == ESX_ZERO, state == ESX_PRIVATE, state == ESX_SHARED, 0);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&map->quota.used), state != ESX_EMPTY);
}

/* What a caller does: charges what it fills, leaves giving back to the setter. */
static void change_state(struct kunit *test, struct test_map *map, struct esx_slot *slot,
			 enum esx_state state, struct page *page)
{
	if (esx_slot_state(slot) == ESX_EMPTY && state != ESX_EMPTY)
		KUNIT_ASSERT_TRUE(test, esx_quota_charge(&map->quota, 1));
	esx_pmap_set(slot, state, state == ESX_PRIVATE || state == ESX_SHARED ? page : NULL);
}

static void transition_moves_the_counters(struct kunit *test)
{
	const struct transition *transition = test->param_value;
	struct test_map *map = test->priv;
	struct folio *a = new_private_frame(test, map, 9);
	struct folio *b = new_private_frame(test, map, 9);
	struct esx_slot slot, other;

	lock_entry_at(test, map, 9, &slot);
	change_state(test, map, &slot, transition->from, folio_page(a, 0));
	expect_one_page_in(test, map, transition->from);
	esx_pmap_set_mapped(&slot, true);

	change_state(test, map, &slot, transition->to, folio_page(b, 0));
	expect_one_page_in(test, map, transition->to);
	KUNIT_EXPECT_EQ(test, esx_slot_state(&slot), transition->to);
	KUNIT_EXPECT_FALSE(test, esx_slot_is_mapped(&slot));
	if (transition->to == ESX_PRIVATE || transition->to == ESX_SHARED)
		KUNIT_EXPECT_PTR_EQ(test, esx_slot_page(&slot), folio_page(b, 0));

	/* The setter has left the lock alone. */
	KUNIT_EXPECT_EQ(test, esx_pmap_lock(map->pmap, 9, ESX_SLOT_TRY, &other), -EAGAIN);

	change_state(test, map, &slot, ESX_EMPTY, NULL);
	expect_one_page_in(test, map, ESX_EMPTY);
	esx_pmap_unlock(&slot);
	esx_frame_release(a);
	esx_frame_release(b);
	leave_test_map(map);
}

static void quota_refuses_what_exceeds_it(struct kunit *test)
{
	struct esx_quota quota = { .limit = 10 };

	KUNIT_EXPECT_TRUE(test, esx_quota_charge(&quota, 10));
	KUNIT_EXPECT_FALSE(test, esx_quota_charge(&quota, 1));
	KUNIT_EXPECT_EQ(test, atomic_long_read(&quota.used), 10);
	esx_quota_uncharge(&quota, 4);
	KUNIT_EXPECT_FALSE(test, esx_quota_charge(&quota, 5));
	KUNIT_EXPECT_TRUE(test, esx_quota_charge(&quota, 4));
	KUNIT_EXPECT_EQ(test, atomic_long_read(&quota.used), 10);

	quota.limit = LONG_MAX;
	KUNIT_EXPECT_TRUE(test, esx_quota_charge(&quota, 1L << 40));
	leave_test_map(test->priv);
}

static void backed_pages_are_private_and_shared_ones(struct kunit *test)
{
	struct esx_counts counts = {};

	atomic_long_set(&counts.nr[ESX_ZERO], 1);
	atomic_long_set(&counts.nr[ESX_PRIVATE], 20);
	atomic_long_set(&counts.nr[ESX_SHARED], 300);
	KUNIT_EXPECT_EQ(test, esx_counts_backed(&counts), 320);
	leave_test_map(test->priv);
}

static void huge_frame_fills_a_region(struct kunit *test)
{
	struct test_map *map = test->priv;
	pgoff_t start = ESX_REGION_PAGES, pgoff;
	struct esx_slot slot;
	struct folio *folio;

	set_huge_at(test, map, start + 100);
	expect_counts(test, map, 0, ESX_REGION_PAGES, 0, 1);
	folio = page_folio(page_at(test, map, start));
	for (pgoff = start; pgoff < start + ESX_REGION_PAGES; pgoff++) {
		KUNIT_EXPECT_EQ(test, state_at(test, map, pgoff), ESX_PRIVATE);
		KUNIT_EXPECT_PTR_EQ(test, page_at(test, map, pgoff),
				    folio_page(folio, pgoff - start));
	}
	KUNIT_EXPECT_EQ(test, state_at(test, map, start - 1), ESX_EMPTY);
	KUNIT_EXPECT_EQ(test, state_at(test, map, start + ESX_REGION_PAGES), ESX_EMPTY);

	lock_page_at(test, map, start + 7, 0, &slot);
	KUNIT_EXPECT_TRUE(test, esx_slot_is_huge(&slot));
	KUNIT_EXPECT_NULL(test, slot.entry);
	KUNIT_EXPECT_PTR_EQ(test, esx_pmap_clear_huge(&slot), folio);
	KUNIT_EXPECT_FALSE(test, esx_slot_is_huge(&slot));
	KUNIT_EXPECT_EQ(test, esx_slot_state(&slot), ESX_EMPTY);
	esx_pmap_unlock(&slot);
	expect_counts(test, map, 0, 0, 0, 0);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&map->quota.used), 0);
	esx_frame_release(folio);
	leave_test_map(map);
}

static void mapped_flag_of_a_region_is_one_for_all(struct kunit *test)
{
	struct test_map *map = test->priv;
	struct esx_slot slot;

	set_huge_at(test, map, 0);
	lock_page_at(test, map, 1, 0, &slot);
	KUNIT_EXPECT_FALSE(test, esx_slot_is_mapped(&slot));
	esx_pmap_set_mapped(&slot, true);
	esx_pmap_unlock(&slot);

	lock_page_at(test, map, 2, 0, &slot);
	KUNIT_EXPECT_TRUE(test, esx_slot_is_mapped(&slot));
	esx_pmap_set_mapped(&slot, false);
	KUNIT_EXPECT_FALSE(test, esx_slot_is_mapped(&slot));
	esx_pmap_unlock(&slot);
	leave_test_map(map);
}

static struct esx_part *new_parts(struct kunit *test, struct test_map *map)
{
	struct esx_part *parts = kunit_kcalloc(test, ESX_REGION_PAGES, sizeof(*parts), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, parts);
	/* Every third part is zero. */
	for (i = 0; i < ESX_REGION_PAGES; i++) {
		if (i % 3 == 0)
			continue;
		parts[i].page = folio_page(new_private_frame(test, map, i), 0);
		parts[i].state = ESX_PRIVATE;
	}
	return parts;
}

static void split_replaces_huge_frame_by_entries(struct kunit *test)
{
	struct test_map *map = test->priv;
	struct esx_part *parts = new_parts(test, map);
	unsigned long *leaf = esx_pmap_alloc_leaf(false);
	long nr_zero = DIV_ROUND_UP(ESX_REGION_PAGES, 3);
	struct folio *folio;
	struct esx_slot slot;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, leaf);
	set_huge_at(test, map, 0);
	lock_page_at(test, map, 5, 0, &slot);
	folio = page_folio(esx_slot_page(&slot));
	KUNIT_EXPECT_PTR_EQ(test, esx_pmap_split_huge(&slot, leaf, parts), folio);
	KUNIT_EXPECT_FALSE(test, esx_slot_is_huge(&slot));
	esx_pmap_unlock(&slot);
	esx_frame_release(folio);

	expect_counts(test, map, nr_zero, ESX_REGION_PAGES - nr_zero, 0, 0);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&map->quota.used), ESX_REGION_PAGES);
	for (i = 0; i < ESX_REGION_PAGES; i++) {
		KUNIT_EXPECT_EQ(test, state_at(test, map, i),
				parts[i].page ? ESX_PRIVATE : ESX_ZERO);
		KUNIT_EXPECT_PTR_EQ(test, page_at(test, map, i), parts[i].page);
	}
	lock_page_at(test, map, 5, 0, &slot);
	KUNIT_EXPECT_NOT_NULL(test, slot.entry);
	esx_pmap_unlock(&slot);
	leave_test_map(map);
}

static void only_private_frames_may_be_written_to(struct kunit *test)
{
	struct test_map *map = test->priv;
	struct page *page, *huge;
	struct esx_slot slot;

	set_page_at(test, map, 1, 1);
	set_page_at(test, map, 2, 2);
	set_huge_at(test, map, ESX_REGION_PAGES);
	page = page_at(test, map, 1);
	huge = page_at(test, map, ESX_REGION_PAGES + 3);

	KUNIT_EXPECT_TRUE(test, esx_pmap_begin_write(map->pmap, 1, page));
	KUNIT_EXPECT_FALSE(test, esx_pmap_begin_write(map->pmap, 2, page));
	KUNIT_EXPECT_FALSE(test, esx_pmap_begin_write(map->pmap, 3, page));
	KUNIT_EXPECT_FALSE(test, esx_pmap_begin_write(map->pmap, ESX_REGION_PAGES + 1, page));
	KUNIT_EXPECT_FALSE(test, esx_pmap_begin_write(map->pmap, 7 * ESX_REGION_PAGES, page));
	KUNIT_EXPECT_TRUE(test, esx_pmap_begin_write(map->pmap, ESX_REGION_PAGES + 3, huge));
	KUNIT_EXPECT_FALSE(test, esx_pmap_begin_write(map->pmap, ESX_REGION_PAGES + 4, huge));

	/* The same frame, but shared: no longer the page's own. */
	lock_page_at(test, map, 1, 0, &slot);
	esx_pmap_set(&slot, ESX_SHARED, page);
	KUNIT_EXPECT_FALSE(test, esx_pmap_begin_write(map->pmap, 1, page));
	esx_pmap_set(&slot, ESX_PRIVATE, page);
	KUNIT_EXPECT_TRUE(test, esx_pmap_begin_write(map->pmap, 1, page));
	esx_pmap_unlock(&slot);
	leave_test_map(map);
}

static void write_makes_page_unclean(struct kunit *test)
{
	struct test_map *map = test->priv;
	struct esx_slot slot;
	struct page *page;

	set_page_at(test, map, 1, 1);
	set_huge_at(test, map, ESX_REGION_PAGES);
	lock_page_at(test, map, 1, 0, &slot);
	page = esx_slot_page(&slot);
	KUNIT_EXPECT_FALSE(test, esx_slot_is_clean(&slot));
	esx_pmap_set_clean(&slot, true);
	esx_pmap_set_mapped(&slot, true);
	KUNIT_EXPECT_TRUE(test, esx_slot_is_clean(&slot));
	/* Without the lock of the entry, whose other bits must stay. */
	KUNIT_EXPECT_TRUE(test, esx_pmap_begin_write(map->pmap, 1, page));
	KUNIT_EXPECT_FALSE(test, esx_slot_is_clean(&slot));
	KUNIT_EXPECT_TRUE(test, esx_slot_is_mapped(&slot));
	KUNIT_EXPECT_PTR_EQ(test, esx_slot_page(&slot), page);
	esx_pmap_set_clean(&slot, true);
	esx_pmap_set_mapped(&slot, false);
	esx_pmap_set(&slot, ESX_PRIVATE, page);
	KUNIT_EXPECT_FALSE(test, esx_slot_is_clean(&slot));
	esx_pmap_unlock(&slot);

	lock_page_at(test, map, ESX_REGION_PAGES + 3, 0, &slot);
	esx_pmap_set_clean(&slot, true);
	KUNIT_EXPECT_FALSE(test, esx_slot_is_clean(&slot));
	KUNIT_EXPECT_TRUE(test, esx_pmap_begin_write(map->pmap, ESX_REGION_PAGES + 3,
						     esx_slot_page(&slot)));
	esx_pmap_unlock(&slot);
	leave_test_map(map);
}

static void breaks_are_remembered_until_page_is_punched(struct kunit *test)
{
	struct test_map *map = test->priv;
	struct esx_slot slot;
	struct page *page;

	set_page_at(test, map, 1, 1);
	lock_page_at(test, map, 1, 0, &slot);
	page = esx_slot_page(&slot);
	KUNIT_EXPECT_EQ(test, esx_slot_breaks(&slot), 0);
	esx_pmap_set_breaks(&slot, 3);
	esx_pmap_set(&slot, ESX_ZERO, NULL);
	KUNIT_EXPECT_EQ(test, esx_slot_breaks(&slot), 3);
	esx_pmap_set_breaks(&slot, ESX_BREAKS_MAX + 1);
	KUNIT_EXPECT_EQ(test, esx_slot_breaks(&slot), ESX_BREAKS_MAX);
	KUNIT_EXPECT_EQ(test, esx_slot_state(&slot), ESX_ZERO);
	esx_pmap_set(&slot, ESX_EMPTY, NULL);
	KUNIT_EXPECT_EQ(test, esx_slot_breaks(&slot), 0);
	esx_pmap_unlock(&slot);
	esx_frame_release(page_folio(page));
	leave_test_map(map);
}

static void entry_lock_shuts_out_one_page(struct kunit *test)
{
	struct test_map *map = test->priv;
	struct esx_slot slot, other;

	lock_entry_at(test, map, 10, &slot);
	KUNIT_EXPECT_EQ(test, esx_pmap_lock(map->pmap, 10, ESX_SLOT_TRY, &other), -EAGAIN);
	KUNIT_EXPECT_EQ(test, esx_pmap_lock(map->pmap, 11, ESX_SLOT_TRY, &other), 0);
	esx_pmap_unlock(&other);
	esx_pmap_unlock(&slot);

	KUNIT_EXPECT_EQ(test, esx_pmap_lock(map->pmap, 10, ESX_SLOT_TRY, &other), 0);
	KUNIT_EXPECT_NOT_NULL(test, other.entry);
	esx_pmap_unlock(&other);
	leave_test_map(map);
}

static void region_lock_shuts_out_all_its_pages(struct kunit *test)
{
	struct test_map *map = test->priv;
	struct esx_slot slot, other;

	lock_page_at(test, map, 10, ESX_SLOT_CREATE, &slot);
	KUNIT_EXPECT_EQ(test, esx_pmap_lock(map->pmap, 10, ESX_SLOT_TRY, &other), -EAGAIN);
	KUNIT_EXPECT_EQ(test, esx_pmap_lock(map->pmap, 11, ESX_SLOT_TRY, &other), -EAGAIN);
	KUNIT_EXPECT_EQ(test, esx_pmap_lock(map->pmap, ESX_REGION_PAGES,
					    ESX_SLOT_TRY | ESX_SLOT_CREATE, &other), 0);
	esx_pmap_unlock(&other);

	/* The lock moves to the entry: the others are free. */
	KUNIT_ASSERT_EQ(test, esx_pmap_make_leaf(&slot, false), 0);
	KUNIT_EXPECT_EQ(test, esx_pmap_lock(map->pmap, 10, ESX_SLOT_TRY, &other), -EAGAIN);
	KUNIT_EXPECT_EQ(test, esx_pmap_lock(map->pmap, 11, ESX_SLOT_TRY, &other), 0);
	esx_pmap_unlock(&other);
	esx_pmap_unlock(&slot);
	leave_test_map(map);
}

static void map_shut_by_somebody_cannot_be_entered(struct kunit *test)
{
	struct test_map *map = test->priv;

	esx_pmap_leave(map->pmap);
	esx_pmap_enter_exclusive(map->pmap);
	KUNIT_EXPECT_FALSE(test, esx_pmap_enter(map->pmap, true));
	map->pmap->dead = true;
	esx_pmap_leave_exclusive(map->pmap);

	KUNIT_EXPECT_FALSE(test, esx_pmap_enter(map->pmap, true));
	KUNIT_EXPECT_FALSE(test, esx_pmap_enter(map->pmap, false));
	map->pmap->dead = false;
	KUNIT_EXPECT_TRUE(test, esx_pmap_enter(map->pmap, true));
	leave_test_map(map);
}

/*
 * Threads add to plain counters under the lock of a page.  In the midst of it
 * the region gets its leaf, and the lock moves from the region to the entry.
 */
#define NR_THREADS	4
#define NR_ROUNDS	(1000 * SCALE)
#define NR_PAGES	3

struct contest {
	struct test_map *map;
	unsigned long counters[NR_PAGES];
	unsigned long nr_tries_lost;
};

struct contestant {
	struct test_thread thread;
	struct contest *contest;
	unsigned int number;
};

static int add_under_lock(struct contest *contest, unsigned int round, unsigned int how)
{
	unsigned int page = round % NR_PAGES;
	unsigned long counter;
	struct esx_slot slot;
	int err;

	err = esx_pmap_lock(contest->map->pmap, page, how, &slot);
	if (err)
		return err;
	if (!slot.entry && round >= NR_ROUNDS / 2 && esx_pmap_make_leaf(&slot, false)) {
		esx_pmap_unlock(&slot);
		return -ENOMEM;
	}
	counter = READ_ONCE(contest->counters[page]);
	/* Be seen with the lock held, on one CPU without preemption too. */
	if (round % (NR_ROUNDS / 16) == 0)
		schedule_timeout_uninterruptible(1);
	WRITE_ONCE(contest->counters[page], counter + 1);
	esx_pmap_unlock(&slot);
	return 0;
}

static int compete(void *arg)
{
	struct contestant *contestant = arg;
	struct contest *contest = contestant->contest;
	bool tries = contestant->number % 2;
	unsigned int round;
	int err;

	if (!esx_pmap_enter(contest->map->pmap, false))
		return 1;
	for (round = 0; round < NR_ROUNDS; round++) {
		err = add_under_lock(contest, round,
				     ESX_SLOT_CREATE | (tries ? ESX_SLOT_TRY : 0));
		if (err == -EAGAIN && tries)
			err = add_under_lock(contest, round, ESX_SLOT_CREATE);
		if (err)
			break;
	}
	esx_pmap_leave(contest->map->pmap);
	return err;
}

static void lock_keeps_threads_apart(struct kunit *test)
{
	struct contestant *contestants;
	struct contest contest = { .map = test->priv };
	unsigned long sum = 0;
	unsigned int i;

	contestants = kunit_kcalloc(test, NR_THREADS, sizeof(*contestants), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, contestants);
	for (i = 0; i < NR_THREADS; i++) {
		contestants[i].contest = &contest;
		contestants[i].number = i;
		start_test_thread(test, &contestants[i].thread, compete, &contestants[i]);
	}
	for (i = 0; i < NR_THREADS; i++)
		join_test_thread(test, &contestants[i].thread);
	for (i = 0; i < NR_PAGES; i++)
		sum += contest.counters[i];
	KUNIT_EXPECT_EQ(test, sum, NR_THREADS * NR_ROUNDS);
	leave_test_map(contest.map);
}

/* Random changes against plain counters, over two regions with leaves. */
#define MODEL_PAGES	(2 * ESX_REGION_PAGES)
#define MODEL_OPS	(5000 * SCALE)

static void random_changes_agree_with_model(struct kunit *test)
{
	enum esx_state *model = kunit_kcalloc(test, MODEL_PAGES, sizeof(*model), GFP_KERNEL);
	struct test_map *map = test->priv;
	struct folio *folio = new_private_frame(test, map, 0);
	long nr[ESX_NR_STATES] = {};
	struct rnd_state rnd;
	struct esx_slot slot;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, model);
	prandom_seed_state(&rnd, 20021209);
	for (i = 0; i < MODEL_OPS; i++) {
		pgoff_t pgoff = prandom_u32_state(&rnd) % MODEL_PAGES;
		enum esx_state state = prandom_u32_state(&rnd) % ESX_NR_STATES;

		lock_entry_at(test, map, pgoff, &slot);
		KUNIT_ASSERT_EQ(test, esx_slot_state(&slot), model[pgoff]);
		change_state(test, map, &slot, state, folio_page(folio, 0));
		esx_pmap_unlock(&slot);
		nr[model[pgoff]]--;
		nr[state]++;
		model[pgoff] = state;
	}
	expect_counts(test, map, nr[ESX_ZERO], nr[ESX_PRIVATE], nr[ESX_SHARED], 0);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&map->quota.used), -nr[ESX_EMPTY]);

	for (i = 0; i < MODEL_PAGES; i++) {
		lock_entry_at(test, map, i, &slot);
		esx_pmap_set(&slot, ESX_EMPTY, NULL);
		esx_pmap_unlock(&slot);
	}
	esx_frame_release(folio);
	leave_test_map(map);
}

static struct kunit_case pmap_cases[] = {
	KUNIT_CASE(new_map_is_empty),
	KUNIT_CASE(looking_at_a_hole_allocates_nothing),
	KUNIT_CASE(region_is_made_when_asked_for),
	KUNIT_CASE(new_leaf_has_512_empty_entries),
	KUNIT_CASE(entry_keeps_state_frame_and_flag),
	KUNIT_CASE_PARAM(transition_moves_the_counters, transitions_gen_params),
	KUNIT_CASE(quota_refuses_what_exceeds_it),
	KUNIT_CASE(backed_pages_are_private_and_shared_ones),
	KUNIT_CASE(huge_frame_fills_a_region),
	KUNIT_CASE(mapped_flag_of_a_region_is_one_for_all),
	KUNIT_CASE(split_replaces_huge_frame_by_entries),
	KUNIT_CASE(only_private_frames_may_be_written_to),
	KUNIT_CASE(write_makes_page_unclean),
	KUNIT_CASE(breaks_are_remembered_until_page_is_punched),
	KUNIT_CASE(entry_lock_shuts_out_one_page),
	KUNIT_CASE(region_lock_shuts_out_all_its_pages),
	KUNIT_CASE(map_shut_by_somebody_cannot_be_entered),
	KUNIT_CASE(lock_keeps_threads_apart),
	KUNIT_CASE(random_changes_agree_with_model),
	{}
};

struct kunit_suite esx_pmap_suite = {
	.name = "esx_pmap",
	.init = init_map,
	.exit = exit_test_map,
	.test_cases = pmap_cases,
};
