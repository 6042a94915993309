// SPDX-License-Identifier: GPL-2.0
/* Guest memory is charged to the cgroup of the task that faults it in. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/esx.h"

#define GROUP "/sys/fs/cgroup/esxmem-test"
#define SIZE (16UL << 20)
/* The child's own memory and page tables. */
#define SLACK (2UL << 20)

static void make_group(void)
{
	if (access("/sys/fs/cgroup/cgroup.controllers", F_OK))
		FAIL("cgroup2 is not mounted at /sys/fs/cgroup");
	esx_try_write("/sys/fs/cgroup/cgroup.subtree_control", "+memory", 7);
	rmdir(GROUP);
	CHECK_OK(mkdir(GROUP, 0755));
	CHECK_OK(access(GROUP "/memory.current", F_OK));
}

/* A group that still has charges of dying objects may take a moment. */
static void remove_group(void)
{
	for (int look = 0; rmdir(GROUP); look++) {
		CHECK_MSG(look < 200, "rmdir %s: %s", GROUP, strerror(errno));
		usleep(20000);
	}
}

static uint64_t current(void)
{
	return esx_get_number(GROUP "/memory.current");
}

static pid_t start_in_group(void (*work)(int fd, int ready), int fd, int ready)
{
	pid_t child = fork();

	if (!child) {
		esx_set(GROUP "/cgroup.procs", "0");
		work(fd, ready);
		_exit(0);
	}
	return child;
}

static void touch_and_wait(int fd, int ready)
{
	char *map = esx_map_huge(fd, SIZE);

	for (size_t at = 0; at < SIZE; at += ESX_PAGE)
		map[at] = 1;
	CHECK_EQ(write(ready, "", 1), 1);
	pause();
}

static void expect_charge_while(void (*work)(int fd, int ready))
{
	int fd = esx_file("ram", SIZE), ready[2], status;
	uint64_t before, during, after = 0;
	pid_t child;
	char byte;

	make_group();
	CHECK_OK(pipe(ready));
	before = current();
	child = start_in_group(work, fd, ready[1]);
	close(ready[1]);
	CHECK_EQ(read(ready[0], &byte, 1), 1);
	during = current();
	CHECK_OK(kill(child, SIGKILL));
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_OK(ftruncate(fd, 0));
	for (int look = 0; look < 200; look++) {
		after = current();
		if (after < before + SLACK)
			break;
		usleep(20000);
	}
	tap_note("charged: %llu before, %llu with %lu touched, %llu after",
		 (unsigned long long)before, (unsigned long long)during, SIZE,
		 (unsigned long long)after);
	CHECK(during >= before + SIZE);
	CHECK(during <= before + SIZE + 2 * SLACK);
	CHECK(after < before + SLACK);
	remove_group();
}

static void touched_memory_is_charged_and_uncharged(void)
{
	expect_charge_while(touch_and_wait);
}

static void large_pages_are_charged_and_uncharged(void)
{
	esx_set(ESX_SYSFS "/large_pages", "always");
	expect_charge_while(touch_and_wait);
}

static void write_and_wait(int fd, int ready)
{
	static char chunk[1 << 20];

	memset(chunk, 1, sizeof(chunk));
	for (size_t at = 0; at < SIZE; at += sizeof(chunk))
		CHECK_EQ(pwrite(fd, chunk, sizeof(chunk), at), sizeof(chunk));
	CHECK_EQ(write(ready, "", 1), 1);
	pause();
}

static void written_memory_is_charged_and_uncharged(void)
{
	expect_charge_while(write_and_wait);
}

static void touch_all(int fd, int ready)
{
	char *map = esx_map_huge(fd, SIZE);

	(void)ready;
	for (size_t at = 0; at < SIZE; at += ESX_PAGE)
		map[at] = 1;
}

/* What becomes of a task over its limit is the kernel's affair; it stays in. */
static void expect_limit_kept(void)
{
	int fd = esx_file("ram", SIZE), status;
	const uint64_t limit = SIZE / 2;
	uint64_t peak = 0;
	pid_t child;

	make_group();
	esx_set(GROUP "/memory.max", "8388608");
	child = start_in_group(touch_all, fd, -1);
	while (!waitpid(child, &status, WNOHANG)) {
		uint64_t now = current();

		peak = now > peak ? now : peak;
		usleep(1000);
	}
	tap_note("peak %llu of %llu, status %x", (unsigned long long)peak,
		 (unsigned long long)limit, status);
	CHECK_MSG(WIFSIGNALED(status), "the task touched more than its limit");
	CHECK(WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGBUS);
	CHECK(peak <= limit + SLACK);
	CHECK(esx_blocks(fd) * 512 <= limit);
	CHECK_OK(ftruncate(fd, 0));
	remove_group();
}

static void the_limit_is_kept(void)
{
	expect_limit_kept();
}

static void the_limit_is_kept_with_large_pages(void)
{
	esx_set(ESX_SYSFS "/large_pages", "always");
	expect_limit_kept();
}

static void holes_are_not_charged(void)
{
	int fd = esx_file("ram", SIZE);
	uint64_t during;
	char *map;
	pid_t child;
	int ready[2], status;
	char byte;

	make_group();
	CHECK_OK(pipe(ready));
	child = fork();
	if (!child) {
		esx_set(GROUP "/cgroup.procs", "0");
		map = esx_map_huge(fd, SIZE);
		CHECK(esx_is_zero(map, SIZE));
		CHECK_EQ(write(ready[1], "", 1), 1);
		pause();
	}
	CHECK_EQ(read(ready[0], &byte, 1), 1);
	during = current();
	CHECK_OK(kill(child, SIGKILL));
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK(during < SIZE / 2);
	remove_group();
}

static const struct tap_case cases[] = {
	TAP_CASE(touched_memory_is_charged_and_uncharged),
	TAP_CASE(large_pages_are_charged_and_uncharged),
	TAP_CASE(written_memory_is_charged_and_uncharged),
	TAP_CASE(the_limit_is_kept),
	TAP_CASE(the_limit_is_kept_with_large_pages),
	TAP_CASE(holes_are_not_charged),
};

ESX_MAIN(cases)
