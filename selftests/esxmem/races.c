// SPDX-License-Identifier: GPL-2.0
/*
 * Faults against faults, punches, merges and breaks on the same pages.
 *
 * All loops are counted, not timed: a loop that is starved does not end, and
 * the library's hang detector fails the case.
 */
#include <fcntl.h>
#include <linux/falloc.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/esx.h"

#define MARKERS 8
#define MARKED_PAGES 512UL

struct marking {
	char *maps[2];
	int fd;
	unsigned int round;
};

/* Each thread has one byte of each page; half of them use the other mapping. */
static void mark_pages(void *arg, unsigned int index)
{
	struct marking *m = arg;
	volatile char *map = m->maps[index % 2];

	for (size_t i = 0; i < MARKED_PAGES; i++)
		map[i * ESX_PAGE + index * 8] = 1 + m->round % 100;
}

static void expect_marks(const struct marking *m)
{
	for (size_t i = 0; i < MARKED_PAGES; i++)
		for (unsigned int t = 0; t < MARKERS; t++)
			CHECK_MSG(m->maps[0][i * ESX_PAGE + t * 8] ==
					  (char)(1 + m->round % 100),
				  "round %u: mark of thread %u in page %zu is lost",
				  m->round, t, i);
}

static void mark_rounds(struct marking *m)
{
	unsigned int rounds = tap_scaled(20, 6);

	for (m->round = 0; m->round < rounds; m->round++) {
		host_parallel(MARKERS, mark_pages, m);
		expect_marks(m);
		CHECK_OK(ftruncate(m->fd, 0));
		CHECK_OK(ftruncate(m->fd, MARKED_PAGES * ESX_PAGE));
	}
	tap_note("%u rounds of %u threads on %lu pages", rounds, MARKERS,
		 MARKED_PAGES);
}

static void no_mark_of_eight_threads_on_fresh_pages_is_lost(void)
{
	struct marking m = { .fd = esx_file("f", MARKED_PAGES * ESX_PAGE) };

	m.maps[0] = esx_map(m.fd, MARKED_PAGES * ESX_PAGE, 0);
	m.maps[1] = esx_map(m.fd, MARKED_PAGES * ESX_PAGE, 0);
	mark_rounds(&m);
}

static void no_mark_on_fresh_large_pages_is_lost(void)
{
	struct marking m = { .fd = esx_file("f", MARKED_PAGES * ESX_PAGE) };

	esx_set(ESX_SYSFS "/large_pages", "always");
	m.maps[0] = esx_map_huge(m.fd, MARKED_PAGES * ESX_PAGE);
	m.maps[1] = esx_map(m.fd, MARKED_PAGES * ESX_PAGE, 0);
	mark_rounds(&m);
}

/* The same on pages that are shared or zero when the threads come. */
static void no_mark_of_eight_threads_on_shared_pages_is_lost(void)
{
	struct marking m = { .fd = esx_file("f", MARKED_PAGES * ESX_PAGE) };
	unsigned int rounds = tap_scaled(10, 4);
	struct esxmem_merge merge;

	m.maps[0] = esx_map(m.fd, MARKED_PAGES * ESX_PAGE, 0);
	m.maps[1] = esx_map(m.fd, MARKED_PAGES * ESX_PAGE, 0);
	for (m.round = 0; m.round < rounds; m.round++) {
		for (size_t i = 0; i < MARKED_PAGES; i++)
			esx_fill(m.maps[0] + i * ESX_PAGE, i % 4);
		merge = esx_merge(m.fd, 0, 0);
		CHECK_EQ(merge.zero, MARKED_PAGES / 4);
		CHECK_EQ(esx_count(m.fd, 0, MARKED_PAGES, ESXMEM_PAGE_SHARED),
			 MARKED_PAGES / 4 * 3);
		host_parallel(MARKERS, mark_pages, &m);
		expect_marks(&m);
	}
}

#define STORM_SIZE (4UL << 20)
#define STORM_PAGES (STORM_SIZE / ESX_PAGE)
#define FAULTERS 4

struct storm {
	int fd;
	char *maps[2];
	uint64_t faults_each, punches_wanted;
	_Atomic uint64_t punches, emptied;
	_Atomic unsigned int faulting;
	uint64_t last[FAULTERS][STORM_PAGES];
	struct rand rands[FAULTERS + 1];
};

static volatile uint64_t *storm_word(struct storm *s, unsigned int index,
				     size_t page)
{
	return (uint64_t *)(s->maps[index % 2] + page * ESX_PAGE) + index;
}

/* Only thread @index writes its words, so each is what it wrote, or punched. */
static void storm_fault(struct storm *s, unsigned int index)
{
	uint64_t done = 0;

	while (done < s->faults_each || s->punches < s->punches_wanted) {
		size_t page = rand_below(&s->rands[index], STORM_PAGES);
		volatile uint64_t *word = storm_word(s, index, page);
		uint64_t is = *word;

		CHECK_MSG(!is || is == s->last[index][page],
			  "thread %u, page %zu: %llu, last written %llu", index,
			  page, (unsigned long long)is,
			  (unsigned long long)s->last[index][page]);
		*word = s->last[index][page] = ++done;
		is = *word;
		CHECK_MSG(!is || is == done, "thread %u, page %zu: %llu after %llu",
			  index, page, (unsigned long long)is,
			  (unsigned long long)done);
		if (!is)
			s->emptied++;
	}
	s->faulting--;
}

static void storm_punch(struct storm *s)
{
	struct rand *r = &s->rands[FAULTERS];

	while (s->faulting || s->punches < s->punches_wanted) {
		size_t first = 0, count = STORM_PAGES;

		if (rand_below(r, 8)) {
			first = rand_below(r, STORM_PAGES);
			count = 1 + rand_below(r, STORM_PAGES - first);
		}
		CHECK_OK(fallocate(s->fd,
				   FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				   first * ESX_PAGE, count * ESX_PAGE));
		/*
		 * On one CPU the faulters need the time between.  With the
		 * punches done they are to finish, by and by.
		 */
		if (++s->punches > s->punches_wanted)
			usleep(1000);
		else if (s->punches % 8 == 0)
			sched_yield();
	}
}

static void storm_thread(void *arg, unsigned int index)
{
	struct storm *s = arg;

	if (index < FAULTERS)
		storm_fault(s, index);
	else
		storm_punch(s);
}

/* With the puncher gone, nothing may get lost any more. */
static void storm_aftermath(struct storm *s)
{
	for (unsigned int t = 0; t < FAULTERS; t++)
		for (size_t i = 0; i < STORM_PAGES; i++)
			*storm_word(s, t, i) = i * 10 + t + 1;
	for (size_t i = 0; i < STORM_PAGES; i++) {
		uint64_t words[FAULTERS];

		CHECK_EQ(pread(s->fd, words, sizeof(words), i * ESX_PAGE),
			 sizeof(words));
		for (unsigned int t = 0; t < FAULTERS; t++)
			CHECK_EQ(words[t], i * 10 + t + 1);
	}
	CHECK_OK(fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			   STORM_SIZE));
	CHECK_EQ(esx_blocks(s->fd), 0);
	CHECK(esx_is_zero(s->maps[0], STORM_SIZE));
}

static void run_storm(void)
{
	static struct storm s;
	uint64_t seed = tap_seed(11);

	s.fd = esx_file("f", STORM_SIZE);
	s.maps[0] = esx_map_huge(s.fd, STORM_SIZE);
	s.maps[1] = esx_map(s.fd, STORM_SIZE, 0);
	s.faults_each = tap_scaled(5000, 700);
	s.punches_wanted = 1000;
	s.faulting = FAULTERS;
	for (int i = 0; i <= FAULTERS; i++)
		s.rands[i].state = seed + i * 1000;
	host_parallel(FAULTERS + 1, storm_thread, &s);
	tap_note("%llu punches, %llu touches by each of %d threads, %llu found emptied at once",
		 (unsigned long long)s.punches,
		 (unsigned long long)s.faults_each, FAULTERS,
		 (unsigned long long)s.emptied);
	CHECK(s.punches >= s.punches_wanted);
	storm_aftermath(&s);
}

static void four_threads_faulting_against_one_puncher_lose_nothing(void)
{
	run_storm();
}

static void the_same_with_large_pages(void)
{
	esx_set(ESX_SYSFS "/large_pages", "always");
	run_storm();
}

static void the_same_with_the_scanner_at_full_speed(void)
{
	esx_scanner(true);
	run_storm();
}

/*
 * A sequence number, in twin pages so that they are merged whenever the writer
 * rests, seen by a reader in another mapping.
 */
#define SEQ_PAIRS 4
#define SEQ_SIZE (2 * SEQ_PAIRS * ESX_PAGE)
/* The writer goes on until so many pages were merged. */
#define SEQ_MERGES 100

struct sequence {
	_Atomic uint64_t published[SEQ_PAIRS];
	_Atomic uint64_t reads, writes, merged;
	_Atomic bool stop;
};

struct sequence_side {
	struct sequence *seq;
	int fd;
	char *map;
};

static _Atomic uint64_t *seq_word(char *map, size_t page)
{
	return (_Atomic uint64_t *)(map + page * ESX_PAGE + 64);
}

/* Enough rounds, and enough merges: how many the scheduler allows varies a lot. */
static bool sequence_is_over(const struct sequence *seq, uint64_t n, uint64_t breaks)
{
	return n > breaks && (seq->merged > SEQ_MERGES || n > 100 * breaks);
}

static void sequence_write(struct sequence *seq, char *map, uint64_t breaks)
{
	for (uint64_t n = 1; !sequence_is_over(seq, n, breaks); n++) {
		for (size_t pair = 0; pair < SEQ_PAIRS; pair++) {
			atomic_store(seq_word(map, 2 * pair), n);
			atomic_store(seq_word(map, 2 * pair + 1), n);
			/* Whoever sees this must see the stores before. */
			atomic_store(&seq->published[pair], n);
		}
		seq->writes++;
		/* Let them be merged now and then while they are equal. */
		if (n % 4 == 0)
			usleep(200);
	}
	seq->stop = true;
}

static void sequence_read(struct sequence *seq, char *map)
{
	uint64_t last[2 * SEQ_PAIRS] = {};

	while (!seq->stop) {
		for (size_t page = 0; page < 2 * SEQ_PAIRS; page++) {
			uint64_t published =
				atomic_load(&seq->published[page / 2]);
			uint64_t now = atomic_load(seq_word(map, page));

			CHECK_MSG(now >= last[page],
				  "page %zu went back from %llu to %llu", page,
				  (unsigned long long)last[page],
				  (unsigned long long)now);
			CHECK_MSG(now >= published,
				  "page %zu shows %llu after %llu was written",
				  page, (unsigned long long)now,
				  (unsigned long long)published);
			last[page] = now;
		}
		seq->reads += 2 * SEQ_PAIRS;
	}
}

static void sequence_merge(struct sequence *seq, int fd)
{
	uint64_t calls = 0;

	while (!seq->stop) {
		seq->merged += esx_merge(fd, 0, 0).merged;
		calls++;
		usleep(100);
	}
	tap_note("%llu reads, %llu rounds of writes, %llu merge calls merged %llu pages",
		 (unsigned long long)seq->reads,
		 (unsigned long long)seq->writes, (unsigned long long)calls,
		 (unsigned long long)seq->merged);
	CHECK(seq->merged > SEQ_MERGES);
	CHECK(seq->reads > 1000);
}

static void sequence_thread(void *arg, unsigned int index)
{
	struct sequence_side *side = arg;

	if (index == 0)
		sequence_write(side->seq, side->map,
			       tap_scaled(1500, 200));
	else if (index == 1)
		sequence_read(side->seq, esx_map(side->fd, SEQ_SIZE, 0));
	else
		sequence_merge(side->seq, side->fd);
}

static void start_sequence(struct sequence_side *side)
{
	side->seq = host_shared(sizeof(*side->seq));
	side->fd = esx_file("f", SEQ_SIZE);
	side->map = esx_map(side->fd, SEQ_SIZE, 0);
	/* Each pair has contents of its own. */
	for (size_t page = 0; page < 2 * SEQ_PAIRS; page++) {
		esx_fill(side->map + page * ESX_PAGE, 1 + page / 2);
		*seq_word(side->map, page) = 0;
	}
}

static void sequence_never_goes_back_in_another_mapping(void)
{
	struct sequence_side side;

	start_sequence(&side);
	host_parallel(3, sequence_thread, &side);
}

static void sequence_never_goes_back_in_another_process(void)
{
	struct sequence_side side;
	pid_t reader, writer;

	start_sequence(&side);
	reader = fork();
	if (!reader) {
		sequence_thread(&side, 1);
		_exit(0);
	}
	writer = fork();
	if (!writer) {
		sequence_thread(&side, 0);
		_exit(0);
	}
	sequence_merge(side.seq, side.fd);
	tap_join(reader);
	tap_join(writer);
}

/* A page is read by read(2) while its sharing is made and broken. */
static void sequence_read_by_call(void *arg, unsigned int index)
{
	struct sequence_side *side = arg;
	uint64_t last = 0, now;

	if (index != 1) {
		sequence_thread(arg, index);
		return;
	}
	while (!side->seq->stop) {
		CHECK_EQ(pread(side->fd, &now, sizeof(now), 64), sizeof(now));
		CHECK_MSG(now >= last, "%llu after %llu",
			  (unsigned long long)now, (unsigned long long)last);
		last = now;
		side->seq->reads++;
	}
}

static void sequence_never_goes_back_for_read(void)
{
	struct sequence_side side;

	start_sequence(&side);
	host_parallel(3, sequence_read_by_call, &side);
}

static void truncating_thread(void *arg, unsigned int index)
{
	struct storm *s = arg;

	if (index < FAULTERS) {
		for (uint64_t i = 0; i < s->faults_each ||
				     s->punches < s->punches_wanted; i++) {
			size_t page = rand_below(&s->rands[index], 64);
			uint64_t word = i + 1;
			off_t at = page * ESX_PAGE + index * 8;

			/* Grows the file again. */
			CHECK_EQ(pwrite(s->fd, &word, 8, at), 8);
		}
		s->faulting--;
		return;
	}
	while (s->faulting) {
		CHECK_OK(ftruncate(s->fd,
				   rand_below(&s->rands[FAULTERS], 64 * 4096)));
		if (++s->punches > s->punches_wanted)
			usleep(1000);
		else if (s->punches % 8 == 0)
			sched_yield();
	}
}

static void writes_against_truncates_end_with_a_whole_file(void)
{
	static struct storm s;
	uint64_t seed;
	char *map;

	s.fd = esx_file("f", 64 * ESX_PAGE);
	s.faults_each = tap_scaled(5000, 700);
	s.punches_wanted = 1000;
	s.faulting = FAULTERS;
	seed = tap_seed(21);
	for (int i = 0; i <= FAULTERS; i++)
		s.rands[i].state = seed + i * 1000;
	host_parallel(FAULTERS + 1, truncating_thread, &s);
	tap_note("%llu truncates", (unsigned long long)s.punches);
	CHECK_OK(ftruncate(s.fd, 0));
	CHECK_OK(ftruncate(s.fd, 64 * ESX_PAGE));
	map = esx_map(s.fd, 64 * ESX_PAGE, 0);
	CHECK(esx_is_zero(map, 64 * ESX_PAGE));
	CHECK_EQ(esx_blocks(s.fd), 0);
}

static const struct tap_case cases[] = {
	TAP_CASE(no_mark_of_eight_threads_on_fresh_pages_is_lost),
	TAP_CASE(no_mark_on_fresh_large_pages_is_lost),
	TAP_CASE(no_mark_of_eight_threads_on_shared_pages_is_lost),
	TAP_CASE(four_threads_faulting_against_one_puncher_lose_nothing),
	TAP_CASE(the_same_with_large_pages),
	TAP_CASE(the_same_with_the_scanner_at_full_speed),
	TAP_CASE(sequence_never_goes_back_in_another_mapping),
	TAP_CASE(sequence_never_goes_back_in_another_process),
	TAP_CASE(sequence_never_goes_back_for_read),
	TAP_CASE(writes_against_truncates_end_with_a_whole_file),
};

ESX_MAIN(cases)
