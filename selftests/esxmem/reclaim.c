// SPDX-License-Identifier: GPL-2.0
/* Reclaiming from a VM: what is said to be freed is, and no data is lost. */
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/esx.h"

#define PAGES 1024UL
#define SIZE (PAGES * ESX_PAGE)

static struct esxmem_reclaim reclaim_fd(int fd, uint64_t pages)
{
	struct esxmem_reclaim arg = {
		.size = sizeof(arg),
		.fd = fd,
		.length = pages * ESX_PAGE,
	};

	CHECK_OK(ioctl(esx_ctl(), ESXMEM_IOC_RECLAIM, &arg));
	CHECK_EQ(arg.freed, arg.merged + arg.zero + arg.broken);
	return arg;
}

/* While nobody else takes or gives frames. */
static struct esxmem_reclaim reclaim(int fd, uint64_t pages)
{
	uint64_t frames = esx_info().frames;
	struct esxmem_reclaim arg = reclaim_fd(fd, pages);

	CHECK_EQ(frames - esx_info().frames, arg.freed);
	return arg;
}

static int open_vm(const char *name)
{
	return CHECK_OK(open(esx_path("%s", name), O_RDONLY | O_DIRECTORY));
}

static char *filled(int fd, size_t pages)
{
	char *map = esx_map_huge(fd, pages * ESX_PAGE);

	esx_fill_mixed(map, pages);
	return map;
}

static void vm_is_brought_down_by_sharing(void)
{
	int fd = esx_file("vm/ram", SIZE);
	char *map = filled(fd, PAGES);
	struct esxmem_reclaim done = reclaim(open_vm("vm"), 0);

	CHECK_EQ(done.zero, PAGES / 8 * ESX_MIXED_ZERO_OF_8);
	CHECK_EQ(done.merged, PAGES / 8 * ESX_MIXED_EQUAL_OF_8);
	CHECK_EQ(done.huge_broken, 0);
	CHECK_EQ(esx_get_number(esx_vm_knob("vm", "zero_bytes")),
		 done.zero * ESX_PAGE);
	esx_expect_mixed(map, PAGES);
	CHECK_EQ(reclaim(fd, 0).freed, 0);
}

static void all_files_of_the_vm_give(void)
{
	int fd = esx_file("vm/a", SIZE);
	char *a = filled(fd, PAGES);
	char *b = filled(esx_file("vm/b", SIZE), PAGES);
	struct esxmem_reclaim done = reclaim(fd, 0);

	CHECK_EQ(done.zero, 2 * PAGES / 8 * ESX_MIXED_ZERO_OF_8);
	/* The second file has nothing that the first one has not. */
	CHECK_EQ(done.freed,
		 2 * PAGES - PAGES / 8 * (8 - ESX_MIXED_ZERO_OF_8 - ESX_MIXED_EQUAL_OF_8));
	esx_expect_mixed(a, PAGES);
	esx_expect_mixed(b, PAGES);
}

static void other_vms_are_left_alone(void)
{
	int fd = esx_file("vm/ram", SIZE), other = esx_file("other/ram", SIZE);

	filled(fd, PAGES);
	filled(other, PAGES);
	reclaim(fd, 0);
	CHECK_EQ(esx_count(other, 0, PAGES, ESXMEM_PAGE_PRIVATE), PAGES);
}

static void reclaim_stops_when_enough_is_freed(void)
{
	int fd = esx_file("vm/ram", SIZE);
	char *map = filled(fd, PAGES);
	size_t per_region = ESX_HUGE_PAGES / 8 * (ESX_MIXED_EQUAL_OF_8 + ESX_MIXED_ZERO_OF_8);

	CHECK_EQ(reclaim(fd, 1).freed, per_region);
	CHECK_EQ(esx_count(fd, ESX_HUGE_PAGES, ESX_HUGE_PAGES,
			   ESXMEM_PAGE_PRIVATE),
		 ESX_HUGE_PAGES);
	CHECK_EQ(reclaim(fd, 1).freed, per_region);
	CHECK_EQ(reclaim(fd, 1).freed, 0);
	esx_expect_mixed(map, PAGES);
}

/* 2 MB of which @zero pages are zero, and the rest like no other. */
static void fill_large(char *map, size_t zero)
{
	static uint64_t unique = 1 << 20;

	for (size_t i = 0; i < ESX_HUGE_PAGES; i++)
		esx_fill(map + i * ESX_PAGE, i < zero ? 0 : unique++);
}

static char *map_large(int fd, size_t size)
{
	char *map;

	esx_set(ESX_SYSFS "/large_pages", "always");
	map = esx_map_huge(fd, size);
	for (size_t at = 0; at < size; at += ESX_HUGE) {
		map[at] = 1;
		if (esx_state(fd, at / ESX_PAGE) != ESXMEM_PAGE_HUGE)
			tap_skip("no 2 MB of memory in one piece");
	}
	return map;
}

static void densest_large_page_is_broken_first(void)
{
	int fd = esx_file("vm/ram", 3 * ESX_HUGE);
	char *map = map_large(fd, 3 * ESX_HUGE);
	struct esxmem_reclaim done;

	fill_large(map, 100);
	fill_large(map + ESX_HUGE, 400);
	fill_large(map + 2 * ESX_HUGE, 8);
	done = reclaim(fd, 1);
	CHECK_EQ(done.huge_broken, 1);
	CHECK_EQ(done.broken, 400);
	CHECK_EQ(esx_state(fd, 0), ESXMEM_PAGE_HUGE);
	CHECK_EQ(esx_state(fd, ESX_HUGE_PAGES), ESXMEM_PAGE_ZERO);
	CHECK_EQ(reclaim(fd, 1).broken, 100);
	/* One that would give next to nothing stays whole. */
	CHECK_EQ(reclaim(fd, 1).freed, 0);
	CHECK_EQ(esx_state(fd, 2 * ESX_HUGE_PAGES), ESXMEM_PAGE_HUGE);
}

static void small_pages_go_before_large_ones(void)
{
	int fd = esx_file("vm/ram", ESX_HUGE), small;
	struct esxmem_reclaim done;

	fill_large(map_large(fd, ESX_HUGE), 400);
	esx_set(ESX_SYSFS "/large_pages", "never");
	small = esx_file("vm/small", SIZE);
	filled(small, PAGES);
	done = reclaim(fd, PAGES / 8 * (ESX_MIXED_EQUAL_OF_8 + ESX_MIXED_ZERO_OF_8));
	CHECK_EQ(done.broken, 0);
	CHECK_EQ(esx_state(fd, 0), ESXMEM_PAGE_HUGE);
	CHECK_EQ(reclaim(fd, 1).broken, 400);
}

static void pinned_pages_stay(void)
{
	int fd = esx_file("vm/ram", SIZE), pipes[2];
	char *map = esx_map(fd, SIZE, 0);
	struct iovec part = { map, ESX_PAGE };
	struct esxmem_reclaim done;

	for (size_t i = 0; i < 16; i++)
		esx_fill(map + i * ESX_PAGE, 7);
	CHECK_OK(pipe(pipes));
	CHECK_EQ(vmsplice(pipes[1], &part, 1, 0), (ssize_t)ESX_PAGE);
	done = reclaim(fd, 0);
	CHECK_EQ(done.pinned, 1);
	CHECK_EQ(done.merged, 14);
	CHECK_EQ(esx_state(fd, 0), ESXMEM_PAGE_PRIVATE);
	close(pipes[0]);
	close(pipes[1]);
	CHECK_EQ(reclaim(fd, 0).merged, 1);
}

static void vm_that_does_not_share_gives_too(void)
{
	int fd = esx_file("vm/ram", SIZE);

	filled(fd, PAGES);
	esx_set(esx_vm_knob("vm", "share"), "0");
	CHECK_EQ(reclaim(fd, 0).freed, PAGES / 8 * (ESX_MIXED_EQUAL_OF_8 + ESX_MIXED_ZERO_OF_8));
}

static void reclaim_gives_up_after_so_many_pages(void)
{
	int fd = esx_file("vm/ram", SIZE);
	struct esxmem_reclaim arg = {
		.size = sizeof(arg), .fd = fd, .max_hashed = 1,
	};

	filled(fd, PAGES);
	CHECK_OK(ioctl(esx_ctl(), ESXMEM_IOC_RECLAIM, &arg));
	CHECK_EQ(arg.hashed, ESX_HUGE_PAGES);
	CHECK_EQ(esx_count(fd, ESX_HUGE_PAGES, ESX_HUGE_PAGES,
			   ESXMEM_PAGE_PRIVATE),
		 ESX_HUGE_PAGES);
}

static void reclaim_can_be_killed(void)
{
	size_t pages = tap_scaled(16384, 8192);
	int fd = esx_file("vm/ram", pages * ESX_PAGE), status;
	char *map = esx_map(fd, pages * ESX_PAGE, 0);

	for (size_t i = 0; i < pages; i++)
		*(uint64_t *)(map + i * ESX_PAGE) = i;
	for (int round = 0; round < 10; round++) {
		pid_t children[2];

		/* One works, one waits for its turn. */
		for (int i = 0; i < 2; i++) {
			children[i] = fork();
			if (!children[i])
				for (;;)
					reclaim_fd(fd, 0);
		}
		usleep(3000 * round);
		for (int i = 0; i < 2; i++)
			CHECK_OK(kill(children[i], SIGKILL));
		for (int i = 0; i < 2; i++) {
			CHECK_EQ(waitpid(children[i], &status, 0), children[i]);
			CHECK(WIFSIGNALED(status));
		}
	}
}

static atomic_bool done;

struct crowd {
	int fd;
	char *map;
};

#define CROWD_PAGES 2048UL
#define CROWD_SIZE (CROWD_PAGES * ESX_PAGE)

/* Keeps its half of the file as it should be, whatever others do to frames. */
static void write_and_check(struct crowd *crowd, unsigned int half)
{
	struct rand r = { tap_seed(71 + half) };
	size_t first = half * CROWD_PAGES / 2;
	uint64_t ids[CROWD_PAGES / 2];

	for (size_t i = 0; i < CROWD_PAGES / 2; i++) {
		ids[i] = esx_mixed_id(i);
		esx_fill(crowd->map + (first + i) * ESX_PAGE, ids[i]);
	}
	for (uint64_t n = 0; n < tap_scaled(2000, 400); n++) {
		size_t i = rand_below(&r, CROWD_PAGES / 2);
		char *page = crowd->map + (first + i) * ESX_PAGE;

		CHECK_MSG(esx_has(page, ids[i]), "page %zu is wrong", first + i);
		ids[i] = rand_below(&r, 20);
		if (!ids[i] && rand_below(&r, 2))
			CHECK_OK(fallocate(crowd->fd,
					   FALLOC_FL_PUNCH_HOLE |
						   FALLOC_FL_KEEP_SIZE,
					   (first + i) * ESX_PAGE, ESX_PAGE));
		else
			esx_fill(page, ids[i]);
	}
	for (size_t i = 0; i < CROWD_PAGES / 2; i++)
		CHECK(esx_has(crowd->map + (first + i) * ESX_PAGE, ids[i]));
}

static atomic_uint nr_writers;

static void one_of_four(void *arg, unsigned int index)
{
	struct crowd *crowd = arg;

	if (index < 2) {
		write_and_check(crowd, index);
		if (!--nr_writers)
			done = true;
		return;
	}
	while (!done)
		reclaim_fd(crowd->fd, index == 2 ? 0 : 1);
}

static void contents_survive_writers_and_reclaimers(void)
{
	struct crowd crowd = { esx_file("vm/ram", CROWD_SIZE) };

	nr_writers = 2;
	crowd.map = esx_map_huge(crowd.fd, CROWD_SIZE);
	host_parallel(4, one_of_four, &crowd);
}

static void contents_survive_in_large_pages_too(void)
{
	struct crowd crowd = { esx_file("vm/ram", CROWD_SIZE) };

	nr_writers = 2;
	esx_set(ESX_SYSFS "/large_pages", "always");
	crowd.map = esx_map_huge(crowd.fd, CROWD_SIZE);
	host_parallel(4, one_of_four, &crowd);
}

#define FILES 4

/* Paths of its own: those of the library are for one thread. */
static void come_and_go(void)
{
	char path[300];

	for (int i = 0; i < (int)tap_scaled(200, 40); i++) {
		int fd;
		char *map;

		snprintf(path, sizeof(path), "%s/vm/%d", esx_dir(), i % FILES);
		unlink(path);
		fd = CHECK_OK(open(path, O_RDWR | O_CREAT | O_EXCL, 0600));
		CHECK_OK(ftruncate(fd, SIZE));
		map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		CHECK(map != MAP_FAILED);
		for (size_t page = 0; page < PAGES; page += 8)
			map[page * ESX_PAGE] = 1;
		CHECK_OK(ftruncate(fd, SIZE / 2));
		CHECK_OK(munmap(map, SIZE));
		close(fd);
	}
}

static void one_of_two(void *arg, unsigned int index)
{
	if (!index) {
		come_and_go();
		done = true;
		return;
	}
	/* The cursor stands in files that are gone. */
	while (!done)
		reclaim_fd(*(int *)arg, 1);
}

static void files_may_come_and_go_meanwhile(void)
{
	int fd = esx_file("vm/first", SIZE);
	char *map = filled(fd, PAGES);

	host_parallel(2, one_of_two, &fd);
	esx_expect_mixed(map, PAGES);
}

static const struct tap_case cases[] = {
	TAP_CASE(vm_is_brought_down_by_sharing),
	TAP_CASE(all_files_of_the_vm_give),
	TAP_CASE(other_vms_are_left_alone),
	TAP_CASE(reclaim_stops_when_enough_is_freed),
	TAP_CASE(densest_large_page_is_broken_first),
	TAP_CASE(small_pages_go_before_large_ones),
	TAP_CASE(pinned_pages_stay),
	TAP_CASE(vm_that_does_not_share_gives_too),
	TAP_CASE(reclaim_gives_up_after_so_many_pages),
	TAP_CASE(reclaim_can_be_killed),
	TAP_CASE_CPUS(contents_survive_writers_and_reclaimers, 2),
	TAP_CASE_CPUS(contents_survive_in_large_pages_too, 2),
	TAP_CASE_CPUS(files_may_come_and_go_meanwhile, 2),
};

ESX_MAIN(cases)
