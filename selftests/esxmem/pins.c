// SPDX-License-Identifier: GPL-2.0
/*
 * Pages that I/O holds are left where they are, whatever sharing would like.
 *
 * Each case has 1,000 pages held while all memory is merged over and over; a
 * held page that moved would show in its state and in what the I/O sees.
 */
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/io_uring.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/esx.h"
#include "lib/held.h"

#define PAGES 1000UL
#define SIZE ((PAGES + 24) * ESX_PAGE) /* two whole regions */
#define PIPES 4
#define PER_PIPE (PAGES / PIPES)

static uint64_t passes(void)
{
	return tap_scaled(20, 5);
}

/* Two files of equal contents: each page has its twin in the other. */
struct twins {
	int held_fd, twin_fd;
	char *held, *twin;
};

static void fill_twins(struct twins *t, uint64_t base)
{
	for (size_t i = 0; i < PAGES; i++) {
		esx_fill(t->held + i * ESX_PAGE, base + i);
		esx_fill(t->twin + i * ESX_PAGE, base + i);
	}
}

static struct twins make_twins(void)
{
	struct twins t = { esx_file("held", SIZE), esx_file("twin", SIZE),
			   NULL, NULL };

	t.held = esx_map_huge(t.held_fd, SIZE);
	t.twin = esx_map_huge(t.twin_fd, SIZE);
	fill_twins(&t, 1);
	return t;
}

static void merge_both(const struct twins *t)
{
	esx_merge(t->twin_fd, 0, 0);
	esx_merge(t->held_fd, 0, 0);
}

static void expect_state(int fd, enum esxmem_page_state state, const char *when)
{
	uint8_t states[PAGES];

	esx_states(fd, 0, PAGES, states);
	for (size_t i = 0; i < PAGES; i++)
		CHECK_MSG(states[i] == state, "%s: page %zu is in state %u",
			  when, i, states[i]);
}

static void expect_merged_after(const struct twins *t)
{
	merge_both(t);
	merge_both(t);
	expect_state(t->held_fd, ESXMEM_PAGE_SHARED, "after the I/O");
}

static void expect_pinned(const struct twins *t, enum esxmem_page_state state)
{
	uint64_t pinned = esx_info().pinned;

	for (uint64_t i = 0; i < passes(); i++) {
		merge_both(t);
		expect_state(t->held_fd, state, "while held");
	}
	CHECK_MSG(esx_info().pinned > pinned, "no page was counted as pinned");
}

static void splice_in(int pipes[PIPES][2], char *start)
{
	for (int i = 0; i < PIPES; i++) {
		struct iovec part = { start + i * PER_PIPE * ESX_PAGE,
				      PER_PIPE * ESX_PAGE };

		CHECK_OK(pipe(pipes[i]));
		CHECK_OK(fcntl(pipes[i][1], F_SETPIPE_SZ, 1 << 20));
		CHECK_EQ(vmsplice(pipes[i][1], &part, 1, 0), part.iov_len);
	}
}

static void drain(int pipes[PIPES][2], uint64_t base)
{
	char page[ESX_PAGE];

	for (size_t i = 0; i < PAGES; i++) {
		int from = pipes[i / PER_PIPE][0];
		size_t done = 0;

		while (done < ESX_PAGE) {
			ssize_t got = read(from, page + done, ESX_PAGE - done);

			CHECK(got > 0);
			done += got;
		}
		CHECK_MSG(esx_has(page, base + i),
			  "page %zu came out of the pipe as something else", i);
	}
}

static void check_spliced(enum esxmem_page_state state)
{
	struct twins t = make_twins();
	int pipes[PIPES][2];

	splice_in(pipes, t.held);
	expect_pinned(&t, state);
	/* The pipes hold the very frames: they see what is stored now. */
	fill_twins(&t, 5000);
	merge_both(&t);
	expect_state(t.held_fd, state, "after a store");
	drain(pipes, 5000);
	expect_merged_after(&t);
}

static void pages_in_pipes_stay(void)
{
	check_spliced(ESXMEM_PAGE_PRIVATE);
}

static void large_pages_in_pipes_stay(void)
{
	esx_set(ESX_SYSFS "/large_pages", "always");
	check_spliced(ESXMEM_PAGE_HUGE);
}

static void pages_in_pipes_stay_for_the_scanner(void)
{
	struct twins t = make_twins();
	int pipes[PIPES][2];

	splice_in(pipes, t.held);
	esx_scanner(true);
	esx_wait_scans(passes());
	expect_state(t.held_fd, ESXMEM_PAGE_PRIVATE, "while held");
	fill_twins(&t, 5000);
	drain(pipes, 5000);
	esx_wait_scans(2);
	expect_state(t.held_fd, ESXMEM_PAGE_SHARED, "after the I/O");
}

/* A page held for reading may be broken out of sharing, but by a copy. */
static void writer_of_a_held_shared_page_gets_a_copy(void)
{
	struct twins t = make_twins();
	int pipes[PIPES][2];

	merge_both(&t);
	expect_state(t.held_fd, ESXMEM_PAGE_SHARED, "before");
	splice_in(pipes, t.held);
	for (size_t i = 0; i < PAGES; i++)
		esx_fill(t.held + i * ESX_PAGE, 9000 + i);
	drain(pipes, 1);
	for (size_t i = 0; i < PAGES; i++) {
		CHECK(esx_has(t.held + i * ESX_PAGE, 9000 + i));
		CHECK(esx_has(t.twin + i * ESX_PAGE, 1 + i));
	}
}

#define READERS 8
#define PER_READER (PAGES / READERS)

struct direct_read {
	pthread_t thread;
	int fd;
	char *to;
	size_t first;
};

static void *read_directly(void *arg)
{
	struct direct_read *r = arg;
	size_t size = PER_READER * ESX_PAGE;

	CHECK_EQ(pread(r->fd, r->to + r->first * ESX_PAGE, size,
		       r->first * ESX_PAGE),
		 size);
	return NULL;
}

static void start_reads(struct direct_read *reads, struct held *held, char *to)
{
	for (size_t i = 0; i < READERS; i++) {
		reads[i].fd = held_open(held);
		reads[i].to = to;
		reads[i].first = i * PER_READER;
		if (pthread_create(&reads[i].thread, NULL, read_directly,
				   &reads[i]))
			FAIL("pthread_create");
	}
	held_wait(held, READERS);
}

static void check_direct_reads(enum esxmem_page_state state)
{
	struct direct_read reads[READERS];
	struct twins t = make_twins();
	struct held *held = held_start();

	start_reads(reads, held, t.held);
	expect_pinned(&t, state);
	held_release(held);
	for (size_t i = 0; i < READERS; i++)
		pthread_join(reads[i].thread, NULL);
	for (size_t i = 0; i < PAGES; i++) {
		CHECK_MSG(esx_has(t.held + i * ESX_PAGE, held_id(i)),
			  "page %zu does not hold what was read into it", i);
		CHECK(esx_has(t.twin + i * ESX_PAGE, 1 + i));
		esx_fill(t.twin + i * ESX_PAGE, held_id(i));
	}
	expect_merged_after(&t);
}

static void pages_of_direct_reads_in_flight_stay(void)
{
	check_direct_reads(ESXMEM_PAGE_PRIVATE);
}

static void large_pages_of_direct_reads_in_flight_stay(void)
{
	esx_set(ESX_SYSFS "/large_pages", "always");
	check_direct_reads(ESXMEM_PAGE_HUGE);
}

/* Direct reads into pages that are shared, zero and holes to begin with. */
static void direct_reads_break_sharing_first(void)
{
	struct direct_read reads[READERS];
	struct twins t = make_twins();
	struct held *held = held_start();

	for (size_t i = 0; i < PAGES; i += 4)
		memset(t.held + i * ESX_PAGE, 0, ESX_PAGE);
	merge_both(&t);
	CHECK_OK(fallocate(t.held_fd,
			   FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			   PAGES / 2 * ESX_PAGE));
	start_reads(reads, held, t.held);
	expect_state(t.held_fd, ESXMEM_PAGE_PRIVATE, "while held");
	merge_both(&t);
	held_release(held);
	for (size_t i = 0; i < READERS; i++)
		pthread_join(reads[i].thread, NULL);
	for (size_t i = 0; i < PAGES; i++) {
		CHECK(esx_has(t.held + i * ESX_PAGE, held_id(i)));
		CHECK(esx_has(t.twin + i * ESX_PAGE, 1 + i));
	}
}

/* What is punched away under a read in flight reads zero; the I/O ends well. */
static void punch_under_a_direct_read_gives_zeros(void)
{
	struct direct_read reads[READERS];
	struct twins t = make_twins();
	struct held *held = held_start();

	start_reads(reads, held, t.held);
	CHECK_OK(fallocate(t.held_fd,
			   FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			   SIZE));
	CHECK(esx_is_zero(t.held, SIZE));
	CHECK_EQ(esx_blocks(t.held_fd), 0);
	held_release(held);
	for (size_t i = 0; i < READERS; i++)
		pthread_join(reads[i].thread, NULL);
	CHECK(esx_is_zero(t.held, SIZE));
}

/* O_DIRECT against a real block device, both ways, under the scanner. */
static void direct_io_with_a_disk_is_right_under_the_scanner(void)
{
	uint64_t rounds = tap_scaled(10, 3);
	struct twins t = make_twins();
	int disk = host_loop_device(SIZE);

	esx_scanner(true);
	for (uint64_t round = 1; round <= rounds; round++) {
		fill_twins(&t, round * PAGES);
		CHECK_EQ(pwrite(disk, t.held, PAGES * ESX_PAGE, 0),
			 PAGES * ESX_PAGE);
		for (size_t i = 0; i < PAGES; i++)
			esx_fill(t.held + i * ESX_PAGE, i % 3);
		sched_yield();
		CHECK_EQ(pread(disk, t.held, PAGES * ESX_PAGE, 0),
			 PAGES * ESX_PAGE);
		for (size_t i = 0; i < PAGES; i++) {
			CHECK_MSG(esx_has(t.held + i * ESX_PAGE,
					  round * PAGES + i),
				  "round %llu: page %zu",
				  (unsigned long long)round, i);
			CHECK(esx_has(t.twin + i * ESX_PAGE,
				      round * PAGES + i));
		}
	}
	tap_note("%llu rounds of %lu pages", (unsigned long long)rounds, PAGES);
}

struct remote {
	_Atomic uint64_t rounds;
	_Atomic bool stop;
};

/* Writes into the pages of @target from another process and reads them back. */
static void write_remotely(struct remote *remote, pid_t target, char *to)
{
	static char out[64 * ESX_PAGE], in[sizeof(out)];
	uint64_t rounds = tap_scaled(300, 80);

	for (uint64_t round = 0; round < rounds; round++) {
		size_t at = (round * 61 % (PAGES - 64)) * ESX_PAGE;
		struct iovec remote_part = { to + at, sizeof(out) };
		struct iovec from = { out, sizeof(out) };
		struct iovec back = { in, sizeof(in) };

		for (size_t i = 0; i < 64; i++)
			esx_fill(out + i * ESX_PAGE, 1 + (round + i) % 50);
		CHECK_EQ(process_vm_writev(target, &from, 1, &remote_part, 1,
					   0),
			 sizeof(out));
		CHECK_EQ(process_vm_readv(target, &back, 1, &remote_part, 1, 0),
			 sizeof(in));
		CHECK_MSG(!memcmp(in, out, sizeof(in)),
			  "round %llu reads back something else",
			  (unsigned long long)round);
		remote->rounds++;
	}
	remote->stop = true;
}

static void remote_writes_are_right_while_merging(void)
{
	struct remote *remote = host_shared(sizeof(*remote));
	struct twins t = make_twins();
	pid_t target = getpid(), child;
	uint64_t merged = 0;

	host_needs_cross_memory();
	/* Both files are made of the contents that will be written. */
	for (size_t i = 0; i < PAGES; i++) {
		esx_fill(t.held + i * ESX_PAGE, 1 + i % 50);
		esx_fill(t.twin + i * ESX_PAGE, 1 + i % 50);
	}
	child = fork();
	if (!child) {
		write_remotely(remote, target, t.held);
		_exit(0);
	}
	while (!remote->stop) {
		merged += esx_merge(t.held_fd, 0, 0).merged;
		sched_yield();
	}
	tap_join(child);
	tap_note("%llu remote writes of 64 pages, %llu pages merged meanwhile",
		 (unsigned long long)remote->rounds,
		 (unsigned long long)merged);
	CHECK(merged > 0);
	merge_both(&t);
	expect_state(t.held_fd, ESXMEM_PAGE_SHARED, "after the I/O");
}

static int ring_with_buffer(void *start, size_t size)
{
	struct io_uring_params params = {};
	struct iovec buffer = { start, size };
	int ring = syscall(SYS_io_uring_setup, 4, &params);

	CHECK_MSG(ring >= 0, "io_uring_setup: %s", strerror(errno));
	if (syscall(SYS_io_uring_register, ring, IORING_REGISTER_BUFFERS,
		    &buffer, 1)) {
		int error = errno;

		close(ring);
		errno = error;
		return -1;
	}
	return ring;
}

static void long_term_pins_are_refused_or_respected(void)
{
	struct twins t = make_twins();
	int ring = ring_with_buffer(t.held, PAGES * ESX_PAGE);

	if (ring < 0) {
		tap_note("io_uring buffers refused: %s", strerror(errno));
		CHECK(errno == EFAULT || errno == EOPNOTSUPP);
		expect_merged_after(&t);
		return;
	}
	CHECK_MSG(host_kernel_before(6, 5),
		  "a kernel that knows better let io_uring pin the pages");
	expect_pinned(&t, ESXMEM_PAGE_PRIVATE);
	close(ring);
	/* The ring lets go of its buffers from a work item. */
	while (esx_count(t.held_fd, 0, PAGES, ESXMEM_PAGE_SHARED) < PAGES) {
		merge_both(&t);
		usleep(20000);
	}
}

static const struct tap_case cases[] = {
	TAP_CASE(pages_in_pipes_stay),
	TAP_CASE(large_pages_in_pipes_stay),
	TAP_CASE(pages_in_pipes_stay_for_the_scanner),
	TAP_CASE(writer_of_a_held_shared_page_gets_a_copy),
	TAP_CASE(pages_of_direct_reads_in_flight_stay),
	TAP_CASE(large_pages_of_direct_reads_in_flight_stay),
	TAP_CASE(direct_reads_break_sharing_first),
	TAP_CASE(punch_under_a_direct_read_gives_zeros),
	TAP_CASE(direct_io_with_a_disk_is_right_under_the_scanner),
	TAP_CASE(remote_writes_are_right_while_merging),
	TAP_CASE(long_term_pins_are_refused_or_respected),
};

ESX_MAIN(cases)
