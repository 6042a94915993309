// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of budgets (share/meter.c): arithmetic, so no thread and no clock.
 */
#include <linux/time64.h>

#include "../share/meter.h"
#include "suites.h"

#define MS	((u64)NSEC_PER_MSEC)
#define START	(1000 * MS)

static void fresh_account_owes_nothing(struct kunit *test)
{
	const struct esx_budget budget = { .cpu_ppm = 100000, .pages_per_second = 1000 };
	struct esx_meter meter;

	esx_meter_start(&meter, 5 * MS, START);
	KUNIT_EXPECT_EQ(test, esx_meter_debt_ns(&meter, &budget, 5 * MS, START), 0);
}

static void cpu_time_is_paid_for_in_proportion(struct kunit *test)
{
	const struct esx_budget budget = { .cpu_ppm = 100000 };
	struct esx_meter meter;

	esx_meter_start(&meter, 0, START);
	/* 3 ms of work in 3 ms: 30 ms in all. */
	KUNIT_EXPECT_EQ(test, esx_meter_debt_ns(&meter, &budget, 3 * MS, START + 3 * MS), 27 * MS);
	KUNIT_EXPECT_EQ(test, esx_meter_debt_ns(&meter, &budget, 3 * MS, START + 30 * MS), 0);
}

static void tighter_limit_counts(struct kunit *test)
{
	const struct esx_budget budget = { .cpu_ppm = 500000, .pages_per_second = 100 };
	struct esx_meter meter;

	esx_meter_start(&meter, 0, START);
	meter.pages = 10;
	KUNIT_EXPECT_EQ(test, esx_meter_debt_ns(&meter, &budget, 2 * MS, START), 100 * MS);
	KUNIT_EXPECT_EQ(test, esx_meter_debt_ns(&meter, &budget, 200 * MS, START), 400 * MS);
}

static void rest_that_was_too_long_is_made_up_for(struct kunit *test)
{
	const struct esx_budget budget = { .cpu_ppm = 100000 };
	struct esx_meter meter;
	u64 now = START, cpu = 0, debt;
	unsigned int i;

	/* Each rest is 3 ms longer than asked for; the sum is right all the same. */
	esx_meter_start(&meter, cpu, now);
	for (i = 0; i < 1000; i++) {
		cpu += MS;
		now += MS;
		debt = esx_meter_debt_ns(&meter, &budget, cpu, now);
		if (debt)
			now += debt + 3 * MS;
	}
	KUNIT_EXPECT_GE(test, (now - START) / 10, cpu - MS);
	KUNIT_EXPECT_LE(test, (now - START) / 10, cpu + MS);
}

static void little_rest_is_saved_up(struct kunit *test)
{
	const struct esx_budget budget = { .cpu_ppm = 100000 };
	struct esx_meter meter;

	esx_meter_start(&meter, 0, START);
	/* An hour of sleep buys no more than 10 ms of work without a rest. */
	KUNIT_EXPECT_EQ(test, esx_meter_debt_ns(&meter, &budget, 0, START + 3600000 * MS), 0);
	KUNIT_EXPECT_EQ(test, esx_meter_debt_ns(&meter, &budget, 10 * MS, START + 3600000 * MS), 0);
	KUNIT_EXPECT_EQ(test, esx_meter_debt_ns(&meter, &budget, 12 * MS, START + 3600000 * MS),
			20 * MS);
}

static void large_numbers_do_not_overflow(struct kunit *test)
{
	const struct esx_budget budget = { .cpu_ppm = 1000, .pages_per_second = 1 };
	u64 year = 365ULL * 24 * 3600 * NSEC_PER_SEC;
	struct esx_meter meter;

	esx_meter_start(&meter, 0, 0);
	meter.pages = 1000 * 1000 * 1000;
	KUNIT_EXPECT_EQ(test, esx_meter_debt_ns(&meter, &budget, 0, 0), NSEC_PER_SEC * 1000000000);
	meter.pages = 0;
	KUNIT_EXPECT_EQ(test, esx_meter_debt_ns(&meter, &budget, year / 1000, year), 0);
}

static struct kunit_case meter_cases[] = {
	KUNIT_CASE(fresh_account_owes_nothing),
	KUNIT_CASE(cpu_time_is_paid_for_in_proportion),
	KUNIT_CASE(tighter_limit_counts),
	KUNIT_CASE(rest_that_was_too_long_is_made_up_for),
	KUNIT_CASE(little_rest_is_saved_up),
	KUNIT_CASE(large_numbers_do_not_overflow),
	{}
};

struct kunit_suite esx_meter_suite = {
	.name = "esx_meter",
	.test_cases = meter_cases,
};
