// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of holds (hold.c): what a fault of a held VM is told.
 */
#include <linux/mm.h>

#include "../fault.h"
#include "../frame.h"
#include "map.h"
#include "suites.h"

/* Long enough that no test can tell it from for ever. */
#define LONG_MS		60000

static int init_map(struct kunit *test)
{
	test->priv = create_test_map(test, 1);
	return 0;
}

static int touch(struct kunit *test, pgoff_t pgoff, bool write, enum esx_yield yield, bool nowait)
{
	struct test_map *map = test->priv;
	struct esx_fault fault = {
		.pmap = map->pmap,
		.pgoff = pgoff,
		.write = write,
		.large = true,
		.yield = yield,
		.req = { .nowait = nowait },
	};
	int err;

	enter_test_map(test, map);
	err = esx_fault_page(&fault);
	leave_test_map(map);
	if (!err && fault.page)
		put_page(fault.page);
	return err;
}

static int write(struct kunit *test, pgoff_t pgoff, enum esx_yield yield)
{
	return touch(test, pgoff, true, yield, yield == ESX_YIELD_ONCE);
}

static void new_frame_has_to_wait_while_the_vm_is_held(struct kunit *test)
{
	struct test_map *map = test->priv;

	KUNIT_EXPECT_EQ(test, write(test, 0, ESX_YIELD_WAIT), 0);
	esx_hold_set(&map->vm, LONG_MS);
	KUNIT_EXPECT_EQ(test, write(test, 600, ESX_YIELD_WAIT), -EBUSY);
	/* Whoever must not sleep has to come back as well. */
	KUNIT_EXPECT_EQ(test, touch(test, 600, true, ESX_YIELD_WAIT, true), -EBUSY);
	esx_hold_set(&map->vm, 0);
	KUNIT_EXPECT_EQ(test, write(test, 600, ESX_YIELD_WAIT), 0);
}

static void page_with_a_frame_does_not(struct kunit *test)
{
	struct test_map *map = test->priv;

	KUNIT_EXPECT_EQ(test, write(test, 0, ESX_YIELD_WAIT), 0);
	esx_hold_set(&map->vm, LONG_MS);
	KUNIT_EXPECT_EQ(test, write(test, 0, ESX_YIELD_WAIT), 0);
	KUNIT_EXPECT_EQ(test, write(test, 0, ESX_YIELD_ONCE), 0);
	KUNIT_EXPECT_EQ(test, touch(test, 600, false, ESX_YIELD_WAIT, false), 0);
}

static void zero_page_that_is_written_to_does(struct kunit *test)
{
	struct test_map *map = test->priv;
	struct esx_slot slot;

	KUNIT_ASSERT_TRUE(test, esx_quota_charge(&map->quota, 1));
	enter_test_map(test, map);
	lock_entry_at(test, map, 5, &slot);
	esx_pmap_set(&slot, ESX_ZERO, NULL);
	esx_pmap_unlock(&slot);
	leave_test_map(map);
	esx_hold_set(&map->vm, LONG_MS);
	KUNIT_EXPECT_EQ(test, write(test, 5, ESX_YIELD_WAIT), -EBUSY);
	KUNIT_EXPECT_EQ(test, touch(test, 5, false, ESX_YIELD_WAIT, false), 0);
	expect_counts(test, map, 1, 0, 0, 0);
	KUNIT_EXPECT_EQ(test, write(test, 5, ESX_YIELD_NOT), 0);
	expect_counts(test, map, 0, 1, 0, 0);
}

static void who_cannot_wait_is_served_a_small_frame(struct kunit *test)
{
	struct test_map *map = test->priv;

	esx_hold_set(&map->vm, LONG_MS);
	KUNIT_EXPECT_EQ(test, write(test, 600, ESX_YIELD_NOT), 0);
	expect_counts(test, map, 0, 1, 0, 0);
}

static void write_barrier_sends_back_once(struct kunit *test)
{
	struct test_map *map = test->priv;

	esx_hold_set(&map->vm, LONG_MS);
	KUNIT_EXPECT_EQ(test, write(test, 600, ESX_YIELD_ONCE), -EBUSY);
	KUNIT_EXPECT_EQ(test, write(test, 600, ESX_YIELD_ONCE), 0);
	KUNIT_EXPECT_EQ(test, write(test, 601, ESX_YIELD_ONCE), -EBUSY);
	expect_counts(test, map, 0, 1, 0, 0);
}

static void who_has_waited_takes_a_ration(struct kunit *test)
{
	struct test_map *map = test->priv;
	unsigned int i;

	esx_hold_set(&map->vm, 20);
	KUNIT_EXPECT_EQ(test, write(test, 512, ESX_YIELD_WAIT), -EBUSY);
	esx_hold_wait(&map->vm, true);
	/* As the retry does, and other faults of the task, whichever way they come. */
	KUNIT_EXPECT_EQ(test, write(test, 512, ESX_YIELD_NOT), 0);
	KUNIT_EXPECT_EQ(test, write(test, 513, ESX_YIELD_ONCE), 0);
	for (i = 2; i < ESX_RATION_FRAMES; i++)
		KUNIT_EXPECT_EQ(test, write(test, 512 + i, ESX_YIELD_WAIT), 0);
	KUNIT_EXPECT_EQ(test, write(test, 512 + i, ESX_YIELD_WAIT), -EBUSY);
	expect_counts(test, map, 0, ESX_RATION_FRAMES, 0, 0);
}

static void kernel_thread_waits_for_a_second_at_the_most(struct kunit *test)
{
	struct test_map *map = test->priv;
	struct esx_vm *vm = &map->vm;
	u64 start = get_jiffies_64();

	esx_hold_set(vm, LONG_MS);
	esx_hold_wait(vm, true);
	/* Set when it began to wait. */
	KUNIT_EXPECT_LT(test, vm->hold.rations.of[0].ready, start + msecs_to_jiffies(LONG_MS));
	KUNIT_EXPECT_EQ(test, atomic64_read(&vm->events.nr[ESX_EV_HOLD]), 1);
	KUNIT_EXPECT_EQ(test, write(test, 600, ESX_YIELD_WAIT), 0);
}

static void wait_of_who_is_not_held_does_not_count(struct kunit *test)
{
	struct test_map *map = test->priv;
	struct esx_vm *vm = &map->vm;

	esx_hold_wait(vm, true);
	KUNIT_EXPECT_EQ(test, atomic64_read(&vm->events.nr[ESX_EV_HOLD]), 0);
	KUNIT_EXPECT_EQ(test, atomic64_read(&vm->events.nr[ESX_EV_HOLD_NS]), 0);
}

/* Nobody lets it go; the test is a kernel thread, so is counted as one. */
static void wait_ends_at_the_limit(struct kunit *test)
{
	struct test_map *map = test->priv;
	struct esx_vm *vm = &map->vm;

	esx_hold_set(vm, 20);
	esx_hold_wait(vm, true);
	KUNIT_EXPECT_GE(test, atomic64_read(&vm->events.nr[ESX_EV_HOLD_NS]), 20000000);
	KUNIT_EXPECT_EQ(test, atomic64_read(&vm->events.nr[ESX_EV_HOLD]), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&vm->hold.nr_waiting), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&vm->hold.nr_workers), 0);
}

static struct kunit_case hold_cases[] = {
	KUNIT_CASE(new_frame_has_to_wait_while_the_vm_is_held),
	KUNIT_CASE(page_with_a_frame_does_not),
	KUNIT_CASE(zero_page_that_is_written_to_does),
	KUNIT_CASE(who_cannot_wait_is_served_a_small_frame),
	KUNIT_CASE(write_barrier_sends_back_once),
	KUNIT_CASE(who_has_waited_takes_a_ration),
	KUNIT_CASE(kernel_thread_waits_for_a_second_at_the_most),
	KUNIT_CASE(wait_of_who_is_not_held_does_not_count),
	KUNIT_CASE(wait_ends_at_the_limit),
	{}
};

struct kunit_suite esx_hold_suite = {
	.name = "esx_hold",
	.init = init_map,
	.exit = exit_test_map,
	.test_cases = hold_cases,
};
