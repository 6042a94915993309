// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the table of hints (share/hints.c).
 *
 * The table is the host's.  It must be empty when a test begins: the module is
 * tested before anybody mounts a file system.  Regions are opaque to the table,
 * here they are pointers to the slots of an array.
 */
#include <linux/mm.h>
#include <linux/prandom.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "../share/hints.h"
#include "../types.h"
#include "suites.h"
#include "thread.h"

#define NR_REGIONS	(20 + 9 * SCALE)
#define NR_HINTS	(NR_REGIONS * ESX_REGION_PAGES)

/* Hashes are told apart by their upper half. */
#define HASH(n)		((u64)(n) << 32)

struct fixture {
	struct esx_hints *hints[NR_REGIONS];
	size_t sz_empty;
	/* What get_hint() was told of, and whom it refuses. */
	struct esx_region *refused;
	long region;
	unsigned int idx;
};

static struct esx_region *number_to_region(struct fixture *fix, unsigned int nr)
{
	return (struct esx_region *)&fix->hints[nr];
}

static unsigned int region_to_number(struct fixture *fix, struct esx_region *region)
{
	return (struct esx_hints **)region - fix->hints;
}

static int init_hints(struct kunit *test)
{
	struct fixture *fix = kunit_kzalloc(test, sizeof(*fix), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, fix);
	KUNIT_ASSERT_EQ(test, esx_hints_count(), 0);
	fix->sz_empty = esx_hints_bytes();
	test->priv = fix;
	return 0;
}

static void destroy_region(struct fixture *fix, unsigned int nr)
{
	esx_hints_destroy(fix->hints[nr]);
	fix->hints[nr] = NULL;
}

static void exit_hints(struct kunit *test)
{
	struct fixture *fix = test->priv;
	unsigned int nr;

	if (!fix)
		return;
	KUNIT_EXPECT_EQ(test, esx_hints_check(), 0);
	for (nr = 0; nr < NR_REGIONS; nr++)
		destroy_region(fix, nr);
	KUNIT_EXPECT_EQ(test, esx_hints_count(), 0);
	KUNIT_EXPECT_EQ(test, esx_hints_check(), 0);
}

static int make_region(struct fixture *fix, unsigned int nr)
{
	return esx_hints_create(number_to_region(fix, nr), ESX_REGION_PAGES, &fix->hints[nr]);
}

static struct esx_hints *create_region(struct kunit *test, unsigned int nr)
{
	struct fixture *fix = test->priv;

	KUNIT_ASSERT_EQ(test, make_region(fix, nr), 0);
	return fix->hints[nr];
}

static bool get_hint(const struct esx_hints *hints, unsigned int idx, void *ctx)
{
	struct esx_region *region = esx_hints_region(hints);
	struct fixture *fix = ctx;

	if (region == fix->refused)
		return false;
	fix->region = region_to_number(fix, region);
	fix->idx = idx;
	return true;
}

static struct esx_hints_query make_query(struct fixture *fix, u64 hash)
{
	return (struct esx_hints_query){ .hash = hash, .get = get_hint, .ctx = fix };
}

/* Looks for @hash; the answer is in the fixture. */
static bool find_hash(struct fixture *fix, u64 hash)
{
	struct esx_hints_query query = make_query(fix, hash);

	return esx_hints_find(&query);
}

static void expect_found_at(struct kunit *test, u64 hash, unsigned int nr, unsigned int idx)
{
	struct fixture *fix = test->priv;

	fix->region = -1;
	KUNIT_EXPECT_TRUE(test, find_hash(fix, hash));
	KUNIT_EXPECT_EQ(test, fix->region, nr);
	KUNIT_EXPECT_EQ(test, fix->idx, idx);
}

static void expect_not_found(struct kunit *test, u64 hash)
{
	KUNIT_EXPECT_FALSE(test, find_hash(test->priv, hash));
}

/* A hash for each page, tags all different. */
static u64 hash_of_page(unsigned int nr, unsigned int idx)
{
	/* An odd factor permutes the numbers below 2^32. */
	return HASH((u32)((nr * ESX_REGION_PAGES + idx) * 0x9e3779b1U));
}

static void file_region(struct fixture *fix, unsigned int nr)
{
	unsigned int idx;

	for (idx = 0; idx < ESX_REGION_PAGES; idx++)
		esx_hints_file(fix->hints[nr], idx, hash_of_page(nr, idx));
}

/* How many pages of the region are found where they are. */
static unsigned int count_found(struct fixture *fix, unsigned int nr)
{
	unsigned int idx, found = 0;

	for (idx = 0; idx < ESX_REGION_PAGES; idx++) {
		if (find_hash(fix, hash_of_page(nr, idx)) && fix->region == nr && fix->idx == idx)
			found++;
	}
	return found;
}

static void filed_hint_is_found_until_dropped(struct kunit *test)
{
	struct esx_hints *hints = create_region(test, 3);

	expect_not_found(test, HASH(1));
	KUNIT_EXPECT_FALSE(test, esx_hints_has(hints, 17));

	esx_hints_file(hints, 17, HASH(1));
	KUNIT_EXPECT_TRUE(test, esx_hints_has(hints, 17));
	KUNIT_EXPECT_FALSE(test, esx_hints_has(hints, 16));
	KUNIT_EXPECT_EQ(test, esx_hints_count(), 1);
	expect_found_at(test, HASH(1), 3, 17);

	esx_hints_drop(hints, 17);
	KUNIT_EXPECT_FALSE(test, esx_hints_has(hints, 17));
	KUNIT_EXPECT_EQ(test, esx_hints_count(), 0);
	expect_not_found(test, HASH(1));
}

static void first_and_last_page_can_be_filed(struct kunit *test)
{
	struct esx_hints *hints = create_region(test, 0);

	/* All bits clear, and all set, which is how a free hint looks. */
	esx_hints_file(hints, 0, 0);
	esx_hints_file(hints, ESX_REGION_PAGES - 1, U64_MAX);
	expect_found_at(test, 0, 0, 0);
	expect_found_at(test, U64_MAX, 0, ESX_REGION_PAGES - 1);
	KUNIT_EXPECT_EQ(test, esx_hints_count(), 2);
}

static void dropping_what_is_not_filed_does_nothing(struct kunit *test)
{
	struct esx_hints *hints = create_region(test, 0);

	esx_hints_file(hints, 5, HASH(1));
	esx_hints_drop(hints, 4);
	esx_hints_drop(hints, 5);
	esx_hints_drop(hints, 5);
	KUNIT_EXPECT_EQ(test, esx_hints_count(), 0);
	esx_hints_destroy(NULL);
}

static void filing_again_replaces(struct kunit *test)
{
	struct esx_hints *hints = create_region(test, 0);

	KUNIT_EXPECT_TRUE(test, esx_hints_file(hints, 5, HASH(1)));
	KUNIT_EXPECT_FALSE(test, esx_hints_file(hints, 5, HASH(1)));
	/* Another hash of the same tag. */
	KUNIT_EXPECT_FALSE(test, esx_hints_file(hints, 5, HASH(1) | 1));
	KUNIT_EXPECT_EQ(test, esx_hints_count(), 1);
	expect_found_at(test, HASH(1), 0, 5);

	KUNIT_EXPECT_TRUE(test, esx_hints_file(hints, 5, HASH(2)));
	KUNIT_EXPECT_EQ(test, esx_hints_count(), 1);
	expect_not_found(test, HASH(1));
	expect_found_at(test, HASH(2), 0, 5);
}

static void candidate_does_not_find_itself(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_hints *hints = create_region(test, 0);
	struct esx_hints_query query = make_query(fix, HASH(1));

	esx_hints_file(hints, 5, HASH(1));
	query.self = hints;
	query.self_idx = 5;
	KUNIT_EXPECT_FALSE(test, esx_hints_find(&query));

	/* Same number in another region, another number in the same: not it. */
	query.pos = 0;
	query.self_idx = 6;
	KUNIT_EXPECT_TRUE(test, esx_hints_find(&query));
	query.pos = 0;
	query.self = create_region(test, 1);
	query.self_idx = 5;
	KUNIT_EXPECT_TRUE(test, esx_hints_find(&query));
}

static void refused_hint_is_passed_over(struct kunit *test)
{
	struct fixture *fix = test->priv;
	unsigned int nr;

	for (nr = 0; nr < 3; nr++)
		esx_hints_file(create_region(test, nr), nr, HASH(1));
	/* The newest comes first. */
	fix->refused = number_to_region(fix, 2);
	expect_found_at(test, HASH(1), 1, 1);

	destroy_region(fix, 0);
	destroy_region(fix, 1);
	expect_not_found(test, HASH(1));
}

static void search_goes_on_behind_what_was_found(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_hints_query query = make_query(fix, HASH(1));
	unsigned long seen = 0;
	unsigned int nr;

	for (nr = 0; nr < 8; nr++)
		esx_hints_file(create_region(test, nr), nr, HASH(1));
	fix->refused = number_to_region(fix, 4);

	for (nr = 0; nr < 7; nr++) {
		KUNIT_ASSERT_TRUE(test, esx_hints_find(&query));
		KUNIT_EXPECT_FALSE(test, test_bit(fix->region, &seen));
		__set_bit(fix->region, &seen);
	}
	KUNIT_EXPECT_EQ(test, seen, 0xefUL);
	KUNIT_EXPECT_FALSE(test, esx_hints_find(&query));
}

static void search_goes_on_after_a_drop(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_hints_query query = make_query(fix, HASH(1));
	unsigned int nr;

	for (nr = 0; nr < 8; nr++)
		esx_hints_file(create_region(test, nr), nr, HASH(1));

	for (nr = 0; nr < 8; nr++) {
		KUNIT_ASSERT_TRUE(test, esx_hints_find(&query));
		esx_hints_drop(fix->hints[fix->region], fix->idx);
		query.pos--;
	}
	KUNIT_EXPECT_FALSE(test, esx_hints_find(&query));
	KUNIT_EXPECT_EQ(test, esx_hints_count(), 0);
}

/* Half of the hash is kept: the other half cannot keep pages apart. */
static void equal_tags_are_both_found(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_hints_query query = make_query(fix, HASH(7) | 2);
	struct esx_hints *hints = create_region(test, 0);

	KUNIT_EXPECT_TRUE(test, esx_hints_alike(HASH(7) | 1, HASH(7) | 2));
	KUNIT_EXPECT_FALSE(test, esx_hints_alike(HASH(7) | 1, HASH(6) | 1));
	esx_hints_file(hints, 1, HASH(7) | 1);
	esx_hints_file(hints, 2, HASH(7) | 2);

	KUNIT_EXPECT_TRUE(test, esx_hints_find(&query));
	KUNIT_EXPECT_EQ(test, fix->idx, 2);
	KUNIT_EXPECT_TRUE(test, esx_hints_find(&query));
	KUNIT_EXPECT_EQ(test, fix->idx, 1);
	KUNIT_EXPECT_FALSE(test, esx_hints_find(&query));
}

/* The top bits of the tag choose no bucket, nevertheless they count. */
static void tags_of_one_bucket_are_told_apart(struct kunit *test)
{
	struct esx_hints *hints = create_region(test, 0);
	unsigned int i;

	for (i = 0; i < 32; i++)
		esx_hints_file(hints, i, HASH(0x55 | i << 27));
	for (i = 0; i < 32; i++)
		expect_found_at(test, HASH(0x55 | i << 27), 0, i);
	expect_not_found(test, HASH(0x55 | BIT(26)));
}

static void full_bucket_keeps_the_newest(struct kunit *test)
{
	struct fixture *fix = test->priv;
	struct esx_hints_query query = make_query(fix, HASH(1));
	struct esx_hints *hints = create_region(test, 0);
	unsigned int i, nr_surplus = 10;

	/* One of another tag, in the same bucket, older than all. */
	esx_hints_file(hints, 500, HASH(1 | BIT(31)));
	for (i = 0; i < ESX_HINTS_MAX_CHAIN + nr_surplus; i++)
		esx_hints_file(hints, i, HASH(1));

	KUNIT_EXPECT_EQ(test, esx_hints_count(), ESX_HINTS_MAX_CHAIN);
	KUNIT_EXPECT_FALSE(test, esx_hints_has(hints, 500));
	for (i = 0; i < ESX_HINTS_MAX_CHAIN + nr_surplus; i++)
		KUNIT_EXPECT_EQ(test, esx_hints_has(hints, i), i >= nr_surplus);

	for (i = 0; esx_hints_find(&query); i++)
		KUNIT_EXPECT_EQ(test, fix->idx, ESX_HINTS_MAX_CHAIN + nr_surplus - 1 - i);
	KUNIT_EXPECT_EQ(test, i, ESX_HINTS_MAX_CHAIN);

	/* What was pushed out can be dropped and filed like any other. */
	esx_hints_drop(hints, 0);
	esx_hints_file(hints, 1, HASH(2));
	expect_found_at(test, HASH(2), 0, 1);
}

static void destroyed_region_is_not_found(struct kunit *test)
{
	struct fixture *fix = test->priv;

	create_region(test, 0);
	create_region(test, 1);
	file_region(fix, 0);
	file_region(fix, 1);
	KUNIT_EXPECT_EQ(test, esx_hints_count(), 2 * ESX_REGION_PAGES);

	destroy_region(fix, 0);
	KUNIT_EXPECT_EQ(test, esx_hints_count(), ESX_REGION_PAGES);
	KUNIT_EXPECT_EQ(test, count_found(fix, 0), 0);
	KUNIT_EXPECT_EQ(test, count_found(fix, 1), ESX_REGION_PAGES);
}

/* Buckets are split under hints that are filed already, then merged again. */
static void all_are_found_while_table_grows_and_shrinks(struct kunit *test)
{
	struct fixture *fix = test->priv;
	unsigned int nr, found = 0;

	for (nr = 0; nr < NR_REGIONS; nr++) {
		create_region(test, nr);
		file_region(fix, nr);
		if (nr % 16 == 0)
			KUNIT_EXPECT_EQ(test, esx_hints_check(), 0);
	}
	KUNIT_EXPECT_EQ(test, esx_hints_count(), NR_HINTS);
	KUNIT_EXPECT_EQ(test, esx_hints_check(), 0);
	for (nr = 0; nr < NR_REGIONS; nr++)
		found += count_found(fix, nr);
	KUNIT_EXPECT_EQ(test, found, NR_HINTS);

	for (nr = 0; nr < NR_REGIONS; nr++) {
		if (nr % 20)
			destroy_region(fix, nr);
	}
	KUNIT_EXPECT_EQ(test, esx_hints_check(), 0);
	for (nr = 0; nr < NR_REGIONS; nr++)
		KUNIT_EXPECT_EQ(test, count_found(fix, nr), nr % 20 ? 0 : ESX_REGION_PAGES);
}

static void memory_follows_the_number_of_pages(struct kunit *test)
{
	struct fixture *fix = test->priv;
	unsigned int nr;
	size_t sz_full;

	for (nr = 0; nr < NR_REGIONS; nr++)
		create_region(test, nr);
	sz_full = esx_hints_bytes() - fix->sz_empty;
	kunit_info(test, "%zu bytes for %lu pages\n", sz_full, NR_HINTS);
	/* 8 for the hint, 2 for half a head, some for the object. */
	KUNIT_EXPECT_LE(test, sz_full * 10, NR_HINTS * 102);

	for (nr = 0; nr < NR_REGIONS; nr++)
		destroy_region(fix, nr);
	/* A little slack, so that a region that comes and goes costs nothing. */
	KUNIT_EXPECT_LE(test, esx_hints_bytes(), 3 * PAGE_SIZE);
}

static void expected_hints_have_buckets(struct kunit *test)
{
	const long nr = 200 * ESX_REGION_PAGES;
	struct fixture *fix = test->priv;
	atomic_long_t expected = {};
	size_t sz;

	create_region(test, 0);
	file_region(fix, 0);
	sz = esx_hints_bytes();
	esx_hints_expect(&expected, nr);
	/* There may be some buckets more than needed. */
	KUNIT_EXPECT_GE(test, esx_hints_bytes() - sz, nr * 2 - 4 * PAGE_SIZE);
	KUNIT_EXPECT_LE(test, esx_hints_bytes() - sz, nr * 2 - PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, count_found(fix, 0), ESX_REGION_PAGES);
	KUNIT_EXPECT_EQ(test, esx_hints_check(), 0);

	/* What there is counts as expected. */
	sz = esx_hints_bytes();
	create_region(test, 1);
	KUNIT_EXPECT_LE(test, esx_hints_bytes() - sz, PAGE_SIZE + 128);

	esx_hints_expect(&expected, 0);
	KUNIT_EXPECT_LE(test, esx_hints_bytes(), 7 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, count_found(fix, 0), ESX_REGION_PAGES);
}

static void two_full_buckets_become_one(struct kunit *test)
{
	struct esx_hints *hints = create_region(test, 0);
	atomic_long_t expected = {};
	unsigned int i;

	esx_hints_expect(&expected, 200 * ESX_REGION_PAGES);
	for (i = 0; i < 4 * ESX_HINTS_MAX_CHAIN; i++)
		esx_hints_file(hints, i, HASH(5 + i % 4 * 1024));
	KUNIT_EXPECT_EQ(test, esx_hints_count(), 4 * ESX_HINTS_MAX_CHAIN);

	esx_hints_expect(&expected, 0);
	KUNIT_EXPECT_EQ(test, esx_hints_count(), ESX_HINTS_MAX_CHAIN);
	KUNIT_EXPECT_EQ(test, esx_hints_check(), 0);
}

/*
 * Random operations against a plain array.  Tags come from a small set, so that
 * many pages have equal ones, but too few to fill a bucket.
 */
#define MODEL_REGIONS	16
#define MODEL_HASHES	2048
#define MODEL_OPS	(5000 * SCALE)

struct model {
	/* Number of the hash filed for a page, or -1. */
	s16 hash[MODEL_REGIONS][ESX_REGION_PAGES];
	long nr_with_hash[MODEL_HASHES];
	long nr_filed;
};

static u64 model_hash(unsigned int nr)
{
	return HASH((u32)(nr * 0x9e3779b1U));
}

static void model_drop(struct model *model, unsigned int nr, unsigned int idx)
{
	s16 *hash = &model->hash[nr][idx];

	if (*hash < 0)
		return;
	model->nr_with_hash[*hash]--;
	model->nr_filed--;
	*hash = -1;
}

static void model_file(struct model *model, unsigned int nr, unsigned int idx, s16 hash)
{
	model_drop(model, nr, idx);
	model->hash[nr][idx] = hash;
	model->nr_with_hash[hash]++;
	model->nr_filed++;
}

/* Walks all pages of a hash; returns false when the table and model differ. */
static bool agrees_on_hash(struct fixture *fix, struct model *model, s16 hash)
{
	struct esx_hints_query query = make_query(fix, model_hash(hash));
	long nr = 0;

	while (esx_hints_find(&query)) {
		if (model->hash[fix->region][fix->idx] != hash)
			return false;
		nr++;
	}
	return nr == model->nr_with_hash[hash];
}

static void renew_region(struct kunit *test, struct model *model, unsigned int nr)
{
	struct fixture *fix = test->priv;
	unsigned int idx;

	destroy_region(fix, nr);
	for (idx = 0; idx < ESX_REGION_PAGES; idx++)
		model_drop(model, nr, idx);
	create_region(test, nr);
}

static bool do_random_op(struct kunit *test, struct model *model, struct rnd_state *rnd)
{
	struct fixture *fix = test->priv;
	u32 random = prandom_u32_state(rnd);
	unsigned int nr = random % MODEL_REGIONS;
	unsigned int idx = random / MODEL_REGIONS % ESX_REGION_PAGES;
	s16 hash = prandom_u32_state(rnd) % MODEL_HASHES;
	u32 op = prandom_u32_state(rnd) % 10000;

	if (op == 0) {
		renew_region(test, model, nr);
	} else if (op < 5000) {
		esx_hints_file(fix->hints[nr], idx, model_hash(hash));
		model_file(model, nr, idx, hash);
	} else if (op < 7000) {
		esx_hints_drop(fix->hints[nr], idx);
		model_drop(model, nr, idx);
	}
	return agrees_on_hash(fix, model, hash) &&
	       esx_hints_has(fix->hints[nr], idx) == (model->hash[nr][idx] >= 0);
}

static void random_operations_agree_with_model(struct kunit *test)
{
	struct model *model = kunit_kzalloc(test, sizeof(*model), GFP_KERNEL);
	struct rnd_state rnd;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, model);
	memset(model->hash, 0xff, sizeof(model->hash));
	for (i = 0; i < MODEL_REGIONS; i++)
		create_region(test, i);

	prandom_seed_state(&rnd, 20021209);
	for (i = 0; i < MODEL_OPS; i++)
		KUNIT_ASSERT_TRUE_MSG(test, do_random_op(test, model, &rnd), "operation %u", i);
	/* Else the operations have cancelled each other out. */
	KUNIT_EXPECT_GT(test, model->nr_filed, 1000);
	KUNIT_EXPECT_EQ(test, esx_hints_count(), model->nr_filed);
}

/*
 * Threads file, drop and find in regions of their own while another makes the
 * table grow and shrink, and a third checks it.
 */
#define NR_WORKERS	4
#define WORKER_ROUNDS	(2 * SCALE)
#define RESIZER_REGIONS	24

static_assert(NR_WORKERS + RESIZER_REGIONS <= NR_REGIONS);

struct worker {
	struct test_thread thread;
	struct fixture *fix;
	unsigned int nr;
};

static bool get_hint_of_worker(const struct esx_hints *hints, unsigned int idx, void *ctx)
{
	struct esx_region *region = esx_hints_region(hints);
	struct worker *worker = ctx;

	return region == number_to_region(worker->fix, worker->nr) && idx % 2;
}

static bool worker_finds(struct worker *worker, unsigned int idx)
{
	struct esx_hints_query query = {
		.hash = hash_of_page(worker->nr, idx),
		.get = get_hint_of_worker,
		.ctx = worker,
	};

	return esx_hints_find(&query);
}

static int work_on_region(void *arg)
{
	struct worker *worker = arg;
	struct esx_hints *hints = worker->fix->hints[worker->nr];
	unsigned int round, idx;
	int nr_wrong = 0;

	for (round = 0; round < WORKER_ROUNDS; round++) {
		file_region(worker->fix, worker->nr);
		for (idx = 0; idx < ESX_REGION_PAGES; idx++)
			nr_wrong += worker_finds(worker, idx) != idx % 2;
		cond_resched();
		for (idx = 0; idx < ESX_REGION_PAGES; idx++)
			esx_hints_drop(hints, idx);
		for (idx = 0; idx < ESX_REGION_PAGES; idx++)
			nr_wrong += worker_finds(worker, idx);
		cond_resched();
	}
	return nr_wrong;
}

static int resize_table(void *arg)
{
	struct worker *worker = arg;
	struct fixture *fix = worker->fix;
	unsigned int round, nr, end = worker->nr + RESIZER_REGIONS;
	int nr_wrong = 0;

	for (round = 0; round < WORKER_ROUNDS; round++) {
		for (nr = worker->nr; nr < end; nr++) {
			if (make_region(fix, nr))
				return nr_wrong + 1;
			file_region(fix, nr);
			cond_resched();
		}
		nr_wrong += esx_hints_check();
		for (nr = worker->nr; nr < end; nr++)
			destroy_region(fix, nr);
	}
	return nr_wrong;
}

static void threads_do_not_disturb_each_other(struct kunit *test)
{
	struct worker *workers;
	unsigned int i;

	workers = kunit_kcalloc(test, NR_WORKERS + 1, sizeof(*workers), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, workers);
	for (i = 0; i <= NR_WORKERS; i++) {
		workers[i].fix = test->priv;
		workers[i].nr = i;
		if (i < NR_WORKERS)
			create_region(test, i);
	}

	start_test_thread(test, &workers[NR_WORKERS].thread, resize_table, &workers[NR_WORKERS]);
	for (i = 0; i < NR_WORKERS; i++)
		start_test_thread(test, &workers[i].thread, work_on_region, &workers[i]);
	for (i = 0; i < WORKER_ROUNDS; i++)
		KUNIT_EXPECT_EQ(test, esx_hints_check(), 0);
	for (i = 0; i <= NR_WORKERS; i++)
		join_test_thread(test, &workers[i].thread);
	KUNIT_EXPECT_EQ(test, esx_hints_count(), 0);
}

static struct kunit_case hints_cases[] = {
	KUNIT_CASE(filed_hint_is_found_until_dropped),
	KUNIT_CASE(first_and_last_page_can_be_filed),
	KUNIT_CASE(dropping_what_is_not_filed_does_nothing),
	KUNIT_CASE(filing_again_replaces),
	KUNIT_CASE(candidate_does_not_find_itself),
	KUNIT_CASE(refused_hint_is_passed_over),
	KUNIT_CASE(search_goes_on_behind_what_was_found),
	KUNIT_CASE(search_goes_on_after_a_drop),
	KUNIT_CASE(equal_tags_are_both_found),
	KUNIT_CASE(tags_of_one_bucket_are_told_apart),
	KUNIT_CASE(full_bucket_keeps_the_newest),
	KUNIT_CASE(destroyed_region_is_not_found),
	KUNIT_CASE(all_are_found_while_table_grows_and_shrinks),
	KUNIT_CASE(memory_follows_the_number_of_pages),
	KUNIT_CASE(expected_hints_have_buckets),
	KUNIT_CASE(two_full_buckets_become_one),
	KUNIT_CASE(random_operations_agree_with_model),
	KUNIT_CASE(threads_do_not_disturb_each_other),
	{}
};

struct kunit_suite esx_hints_suite = {
	.name = "esx_hints",
	.init = init_hints,
	.exit = exit_hints,
	.test_cases = hints_cases,
};
