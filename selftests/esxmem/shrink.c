// SPDX-License-Identifier: GPL-2.0
/*
 * The shrinker: what the kernel asks for is heard, when it is hard put to it.
 *
 * To drop caches asks all shrinkers for all that they offer, and more.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/esx.h"

#define FRAMES 4UL
/* Looks, 20 ms apart, after which what does not come is given up. */
#define LOOKS 1500

static uint64_t tax_figure(const char *name)
{
	return esx_get_number(esx_tax_knob(name));
}

static bool is(const char *file, const char *word)
{
	return !strcmp(esx_get(esx_tax_knob(file)), word);
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
		int fd = esx_vm_file(names[i], FRAMES * ESX_HUGE);
		char *map = esx_map_huge(fd, FRAMES * ESX_HUGE);

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
	uint64_t calls = tax_figure("shrink_calls");
	uint64_t hard = tax_figure("state_hard_entries");
	uint64_t low = tax_figure("state_low_entries");

	make_shareable();
	drop_caches();
	CHECK_EQ(tax_figure("shrink_offered_bytes"), esx_figure("shareable_bytes"));
	CHECK(tax_figure("shrink_calls") > calls);
	for (int looks = 0; tax_figure("state_hard_entries") == hard; looks++) {
		CHECK_MSG(looks < LOOKS, "the word is not heard");
		usleep(20000);
	}
	CHECK_EQ(tax_figure("state_low_entries"), low);
}

static void set_marks(unsigned int high, unsigned int soft, unsigned int hard, unsigned int low)
{
	/* So that they descend at each step. */
	esx_set(esx_tax_knob("state_low_pm"), "0");
	esx_set(esx_tax_knob("state_hard_pm"), "1");
	esx_set(esx_tax_knob("state_soft_pm"), "2");
	esx_set_number(esx_tax_knob("state_high_pm"), high);
	esx_set_number(esx_tax_knob("state_soft_pm"), soft);
	esx_set_number(esx_tax_knob("state_hard_pm"), hard);
	esx_set_number(esx_tax_knob("state_low_pm"), low);
}

/* Low is by free memory alone, and ends with that. */
static void the_word_does_not_keep_memory_low(void)
{
	make_shareable();
	esx_set(ESX_SYSFS "/tax/state_period_ms", "60000");
	set_marks(1000, 999, 998, 997);
	CHECK(is("state", "low"));
	drop_caches();
	wait_for("state_word", "hard");
	CHECK(is("state", "low"));
	set_marks(60, 40, 20, 10);
	CHECK(!is("state", "low"));
	esx_set(ESX_SYSFS "/tax/state_period_ms", "1");
	wait_for("state", "high");
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

/* Pages that were taken from what programs map and from the page cache. */
static uint64_t reclaimed_by_kernel(void)
{
	FILE *file = fopen("/proc/vmstat", "r");
	unsigned long long value;
	uint64_t sum = 0;
	char name[64];

	CHECK(file);
	while (fscanf(file, "%63s %llu", name, &value) == 2)
		if (!strcmp(name, "pgsteal_kswapd") || !strcmp(name, "pgsteal_direct"))
			sum += value;
	fclose(file);
	return sum;
}

/* So much is read between two looks. */
#define CHUNK (4UL << 20)

static void read_and_look(int fd, char *chunk, size_t size)
{
	for (size_t at = 0; at < size; at += CHUNK) {
		CHECK_EQ(pread(fd, chunk, CHUNK, at), (ssize_t)CHUNK);
		CHECK_MSG(is("state_word", "high"), "%s after %zu MB",
			  esx_get(esx_tax_knob("state_word")), at >> 20);
	}
}

/* As backups do, on a host where most memory is frames, on none of the kernel's lists. */
static void to_read_more_than_fits_is_no_pressure(void)
{
	uint64_t taken = reclaimed_by_kernel(), soft = tax_figure("state_soft_entries");
	uint64_t hard = tax_figure("state_hard_entries");
	size_t total = tax_figure("state_total_bytes") / CHUNK * CHUNK, size;
	char *chunk = malloc(CHUNK), *map;
	int fd;

	CHECK(chunk);
	make_shareable();
	wait_for("state", "high");
	/* An eighth of all memory is left for the file, which is twice as large. */
	size = (tax_figure("state_free_bytes") - total / 8) / ESX_HUGE * ESX_HUGE;
	map = esx_map_huge(esx_file("large/ram", size), size);
	for (size_t at = 0; at < size; at += ESX_HUGE)
		map[at] = 1;
	size = total / 4 / CHUNK * CHUNK;
	fd = host_loop_device(size);
	CHECK_OK(fcntl(fd, F_SETFL, O_RDONLY));
	read_and_look(fd, chunk, size);
	CHECK(reclaimed_by_kernel() > taken);
	CHECK_EQ(tax_figure("state_soft_entries"), soft);
	CHECK_EQ(tax_figure("state_hard_entries"), hard);
	close(fd);
	free(chunk);
}

static const struct tap_case cases[] = {
	TAP_CASE(nothing_is_asked_of_who_has_nothing),
	TAP_CASE(what_is_asked_for_is_counted_and_makes_memory_short),
	TAP_CASE(the_word_ends_by_itself),
	TAP_CASE(the_word_does_not_keep_memory_low),
	TAP_CASE(vms_are_brought_down_on_its_word),
	TAP_CASE(to_read_more_than_fits_is_no_pressure),
};

ESX_MAIN(cases)
