// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the four states (tax/level.c), which are arithmetic, and of the gauge
 * (tax/gauge.c), which is not.
 */
#include <linux/kernel.h>

#include "../frame.h"
#include "../tax/gauge.h"
#include "suites.h"

#define GB	(1ULL << 18)

/* The paper's, without and with a margin. */
static const struct esx_level_params paper = {
	.scale = ESX_SCALE_LINEAR,
	.pm = { 60, 40, 20, 10 },
};

static const struct esx_level_params wary = {
	.scale = ESX_SCALE_LINEAR,
	.pm = { 60, 40, 20, 10 },
	.margin_percent = 10,
};

static const struct esx_level_params sliding = {
	.scale = ESX_SCALE_SLIDING,
	.pm = { 60, 40, 20, 10 },
};

static struct esx_level_marks marks_of(const struct esx_level_params *params, u64 total)
{
	struct esx_level_marks marks;

	esx_level_set_marks(&marks, params, total);
	return marks;
}

static void thresholds_must_descend(struct kunit *test)
{
	static const struct {
		struct esx_level_params params;
		bool sane;
	} table[] = {
		{ { .pm = { 60, 40, 20, 10 } }, true },
		{ { .pm = { 3, 2, 1, 0 } }, true },
		{ { .pm = { 1000, 999, 998, 997 }, .margin_percent = 100 }, true },
		{ { .pm = { 1001, 40, 20, 10 } }, false },
		{ { .pm = { U32_MAX, 40, 20, 10 } }, false },
		{ { .pm = { 40, 40, 20, 10 } }, false },
		{ { .pm = { 60, 60, 20, 10 } }, false },
		{ { .pm = { 60, 20, 40, 10 } }, false },
		{ { .pm = { 60, 40, 20, 20 } }, false },
		{ { .pm = { 60, 40, 20, U32_MAX } }, false },
		{ { .pm = { 0, 0, 0, 0 } }, false },
		{ { .pm = { 60, 40, 20, 10 }, .margin_percent = 101 }, false },
		{ { .pm = { 60, 40, 20, 10 }, .scale = ESX_NR_SCALES }, false },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(table); i++)
		KUNIT_EXPECT_EQ_MSG(test, esx_level_params_are_sane(&table[i].params),
				    table[i].sane, "row %u", i);
}

static void who_is_nearer_to_being_short_counts(struct kunit *test)
{
	static const struct {
		const struct esx_level_params *params;
		struct esx_supply supply;
		struct esx_memory memory;
	} table[] = {
		{ &paper, { 1000, 300, 0, 700 }, { 1000, 300 } },
		/* Neither is near: what is less. */
		{ &paper, { 1000, 300, 800, 600 }, { 800, 200 } },
		{ &paper, { 1000, 300, 800, 400 }, { 1000, 300 } },
		{ &paper, { 1000, 300, 5000, 700 }, { 1000, 300 } },
		/* 70 of 1000 against 50 of 800, whose thresholds are 60 and 48. */
		{ &paper, { 1000, 70, 800, 750 }, { 800, 50 } },
		/* More is held than there may be, as when the pool was made smaller. */
		{ &paper, { 1000, 300, 800, 801 }, { 800, 0 } },
		/* A host that is soft is so whatever is left of a small pool; */
		{ &paper, { 1000000, 39999, 1000, 0 }, { 1000000, 39999 } },
		{ &paper, { 1000000, 39999, 1000, 940 }, { 1000000, 39999 } },
		/* and the other way round. */
		{ &paper, { 1000000, 500000, 1000, 961 }, { 1000, 39 } },
		{ &paper, { 1000000, 41000, 1000, 961 }, { 1000, 39 } },
		/*
		 * 2.5 % of 64 GB are more than minFree of it, 325058 pages; 3 % of 4 GB are
		 * half of what that would be.
		 */
		{ &sliding, { 64 * GB, 419430, 4 * GB, 4 * GB - 31457 }, { 4 * GB, 31457 } },
		/* Memory that came while it was counted. */
		{ &paper, { 1000, 1001, 0, 0 }, { 1000, 1000 } },
		{ &paper, { 0, 0, 0, 0 }, { 0, 0 } },
		{ &paper, { 0, 0, 1, 0 }, { 0, 0 } },
	};
	struct esx_memory memory;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(table); i++) {
		memory = esx_level_memory(&table[i].supply, table[i].params);
		KUNIT_EXPECT_EQ_MSG(test, memory.total, table[i].memory.total, "row %u", i);
		KUNIT_EXPECT_EQ_MSG(test, memory.free, table[i].memory.free, "row %u", i);
	}
}

static void thresholds_are_exact_in_pages(struct kunit *test)
{
	struct esx_level_marks marks = marks_of(&paper, 1000000);

	KUNIT_EXPECT_EQ(test, marks.fall[ESX_LEVEL_HIGH], 60000);
	KUNIT_EXPECT_EQ(test, marks.fall[ESX_LEVEL_SOFT], 40000);
	KUNIT_EXPECT_EQ(test, marks.fall[ESX_LEVEL_HARD], 20000);
	KUNIT_EXPECT_EQ(test, marks.fall[ESX_LEVEL_LOW], 10000);
	KUNIT_EXPECT_EQ(test, marks.rise[ESX_LEVEL_HIGH], 60000);
	marks = marks_of(&wary, 1000000);
	KUNIT_EXPECT_EQ(test, marks.fall[ESX_LEVEL_HIGH], 60000);
	KUNIT_EXPECT_EQ(test, marks.rise[ESX_LEVEL_HIGH], 66000);
	KUNIT_EXPECT_EQ(test, marks.rise[ESX_LEVEL_HARD], 22000);
	/* 6, 4, 2, 1 % of 4 GB less a page: 62914.5, 41943.0, 20971.5, 10485.7. */
	marks = marks_of(&paper, 4 * GB - 1);
	KUNIT_EXPECT_EQ(test, marks.fall[ESX_LEVEL_HIGH], 62914);
	KUNIT_EXPECT_EQ(test, marks.fall[ESX_LEVEL_SOFT], 41943);
	KUNIT_EXPECT_EQ(test, marks.fall[ESX_LEVEL_HARD], 20971);
	KUNIT_EXPECT_EQ(test, marks.fall[ESX_LEVEL_LOW], 10485);
}

static void thresholds_of_any_host_are_in_range(struct kunit *test)
{
	static const struct esx_level_params greedy = {
		.pm = { 1000, 999, 998, 997 },
		.margin_percent = 100,
	};
	static const u64 totals[] = { 0, 1, 2, 99, 1 << 20, 1ULL << 52, U64_MAX };
	struct esx_level_marks marks;
	unsigned int i, level;

	for (i = 0; i < ARRAY_SIZE(totals); i++) {
		marks = marks_of(&greedy, totals[i]);
		for (level = 0; level < ESX_NR_LEVELS; level++) {
			KUNIT_EXPECT_LE(test, marks.fall[level], marks.rise[level]);
			KUNIT_EXPECT_LE(test, marks.rise[level], totals[i]);
		}
		/* An empty host. */
		KUNIT_EXPECT_EQ(test, esx_level_next(ESX_LEVEL_LOW, totals[i], &marks),
				ESX_LEVEL_HIGH);
	}
	/* 99.7 % of 2^64 - 1 pages. */
	KUNIT_EXPECT_EQ(test, marks.fall[ESX_LEVEL_LOW], 18391403841488422960ULL);
}

/* What is told of ESXi: about 900 MB of 28 GB, 1925 MB of 128 GB. */
static void min_free_is_that_of_esxi(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, esx_level_min_free(0), 0);
	/* 6 % of 1048576 pages: 62914.56. */
	KUNIT_EXPECT_EQ(test, esx_level_min_free(4 * GB), 62914);
	/* And 4 % of 2097152: 146800.64. */
	KUNIT_EXPECT_EQ(test, esx_level_min_free(12 * GB), 146800);
	/* And 2 % of 4194304: 230686.72, which is 901 MB. */
	KUNIT_EXPECT_EQ(test, esx_level_min_free(28 * GB), 230686);
	/* And 1 % of 26214400: 492830.72, which is 1925 MB. */
	KUNIT_EXPECT_EQ(test, esx_level_min_free(128 * GB), 492830);
	/* Each further 4 GB is 10485.76 more. */
	KUNIT_EXPECT_EQ(test, esx_level_min_free(132 * GB), 503316);
	/* More than can be addressed is no more. */
	KUNIT_EXPECT_EQ(test, esx_level_min_free(U64_MAX), esx_level_min_free(1ULL << 52));
}

static void sliding_thresholds_are_parts_of_min_free(struct kunit *test)
{
	struct esx_level_marks marks = marks_of(&sliding, 28 * GB);

	/* 100, 64, 32, 16 % of 230686.72. */
	KUNIT_EXPECT_EQ(test, marks.fall[ESX_LEVEL_HIGH], 230686);
	KUNIT_EXPECT_EQ(test, marks.fall[ESX_LEVEL_SOFT], 147639);
	KUNIT_EXPECT_EQ(test, marks.fall[ESX_LEVEL_HARD], 73819);
	KUNIT_EXPECT_EQ(test, marks.fall[ESX_LEVEL_LOW], 36909);
	/* At 4 GB the first is the paper's. */
	marks = marks_of(&sliding, 4 * GB);
	KUNIT_EXPECT_EQ(test, marks.fall[ESX_LEVEL_HIGH],
			marks_of(&paper, 4 * GB).fall[ESX_LEVEL_HIGH]);
}

/* Of 1000 pages: what follows each state at each amount of free memory. */
static void states_follow_free_memory(struct kunit *test)
{
	static const struct {
		enum esx_level now;
		u64 free;
		enum esx_level next;
	} table[] = {
		{ ESX_LEVEL_HIGH, 1000, ESX_LEVEL_HIGH },
		{ ESX_LEVEL_HIGH, 59, ESX_LEVEL_HIGH },
		{ ESX_LEVEL_HIGH, 40, ESX_LEVEL_HIGH },
		{ ESX_LEVEL_HIGH, 39, ESX_LEVEL_SOFT },
		{ ESX_LEVEL_HIGH, 20, ESX_LEVEL_SOFT },
		/* Several at once. */
		{ ESX_LEVEL_HIGH, 19, ESX_LEVEL_HARD },
		{ ESX_LEVEL_HIGH, 10, ESX_LEVEL_HARD },
		{ ESX_LEVEL_HIGH, 9, ESX_LEVEL_LOW },
		{ ESX_LEVEL_HIGH, 0, ESX_LEVEL_LOW },
		{ ESX_LEVEL_SOFT, 9, ESX_LEVEL_LOW },
		{ ESX_LEVEL_SOFT, 19, ESX_LEVEL_HARD },
		{ ESX_LEVEL_SOFT, 20, ESX_LEVEL_SOFT },
		{ ESX_LEVEL_SOFT, 59, ESX_LEVEL_SOFT },
		{ ESX_LEVEL_SOFT, 60, ESX_LEVEL_HIGH },
		{ ESX_LEVEL_HARD, 9, ESX_LEVEL_LOW },
		{ ESX_LEVEL_HARD, 10, ESX_LEVEL_HARD },
		{ ESX_LEVEL_HARD, 39, ESX_LEVEL_HARD },
		{ ESX_LEVEL_HARD, 40, ESX_LEVEL_SOFT },
		{ ESX_LEVEL_HARD, 59, ESX_LEVEL_SOFT },
		{ ESX_LEVEL_HARD, 60, ESX_LEVEL_HIGH },
		{ ESX_LEVEL_LOW, 0, ESX_LEVEL_LOW },
		{ ESX_LEVEL_LOW, 19, ESX_LEVEL_LOW },
		{ ESX_LEVEL_LOW, 20, ESX_LEVEL_HARD },
		{ ESX_LEVEL_LOW, 39, ESX_LEVEL_HARD },
		{ ESX_LEVEL_LOW, 40, ESX_LEVEL_SOFT },
		{ ESX_LEVEL_LOW, 59, ESX_LEVEL_SOFT },
		{ ESX_LEVEL_LOW, 60, ESX_LEVEL_HIGH },
	};
	struct esx_level_marks marks = marks_of(&paper, 1000);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(table); i++)
		KUNIT_EXPECT_EQ_MSG(test, esx_level_next(table[i].now, table[i].free, &marks),
				    table[i].next, "row %u", i);
}

static void margin_delays_the_way_up_alone(struct kunit *test)
{
	struct esx_level_marks marks = marks_of(&wary, 1000);

	KUNIT_EXPECT_EQ(test, esx_level_next(ESX_LEVEL_HIGH, 40, &marks), ESX_LEVEL_HIGH);
	KUNIT_EXPECT_EQ(test, esx_level_next(ESX_LEVEL_HIGH, 39, &marks), ESX_LEVEL_SOFT);
	KUNIT_EXPECT_EQ(test, esx_level_next(ESX_LEVEL_SOFT, 65, &marks), ESX_LEVEL_SOFT);
	KUNIT_EXPECT_EQ(test, esx_level_next(ESX_LEVEL_SOFT, 66, &marks), ESX_LEVEL_HIGH);
	KUNIT_EXPECT_EQ(test, esx_level_next(ESX_LEVEL_LOW, 21, &marks), ESX_LEVEL_LOW);
	KUNIT_EXPECT_EQ(test, esx_level_next(ESX_LEVEL_LOW, 22, &marks), ESX_LEVEL_HARD);
	KUNIT_EXPECT_EQ(test, esx_level_next(ESX_LEVEL_LOW, 43, &marks), ESX_LEVEL_HARD);
	KUNIT_EXPECT_EQ(test, esx_level_next(ESX_LEVEL_LOW, 44, &marks), ESX_LEVEL_SOFT);
}

/* Whatever is free: where a step leads a second one stays; more is never worse. */
static void states_do_not_go_back_and_forth(struct kunit *test)
{
	static const struct esx_level_params *const all[] = { &paper, &wary, &sliding };
	static const u64 totals[] = { 0, 1, 3, 10, 77, 1000, 12345 };
	struct esx_level_marks marks;
	unsigned int i, t, now;
	enum esx_level next, before;
	u64 free;

	for (i = 0; i < ARRAY_SIZE(all) * ARRAY_SIZE(totals) * ESX_NR_LEVELS; i++) {
		now = i % ESX_NR_LEVELS;
		t = i / ESX_NR_LEVELS % ARRAY_SIZE(totals);
		marks = marks_of(all[i / ESX_NR_LEVELS / ARRAY_SIZE(totals)], totals[t]);
		before = ESX_LEVEL_LOW;
		for (free = 0; free <= totals[t]; free++) {
			next = esx_level_next(now, free, &marks);
			KUNIT_ASSERT_EQ(test, esx_level_next(next, free, &marks), next);
			KUNIT_ASSERT_LE(test, next, before);
			before = next;
		}
	}
}

/* 512 pages are held: 512 of 512 is nothing left, of 1024 half. */
static void pool_that_is_used_up_is_low(struct kunit *test)
{
	const struct esx_frame_req req = {};
	struct esx_gauge_figures before, after;
	struct folio *folio;

	KUNIT_ASSERT_EQ(test, esx_frame_count(), 0);
	folio = esx_frame_alloc_huge(&req);
	if (!folio)
		kunit_skip(test, "no 2 MB of memory in one piece");
	esx_gauge_get_figures(&before);
	esx_gauge_set_pool(512);
	esx_gauge_get_figures(&after);
	KUNIT_EXPECT_EQ(test, after.memory.total, 512);
	KUNIT_EXPECT_EQ(test, after.memory.free, 0);
	KUNIT_EXPECT_EQ(test, after.level, ESX_LEVEL_LOW);
	KUNIT_EXPECT_EQ(test, after.entries[ESX_LEVEL_LOW], before.entries[ESX_LEVEL_LOW] + 1);
	KUNIT_EXPECT_EQ(test, after.entries[ESX_LEVEL_HARD], before.entries[ESX_LEVEL_HARD]);

	esx_gauge_set_pool(1024);
	esx_gauge_get_figures(&after);
	KUNIT_EXPECT_EQ(test, after.memory.free, 512);
	KUNIT_EXPECT_EQ(test, after.level, ESX_LEVEL_HIGH);
	esx_gauge_set_pool(0);
	esx_frame_release(folio);
	KUNIT_EXPECT_EQ(test, esx_gauge_level(), ESX_LEVEL_HIGH);
}

/* Of 1000 pages 6 % are 60, and a tenth of that is the margin. */
static void who_holds_the_room_is_not_short(struct kunit *test)
{
	static const struct {
		const struct esx_level_params *params;
		u64 total, room;
	} table[] = {
		{ &paper, 1000, 940 },
		{ &wary, 1000, 934 },
		{ &wary, 0, 0 },
		/* 6 % of less than 17 are none. */
		{ &paper, 16, 16 },
		{ &sliding, 28 * GB, 28 * GB - 230686 },
	};
	struct esx_level_marks marks;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(table); i++) {
		marks = marks_of(table[i].params, table[i].total);
		KUNIT_EXPECT_EQ_MSG(test, esx_level_room(table[i].total, table[i].params),
				    table[i].room, "row %u", i);
		KUNIT_EXPECT_EQ_MSG(test,
				    esx_level_next(ESX_LEVEL_LOW, table[i].total - table[i].room,
						   &marks),
				    ESX_LEVEL_HIGH, "row %u", i);
	}
}

/* 60 and 6 of 1000 pages are left of a pool, though nobody holds anything. */
static void chosen_pool_is_not_dealt_to_its_end(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, esx_gauge_level(), ESX_LEVEL_HIGH);
	KUNIT_EXPECT_EQ(test, esx_gauge_room(), U64_MAX);
	esx_gauge_set_pool(1000);
	KUNIT_EXPECT_EQ(test, esx_gauge_level(), ESX_LEVEL_HIGH);
	KUNIT_EXPECT_EQ(test, esx_gauge_room(), 934);
	esx_gauge_set_pool(0);
	KUNIT_EXPECT_EQ(test, esx_gauge_room(), U64_MAX);
}

static struct kunit_case level_cases[] = {
	KUNIT_CASE(thresholds_must_descend),
	KUNIT_CASE(who_is_nearer_to_being_short_counts),
	KUNIT_CASE(thresholds_are_exact_in_pages),
	KUNIT_CASE(thresholds_of_any_host_are_in_range),
	KUNIT_CASE(min_free_is_that_of_esxi),
	KUNIT_CASE(sliding_thresholds_are_parts_of_min_free),
	KUNIT_CASE(states_follow_free_memory),
	KUNIT_CASE(margin_delays_the_way_up_alone),
	KUNIT_CASE(states_do_not_go_back_and_forth),
	KUNIT_CASE(pool_that_is_used_up_is_low),
	KUNIT_CASE(who_holds_the_room_is_not_short),
	KUNIT_CASE(chosen_pool_is_not_dealt_to_its_end),
	{}
};

struct kunit_suite esx_level_suite = {
	.name = "esx_level",
	.test_cases = level_cases,
};
