// SPDX-License-Identifier: GPL-2.0
/*
 * The scanner at full speed with several threads, its knobs being turned,
 * against writers in several processes, punches, truncates, pins, reads from
 * other processes and changes of the trust group.
 *
 * Each region of the file has one owner, a process that knows what is in each
 * of its pages and looks before it changes them: contents that are torn, stale
 * or somebody else's are found by it.
 */
#include <fcntl.h>
#include <linux/falloc.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/esx.h"

#define OWNERS 3UL
#define PAGES (OWNERS * ESX_HUGE_PAGES)
#define SIZE (PAGES * ESX_PAGE)
/* So few contents that most pages have twins. */
#define CONTENTS 24
/* Passes that an owner waits for a large page in. */
#define JOIN_PASSES 40

/* The first pages of a region are pairs that count upward. */
#define PAIRS 8UL
#define FIRST_OWN (2 * PAIRS)

struct host {
	_Atomic unsigned int working;
	_Atomic uint64_t published[OWNERS][PAIRS];
	_Atomic uint64_t joined, reads;
};

struct owner {
	struct host *host;
	unsigned int number;
	int fd;
	/* Of the region: in an aligned mapping, and in another one. */
	char *map, *second;
	uint64_t count;
	struct rand rand;
	/* Contents number, and what was stored in one word of it. */
	struct {
		uint64_t id, word;
	} is[ESX_HUGE_PAGES];
};

static size_t first_page(const struct owner *o)
{
	return o->number * ESX_HUGE_PAGES;
}

static char *page_at(const struct owner *o, size_t page)
{
	return (page % 3 ? o->map : o->second) + page * ESX_PAGE;
}

#define WORD_AT 2000

static void expected(const struct owner *o, size_t page, char *to)
{
	esx_fill(to, o->is[page].id);
	if (o->is[page].word)
		memcpy(to + WORD_AT, &o->is[page].word, 8);
}

static void look_at(const struct owner *o, size_t page, const char *when)
{
	char should[ESX_PAGE];

	expected(o, page, should);
	CHECK_MSG(!memcmp(o->map + page * ESX_PAGE, should, ESX_PAGE),
		  "owner %u, %s: page %zu is not contents %llu with word %llu",
		  o->number, when, page, (unsigned long long)o->is[page].id,
		  (unsigned long long)o->is[page].word);
}

static void fill_page(struct owner *o, size_t page, uint64_t id)
{
	o->is[page].id = id;
	o->is[page].word = 0;
	esx_fill(page_at(o, page), id);
}

static void store_word(struct owner *o, size_t page)
{
	o->is[page].word = 1 + rand_below(&o->rand, 4);
	memcpy(page_at(o, page) + WORD_AT, &o->is[page].word, 8);
}

static void write_page(struct owner *o, size_t page)
{
	char data[ESX_PAGE];

	o->is[page].id = rand_below(&o->rand, CONTENTS);
	o->is[page].word = 0;
	esx_fill(data, o->is[page].id);
	CHECK_EQ(pwrite(o->fd, data, ESX_PAGE,
			(first_page(o) + page) * ESX_PAGE),
		 ESX_PAGE);
}

static void punch_pages(struct owner *o, size_t page)
{
	size_t end = page + 1 + rand_below(&o->rand, 8);

	end = end > ESX_HUGE_PAGES ? ESX_HUGE_PAGES : end;
	CHECK_OK(fallocate(o->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			   (first_page(o) + page) * ESX_PAGE,
			   (end - page) * ESX_PAGE));
	for (; page < end; page++)
		o->is[page].id = o->is[page].word = 0;
}

/* A page in a pipe is what it was, and what it was comes out. */
static void hold_page(struct owner *o, size_t page)
{
	struct iovec part = { o->map + page * ESX_PAGE, ESX_PAGE };
	char should[ESX_PAGE], is[ESX_PAGE];
	int ends[2];

	CHECK_OK(pipe(ends));
	CHECK_EQ(vmsplice(ends[1], &part, 1, 0), ESX_PAGE);
	usleep(rand_below(&o->rand, 3000));
	look_at(o, page, "held");
	CHECK_EQ(read(ends[0], is, ESX_PAGE), ESX_PAGE);
	expected(o, page, should);
	CHECK_MSG(!memcmp(is, should, ESX_PAGE),
		  "owner %u: page %zu came out of the pipe as something else",
		  o->number, page);
	close(ends[0]);
	close(ends[1]);
}

static void read_page(struct owner *o, size_t page)
{
	char should[ESX_PAGE], is[ESX_PAGE];

	CHECK_EQ(pread(o->fd, is, ESX_PAGE, (first_page(o) + page) * ESX_PAGE),
		 ESX_PAGE);
	expected(o, page, should);
	CHECK_MSG(!memcmp(is, should, ESX_PAGE),
		  "owner %u: page %zu is read as something else", o->number,
		  page);
}

/* Whoever sees what is published must see the stores before. */
static void count_up(struct owner *o)
{
	o->count++;
	for (size_t pair = 0; pair < PAIRS; pair++) {
		for (size_t page = 2 * pair; page < 2 * pair + 2; page++) {
			look_at(o, page, "counting");
			o->is[page].word = o->count;
			atomic_store((_Atomic uint64_t *)(page_at(o, page) +
							  WORD_AT),
				     o->count);
		}
		atomic_store(&o->host->published[o->number][pair], o->count);
	}
}

static void one_change(struct owner *o)
{
	size_t page = FIRST_OWN +
		      rand_below(&o->rand, ESX_HUGE_PAGES - FIRST_OWN);

	look_at(o, page, "changing");
	switch (rand_below(&o->rand, 16)) {
	case 0 ... 4:
		fill_page(o, page, rand_below(&o->rand, CONTENTS));
		break;
	case 5 ... 8:
		store_word(o, page);
		break;
	case 9 ... 10:
		write_page(o, page);
		break;
	case 11 ... 12:
		punch_pages(o, page);
		break;
	case 13:
		hold_page(o, page);
		break;
	case 14:
		read_page(o, page);
		break;
	default:
		count_up(o);
	}
}

static void look_at_all(const struct owner *o, const char *when)
{
	for (size_t i = 0; i < ESX_HUGE_PAGES; i++)
		look_at(o, i, when);
}

static bool is_joined(const struct owner *o)
{
	return esx_state(o->fd, first_page(o)) == ESXMEM_PAGE_HUGE;
}

/* All pages different, so that the region gets a 2 MB frame, under some use. */
static void wait_joined(struct owner *o)
{
	uint64_t start = esx_figure("full_scans");

	for (size_t i = FIRST_OWN; i < ESX_HUGE_PAGES; i++)
		fill_page(o, i, 100000 + first_page(o) + i);
	while (esx_figure("full_scans") < start + JOIN_PASSES &&
	       !is_joined(o)) {
		size_t page = FIRST_OWN +
			      rand_below(&o->rand, ESX_HUGE_PAGES - FIRST_OWN);

		look_at(o, page, "waiting");
		store_word(o, page);
		usleep(2000);
	}
	o->host->joined += is_joined(o);
}

/* Works off its part; the seed says all that it does. */
static void own(struct owner *o)
{
	uint64_t changes = tap_scaled(1500, 300);
	int cycles = tap_scaled(3, 2);

	for (size_t i = 0; i < ESX_HUGE_PAGES; i++)
		fill_page(o, i, i < FIRST_OWN ? 500 + i / 2 : 1 + i % CONTENTS);
	for (int cycle = 0; cycle < cycles; cycle++) {
		for (uint64_t i = 0; i < changes; i++)
			one_change(o);
		look_at_all(o, "after changes");
		wait_joined(o);
		look_at_all(o, "after waiting");
		count_up(o);
	}
	o->host->working--;
}

static pid_t start_owner(struct host *host, unsigned int number, int fd,
			 uint64_t seed)
{
	static struct owner o;
	pid_t child = fork();

	if (child)
		return child;
	CHECK_OK(prctl(PR_SET_PDEATHSIG, SIGKILL));
	o = (struct owner){ .host = host,
			    .number = number,
			    .fd = fd,
			    .rand = { seed + number } };
	o.map = (char *)esx_map_huge(fd, SIZE) + first_page(&o) * ESX_PAGE;
	o.second = (char *)esx_map(fd, SIZE, 0) + first_page(&o) * ESX_PAGE;
	own(&o);
	_exit(0);
}

static void read_pair(struct host *host, const char *map, unsigned int owner,
		      size_t pair, uint64_t last[2])
{
	uint64_t published = atomic_load(&host->published[owner][pair]);

	for (size_t i = 0; i < 2; i++) {
		size_t page = owner * ESX_HUGE_PAGES + 2 * pair + i;
		uint64_t now = atomic_load((_Atomic uint64_t *)(map +
								page * ESX_PAGE +
								WORD_AT));

		/* Until it counts it is filled with something else. */
		if (!published)
			continue;
		CHECK_MSG(now >= published && now >= last[i],
			  "owner %u, page %zu shows %llu after %llu was stored",
			  owner, page, (unsigned long long)now,
			  (unsigned long long)published);
		last[i] = now;
	}
	host->reads++;
}

/* Looks at what the owners count, in a process of its own. */
static void read_pairs(struct host *host, int fd)
{
	static uint64_t last[OWNERS][PAIRS][2];
	const char *map = esx_map(fd, SIZE, 0);

	while (host->working) {
		for (unsigned int o = 0; o < OWNERS; o++)
			for (size_t pair = 0; pair < PAIRS; pair++)
				read_pair(host, map, o, pair, last[o][pair]);
		/* There are more than there are CPUs. */
		usleep(200);
	}
}

/* A file of its own VM, of the contents that the owners have. */
static void resize(struct host *host, uint64_t seed)
{
	int fd = esx_file("b/ram", SIZE);
	char *map = esx_map_huge(fd, SIZE);
	struct rand r = { seed };

	while (host->working) {
		size_t pages = 1 + rand_below(&r, PAGES - 1);

		for (int i = 0; i < 64; i++) {
			size_t page = rand_below(&r, pages);
			uint64_t id = rand_below(&r, CONTENTS);

			esx_fill(map + page * ESX_PAGE, id);
			sched_yield();
			CHECK_MSG(esx_has(map + page * ESX_PAGE, id),
				  "page %zu of the other file", page);
		}
		CHECK_OK(ftruncate(fd, pages * ESX_PAGE));
		CHECK_OK(ftruncate(fd, SIZE));
		CHECK(esx_is_zero(map + pages * ESX_PAGE,
				  (PAGES - pages) * ESX_PAGE));
	}
}

static void turn(const char *knob, const char *value)
{
	esx_set(esx_knob_path("%s", knob), value);
}

/* Mostly so that frames are broken; now and then so that they are made. */
static void turn_knobs(struct host *host, uint64_t seed)
{
	static const char *const policies[] = { "always", "pressure", "never" };
	struct rand r = { seed };

	while (host->working) {
		turn("share/break_large", policies[rand_below(&r, 3)]);
		turn("share/pressure_percent", rand_below(&r, 3) ? "0" : "100");
		turn("large_pages", rand_below(&r, 8) ? "always" : "never");
		turn("share/order", rand_below(&r, 2) ? "random" : "sequential");
		if (rand_below(&r, 8) == 0)
			turn("share/workers", rand_below(&r, 2) ? "3" : "2");
		if (rand_below(&r, 16) == 0)
			esx_audit_clean();
		usleep(10000);
	}
}

static void change_groups(struct host *host)
{
	const char *a = esx_vm_knob("a", "group"), *b = esx_vm_knob("b", "group");

	for (unsigned int i = 0; host->working; i++) {
		/* Mostly in one group, so that there is something to undo. */
		esx_set(a, i % 5 ? "both" : "\n");
		esx_set(b, i % 7 ? "both" : "other");
		usleep(50000);
	}
}

enum { READER, RESIZER, TURNER, GROUPS, NR_HELPERS };

static pid_t start_helper(struct host *host, int what, int fd, uint64_t seed)
{
	pid_t child = fork();

	if (child)
		return child;
	CHECK_OK(prctl(PR_SET_PDEATHSIG, SIGKILL));
	if (what == READER)
		read_pairs(host, fd);
	else if (what == RESIZER)
		resize(host, seed);
	else if (what == TURNER)
		turn_knobs(host, seed);
	else
		change_groups(host);
	_exit(0);
}

static void nothing_is_torn_or_stale_under_the_scanner(void)
{
	struct host *host = host_shared(sizeof(*host));
	uint64_t seed = tap_seed(600), merged, broken, joined;
	pid_t owners[OWNERS], helpers[NR_HELPERS];
	int fd, other;

	turn("large_pages", "always");
	fd = esx_file("a/ram", SIZE);
	/* So that the VM is there for who changes its group. */
	other = esx_file("b/rom", ESX_PAGE);
	turn("share/workers", "2");
	esx_scanner(true);
	merged = esx_figure("merged_pages");
	broken = esx_figure("huge_broken");
	joined = esx_figure("huge_joined");
	host->working = OWNERS;
	for (unsigned int i = 0; i < OWNERS; i++)
		owners[i] = start_owner(host, i, fd, seed);
	for (int i = 0; i < NR_HELPERS; i++)
		helpers[i] = start_helper(host, i, fd, seed + 100 + i);
	for (unsigned int i = 0; i < OWNERS; i++)
		tap_join(owners[i]);
	for (int i = 0; i < NR_HELPERS; i++)
		tap_join(helpers[i]);
	merged = esx_figure("merged_pages") - merged;
	broken = esx_figure("huge_broken") - broken;
	joined = esx_figure("huge_joined") - joined;
	tap_note("%llu pages merged, %llu frames broken, %llu joined, %llu reads of pairs",
		 (unsigned long long)merged, (unsigned long long)broken,
		 (unsigned long long)joined, (unsigned long long)host->reads);
	CHECK(merged > PAGES && broken > OWNERS && host->reads > 100);
	close(other);
}

static const struct tap_case cases[] = {
	TAP_CASE_CPUS(nothing_is_torn_or_stale_under_the_scanner, 2),
};

ESX_MAIN(cases)
