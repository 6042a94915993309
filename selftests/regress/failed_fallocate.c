// SPDX-License-Identifier: GPL-2.0
/* An fallocate() that ran out of space left the file longer than it was. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/esx.h"

#define WHERE "/tmp/esxmem-test-fallocate"

static void a_failed_fallocate_keeps_the_size(void)
{
	struct stat st;
	int fd;

	host_private_mounts();
	mkdir(WHERE, 0700);
	CHECK_OK(mount("esxmem", WHERE, "esxmem", 0, "size=1M"));
	fd = open(WHERE "/f", O_RDWR | O_CREAT, 0600);
	CHECK_OK(fd);
	CHECK_OK(ftruncate(fd, 3 * ESX_PAGE));
	CHECK_ERRNO(fallocate(fd, 0, 0, 4 << 20), ENOSPC);
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_size, 3 * ESX_PAGE);
	CHECK(st.st_blocks <= 3 * 8);
	CHECK_OK(fallocate(fd, 0, 0, 512 << 10));
	close(fd);
	CHECK_OK(umount(WHERE));
	CHECK_OK(rmdir(WHERE));
}

static const struct tap_case cases[] = {
	TAP_CASE(a_failed_fallocate_keeps_the_size),
};

ESX_MAIN(cases)
