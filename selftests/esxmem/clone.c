// SPDX-License-Identifier: GPL-2.0
/* Cloning: what a clone holds, what it costs, and what it refuses. */
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/esx.h"

#define PAGES 600UL /* more than a region */
#define SIZE (PAGES * ESX_PAGE)
#define ZEROS (PAGES / 8)
#define WHERE "/tmp/esxmem-test-clone"
#define PIPES 3
#define PER_PIPE (PAGES / PIPES)

/* A file, wholly mapped. */
struct file {
	int fd;
	char *map;
};

static struct file new_file(const char *name, size_t size)
{
	struct file f = { esx_file(name, size), NULL };

	if (size)
		f.map = esx_map_huge(f.fd, size);
	return f;
}

/* Each page another contents, every eighth zero but stored. */
static void fill(const struct file *f, uint64_t base)
{
	for (size_t i = 0; i < PAGES; i++)
		esx_fill(f->map + i * ESX_PAGE, i % 8 ? base + i : 0);
}

static struct file new_source(const char *name)
{
	struct file f = new_file(name, SIZE);

	fill(&f, 1);
	return f;
}

static void expect_contents(const char *map, uint64_t base, const char *when)
{
	for (size_t i = 0; i < PAGES; i++)
		CHECK_MSG(esx_has(map + i * ESX_PAGE, i % 8 ? base + i : 0),
			  "%s: page %zu is something else", when, i);
}

static int try_clone_range(int from, uint64_t at, uint64_t length, int to, uint64_t to_at)
{
	struct file_clone_range range = { from, at, length, to_at };

	return ioctl(to, FICLONERANGE, &range);
}

static struct file clone_of(const struct file *from, const char *name)
{
	struct file to = { esx_file(name, 0), NULL };

	CHECK_OK(ioctl(to.fd, FICLONE, from->fd));
	to.map = esx_map_huge(to.fd, SIZE);
	return to;
}

static off_t size_of(int fd)
{
	struct stat st;

	CHECK_OK(fstat(fd, &st));
	return st.st_size;
}

static void expect_shared(const struct file *f)
{
	CHECK_EQ(esx_count(f->fd, 0, PAGES, ESXMEM_PAGE_SHARED), PAGES - ZEROS);
	CHECK_EQ(esx_count(f->fd, 0, PAGES, ESXMEM_PAGE_ZERO), ZEROS);
}

static void a_clone_is_equal_and_shared(void)
{
	struct file from = new_source("from"), to = clone_of(&from, "to");

	CHECK_EQ(size_of(to.fd), SIZE);
	expect_shared(&from);
	expect_shared(&to);
	CHECK_EQ(esx_blocks(to.fd), esx_blocks(from.fd));
	expect_contents(to.map, 1, "clone");
	expect_contents(from.map, 1, "source");
}

static void ten_clones_take_the_frames_of_one_file(void)
{
	struct file from = new_source("from"), to[10];
	uint64_t frames = esx_info().frames;
	char name[16];

	for (size_t i = 0; i < ARRAY_SIZE(to); i++) {
		snprintf(name, sizeof(name), "to%zu", i);
		to[i] = clone_of(&from, name);
	}
	/* The zero pages gave up theirs. */
	CHECK_EQ(esx_info().frames, frames - ZEROS);
	for (size_t i = 0; i < ARRAY_SIZE(to); i++)
		expect_contents(to[i].map, 1, "clone");
	CHECK_EQ(esx_info().frames, frames - ZEROS);
}

static void writes_stay_on_their_side(void)
{
	struct file from = new_source("from"), to = clone_of(&from, "to");
	char page[ESX_PAGE];

	esx_fill(from.map + ESX_PAGE, 7001);
	esx_fill(to.map + 2 * ESX_PAGE, 7002);
	esx_fill(page, 7003);
	CHECK_EQ(pwrite(from.fd, page, ESX_PAGE, 3 * ESX_PAGE), ESX_PAGE);
	esx_fill(page, 7004);
	CHECK_EQ(pwrite(to.fd, page, ESX_PAGE, 4 * ESX_PAGE), ESX_PAGE);
	from.map[8 * ESX_PAGE] = 1; /* was zero */
	CHECK_OK(fallocate(from.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 5 * ESX_PAGE,
			   ESX_PAGE));

	CHECK(esx_has(to.map + ESX_PAGE, 2));
	CHECK(esx_has(from.map + 2 * ESX_PAGE, 3));
	CHECK(esx_has(to.map + 3 * ESX_PAGE, 4));
	CHECK(esx_has(from.map + 4 * ESX_PAGE, 5));
	CHECK(esx_has(to.map + 5 * ESX_PAGE, 6));
	CHECK(esx_is_zero(to.map + 8 * ESX_PAGE, ESX_PAGE));
	CHECK(esx_has(from.map + ESX_PAGE, 7001));
	CHECK(esx_has(to.map + 2 * ESX_PAGE, 7002));
	CHECK(esx_has(from.map + 3 * ESX_PAGE, 7003));
	CHECK(esx_has(to.map + 4 * ESX_PAGE, 7004));

	/* All the rest, too. */
	esx_fill(to.map + 2 * ESX_PAGE, 3);
	esx_fill(to.map + 4 * ESX_PAGE, 5);
	fill(&from, 20000);
	expect_contents(to.map, 1, "clone");
	expect_contents(from.map, 20000, "source");
}

static void holes_stay_holes(void)
{
	const uint64_t tib = 1ULL << 40;
	struct file from = new_file("from", ESX_PAGE);
	int to = esx_file("to", 0);
	uint64_t frames;

	CHECK_OK(ftruncate(from.fd, tib));
	esx_fill(from.map, 1);
	CHECK_EQ(pwrite(from.fd, "x", 1, tib / 2), 1);
	frames = esx_info().frames;
	CHECK_OK(ioctl(to, FICLONE, from.fd));
	CHECK_EQ(esx_info().frames, frames);
	CHECK_EQ(size_of(to), tib);
	CHECK_EQ(esx_blocks(to), 2 * ESX_PAGE / 512);
	CHECK_EQ(lseek(to, 0, SEEK_HOLE), ESX_PAGE);
	CHECK_EQ(lseek(to, ESX_PAGE, SEEK_DATA), tib / 2);
	CHECK_EQ(lseek(to, tib / 2, SEEK_HOLE), tib / 2 + ESX_PAGE);
}

static void a_hole_replaces_what_was_there(void)
{
	struct file from = new_file("from", SIZE), to = new_source("to");

	esx_fill(from.map + 10 * ESX_PAGE, 99);
	CHECK_OK(ioctl(to.fd, FICLONE, from.fd));
	CHECK_EQ(esx_count(to.fd, 0, PAGES, ESXMEM_PAGE_EMPTY), PAGES - 1);
	CHECK(esx_has(to.map + 10 * ESX_PAGE, 99));
	CHECK(esx_is_zero(to.map, 10 * ESX_PAGE));
	CHECK(esx_is_zero(to.map + 11 * ESX_PAGE, SIZE - 11 * ESX_PAGE));
}

static void mappings_of_the_destination_show_the_clone(void)
{
	struct file from = new_source("from"), to = new_file("to", SIZE);
	char *second = esx_map(to.fd, SIZE, 0);

	/* Written, read as a hole, and not touched at all. */
	for (size_t i = 0; i < PAGES / 3; i++) {
		esx_fill(to.map + i * ESX_PAGE, 5000 + i);
		CHECK(esx_is_zero(second + (i + PAGES / 3) * ESX_PAGE, 8));
	}
	CHECK_OK(ioctl(to.fd, FICLONE, from.fd));
	expect_contents(to.map, 1, "clone");
	expect_contents(second, 1, "clone, second mapping");
	CHECK_EQ(esx_blocks(to.fd), SIZE / 512);
}

static void a_range_goes_where_it_is_told(void)
{
	struct file from = new_source("from"), to = new_source("to");

	fill(&to, 9000);
	CHECK_OK(try_clone_range(from.fd, 3 * ESX_PAGE, 5 * ESX_PAGE, to.fd, 510 * ESX_PAGE));
	for (size_t i = 0; i < PAGES; i++) {
		bool inside = i >= 510 && i < 515;
		size_t source = i - 507;
		uint64_t id = inside ? (source % 8 ? 1 + source : 0) : (i % 8 ? 9000 + i : 0);

		CHECK_MSG(esx_has(to.map + i * ESX_PAGE, id), "page %zu", i);
	}
	CHECK_EQ(size_of(to.fd), SIZE);

	/* Beyond the end: a hole lies before it. */
	CHECK_OK(try_clone_range(from.fd, ESX_PAGE, ESX_PAGE, to.fd, 2 * SIZE));
	CHECK_EQ(size_of(to.fd), 2 * SIZE + ESX_PAGE);
	CHECK_EQ(esx_count(to.fd, PAGES, PAGES, ESXMEM_PAGE_EMPTY), PAGES);
}

static void a_range_of_the_same_file(void)
{
	struct file f = new_source("f");

	CHECK_OK(try_clone_range(f.fd, 0, 100 * ESX_PAGE, f.fd, 450 * ESX_PAGE));
	for (size_t i = 0; i < 100; i++)
		CHECK(!memcmp(f.map + i * ESX_PAGE, f.map + (450 + i) * ESX_PAGE, ESX_PAGE));
	esx_fill(f.map + 451 * ESX_PAGE, 7);
	CHECK(esx_has(f.map + ESX_PAGE, 2));
	CHECK(esx_has(f.map + 7 * ESX_PAGE, 8));
	CHECK_ERRNO(try_clone_range(f.fd, 0, 100 * ESX_PAGE, f.fd, 99 * ESX_PAGE), EINVAL);
}

static void the_end_need_not_be_aligned(void)
{
	struct file from = new_source("from"), to;
	char *tail;

	CHECK_OK(ftruncate(from.fd, 10 * ESX_PAGE + 123));
	/* What a mapping writes behind the end is not part of the file. */
	from.map[10 * ESX_PAGE + 200] = 'x';
	to = clone_of(&from, "to");
	CHECK_EQ(size_of(to.fd), 10 * ESX_PAGE + 123);
	CHECK_OK(ftruncate(to.fd, SIZE));
	tail = to.map + 10 * ESX_PAGE;
	CHECK(!memcmp(tail, from.map + 10 * ESX_PAGE, 123));
	CHECK(esx_is_zero(tail + 123, ESX_PAGE - 123));

	/* Such an end may not come to lie in the middle of a file. */
	CHECK_ERRNO(try_clone_range(from.fd, 0, 0, to.fd, 0), EINVAL);
	CHECK_ERRNO(try_clone_range(from.fd, 10 * ESX_PAGE, 123, to.fd, 20 * ESX_PAGE), EINVAL);
	CHECK_OK(try_clone_range(from.fd, 10 * ESX_PAGE, 123, to.fd, SIZE));
	CHECK_EQ(size_of(to.fd), SIZE + 123);
}

static void misuse_is_refused(void)
{
	struct file from = new_source("from"), to = new_source("to");
	int elsewhere = memfd_create("elsewhere", 0);
	int dir = CHECK_OK(open(esx_dir(), O_RDONLY | O_DIRECTORY));
	int readable = CHECK_OK(open(esx_path("to"), O_RDONLY));
	int writable = CHECK_OK(open(esx_path("from"), O_WRONLY));
	int append = CHECK_OK(open(esx_path("to"), O_RDWR | O_APPEND));

	CHECK_OK(ftruncate(elsewhere, SIZE));
	CHECK_ERRNO(ioctl(readable, FICLONE, from.fd), EBADF);
	CHECK_ERRNO(ioctl(to.fd, FICLONE, writable), EBADF);
	CHECK_ERRNO(ioctl(append, FICLONE, from.fd), EBADF);
	CHECK_ERRNO(ioctl(to.fd, FICLONE, -1), EBADF);
	CHECK_ERRNO(ioctl(to.fd, FICLONE, elsewhere), EXDEV);
	CHECK_ERRNO(ioctl(to.fd, FICLONE, dir), EISDIR);
	CHECK_ERRNO(try_clone_range(from.fd, 1, ESX_PAGE, to.fd, 0), EINVAL);
	CHECK_ERRNO(try_clone_range(from.fd, 0, ESX_PAGE, to.fd, 512), EINVAL);
	CHECK_ERRNO(try_clone_range(from.fd, 0, 100, to.fd, 0), EINVAL);
	CHECK_ERRNO(try_clone_range(from.fd, SIZE, ESX_PAGE, to.fd, 0), EINVAL);
	CHECK_ERRNO(try_clone_range(from.fd, 0, SIZE + ESX_PAGE, to.fd, 0), EINVAL);
	CHECK_ERRNO(try_clone_range(from.fd, 0, -ESX_PAGE, to.fd, ESX_PAGE), EINVAL);
	CHECK_ERRNO(try_clone_range(to.fd, 0, SIZE, to.fd, 0), EINVAL);
	expect_contents(to.map, 1, "destination");
	CHECK_EQ(size_of(to.fd), SIZE);
}

static void deduplication_is_refused(void)
{
	struct file from = new_source("from"), to = new_source("to");
	struct {
		struct file_dedupe_range range;
		struct file_dedupe_range_info info;
	} arg = { .range = { .src_length = SIZE, .dest_count = 1 }, .info = { .dest_fd = to.fd } };

	CHECK_OK(ioctl(from.fd, FIDEDUPERANGE, &arg));
	CHECK_EQ(arg.info.status, -EOPNOTSUPP);
	CHECK_EQ(esx_count(to.fd, 0, PAGES, ESXMEM_PAGE_SHARED), 0);
}

static void copy_file_range_clones(void)
{
	struct file from = new_source("from");
	struct file to = { esx_file("to", 0), NULL };
	uint64_t frames = esx_info().frames;
	loff_t in = 0, out = 0;

	CHECK_EQ(copy_file_range(from.fd, &in, to.fd, &out, SIZE, 0), SIZE);
	CHECK_EQ(esx_info().frames, frames - ZEROS);
	to.map = esx_map(to.fd, SIZE, 0);
	expect_contents(to.map, 1, "copy");

	/* Cut short at the end of the source, as a copy is. */
	in = SIZE - 2 * ESX_PAGE;
	out = 0;
	CHECK_EQ(copy_file_range(from.fd, &in, to.fd, &out, SIZE, 0), 2 * ESX_PAGE);
	CHECK(esx_has(to.map, 599) && esx_has(to.map + ESX_PAGE, 600));
}

static void unaligned_copies_are_copied(void)
{
	struct file from = new_source("from"), to = new_file("to", SIZE);
	size_t length = 20 * ESX_PAGE;
	loff_t in = 100, out = 777;

	while (length) {
		ssize_t done = copy_file_range(from.fd, &in, to.fd, &out, length, 0);

		CHECK(done > 0);
		length -= done;
	}
	CHECK(!memcmp(from.map + 100, to.map + 777, 20 * ESX_PAGE));
	CHECK(esx_is_zero(to.map, 777));
}

static void times_of_the_destination_change(void)
{
	struct file from = new_source("from"), to = new_source("to");
	struct stat before, after, source;

	CHECK_OK(fstat(to.fd, &before));
	CHECK_OK(fstat(from.fd, &source));
	usleep(20000);
	CHECK_OK(ioctl(to.fd, FICLONE, from.fd));
	CHECK_OK(fstat(to.fd, &after));
	CHECK(after.st_mtim.tv_sec > before.st_mtim.tv_sec ||
	      after.st_mtim.tv_nsec != before.st_mtim.tv_nsec);
	CHECK(after.st_ctim.tv_sec > before.st_ctim.tv_sec ||
	      after.st_ctim.tv_nsec != before.st_ctim.tv_nsec);
	CHECK_OK(fstat(from.fd, &after));
	CHECK(after.st_mtim.tv_sec == source.st_mtim.tv_sec &&
	      after.st_mtim.tv_nsec == source.st_mtim.tv_nsec);
}

static void splice_in(int pipes[PIPES][2], char *start)
{
	for (int i = 0; i < PIPES; i++) {
		struct iovec part = { start + i * PER_PIPE * ESX_PAGE, PER_PIPE * ESX_PAGE };

		CHECK_OK(pipe(pipes[i]));
		CHECK_OK(fcntl(pipes[i][1], F_SETPIPE_SZ, 1 << 20));
		CHECK_EQ(vmsplice(pipes[i][1], &part, 1, 0), part.iov_len);
	}
}

static void drain(int pipes[PIPES][2], uint64_t base)
{
	char page[ESX_PAGE];

	for (size_t i = 0; i < PAGES; i++) {
		for (size_t done = 0; done < ESX_PAGE;) {
			ssize_t got = read(pipes[i / PER_PIPE][0], page + done, ESX_PAGE - done);

			CHECK(got > 0);
			done += got;
		}
		CHECK_MSG(esx_has(page, i % 8 ? base + i : 0),
			  "page %zu came out of the pipe as something else", i);
	}
}

/* The pipes hold the source's very frames: they must stay where they are. */
static void check_pinned(enum esxmem_page_state state)
{
	struct file from = new_source("from"), to;
	int pipes[PIPES][2];

	splice_in(pipes, from.map);
	to = clone_of(&from, "to");
	CHECK_EQ(esx_count(from.fd, 0, 512, state), 512);
	CHECK_EQ(esx_count(to.fd, 0, PAGES, ESXMEM_PAGE_SHARED), 0);
	expect_contents(to.map, 1, "clone");
	fill(&from, 5000);
	expect_contents(to.map, 1, "clone, when the source was written");
	drain(pipes, 5000);
	expect_contents(from.map, 5000, "source");
}

static void pinned_pages_are_copied(void)
{
	check_pinned(ESXMEM_PAGE_PRIVATE);
}

static void pinned_large_pages_are_copied(void)
{
	esx_set(ESX_SYSFS "/large_pages", "always");
	check_pinned(ESXMEM_PAGE_HUGE);
}

static void pinned_pages_of_the_destination_keep_their_pipe(void)
{
	struct file from = new_source("from"), to = new_source("to");
	int pipes[PIPES][2];

	fill(&to, 5000);
	splice_in(pipes, to.map);
	CHECK_OK(ioctl(to.fd, FICLONE, from.fd));
	expect_contents(to.map, 1, "clone");
	drain(pipes, 5000);
}

static void large_pages_are_broken_to_be_shared(void)
{
	struct file from, to, again;

	esx_set(ESX_SYSFS "/large_pages", "always");
	from = new_source("from");
	CHECK_EQ(esx_count(from.fd, 0, 512, ESXMEM_PAGE_HUGE), 512);
	to = clone_of(&from, "to");
	expect_shared(&from);
	expect_shared(&to);
	expect_contents(to.map, 1, "clone");

	/* Large pages of a destination go. */
	again = new_file("again", SIZE);
	fill(&again, 3000);
	CHECK_EQ(esx_count(again.fd, 0, 512, ESXMEM_PAGE_HUGE), 512);
	CHECK_OK(try_clone_range(from.fd, 8 * ESX_PAGE, 8 * ESX_PAGE, again.fd, 0));
	CHECK_OK(try_clone_range(from.fd, 0, SIZE, again.fd, 0));
	expect_contents(again.map, 1, "overwritten");
	expect_shared(&again);
}

static void join_group(const char *vm, const char *group)
{
	esx_set(esx_vm_knob(vm, "group"), group);
}

static void vms_of_different_salts_may_be_clones(void)
{
	struct file from = new_source("a/ram"), to = clone_of(&from, "b/ram");
	uint64_t frames = esx_info().frames;

	expect_shared(&from);
	expect_shared(&to);
	esx_merge(from.fd, 0, 0);
	esx_merge(to.fd, 0, 0);
	CHECK_EQ(esx_info().frames, frames);
	esx_audit_clean();
	/* New pages of the two do not meet. */
	esx_fill(from.map, 7777);
	esx_fill(to.map, 7777);
	esx_merge(from.fd, 0, 0);
	esx_merge(to.fd, 0, 0);
	CHECK_EQ(esx_info().frames, frames + 2);
	esx_audit_clean();
}

static void a_change_of_group_ends_the_sharing(void)
{
	struct file from = new_source("a/ram"), to = clone_of(&from, "b/ram");
	uint64_t frames = esx_info().frames;

	join_group("b", "other");
	CHECK_EQ(esx_count(to.fd, 0, PAGES, ESXMEM_PAGE_SHARED), 0);
	CHECK_EQ(esx_info().frames, 2 * frames);
	expect_contents(to.map, 1, "clone");
	esx_audit_clean();
	join_group("a", "third");
	CHECK_EQ(esx_count(from.fd, 0, PAGES, ESXMEM_PAGE_SHARED), 0);
	CHECK_EQ(esx_info().shared_frames, 0);
	expect_contents(from.map, 1, "source");
	esx_audit_clean();
}

static void clones_of_clones_go_in_any_order(void)
{
	static const int order[] = { 2, 0, 4, 1, 3 };
	struct file f[5] = { new_source("f0") };
	uint64_t frames;
	char name[16];

	for (int i = 1; i < 5; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		f[i] = clone_of(&f[i - 1], name);
		/* Each clone differs from the one before by a page. */
		esx_fill(f[i].map + i * ESX_PAGE, 7000 + i);
	}
	frames = esx_info().frames;
	for (int n = 0; n < 5; n++) {
		int gone = order[n];

		for (int i = 1; i < 5; i++)
			CHECK(esx_has(f[gone].map + i * ESX_PAGE, i <= gone ? 7000 + i : 1 + i));
		CHECK_OK(munmap(f[gone].map, SIZE));
		close(f[gone].fd);
		CHECK_OK(unlink(esx_path("f%d", gone)));
		CHECK(esx_info().frames <= frames);
	}
	CHECK_EQ(esx_info().shared_frames, 0);
}

static void a_clone_outlives_its_source(void)
{
	struct file from = new_source("from"), to = clone_of(&from, "to");

	CHECK_OK(munmap(from.map, SIZE));
	close(from.fd);
	CHECK_OK(unlink(esx_path("from")));
	expect_contents(to.map, 1, "clone");
	fill(&to, 400);
	expect_contents(to.map, 400, "clone, written");
	CHECK_EQ(esx_info().shared_frames, 0);
}

static int file_at(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), WHERE "/%s", name);
	return CHECK_OK(open(path, O_RDWR | O_CREAT, 0600));
}

/* A mount that holds a file and a half. */
static struct file source_on_small_mount(void)
{
	struct file from;
	char options[64];

	host_private_mounts();
	if (mkdir(WHERE, 0755) && errno != EEXIST)
		FAIL("mkdir %s: %s", WHERE, strerror(errno));
	snprintf(options, sizeof(options), "size=%lu", SIZE + SIZE / 2);
	CHECK_OK(mount("esxmem", WHERE, "esxmem", 0, options));
	from.fd = file_at("from");
	CHECK_OK(ftruncate(from.fd, SIZE));
	from.map = esx_map(from.fd, SIZE, 0);
	fill(&from, 1);
	return from;
}

static void a_full_mount_refuses_and_stays_right(void)
{
	struct file from = source_on_small_mount();
	int to = file_at("to"), tail = file_at("tail");
	char *map;

	CHECK_ERRNO(ioctl(to, FICLONE, from.fd), ENOSPC);
	/* What was cloned before it was full is there, and nothing else. */
	CHECK_EQ(size_of(to), SIZE / 2);
	map = esx_map(to, SIZE / 2, 0);
	CHECK(!memcmp(map, from.map, SIZE / 2));
	esx_audit_clean();

	/* Replacing needs nothing more. */
	CHECK_OK(try_clone_range(from.fd, SIZE / 2, SIZE / 2, to, 0));
	CHECK(!memcmp(map, from.map + SIZE / 2, SIZE / 2));
	CHECK_ERRNO(try_clone_range(from.fd, 0, ESX_PAGE, tail, 0), ENOSPC);
	CHECK_EQ(size_of(tail), 0);
	CHECK_OK(ftruncate(to, 0));
	CHECK_OK(try_clone_range(from.fd, 0, ESX_PAGE, tail, 0));
}

static const struct tap_case cases[] = {
	TAP_CASE(a_clone_is_equal_and_shared),
	TAP_CASE(ten_clones_take_the_frames_of_one_file),
	TAP_CASE(writes_stay_on_their_side),
	TAP_CASE(holes_stay_holes),
	TAP_CASE(a_hole_replaces_what_was_there),
	TAP_CASE(mappings_of_the_destination_show_the_clone),
	TAP_CASE(a_range_goes_where_it_is_told),
	TAP_CASE(a_range_of_the_same_file),
	TAP_CASE(the_end_need_not_be_aligned),
	TAP_CASE(misuse_is_refused),
	TAP_CASE(deduplication_is_refused),
	TAP_CASE(copy_file_range_clones),
	TAP_CASE(unaligned_copies_are_copied),
	TAP_CASE(times_of_the_destination_change),
	TAP_CASE(pinned_pages_are_copied),
	TAP_CASE(pinned_large_pages_are_copied),
	TAP_CASE(pinned_pages_of_the_destination_keep_their_pipe),
	TAP_CASE(large_pages_are_broken_to_be_shared),
	TAP_CASE(vms_of_different_salts_may_be_clones),
	TAP_CASE(a_change_of_group_ends_the_sharing),
	TAP_CASE(clones_of_clones_go_in_any_order),
	TAP_CASE(a_clone_outlives_its_source),
	TAP_CASE(a_full_mount_refuses_and_stays_right),
};

ESX_MAIN(cases)
