// SPDX-License-Identifier: GPL-2.0
/* Where a file has memory and where it has none: truncate, fallocate, lseek,
 * st_blocks. */
#include <fcntl.h>
#include <linux/falloc.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/esx.h"

#define PAGES 16
#define BLOCKS_PER_PAGE (ESX_PAGE / 512)

/* A file of PAGES pages with contents 1, 2, 3 ... */
static int full_file(char **map)
{
	int fd = esx_file("f", PAGES * ESX_PAGE);

	*map = esx_map(fd, PAGES * ESX_PAGE, 0);
	for (int i = 0; i < PAGES; i++)
		esx_fill(*map + i * ESX_PAGE, i + 1);
	CHECK_EQ(esx_blocks(fd), PAGES * BLOCKS_PER_PAGE);
	return fd;
}

static void expect_untouched(const char *map, int first, int last)
{
	for (int i = first; i <= last; i++)
		CHECK_MSG(esx_has(map + i * ESX_PAGE, i + 1),
			  "page %d has changed", i);
}

static int punch(int fd, off_t offset, off_t length)
{
	return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset,
			 length);
}

static off_t size_of(int fd)
{
	struct stat st;

	CHECK_OK(fstat(fd, &st));
	return st.st_size;
}

static void truncate_up_makes_a_hole(void)
{
	int fd = esx_file("f", 0);
	char *map;

	CHECK_OK(ftruncate(fd, PAGES * ESX_PAGE));
	CHECK_EQ(size_of(fd), PAGES * ESX_PAGE);
	CHECK_EQ(esx_blocks(fd), 0);
	map = esx_map(fd, PAGES * ESX_PAGE, 0);
	CHECK(esx_is_zero(map, PAGES * ESX_PAGE));
	CHECK_EQ(esx_blocks(fd), 0);
}

static void truncate_down_frees_pages(void)
{
	char *map;
	int fd = full_file(&map);

	CHECK_OK(ftruncate(fd, 5 * ESX_PAGE));
	CHECK_EQ(size_of(fd), 5 * ESX_PAGE);
	CHECK_EQ(esx_blocks(fd), 5 * BLOCKS_PER_PAGE);
	expect_untouched(map, 0, 4);
	CHECK_EQ(esx_signal_of_read(map + 5 * ESX_PAGE), SIGBUS);
	CHECK_EQ(esx_signal_of_write(map + 6 * ESX_PAGE), SIGBUS);
}

static void truncate_down_and_up_reads_zero(void)
{
	char *map;
	int fd = full_file(&map);

	CHECK_OK(ftruncate(fd, 5 * ESX_PAGE));
	CHECK_OK(ftruncate(fd, PAGES * ESX_PAGE));
	expect_untouched(map, 0, 4);
	CHECK(esx_is_zero(map + 5 * ESX_PAGE, (PAGES - 5) * ESX_PAGE));
	CHECK_EQ(esx_blocks(fd), 5 * BLOCKS_PER_PAGE);
}

static void truncate_inside_a_page_zeroes_its_end(void)
{
	char *map, expected[ESX_PAGE];
	int fd = full_file(&map);

	CHECK_OK(ftruncate(fd, 5 * ESX_PAGE + 100));
	CHECK_OK(ftruncate(fd, PAGES * ESX_PAGE));
	esx_fill(expected, 6);
	CHECK(!memcmp(map + 5 * ESX_PAGE, expected, 100));
	CHECK(esx_is_zero(map + 5 * ESX_PAGE + 100, ESX_PAGE - 100));
	CHECK_EQ(esx_blocks(fd), 6 * BLOCKS_PER_PAGE);
}

static void stores_beyond_the_end_in_the_last_page_are_dropped(void)
{
	int fd = esx_file("f", 100);
	char *map = esx_map(fd, ESX_PAGE, 0);

	memset(map, 'x', ESX_PAGE);
	CHECK_OK(ftruncate(fd, ESX_PAGE));
	CHECK_EQ(map[99], 'x');
	CHECK(esx_is_zero(map + 100, ESX_PAGE - 100));
}

static void truncate_to_zero_frees_all(void)
{
	char *map;
	int fd = full_file(&map);

	CHECK_OK(ftruncate(fd, 0));
	CHECK_EQ(esx_blocks(fd), 0);
	CHECK_EQ(esx_signal_of_read(map), SIGBUS);
}

static void touching_beyond_the_end_is_a_bus_error(void)
{
	int fd = esx_file("f", ESX_PAGE);
	char *map = esx_map(fd, 4 * ESX_PAGE, 0);

	CHECK_EQ(esx_signal_of_read(map), 0);
	CHECK_EQ(esx_signal_of_read(map + ESX_PAGE), SIGBUS);
	CHECK_EQ(esx_signal_of_write(map + 3 * ESX_PAGE), SIGBUS);
	CHECK_OK(ftruncate(fd, 2 * ESX_PAGE));
	CHECK_EQ(esx_signal_of_write(map + ESX_PAGE), 0);
	CHECK_EQ(esx_signal_of_write(map + 2 * ESX_PAGE), SIGBUS);
}

static void blocks_count_written_pages_only(void)
{
	int fd = esx_file("f", PAGES * ESX_PAGE);
	char *map = esx_map(fd, PAGES * ESX_PAGE, 0);

	CHECK_EQ(esx_blocks(fd), 0);
	map[3 * ESX_PAGE] = 1;
	CHECK_EQ(esx_blocks(fd), BLOCKS_PER_PAGE);
	CHECK_EQ(pwrite(fd, "x", 1, 7 * ESX_PAGE + 5), 1);
	CHECK_EQ(esx_blocks(fd), 2 * BLOCKS_PER_PAGE);
	map[3 * ESX_PAGE + 9] = 1;
	CHECK_EQ(esx_blocks(fd), 2 * BLOCKS_PER_PAGE);
}

static void seek_finds_data_and_holes(void)
{
	int fd = esx_file("f", PAGES * ESX_PAGE);
	char *map = esx_map(fd, PAGES * ESX_PAGE, 0);

	CHECK_ERRNO(lseek(fd, 0, SEEK_DATA), ENXIO);
	CHECK_EQ(lseek(fd, 0, SEEK_HOLE), 0);
	esx_fill(map + 3 * ESX_PAGE, 1);
	esx_fill(map + 4 * ESX_PAGE, 2);
	esx_fill(map + 9 * ESX_PAGE, 3);
	CHECK_EQ(lseek(fd, 0, SEEK_DATA), 3 * ESX_PAGE);
	CHECK_EQ(lseek(fd, 3 * ESX_PAGE + 5, SEEK_DATA), 3 * ESX_PAGE + 5);
	CHECK_EQ(lseek(fd, 3 * ESX_PAGE, SEEK_HOLE), 5 * ESX_PAGE);
	CHECK_EQ(lseek(fd, 5 * ESX_PAGE, SEEK_DATA), 9 * ESX_PAGE);
	CHECK_ERRNO(lseek(fd, 10 * ESX_PAGE, SEEK_DATA), ENXIO);
	CHECK_EQ(lseek(fd, 10 * ESX_PAGE, SEEK_HOLE), 10 * ESX_PAGE);
}

static void seek_knows_the_end(void)
{
	char *map;
	int fd = full_file(&map);

	CHECK_EQ(lseek(fd, 0, SEEK_END), PAGES * ESX_PAGE);
	CHECK_EQ(lseek(fd, -100, SEEK_END), PAGES * ESX_PAGE - 100);
	CHECK_EQ(lseek(fd, 0, SEEK_HOLE), PAGES * ESX_PAGE);
	CHECK_ERRNO(lseek(fd, PAGES * ESX_PAGE, SEEK_HOLE), ENXIO);
	CHECK_ERRNO(lseek(fd, PAGES * ESX_PAGE, SEEK_DATA), ENXIO);
	CHECK_ERRNO(lseek(fd, -1, SEEK_SET), EINVAL);
}

static void allocate_gives_memory_and_size(void)
{
	int fd = esx_file("f", 0);
	char *map;

	CHECK_OK(fallocate(fd, 0, 0, PAGES * ESX_PAGE));
	CHECK_EQ(size_of(fd), PAGES * ESX_PAGE);
	CHECK_EQ(esx_blocks(fd), PAGES * BLOCKS_PER_PAGE);
	map = esx_map(fd, PAGES * ESX_PAGE, 0);
	CHECK(esx_is_zero(map, PAGES * ESX_PAGE));
}

static void allocate_leaves_contents_alone(void)
{
	char *map;
	int fd = full_file(&map);

	CHECK_OK(punch(fd, 3 * ESX_PAGE, 2 * ESX_PAGE));
	CHECK_OK(fallocate(fd, 0, 0, PAGES * ESX_PAGE));
	CHECK_EQ(esx_blocks(fd), PAGES * BLOCKS_PER_PAGE);
	expect_untouched(map, 0, 2);
	expect_untouched(map, 5, PAGES - 1);
	CHECK(esx_is_zero(map + 3 * ESX_PAGE, 2 * ESX_PAGE));
}

static void allocate_keeping_size_keeps_it(void)
{
	int fd = esx_file("f", 2 * ESX_PAGE);

	CHECK_OK(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 2 * ESX_PAGE));
	CHECK_EQ(esx_blocks(fd), 2 * BLOCKS_PER_PAGE);
	CHECK_OK(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 4 * ESX_PAGE));
	CHECK_EQ(size_of(fd), 2 * ESX_PAGE);
}

static void punch_frees_whole_pages(void)
{
	char *map;
	int fd = full_file(&map);

	CHECK_OK(punch(fd, 2 * ESX_PAGE, 3 * ESX_PAGE));
	CHECK_EQ(esx_blocks(fd), (PAGES - 3) * BLOCKS_PER_PAGE);
	CHECK_EQ(size_of(fd), PAGES * ESX_PAGE);
	expect_untouched(map, 0, 1);
	expect_untouched(map, 5, PAGES - 1);
	CHECK(esx_is_zero(map + 2 * ESX_PAGE, 3 * ESX_PAGE));
}

static void punch_is_idempotent(void)
{
	char *map;
	int fd = full_file(&map);

	for (int i = 0; i < 3; i++)
		CHECK_OK(punch(fd, 0, 4 * ESX_PAGE));
	CHECK_EQ(esx_blocks(fd), (PAGES - 4) * BLOCKS_PER_PAGE);
	CHECK(esx_is_zero(map, 4 * ESX_PAGE));
}

/* Each pair: first byte and length; the model is a copy in memory. */
static void punch_at_any_byte_range_zeroes_just_it(void)
{
	static const struct {
		off_t offset, length;
	} ranges[] = {
		{ 1, 1 },      { 100, 200 },   { 4095, 1 },   { 4095, 2 },
		{ 4096, 1 },   { 8191, 4098 }, { 0, 4095 },   { 12288, 4097 },
		{ 20000, 13000 }, { 40960, 8192 }, { 65535, 1 }, { 65000, 536 },
	};
	static char model[PAGES * ESX_PAGE];
	char *map;
	int fd = full_file(&map);

	memcpy(model, map, sizeof(model));
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		CHECK_OK(punch(fd, ranges[i].offset, ranges[i].length));
		memset(model + ranges[i].offset, 0, ranges[i].length);
		CHECK_MSG(!memcmp(map, model, sizeof(model)),
			  "punch of %ld bytes at %ld did something else",
			  (long)ranges[i].length, (long)ranges[i].offset);
	}
}

static void punch_of_part_of_a_hole_allocates_nothing(void)
{
	int fd = esx_file("f", PAGES * ESX_PAGE);

	CHECK_OK(punch(fd, 100, 3 * ESX_PAGE));
	CHECK_EQ(esx_blocks(fd), 0);
}

static void punch_beyond_the_end_keeps_the_size(void)
{
	char *map;
	int fd = full_file(&map);

	CHECK_OK(punch(fd, (PAGES - 1) * ESX_PAGE, 100 * ESX_PAGE));
	CHECK_OK(punch(fd, 1000 * ESX_PAGE, ESX_PAGE));
	CHECK_EQ(size_of(fd), PAGES * ESX_PAGE);
	expect_untouched(map, 0, PAGES - 2);
	CHECK(esx_is_zero(map + (PAGES - 1) * ESX_PAGE, ESX_PAGE));
}

static void punch_takes_pages_out_of_every_mapping(void)
{
	char *map, *other;
	int fd = full_file(&map);

	other = esx_map(fd, PAGES * ESX_PAGE, 0);
	expect_untouched(other, 0, PAGES - 1);
	CHECK_OK(punch(fd, 0, PAGES * ESX_PAGE));
	CHECK(esx_is_zero(map, PAGES * ESX_PAGE));
	CHECK(esx_is_zero(other, PAGES * ESX_PAGE));
	esx_fill(map, 1);
	CHECK(esx_has(other, 1));
}

static void madvise_remove_is_a_punch(void)
{
	char *map;
	int fd = full_file(&map);

	CHECK_OK(madvise(map + 4 * ESX_PAGE, 4 * ESX_PAGE, MADV_REMOVE));
	CHECK_EQ(esx_blocks(fd), (PAGES - 4) * BLOCKS_PER_PAGE);
	CHECK(esx_is_zero(map + 4 * ESX_PAGE, 4 * ESX_PAGE));
	expect_untouched(map, 0, 3);
	expect_untouched(map, 8, PAGES - 1);
}

static void madvise_dontneed_keeps_contents(void)
{
	char *map;
	int fd = full_file(&map);

	CHECK_OK(madvise(map, PAGES * ESX_PAGE, MADV_DONTNEED));
	CHECK_EQ(esx_blocks(fd), PAGES * BLOCKS_PER_PAGE);
	expect_untouched(map, 0, PAGES - 1);
}

static void zero_range_zeroes_just_it(void)
{
	static char model[PAGES * ESX_PAGE];
	char *map;
	int fd = full_file(&map);

	memcpy(model, map, sizeof(model));
	CHECK_OK(fallocate(fd, FALLOC_FL_ZERO_RANGE, 5000, 9000));
	memset(model + 5000, 0, 9000);
	CHECK(!memcmp(map, model, sizeof(model)));
	CHECK_OK(fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
			   8 * ESX_PAGE, 2 * ESX_PAGE));
	memset(model + 8 * ESX_PAGE, 0, 2 * ESX_PAGE);
	CHECK(!memcmp(map, model, sizeof(model)));
}

static void zero_range_extends_the_file_unless_told(void)
{
	char *map;
	int fd = full_file(&map);
	off_t size = PAGES * ESX_PAGE;

	CHECK_OK(fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
			   size - ESX_PAGE, 2 * ESX_PAGE));
	CHECK_EQ(size_of(fd), size);
	CHECK_OK(fallocate(fd, FALLOC_FL_ZERO_RANGE, size - ESX_PAGE,
			   2 * ESX_PAGE));
	CHECK_EQ(size_of(fd), size + ESX_PAGE);
	expect_untouched(map, 0, PAGES - 2);
}

static void other_fallocate_modes_are_refused(void)
{
	static const int modes[] = {
		FALLOC_FL_COLLAPSE_RANGE,
		FALLOC_FL_INSERT_RANGE,
		FALLOC_FL_UNSHARE_RANGE,
		FALLOC_FL_PUNCH_HOLE,
		0x8000,
	};
	char *map;
	int fd = full_file(&map);

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		CHECK_ERRNO(fallocate(fd, modes[i], 0, ESX_PAGE), EOPNOTSUPP);
	expect_untouched(map, 0, PAGES - 1);
}

static void bad_fallocate_ranges_are_refused(void)
{
	int fd = esx_file("f", ESX_PAGE);

	CHECK_ERRNO(fallocate(fd, 0, -1, ESX_PAGE), EINVAL);
	CHECK_ERRNO(fallocate(fd, 0, 0, 0), EINVAL);
	CHECK_ERRNO(fallocate(fd, 0, 0, -5), EINVAL);
	CHECK_ERRNO(punch(fd, -ESX_PAGE, ESX_PAGE), EINVAL);
	CHECK_ERRNO(fallocate(fd, 0, INT64_MAX - 10, 100), EFBIG);
	CHECK_ERRNO(fallocate(CHECK_OK(open(esx_dir(), O_RDONLY)), 0, 0, 1),
		    EBADF);
}

static void every_advice_is_taken(void)
{
	static const int advice[] = {
		POSIX_FADV_NORMAL,     POSIX_FADV_RANDOM,
		POSIX_FADV_SEQUENTIAL, POSIX_FADV_WILLNEED,
		POSIX_FADV_DONTNEED,   POSIX_FADV_NOREUSE,
	};
	char *map;
	int fd = full_file(&map);

	for (size_t i = 0; i < ARRAY_SIZE(advice); i++) {
		CHECK_EQ(posix_fadvise(fd, 0, PAGES * ESX_PAGE, advice[i]), 0);
		CHECK_EQ(posix_fadvise(fd, 4096, 4096, advice[i]), 0);
	}
	CHECK_EQ(esx_blocks(fd), PAGES * BLOCKS_PER_PAGE);
	expect_untouched(map, 0, PAGES - 1);
}

static void advice_on_a_hole_allocates_nothing(void)
{
	int fd = esx_file("f", PAGES * ESX_PAGE);
	char *map = esx_map(fd, PAGES * ESX_PAGE, 0);

	CHECK_EQ(posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED), 0);
	CHECK_OK(madvise(map, PAGES * ESX_PAGE, MADV_WILLNEED));
	CHECK_EQ(esx_blocks(fd), 0);
}

static void a_sparse_file_may_be_huge(void)
{
	off_t size = 1L << 42;
	int fd = esx_file("f", size);
	char *map;

	CHECK_EQ(size_of(fd), size);
	CHECK_EQ(pwrite(fd, "end", 3, size - 3), 3);
	CHECK_EQ(lseek(fd, 0, SEEK_DATA), size - ESX_PAGE);
	CHECK_EQ(esx_blocks(fd), BLOCKS_PER_PAGE);
	map = esx_map(fd, ESX_PAGE, size - ESX_PAGE);
	CHECK(!memcmp(map + ESX_PAGE - 3, "end", 3));
	CHECK_OK(punch(fd, 0, size));
	CHECK_EQ(esx_blocks(fd), 0);
}

static void a_mapping_may_start_anywhere(void)
{
	char *map, *part;
	int fd = full_file(&map);

	for (int i = 0; i < PAGES; i++) {
		part = esx_map(fd, ESX_PAGE, i * ESX_PAGE);
		CHECK(esx_has(part, i + 1));
		esx_fill(part, 100 + i);
		CHECK(esx_has(map + i * ESX_PAGE, 100 + i));
		CHECK_OK(munmap(part, ESX_PAGE));
	}
}

static void a_mapping_may_move_and_be_cut(void)
{
	char *map, *target, *moved;

	full_file(&map);
	target = mmap(NULL, PAGES * ESX_PAGE, PROT_NONE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(target != MAP_FAILED);
	moved = mremap(map, PAGES * ESX_PAGE, PAGES * ESX_PAGE,
		       MREMAP_MAYMOVE | MREMAP_FIXED, target);
	CHECK(moved == target);
	expect_untouched(moved, 0, PAGES - 1);
	CHECK_OK(munmap(moved + 4 * ESX_PAGE, 4 * ESX_PAGE));
	expect_untouched(moved, 0, 3);
	expect_untouched(moved, 8, PAGES - 1);
}

static const struct tap_case cases[] = {
	TAP_CASE(truncate_up_makes_a_hole),
	TAP_CASE(truncate_down_frees_pages),
	TAP_CASE(truncate_down_and_up_reads_zero),
	TAP_CASE(truncate_inside_a_page_zeroes_its_end),
	TAP_CASE(stores_beyond_the_end_in_the_last_page_are_dropped),
	TAP_CASE(truncate_to_zero_frees_all),
	TAP_CASE(touching_beyond_the_end_is_a_bus_error),
	TAP_CASE(blocks_count_written_pages_only),
	TAP_CASE(seek_finds_data_and_holes),
	TAP_CASE(seek_knows_the_end),
	TAP_CASE(allocate_gives_memory_and_size),
	TAP_CASE(allocate_leaves_contents_alone),
	TAP_CASE(allocate_keeping_size_keeps_it),
	TAP_CASE(punch_frees_whole_pages),
	TAP_CASE(punch_is_idempotent),
	TAP_CASE(punch_at_any_byte_range_zeroes_just_it),
	TAP_CASE(punch_of_part_of_a_hole_allocates_nothing),
	TAP_CASE(punch_beyond_the_end_keeps_the_size),
	TAP_CASE(punch_takes_pages_out_of_every_mapping),
	TAP_CASE(madvise_remove_is_a_punch),
	TAP_CASE(madvise_dontneed_keeps_contents),
	TAP_CASE(zero_range_zeroes_just_it),
	TAP_CASE(zero_range_extends_the_file_unless_told),
	TAP_CASE(other_fallocate_modes_are_refused),
	TAP_CASE(bad_fallocate_ranges_are_refused),
	TAP_CASE(every_advice_is_taken),
	TAP_CASE(advice_on_a_hole_allocates_nothing),
	TAP_CASE(a_sparse_file_may_be_huge),
	TAP_CASE(a_mapping_may_start_anywhere),
	TAP_CASE(a_mapping_may_move_and_be_cut),
};

ESX_MAIN(cases)
