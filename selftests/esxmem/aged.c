// SPDX-License-Identifier: GPL-2.0
/*
 * Pages that become equal late: however long they were unique, whatever held
 * one of them, two passes after the last obstacle is gone they share.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/esx.h"

#define REGIONS 2UL
#define PAGES (REGIONS * ESX_HUGE_PAGES)
#define SIZE (PAGES * ESX_PAGE)

struct memory {
	int fd;
	char *map;
};

static char *page_at(const struct memory *m, size_t page)
{
	return m->map + page * ESX_PAGE;
}

/* Page i has contents i + 1; only each eighth page is filled. */
static struct memory make_unique(void)
{
	struct memory m = { .fd = esx_file("vm/ram", SIZE) };

	m.map = esx_map(m.fd, SIZE, 0);
	for (size_t i = 0; i < PAGES; i += 8)
		esx_fill(page_at(&m, i), i + 1);
	return m;
}

static void expect_state(const struct memory *m, size_t page,
			 enum esxmem_page_state state, uint64_t id,
			 const char *when)
{
	enum esxmem_page_state is = esx_state(m->fd, page);

	CHECK_MSG(is == state, "%s: page %zu is in state %u", when, page, is);
	CHECK_MSG(esx_has(page_at(m, page), id),
		  "%s: page %zu has other contents", when, page);
}

static void expect_shared(const struct memory *m, size_t page, uint64_t id,
			  const char *when)
{
	expect_state(m, page, ESXMEM_PAGE_SHARED, id, when);
}

static void default_budget(void)
{
	esx_set(ESX_SYSFS "/share/pages_per_second", "20000");
	esx_set(ESX_SYSFS "/share/cpu_percent", "10");
}

/* In each of many passes some become equal: to each other, or to an old one. */
static void check_every_phase(const char *workers)
{
	struct memory m = make_unique();
	char when[32];

	esx_set(ESX_SYSFS "/share/workers", workers);
	esx_scanner(true);
	default_budget();
	esx_wait_scans(9);
	for (size_t phase = 0; phase <= 8; phase++) {
		size_t a = 8 * phase, b = PAGES - 8 * (phase + 1);
		size_t c = 256 + 8 * phase, old = ESX_HUGE_PAGES + 8 * phase;

		snprintf(when, sizeof(when), "phase %zu", phase);
		esx_fill(page_at(&m, a), 5000 + phase);
		esx_fill(page_at(&m, b), 5000 + phase);
		esx_fill(page_at(&m, c), old + 1);
		esx_wait_scans(2);
		expect_shared(&m, a, 5000 + phase, when);
		expect_shared(&m, b, 5000 + phase, when);
		expect_shared(&m, c, old + 1, when);
		expect_shared(&m, old, old + 1, when);
	}
}

static void late_twins_are_found_in_every_phase(void)
{
	check_every_phase("1");
}

static void late_twins_are_found_by_four_workers(void)
{
	check_every_phase("4");
}

/* One equal page appears in an empty region long after the other. */
static void a_page_filled_late_finds_an_old_twin(void)
{
	struct memory m = make_unique();
	int fd = esx_file("vm/late", SIZE);
	char *map = esx_map(fd, SIZE, 0);

	esx_scanner(true);
	esx_wait_scans(5);
	for (size_t i = 0; i < 4; i++) {
		esx_fill(map + (i * 300) * ESX_PAGE, 8 * i + 1);
		esx_wait_scans(2);
		expect_shared(&m, 8 * i, 8 * i + 1, "filled late");
		CHECK_EQ(esx_state(fd, i * 300), ESXMEM_PAGE_SHARED);
	}
}

#define VOLATILE 32UL

static void keep_writing(const struct memory *m)
{
	for (uint64_t n = 100000;; n += VOLATILE) {
		for (size_t i = 0; i < VOLATILE; i++)
			esx_fill(page_at(m, 8 * i), n + i);
		usleep(500);
	}
}

static void volatile_pages_that_settle_are_found(void)
{
	struct memory m = make_unique();
	pid_t child = fork();
	int status;

	if (!child)
		keep_writing(&m);
	esx_scanner(true);
	esx_wait_scans(10);
	CHECK_OK(kill(child, SIGKILL));
	CHECK_OK(waitpid(child, &status, 0));
	for (size_t i = 0; i < VOLATILE; i++)
		esx_fill(page_at(&m, 8 * i), 7000 + i / 2);
	esx_wait_scans(2);
	for (size_t i = 0; i < VOLATILE; i++)
		expect_shared(&m, 8 * i, 7000 + i / 2, "settled");
}

struct hold {
	int ends[2];
};

static struct hold hold_page(const struct memory *m, size_t page)
{
	struct iovec part = { page_at(m, page), ESX_PAGE };
	struct hold hold;

	CHECK_OK(pipe(hold.ends));
	CHECK_EQ(vmsplice(hold.ends[1], &part, 1, 0), ESX_PAGE);
	return hold;
}

static void let_go(struct hold *hold)
{
	close(hold->ends[0]);
	close(hold->ends[1]);
}

/* Which of the two comes first in a pass must not matter. */
static void check_held_twin(size_t held, size_t free_page)
{
	struct memory m = make_unique();
	struct hold hold;

	esx_scanner(true);
	esx_wait_scans(4);
	hold = hold_page(&m, held);
	esx_fill(page_at(&m, free_page), held + 1);
	esx_wait_scans(6);
	expect_state(&m, free_page, ESXMEM_PAGE_PRIVATE, held + 1, "held");
	expect_state(&m, held, ESXMEM_PAGE_PRIVATE, held + 1, "held");
	let_go(&hold);
	esx_wait_scans(2);
	expect_shared(&m, free_page, held + 1, "let go");
	expect_shared(&m, held, held + 1, "let go");
}

static void a_twin_held_behind_is_found_when_let_go(void)
{
	check_held_twin(ESX_HUGE_PAGES + 64, 8);
}

static void a_twin_held_in_front_is_found_when_let_go(void)
{
	check_held_twin(8, ESX_HUGE_PAGES + 64);
}

static void pages_held_from_the_start_are_found_when_let_go(void)
{
	struct memory m = make_unique();
	struct hold a, b;

	esx_fill(page_at(&m, 8), 4000);
	esx_fill(page_at(&m, 800), 4000);
	a = hold_page(&m, 8);
	b = hold_page(&m, 800);
	esx_scanner(true);
	esx_wait_scans(4);
	expect_state(&m, 8, ESXMEM_PAGE_PRIVATE, 4000, "both held");
	let_go(&a);
	esx_wait_scans(3);
	expect_state(&m, 8, ESXMEM_PAGE_PRIVATE, 4000, "one held");
	let_go(&b);
	esx_wait_scans(2);
	expect_shared(&m, 8, 4000, "let go");
	expect_shared(&m, 800, 4000, "let go");
}

/* Others merge while it is held: it was known to be clean all the time. */
static void a_held_twin_of_shared_pages_is_found_when_let_go(void)
{
	struct memory m = make_unique();
	struct hold hold;

	esx_scanner(true);
	esx_wait_scans(4);
	hold = hold_page(&m, 8);
	esx_fill(page_at(&m, 400), 9);
	esx_fill(page_at(&m, 800), 9);
	esx_wait_scans(4);
	expect_shared(&m, 400, 9, "a third held");
	expect_shared(&m, 800, 9, "a third held");
	expect_state(&m, 8, ESXMEM_PAGE_PRIVATE, 9, "held");
	let_go(&hold);
	esx_wait_scans(2);
	expect_shared(&m, 8, 9, "let go");
}

/* More of them than a look-up tries. */
#define CROWD 12UL

static void a_crowd_of_held_twins_does_not_hide_a_free_one(void)
{
	struct memory m = make_unique();
	struct hold holds[CROWD];

	esx_scanner(true);
	esx_wait_scans(3);
	for (size_t i = 0; i < CROWD; i++) {
		holds[i] = hold_page(&m, 8 * i);
		esx_fill(page_at(&m, 8 * i), 4000);
	}
	esx_wait_scans(3);
	esx_fill(page_at(&m, 400), 4000);
	esx_wait_scans(3);
	esx_fill(page_at(&m, 800), 4000);
	esx_wait_scans(3);
	expect_shared(&m, 400, 4000, "twelve held");
	expect_shared(&m, 800, 4000, "twelve held");
	for (size_t i = 0; i < CROWD; i++) {
		expect_state(&m, 8 * i, ESXMEM_PAGE_PRIVATE, 4000, "held");
		let_go(&holds[i]);
	}
	esx_wait_scans(2);
	for (size_t i = 0; i < CROWD; i++)
		expect_shared(&m, 8 * i, 4000, "let go");
}

/* Breaks sharing of a page five times, so that it is left alone for a while. */
static void make_back_off(const struct memory *m, size_t page, size_t helper)
{
	uint64_t left;

	for (int i = 0; i < 5; i++) {
		/* Far from the pass in which all such pages come back. */
		while (esx_figure("full_scans") % 16 > 2)
			esx_wait_scans(0);
		esx_fill(page_at(m, page), 6000);
		esx_fill(page_at(m, helper), 6000);
		esx_wait_scans(2);
		expect_shared(m, page, 6000, "before a break");
		esx_fill(page_at(m, page), 6001);
	}
	left = esx_figure("backed_off_pages");
	esx_wait_scans(2);
	CHECK(esx_figure("backed_off_pages") > left);
}

static void twins_meet_although_a_third_backs_off(void)
{
	struct memory m = make_unique();

	esx_scanner(true);
	make_back_off(&m, 8, 16);
	/* Both equal the one that backs off, one in front of it, one behind. */
	esx_fill(page_at(&m, 0), 6001);
	esx_fill(page_at(&m, 800), 6001);
	esx_wait_scans(2);
	expect_shared(&m, 0, 6001, "a third backs off");
	expect_shared(&m, 800, 6001, "a third backs off");
	/* It comes back in each 16th pass, and has settled by the next. */
	esx_wait_scans(33);
	expect_shared(&m, 8, 6001, "come back");
}

static void a_twin_that_backs_off_is_found_when_it_is_back(void)
{
	struct memory m = make_unique();

	esx_scanner(true);
	make_back_off(&m, 8, 16);
	esx_fill(page_at(&m, 800), 6001);
	esx_wait_scans(33);
	expect_shared(&m, 8, 6001, "come back");
	expect_shared(&m, 800, 6001, "its twin came back");
}

static void a_vm_that_joins_a_group_late_finds_its_twins(void)
{
	int a = esx_file("a/ram", SIZE), b = esx_file("b/ram", SIZE);
	struct memory ma = { a, esx_map(a, SIZE, 0) };
	struct memory mb = { b, esx_map(b, SIZE, 0) };

	for (size_t i = 0; i < PAGES; i += 8) {
		esx_fill(page_at(&ma, i), i + 1);
		esx_fill(page_at(&mb, i), i + 1);
	}
	esx_scanner(true);
	esx_wait_scans(6);
	CHECK_EQ(esx_count(a, 0, PAGES, ESXMEM_PAGE_SHARED), 0);
	esx_set(esx_vm_knob("a", "group"), "late");
	esx_wait_scans(4);
	esx_set(esx_vm_knob("b", "group"), "late");
	esx_wait_scans(2);
	for (size_t i = 0; i < PAGES; i += 8) {
		expect_shared(&ma, i, i + 1, "in one group");
		expect_shared(&mb, i, i + 1, "in one group");
	}
}

static void a_vm_switched_off_for_long_finds_its_twins(void)
{
	int a = esx_file("a/ram", SIZE), b = esx_file("b/ram", SIZE);
	struct memory ma = { a, esx_map(a, SIZE, 0) };
	struct memory mb = { b, esx_map(b, SIZE, 0) };

	esx_set(esx_vm_knob("a", "group"), "both");
	esx_set(esx_vm_knob("b", "group"), "both");
	for (size_t i = 0; i < PAGES; i += 8)
		esx_fill(page_at(&ma, i), i + 1);
	esx_scanner(true);
	esx_wait_scans(4);
	esx_set(esx_vm_knob("a", "share"), "0");
	for (size_t i = 0; i < PAGES; i += 8)
		esx_fill(page_at(&mb, i), i + 1);
	esx_wait_scans(6);
	CHECK_EQ(esx_count(b, 0, PAGES, ESXMEM_PAGE_SHARED), 0);
	esx_set(esx_vm_knob("a", "share"), "1");
	esx_wait_scans(2);
	for (size_t i = 0; i < PAGES; i += 8) {
		expect_shared(&ma, i, i + 1, "switched on");
		expect_shared(&mb, i, i + 1, "switched on");
	}
}

static const struct tap_case cases[] = {
	TAP_CASE(late_twins_are_found_in_every_phase),
	TAP_CASE(late_twins_are_found_by_four_workers),
	TAP_CASE(a_page_filled_late_finds_an_old_twin),
	TAP_CASE(volatile_pages_that_settle_are_found),
	TAP_CASE(a_twin_held_behind_is_found_when_let_go),
	TAP_CASE(a_twin_held_in_front_is_found_when_let_go),
	TAP_CASE(pages_held_from_the_start_are_found_when_let_go),
	TAP_CASE(a_held_twin_of_shared_pages_is_found_when_let_go),
	TAP_CASE(a_crowd_of_held_twins_does_not_hide_a_free_one),
	TAP_CASE(twins_meet_although_a_third_backs_off),
	TAP_CASE(a_twin_that_backs_off_is_found_when_it_is_back),
	TAP_CASE(a_vm_that_joins_a_group_late_finds_its_twins),
	TAP_CASE(a_vm_switched_off_for_long_finds_its_twins),
};

ESX_MAIN(cases)
