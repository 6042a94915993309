// SPDX-License-Identifier: GPL-2.0
/* What merging does to one VM's memory, and what breaks it again. */
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/esx.h"

#define PAGES 64
#define SIZE (PAGES * ESX_PAGE)

struct file {
	int fd;
	char *map;
};

static struct file new_file(const char *name)
{
	struct file f = { esx_file(name, SIZE), NULL };

	f.map = esx_map(f.fd, SIZE, 0);
	return f;
}

static char *page_of(const struct file *f, size_t page)
{
	return f->map + page * ESX_PAGE;
}

static void fill(const struct file *f, size_t page, uint64_t id)
{
	esx_fill(page_of(f, page), id);
}

static void expect(const struct file *f, size_t page, uint64_t id)
{
	CHECK_MSG(esx_has(page_of(f, page), id),
		  "page %zu does not have contents %llu", page,
		  (unsigned long long)id);
}

static void expect_state(const struct file *f, size_t page,
			 enum esxmem_page_state state)
{
	CHECK_EQ(esx_state(f->fd, page), state);
}

/* Pages 0 and 1 are twins and merged. */
static struct file merged_twins(void)
{
	struct file f = new_file("f");
	struct esxmem_merge merge;

	fill(&f, 0, 1);
	fill(&f, 1, 1);
	merge = esx_merge(f.fd, 0, 0);
	CHECK_EQ(merge.visited, 2);
	expect_state(&f, 0, ESXMEM_PAGE_SHARED);
	expect_state(&f, 1, ESXMEM_PAGE_SHARED);
	return f;
}

static void twins_share_one_frame(void)
{
	uint64_t before = esx_info().shared_frames;
	struct esxmem_info info;

	merged_twins();
	info = esx_info();
	CHECK_EQ(info.shared_frames - before, 1);
	CHECK_EQ(esx_get_number(esx_vm_knob("", "shared_bytes")), 2 * ESX_PAGE);
	CHECK_EQ(esx_get_number(esx_vm_knob("", "private_bytes")), 0);
}

static void merge_reports_both_twins(void)
{
	struct file f = new_file("f");
	struct esxmem_merge merge;

	fill(&f, 0, 1);
	fill(&f, 1, 1);
	fill(&f, 2, 2);
	merge = esx_merge(f.fd, 0, 0);
	CHECK_EQ(merge.visited, 3);
	CHECK_EQ(merge.merged, 2);
	CHECK_EQ(merge.zero, 0);
	CHECK_EQ(merge.already, 0);
	merge = esx_merge(f.fd, 0, 0);
	CHECK_EQ(merge.merged, 0);
	CHECK_EQ(merge.already, 2);
}

static void merged_pages_keep_their_contents(void)
{
	struct file f = merged_twins();

	expect(&f, 0, 1);
	expect(&f, 1, 1);
	expect_state(&f, 0, ESXMEM_PAGE_SHARED);
	expect_state(&f, 1, ESXMEM_PAGE_SHARED);
}

static void unique_pages_stay_private(void)
{
	struct file f = new_file("f");
	struct esxmem_merge merge;

	for (size_t i = 0; i < PAGES; i++)
		fill(&f, i, 1 + i);
	merge = esx_merge(f.fd, 0, 0);
	CHECK_EQ(merge.merged, 0);
	CHECK_EQ(merge.hints, PAGES);
	CHECK_EQ(esx_count(f.fd, 0, PAGES, ESXMEM_PAGE_PRIVATE), PAGES);
	for (size_t i = 0; i < PAGES; i++)
		expect(&f, i, 1 + i);
}

static void pages_that_differ_in_one_bit_stay_apart(void)
{
	struct file f = new_file("f");

	for (size_t i = 0; i < PAGES; i++) {
		fill(&f, i, 1);
		page_of(&f, i)[i * 64] ^= 1;
	}
	CHECK_EQ(esx_merge(f.fd, 0, 0).merged, 0);
	CHECK_EQ(esx_count(f.fd, 0, PAGES, ESXMEM_PAGE_PRIVATE), PAGES);
}

static void cow_first_writer_keeps_own_copy(void)
{
	struct file f = merged_twins();

	page_of(&f, 0)[7] = 'w';
	CHECK_EQ(page_of(&f, 0)[7], 'w');
	expect(&f, 1, 1);
	expect_state(&f, 0, ESXMEM_PAGE_PRIVATE);
	page_of(&f, 0)[7] = page_of(&f, 1)[7];
	expect(&f, 0, 1);
}

static void cow_second_writer_keeps_own_copy(void)
{
	struct file f = merged_twins();
	uint64_t breaks = esx_info().cow_breaks;

	fill(&f, 0, 2);
	fill(&f, 1, 3);
	expect(&f, 0, 2);
	expect(&f, 1, 3);
	expect_state(&f, 0, ESXMEM_PAGE_PRIVATE);
	expect_state(&f, 1, ESXMEM_PAGE_PRIVATE);
	CHECK_EQ(esx_info().cow_breaks - breaks, 2);
}

static void cow_by_write_call_keeps_own_copy(void)
{
	struct file f = merged_twins();

	CHECK_EQ(pwrite(f.fd, "w", 1, 9), 1);
	CHECK_EQ(page_of(&f, 0)[9], 'w');
	expect(&f, 1, 1);
	expect_state(&f, 0, ESXMEM_PAGE_PRIVATE);
}

static void cow_shows_in_every_mapping(void)
{
	struct file f = merged_twins();
	char *other = esx_map(f.fd, SIZE, 0);

	CHECK(esx_has(other, 1));
	fill(&f, 0, 5);
	CHECK(esx_has(other, 5));
	CHECK(esx_has(other + ESX_PAGE, 1));
	esx_fill(other + ESX_PAGE, 6);
	expect(&f, 1, 6);
	expect(&f, 0, 5);
}

static void last_sharer_gets_its_memory_counted_once(void)
{
	struct file f = merged_twins();
	uint64_t frames = esx_info().shared_frames;

	fill(&f, 0, 2);
	fill(&f, 1, 3);
	CHECK_EQ(esx_info().shared_frames, frames - 1);
}

static void punch_of_one_twin_leaves_the_other(void)
{
	struct file f = merged_twins();

	CHECK_OK(fallocate(f.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			   ESX_PAGE));
	CHECK(esx_is_zero(page_of(&f, 0), ESX_PAGE));
	expect(&f, 1, 1);
	expect_state(&f, 0, ESXMEM_PAGE_EMPTY);
}

static void partial_punch_of_a_shared_page_leaves_its_twin(void)
{
	struct file f = merged_twins();

	CHECK_OK(fallocate(f.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			   100, 200));
	CHECK(esx_is_zero(page_of(&f, 0) + 100, 200));
	expect(&f, 1, 1);
	CHECK(!memcmp(page_of(&f, 0), page_of(&f, 1), 100));
	CHECK(!memcmp(page_of(&f, 0) + 300, page_of(&f, 1) + 300,
		      ESX_PAGE - 300));
}

static void truncate_inside_a_shared_page_leaves_its_twin(void)
{
	struct file f = new_file("f"), g = new_file("g");

	fill(&f, 0, 1);
	fill(&g, 0, 1);
	esx_merge(f.fd, 0, 0);
	esx_merge(g.fd, 0, 0);
	expect_state(&f, 0, ESXMEM_PAGE_SHARED);
	CHECK_OK(ftruncate(f.fd, 50));
	CHECK_OK(ftruncate(f.fd, SIZE));
	CHECK(esx_is_zero(page_of(&f, 0) + 50, ESX_PAGE - 50));
	expect(&g, 0, 1);
}

static void unlinking_one_sharer_leaves_the_other(void)
{
	struct file f = new_file("f"), g = new_file("g");

	fill(&f, 0, 1);
	fill(&g, 0, 1);
	esx_merge_dir("");
	expect_state(&g, 0, ESXMEM_PAGE_SHARED);
	CHECK_OK(munmap(f.map, SIZE));
	close(f.fd);
	CHECK_OK(unlink(esx_path("f")));
	expect(&g, 0, 1);
	fill(&g, 0, 2);
	expect(&g, 0, 2);
}

static void zero_pages_are_given_up(void)
{
	struct file f = new_file("f");
	struct esxmem_info before, after;
	struct esxmem_merge merge;

	for (size_t i = 0; i < PAGES; i++)
		fill(&f, i, 1);
	for (size_t i = 0; i < PAGES; i++)
		fill(&f, i, 0);
	before = esx_info();
	merge = esx_merge(f.fd, 0, 0);
	after = esx_info();
	CHECK_EQ(merge.zero, PAGES);
	CHECK_EQ(merge.merged, 0);
	CHECK_EQ(esx_count(f.fd, 0, PAGES, ESXMEM_PAGE_ZERO), PAGES);
	CHECK_EQ(before.frames - after.frames, PAGES);
	CHECK_EQ(after.zero_merged - before.zero_merged, PAGES);
	CHECK_EQ(esx_get_number(esx_vm_knob("", "zero_bytes")), SIZE);
	/* They stay the file's blocks, unlike holes. */
	CHECK_EQ(esx_blocks(f.fd), SIZE / 512);
}

static void zero_pages_read_zero_and_can_be_written(void)
{
	struct file f = new_file("f");

	for (size_t i = 0; i < PAGES; i++) {
		fill(&f, i, 1);
		fill(&f, i, 0);
	}
	esx_merge(f.fd, 0, 0);
	CHECK(esx_is_zero(f.map, SIZE));
	CHECK_EQ(esx_count(f.fd, 0, PAGES, ESXMEM_PAGE_ZERO), PAGES);
	fill(&f, 3, 7);
	expect(&f, 3, 7);
	expect_state(&f, 3, ESXMEM_PAGE_PRIVATE);
	CHECK(esx_is_zero(page_of(&f, 2), ESX_PAGE));
	CHECK(esx_is_zero(page_of(&f, 4), ESX_PAGE));
}

static void a_page_nearly_zero_is_not_given_up(void)
{
	struct file f = new_file("f");

	page_of(&f, 0)[0] = 1;
	page_of(&f, 1)[ESX_PAGE - 1] = 1;
	page_of(&f, 2)[2048] = 1;
	CHECK_EQ(esx_merge(f.fd, 0, 0).zero, 0);
	CHECK_EQ(page_of(&f, 0)[0], 1);
	CHECK_EQ(page_of(&f, 1)[ESX_PAGE - 1], 1);
	CHECK_EQ(page_of(&f, 2)[2048], 1);
}

static void merging_a_range_leaves_the_rest(void)
{
	struct file f = new_file("f");
	struct esxmem_merge merge;

	for (size_t i = 0; i < PAGES; i++)
		fill(&f, i, 1);
	merge = esx_merge(f.fd, 8 * ESX_PAGE, 16 * ESX_PAGE);
	CHECK_EQ(merge.visited, 16);
	CHECK_EQ(esx_count(f.fd, 8, 16, ESXMEM_PAGE_SHARED), 16);
	CHECK_EQ(esx_count(f.fd, 0, 8, ESXMEM_PAGE_PRIVATE), 8);
	CHECK_EQ(esx_count(f.fd, 24, PAGES - 24, ESXMEM_PAGE_PRIVATE),
		 PAGES - 24);
	merge = esx_merge(f.fd, 60 * ESX_PAGE, 0);
	CHECK_EQ(merge.visited, 4);
	CHECK_EQ(esx_count(f.fd, 60, 4, ESXMEM_PAGE_SHARED), 4);
}

static void merging_holes_visits_nothing(void)
{
	struct file f = new_file("f");
	struct esxmem_merge merge = esx_merge(f.fd, 0, 0);

	CHECK_EQ(merge.visited, 0);
	CHECK_EQ(merge.merged, 0);
	CHECK_EQ(esx_blocks(f.fd), 0);
}

static void files_of_one_vm_share(void)
{
	struct file f = new_file("vm/f"), g = new_file("vm/g");

	for (size_t i = 0; i < PAGES; i++) {
		fill(&f, i, 1 + i);
		fill(&g, PAGES - 1 - i, 1 + i);
	}
	CHECK_EQ(esx_merge_dir("vm").visited, 2 * PAGES);
	CHECK_EQ(esx_count(f.fd, 0, PAGES, ESXMEM_PAGE_SHARED), PAGES);
	CHECK_EQ(esx_count(g.fd, 0, PAGES, ESXMEM_PAGE_SHARED), PAGES);
	for (size_t i = 0; i < PAGES; i++) {
		expect(&f, i, 1 + i);
		expect(&g, PAGES - 1 - i, 1 + i);
	}
}

static void one_frame_serves_thousands(void)
{
	const size_t pages = tap_scaled(20000, 6000);
	int fd = esx_file("f", pages * ESX_PAGE);
	char *map = esx_map(fd, pages * ESX_PAGE, 0);
	uint64_t frames;

	for (size_t i = 0; i < pages; i++)
		esx_fill(map + i * ESX_PAGE, 1);
	esx_merge(fd, 0, 0);
	CHECK_EQ(esx_count(fd, 0, pages, ESXMEM_PAGE_SHARED), pages);
	frames = esx_info().shared_frames;
	for (size_t i = 0; i < pages; i += 100)
		esx_fill(map + i * ESX_PAGE, 2 + i);
	for (size_t i = 0; i < pages; i++)
		CHECK(esx_has(map + i * ESX_PAGE, i % 100 ? 1 : 2 + i));
	CHECK_EQ(esx_info().shared_frames, frames);
}

static void pages_can_be_merged_and_broken_again_and_again(void)
{
	struct file f = new_file("f");

	for (int round = 1; round <= 200; round++) {
		for (size_t i = 0; i < PAGES; i++)
			fill(&f, i, round * 10 + i % 5);
		esx_merge(f.fd, 0, 0);
		CHECK_EQ(esx_count(f.fd, 0, PAGES, ESXMEM_PAGE_SHARED), PAGES);
		for (size_t i = 0; i < PAGES; i++)
			expect(&f, i, round * 10 + i % 5);
	}
}

static void a_hint_that_went_stale_does_no_harm(void)
{
	struct file f = new_file("f");

	fill(&f, 0, 1);
	esx_merge(f.fd, 0, ESX_PAGE);
	fill(&f, 0, 2);
	fill(&f, 1, 1);
	esx_merge(f.fd, ESX_PAGE, ESX_PAGE);
	expect(&f, 0, 2);
	expect(&f, 1, 1);
	/* The changed page is found under its new contents. */
	fill(&f, 2, 2);
	esx_merge(f.fd, 0, 0);
	expect_state(&f, 0, ESXMEM_PAGE_SHARED);
	expect_state(&f, 2, ESXMEM_PAGE_SHARED);
	expect_state(&f, 1, ESXMEM_PAGE_PRIVATE);
}

static void a_hint_to_a_punched_page_does_no_harm(void)
{
	struct file f = new_file("f");

	fill(&f, 0, 1);
	esx_merge(f.fd, 0, 0);
	CHECK_OK(fallocate(f.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			   ESX_PAGE));
	fill(&f, 1, 1);
	esx_merge(f.fd, 0, 0);
	expect_state(&f, 1, ESXMEM_PAGE_PRIVATE);
	CHECK(esx_is_zero(page_of(&f, 0), ESX_PAGE));
}

static void a_hint_to_a_removed_file_does_no_harm(void)
{
	struct file f = new_file("f"), g = new_file("g");

	fill(&f, 0, 1);
	esx_merge(f.fd, 0, 0);
	CHECK_OK(munmap(f.map, SIZE));
	close(f.fd);
	CHECK_OK(unlink(esx_path("f")));
	fill(&g, 0, 1);
	esx_merge(g.fd, 0, 0);
	expect(&g, 0, 1);
	fill(&g, 1, 1);
	esx_merge(g.fd, 0, 0);
	expect_state(&g, 0, ESXMEM_PAGE_SHARED);
	expect_state(&g, 1, ESXMEM_PAGE_SHARED);
}

static void the_last_partial_page_is_handled(void)
{
	int fd = esx_file("f", 2 * ESX_PAGE + 100);
	char *map = esx_map(fd, 3 * ESX_PAGE, 0);

	esx_fill(map, 1);
	esx_fill(map + ESX_PAGE, 1);
	memcpy(map + 2 * ESX_PAGE, map, 100);
	esx_merge(fd, 0, 0);
	CHECK_EQ(esx_count(fd, 0, 2, ESXMEM_PAGE_SHARED), 2);
	CHECK(esx_has(map, 1) && esx_has(map + ESX_PAGE, 1));
	CHECK(!memcmp(map + 2 * ESX_PAGE, map, 100));
}

static void merging_works_without_a_mapping(void)
{
	int fd = esx_file("f", SIZE);
	char page[ESX_PAGE];

	for (size_t i = 0; i < PAGES; i++) {
		esx_fill(page, 1 + i % 2);
		CHECK_EQ(pwrite(fd, page, ESX_PAGE, i * ESX_PAGE), ESX_PAGE);
	}
	esx_merge(fd, 0, 0);
	CHECK_EQ(esx_count(fd, 0, PAGES, ESXMEM_PAGE_SHARED), PAGES);
	for (size_t i = 0; i < PAGES; i++) {
		CHECK_EQ(pread(fd, page, ESX_PAGE, i * ESX_PAGE), ESX_PAGE);
		CHECK(esx_has(page, 1 + i % 2));
	}
}

static void counters_of_the_vm_add_up(void)
{
	struct file f = new_file("f");
	uint64_t backed, private, shared;

	for (size_t i = 0; i < 8; i++)
		fill(&f, i, 1); /* shared */
	for (size_t i = 8; i < 16; i++)
		fill(&f, i, i); /* private */
	for (size_t i = 16; i < 24; i++)
		page_of(&f, i)[0] = 0; /* zero */
	esx_merge(f.fd, 0, 0);
	backed = esx_get_number(esx_vm_knob("", "backed_bytes"));
	private = esx_get_number(esx_vm_knob("", "private_bytes"));
	shared = esx_get_number(esx_vm_knob("", "shared_bytes"));
	CHECK_EQ(private, 8 * ESX_PAGE);
	CHECK_EQ(shared, 8 * ESX_PAGE);
	CHECK_EQ(backed, private + shared);
	CHECK_EQ(esx_get_number(esx_vm_knob("", "zero_bytes")), 8 * ESX_PAGE);
	CHECK_EQ(esx_get_number(esx_vm_knob("", "size_bytes")), SIZE);
	CHECK_EQ(esx_blocks(f.fd), 24 * ESX_PAGE / 512);
}

static const struct tap_case cases[] = {
	TAP_CASE(twins_share_one_frame),
	TAP_CASE(merge_reports_both_twins),
	TAP_CASE(merged_pages_keep_their_contents),
	TAP_CASE(unique_pages_stay_private),
	TAP_CASE(pages_that_differ_in_one_bit_stay_apart),
	TAP_CASE(cow_first_writer_keeps_own_copy),
	TAP_CASE(cow_second_writer_keeps_own_copy),
	TAP_CASE(cow_by_write_call_keeps_own_copy),
	TAP_CASE(cow_shows_in_every_mapping),
	TAP_CASE(last_sharer_gets_its_memory_counted_once),
	TAP_CASE(punch_of_one_twin_leaves_the_other),
	TAP_CASE(partial_punch_of_a_shared_page_leaves_its_twin),
	TAP_CASE(truncate_inside_a_shared_page_leaves_its_twin),
	TAP_CASE(unlinking_one_sharer_leaves_the_other),
	TAP_CASE(zero_pages_are_given_up),
	TAP_CASE(zero_pages_read_zero_and_can_be_written),
	TAP_CASE(a_page_nearly_zero_is_not_given_up),
	TAP_CASE(merging_a_range_leaves_the_rest),
	TAP_CASE(merging_holes_visits_nothing),
	TAP_CASE(files_of_one_vm_share),
	TAP_CASE(one_frame_serves_thousands),
	TAP_CASE(pages_can_be_merged_and_broken_again_and_again),
	TAP_CASE(a_hint_that_went_stale_does_no_harm),
	TAP_CASE(a_hint_to_a_punched_page_does_no_harm),
	TAP_CASE(a_hint_to_a_removed_file_does_no_harm),
	TAP_CASE(the_last_partial_page_is_handled),
	TAP_CASE(merging_works_without_a_mapping),
	TAP_CASE(counters_of_the_vm_add_up),
};

ESX_MAIN(cases)
