// SPDX-License-Identifier: GPL-2.0
/*
 * The states of the host's memory.  Most cases move the thresholds, not the
 * memory: the state follows before the write returns.
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/esx.h"

/* Looks, 20 ms apart, after which a state that does not come is given up. */
#define LOOKS 500
/* What is taken to reach a threshold that lies this far away. */
#define DISTANCE_PM 50
#define TAKEN_PM 150

enum { HIGH, SOFT, HARD, LOW, NR_STATES };

static const char *const names[NR_STATES] = { "high", "soft", "hard", "low" };

static void set(const char *knob, uint64_t value)
{
	esx_set_number(esx_knob_path("tax/state_%s", knob), value);
}

static uint64_t figure(const char *name)
{
	return esx_get_number(esx_knob_path("tax/state_%s", name));
}

static uint64_t figure_of(int state, const char *what)
{
	char name[32];

	snprintf(name, sizeof(name), "%s_%s", names[state], what);
	return figure(name);
}

static bool is(int state)
{
	return !strcmp(esx_get(ESX_SYSFS "/tax/state"), names[state]);
}

/* Below all that can be free, for a moment, so that they always descend. */
static void set_marks(const unsigned int *pm)
{
	set("high_pm", 1000);
	set("low_pm", 0);
	set("soft_pm", 999);
	set("hard_pm", pm[HARD]);
	set("soft_pm", pm[SOFT]);
	set("high_pm", pm[HIGH]);
	set("low_pm", pm[LOW]);
}

static void become_high(void)
{
	static const unsigned int pm[] = { 4, 3, 2, 1 };

	set_marks(pm);
	CHECK(is(HIGH));
}

/* Marks above and below what is free, which is neither all nor nothing. */
static void become(int state)
{
	static const unsigned int pm[NR_STATES][NR_STATES] = {
		[HIGH] = { 4, 3, 2, 1 },
		[SOFT] = { 1000, 999, 2, 1 },
		[HARD] = { 1000, 999, 998, 1 },
		[LOW] = { 1000, 999, 998, 997 },
	};

	become_high();
	set_marks(pm[state]);
	CHECK_MSG(is(state), "%s, expected %s",
		  esx_get(ESX_SYSFS "/tax/state"), names[state]);
}

static uint64_t free_pm(void)
{
	return figure("free_bytes") * 1000 / figure("total_bytes");
}

static void idle_host_is_high(void)
{
	CHECK(is(HIGH));
	CHECK(figure("free_bytes") > figure("high_bytes"));
	CHECK(figure("free_bytes") <= figure("total_bytes"));
}

static void thresholds_decide_the_state(void)
{
	for (int from = HIGH; from < NR_STATES; from++)
		for (int to = HIGH; to < NR_STATES; to++) {
			become(from);
			become(to);
		}
}

static void states_that_begin_are_counted(void)
{
	static const unsigned int soft[] = { 1000, 999, 2, 1 };
	uint64_t before[NR_STATES];

	become_high();
	for (int i = HIGH; i < NR_STATES; i++)
		before[i] = figure_of(i, "entries");
	set_marks(soft);
	CHECK(is(SOFT));
	CHECK_EQ(figure_of(SOFT, "entries"), before[SOFT] + 1);
	CHECK_EQ(figure_of(HARD, "entries"), before[HARD]);
	CHECK_EQ(figure_of(LOW, "entries"), before[LOW]);
	CHECK_EQ(figure_of(HIGH, "entries"), before[HIGH]);
	become_high();
	CHECK_EQ(figure_of(HIGH, "entries"), before[HIGH] + 1);
}

static void time_is_that_of_one_state(void)
{
	for (int state = HIGH; state < NR_STATES; state++) {
		uint64_t before[NR_STATES];

		become(state);
		for (int i = HIGH; i < NR_STATES; i++)
			before[i] = figure_of(i, "ms");
		usleep(50000);
		for (int i = HIGH; i < NR_STATES; i++) {
			uint64_t more = figure_of(i, "ms") - before[i];

			/* What is shown was rounded down before. */
			if (i == state)
				CHECK(more >= 49);
			else
				CHECK_EQ(more, 0);
		}
	}
}

static uint64_t min_free(uint64_t pages)
{
	static const struct {
		uint64_t pages, percent;
	} bands[] = {
		{ 1 << 20, 6 }, { 2 << 20, 4 }, { 4 << 20, 2 }, { UINT64_MAX, 1 },
	};
	uint64_t sum = 0;

	for (size_t i = 0; i < ARRAY_SIZE(bands); i++) {
		uint64_t nr = pages < bands[i].pages ? pages : bands[i].pages;

		sum += nr * bands[i].percent;
		pages -= nr;
	}
	return sum;
}

static void thresholds_are_shown_in_bytes(void)
{
	static const unsigned int pm[] = { 60, 40, 20, 10 };
	static const unsigned int percent[] = { 100, 64, 32, 16 };
	uint64_t pages = figure("total_bytes") / ESX_PAGE;

	for (int i = HIGH; i < NR_STATES; i++)
		CHECK_EQ(figure_of(i, "bytes"),
			 pages * pm[i] / 1000 * ESX_PAGE);
	esx_set(ESX_SYSFS "/tax/state_scale", "sliding");
	for (int i = HIGH; i < NR_STATES; i++)
		CHECK_EQ(figure_of(i, "bytes"),
			 min_free(pages) * percent[i] / 10000 * ESX_PAGE);
	CHECK(is(HIGH));
}

static void sliding_scale_passes_over_the_knobs(void)
{
	become(LOW);
	esx_set(ESX_SYSFS "/tax/state_scale", "sliding");
	CHECK(is(HIGH));
	esx_set(ESX_SYSFS "/tax/state_scale", "linear");
	CHECK(is(LOW));
}

/* A state ends above where it began. */
static void margin_holds_a_state(void)
{
	uint64_t pm = free_pm();
	unsigned int above[] = { pm + 40, pm + 30, 2, 1 };
	unsigned int below[] = { pm - 40, pm - 50, 2, 1 };

	CHECK(pm > 200 && pm < 950);
	become_high();
	set_marks(above);
	CHECK(is(SOFT));
	/* 4 % below what is free, but a margin of it is above. */
	set("margin_percent", 100);
	set_marks(below);
	CHECK(is(SOFT));
	set("margin_percent", 0);
	CHECK(is(HIGH));
}

static void wait_for(int state)
{
	for (int look = 0; !is(state); look++) {
		CHECK_MSG(look < LOOKS, "%s, %llu per mille free; %s never came",
			  esx_get(ESX_SYSFS "/tax/state"),
			  (unsigned long long)free_pm(), names[state]);
		usleep(20000);
	}
}

/* High, but soft begins when DISTANCE_PM more are taken.  Returns bytes to take. */
static size_t stand_before_soft(void)
{
	uint64_t pm = free_pm();
	unsigned int marks[] = { pm - DISTANCE_PM + 10, pm - DISTANCE_PM, 2, 1 };

	if (pm < 2 * TAKEN_PM)
		tap_skip("only %llu per mille of memory are free",
			 (unsigned long long)pm);
	become_high();
	set("margin_percent", 0);
	set_marks(marks);
	CHECK(is(HIGH));
	return figure("total_bytes") / 1000 * TAKEN_PM / ESX_HUGE * ESX_HUGE;
}

static void what_guests_take_is_noticed_between_two_looks(void)
{
	size_t size = stand_before_soft();
	uint64_t entries = figure_of(SOFT, "entries");
	int fd;

	/* The next look of its own is ten minutes away. */
	set("period_ms", 60000);
	esx_set(ESX_SYSFS "/large_pages", "always");
	fd = esx_file("vm/ram", size);
	memset(esx_map_huge(fd, size), 1, size);
	wait_for(SOFT);
	CHECK_EQ(figure_of(SOFT, "entries"), entries + 1);
	CHECK_OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			   size));
	set("period_ms", 1);
	wait_for(HIGH);
}

static void what_others_take_is_found_by_the_next_look(void)
{
	size_t size = stand_before_soft();
	char *map;

	set("period_ms", 1);
	map = mmap(NULL, size, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(map != MAP_FAILED);
	memset(map, 1, size);
	wait_for(SOFT);
	CHECK_OK(munmap(map, size));
	wait_for(HIGH);
}

#define POOL (64UL << 20)

static int fill_vm(size_t size)
{
	int fd = esx_file("vm/ram", size);

	memset(esx_map(fd, size, 0), 1, size);
	return fd;
}

/* A pool that was chosen counts, by thresholds of its own size. */
static void what_is_left_of_a_pool_decides_the_state(void)
{
	uint64_t total = figure("total_bytes");
	int fd = fill_vm(POOL - POOL / 32);

	CHECK(is(HIGH));
	esx_set_number(ESX_SYSFS "/tax/pool_bytes", POOL);
	CHECK_EQ(figure("total_bytes"), POOL);
	CHECK_EQ(figure("free_bytes"), POOL / 32);
	CHECK_EQ(figure("soft_bytes"), POOL / ESX_PAGE * 40 / 1000 * ESX_PAGE);
	/* 3.125 % are left. */
	CHECK(is(SOFT));
	esx_set_number(ESX_SYSFS "/tax/pool_bytes", POOL - POOL / 32);
	CHECK(is(LOW));
	CHECK_EQ(figure("free_bytes"), 0);
	esx_set_number(ESX_SYSFS "/tax/pool_bytes", 2 * POOL);
	CHECK(is(HIGH));
	/* What is given back is left of it. */
	esx_set_number(ESX_SYSFS "/tax/pool_bytes", POOL);
	CHECK(is(SOFT));
	CHECK_OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, POOL / 2));
	wait_for(HIGH);
	esx_set_number(ESX_SYSFS "/tax/pool_bytes", 0);
	CHECK_EQ(figure("total_bytes"), total);
}

/* Nor does one that is refused, or the size that the default has. */
static void the_default_pool_does_not_count(void)
{
	uint64_t total = figure("total_bytes");
	uint64_t usual = esx_get_number(ESX_SYSFS "/tax/pool_bytes");
	static const char odd[] = "67108865";

	fill_vm(POOL);
	CHECK_ERRNO(esx_try_write(ESX_SYSFS "/tax/pool_bytes", odd, sizeof(odd) - 1), EINVAL);
	CHECK_EQ(figure("total_bytes"), total);
	esx_set_number(ESX_SYSFS "/tax/pool_bytes", POOL);
	CHECK(is(LOW));
	esx_set_number(ESX_SYSFS "/tax/pool_bytes", 0);
	CHECK(is(HIGH));
	CHECK_EQ(figure("total_bytes"), total);
	CHECK_EQ(esx_get_number(ESX_SYSFS "/tax/pool_bytes"), usual);
}

/* A host that is short is so by its own size, however small a pool is and unused. */
static void a_small_pool_does_not_hide_the_host(void)
{
	uint64_t pm = free_pm(), total = figure("total_bytes");
	unsigned int marks[] = { 1000, 999, 2, 1 };

	CHECK(pm < 950);
	fill_vm(ESX_PAGE);
	esx_set_number(ESX_SYSFS "/tax/pool_bytes", POOL);
	/* Of the pool everything but a page is free, which is more than 99.9 %. */
	set_marks(marks);
	CHECK(is(SOFT));
	CHECK_EQ(figure("total_bytes"), total);
}

static atomic_bool done;

static void take_and_give(int fd, char *map, size_t pages)
{
	for (int round = 0; round < (int)tap_scaled(30, 8); round++) {
		for (size_t i = 0; i < pages; i++)
			map[i * ESX_PAGE] = round + 1;
		CHECK_OK(fallocate(fd,
				   FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				   0, pages * ESX_PAGE));
	}
}

/* Paths of its own: those of the library are for one thread. */
static void write_knob(const char *path, const char *text)
{
	int fd = CHECK_OK(open(path, O_WRONLY));

	CHECK_EQ(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void flip_states(void)
{
	while (!done) {
		write_knob(ESX_SYSFS "/tax/state_high_pm", "1000");
		write_knob(ESX_SYSFS "/tax/state_soft_pm", "999");
		write_knob(ESX_SYSFS "/tax/state_soft_pm", "40");
		write_knob(ESX_SYSFS "/tax/state_high_pm", "60");
	}
}

static void look_on(void)
{
	static const char path[] = ESX_SYSFS "/tax/state_soft_ms";
	uint64_t last = 0;

	while (!done) {
		char text[32] = "";
		int fd = CHECK_OK(open(path, O_RDONLY));
		uint64_t now;

		CHECK(read(fd, text, sizeof(text) - 1) > 0);
		close(fd);
		now = strtoull(text, NULL, 10);
		CHECK_MSG(now >= last, "time goes back");
		last = now;
	}
}

#define PAGES 4096UL

static void one_of_three(void *arg, unsigned int index)
{
	int fd = *(int *)arg;

	if (index == 1) {
		flip_states();
	} else if (index == 2) {
		look_on();
	} else {
		take_and_give(fd, esx_map(fd, PAGES * ESX_PAGE, 0), PAGES);
		done = true;
	}
}

static void states_change_while_memory_comes_and_goes(void)
{
	int fd = esx_file("vm/ram", PAGES * ESX_PAGE);

	set("period_ms", 1);
	host_parallel(3, one_of_three, &fd);
	become(LOW);
	become_high();
}

static const struct tap_case cases[] = {
	TAP_CASE(idle_host_is_high),
	TAP_CASE(thresholds_decide_the_state),
	TAP_CASE(states_that_begin_are_counted),
	TAP_CASE(time_is_that_of_one_state),
	TAP_CASE(thresholds_are_shown_in_bytes),
	TAP_CASE(sliding_scale_passes_over_the_knobs),
	TAP_CASE(margin_holds_a_state),
	TAP_CASE(what_guests_take_is_noticed_between_two_looks),
	TAP_CASE(what_others_take_is_found_by_the_next_look),
	TAP_CASE(what_is_left_of_a_pool_decides_the_state),
	TAP_CASE(the_default_pool_does_not_count),
	TAP_CASE(a_small_pool_does_not_hide_the_host),
	TAP_CASE_CPUS(states_change_while_memory_comes_and_goes, 2),
};

ESX_MAIN(cases)
