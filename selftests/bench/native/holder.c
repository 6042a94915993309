// SPDX-License-Identifier: GPL-2.0
/*
 * A process that holds memory.
 *
 * Its commands, each for a row of pages FIRST, FIRST + STEP, ...:
 *
 *   fill FIRST COUNT STEP KIND BASE MODULO
 *	the k-th page becomes number BASE + k % MODULO of KIND
 *   draw FIRST COUNT SEED BASE MODULO
 *	each page becomes a number of the MODULO ones from BASE, by lot
 *   mix SEED COMMON ZERO BASE MODULO OWN
 *	all pages: COMMON per cent are the MODULO numbers from BASE in an
 *	order of their own, ZERO per cent are zero, the others are numbers
 *	from OWN on, each once
 *   rewrite FIRST COUNT	write the same contents again
 *   check			answers how many pages are not what they were
 *   hash			computes the hash of each page, for the oracle
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "contents.h"
#include "holder.h"
#include "oracle.h"
#include "reply.h"

/* A prime: steps through any row that is not a multiple of it. */
#define MIX_STRIDE 65537

struct memory {
	char *map;
	size_t pages;
	struct content *contents; /* of each page */
	uint64_t *hashes;
};

static void *memory_of_file(const char *path, size_t bytes)
{
	int fd = open(path, O_RDWR | O_CREAT, 0600);
	void *map;

	if (fd < 0 || ftruncate(fd, bytes))
		return NULL;
	map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return map == MAP_FAILED ? NULL : map;
}

static void *memory_of_ksm(size_t bytes)
{
	void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (map == MAP_FAILED)
		return NULL;
	madvise(map, bytes, MADV_NOHUGEPAGE);
	return madvise(map, bytes, MADV_MERGEABLE) ? NULL : map;
}

static void *private_array(size_t bytes)
{
	void *array = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return array == MAP_FAILED ? NULL : array;
}

static char *page_at(const struct memory *m, size_t page)
{
	return m->map + page * PAGE;
}

static void set(struct memory *m, size_t page, enum kind kind, uint64_t number)
{
	m->contents[page] = (struct content){ .number = number, .kind = kind };
	content_write(page_at(m, page), m->contents[page]);
}

/* Frames side by side are one mapping of the machine's kernel. */
static void populate(struct memory *m, size_t first, size_t count)
{
	madvise(page_at(m, first), count * PAGE, MADV_POPULATE_WRITE);
}

static bool fits(const struct memory *m, size_t first, size_t count, size_t step)
{
	return step && first < m->pages && count && (count - 1) <= (m->pages - 1 - first) / step;
}

static const char *fill(struct memory *m, const struct words *w)
{
	size_t first = words_number(w, 1, 0), count = words_number(w, 2, 0);
	size_t step = words_number(w, 3, 1);
	enum kind kind = words_number(w, 4, KIND_NONE);
	uint64_t base = words_number(w, 5, 0), modulo = words_number(w, 6, 1);

	if (!fits(m, first, count, step) || !modulo || kind > KIND_ALIKE)
		return "fail out of range";
	if (step == 1)
		populate(m, first, count);
	for (size_t k = 0; k < count; k++)
		set(m, first + k * step, kind, base + k % modulo);
	return "ok";
}

static const char *draw(struct memory *m, const struct words *w)
{
	size_t first = words_number(w, 1, 0), count = words_number(w, 2, 0);
	uint64_t state = words_number(w, 3, 0), base = words_number(w, 4, 0);
	uint64_t modulo = words_number(w, 5, 1);

	if (!fits(m, first, count, 1) || !modulo)
		return "fail out of range";
	populate(m, first, count);
	for (size_t k = 0; k < count; k++)
		set(m, first + k, KIND_RANDOM, base + content_draw(&state) % modulo);
	return "ok";
}

static const char *mix(struct memory *m, const struct words *w)
{
	uint64_t state = words_number(w, 1, 0);
	uint64_t common = words_number(w, 2, 0), zero = words_number(w, 3, 0);
	uint64_t base = words_number(w, 4, 0), modulo = words_number(w, 5, 1);
	uint64_t own = words_number(w, 6, 0), nth = state % MIX_STRIDE;

	if (!modulo || common + zero > 100)
		return "fail out of range";
	populate(m, 0, m->pages);
	for (size_t page = 0; page < m->pages; page++) {
		uint64_t lot = content_draw(&state) % 100;

		if (lot < zero)
			set(m, page, KIND_ZERO, 0);
		else if (lot < zero + common)
			set(m, page, KIND_RANDOM, base + nth++ * MIX_STRIDE % modulo);
		else
			set(m, page, KIND_RANDOM, own + page);
	}
	return "ok";
}

static const char *rewrite(struct memory *m, const struct words *w)
{
	size_t first = words_number(w, 1, 0), count = words_number(w, 2, 0);

	if (!fits(m, first, count, 1))
		return "fail out of range";
	for (size_t page = first; page < first + count; page++)
		content_write(page_at(m, page), m->contents[page]);
	return "ok";
}

static bool touched(const struct memory *m, size_t page)
{
	return m->contents[page].kind != KIND_NONE;
}

static const char *check(const struct memory *m)
{
	static char answer[64];
	size_t bad = 0;

	for (size_t page = 0; page < m->pages; page++)
		if (touched(m, page))
			bad += !content_is(page_at(m, page), m->contents[page]);
	snprintf(answer, sizeof(answer), "ok %zu", bad);
	return answer;
}

static const char *hash(const struct memory *m)
{
	for (size_t page = 0; page < m->pages; page++)
		m->hashes[page] = touched(m, page) ? oracle_hash(page_at(m, page)) :
						     ORACLE_UNTOUCHED;
	return "ok";
}

static const char *obey(struct memory *m, char *line)
{
	struct words words;

	words_cut(&words, line);
	if (!words.nr)
		return "fail empty";
	if (!strcmp(words.word[0], "fill"))
		return fill(m, &words);
	if (!strcmp(words.word[0], "draw"))
		return draw(m, &words);
	if (!strcmp(words.word[0], "mix"))
		return mix(m, &words);
	if (!strcmp(words.word[0], "rewrite"))
		return rewrite(m, &words);
	if (!strcmp(words.word[0], "check"))
		return check(m);
	if (!strcmp(words.word[0], "hash"))
		return hash(m);
	return "fail unknown command";
}

static void serve(const struct holder *holder, const char *path, int in, int out)
{
	struct memory m = { .pages = holder->pages, .hashes = holder->hashes };
	char line[LINE_MAX_BYTES];

	m.map = path ? memory_of_file(path, m.pages * PAGE) : memory_of_ksm(m.pages * PAGE);
	m.contents = private_array(m.pages * sizeof(*m.contents));
	if (!m.map || !m.contents) {
		line_write(out, "fail no memory: %s", strerror(errno));
		_exit(1);
	}
	line_write(out, "ok");
	while (line_read(in, line, sizeof(line)))
		line_write(out, "%s", obey(&m, line));
	_exit(0);
}

static bool make_pipes(int to[2], int from[2])
{
	return !pipe2(to, O_CLOEXEC) && !pipe2(from, O_CLOEXEC);
}

static void *shared_array(size_t bytes)
{
	void *array = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return array == MAP_FAILED ? NULL : array;
}

bool holder_start(struct holder *holder, size_t pages, const char *path)
{
	char answer[LINE_MAX_BYTES];
	int to[2], from[2];

	*holder = (struct holder){ .pages = pages };
	holder->hashes = shared_array(pages * sizeof(*holder->hashes));
	if (!holder->hashes || !make_pipes(to, from))
		return false;
	holder->pid = fork();
	if (holder->pid < 0)
		return false;
	if (!holder->pid) {
		/* Else it would not see the worker's end close. */
		close(to[1]);
		close(from[0]);
		serve(holder, path, to[0], from[1]);
	}
	close(to[0]);
	close(from[1]);
	holder->to = to[1];
	holder->from = from[0];
	return line_read(holder->from, answer, sizeof(answer)) && !strcmp(answer, "ok");
}

void holder_end(struct holder *holder)
{
	close(holder->to);
	close(holder->from);
	kill(holder->pid, SIGKILL);
	waitpid(holder->pid, NULL, 0);
	munmap(holder->hashes, holder->pages * sizeof(*holder->hashes));
	*holder = (struct holder){};
}

bool holder_ask(struct holder *holder, const char *line, char *answer)
{
	line_write(holder->to, "%s", line);
	return line_read(holder->from, answer, LINE_MAX_BYTES);
}
