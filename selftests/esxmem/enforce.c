// SPDX-License-Identifier: GPL-2.0
/*
 * Enforcement: while memory is short, VMs above their target are brought down.
 *
 * Memory is made short by moving the thresholds of the states above all that is
 * free: then there is nothing to hand out, and a VM's target is its minimum.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/esx.h"

#define PAGES 1024UL
#define SIZE (PAGES * ESX_PAGE)
#define GIVE_OF_8 (ESX_MIXED_EQUAL_OF_8 + ESX_MIXED_ZERO_OF_8)
#define TO_GIVE (PAGES / 8 * GIVE_OF_8)
/* Looks, 20 ms apart, after which what does not come is given up. */
#define LOOKS 1500

static char *make_vm(const char *name)
{
	char *map = esx_map(esx_vm_file(name, SIZE), SIZE, 0);

	esx_fill_mixed(map, PAGES);
	return map;
}

static uint64_t vm_figure(const char *vm, const char *name)
{
	return esx_get_number(esx_vm_knob(vm, name));
}

static uint64_t tax_figure(const char *name)
{
	return esx_get_number(esx_tax_knob(name));
}

static uint64_t reclaimed(const char *vm)
{
	return vm_figure(vm, "reclaimed_bytes") / ESX_PAGE;
}

/* In an order in which the thresholds always descend. */
static void become_short(void)
{
	esx_set(ESX_SYSFS "/tax/state_high_pm", "1000");
	esx_set(ESX_SYSFS "/tax/state_soft_pm", "999");
	CHECK_MSG(strcmp(esx_get(ESX_SYSFS "/tax/state"), "high"), "memory is not short");
}

static void become_plentiful(void)
{
	esx_set(ESX_SYSFS "/tax/state_soft_pm", "40");
	esx_set(ESX_SYSFS "/tax/state_high_pm", "60");
	CHECK_MSG(!strcmp(esx_get(ESX_SYSFS "/tax/state"), "high"), "memory is short");
}

static void wait_for_targets(void)
{
	uint64_t goal = tax_figure("rebalances") + 2;

	for (int looks = 0; tax_figure("rebalances") < goal; looks++) {
		CHECK_MSG(looks < LOOKS, "targets are not computed");
		/* Whoever turns a knob has them computed anew. */
		esx_set(ESX_SYSFS "/tax/tax_percent", "75");
		usleep(20000);
	}
}

static void wait_until_reclaimed(const char *vm, uint64_t pages)
{
	for (int looks = 0; reclaimed(vm) < pages; looks++) {
		CHECK_MSG(looks < LOOKS, "%s: %llu of %llu pages", vm,
			  (unsigned long long)reclaimed(vm), (unsigned long long)pages);
		usleep(20000);
	}
}

static void who_is_above_target_is_brought_down(void)
{
	char *map = make_vm("vm");
	uint64_t before = tax_figure("reclaimed_bytes"), frames = esx_info().frames;

	CHECK_EQ(vm_figure("vm", "held_bytes"), SIZE);
	esx_set(ESX_SYSFS "/tax/reclaim", "1");
	become_short();
	wait_until_reclaimed("vm", TO_GIVE);
	become_plentiful();
	CHECK_EQ(reclaimed("vm"), TO_GIVE);
	CHECK_EQ(frames - esx_info().frames, TO_GIVE);
	CHECK_EQ(tax_figure("reclaimed_bytes") - before, TO_GIVE * ESX_PAGE);
	CHECK_EQ(vm_figure("vm", "held_bytes"), SIZE - TO_GIVE * ESX_PAGE);
	esx_expect_mixed(map, PAGES);
}

/* The minimum is never touched, nor is a VM that is not to share. */
static void who_has_his_minimum_or_does_not_share_is_spared(void)
{
	char *map = make_vm("vm"), *least = make_vm("least"), *alone = make_vm("alone");

	esx_set_number(esx_vm_knob("least", "min_bytes"), SIZE);
	esx_set(esx_vm_knob("alone", "share"), "0");
	esx_set(ESX_SYSFS "/tax/reclaim", "1");
	become_short();
	wait_until_reclaimed("vm", TO_GIVE);
	wait_for_targets();
	CHECK_EQ(vm_figure("least", "target_bytes"), SIZE);
	CHECK_EQ(reclaimed("least"), 0);
	CHECK_EQ(vm_figure("least", "held_bytes"), SIZE);
	CHECK_EQ(vm_figure("alone", "target_bytes"), 0);
	CHECK_EQ(reclaimed("alone"), 0);
	/* Nothing else stands in the way. */
	esx_set(esx_vm_knob("alone", "share"), "1");
	esx_set(esx_vm_knob("least", "min_bytes"), "0");
	wait_until_reclaimed("alone", TO_GIVE);
	wait_until_reclaimed("least", TO_GIVE);
	esx_expect_mixed(map, PAGES);
	esx_expect_mixed(least, PAGES);
	esx_expect_mixed(alone, PAGES);
}

/* It ends when the target is reached; a region is worked off as a whole. */
static void nobody_is_brought_below_his_target(void)
{
	uint64_t per_region = ESX_HUGE_PAGES / 8 * GIVE_OF_8, had;
	char *map = make_vm("vm");

	esx_set_number(esx_vm_knob("vm", "min_bytes"), SIZE - 50 * ESX_PAGE);
	esx_set(ESX_SYSFS "/tax/reclaim", "1");
	become_short();
	wait_until_reclaimed("vm", 50);
	wait_for_targets();
	had = reclaimed("vm");
	CHECK_MSG(had <= per_region, "%llu pages", (unsigned long long)had);
	CHECK(vm_figure("vm", "held_bytes") <= vm_figure("vm", "target_bytes"));
	wait_for_targets();
	wait_for_targets();
	CHECK_EQ(reclaimed("vm"), had);
	esx_set_number(esx_vm_knob("vm", "min_bytes"), 0);
	wait_until_reclaimed("vm", 2 * per_region);
	esx_expect_mixed(map, PAGES);
}

static void nothing_is_taken_when_switched_off_or_not_short(void)
{
	char *map = make_vm("vm");

	become_short();
	wait_for_targets();
	CHECK_EQ(vm_figure("vm", "target_bytes"), 0);
	CHECK_EQ(reclaimed("vm"), 0);
	become_plentiful();
	esx_set(ESX_SYSFS "/tax/reclaim", "1");
	wait_for_targets();
	CHECK_EQ(vm_figure("vm", "target_bytes"), SIZE);
	CHECK_EQ(reclaimed("vm"), 0);
	become_short();
	wait_until_reclaimed("vm", TO_GIVE);
	esx_expect_mixed(map, PAGES);
}

/* A pool that is used up makes memory short, whatever the host has. */
static void who_exceeds_the_pool_is_brought_down(void)
{
	char *map = make_vm("vm");

	esx_set(ESX_SYSFS "/tax/reclaim", "1");
	wait_for_targets();
	CHECK_EQ(reclaimed("vm"), 0);
	esx_set_number(ESX_SYSFS "/tax/pool_bytes", SIZE / 2);
	CHECK_MSG(!strcmp(esx_get(ESX_SYSFS "/tax/state"), "low"), "memory is not short");
	wait_until_reclaimed("vm", TO_GIVE);
	esx_expect_mixed(map, PAGES);
}

/* VMs come, are brought down and go, while the state goes back and forth. */
static void vms_may_go_while_they_are_brought_down(void)
{
	uint64_t rounds = tap_scaled(40, 10);

	esx_set(ESX_SYSFS "/tax/reclaim", "1");
	for (uint64_t i = 0; i < rounds; i++) {
		char *map = make_vm("vm");

		become_short();
		usleep(i % 5 * 4000);
		if (i % 2)
			become_plentiful();
		esx_expect_mixed(map, PAGES);
		CHECK_OK(munmap(map, SIZE));
		CHECK_OK(unlink(esx_path("vm/ram")));
	}
}

/* More than is hashed in a turn, in 2 MB frames with nothing to share. */
#define BARREN_SIZE (80UL << 20)

static void a_vm_with_nothing_to_give_does_not_stand_before_others(void)
{
	char *map = make_vm("vm"), *barren;

	esx_set(ESX_SYSFS "/large_pages", "always");
	barren = esx_map_huge(esx_file("barren/ram", BARREN_SIZE), BARREN_SIZE);
	for (size_t i = 0; i < BARREN_SIZE / ESX_PAGE; i++)
		esx_fill(barren + i * ESX_PAGE, 100000 + i);
	esx_set(ESX_SYSFS "/tax/reclaim", "1");
	become_short();
	wait_until_reclaimed("vm", TO_GIVE);
	CHECK_EQ(reclaimed("barren"), 0);
	esx_expect_mixed(map, PAGES);
	for (size_t i = 0; i < BARREN_SIZE / ESX_PAGE; i++)
		CHECK(esx_has(barren + i * ESX_PAGE, 100000 + i));
}

/* 2 MB frames that are never to be broken are not broken in shortage either. */
static void large_frames_stay_if_they_are_never_to_be_broken(void)
{
	char *map;

	esx_set(ESX_SYSFS "/large_pages", "always");
	esx_set(ESX_SYSFS "/share/break_large", "never");
	map = esx_map_huge(esx_file("large/ram", SIZE), SIZE);
	esx_fill_mixed(map, PAGES);
	make_vm("vm");
	esx_set(ESX_SYSFS "/tax/reclaim", "1");
	become_short();
	wait_for_targets();
	CHECK_EQ(vm_figure("large", "huge_bytes"), SIZE);
	CHECK_EQ(reclaimed("large"), 0);
	esx_set(ESX_SYSFS "/share/break_large", "pressure");
	wait_until_reclaimed("large", TO_GIVE);
	esx_expect_mixed(map, PAGES);
}

struct readers {
	char ram[300], share[300], held[300], other[300];
	atomic_bool done;
};

/* Whatever it says: the VM may be gone. */
static void read_at(const char *path)
{
	char text[32];
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (read(fd, text, sizeof(text)) < 0)
		CHECK(errno == ENODEV);
	close(fd);
}

static void come_and_go(struct readers *readers)
{
	for (uint64_t i = 0; i < tap_scaled(2000, 100); i++) {
		int fd = CHECK_OK(open(readers->ram, O_RDWR | O_CREAT, 0600));

		CHECK_OK(ftruncate(fd, SIZE));
		CHECK_OK(unlink(readers->ram));
		close(fd);
	}
	readers->done = true;
}

static void one_of_four(void *arg, unsigned int index)
{
	struct readers *readers = arg;

	if (!index)
		come_and_go(readers);
	while (!readers->done) {
		if (index == 1)
			read_at(readers->held);
		else if (index == 2)
			esx_try_write(readers->share, "0", 1);
		else
			read_at(readers->other);
	}
}

/*
 * Who removes a VM waits for who reads its files, with a lock that is needed to say
 * what it holds.
 */
static void what_a_vm_holds_is_read_while_it_goes(void)
{
	struct readers readers = {};

	make_vm("other");
	CHECK_OK(mkdir(esx_path("vm"), 0700));
	snprintf(readers.ram, sizeof(readers.ram), "%s", esx_path("vm/ram"));
	snprintf(readers.share, sizeof(readers.share), "%s", esx_vm_knob("vm", "share"));
	snprintf(readers.held, sizeof(readers.held), "%s", esx_vm_knob("vm", "held_bytes"));
	snprintf(readers.other, sizeof(readers.other), "%s", esx_vm_knob("other", "held_bytes"));
	host_parallel(4, one_of_four, &readers);
	CHECK_EQ(vm_figure("other", "held_bytes"), SIZE);
}

static const struct tap_case cases[] = {
	TAP_CASE(who_is_above_target_is_brought_down),
	TAP_CASE(who_has_his_minimum_or_does_not_share_is_spared),
	TAP_CASE(nobody_is_brought_below_his_target),
	TAP_CASE(nothing_is_taken_when_switched_off_or_not_short),
	TAP_CASE(who_exceeds_the_pool_is_brought_down),
	TAP_CASE(a_vm_with_nothing_to_give_does_not_stand_before_others),
	TAP_CASE(large_frames_stay_if_they_are_never_to_be_broken),
	TAP_CASE_CPUS(what_a_vm_holds_is_read_while_it_goes, 2),
	TAP_CASE(vms_may_go_while_they_are_brought_down),
};

ESX_MAIN(cases)
