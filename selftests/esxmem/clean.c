// SPDX-License-Identifier: GPL-2.0
/*
 * The cost of the scanner follows change: what was not written to is not hashed
 * again, whatever wrote is seen, and unmapping goes by ranges.
 *
 * Each way of writing gives some pages, which are clean, the contents of others,
 * which are clean too.  A way that the scanner does not notice leaves both alone.
 */
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/esx.h"

#define PAGES 64UL
#define SIZE (PAGES * ESX_PAGE)
/* The pages that are written to. */
#define FIRST 24UL
#define CHANGED 8UL
#define CHANGED_SIZE (CHANGED * ESX_PAGE)

#define RAM_ID 1
#define TWIN_ID 1001

struct clean {
	int fd, twin_fd;
	char *map, *twin;
	/* What the pages that are written to are to hold. */
	char *data;
};

static char *page_at(char *map, size_t page)
{
	return map + page * ESX_PAGE;
}

static char *target(const struct clean *c)
{
	return page_at(c->map, FIRST);
}

/* Passes until one has hashed nothing: all is clean. */
static void wait_clean(void)
{
	uint64_t hashed;

	for (int look = 0; look < 20; look++) {
		hashed = esx_figure("hashed_pages");
		esx_wait_scans(1);
		if (esx_figure("hashed_pages") == hashed)
			return;
	}
	FAIL("memory that nobody writes to is hashed in every pass");
}

static struct clean make_clean(void)
{
	struct clean c = { .fd = esx_file("vm/ram", SIZE),
			   .twin_fd = esx_file("vm/twin", SIZE),
			   .data = host_shared(CHANGED_SIZE) };

	c.map = esx_map(c.fd, SIZE, 0);
	c.twin = esx_map(c.twin_fd, SIZE, 0);
	for (size_t i = 0; i < PAGES; i++) {
		esx_fill(page_at(c.map, i), RAM_ID + i);
		esx_fill(page_at(c.twin, i), TWIN_ID + i);
	}
	memcpy(c.data, page_at(c.twin, FIRST), CHANGED_SIZE);
	esx_scanner(true);
	return c;
}

static bool is_changed(size_t page)
{
	return page >= FIRST && page < FIRST + CHANGED;
}

static void expect_page(const struct clean *c, size_t page)
{
	if (is_changed(page)) {
		const char *data = page_at(c->data, page - FIRST);

		CHECK_MSG(!memcmp(page_at(c->map, page), data, ESX_PAGE),
			  "page %zu does not hold what was written", page);
		CHECK_MSG(!memcmp(page_at(c->twin, page), data, ESX_PAGE),
			  "the twin of page %zu has changed", page);
		return;
	}
	CHECK_MSG(esx_has(page_at(c->map, page), RAM_ID + page),
		  "page %zu, not written to, has changed", page);
	CHECK_MSG(esx_has(page_at(c->twin, page), TWIN_ID + page),
		  "page %zu of the twins has changed", page);
}

static void expect_found(const struct clean *c)
{
	esx_wait_scans(2);
	for (size_t i = 0; i < PAGES; i++)
		expect_page(c, i);
	for (size_t i = 0; i < PAGES; i++)
		CHECK_MSG((esx_state(c->fd, i) == ESXMEM_PAGE_SHARED) ==
				  is_changed(i),
			  "page %zu is in state %u", i, esx_state(c->fd, i));
	CHECK_EQ(esx_count(c->twin_fd, FIRST, CHANGED, ESXMEM_PAGE_SHARED),
		 CHANGED);
}

/* Half of the pages are mapped for reading when the writes come. */
static void read_half(const struct clean *c)
{
	for (size_t i = 0; i < CHANGED / 2; i++)
		CHECK(!esx_signal_of_read(page_at(c->map, FIRST + i)));
}

static void check_way(void (*write_data)(const struct clean *c))
{
	struct clean c = make_clean();

	wait_clean();
	read_half(&c);
	wait_clean();
	write_data(&c);
	expect_found(&c);
}

static void by_store(const struct clean *c)
{
	memcpy(target(c), c->data, CHANGED_SIZE);
}

static void a_store_is_seen(void)
{
	check_way(by_store);
}

static void by_second_mapping(const struct clean *c)
{
	char *second = esx_map(c->fd, SIZE, 0);

	/* Some of it mapped there for reading, too. */
	CHECK(!esx_signal_of_read(page_at(second, FIRST + 1)));
	CHECK(!esx_signal_of_read(page_at(second, FIRST + CHANGED - 1)));
	memcpy(page_at(second, FIRST), c->data, CHANGED_SIZE);
}

static void a_store_through_a_second_mapping_is_seen(void)
{
	check_way(by_second_mapping);
}

static void by_write(const struct clean *c)
{
	CHECK_EQ(pwrite(c->fd, c->data, CHANGED_SIZE, FIRST * ESX_PAGE),
		 CHANGED_SIZE);
}

static void a_write_call_is_seen(void)
{
	check_way(by_write);
}

static void by_sendfile(const struct clean *c)
{
	off_t from = FIRST * ESX_PAGE;

	CHECK_OK(lseek(c->fd, FIRST * ESX_PAGE, SEEK_SET));
	for (size_t left = CHANGED_SIZE; left;) {
		ssize_t sent = sendfile(c->fd, c->twin_fd, &from, left);

		CHECK(sent > 0);
		left -= sent;
	}
}

static void a_sendfile_into_the_file_is_seen(void)
{
	check_way(by_sendfile);
}

static int disk_with_data(const struct clean *c)
{
	int disk = host_loop_device(CHANGED_SIZE);

	CHECK_EQ(pwrite(disk, c->data, CHANGED_SIZE, 0), CHANGED_SIZE);
	return disk;
}

static void by_direct_read(const struct clean *c)
{
	CHECK_EQ(pread(disk_with_data(c), target(c), CHANGED_SIZE, 0),
		 CHANGED_SIZE);
}

static void a_direct_read_into_the_mapping_is_seen(void)
{
	check_way(by_direct_read);
}

static void by_aio_read(const struct clean *c)
{
	struct iocb cb = { .aio_fildes = disk_with_data(c),
			   .aio_lio_opcode = IOCB_CMD_PREAD,
			   .aio_buf = (uintptr_t)target(c),
			   .aio_nbytes = CHANGED_SIZE };
	struct iocb *list[] = { &cb };
	aio_context_t context = 0;
	struct io_event event;

	CHECK_OK(syscall(SYS_io_setup, 1, &context));
	CHECK_EQ(syscall(SYS_io_submit, context, 1, list), 1);
	CHECK_EQ(syscall(SYS_io_getevents, context, 1, 1, &event, NULL), 1);
	CHECK_EQ(event.res, CHANGED_SIZE);
	CHECK_OK(syscall(SYS_io_destroy, context));
}

static void an_asynchronous_direct_read_is_seen(void)
{
	check_way(by_aio_read);
}

static void by_vmsplice(const struct clean *c)
{
	struct iovec to = { target(c), CHANGED_SIZE };
	int ends[2];

	CHECK_OK(pipe(ends));
	CHECK_EQ(write(ends[1], c->data, CHANGED_SIZE), CHANGED_SIZE);
	CHECK_EQ(vmsplice(ends[0], &to, 1, 0), CHANGED_SIZE);
}

static void a_vmsplice_out_of_a_pipe_is_seen(void)
{
	check_way(by_vmsplice);
}

static void by_remote_write(const struct clean *c)
{
	struct iovec from = { c->data, CHANGED_SIZE };
	struct iovec to = { target(c), CHANGED_SIZE };

	CHECK_EQ(process_vm_writev(getpid(), &from, 1, &to, 1, 0),
		 CHANGED_SIZE);
}

static void a_remote_write_is_seen(void)
{
	host_needs_cross_memory();
	check_way(by_remote_write);
}

static void by_proc_mem(const struct clean *c)
{
	int mem = CHECK_OK(open("/proc/self/mem", O_RDWR));

	CHECK_EQ(pwrite(mem, c->data, CHANGED_SIZE, (uintptr_t)target(c)),
		 CHANGED_SIZE);
	close(mem);
}

static void a_write_through_proc_mem_is_seen(void)
{
	check_way(by_proc_mem);
}

static void by_store_after_mprotect(const struct clean *c)
{
	CHECK_OK(mprotect(c->map, SIZE, PROT_READ));
	CHECK(!esx_signal_of_read(target(c)));
	CHECK_OK(mprotect(c->map, SIZE, PROT_READ | PROT_WRITE));
	memcpy(target(c), c->data, CHANGED_SIZE);
}

static void a_store_after_mprotect_is_seen(void)
{
	check_way(by_store_after_mprotect);
}

/* Dirty page-table entries are made writable again without a fault. */
static void a_store_after_mprotect_of_dirty_pages_is_seen(void)
{
	struct clean c = make_clean();

	CHECK_OK(mprotect(c.map, SIZE, PROT_READ));
	wait_clean();
	CHECK_OK(mprotect(c.map, SIZE, PROT_READ | PROT_WRITE));
	esx_fill(target(&c), 999);
	CHECK_OK(mprotect(c.map, SIZE, PROT_READ));
	esx_wait_scans(1);
	CHECK_OK(mprotect(c.map, SIZE, PROT_READ | PROT_WRITE));
	by_store(&c);
	expect_found(&c);
}

static void by_child(const struct clean *c)
{
	pid_t child = fork();

	if (!child) {
		by_store(c);
		_exit(0);
	}
	tap_join(child);
}

static void a_store_of_a_child_is_seen(void)
{
	check_way(by_child);
}

static void by_store_after_dontneed(const struct clean *c)
{
	CHECK_OK(madvise(c->map, SIZE, MADV_DONTNEED));
	by_store(c);
}

static void a_store_after_dontneed_is_seen(void)
{
	check_way(by_store_after_dontneed);
}

static void by_store_after_mremap(const struct clean *c)
{
	struct clean moved = *c;
	char *back;

	moved.map = mremap(c->map, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
			   esx_map(c->fd, SIZE, 0));
	CHECK(moved.map != MAP_FAILED);
	by_store(&moved);
	back = mremap(moved.map, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
		      c->map);
	CHECK(back == c->map);
}

static void a_store_after_mremap_is_seen(void)
{
	check_way(by_store_after_mremap);
}

/* The twins have a hole where that of the pages will be. */
static struct clean with_holes_in_twins(size_t from, size_t to)
{
	struct clean c = make_clean();

	for (size_t i = 0; i < CHANGED; i++) {
		char *data = page_at(c.data, i);

		esx_fill(data, RAM_ID + FIRST + i);
		memset(data + from, 0, to - from);
	}
	memcpy(page_at(c.twin, FIRST), c.data, CHANGED_SIZE);
	wait_clean();
	read_half(&c);
	return c;
}

static void zeroing_a_part_of_a_page_is_seen(void)
{
	struct clean c = with_holes_in_twins(100, 200);

	for (size_t i = FIRST; i < FIRST + CHANGED; i++)
		CHECK_OK(fallocate(c.fd,
				   FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
				   i * ESX_PAGE + 100, 100));
	expect_found(&c);
}

static void punching_a_part_of_a_page_is_seen(void)
{
	struct clean c = with_holes_in_twins(0, 1000);

	for (size_t i = FIRST; i < FIRST + CHANGED; i++)
		CHECK_OK(fallocate(c.fd,
				   FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				   i * ESX_PAGE, 1000));
	expect_found(&c);
}

static void a_truncate_within_a_page_is_seen(void)
{
	struct clean c = make_clean();
	size_t last = PAGES - 1;
	char data[ESX_PAGE];

	memcpy(data, page_at(c.map, last), 1000);
	memset(data + 1000, 0, ESX_PAGE - 1000);
	memcpy(page_at(c.twin, last), data, ESX_PAGE);
	wait_clean();
	CHECK_OK(ftruncate(c.fd, last * ESX_PAGE + 1000));
	CHECK_OK(ftruncate(c.fd, SIZE));
	esx_wait_scans(2);
	CHECK_EQ(esx_state(c.fd, last), ESXMEM_PAGE_SHARED);
	CHECK_EQ(esx_state(c.twin_fd, last), ESXMEM_PAGE_SHARED);
	CHECK(!memcmp(page_at(c.map, last), data, ESX_PAGE));
	CHECK(!memcmp(page_at(c.twin, last), data, ESX_PAGE));
}

static void zeroing_whole_pages_is_seen(void)
{
	struct clean c = make_clean();

	wait_clean();
	read_half(&c);
	CHECK_OK(fallocate(c.fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
			   FIRST * ESX_PAGE, CHANGED_SIZE));
	CHECK(esx_is_zero(target(&c), CHANGED_SIZE));
	by_store(&c);
	expect_found(&c);
}

static const struct tap_case cases[] = {
	TAP_CASE(a_store_is_seen),
	TAP_CASE(a_store_through_a_second_mapping_is_seen),
	TAP_CASE(a_store_of_a_child_is_seen),
	TAP_CASE(a_store_after_mprotect_is_seen),
	TAP_CASE(a_store_after_mprotect_of_dirty_pages_is_seen),
	TAP_CASE(a_store_after_dontneed_is_seen),
	TAP_CASE(a_store_after_mremap_is_seen),
	TAP_CASE(a_write_call_is_seen),
	TAP_CASE(a_sendfile_into_the_file_is_seen),
	TAP_CASE(a_write_through_proc_mem_is_seen),
	TAP_CASE(a_remote_write_is_seen),
	TAP_CASE(a_vmsplice_out_of_a_pipe_is_seen),
	TAP_CASE(a_direct_read_into_the_mapping_is_seen),
	TAP_CASE(an_asynchronous_direct_read_is_seen),
	TAP_CASE(zeroing_a_part_of_a_page_is_seen),
	TAP_CASE(punching_a_part_of_a_page_is_seen),
	TAP_CASE(a_truncate_within_a_page_is_seen),
	TAP_CASE(zeroing_whole_pages_is_seen),
};

ESX_MAIN(cases)
