// SPDX-License-Identifier: GPL-2.0
/* Reading a hole gives zeros and takes no memory, in whatever way it is read. */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/esx.h"

#define SIZE (64UL << 20)
#define CHUNK (1UL << 20)

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

static char *buffer;

static int hole_file(char **map)
{
	int fd = esx_file("f", SIZE);

	*map = esx_map(fd, SIZE, 0);
	buffer = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	CHECK(buffer != MAP_FAILED);
	return fd;
}

/*
 * Reads the file of holes by @read_all and requires that neither it nor the
 * machine has less memory after.  An eighth of the file's size leaves room for
 * page tables and for whatever else happens on the machine.
 */
static void expect_no_memory_taken(void (*read_all)(int fd, char *map))
{
	uint64_t before, after;
	char *map;
	int fd = hole_file(&map);

	before = host_settled_free_kib();
	read_all(fd, map);
	after = host_settled_free_kib();
	CHECK_EQ(esx_blocks(fd), 0);
	CHECK_EQ(esx_get_number(esx_vm_knob("", "backed_bytes")), 0);
	CHECK_MSG(after + SIZE / 8 / 1024 > before,
		  "%llu KiB were free before, %llu after",
		  (unsigned long long)before, (unsigned long long)after);
}

static void by_read(int fd, char *map)
{
	(void)map;
	for (off_t at = 0; at < (off_t)SIZE; at += CHUNK) {
		memset(buffer, 'x', CHUNK);
		CHECK_EQ(pread(fd, buffer, CHUNK, at), CHUNK);
		CHECK(esx_is_zero(buffer, CHUNK));
	}
}

static void by_load(int fd, char *map)
{
	(void)fd;
	CHECK(esx_is_zero(map, SIZE));
}

static void by_process_vm_readv(int fd, char *map)
{
	(void)fd;
	for (size_t at = 0; at < SIZE; at += CHUNK) {
		struct iovec local = { buffer, CHUNK };
		struct iovec remote = { map + at, CHUNK };

		memset(buffer, 'x', CHUNK);
		CHECK_EQ(process_vm_readv(getpid(), &local, 1, &remote, 1, 0),
			 CHUNK);
		CHECK(esx_is_zero(buffer, CHUNK));
	}
}

static void by_direct_write_to_disk(int fd, char *map)
{
	int disk = host_loop_device(CHUNK);

	(void)fd;
	memset(buffer, 'x', CHUNK);
	for (size_t at = 0; at < SIZE; at += CHUNK) {
		CHECK_EQ(pwrite(disk, buffer, CHUNK, 0), CHUNK);
		CHECK_EQ(pwrite(disk, map + at, CHUNK, 0), CHUNK);
	}
	CHECK_EQ(pread(disk, buffer, CHUNK, 0), CHUNK);
	CHECK(esx_is_zero(buffer, CHUNK));
	close(disk);
}

static void by_populate_read(int fd, char *map)
{
	(void)fd;
	CHECK_OK(madvise(map, SIZE, MADV_POPULATE_READ));
	CHECK(esx_is_zero(map, SIZE));
}

static void by_vmsplice(int fd, char *map)
{
	int pipe_ends[2];

	(void)fd;
	CHECK_OK(pipe(pipe_ends));
	for (size_t at = 0; at < SIZE; at += 8 * ESX_PAGE) {
		struct iovec part = { map + at, 8 * ESX_PAGE };

		CHECK_EQ(vmsplice(pipe_ends[1], &part, 1, 0), 8 * ESX_PAGE);
		CHECK_EQ(read(pipe_ends[0], buffer, 8 * ESX_PAGE),
			 8 * ESX_PAGE);
		CHECK(esx_is_zero(buffer, 8 * ESX_PAGE));
	}
}

static void by_sendfile(int fd, char *map)
{
	int null = CHECK_OK(open("/dev/null", O_WRONLY));
	off_t offset = 0;

	(void)map;
	while (offset < (off_t)SIZE)
		CHECK(sendfile(null, fd, &offset, SIZE - offset) > 0);
}

static void read_of_a_hole_takes_no_memory(void)
{
	expect_no_memory_taken(by_read);
}

static void load_from_a_hole_takes_no_memory(void)
{
	expect_no_memory_taken(by_load);
}

static void process_vm_readv_of_a_hole_takes_no_memory(void)
{
	host_needs_cross_memory();
	expect_no_memory_taken(by_process_vm_readv);
}

static void direct_io_from_a_hole_takes_no_memory(void)
{
	expect_no_memory_taken(by_direct_write_to_disk);
}

static void populate_read_of_a_hole_takes_no_memory(void)
{
	expect_no_memory_taken(by_populate_read);
}

static void vmsplice_of_a_hole_takes_no_memory(void)
{
	expect_no_memory_taken(by_vmsplice);
}

static void sendfile_of_a_hole_takes_no_memory(void)
{
	expect_no_memory_taken(by_sendfile);
}

static void large_pages_do_not_change_that(void)
{
	esx_set(ESX_SYSFS "/large_pages", "always");
	expect_no_memory_taken(by_load);
}

static void a_write_shows_in_a_mapping_that_read_the_hole(void)
{
	char *map, *other;
	int fd = hole_file(&map);

	other = esx_map(fd, SIZE, 0);
	CHECK(esx_is_zero(other, CHUNK));
	for (size_t i = 0; i < CHUNK / ESX_PAGE; i++) {
		map[i * ESX_PAGE + i] = 'w';
		CHECK_EQ(other[i * ESX_PAGE + i], 'w');
	}
}

static void a_write_call_shows_in_a_mapping_that_read_the_hole(void)
{
	char *map;
	int fd = hole_file(&map);

	CHECK(esx_is_zero(map, CHUNK));
	for (size_t i = 0; i < CHUNK / ESX_PAGE; i++) {
		CHECK_EQ(pwrite(fd, "w", 1, i * ESX_PAGE + i), 1);
		CHECK_EQ(map[i * ESX_PAGE + i], 'w');
	}
}

static void a_write_to_one_hole_leaves_the_others_zero(void)
{
	char *map, *another_map;
	int fd = hole_file(&map);
	int another = esx_file("g", CHUNK);

	(void)fd;
	another_map = esx_map(another, CHUNK, 0);
	CHECK(esx_is_zero(map, CHUNK));
	CHECK(esx_is_zero(another_map, CHUNK));
	memset(map, 'w', ESX_PAGE);
	CHECK(esx_is_zero(map + ESX_PAGE, CHUNK - ESX_PAGE));
	CHECK(esx_is_zero(another_map, CHUNK));
}

static const struct tap_case cases[] = {
	TAP_CASE(read_of_a_hole_takes_no_memory),
	TAP_CASE(load_from_a_hole_takes_no_memory),
	TAP_CASE(process_vm_readv_of_a_hole_takes_no_memory),
	TAP_CASE(direct_io_from_a_hole_takes_no_memory),
	TAP_CASE(populate_read_of_a_hole_takes_no_memory),
	TAP_CASE(vmsplice_of_a_hole_takes_no_memory),
	TAP_CASE(sendfile_of_a_hole_takes_no_memory),
	TAP_CASE(large_pages_do_not_change_that),
	TAP_CASE(a_write_shows_in_a_mapping_that_read_the_hole),
	TAP_CASE(a_write_call_shows_in_a_mapping_that_read_the_hole),
	TAP_CASE(a_write_to_one_hole_leaves_the_others_zero),
};

ESX_MAIN(cases)
