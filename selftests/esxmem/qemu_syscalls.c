// SPDX-License-Identifier: GPL-2.0
/* The system calls that QEMU 7.2's memory-backend-file makes, in its order, and
 * what its balloon does afterwards. */
#include <fcntl.h>
#include <limits.h>
#include <linux/falloc.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "lib/esx.h"

#define SIZE (8UL << 20)
#define PAGES (SIZE / ESX_PAGE)

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* QEMU reserves address space first, with a guard page, and maps over it. */
static char *map_like_qemu(int fd, int more_flags)
{
	char *area = mmap(NULL, SIZE + ESX_HUGE, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *map;

	CHECK(area != MAP_FAILED);
	area = (char *)(((uintptr_t)area + ESX_HUGE - 1) & -ESX_HUGE);
	map = mmap(area, SIZE, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_FIXED | more_flags, fd, 0);
	CHECK_MSG(map == area, "mmap: %s", strerror(errno));
	return map;
}

static int create_like_qemu(const char *path)
{
	int fd;

	CHECK_ERRNO(open(path, O_RDWR), ENOENT);
	fd = CHECK_OK(open(path, O_RDWR | O_CREAT | O_EXCL, 0644));
	CHECK_EQ(lseek(fd, 0, SEEK_END), 0);
	CHECK_OK(ftruncate(fd, SIZE));
	return fd;
}

static void bind_to_node_0(char *map)
{
	unsigned long nodes[2] = { 1 };

	CHECK_OK(syscall(SYS_mbind, map, SIZE, MPOL_BIND, nodes, 65,
			 MPOL_MF_STRICT | MPOL_MF_MOVE));
}

static void advise_like_qemu(char *map)
{
	CHECK_OK(madvise(map, SIZE, MADV_HUGEPAGE));
	CHECK_OK(madvise(map, SIZE, MADV_DONTFORK));
	/* EINVAL where the kernel has no KSM, which QEMU takes. */
	if (madvise(map, SIZE, MADV_MERGEABLE))
		CHECK_EQ(errno, EINVAL);
	CHECK_OK(madvise(map, SIZE, MADV_DONTDUMP));
}

static void backend_file_comes_up_and_goes(void)
{
	int fd = create_like_qemu(esx_path("ram"));
	struct statfs fs;
	char *map;

	CHECK_OK(fstatfs(fd, &fs));
	CHECK_EQ(fs.f_bsize, 4096);
	map = map_like_qemu(fd, 0);
	advise_like_qemu(map);
	bind_to_node_0(map);
	CHECK_OK(madvise(map, ESX_PAGE, MADV_POPULATE_WRITE));
	CHECK_OK(madvise(map, SIZE, MADV_POPULATE_WRITE));
	CHECK_EQ(esx_blocks(fd), SIZE / 512);
	for (size_t i = 0; i < PAGES; i++)
		esx_fill(map + i * ESX_PAGE, i + 1);
	for (size_t i = 0; i < PAGES; i++)
		CHECK(esx_has(map + i * ESX_PAGE, i + 1));
	CHECK_OK(madvise(map, SIZE, MADV_REMOVE));
	CHECK_EQ(esx_blocks(fd), 0);
	CHECK(esx_is_zero(map, SIZE));
	CHECK_OK(munmap(map, SIZE));
	CHECK_OK(unlink(esx_path("ram")));
}

static void backend_without_reservation_comes_up(void)
{
	int fd = create_like_qemu(esx_path("ram"));
	char *map = map_like_qemu(fd, MAP_NORESERVE);

	map[0] = 1;
	map[SIZE - 1] = 2;
	CHECK_EQ(esx_blocks(fd), 2 * ESX_PAGE / 512);
}

static void backend_in_a_directory_is_an_unlinked_file(void)
{
	char name[PATH_MAX];
	char *map;
	int fd;

	CHECK_ERRNO(open(esx_dir(), O_RDWR), EISDIR);
	snprintf(name, sizeof(name), "%s", esx_path("qemu_back_mem.ram.XXXXXX"));
	fd = CHECK_OK(mkstemp(name));
	CHECK_OK(unlink(name));
	CHECK_OK(ftruncate(fd, SIZE));
	map = map_like_qemu(fd, 0);
	advise_like_qemu(map);
	bind_to_node_0(map);
	CHECK_OK(madvise(map, SIZE, MADV_POPULATE_WRITE));
	close(fd);
	esx_fill(map + SIZE - ESX_PAGE, 1);
	CHECK(esx_has(map + SIZE - ESX_PAGE, 1));
}

static void restarted_backend_finds_its_contents(void)
{
	int fd = create_like_qemu(esx_path("ram"));
	char *map = map_like_qemu(fd, 0);

	esx_fill(map + 5 * ESX_PAGE, 1);
	CHECK_OK(munmap(map, SIZE));
	close(fd);
	fd = CHECK_OK(open(esx_path("ram"), O_RDWR));
	CHECK_EQ(lseek(fd, 0, SEEK_END), SIZE);
	map = map_like_qemu(fd, 0);
	CHECK(esx_has(map + 5 * ESX_PAGE, 1));
}

static void balloon_of_4k_punches_gives_all_back(void)
{
	int fd = create_like_qemu(esx_path("ram"));
	char *map = map_like_qemu(fd, 0);
	struct rand r = { tap_seed(3) };
	size_t order[PAGES];

	for (size_t i = 0; i < PAGES; i++) {
		esx_fill(map + i * ESX_PAGE, i + 1);
		order[i] = i;
	}
	for (size_t i = PAGES - 1; i; i--) {
		size_t other = rand_below(&r, i + 1), keep = order[i];

		order[i] = order[other];
		order[other] = keep;
	}
	for (size_t i = 0; i < PAGES; i++) {
		char *page = map + order[i] * ESX_PAGE;

		CHECK_OK(fallocate(fd,
				   FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				   order[i] * ESX_PAGE, ESX_PAGE));
		CHECK_OK(madvise(page, ESX_PAGE, MADV_DONTNEED));
		CHECK_EQ(esx_blocks(fd), (PAGES - i - 1) * ESX_PAGE / 512);
	}
	CHECK(esx_is_zero(map, SIZE));
	for (size_t i = 0; i < PAGES; i++)
		CHECK_OK(madvise(map + i * ESX_PAGE, ESX_PAGE, MADV_WILLNEED));
	CHECK_EQ(esx_blocks(fd), 0);
	for (size_t i = 0; i < PAGES; i++)
		esx_fill(map + i * ESX_PAGE, PAGES + i);
	for (size_t i = 0; i < PAGES; i++)
		CHECK(esx_has(map + i * ESX_PAGE, PAGES + i));
}

static void free_page_reports_of_4m_punch_all(void)
{
	int fd = create_like_qemu(esx_path("ram"));
	char *map = map_like_qemu(fd, 0);

	for (size_t i = 0; i < PAGES; i++)
		map[i * ESX_PAGE] = 1;
	CHECK_OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			   4 << 20));
	CHECK_OK(madvise(map, 4 << 20, MADV_DONTNEED));
	CHECK_EQ(esx_blocks(fd), (4 << 20) / 512);
	CHECK(esx_is_zero(map, 4 << 20));
	CHECK_EQ(map[4 << 20], 1);
}

static void a_backend_at_an_offset_is_mapped(void)
{
	int fd = create_like_qemu(esx_path("ram"));
	char *whole = map_like_qemu(fd, 0);
	char *high = esx_map(fd, SIZE / 2, SIZE / 2);
	char *odd = esx_map(fd, 8 * ESX_PAGE, 3 * ESX_PAGE);

	esx_fill(high, 1);
	CHECK(esx_has(whole + SIZE / 2, 1));
	esx_fill(odd + 2 * ESX_PAGE, 2);
	CHECK(esx_has(whole + 5 * ESX_PAGE, 2));
}

static void pmem_mapping_is_refused_as_unsupported(void)
{
	int fd = create_like_qemu(esx_path("ram"));

	CHECK_ERRNO(mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
			 MAP_SHARED_VALIDATE | MAP_SYNC, fd, 0),
		    EOPNOTSUPP);
}

static void populate_over_large_pages_gives_all(void)
{
	char *map;
	int fd;

	esx_set(ESX_SYSFS "/large_pages", "always");
	fd = create_like_qemu(esx_path("ram"));
	map = map_like_qemu(fd, 0);
	bind_to_node_0(map);
	CHECK_OK(madvise(map, SIZE, MADV_POPULATE_WRITE));
	CHECK_EQ(esx_blocks(fd), SIZE / 512);
	CHECK(esx_is_zero(map, SIZE));
	CHECK_OK(madvise(map, SIZE, MADV_REMOVE));
	CHECK_EQ(esx_blocks(fd), 0);
}

static void libvirt_tree_is_made_and_removed(void)
{
	int fd;

	fd = esx_file("libvirt/qemu/1-web/pc.ram", SIZE);
	CHECK_OK(chown(esx_path("libvirt/qemu/1-web"), 64055, 64055));
	CHECK_OK(chmod(esx_path("libvirt/qemu/1-web"), 0700));
	close(esx_file("libvirt/qemu/1-web/memdimm0", SIZE));
	esx_fill(esx_map(fd, SIZE, 0), 1);
	CHECK_OK(esx_remove_tree(esx_path("libvirt")));
	CHECK_ERRNO(access(esx_path("libvirt"), F_OK), ENOENT);
}

static const struct tap_case cases[] = {
	TAP_CASE(backend_file_comes_up_and_goes),
	TAP_CASE(backend_without_reservation_comes_up),
	TAP_CASE(backend_in_a_directory_is_an_unlinked_file),
	TAP_CASE(restarted_backend_finds_its_contents),
	TAP_CASE(balloon_of_4k_punches_gives_all_back),
	TAP_CASE(free_page_reports_of_4m_punch_all),
	TAP_CASE(a_backend_at_an_offset_is_mapped),
	TAP_CASE(pmem_mapping_is_refused_as_unsupported),
	TAP_CASE(populate_over_large_pages_gives_all),
	TAP_CASE(libvirt_tree_is_made_and_removed),
};

ESX_MAIN(cases)
