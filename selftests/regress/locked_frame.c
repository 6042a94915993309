// SPDX-License-Identifier: GPL-2.0
/*
 * A frame was freed while the thread that had just mapped it still had it
 * locked: a page-table entry has the reference by then, and the scanner took
 * that away.  A kernel that checks the pages it frees reports a bad page state.
 */
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "lib/esx.h"

#define PAGES 256UL
#define SIZE (PAGES * ESX_PAGE)
#define READERS 2

struct memory {
	int fd;
	char *map;
	_Atomic bool stop;
};

/* Pages that are new join shared frames at first sight. */
static void fill_again(struct memory *m)
{
	uint64_t rounds = tap_scaled(150, 60);

	for (uint64_t round = 0; round < rounds; round++) {
		CHECK_OK(fallocate(m->fd,
				   FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				   0, SIZE));
		for (size_t i = 0; i < PAGES; i++)
			esx_fill(m->map + i * ESX_PAGE, 1 + i % 16);
	}
	m->stop = true;
}

static void fill_or_read(void *arg, unsigned int index)
{
	struct memory *m = arg;
	const volatile char *map;

	if (!index) {
		fill_again(m);
		return;
	}
	/* Each has a mapping of its own, so that there are faults. */
	map = esx_map(m->fd, SIZE, 0);
	while (!m->stop)
		for (size_t i = 0; i < PAGES; i++)
			(void)map[i * ESX_PAGE];
}

/* Two pages of each of the contents, which share and hold still. */
static void keep_shared_frames(void)
{
	int fd = esx_file("vm/kept", 32 * ESX_PAGE);
	char *map = esx_map(fd, 32 * ESX_PAGE, 0);

	for (size_t i = 0; i < 32; i++)
		esx_fill(map + i * ESX_PAGE, 1 + i % 16);
	esx_merge(fd, 0, 0);
	CHECK_EQ(esx_count(fd, 0, 32, ESXMEM_PAGE_SHARED), 32);
}

static void pages_being_mapped_are_not_freed(void)
{
	struct memory m = { .fd = esx_file("vm/f", SIZE) };
	uint64_t merged;

	m.map = esx_map(m.fd, SIZE, 0);
	keep_shared_frames();
	merged = esx_figure("merged_pages");
	esx_scanner(true);
	host_parallel(1 + READERS, fill_or_read, &m);
	merged = esx_figure("merged_pages") - merged;
	tap_note("%llu pages merged", (unsigned long long)merged);
	CHECK(merged > PAGES);
	esx_wait_scans(2);
	for (size_t i = 0; i < PAGES; i++)
		CHECK(esx_has(m.map + i * ESX_PAGE, 1 + i % 16));
}

static const struct tap_case cases[] = {
	TAP_CASE_CPUS(pages_being_mapped_are_not_freed, 2),
};

ESX_MAIN(cases)
