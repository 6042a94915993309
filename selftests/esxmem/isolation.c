// SPDX-License-Identifier: GPL-2.0
/* Nobody sees what was in a frame before. */
#include <fcntl.h>
#include <linux/falloc.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/esx.h"

#define SIZE (16UL << 20)
#define CANARY 0xa5

static void fill_with_canary(int fd)
{
	char *map = esx_map_huge(fd, SIZE);

	memset(map, CANARY, SIZE);
	CHECK_OK(munmap(map, SIZE));
}

/* Touches each page with a write, so that it gets a frame, at its last byte. */
static void expect_fresh(int fd, size_t size)
{
	char *map = esx_map_huge(fd, size);

	for (size_t at = 0; at < size; at += ESX_PAGE) {
		map[at + ESX_PAGE - 1] = 1;
		CHECK_MSG(esx_is_zero(map + at, ESX_PAGE - 1),
			  "page %zu is not fresh", at / ESX_PAGE);
	}
	CHECK_OK(munmap(map, size));
}

static void cycle_by_unlinking(void)
{
	int fd = esx_file("a/ram", SIZE);

	fill_with_canary(fd);
	close(fd);
	CHECK_OK(unlink(esx_path("a/ram")));
	fd = esx_file("b/ram", SIZE);
	expect_fresh(fd, SIZE);
	close(fd);
	CHECK_OK(unlink(esx_path("b/ram")));
}

static unsigned int cycles(void)
{
	return tap_scaled(6, 2);
}

static void frames_of_a_removed_file_come_back_zero(void)
{
	for (unsigned int i = 0; i < cycles(); i++)
		cycle_by_unlinking();
}

static void large_frames_of_a_removed_file_come_back_zero(void)
{
	esx_set(ESX_SYSFS "/large_pages", "always");
	for (unsigned int i = 0; i < cycles(); i++)
		cycle_by_unlinking();
}

static void large_frames_come_back_zero_as_small_ones(void)
{
	for (unsigned int i = 0; i < cycles(); i++) {
		esx_set(ESX_SYSFS "/large_pages", i % 2 ? "never" : "always");
		cycle_by_unlinking();
	}
}

static void punched_frames_come_back_zero(void)
{
	int fd = esx_file("a/ram", SIZE);

	for (unsigned int i = 0; i < cycles(); i++) {
		fill_with_canary(fd);
		CHECK_OK(fallocate(fd,
				   FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				   0, SIZE));
		expect_fresh(fd, SIZE);
	}
}

static void truncated_frames_come_back_zero(void)
{
	int fd = esx_file("a/ram", SIZE);

	for (unsigned int i = 0; i < cycles(); i++) {
		fill_with_canary(fd);
		CHECK_OK(ftruncate(fd, 0));
		CHECK_OK(ftruncate(fd, SIZE));
		expect_fresh(fd, SIZE);
	}
}

static void frames_of_a_killed_process_come_back_zero(void)
{
	int fd = esx_file("a/ram", SIZE);
	int ready[2], status;
	pid_t child;
	char byte;

	CHECK_OK(pipe(ready));
	child = fork();
	if (!child) {
		fill_with_canary(fd);
		CHECK_EQ(write(ready[1], "", 1), 1);
		pause();
	}
	close(fd);
	CHECK_EQ(read(ready[0], &byte, 1), 1);
	CHECK_OK(unlink(esx_path("a/ram")));
	CHECK_OK(kill(child, SIGKILL));
	CHECK_EQ(waitpid(child, &status, 0), child);
	fd = esx_file("b/ram", SIZE);
	expect_fresh(fd, SIZE);
}

static void frames_freed_by_merging_come_back_zero(void)
{
	int a = esx_file("a/ram", SIZE), b;

	fill_with_canary(a);
	/* All of one content: all frames but one go back. */
	esx_merge(a, 0, 0);
	CHECK_EQ(esx_count(a, 0, SIZE / ESX_PAGE, ESXMEM_PAGE_SHARED),
		 SIZE / ESX_PAGE);
	b = esx_file("b/ram", SIZE);
	expect_fresh(b, SIZE);
}

/* What a write call leaves out of a fresh page is zero. */
static void the_rest_of_a_partly_written_page_is_zero(void)
{
	char page[ESX_PAGE];
	int fd;

	cycle_by_unlinking();
	fd = esx_file("c/ram", SIZE);
	for (off_t at = 0; at < (off_t)SIZE; at += ESX_PAGE) {
		CHECK_EQ(pwrite(fd, "xyz", 3, at + 1000), 3);
		CHECK_EQ(pread(fd, page, ESX_PAGE, at), ESX_PAGE);
		CHECK(esx_is_zero(page, 1000));
		CHECK(!memcmp(page + 1000, "xyz", 3));
		CHECK(esx_is_zero(page + 1003, ESX_PAGE - 1003));
	}
}

static void allocated_frames_are_zero(void)
{
	int fd;

	cycle_by_unlinking();
	fd = esx_file("c/ram", SIZE);
	CHECK_OK(fallocate(fd, 0, 0, SIZE));
	expect_fresh(fd, SIZE);
}

static const struct tap_case cases[] = {
	TAP_CASE(frames_of_a_removed_file_come_back_zero),
	TAP_CASE(large_frames_of_a_removed_file_come_back_zero),
	TAP_CASE(large_frames_come_back_zero_as_small_ones),
	TAP_CASE(punched_frames_come_back_zero),
	TAP_CASE(truncated_frames_come_back_zero),
	TAP_CASE(frames_of_a_killed_process_come_back_zero),
	TAP_CASE(frames_freed_by_merging_come_back_zero),
	TAP_CASE(the_rest_of_a_partly_written_page_is_zero),
	TAP_CASE(allocated_frames_are_zero),
};

ESX_MAIN(cases)
