// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the table of shared frames (share/shared.c).
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "../frame.h"
#include "../share/shared.h"
#include "suites.h"
#include "thread.h"

#define NR_MANY		(5000 * SCALE)
#define SALT		7

static int expect_nothing(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, esx_frame_count(), 0);
	KUNIT_EXPECT_EQ(test, esx_shared_count(), 0);
	esx_shared_settle();
	return 0;
}

static void exit_shared(struct kunit *test)
{
	expect_nothing(test);
}

static struct folio *new_frame(struct kunit *test)
{
	const struct esx_frame_req req = {};
	struct folio *folio = esx_frame_alloc(&req, true);

	KUNIT_ASSERT_NOT_NULL(test, folio);
	return folio;
}

static struct folio *share_new_frame(struct kunit *test, u64 hash, u64 salt)
{
	struct folio *folio = new_frame(test);

	KUNIT_ASSERT_EQ(test, esx_shared_insert(folio, hash, salt), 0);
	return folio;
}

/* Finds it and drops the reference again. */
static bool is_found(struct folio *folio, u64 hash, u64 salt)
{
	struct folio *found = esx_shared_find(hash, salt);

	if (found)
		esx_shared_put(found);
	return found == folio;
}

static void inserted_frame_is_found(struct kunit *test)
{
	struct folio *folio = share_new_frame(test, 0x1234, SALT);

	KUNIT_EXPECT_EQ(test, esx_shared_count(), 1);
	KUNIT_EXPECT_EQ(test, esx_shared_refs(folio), 1);
	KUNIT_EXPECT_PTR_EQ(test, esx_shared_find(0x1234, SALT), folio);
	KUNIT_EXPECT_EQ(test, esx_shared_refs(folio), 2);
	esx_shared_get(folio);
	KUNIT_EXPECT_EQ(test, esx_shared_refs(folio), 3);
	esx_shared_put(folio);
	esx_shared_put(folio);
	KUNIT_EXPECT_EQ(test, esx_shared_refs(folio), 1);
	esx_shared_put(folio);
}

static void frame_goes_with_its_last_reference(struct kunit *test)
{
	struct folio *folio = share_new_frame(test, 0x1234, SALT);
	unsigned int i;

	for (i = 0; i < 100; i++)
		KUNIT_EXPECT_PTR_EQ(test, esx_shared_find(0x1234, SALT), folio);
	for (i = 0; i < 100; i++) {
		esx_shared_put(folio);
		KUNIT_EXPECT_EQ(test, esx_shared_count(), 1);
		KUNIT_EXPECT_EQ(test, esx_frame_count(), 1);
	}
	esx_shared_put(folio);
	KUNIT_EXPECT_EQ(test, esx_shared_count(), 0);
	KUNIT_EXPECT_EQ(test, esx_frame_count(), 0);
	KUNIT_EXPECT_NULL(test, esx_shared_find(0x1234, SALT));
}

/* Should two salts ever lead to one hash, the pages still do not meet. */
static void salts_are_kept_apart(struct kunit *test)
{
	struct folio *folio = share_new_frame(test, 0x1234, SALT);
	struct folio *other;

	KUNIT_EXPECT_NULL(test, esx_shared_find(0x1234, SALT + 1));
	KUNIT_EXPECT_NULL(test, esx_shared_find(0x1235, SALT));
	KUNIT_EXPECT_EQ(test, esx_shared_refs(folio), 1);

	other = share_new_frame(test, 0x1234, SALT + 1);
	KUNIT_EXPECT_TRUE(test, is_found(folio, 0x1234, SALT));
	KUNIT_EXPECT_TRUE(test, is_found(other, 0x1234, SALT + 1));
	esx_shared_put(folio);
	KUNIT_EXPECT_NULL(test, esx_shared_find(0x1234, SALT));
	KUNIT_EXPECT_TRUE(test, is_found(other, 0x1234, SALT + 1));
	esx_shared_put(other);
}

static void second_frame_of_one_hash_is_refused(struct kunit *test)
{
	struct folio *folio = share_new_frame(test, 0x1234, SALT);
	struct folio *second = new_frame(test);
	struct address_space mapping = {};

	esx_frame_adopt(second, &mapping, 3);
	KUNIT_EXPECT_EQ(test, esx_shared_insert(second, 0x1234, SALT), -EEXIST);

	/* The refused frame is as it was. */
	KUNIT_EXPECT_PTR_EQ(test, second->mapping, &mapping);
	KUNIT_EXPECT_EQ(test, second->index, 3UL);
	KUNIT_EXPECT_NULL(test, folio_get_private(second));
	KUNIT_EXPECT_EQ(test, esx_shared_count(), 1);
	KUNIT_EXPECT_TRUE(test, is_found(folio, 0x1234, SALT));

	esx_frame_release(second);
	esx_shared_put(folio);
}

static void frame_knows_its_key(struct kunit *test)
{
	struct address_space mapping = {};
	struct folio *folio = new_frame(test);

	/* Every bit of both counts. */
	esx_frame_adopt(folio, &mapping, 3);
	KUNIT_ASSERT_EQ(test, esx_shared_insert(folio, U64_MAX, U64_MAX), 0);
	KUNIT_EXPECT_EQ(test, esx_shared_hash(folio), U64_MAX);
	KUNIT_EXPECT_EQ(test, esx_shared_salt(folio), U64_MAX);
	KUNIT_EXPECT_NULL(test, folio->mapping);
	KUNIT_EXPECT_TRUE(test, is_found(folio, U64_MAX, U64_MAX));
	KUNIT_EXPECT_NULL(test, esx_shared_find(U64_MAX, U64_MAX - 1));
	KUNIT_EXPECT_NULL(test, esx_shared_find(U64_MAX - 1, U64_MAX));
	esx_shared_put(folio);
}

/* What the kernel reads in the first word, without asking whose it is. */
static bool looks_ordinary(struct folio *folio)
{
	struct page *page = &folio->page;

	return !PageTail(page) && !page_is_pfmemalloc(page) && compound_head(page) == page;
}

static void links_mislead_nobody(struct kunit *test)
{
	struct folio *folios[16];
	unsigned int i;

	/* All in one bucket. */
	for (i = 0; i < ARRAY_SIZE(folios); i++)
		folios[i] = share_new_frame(test, (u64)(i + 1) << 40, ~(u64)i);
	for (i = 0; i < ARRAY_SIZE(folios); i++) {
		KUNIT_EXPECT_TRUE(test, looks_ordinary(folios[i]));
		KUNIT_EXPECT_TRUE(test, is_found(folios[i], (u64)(i + 1) << 40, ~(u64)i));
	}
	/* From the middle, either end and the rest. */
	for (i = 0; i < ARRAY_SIZE(folios); i++) {
		esx_shared_put(folios[(i * 5 + 7) % ARRAY_SIZE(folios)]);
		KUNIT_EXPECT_EQ(test, esx_shared_count(), ARRAY_SIZE(folios) - 1 - i);
	}
}

static void cloned_frame_says_so(struct kunit *test)
{
	struct folio *folio = share_new_frame(test, 0x1234, SALT);

	KUNIT_EXPECT_FALSE(test, esx_shared_is_cloned(folio));
	esx_shared_mark_cloned(folio);
	KUNIT_EXPECT_TRUE(test, esx_shared_is_cloned(folio));
	KUNIT_EXPECT_TRUE(test, is_found(folio, 0x1234, SALT));
	KUNIT_EXPECT_EQ(test, esx_shared_salt(folio), SALT);

	/* Not for longer than it is shared. */
	folio_get(folio);
	esx_shared_put(folio);
	KUNIT_EXPECT_FALSE(test, folio_test_checked(folio));
	folio_put(folio);
}

/* A pinned frame outlives its time in the table, and comes back clean. */
static void pinned_frame_comes_back_clean(struct kunit *test)
{
	struct folio *folio = share_new_frame(test, 0x1234, SALT);

	folio_get(folio);
	esx_shared_put(folio);
	KUNIT_EXPECT_EQ(test, folio_ref_count(folio), 1);
	KUNIT_EXPECT_NULL(test, folio_get_private(folio));
	KUNIT_EXPECT_NULL(test, folio->mapping);
	KUNIT_EXPECT_EQ(test, folio->index, 0UL);
	KUNIT_EXPECT_NULL(test, folio->lru.next);
	KUNIT_EXPECT_NULL(test, folio->lru.prev);
	KUNIT_EXPECT_NULL(test, esx_shared_find(0x1234, SALT));
	folio_put(folio);
}

static u64 hash_of_number(unsigned int nr)
{
	return (nr + 1) * 0x9e3779b97f4a7c15ULL;
}

/* How many of the frames from @first to @end - 1 are found. */
static unsigned int count_found(struct folio **folios, unsigned int first, unsigned int end)
{
	unsigned int nr = 0;

	for (; first < end; first++) {
		nr += is_found(folios[first], hash_of_number(first), SALT);
		cond_resched();
	}
	return nr;
}

/* Buckets are split and merged under the frames; at a few sizes look for all. */
static void all_are_found_while_table_grows_and_shrinks(struct kunit *test)
{
	struct folio **folios = kvcalloc(NR_MANY, sizeof(*folios), GFP_KERNEL);
	unsigned int i, step = NR_MANY / 10;

	KUNIT_ASSERT_NOT_NULL(test, folios);
	for (i = 0; i < NR_MANY; i++) {
		if (i % step == 0) {
			/* Before and after it has adapted. */
			KUNIT_EXPECT_EQ(test, count_found(folios, 0, i), i);
			esx_shared_settle();
			KUNIT_EXPECT_EQ(test, count_found(folios, 0, i), i);
		}
		folios[i] = share_new_frame(test, hash_of_number(i), SALT);
	}
	KUNIT_EXPECT_EQ(test, esx_shared_count(), NR_MANY);
	KUNIT_EXPECT_EQ(test, count_found(folios, 0, NR_MANY), NR_MANY);

	for (i = 0; i < NR_MANY; i++) {
		if (i % step == 0) {
			esx_shared_settle();
			KUNIT_EXPECT_EQ(test, count_found(folios, i, NR_MANY), NR_MANY - i);
		}
		esx_shared_put(folios[i]);
		KUNIT_EXPECT_NULL(test, esx_shared_find(hash_of_number(i), SALT));
	}
	KUNIT_EXPECT_EQ(test, esx_shared_count(), 0);
	kvfree(folios);
}

static void memory_follows_the_number_of_frames(struct kunit *test)
{
	struct folio **folios = kvcalloc(NR_MANY, sizeof(*folios), GFP_KERNEL);
	const size_t sz_slack = 6 * PAGE_SIZE;
	size_t sz_full;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, folios);
	for (i = 0; i < NR_MANY; i++)
		folios[i] = share_new_frame(test, hash_of_number(i), SALT);
	esx_shared_settle();
	sz_full = esx_shared_bytes();
	kunit_info(test, "%zu bytes for %d frames\n", sz_full, NR_MANY);
	/* A quarter of a head each, and a few that the test before has left. */
	KUNIT_EXPECT_GE(test, sz_full, NR_MANY * 2);
	KUNIT_EXPECT_LE(test, sz_full, NR_MANY * 2 + sz_slack);

	for (i = 0; i < NR_MANY; i++)
		esx_shared_put(folios[i]);
	esx_shared_settle();
	/* A little slack, so that frames that come and go cost nothing. */
	KUNIT_EXPECT_LE(test, esx_shared_bytes(), sz_slack);
	kvfree(folios);
}

static int count_visit(struct folio *folio, void *ctx)
{
	struct xarray *visits = ctx;
	unsigned long nr = xa_to_value(xa_load(visits, folio_pfn(folio)));

	xa_store(visits, folio_pfn(folio), xa_mk_value(nr + 1), GFP_ATOMIC);
	return 0;
}

static void walk_visits_each_frame_once(struct kunit *test)
{
	struct folio *folios[100];
	struct xarray visits;
	unsigned int i;

	xa_init(&visits);
	for (i = 0; i < ARRAY_SIZE(folios); i++)
		folios[i] = share_new_frame(test, i / 4 + 1, SALT + i % 4);
	KUNIT_EXPECT_EQ(test, esx_shared_for_each(count_visit, &visits), 0);
	for (i = 0; i < ARRAY_SIZE(folios); i++) {
		void *nr = xa_erase(&visits, folio_pfn(folios[i]));

		KUNIT_EXPECT_EQ(test, xa_to_value(nr), 1UL);
		esx_shared_put(folios[i]);
	}
	KUNIT_EXPECT_TRUE(test, xa_empty(&visits));
	xa_destroy(&visits);
}

static int stop_at_third(struct folio *folio, void *ctx)
{
	unsigned int *nr = ctx;

	return ++*nr == 3 ? 42 : 0;
}

static void walk_ends_when_told(struct kunit *test)
{
	struct folio *folios[5];
	unsigned int i, nr = 0;

	for (i = 0; i < ARRAY_SIZE(folios); i++)
		folios[i] = share_new_frame(test, i + 1, SALT);
	KUNIT_EXPECT_EQ(test, esx_shared_for_each(stop_at_third, &nr), 42);
	KUNIT_EXPECT_EQ(test, nr, 3);
	for (i = 0; i < ARRAY_SIZE(folios); i++)
		esx_shared_put(folios[i]);
}

/*
 * Look-ups and insertions of several threads against the last reference: either
 * a live frame or none, and never two of one hash.  Two more threads make the
 * table grow and shrink.
 */
#define NR_VISITORS	4
#define NR_RESIZERS	2
#define NR_ROUNDS	(1000 * SCALE)
#define NR_HASHES	4
#define RESIZER_FRAMES	(500 * SCALE)

struct visitor {
	struct test_thread thread;
	unsigned int nr;
	unsigned long nr_made;
	unsigned long nr_found;
};

/* NULL: somebody was faster; or there is no memory, which others notice. */
static struct folio *make_shared(u64 hash)
{
	const struct esx_frame_req req = {};
	struct folio *folio = esx_frame_alloc(&req, false);

	if (folio && esx_shared_insert(folio, hash, SALT)) {
		esx_frame_release(folio);
		folio = NULL;
	}
	return folio;
}

static struct folio *find_or_make(struct visitor *visitor, u64 hash)
{
	struct folio *folio;

	for (;;) {
		folio = esx_shared_find(hash, SALT);
		if (folio) {
			visitor->nr_found++;
			return folio;
		}
		folio = make_shared(hash);
		if (folio) {
			visitor->nr_made++;
			return folio;
		}
		cond_resched();
	}
}

static int visit_frame(struct visitor *visitor, u64 hash, bool linger)
{
	struct folio *folio = find_or_make(visitor, hash);
	int nr_wrong;

	/* So that others find it, on one CPU without preemption too. */
	if (linger)
		schedule_timeout_uninterruptible(1);
	nr_wrong = esx_shared_hash(folio) != hash || esx_shared_salt(folio) != SALT ||
		   esx_shared_refs(folio) < 1 || folio_ref_count(folio) != 1 ||
		   !looks_ordinary(folio);
	esx_shared_put(folio);
	return nr_wrong;
}

static int visit_table(void *arg)
{
	unsigned int round;
	int nr_wrong = 0;

	for (round = 0; round < NR_ROUNDS; round++) {
		nr_wrong += visit_frame(arg, round % NR_HASHES + 1, round % (NR_ROUNDS / 32) == 0);
		cond_resched();
	}
	return nr_wrong;
}

static u64 hash_of_resizer(const struct visitor *visitor, unsigned int nr)
{
	return hash_of_number(visitor->nr * RESIZER_FRAMES + nr);
}

static int resize_table(void *arg)
{
	struct visitor *visitor = arg;
	unsigned int i, round;
	int nr_wrong = 0;

	for (round = 0; round < 3; round++) {
		for (i = 0; i < RESIZER_FRAMES; i++) {
			nr_wrong += !make_shared(hash_of_resizer(visitor, i));
			cond_resched();
		}
		for (i = 0; i < RESIZER_FRAMES; i++) {
			struct folio *folio = esx_shared_find(hash_of_resizer(visitor, i), SALT);

			if (!folio)
				return nr_wrong + 1;
			esx_shared_put(folio);
			esx_shared_put(folio);
			cond_resched();
		}
	}
	return nr_wrong;
}

static void threads_do_not_disturb_each_other(struct kunit *test)
{
	struct visitor *visitors;
	unsigned long nr_made = 0, nr_found = 0;
	unsigned int i;

	visitors = kunit_kcalloc(test, NR_VISITORS + NR_RESIZERS, sizeof(*visitors), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, visitors);
	for (i = 0; i < NR_VISITORS + NR_RESIZERS; i++) {
		visitors[i].nr = i;
		start_test_thread(test, &visitors[i].thread,
				  i < NR_VISITORS ? visit_table : resize_table, &visitors[i]);
	}
	for (i = 0; i < NR_VISITORS + NR_RESIZERS; i++) {
		join_test_thread(test, &visitors[i].thread);
		nr_made += visitors[i].nr_made;
		nr_found += visitors[i].nr_found;
	}
	kunit_info(test, "%lu made, %lu found\n", nr_made, nr_found);
	/* Else the test has shown nothing. */
	KUNIT_EXPECT_GT(test, nr_made, 0);
	KUNIT_EXPECT_GT(test, nr_found, 0);
}

static struct kunit_case shared_cases[] = {
	KUNIT_CASE(inserted_frame_is_found),
	KUNIT_CASE(frame_goes_with_its_last_reference),
	KUNIT_CASE(salts_are_kept_apart),
	KUNIT_CASE(second_frame_of_one_hash_is_refused),
	KUNIT_CASE(frame_knows_its_key),
	KUNIT_CASE(links_mislead_nobody),
	KUNIT_CASE(cloned_frame_says_so),
	KUNIT_CASE(pinned_frame_comes_back_clean),
	KUNIT_CASE(all_are_found_while_table_grows_and_shrinks),
	KUNIT_CASE(memory_follows_the_number_of_frames),
	KUNIT_CASE(walk_visits_each_frame_once),
	KUNIT_CASE(walk_ends_when_told),
	KUNIT_CASE(threads_do_not_disturb_each_other),
	{}
};

struct kunit_suite esx_shared_suite = {
	.name = "esx_shared",
	.init = expect_nothing,
	.exit = exit_shared,
	.test_cases = shared_cases,
};
