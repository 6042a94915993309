// SPDX-License-Identifier: GPL-2.0
/*
 * On 6.1 a pipe took frames for pages of the page cache: splice() of private
 * pages failed, of shared pages it came up short.
 */
#include <fcntl.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "lib/esx.h"

#define PAGES 8

static int filled_file(void)
{
	int fd = esx_file("f", PAGES * ESX_PAGE);
	char *map = esx_map(fd, PAGES * ESX_PAGE, 0);

	esx_scanner(false);
	for (size_t i = 0; i < PAGES; i++)
		esx_fill(map + i * ESX_PAGE, i % 4 + 1);
	return fd;
}

static void expect_splice(int fd)
{
	char buf[ESX_PAGE] __attribute__((aligned(8)));
	int pipes[2];

	CHECK_OK(pipe(pipes));
	CHECK_OK(lseek(fd, 0, SEEK_SET));
	for (size_t i = 0; i < PAGES; i++) {
		CHECK_EQ(splice(fd, NULL, pipes[1], NULL, ESX_PAGE, 0),
			 (ssize_t)ESX_PAGE);
		CHECK_EQ(read(pipes[0], buf, ESX_PAGE), (ssize_t)ESX_PAGE);
		CHECK(esx_has(buf, i % 4 + 1));
	}
	close(pipes[0]);
	close(pipes[1]);
}

static void private_pages_can_be_spliced(void)
{
	expect_splice(filled_file());
}

static void shared_pages_can_be_spliced(void)
{
	int fd = filled_file();

	esx_merge(fd, 0, 0);
	CHECK_EQ(esx_count(fd, 0, PAGES, ESXMEM_PAGE_SHARED), PAGES);
	expect_splice(fd);
}

static const struct tap_case cases[] = {
	TAP_CASE(private_pages_can_be_spliced),
	TAP_CASE(shared_pages_can_be_spliced),
};

ESX_MAIN(cases)
