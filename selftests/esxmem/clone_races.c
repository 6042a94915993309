// SPDX-License-Identifier: GPL-2.0
/* Cloning while others write, scan, punch, and kill who clones. */
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/esx.h"

#define PAGES 1100UL /* two regions and a bit */
#define SIZE (PAGES * ESX_PAGE)
/* Words of a page that the writer counts up, far from each other. */
#define WORDS 4
#define STEPS (PAGES * WORDS)
/* Pages that are written to so often that they are never shared for long. */
#define HOT_PAGES 20

static struct rand randomness;

/*
 * A writer that counts up @steps words, one after the other, on every @stride-th
 * page.  At any moment the words before the one it writes now are in round n,
 * those from it on in round n - 1; so must they be in a clone.
 */
struct counting {
	char *map;
	uint32_t *order;
	uint32_t steps;
	uint32_t stride;
	_Atomic bool stop;
	_Atomic uint64_t rounds;
};

static _Atomic uint64_t *word_at(const struct counting *c, char *map, uint32_t step)
{
	size_t at = step / WORDS * c->stride * ESX_PAGE + step % WORDS * ESX_PAGE / WORDS;

	return (_Atomic uint64_t *)(map + at);
}

static void shuffle(struct counting *c)
{
	for (uint32_t i = 0; i < c->steps; i++)
		c->order[i] = i;
	for (uint32_t i = c->steps - 1; i > 0; i--) {
		uint32_t j = rand_below(&randomness, i + 1), old = c->order[i];

		c->order[i] = c->order[j];
		c->order[j] = old;
	}
}

static void *count_up(void *arg)
{
	struct counting *c = arg;

	for (uint64_t round = 1; !c->stop; round++) {
		for (uint32_t i = 0; i < c->steps && !c->stop; i++)
			atomic_store(word_at(c, c->map, c->order[i]), round);
		c->rounds++;
	}
	return NULL;
}

/* Returns whether the clone caught the writer within a round. */
static bool check_order(struct counting *c, char *clone)
{
	uint64_t first = *word_at(c, clone, c->order[0]);
	uint64_t now = first;

	for (uint32_t i = 1; i < c->steps; i++) {
		uint64_t value = *word_at(c, clone, c->order[i]);

		CHECK_MSG(value == now || (now == first && value + 1 == now),
			  "step %u is in round %llu after %llu, the first in %llu", i,
			  (unsigned long long)value, (unsigned long long)now,
			  (unsigned long long)first);
		now = value;
	}
	return now != first;
}

static void clone_while_counting(uint32_t pages, uint64_t clones)
{
	int fd = esx_file("from", SIZE), to = esx_file("to", SIZE);
	struct counting c = { esx_map_huge(fd, SIZE), NULL, pages * WORDS, PAGES / pages };
	char *clone = esx_map(to, SIZE, 0);
	uint64_t within = 0;
	pthread_t thread;

	for (size_t i = 0; i < PAGES; i++)
		esx_fill(c.map + i * ESX_PAGE, 0);
	randomness.state = tap_seed(81);
	c.order = host_shared(STEPS * sizeof(*c.order));
	shuffle(&c);
	if (pthread_create(&thread, NULL, count_up, &c))
		FAIL("pthread_create");
	while (!c.rounds)
		sched_yield();
	for (uint64_t i = 0; i < clones; i++) {
		CHECK_OK(ioctl(to, FICLONE, fd));
		within += check_order(&c, clone);
	}
	c.stop = true;
	pthread_join(thread, NULL);
	tap_note("%llu clones, %llu within a round, of %llu rounds", (unsigned long long)clones,
		 (unsigned long long)within, (unsigned long long)c.rounds);
	CHECK(within > 0);
}

static void clone_all_ways(void)
{
	clone_while_counting(PAGES, tap_scaled(20, 8));
	CHECK_OK(unlink(esx_path("from")));
	CHECK_OK(unlink(esx_path("to")));
	clone_while_counting(HOT_PAGES, tap_scaled(300, 40));
}

static void a_clone_shows_one_moment(void)
{
	clone_all_ways();
}

static void a_clone_of_large_pages_shows_one_moment(void)
{
	esx_set(ESX_SYSFS "/large_pages", "always");
	clone_all_ways();
}

static void a_clone_shows_one_moment_under_the_scanner(void)
{
	esx_scanner(true);
	clone_all_ways();
}

/* Sees whole calls of write(2) only. */
struct rewriting {
	int fd;
	_Atomic bool stop;
};

#define CALL_PAGES 64

static void *rewrite(void *arg)
{
	static char buffer[CALL_PAGES * ESX_PAGE];
	struct rewriting *r = arg;

	for (uint64_t id = 1; !r->stop; id++) {
		for (size_t i = 0; i < CALL_PAGES; i++)
			esx_fill(buffer + i * ESX_PAGE, id % 1000 + 1);
		CHECK_EQ(pwrite(r->fd, buffer, sizeof(buffer), 0), sizeof(buffer));
	}
	return NULL;
}

static void a_clone_sees_whole_writes(void)
{
	struct rewriting r = { esx_file("from", CALL_PAGES * ESX_PAGE), false };
	int to = esx_file("to", CALL_PAGES * ESX_PAGE);
	char *clone = esx_map(to, CALL_PAGES * ESX_PAGE, 0);
	uint64_t clones = tap_scaled(100, 40);
	pthread_t thread;

	if (pthread_create(&thread, NULL, rewrite, &r))
		FAIL("pthread_create");
	for (uint64_t n = 0; n < clones; n++) {
		CHECK_OK(ioctl(to, FICLONE, r.fd));
		for (size_t i = 1; i < CALL_PAGES; i++)
			CHECK_MSG(!memcmp(clone, clone + i * ESX_PAGE, ESX_PAGE),
				  "clone %llu: page %zu is of another write", (unsigned long long)n,
				  i);
	}
	r.stop = true;
	pthread_join(thread, NULL);
}

/*
 * Everybody at once on four files: every page must hold, wholly, something that
 * was written to some page once.  Pages are written by write(2), one at a time.
 */
#define FILES 4
#define IDS 40

struct melee {
	int fds[FILES];
	uint64_t rounds;
	uint64_t first_word[IDS + 1];
	_Atomic uint64_t clones, punches, merges, looks;
};

static void write_some(struct melee *m, struct rand *r)
{
	char page[ESX_PAGE];

	for (int i = 0; i < 32; i++) {
		esx_fill(page, rand_below(r, IDS + 1));
		CHECK_EQ(pwrite(m->fds[rand_below(r, FILES)], page, ESX_PAGE,
				rand_below(r, PAGES) * ESX_PAGE),
			 ESX_PAGE);
	}
}

static void punch_some(struct melee *m, struct rand *r)
{
	size_t first = rand_below(r, PAGES), nr = rand_below(r, 600) + 1;

	CHECK_OK(fallocate(m->fds[rand_below(r, FILES)], FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			   first * ESX_PAGE, nr * ESX_PAGE));
	m->punches++;
}

static void clone_some(struct melee *m, struct rand *r)
{
	size_t nr = rand_below(r, 700) + 1;
	struct file_clone_range range = {
		.src_fd = m->fds[rand_below(r, FILES)],
		.src_offset = rand_below(r, PAGES - nr) * ESX_PAGE,
		.src_length = nr * ESX_PAGE,
		.dest_offset = rand_below(r, PAGES - nr) * ESX_PAGE,
	};

	if (!ioctl(m->fds[rand_below(r, FILES)], FICLONERANGE, &range))
		m->clones++;
	else /* overlapping ranges of one file */
		CHECK_EQ(errno, EINVAL);
}

static void merge_some(struct melee *m, struct rand *r)
{
	esx_merge(m->fds[rand_below(r, FILES)], 0, 0);
	m->merges++;
}

/* Faults pages in by a mapping, for reading and for writing what is there. */
static void look_at_some(struct melee *m, struct rand *r)
{
	char *map = esx_map(m->fds[rand_below(r, FILES)], SIZE, 0);

	for (int i = 0; i < 64; i++) {
		size_t at = rand_below(r, PAGES) * ESX_PAGE;
		_Atomic uint64_t *word = (_Atomic uint64_t *)(map + at);

		if (i % 4)
			atomic_load(word);
		else
			atomic_fetch_or(word, 0);
		m->looks++;
	}
	CHECK_OK(munmap(map, SIZE));
}

static void check_files(struct melee *m)
{
	char page[ESX_PAGE];

	for (size_t i = 0; i < FILES * PAGES; i++) {
		size_t id = 0;

		CHECK_EQ(pread(m->fds[i / PAGES], page, ESX_PAGE, i % PAGES * ESX_PAGE), ESX_PAGE);
		while (id <= IDS && m->first_word[id] != *(uint64_t *)page)
			id++;
		CHECK_MSG(id <= IDS && esx_has(page, id),
			  "page %zu of file %zu was never written so", i % PAGES, i / PAGES);
	}
}

static void take_part(void *arg, unsigned int index)
{
	static void (*const acts[])(struct melee * m, struct rand * r) = {
		write_some, punch_some, clone_some, clone_some, merge_some, look_at_some,
	};
	struct melee *m = arg;
	struct rand r = { 900 + index };

	for (uint64_t i = 0; i < m->rounds; i++)
		acts[rand_below(&r, ARRAY_SIZE(acts))](m, &r);
}

static void fight(void)
{
	struct melee m = { .rounds = tap_scaled(60, 20) };
	char page[ESX_PAGE], name[16];

	for (int i = 0; i < FILES; i++) {
		snprintf(name, sizeof(name), "vm%d/ram", i % 3);
		if (i == 3)
			snprintf(name, sizeof(name), "vm0/more");
		m.fds[i] = esx_file(name, SIZE);
	}
	for (int id = 0; id <= IDS; id++) {
		esx_fill(page, id);
		m.first_word[id] = *(uint64_t *)page;
	}
	esx_scanner(true);
	for (int turn = 0; turn < 4; turn++) {
		host_parallel(4, take_part, &m);
		esx_audit_clean();
		check_files(&m);
	}
	tap_note("%llu clones, %llu punches, %llu merges, %llu looks", (unsigned long long)m.clones,
		 (unsigned long long)m.punches, (unsigned long long)m.merges,
		 (unsigned long long)m.looks);
	CHECK(m.clones && m.punches && m.merges);
}

static void clones_punches_writes_and_the_scanner(void)
{
	fight();
}

static void clones_punches_writes_and_the_scanner_on_large_pages(void)
{
	esx_set(ESX_SYSFS "/large_pages", "always");
	fight();
}

static void change_groups(void *arg, unsigned int index)
{
	static const char *const groups[] = { "one", "two", "\n" };
	int *fds = arg;

	for (uint64_t i = 0; i < tap_scaled(20, 8); i++) {
		if (index)
			esx_set(esx_vm_knob(i % 2 ? "a" : "b", "group"), groups[i % 3]);
		else
			CHECK_OK(ioctl(fds[1], FICLONE, fds[0]));
	}
}

static void clones_while_groups_change(void)
{
	int fds[2] = { esx_file("a/ram", SIZE), esx_file("b/ram", SIZE) };
	char *from = esx_map(fds[0], SIZE, 0), *to = esx_map(fds[1], SIZE, 0);

	for (size_t i = 0; i < PAGES; i++)
		esx_fill(from + i * ESX_PAGE, i % 300);
	host_parallel(2, change_groups, fds);
	esx_audit_clean();
	CHECK(!memcmp(from, to, SIZE));
}

static void clone_for_ever(const char *from, const char *to)
{
	int a = CHECK_OK(open(from, O_RDWR)), b = CHECK_OK(open(to, O_RDWR));
	char *map = esx_map_huge(a, SIZE);

	for (uint64_t n = 1;; n++) {
		for (size_t i = 0; i < PAGES; i++)
			esx_fill(map + i * ESX_PAGE, i % 7 ? 1000 + i : 0);
		CHECK_OK(ioctl(b, FICLONE, a));
		if (n % 3 == 0)
			CHECK_OK(ftruncate(b, 0));
		CHECK_OK(fallocate(a, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, SIZE));
	}
}

static void kill_one(const char *from, const char *to)
{
	pid_t child = fork();
	int status;

	if (!child)
		clone_for_ever(from, to);
	usleep(rand_below(&randomness, 60000));
	CHECK_OK(kill(child, SIGKILL));
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_MSG(WIFSIGNALED(status), "the victim ended by itself");
}

/* Whatever of the clone is there must be right. */
static void check_killed(int to)
{
	char page[ESX_PAGE];
	struct stat st;

	CHECK_OK(fstat(to, &st));
	CHECK(st.st_size <= (off_t)SIZE && st.st_size % ESX_PAGE == 0);
	for (size_t i = 0; i < st.st_size / ESX_PAGE; i++) {
		CHECK_EQ(pread(to, page, ESX_PAGE, i * ESX_PAGE), ESX_PAGE);
		CHECK_MSG(esx_has(page, i % 7 ? 1000 + i : 0), "page %zu", i);
	}
}

static void kill_cloners(void)
{
	int from = esx_file("from", SIZE), to = esx_file("to", 0);
	uint64_t kills = tap_scaled(20, 8);

	randomness.state = tap_seed(82);
	for (uint64_t i = 0; i < kills; i++) {
		kill_one(esx_path("from"), esx_path("to"));
		check_killed(to);
		esx_audit_clean();
	}
	tap_note("%llu kills", (unsigned long long)kills);
	close(from);
}

static void who_is_killed_leaves_a_valid_clone(void)
{
	kill_cloners();
}

static void who_is_killed_leaves_a_valid_clone_of_large_pages(void)
{
	esx_set(ESX_SYSFS "/large_pages", "always");
	kill_cloners();
}

static void clone_and_forget(int from)
{
	int to[3];

	for (size_t i = 0; i < ARRAY_SIZE(to); i++) {
		char page[ESX_PAGE];

		to[i] = esx_file(i % 2 ? "other/to" : "to", 0);
		CHECK_OK(ioctl(to[i], FICLONE, i ? to[i - 1] : from));
		esx_fill(page, 77 + i);
		for (size_t at = i; at < PAGES; at += 5)
			CHECK_EQ(pwrite(to[i], page, ESX_PAGE, at * ESX_PAGE), ESX_PAGE);
		CHECK_OK(unlink(esx_path(i % 2 ? "other/to" : "to")));
	}
	for (size_t i = 0; i < ARRAY_SIZE(to); i++)
		close(to[i]);
}

static void memory_is_back_after_all_clones(void)
{
	int from = esx_file("from", SIZE);
	uint64_t rounds = tap_scaled(20, 8), before, after;
	char *map = esx_map(from, SIZE, 0);

	for (size_t i = 0; i < PAGES; i++)
		esx_fill(map + i * ESX_PAGE, i);
	for (int i = 0; i < 5; i++) /* warm up caches */
		clone_and_forget(from);
	before = host_settled_free_kib();
	for (uint64_t i = 0; i < rounds; i++)
		clone_and_forget(from);
	after = host_settled_free_kib();
	tap_note("%llu KiB free before, %llu after", (unsigned long long)before,
		 (unsigned long long)after);
	CHECK(after + 1024 > before);
}

static const struct tap_case cases[] = {
	TAP_CASE_CPUS(a_clone_shows_one_moment, 2),
	TAP_CASE_CPUS(a_clone_of_large_pages_shows_one_moment, 2),
	TAP_CASE_CPUS(a_clone_shows_one_moment_under_the_scanner, 2),
	TAP_CASE_CPUS(a_clone_sees_whole_writes, 2),
	TAP_CASE_CPUS(clones_punches_writes_and_the_scanner, 2),
	TAP_CASE_CPUS(clones_punches_writes_and_the_scanner_on_large_pages, 2),
	TAP_CASE_CPUS(clones_while_groups_change, 2),
	TAP_CASE(who_is_killed_leaves_a_valid_clone),
	TAP_CASE(who_is_killed_leaves_a_valid_clone_of_large_pages),
	TAP_CASE(memory_is_back_after_all_clones),
};

ESX_MAIN(cases)
