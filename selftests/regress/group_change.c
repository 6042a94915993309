// SPDX-License-Identifier: GPL-2.0
/*
 * A change of group gave every shared page a frame of its own, except for the
 * files behind one that was removed while the walk over them went on.
 */
#include <fcntl.h>
#include <linux/limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/esx.h"

#define FILES 6
#define PAGES 64
#define ROUNDS 40

static atomic_bool done;
static int fds[FILES];

/*
 * Files that sort between the others in the host's list, and go again.  With
 * paths of its own: those of the library are for one thread.
 */
static void come_and_go(void)
{
	char path[PATH_MAX];
	int fd;

	for (unsigned int i = 0; !done; i++) {
		snprintf(path, sizeof(path), "%s/vm/gone%u", esx_dir(), i % 8);
		fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
		CHECK_OK(fd);
		CHECK_OK(ftruncate(fd, ESX_PAGE));
		close(fd);
		CHECK_OK(unlink(path));
	}
}

static size_t shared_pages(void)
{
	size_t nr = 0;

	for (int i = 0; i < FILES; i++)
		nr += esx_count(fds[i], 0, PAGES, ESXMEM_PAGE_SHARED);
	return nr;
}

static void change_groups(void)
{
	for (int round = 0; round < ROUNDS; round++) {
		esx_merge_dir("vm");
		CHECK(shared_pages() > 0);
		esx_set(esx_vm_knob("vm", "group"), round % 2 ? "odd" : "even");
		CHECK_EQ(shared_pages(), 0);
	}
	done = true;
}

static void work(void *arg, unsigned int index)
{
	(void)arg;
	if (index)
		come_and_go();
	else
		change_groups();
}

static void no_page_stays_shared_while_files_come_and_go(void)
{
	char name[32];
	char *map;

	esx_scanner(false);
	for (int i = 0; i < FILES; i++) {
		snprintf(name, sizeof(name), "vm/ram%d", i);
		fds[i] = esx_file(name, PAGES * ESX_PAGE);
		map = esx_map(fds[i], PAGES * ESX_PAGE, 0);
		for (size_t page = 0; page < PAGES; page++)
			esx_fill(map + page * ESX_PAGE, page + 1);
	}
	host_parallel(2, work, NULL);
}

static const struct tap_case cases[] = {
	TAP_CASE(no_page_stays_shared_while_files_come_and_go),
};

ESX_MAIN(cases)
