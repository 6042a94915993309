// SPDX-License-Identifier: GPL-2.0
/*
 * What the scanner does with 2 MB frames: kept while memory is plentiful, with
 * an estimate of what breaking them would save; broken when it is short, the
 * ones with the most to gain first; made again when sharing has fallen away.
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/esx.h"

struct memory {
	int fd;
	char *map;
	size_t frames, pages;
};

static char *page_at(const struct memory *m, size_t page)
{
	return m->map + page * ESX_PAGE;
}

static struct memory make_memory(const char *name, size_t frames)
{
	struct memory m = { .frames = frames,
			    .pages = frames * ESX_HUGE_PAGES };

	m.fd = esx_file(name, frames * ESX_HUGE);
	m.map = esx_map_huge(m.fd, frames * ESX_HUGE);
	return m;
}

static struct memory make_large(const char *name, size_t frames)
{
	struct memory m;

	esx_set(ESX_SYSFS "/large_pages", "always");
	m = make_memory(name, frames);
	for (size_t i = 0; i < m.pages; i += ESX_HUGE_PAGES)
		*page_at(&m, i) = 1;
	CHECK_EQ(esx_count(m.fd, 0, m.pages, ESXMEM_PAGE_HUGE), m.pages);
	return m;
}

static bool is_huge(const struct memory *m, size_t frame)
{
	return esx_state(m->fd, frame * ESX_HUGE_PAGES) == ESXMEM_PAGE_HUGE;
}

static void fill_all(const struct memory *m, uint64_t (*id_of)(size_t page))
{
	for (size_t i = 0; i < m->pages; i++)
		esx_fill(page_at(m, i), id_of(i));
}

static void expect_all(const struct memory *m, uint64_t (*id_of)(size_t page))
{
	for (size_t i = 0; i < m->pages; i++)
		CHECK_MSG(esx_has(page_at(m, i), id_of(i)),
			  "page %zu has other contents", i);
}

static void break_large(const char *policy, const char *pressure_percent)
{
	esx_set(ESX_SYSFS "/share/pressure_percent", pressure_percent);
	esx_set(ESX_SYSFS "/share/break_large", policy);
}

#define FEW 4UL
/* The page of each frame that is like one of all the others. */
#define COMMON 7UL

static uint64_t one_in_common(size_t page)
{
	return page % ESX_HUGE_PAGES == COMMON ? 999999 : 1 + page;
}

static void check_kept(const char *policy, const char *pressure_percent)
{
	struct memory m = make_large("vm/ram", FEW);
	uint64_t broken = esx_figure("huge_broken");

	break_large(policy, pressure_percent);
	fill_all(&m, one_in_common);
	esx_scanner(true);
	esx_wait_scans(4);
	CHECK_EQ(esx_get_number(esx_vm_knob("vm", "huge_bytes")),
		 FEW * ESX_HUGE);
	CHECK_EQ(esx_figure("huge_broken"), broken);
	CHECK_EQ(esx_figure("shareable_bytes"), 0);
	expect_all(&m, one_in_common);
}

static void plentiful_memory_keeps_large_pages(void)
{
	check_kept("pressure", "0");
}

static void policy_never_keeps_large_pages(void)
{
	check_kept("never", "100");
}

static void pressure_keeps_large_pages_with_little_to_share(void)
{
	check_kept("pressure", "100");
}

static void policy_always_breaks_large_pages(void)
{
	struct memory m = make_large("vm/ram", FEW);

	break_large("always", "0");
	fill_all(&m, one_in_common);
	esx_scanner(true);
	esx_wait_scans(2);
	CHECK_EQ(esx_get_number(esx_vm_knob("vm", "huge_bytes")), 0);
	CHECK_EQ(esx_count(m.fd, 0, m.pages, ESXMEM_PAGE_SHARED), FEW);
	CHECK_EQ(esx_count(m.fd, 0, m.pages, ESXMEM_PAGE_PRIVATE),
		 m.pages - FEW);
	expect_all(&m, one_in_common);
}

static uint64_t all_different(size_t page)
{
	return 1 + page;
}

static void expect_about(uint64_t is, uint64_t truth, const char *what)
{
	CHECK_MSG(is * 4 >= truth * 3 && is * 4 <= truth * 5,
		  "%s is %llu, the truth is %llu", what, (unsigned long long)is,
		  (unsigned long long)truth);
}

/* Breaks all that is worth it, and says how many frames that saves. */
static uint64_t break_all(void)
{
	uint64_t frames = esx_info().frames;

	break_large("pressure", "100");
	esx_wait_scans(6);
	return frames - esx_info().frames;
}

/* The estimate before, against what breaking then really saves. */
static void the_estimate_is_what_breaking_saves(void)
{
	size_t frames = tap_scaled(32, 16);
	struct memory a = make_large("a/ram", frames);
	struct memory b = make_large("b/ram", frames);
	uint64_t bytes, large, saved;

	esx_set(esx_vm_knob("a", "group"), "both");
	esx_set(esx_vm_knob("b", "group"), "both");
	break_large("pressure", "0");
	fill_all(&a, all_different);
	fill_all(&b, all_different);
	esx_scanner(true);
	esx_wait_scans(3);
	bytes = esx_figure("shareable_bytes");
	large = esx_figure("shareable_large_pages");
	saved = break_all();
	tap_note("%llu bytes in %llu large pages estimated; breaking all saved %llu bytes",
		 (unsigned long long)bytes, (unsigned long long)large,
		 (unsigned long long)saved * ESX_PAGE);
	CHECK_EQ(saved, a.pages);
	expect_about(large, 2 * frames, "shareable_large_pages");
	expect_about(bytes, a.pages * ESX_PAGE, "shareable_bytes");
	CHECK_EQ(esx_figure("shareable_bytes"), 0);
	expect_all(&a, all_different);
	expect_all(&b, all_different);
}

/* Of VMs that do not trust each other nothing is counted. */
static void the_estimate_knows_of_trust(void)
{
	struct memory a = make_large("a/ram", FEW);
	struct memory b = make_large("b/ram", FEW);

	fill_all(&a, all_different);
	fill_all(&b, all_different);
	esx_scanner(true);
	esx_wait_scans(3);
	CHECK_EQ(esx_figure("shareable_bytes"), 0);
	esx_set(esx_vm_knob("a", "group"), "both");
	esx_set(esx_vm_knob("b", "group"), "both");
	esx_wait_scans(3);
	CHECK(esx_figure("shareable_bytes") > 0);
	esx_set(esx_vm_knob("a", "group"), "\n");
	esx_wait_scans(3);
	CHECK_EQ(esx_figure("shareable_bytes"), 0);
}

/* In what order the kinds stand in the file must not matter. */
enum kind { MEDIUM, SPARSE, DENSE };

static const enum kind kinds[] = { MEDIUM, SPARSE, DENSE, MEDIUM, DENSE };

#define KINDS ARRAY_SIZE(kinds)
/* Pages of a frame that are equal to each other. */
#define DENSE_EQUAL 480UL
#define MEDIUM_EQUAL 80UL
#define SPARSE_EQUAL 10UL

static size_t nr_equal(enum kind kind)
{
	return kind == DENSE ? DENSE_EQUAL :
	       kind == MEDIUM ? MEDIUM_EQUAL : SPARSE_EQUAL;
}

static uint64_t by_kind(size_t page)
{
	size_t frame = page / ESX_HUGE_PAGES, i = page % ESX_HUGE_PAGES;

	/* Equal pages of one frame alone: the estimate is a count. */
	return i < nr_equal(kinds[frame]) ? 900000 + frame : 1 + page;
}

static size_t nr_broken(const struct memory *m, enum kind kind)
{
	size_t nr = 0;

	for (size_t i = 0; i < KINDS; i++)
		nr += kinds[i] == kind && !is_huge(m, i);
	return nr;
}

/* Looks at those that come later first. */
static void watch_order(const struct memory *m)
{
	size_t medium, dense;

	do {
		CHECK_EQ(nr_broken(m, SPARSE), 0);
		medium = nr_broken(m, MEDIUM);
		dense = nr_broken(m, DENSE);
		CHECK_MSG(!medium || dense == 2,
			  "%zu with little to gain are broken, but %zu with much",
			  medium, dense);
	} while (medium < 2);
}

static void pressure_breaks_the_best_first(void)
{
	struct memory m = make_large("vm/ram", KINDS);
	uint64_t frames;

	break_large("pressure", "0");
	fill_all(&m, by_kind);
	esx_scanner(true);
	esx_wait_scans(3);
	CHECK_EQ(esx_figure("shareable_large_pages"), 4);
	CHECK_EQ(esx_figure("shareable_bytes"),
		 2 * (DENSE_EQUAL - 1 + MEDIUM_EQUAL - 1) * ESX_PAGE);
	frames = esx_info().frames;
	break_large("pressure", "100");
	watch_order(&m);
	esx_wait_scans(3);
	CHECK_EQ(nr_broken(&m, SPARSE), 0);
	CHECK_EQ(frames - esx_info().frames,
		 2 * (DENSE_EQUAL - 1 + MEDIUM_EQUAL - 1));
	CHECK_EQ(esx_figure("shareable_bytes"), 0);
	expect_all(&m, by_kind);
}

/* Two regions that were broken, each page equal to one of the other. */
#define JOINED 2UL

static uint64_t by_pairs(size_t page)
{
	return 1 + page % ESX_HUGE_PAGES;
}

static uint64_t again_different(size_t page)
{
	return 7000 + page;
}

/* The first pages of each region stay shared. */
static size_t nr_stay;

static uint64_t mostly_different(size_t page)
{
	return page % ESX_HUGE_PAGES < nr_stay ? by_pairs(page) :
						 again_different(page);
}

static struct memory make_shared(void)
{
	struct memory m;

	esx_set(ESX_SYSFS "/large_pages", "always");
	m = make_memory("vm/ram", JOINED);
	fill_all(&m, by_pairs);
	CHECK_EQ(esx_count(m.fd, 0, m.pages, ESXMEM_PAGE_HUGE), m.pages);
	break_large("always", "0");
	esx_scanner(true);
	esx_wait_scans(3);
	CHECK_EQ(esx_count(m.fd, 0, m.pages, ESXMEM_PAGE_SHARED), m.pages);
	break_large("pressure", "0");
	return m;
}

static void end_sharing(const struct memory *m, size_t stay)
{
	nr_stay = stay;
	for (size_t i = 0; i < m->pages; i++)
		if (i % ESX_HUGE_PAGES >= stay)
			esx_fill(page_at(m, i), again_different(i));
}

/* A region has to be like that for four passes. */
#define PATIENCE 8

static void wait_joined(const struct memory *m)
{
	for (int i = 0; i < 3 * PATIENCE; i++) {
		if (esx_count(m->fd, 0, m->pages, ESXMEM_PAGE_HUGE) == m->pages)
			return;
		esx_wait_scans(0);
	}
	FAIL("%zu of %zu pages are in large pages",
	     esx_count(m->fd, 0, m->pages, ESXMEM_PAGE_HUGE), m->pages);
}

static void a_region_that_shares_no_more_is_large_again(void)
{
	struct memory m = make_shared();
	uint64_t joined = esx_figure("huge_joined");

	end_sharing(&m, 0);
	wait_joined(&m);
	CHECK_EQ(esx_figure("huge_joined") - joined, JOINED);
	CHECK_EQ(esx_get_number(esx_vm_knob("vm", "huge_bytes")),
		 JOINED * ESX_HUGE);
	CHECK_EQ(esx_get_number(esx_vm_knob("vm", "shared_bytes")), 0);
	expect_all(&m, mostly_different);
	/* It is kept. */
	esx_wait_scans(4);
	CHECK_EQ(esx_figure("huge_joined") - joined, JOINED);
	fill_all(&m, all_different);
	expect_all(&m, all_different);
}

static void a_region_that_shares_a_little_stays_small(void)
{
	struct memory m = make_shared();
	uint64_t joined = esx_figure("huge_joined");

	end_sharing(&m, 1);
	esx_wait_scans(PATIENCE);
	CHECK_EQ(esx_figure("huge_joined"), joined);
	CHECK_EQ(esx_count(m.fd, 0, m.pages, ESXMEM_PAGE_SHARED), JOINED);
	expect_all(&m, mostly_different);
}

static void nothing_is_joined_under_pressure(void)
{
	struct memory m = make_shared();

	break_large("pressure", "100");
	end_sharing(&m, 0);
	esx_wait_scans(PATIENCE);
	CHECK_EQ(esx_get_number(esx_vm_knob("vm", "huge_bytes")), 0);
	break_large("always", "0");
	esx_wait_scans(PATIENCE);
	CHECK_EQ(esx_get_number(esx_vm_knob("vm", "huge_bytes")), 0);
	break_large("never", "0");
	wait_joined(&m);
	expect_all(&m, mostly_different);
}

static void a_region_with_a_held_page_stays_small(void)
{
	struct memory m = make_shared();
	uint64_t joined = esx_figure("huge_joined"), ranges;
	struct iovec part = { page_at(&m, 100), ESX_PAGE };
	char page[ESX_PAGE];
	int ends[2];

	end_sharing(&m, 0);
	CHECK_OK(pipe(ends));
	CHECK_EQ(vmsplice(ends[1], &part, 1, 0), ESX_PAGE);
	esx_wait_scans(2 * PATIENCE);
	CHECK_EQ(esx_state(m.fd, 100), ESXMEM_PAGE_PRIVATE);
	CHECK_EQ(esx_figure("huge_joined") - joined, JOINED - 1);
	/* Trying over and over must not cost its user all its mappings. */
	ranges = esx_figure("unmap_ranges");
	esx_wait_scans(2 * PATIENCE);
	ranges = esx_figure("unmap_ranges") - ranges;
	tap_note("%llu ranges unmapped in %d passes with a page held",
		 (unsigned long long)ranges, 2 * PATIENCE);
	CHECK(ranges <= PATIENCE);
	/* The pipe holds the very frame. */
	esx_fill(page_at(&m, 100), 12345);
	CHECK_EQ(read(ends[0], page, ESX_PAGE), ESX_PAGE);
	CHECK(esx_has(page, 12345));
	wait_joined(&m);
	CHECK(esx_has(page_at(&m, 100), 12345));
	esx_fill(page_at(&m, 100), again_different(100));
	expect_all(&m, mostly_different);
}

/* Passes that a large page rests for when it could not be broken. */
#define REST 32UL

/* How often it was tried: in the first pass, and in each that follows a rest. */
static uint64_t tries_in(uint64_t passes)
{
	return (passes + REST) / (REST + 1);
}

static void a_large_page_with_a_held_part_rests(void)
{
	struct memory m = make_large("vm/ram", 1);
	struct iovec part = { page_at(&m, 100), ESX_PAGE };
	uint64_t passes = esx_figure("full_scans");
	uint64_t pinned = esx_info().pinned, ranges;
	int ends[2];

	fill_all(&m, all_different);
	CHECK_OK(pipe(ends));
	CHECK_EQ(vmsplice(ends[1], &part, 1, 0), ESX_PAGE);
	break_large("always", "0");
	ranges = esx_figure("unmap_ranges");
	esx_scanner(true);
	esx_wait_scans(REST / 2);
	esx_scanner(false);
	passes = esx_figure("full_scans") - passes;
	pinned = (esx_info().pinned - pinned) / ESX_HUGE_PAGES;
	tap_note("tried %llu times in %llu passes, %llu ranges unmapped",
		 (unsigned long long)pinned, (unsigned long long)passes,
		 (unsigned long long)(esx_figure("unmap_ranges") - ranges));
	/* The scanner may have stopped within a pass. */
	CHECK(pinned == tries_in(passes) || pinned == tries_in(passes + 1));
	CHECK(is_huge(&m, 0));
	close(ends[0]);
	close(ends[1]);
	esx_scanner(true);
	for (size_t i = 0; i <= 2 * REST && is_huge(&m, 0); i++)
		esx_wait_scans(0);
	CHECK(!is_huge(&m, 0));
	expect_all(&m, all_different);
}

struct counting {
	struct memory m;
	_Atomic bool stop;
	uint64_t rounds;
};

static volatile uint64_t *word_of(const struct counting *c, size_t page)
{
	return (uint64_t *)(page_at(&c->m, page) + 1000);
}

/* One thread counts in all pages, the other has the scanner look at them. */
static void count_or_scan(void *arg, unsigned int index)
{
	struct counting *c = arg;

	if (index) {
		esx_wait_scans(2 * PATIENCE);
		c->stop = true;
		return;
	}
	for (; !c->stop; c->rounds++) {
		for (size_t i = 0; i < c->m.pages; i++) {
			CHECK_MSG(*word_of(c, i) == c->rounds * 3 + i,
				  "round %llu: page %zu holds %llu",
				  (unsigned long long)c->rounds, i,
				  (unsigned long long)*word_of(c, i));
			*word_of(c, i) = (c->rounds + 1) * 3 + i;
		}
		usleep(1000);
	}
}

static void a_region_in_use_is_left_alone(void)
{
	struct counting c = { .m = make_shared() };
	char *second = esx_map(c.m.fd, c.m.pages * ESX_PAGE, 0);

	end_sharing(&c.m, 0);
	for (size_t i = 0; i < c.m.pages; i++)
		*word_of(&c, i) = i;
	host_parallel(2, count_or_scan, &c);
	tap_note("%llu rounds", (unsigned long long)c.rounds);
	for (size_t i = 0; i < c.m.pages; i++)
		CHECK(*word_of(&c, i) == c.rounds * 3 + i);
	wait_joined(&c.m);
	for (size_t i = 0; i < c.m.pages; i++) {
		CHECK(*word_of(&c, i) == c.rounds * 3 + i);
		esx_fill(page_at(&c.m, i), 0);
		CHECK(esx_is_zero(second + i * ESX_PAGE, ESX_PAGE));
	}
}

static const struct tap_case cases[] = {
	TAP_CASE(plentiful_memory_keeps_large_pages),
	TAP_CASE(policy_never_keeps_large_pages),
	TAP_CASE(pressure_keeps_large_pages_with_little_to_share),
	TAP_CASE(policy_always_breaks_large_pages),
	TAP_CASE(the_estimate_is_what_breaking_saves),
	TAP_CASE(the_estimate_knows_of_trust),
	TAP_CASE(pressure_breaks_the_best_first),
	TAP_CASE(a_large_page_with_a_held_part_rests),
	TAP_CASE(a_region_that_shares_no_more_is_large_again),
	TAP_CASE(a_region_that_shares_a_little_stays_small),
	TAP_CASE(nothing_is_joined_under_pressure),
	TAP_CASE(a_region_with_a_held_page_stays_small),
	TAP_CASE(a_region_in_use_is_left_alone),
};

ESX_MAIN(cases)
