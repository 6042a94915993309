// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of tallies of sampled pages (tax/tally.c), and of what the estimates make
 * of them (tax/estimate.c): arithmetic, so no page.
 */
#include <linux/mm.h>

#include "../tax/estimate.h"
#include "../tax/tally.h"
#include "suites.h"

/* Figure 6 of the paper: a VM of 320 MB, here in units of 0.1 MB. */
#define FIGURE_SIZE	3200
/* What one per cent of it is: the figure is drawn in steps of this. */
#define FIGURE_STEP	32
/* Samples in a period. */
#define SAMPLES		100

enum verdict { KEPT, ZEROED, FREED };

static void touch_is_judged_by_what_it_leaves_behind(struct kunit *test)
{
	static const struct {
		enum esx_holds before, now;
		enum verdict verdict;
	} table[] = {
		/* What could not be looked at gets the benefit of the doubt. */
		{ ESX_HOLDS_UNKNOWN, ESX_HOLDS_UNKNOWN, KEPT },
		{ ESX_HOLDS_UNKNOWN, ESX_HOLDS_NOTHING, KEPT },
		{ ESX_HOLDS_UNKNOWN, ESX_HOLDS_ZEROS, KEPT },
		{ ESX_HOLDS_UNKNOWN, ESX_HOLDS_DATA, KEPT },
		{ ESX_HOLDS_NOTHING, ESX_HOLDS_UNKNOWN, KEPT },
		/* Read, and nothing written. */
		{ ESX_HOLDS_NOTHING, ESX_HOLDS_NOTHING, KEPT },
		{ ESX_HOLDS_NOTHING, ESX_HOLDS_ZEROS, ZEROED },
		{ ESX_HOLDS_NOTHING, ESX_HOLDS_DATA, KEPT },
		{ ESX_HOLDS_ZEROS, ESX_HOLDS_UNKNOWN, KEPT },
		{ ESX_HOLDS_ZEROS, ESX_HOLDS_NOTHING, FREED },
		/* Zeros that are in use. */
		{ ESX_HOLDS_ZEROS, ESX_HOLDS_ZEROS, KEPT },
		{ ESX_HOLDS_ZEROS, ESX_HOLDS_DATA, KEPT },
		{ ESX_HOLDS_DATA, ESX_HOLDS_UNKNOWN, KEPT },
		{ ESX_HOLDS_DATA, ESX_HOLDS_NOTHING, FREED },
		{ ESX_HOLDS_DATA, ESX_HOLDS_ZEROS, ZEROED },
		{ ESX_HOLDS_DATA, ESX_HOLDS_DATA, KEPT },
	};
	struct esx_tally tally;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(table); i++) {
		const struct esx_touch touch = {
			.before = table[i].before,
			.now = table[i].now,
			.touched = true,
		};

		tally = (struct esx_tally){};
		esx_tally_add(&tally, &touch);
		KUNIT_EXPECT_EQ(test, tally.sampled, 1);
		KUNIT_EXPECT_EQ(test, tally.all.touched, 1);
		KUNIT_EXPECT_EQ_MSG(test, tally.kept.touched, table[i].verdict == KEPT, "%u", i);
		KUNIT_EXPECT_EQ_MSG(test, tally.zeroed, table[i].verdict == ZEROED, "%u", i);
		KUNIT_EXPECT_EQ_MSG(test, tally.freed, table[i].verdict == FREED, "%u", i);
	}
}

static void page_that_is_not_touched_counts_nowhere(struct kunit *test)
{
	const struct esx_touch touch = { .before = ESX_HOLDS_DATA, .now = ESX_HOLDS_ZEROS };
	struct esx_tally tally = {};

	esx_tally_add(&tally, &touch);
	KUNIT_EXPECT_EQ(test, tally.sampled, 1);
	KUNIT_EXPECT_EQ(test, tally.all.touched, 0);
	KUNIT_EXPECT_EQ(test, tally.kept.touched, 0);
	KUNIT_EXPECT_EQ(test, tally.zeroed, 0);
}

/* Parts of what is kept are no more than what is kept. */
static void parts_are_discounted_with_the_whole(struct kunit *test)
{
	static const struct esx_touch touches[] = {
		{ .touched = true, .coarse = true },
		{ .touched = true, .host = true },
		{ ESX_HOLDS_DATA, ESX_HOLDS_ZEROS, .touched = true, .coarse = true },
		{ ESX_HOLDS_DATA, ESX_HOLDS_ZEROS, .touched = true, .host = true },
		{ ESX_HOLDS_DATA, ESX_HOLDS_NOTHING, .touched = true, .host = true },
	};
	struct esx_tally tally = {};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(touches); i++)
		esx_tally_add(&tally, &touches[i]);
	KUNIT_EXPECT_EQ(test, tally.all.touched, 5);
	KUNIT_EXPECT_EQ(test, tally.all.coarse, 2);
	KUNIT_EXPECT_EQ(test, tally.all.host, 3);
	KUNIT_EXPECT_EQ(test, tally.kept.touched, 2);
	KUNIT_EXPECT_EQ(test, tally.kept.coarse, 1);
	KUNIT_EXPECT_EQ(test, tally.kept.host, 1);
	KUNIT_EXPECT_EQ(test, tally.zeroed, 2);
	KUNIT_EXPECT_EQ(test, tally.freed, 1);
}

/* A period of the figure: so many samples are used, so many zeroed by the thread. */
static void tally_period(struct esx_tally *tally, unsigned int used, unsigned int zeroed)
{
	struct esx_touch touch = { .before = ESX_HOLDS_DATA };
	unsigned int i;

	*tally = (struct esx_tally){};
	for (i = 0; i < SAMPLES; i++) {
		touch.touched = i < used + zeroed;
		touch.now = i < used ? ESX_HOLDS_DATA : ESX_HOLDS_ZEROS;
		esx_tally_add(tally, &touch);
	}
}

static u64 in_figure(u32 fraction)
{
	return esx_fraction_of(fraction, FIGURE_SIZE);
}

static u64 largest_in_figure(const struct esx_average *average, u32 touched)
{
	struct esx_estimates estimates;

	esx_estimates_get(average, esx_fraction(touched, SAMPLES), &estimates);
	return in_figure(estimates.by[esx_estimates_largest(&estimates)]);
}

static void expect_drawn(struct kunit *test, u64 value, u64 drawn)
{
	KUNIT_EXPECT_GE(test, value + FIGURE_STEP, drawn);
	KUNIT_EXPECT_LE(test, value, drawn + FIGURE_STEP);
}

/*
 * The spike of the figure, at 27.7 minutes.  The toucher has used 150 MB for eight
 * periods, with 10 MB of the guest's own: 50 samples.  It ends, and the guest's
 * zero-page thread goes over what it has freed.  From what is drawn after that
 * period, 224 MB and 182.4 MB, the period has touched 245 MB: 77 samples.  16 MB,
 * 5 samples, go on being used.
 */
static void spike_of_figure_6_is_discounted(struct kunit *test)
{
	struct esx_average all = {
		.slow = esx_fraction(50, SAMPLES),
		.fast = esx_fraction(50, SAMPLES),
		.primed = true,
	};
	struct esx_average kept = all;
	struct esx_tally tally;

	tally_period(&tally, 5, 72);
	KUNIT_EXPECT_EQ(test, tally.all.touched, 77);
	KUNIT_EXPECT_EQ(test, tally.kept.touched, 5);
	KUNIT_EXPECT_EQ(test, tally.zeroed, 72);

	/* While it is under way: by hand (1600 + 3 * 2464) / 4 = 2248. */
	KUNIT_EXPECT_EQ(test, largest_in_figure(&all, tally.all.touched), 2248);
	KUNIT_EXPECT_EQ(test, largest_in_figure(&kept, tally.kept.touched), 1600);

	esx_average_add(&all, esx_fraction(tally.all.touched, SAMPLES));
	esx_average_add(&kept, esx_fraction(tally.kept.touched, SAMPLES));
	/* As drawn; by hand 2248, and (3 * 1600 + 2464) / 4 = 1816. */
	expect_drawn(test, in_figure(all.fast), 2240);
	expect_drawn(test, in_figure(all.slow), 1824);
	/* By hand: (1600 + 3 * 160) / 4 = 520, (3 * 1600 + 160) / 4 = 1240. */
	KUNIT_EXPECT_EQ(test, in_figure(kept.fast), 520);
	KUNIT_EXPECT_EQ(test, in_figure(kept.slow), 1240);

	/* What was zeroed is left alone. */
	tally_period(&tally, 5, 0);
	esx_average_add(&all, esx_fraction(tally.all.touched, SAMPLES));
	esx_average_add(&kept, esx_fraction(tally.kept.touched, SAMPLES));
	expect_drawn(test, in_figure(all.fast), 672);
	expect_drawn(test, in_figure(all.slow), 1408);
	/* By hand: (520 + 3 * 160) / 4 = 250, (3 * 1240 + 160) / 4 = 970. */
	KUNIT_EXPECT_EQ(test, in_figure(kept.fast), 250);
	KUNIT_EXPECT_EQ(test, in_figure(kept.slow), 970);
}

static struct kunit_case tally_cases[] = {
	KUNIT_CASE(touch_is_judged_by_what_it_leaves_behind),
	KUNIT_CASE(page_that_is_not_touched_counts_nowhere),
	KUNIT_CASE(parts_are_discounted_with_the_whole),
	KUNIT_CASE(spike_of_figure_6_is_discounted),
	{}
};

struct kunit_suite esx_tally_suite = {
	.name = "esx_tally",
	.test_cases = tally_cases,
};
