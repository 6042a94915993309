// SPDX-License-Identifier: GPL-2.0
/* 2 MB frames: who gets them, what breaks them, what punching does to them. */
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/esx.h"

#define SIZE (2 * ESX_HUGE)
#define PAGES (SIZE / ESX_PAGE)

struct file {
	int fd;
	char *map;
};

static struct file huge_file(void)
{
	struct file f;

	esx_set(ESX_SYSFS "/large_pages", "always");
	f.fd = esx_file("f", SIZE);
	f.map = esx_map_huge(f.fd, SIZE);
	return f;
}

static struct file full_huge_file(void)
{
	struct file f = huge_file();

	for (size_t i = 0; i < PAGES; i++)
		esx_fill(f.map + i * ESX_PAGE, i + 1);
	CHECK_EQ(esx_count(f.fd, 0, PAGES, ESXMEM_PAGE_HUGE), PAGES);
	return f;
}

static void expect_contents(const struct file *f, size_t first, size_t end)
{
	for (size_t i = first; i < end; i++)
		CHECK_MSG(esx_has(f->map + i * ESX_PAGE, i + 1),
			  "page %zu has changed", i);
}

static void an_aligned_mapping_gets_large_pages(void)
{
	struct file f = huge_file();

	f.map[5 * ESX_PAGE] = 1;
	CHECK_EQ(esx_count(f.fd, 0, ESX_HUGE_PAGES, ESXMEM_PAGE_HUGE),
		 ESX_HUGE_PAGES);
	CHECK_EQ(esx_count(f.fd, ESX_HUGE_PAGES, ESX_HUGE_PAGES,
			   ESXMEM_PAGE_EMPTY),
		 ESX_HUGE_PAGES);
	CHECK_EQ(esx_get_number(esx_vm_knob("", "huge_bytes")), ESX_HUGE);
	CHECK_EQ(esx_get_number(esx_vm_knob("", "private_bytes")), ESX_HUGE);
	CHECK_EQ(esx_blocks(f.fd), ESX_HUGE / 512);
	CHECK(esx_is_zero(f.map, 5 * ESX_PAGE));
	CHECK(esx_is_zero(f.map + 5 * ESX_PAGE + 1, ESX_HUGE - 5 * ESX_PAGE - 1));
}

static void large_pages_take_few_faults(void)
{
	struct file f = huge_file();
	uint64_t faults = esx_get_number(esx_vm_knob("", "faults"));

	for (size_t i = 0; i < PAGES; i++)
		f.map[i * ESX_PAGE] = 1;
	faults = esx_get_number(esx_vm_knob("", "faults")) - faults;
	CHECK_MSG(faults <= 8, "%llu faults for 2 large pages",
		  (unsigned long long)faults);
}

static void large_pages_off_gives_small_ones(void)
{
	int fd = esx_file("f", SIZE);
	char *map = esx_map_huge(fd, SIZE);

	esx_set(ESX_SYSFS "/large_pages", "never");
	map[0] = 1;
	CHECK_EQ(esx_count(fd, 0, PAGES, ESXMEM_PAGE_PRIVATE), 1);
	CHECK_EQ(esx_count(fd, 0, PAGES, ESXMEM_PAGE_EMPTY), PAGES - 1);
	CHECK_EQ(esx_get_number(esx_vm_knob("", "huge_bytes")), 0);
}

static void a_region_that_is_not_whole_gets_small_pages(void)
{
	int fd;
	char *map;

	esx_set(ESX_SYSFS "/large_pages", "always");
	fd = esx_file("f", ESX_HUGE + 5 * ESX_PAGE);
	map = esx_map_huge(fd, 2 * ESX_HUGE);
	map[0] = 1;
	map[ESX_HUGE] = 1;
	CHECK_EQ(esx_state(fd, 0), ESXMEM_PAGE_HUGE);
	CHECK_EQ(esx_state(fd, ESX_HUGE_PAGES), ESXMEM_PAGE_PRIVATE);
	CHECK_EQ(esx_state(fd, ESX_HUGE_PAGES + 1), ESXMEM_PAGE_EMPTY);
}

static void an_unaligned_mapping_works(void)
{
	int fd;
	char *map;

	esx_set(ESX_SYSFS "/large_pages", "always");
	fd = esx_file("f", SIZE);
	/* One page off, so that no region is aligned in the address space. */
	map = esx_map_huge(fd, SIZE);
	CHECK_OK(munmap(map, SIZE));
	map = mmap(map + ESX_PAGE, SIZE - ESX_PAGE, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_FIXED, fd, 0);
	CHECK(map != MAP_FAILED);
	for (size_t i = 0; i < PAGES - 1; i++)
		esx_fill(map + i * ESX_PAGE, i + 1);
	for (size_t i = 0; i < PAGES - 1; i++)
		CHECK(esx_has(map + i * ESX_PAGE, i + 1));
}

static void a_region_with_pages_in_it_gets_small_pages(void)
{
	struct file f;

	f.fd = esx_file("f", SIZE);
	f.map = esx_map_huge(f.fd, SIZE);
	f.map[7 * ESX_PAGE] = 1;
	esx_set(ESX_SYSFS "/large_pages", "always");
	f.map[9 * ESX_PAGE] = 1;
	CHECK_EQ(esx_state(f.fd, 9), ESXMEM_PAGE_PRIVATE);
	CHECK_EQ(esx_state(f.fd, 8), ESXMEM_PAGE_EMPTY);
	f.map[ESX_HUGE] = 1;
	CHECK_EQ(esx_state(f.fd, ESX_HUGE_PAGES), ESXMEM_PAGE_HUGE);
}

static void a_region_read_before_gets_a_large_page(void)
{
	struct file f = huge_file();

	CHECK(esx_is_zero(f.map, SIZE));
	f.map[9 * ESX_PAGE] = 1;
	CHECK_EQ(f.map[9 * ESX_PAGE], 1);
	CHECK(esx_is_zero(f.map, 9 * ESX_PAGE));
	CHECK_EQ(esx_state(f.fd, 9), ESXMEM_PAGE_HUGE);
}

static void a_second_mapping_sees_a_large_page(void)
{
	struct file f = full_huge_file();
	char *small = esx_map(f.fd, SIZE - ESX_PAGE, ESX_PAGE);

	for (size_t i = 1; i < PAGES; i++)
		CHECK(esx_has(small + (i - 1) * ESX_PAGE, i + 1));
	esx_fill(small, 999999);
	CHECK(esx_has(f.map + ESX_PAGE, 999999));
}

static void read_and_write_calls_work_on_large_pages(void)
{
	struct file f = huge_file();
	char page[ESX_PAGE];

	for (size_t i = 0; i < PAGES; i++) {
		esx_fill(page, i + 1);
		CHECK_EQ(pwrite(f.fd, page, ESX_PAGE, i * ESX_PAGE), ESX_PAGE);
	}
	expect_contents(&f, 0, PAGES);
	for (size_t i = 0; i < PAGES; i++) {
		CHECK_EQ(pread(f.fd, page, ESX_PAGE, i * ESX_PAGE), ESX_PAGE);
		CHECK(esx_has(page, i + 1));
	}
}

static void merging_breaks_a_large_page(void)
{
	struct file f = full_huge_file();
	struct esxmem_merge merge;

	for (size_t i = 0; i < 100; i++)
		esx_fill(f.map + i * ESX_PAGE, 1);
	for (size_t i = 100; i < 200; i++)
		esx_fill(f.map + i * ESX_PAGE, 0);
	merge = esx_merge(f.fd, 0, ESX_HUGE);
	CHECK_EQ(merge.huge_broken, 1);
	CHECK_EQ(esx_count(f.fd, 0, 100, ESXMEM_PAGE_SHARED), 100);
	CHECK_EQ(esx_count(f.fd, 100, 100, ESXMEM_PAGE_ZERO), 100);
	CHECK_EQ(esx_count(f.fd, 200, ESX_HUGE_PAGES - 200,
			   ESXMEM_PAGE_PRIVATE),
		 ESX_HUGE_PAGES - 200);
	CHECK_EQ(esx_count(f.fd, ESX_HUGE_PAGES, ESX_HUGE_PAGES,
			   ESXMEM_PAGE_HUGE),
		 ESX_HUGE_PAGES);
	for (size_t i = 0; i < 100; i++)
		CHECK(esx_has(f.map + i * ESX_PAGE, 1));
	CHECK(esx_is_zero(f.map + 100 * ESX_PAGE, 100 * ESX_PAGE));
	expect_contents(&f, 200, PAGES);
}

static void breaking_gives_the_memory_back(void)
{
	struct file f = full_huge_file();
	uint64_t before = esx_info().frames, after;

	for (size_t i = 0; i < ESX_HUGE_PAGES; i++)
		esx_fill(f.map + i * ESX_PAGE, 0);
	esx_merge(f.fd, 0, ESX_HUGE);
	after = esx_info().frames;
	CHECK_EQ(before - after, ESX_HUGE_PAGES);
	CHECK_EQ(esx_get_number(esx_vm_knob("", "huge_bytes")), ESX_HUGE);
}

static int punch(const struct file *f, off_t offset, off_t length)
{
	return fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			 offset, length);
}

static void a_punched_part_reads_zero_and_leaves_its_neighbours(void)
{
	struct file f = full_huge_file();

	CHECK_OK(punch(&f, 10 * ESX_PAGE, 20 * ESX_PAGE));
	CHECK(esx_is_zero(f.map + 10 * ESX_PAGE, 20 * ESX_PAGE));
	expect_contents(&f, 0, 10);
	expect_contents(&f, 30, PAGES);
	CHECK_EQ(esx_blocks(f.fd), (PAGES - 20) * ESX_PAGE / 512);
	CHECK_EQ(esx_count(f.fd, 10, 20, ESXMEM_PAGE_EMPTY), 20);
}

static void a_punched_part_gives_its_memory_back(void)
{
	struct file f = full_huge_file();
	uint64_t before = esx_info().frames;

	CHECK_OK(punch(&f, 0, 400 * ESX_PAGE));
	CHECK_EQ(before - esx_info().frames, 400);
	CHECK_OK(punch(&f, 0, ESX_HUGE));
	CHECK_EQ(before - esx_info().frames, ESX_HUGE_PAGES);
	expect_contents(&f, ESX_HUGE_PAGES, PAGES);
}

static void a_punch_within_a_page_of_a_large_page_zeroes_just_it(void)
{
	struct file f = full_huge_file();
	char expected[ESX_PAGE];

	CHECK_OK(punch(&f, 7 * ESX_PAGE + 100, 50));
	esx_fill(expected, 8);
	memset(expected + 100, 0, 50);
	CHECK(!memcmp(f.map + 7 * ESX_PAGE, expected, ESX_PAGE));
	expect_contents(&f, 0, 7);
	expect_contents(&f, 8, PAGES);
}

static void punching_page_by_page_gives_all_back(void)
{
	struct file f = full_huge_file();

	for (size_t i = 0; i < PAGES; i++) {
		CHECK_OK(punch(&f, (i * 37 % PAGES) * ESX_PAGE, ESX_PAGE));
		CHECK_EQ(esx_blocks(f.fd), (PAGES - i - 1) * ESX_PAGE / 512);
	}
	CHECK(esx_is_zero(f.map, SIZE));
}

static void a_punched_whole_region_can_be_large_again(void)
{
	struct file f = full_huge_file();

	CHECK_OK(punch(&f, 0, ESX_HUGE));
	f.map[0] = 1;
	CHECK_EQ(esx_count(f.fd, 0, ESX_HUGE_PAGES, ESXMEM_PAGE_HUGE),
		 ESX_HUGE_PAGES);
	CHECK(esx_is_zero(f.map + 1, ESX_HUGE - 1));
}

static void a_truncate_through_a_large_page_cuts_it(void)
{
	struct file f = full_huge_file();

	CHECK_OK(ftruncate(f.fd, 100 * ESX_PAGE + 50));
	expect_contents(&f, 0, 100);
	CHECK_EQ(esx_blocks(f.fd), 101 * ESX_PAGE / 512);
	CHECK_OK(ftruncate(f.fd, SIZE));
	CHECK(esx_is_zero(f.map + 100 * ESX_PAGE + 50,
			  SIZE - 100 * ESX_PAGE - 50));
}

static void a_punched_part_of_a_held_large_page_reads_zero(void)
{
	struct file f = full_huge_file();
	struct iovec part = { f.map + 12 * ESX_PAGE, 8 * ESX_PAGE };
	char page[ESX_PAGE];
	int ends[2];

	CHECK_OK(pipe(ends));
	CHECK_EQ(vmsplice(ends[1], &part, 1, 0), part.iov_len);
	CHECK_OK(punch(&f, 10 * ESX_PAGE, 20 * ESX_PAGE));
	CHECK(esx_is_zero(f.map + 10 * ESX_PAGE, 20 * ESX_PAGE));
	expect_contents(&f, 0, 10);
	expect_contents(&f, 30, PAGES);
	for (size_t i = 10; i < 30; i++)
		esx_fill(f.map + i * ESX_PAGE, i + 1);
	expect_contents(&f, 0, PAGES);
	for (int i = 0; i < 8; i++)
		CHECK_EQ(read(ends[0], page, ESX_PAGE), ESX_PAGE);
	expect_contents(&f, 0, PAGES);
}

static void a_punched_held_large_page_goes_whole(void)
{
	struct file f = full_huge_file();
	struct iovec part = { f.map, 8 * ESX_PAGE };
	char page[ESX_PAGE];
	int ends[2];

	CHECK_OK(pipe(ends));
	CHECK_EQ(vmsplice(ends[1], &part, 1, 0), part.iov_len);
	CHECK_OK(punch(&f, 0, ESX_HUGE));
	CHECK(esx_is_zero(f.map, ESX_HUGE));
	f.map[0] = 1;
	for (int i = 0; i < 8; i++)
		CHECK_EQ(read(ends[0], page, ESX_PAGE), ESX_PAGE);
	CHECK_EQ(f.map[0], 1);
	CHECK(esx_is_zero(f.map + 1, ESX_HUGE - 1));
}

static void allocate_uses_large_pages(void)
{
	struct file f = huge_file();

	CHECK_OK(fallocate(f.fd, 0, 0, SIZE));
	CHECK_EQ(esx_blocks(f.fd), SIZE / 512);
	CHECK_EQ(esx_count(f.fd, 0, PAGES, ESXMEM_PAGE_HUGE), PAGES);
	CHECK(esx_is_zero(f.map, SIZE));
}

static void a_large_page_survives_fork_and_mprotect(void)
{
	struct file f = full_huge_file();
	pid_t child;

	CHECK_OK(mprotect(f.map + 5 * ESX_PAGE, ESX_PAGE, PROT_READ));
	expect_contents(&f, 0, PAGES);
	child = fork();
	if (!child) {
		expect_contents(&f, 0, PAGES);
		CHECK_OK(munmap(f.map + 20 * ESX_PAGE, 30 * ESX_PAGE));
		expect_contents(&f, 0, 20);
		expect_contents(&f, 50, PAGES);
		_exit(0);
	}
	tap_join(child);
	CHECK_OK(mprotect(f.map + 5 * ESX_PAGE, ESX_PAGE,
			  PROT_READ | PROT_WRITE));
	esx_fill(f.map + 5 * ESX_PAGE, 6);
	expect_contents(&f, 0, PAGES);
}

static const struct tap_case cases[] = {
	TAP_CASE(an_aligned_mapping_gets_large_pages),
	TAP_CASE(large_pages_take_few_faults),
	TAP_CASE(large_pages_off_gives_small_ones),
	TAP_CASE(a_region_that_is_not_whole_gets_small_pages),
	TAP_CASE(an_unaligned_mapping_works),
	TAP_CASE(a_region_with_pages_in_it_gets_small_pages),
	TAP_CASE(a_region_read_before_gets_a_large_page),
	TAP_CASE(a_second_mapping_sees_a_large_page),
	TAP_CASE(read_and_write_calls_work_on_large_pages),
	TAP_CASE(merging_breaks_a_large_page),
	TAP_CASE(breaking_gives_the_memory_back),
	TAP_CASE(a_punched_part_reads_zero_and_leaves_its_neighbours),
	TAP_CASE(a_punched_part_gives_its_memory_back),
	TAP_CASE(a_punch_within_a_page_of_a_large_page_zeroes_just_it),
	TAP_CASE(punching_page_by_page_gives_all_back),
	TAP_CASE(a_punched_whole_region_can_be_large_again),
	TAP_CASE(a_truncate_through_a_large_page_cuts_it),
	TAP_CASE(a_punched_part_of_a_held_large_page_reads_zero),
	TAP_CASE(a_punched_held_large_page_goes_whole),
	TAP_CASE(allocate_uses_large_pages),
	TAP_CASE(a_large_page_survives_fork_and_mprotect),
};

ESX_MAIN(cases)
