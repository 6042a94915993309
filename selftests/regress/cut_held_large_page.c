// SPDX-License-Identifier: GPL-2.0
/*
 * A file cut off inside a 2 MB frame that I/O holds: the frame stays, and what
 * is behind the end must be zero when the file grows again.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/esx.h"

#define CUT 100

static void what_is_cut_off_is_zero_when_the_file_grows(void)
{
	struct iovec part;
	int pipes[2];
	char *map;
	int fd;

	esx_scanner(false);
	esx_set(ESX_SYSFS "/large_pages", "always");
	fd = esx_file("f", ESX_HUGE);
	map = esx_map_huge(fd, ESX_HUGE);
	for (size_t i = 0; i < ESX_HUGE_PAGES; i++)
		esx_fill(map + i * ESX_PAGE, i + 1);
	CHECK_EQ(esx_state(fd, 0), ESXMEM_PAGE_HUGE);

	part = (struct iovec){ map + 3 * ESX_PAGE, ESX_PAGE };
	CHECK_OK(pipe(pipes));
	CHECK_EQ(vmsplice(pipes[1], &part, 1, 0), (ssize_t)ESX_PAGE);

	CHECK_OK(ftruncate(fd, CUT * ESX_PAGE + 17));
	CHECK_OK(ftruncate(fd, ESX_HUGE));
	for (size_t i = 0; i < CUT; i++)
		CHECK(esx_has(map + i * ESX_PAGE, i + 1));
	CHECK(esx_is_zero(map + CUT * ESX_PAGE + 17, ESX_PAGE - 17));
	CHECK(esx_is_zero(map + (CUT + 1) * ESX_PAGE,
			  ESX_HUGE - (CUT + 1) * ESX_PAGE));
	close(pipes[0]);
	close(pipes[1]);
}

static void breaking_a_cut_large_page_leaves_nothing_behind_the_end(void)
{
	struct iovec part;
	int pipes[2];
	char *map;
	int fd;

	esx_scanner(false);
	esx_set(ESX_SYSFS "/large_pages", "always");
	fd = esx_file("f", ESX_HUGE);
	map = esx_map_huge(fd, ESX_HUGE);
	for (size_t i = 0; i < ESX_HUGE_PAGES; i++)
		esx_fill(map + i * ESX_PAGE, i + 1);
	part = (struct iovec){ map + 3 * ESX_PAGE, ESX_PAGE };
	CHECK_OK(pipe(pipes));
	CHECK_EQ(vmsplice(pipes[1], &part, 1, 0), (ssize_t)ESX_PAGE);
	CHECK_OK(ftruncate(fd, CUT * ESX_PAGE));
	close(pipes[0]);
	close(pipes[1]);

	CHECK_EQ(esx_merge(fd, 0, 0).huge_broken, 1);
	esx_audit_clean();
	CHECK_EQ(esx_blocks(fd), CUT * 8);
	CHECK_OK(ftruncate(fd, ESX_HUGE));
	CHECK(esx_is_zero(map + CUT * ESX_PAGE, ESX_HUGE - CUT * ESX_PAGE));
	CHECK(esx_has(map + 5 * ESX_PAGE, 6));
}

static void what_is_written_behind_the_end_is_gone_when_the_file_grows(void)
{
	char *map;
	int fd;

	esx_scanner(false);
	esx_set(ESX_SYSFS "/large_pages", "never");
	fd = esx_file("f", 3 * ESX_PAGE + 10);
	map = esx_map(fd, 4 * ESX_PAGE, 0);
	esx_fill(map + 3 * ESX_PAGE, 7);
	CHECK_OK(ftruncate(fd, 5 * ESX_PAGE));
	CHECK(esx_is_zero(map + 3 * ESX_PAGE + 10, ESX_PAGE - 10));
}

static const struct tap_case cases[] = {
	TAP_CASE(what_is_cut_off_is_zero_when_the_file_grows),
	TAP_CASE(breaking_a_cut_large_page_leaves_nothing_behind_the_end),
	TAP_CASE(what_is_written_behind_the_end_is_gone_when_the_file_grows),
};

ESX_MAIN(cases)
