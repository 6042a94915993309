// SPDX-License-Identifier: GPL-2.0
/*
 * The shrinker: what the kernel asks for is heard.
 *
 * To drop caches asks all shrinkers for all that they offer.
 */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/esx.h"

#define FRAMES 4UL
/* Looks, 20 ms apart, after which what does not come is given up. */
#define LOOKS 1500

static uint64_t tax_figure(const char *name)
{
	return esx_get_number(esx_knob_path("tax/%s", name));
}

static bool is(const char *file, const char *word)
{
	return !strcmp(esx_get(esx_knob_path("tax/%s", file)), word);
}

static void drop_caches(void)
{
	esx_set("/proc/sys/vm/drop_caches", "2");
}

static void wait_for(const char *file, const char *word)
{
	for (int looks = 0; !is(file, word); looks++) {
		CHECK_MSG(looks < LOOKS, "%s is never %s", file, word);
		usleep(20000);
	}
}

/* Two VMs of one group whose 2 MB frames have the same pages, and are kept. */
static void make_shareable(void)
{
	static const char *const names[] = { "a", "b" };

	esx_set(ESX_SYSFS "/large_pages", "always");
	esx_set(ESX_SYSFS "/share/break_large", "never");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char path[16];
		char *map;

		snprintf(path, sizeof(path), "%s/ram", names[i]);
		map = esx_map_huge(esx_file(path, FRAMES * ESX_HUGE), FRAMES * ESX_HUGE);
		esx_set(esx_vm_knob(names[i], "group"), "both");
		for (size_t page = 0; page < FRAMES * ESX_HUGE_PAGES; page++)
			esx_fill(map + page * ESX_PAGE, 1 + page);
	}
	esx_scanner(true);
	esx_wait_scans(3);
	esx_scanner(false);
	CHECK(esx_figure("shareable_bytes") > 0);
}

static void nothing_is_asked_of_who_has_nothing(void)
{
	uint64_t calls = tax_figure("shrink_calls");

	CHECK_EQ(esx_figure("shareable_bytes"), 0);
	drop_caches();
	CHECK_EQ(tax_figure("shrink_offered_bytes"), 0);
	CHECK_EQ(tax_figure("shrink_calls"), calls);
	CHECK(is("state", "high"));
}

static void what_is_asked_for_is_counted_and_makes_memory_short(void)
{
	uint64_t calls = tax_figure("shrink_calls"), asked = tax_figure("shrink_asked_bytes");
	uint64_t hard = tax_figure("state_hard_entries");
	uint64_t low = tax_figure("state_low_entries");
	uint64_t offered;

	make_shareable();
	drop_caches();
	offered = tax_figure("shrink_offered_bytes");
	CHECK_EQ(offered, esx_figure("shareable_bytes"));
	CHECK(tax_figure("shrink_calls") > calls);
	CHECK(tax_figure("shrink_asked_bytes") - asked >= offered);
	for (int looks = 0; tax_figure("state_hard_entries") == hard; looks++) {
		CHECK_MSG(looks < LOOKS, "the word is not heard");
		usleep(20000);
	}
	CHECK_EQ(tax_figure("state_low_entries"), low);
}

static void the_word_ends_by_itself(void)
{
	make_shareable();
	/* The next look is not waited for. */
	esx_set(ESX_SYSFS "/tax/state_period_ms", "60000");
	drop_caches();
	wait_for("state_word", "hard");
	CHECK(is("state", "hard"));
	esx_set(ESX_SYSFS "/tax/state_period_ms", "1");
	wait_for("state_word", "high");
	wait_for("state", "high");
}

/* What the host would like to have back is taken from who is above his target. */
static void vms_are_brought_down_on_its_word(void)
{
	uint64_t had = tax_figure("reclaimed_bytes");

	make_shareable();
	esx_set(ESX_SYSFS "/share/break_large", "pressure");
	esx_set(ESX_SYSFS "/share/pressure_percent", "0");
	esx_set(ESX_SYSFS "/tax/reclaim", "1");
	esx_set(ESX_SYSFS "/tax/pool_bytes", "0");
	for (int looks = 0; tax_figure("reclaimed_bytes") == had; looks++) {
		CHECK_MSG(looks < LOOKS, "nothing is reclaimed");
		drop_caches();
		usleep(20000);
	}
}

static const struct tap_case cases[] = {
	TAP_CASE(nothing_is_asked_of_who_has_nothing),
	TAP_CASE(what_is_asked_for_is_counted_and_makes_memory_short),
	TAP_CASE(the_word_ends_by_itself),
	TAP_CASE(vms_are_brought_down_on_its_word),
};

ESX_MAIN(cases)
