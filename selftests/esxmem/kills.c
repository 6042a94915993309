// SPDX-License-Identifier: GPL-2.0
/* Processes that die in the middle of it leave nothing behind. */
#include <fcntl.h>
#include <linux/falloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/esx.h"

#define SIZE (8UL << 20)
#define PAGES (SIZE / ESX_PAGE)

static struct rand randomness;

static int open_ram(void)
{
	return CHECK_OK(open(esx_path("ram"), O_RDWR | O_CREAT, 0600));
}

static void victim_faults(int fd)
{
	char *map = esx_map_huge(fd, SIZE);

	for (size_t i = 0;; i++)
		esx_fill(map + i % PAGES * ESX_PAGE, i % 7);
}

static void victim_merges(int fd)
{
	char *map = esx_map_huge(fd, SIZE);

	for (size_t i = 0;; i += 13) {
		for (size_t n = 0; n < 100; n++)
			esx_fill(map + (i + n) % PAGES * ESX_PAGE, n % 5);
		esx_merge(fd, 0, 0);
	}
}

static void victim_punches(int fd)
{
	char *map = esx_map_huge(fd, SIZE);

	for (size_t i = 0;; i++) {
		memset(map + i * 37 % (PAGES - 64) * ESX_PAGE, 1,
		       64 * ESX_PAGE);
		CHECK_OK(fallocate(fd,
				   FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				   i * 41 % PAGES * ESX_PAGE + i % 999, 200000));
	}
}

static void victim_maps(int fd)
{
	for (size_t i = 0;; i++) {
		char *map = esx_map(fd, SIZE, 0);

		map[i * 7919 % SIZE] = 1;
		CHECK_OK(ftruncate(fd, i % 2 ? SIZE : SIZE / 2 + i % 4096));
		CHECK_OK(ftruncate(fd, SIZE));
		CHECK_OK(munmap(map, SIZE));
	}
}

static void *fault_thread(void *arg)
{
	char *map = arg;

	for (size_t i = 0;; i += 3)
		*(volatile char *)(map + i % PAGES * ESX_PAGE) = i;
	return NULL;
}

static void victim_threads(int fd)
{
	char *map = esx_map_huge(fd, SIZE);
	pthread_t thread;

	for (int i = 0; i < 3; i++)
		if (pthread_create(&thread, NULL, fault_thread, map))
			FAIL("pthread_create");
	for (;;)
		esx_merge(fd, 0, 0);
}

static void kill_at_a_random_moment(void (*victim)(int fd), bool unlinked)
{
	pid_t child = fork();
	int status;

	if (!child) {
		int fd = open_ram();

		CHECK_OK(ftruncate(fd, SIZE));
		if (unlinked)
			CHECK_OK(unlink(esx_path("ram")));
		victim(fd);
	}
	usleep(rand_below(&randomness, 40000));
	CHECK_OK(kill(child, SIGKILL));
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_MSG(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
		  "the victim ended by itself");
	unlink(esx_path("ram"));
}

/* The hooks check frames and audit at the end; this, after every tenth. */
static void kill_again_and_again(void (*victim)(int fd))
{
	unsigned int kills = tap_scaled(40, 15);

	randomness.state = tap_seed(71);
	for (unsigned int i = 0; i < kills; i++) {
		kill_at_a_random_moment(victim, i % 2);
		if (i % 10 == 9)
			esx_audit_clean();
	}
	tap_note("%u kills", kills);
}

static void killed_while_faulting(void)
{
	kill_again_and_again(victim_faults);
}

static void killed_while_faulting_large_pages(void)
{
	esx_set(ESX_SYSFS "/large_pages", "always");
	kill_again_and_again(victim_faults);
}

static void killed_while_merging(void)
{
	kill_again_and_again(victim_merges);
}

static void killed_while_merging_large_pages(void)
{
	esx_set(ESX_SYSFS "/large_pages", "always");
	kill_again_and_again(victim_merges);
}

static void killed_while_punching(void)
{
	kill_again_and_again(victim_punches);
}

static void killed_while_mapping_and_truncating(void)
{
	kill_again_and_again(victim_maps);
}

static void killed_with_many_threads_under_the_scanner(void)
{
	esx_scanner(true);
	kill_again_and_again(victim_threads);
}

/* All kinds at once, on one file, over and over; then the memory is counted. */
static void memory_is_back_after_all_kills(void)
{
	static void (*const victims[])(int fd) = {
		victim_faults, victim_merges, victim_punches, victim_maps,
		victim_threads,
	};
	unsigned int kills = tap_scaled(60, 20);
	uint64_t before, after;

	randomness.state = tap_seed(72);
	for (int i = 0; i < 10; i++) /* warm up caches */
		kill_at_a_random_moment(victims[i % ARRAY_SIZE(victims)], false);
	before = host_settled_free_kib();
	for (unsigned int i = 0; i < kills; i++)
		kill_at_a_random_moment(victims[i % ARRAY_SIZE(victims)],
					i % 2);
	after = host_settled_free_kib();
	tap_note("%u kills; %llu KiB free before, %llu after", kills,
		 (unsigned long long)before, (unsigned long long)after);
	CHECK(after + 1024 > before);
}

static const struct tap_case cases[] = {
	TAP_CASE(killed_while_faulting),
	TAP_CASE(killed_while_faulting_large_pages),
	TAP_CASE(killed_while_merging),
	TAP_CASE(killed_while_merging_large_pages),
	TAP_CASE(killed_while_punching),
	TAP_CASE(killed_while_mapping_and_truncating),
	TAP_CASE(killed_with_many_threads_under_the_scanner),
	TAP_CASE(memory_is_back_after_all_kills),
};

ESX_MAIN(cases)
