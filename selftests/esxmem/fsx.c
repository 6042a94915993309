// SPDX-License-Identifier: GPL-2.0
/*
 * Exercises one file by random operations and compares it with a model in
 * memory, while its pages are merged by calls and by the scanner.
 *
 * Contents are drawn from a few patterns, often by whole pages, so that there
 * is always something to share and sharing is always being broken.
 */
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/esx.h"

#define MAX_SIZE (5UL << 20) /* of a file that is to have large pages */
#define SMALL_SIZE (512UL << 10)
#define MAX_LENGTH (8UL << 10)
#define PATTERNS 12
#define MERGE_EVERY 1000
#define VERIFY_EVERY 10000
#define LOG 24

struct fsx {
	int fd;
	size_t limit; /* of the file's size, and the size of the mappings */
	char *map;
	char *other; /* a second mapping of the same */
	char *model;
	size_t size;
	struct rand rand;
	char (*patterns)[ESX_PAGE];
	uint64_t op;
	uint64_t merges, clones;
	char log[LOG][80];
};

struct range {
	size_t start, length;
};

static uint64_t below(struct fsx *x, uint64_t limit)
{
	return rand_below(&x->rand, limit);
}

#define LOG_OP(x, ...) \
	snprintf((x)->log[(x)->op % LOG], sizeof((x)->log[0]), __VA_ARGS__)

static void show_log(struct fsx *x)
{
	uint64_t first = x->op < LOG ? 0 : x->op - LOG + 1;

	for (uint64_t i = first; i <= x->op; i++)
		tap_note("op %llu: %s", (unsigned long long)i, x->log[i % LOG]);
}

static void compare(struct fsx *x, const char *is, struct range r,
		    const char *how)
{
	size_t at = 0;

	if (!memcmp(is, x->model + r.start, r.length))
		return;
	while (is[at] == x->model[r.start + at])
		at++;
	show_log(x);
	FAIL("op %llu: %s: byte %zu of the file (page %zu) is %02hhx, expected %02hhx",
	     (unsigned long long)x->op, how, r.start + at,
	     (r.start + at) / ESX_PAGE, is[at], x->model[r.start + at]);
}

/* A range within @limit; a third of them are whole pages. */
static struct range pick(struct fsx *x, size_t limit)
{
	struct range r;

	if (!limit)
		return (struct range){ 0, 0 };
	r.start = below(x, limit);
	r.length = 1 + below(x, below(x, 500) ? MAX_LENGTH : limit);
	if (!below(x, 3)) {
		r.start &= -ESX_PAGE;
		r.length = (r.length + ESX_PAGE - 1) & -ESX_PAGE;
	}
	if (r.length > limit - r.start)
		r.length = limit - r.start;
	return r;
}

/* Fills the model, which the operation then has to follow. */
static void invent(struct fsx *x, struct range r)
{
	const char *pattern = x->patterns[below(x, PATTERNS)];

	for (size_t done = 0; done < r.length;) {
		size_t in_page = (r.start + done) % ESX_PAGE;
		size_t part = ESX_PAGE - in_page;

		if (part > r.length - done)
			part = r.length - done;
		memcpy(x->model + r.start + done, pattern + in_page, part);
		done += part;
	}
	if (!below(x, 4))
		x->model[r.start] = x->op;
}

static void grow_to(struct fsx *x, size_t size)
{
	if (size > x->size)
		x->size = size;
}

static void op_store(struct fsx *x)
{
	struct range r = pick(x, x->size);

	LOG_OP(x, "store %zu at %zu", r.length, r.start);
	if (!r.length)
		return;
	invent(x, r);
	memcpy((below(x, 2) ? x->map : x->other) + r.start, x->model + r.start,
	       r.length);
}

static void op_load(struct fsx *x)
{
	struct range r = pick(x, x->size);

	LOG_OP(x, "load %zu at %zu", r.length, r.start);
	compare(x, x->map + r.start, r, "load");
	compare(x, x->other + r.start, r, "load from the other mapping");
}

static void op_write(struct fsx *x)
{
	struct range r = pick(x, x->limit);

	LOG_OP(x, "write %zu at %zu", r.length, r.start);
	invent(x, r);
	CHECK_EQ(pwrite(x->fd, x->model + r.start, r.length, r.start),
		 r.length);
	grow_to(x, r.start + r.length);
}

static void op_read(struct fsx *x)
{
	static char buffer[MAX_SIZE];
	struct range r = pick(x, x->size);

	LOG_OP(x, "read %zu at %zu", r.length, r.start);
	CHECK_EQ(pread(x->fd, buffer, r.length, r.start), r.length);
	compare(x, buffer, r, "read");
}

static void op_punch(struct fsx *x)
{
	struct range r = pick(x, x->limit);

	LOG_OP(x, "punch %zu at %zu", r.length, r.start);
	CHECK_OK(fallocate(x->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			   r.start, r.length));
	memset(x->model + r.start, 0, r.length);
}

static void op_zero(struct fsx *x)
{
	struct range r = pick(x, x->limit);
	bool keep = below(x, 2);

	LOG_OP(x, "zero %zu at %zu%s", r.length, r.start, keep ? " keep" : "");
	if (!esx_is_here())
		return;
	CHECK_OK(fallocate(x->fd,
			   FALLOC_FL_ZERO_RANGE |
				   (keep ? FALLOC_FL_KEEP_SIZE : 0),
			   r.start, r.length));
	memset(x->model + r.start, 0, r.length);
	if (!keep)
		grow_to(x, r.start + r.length);
}

static void op_allocate(struct fsx *x)
{
	struct range r = pick(x, x->limit);

	LOG_OP(x, "allocate %zu at %zu", r.length, r.start);
	CHECK_OK(fallocate(x->fd, 0, r.start, r.length));
	grow_to(x, r.start + r.length);
}

/* From one place of the file to another, whole pages. */
static void op_clone(struct fsx *x)
{
	struct range r = pick(x, x->size & -ESX_PAGE);
	size_t start = r.start & -ESX_PAGE;
	size_t length = (r.start + r.length - start) & -ESX_PAGE;
	size_t to = below(x, (x->limit - length) / ESX_PAGE + 1) * ESX_PAGE;
	struct file_clone_range range = { x->fd, start, length, to };

	LOG_OP(x, "clone %zu at %zu to %zu", length, start, to);
	/* A length of zero would be all of it. */
	if (!esx_is_here() || !length ||
	    (to < start + length && start < to + length))
		return;
	CHECK_OK(ioctl(x->fd, FICLONERANGE, &range));
	memcpy(x->model + to, x->model + start, length);
	grow_to(x, to + length);
	x->clones++;
}

static void op_truncate(struct fsx *x)
{
	size_t size = below(x, x->limit + 1);

	LOG_OP(x, "truncate %zu to %zu", x->size, size);
	CHECK_OK(ftruncate(x->fd, size));
	if (size < x->size)
		memset(x->model + size, 0, x->size - size);
	x->size = size;
}

static void op_advise(struct fsx *x)
{
	static const int advice[] = { MADV_DONTNEED, MADV_WILLNEED,
				      MADV_REMOVE };
	int which = below(x, ARRAY_SIZE(advice));
	struct range r = pick(x, x->limit);

	r.start &= -ESX_PAGE;
	r.length = (r.length + ESX_PAGE - 1) & -ESX_PAGE;
	LOG_OP(x, "madvise %d %zu at %zu", advice[which], r.length, r.start);
	CHECK_OK(madvise(x->map + r.start, r.length, advice[which]));
	if (advice[which] == MADV_REMOVE)
		memset(x->model + r.start, 0, r.length);
}

static void op_sync(struct fsx *x)
{
	LOG_OP(x, "msync");
	CHECK_OK(msync(x->map, x->limit, MS_SYNC));
}

static void op_remap(struct fsx *x)
{
	LOG_OP(x, "remap");
	CHECK_OK(munmap(x->other, x->limit));
	x->other = esx_map(x->fd, x->limit, 0);
}

static void op_merge(struct fsx *x)
{
	struct range r = pick(x, x->size);

	LOG_OP(x, "merge %zu at %zu", r.length, r.start);
	if (!esx_is_here())
		return;
	if (below(x, 2)) {
		esx_merge(x->fd, 0, 0);
	} else {
		r.start &= -ESX_PAGE;
		r.length &= -ESX_PAGE;
		esx_merge(x->fd, r.start, r.length);
	}
	x->merges++;
}

static void verify(struct fsx *x, const char *when)
{
	static char buffer[MAX_SIZE];
	struct range all = { 0, x->size };

	CHECK_EQ(lseek(x->fd, 0, SEEK_END), x->size);
	compare(x, x->map, all, when);
	CHECK_EQ(pread(x->fd, buffer, x->size, 0), x->size);
	compare(x, buffer, all, when);
}

static void one_op(struct fsx *x)
{
	static const struct {
		void (*run)(struct fsx *x);
		unsigned int weight;
	} ops[] = {
		{ op_store, 30 },   { op_load, 20 },  { op_write, 12 },
		{ op_read, 12 },    { op_punch, 10 }, { op_zero, 5 },
		{ op_allocate, 1 }, { op_advise, 4 }, { op_sync, 1 },
		{ op_remap, 1 },    { op_clone, 4 },
	};
	unsigned int draw = below(x, 100);

	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		if (draw < ops[i].weight) {
			ops[i].run(x);
			return;
		}
		draw -= ops[i].weight;
	}
}

static void open_all(struct fsx *x, size_t limit, uint64_t seed)
{
	static char model[MAX_SIZE], patterns[PATTERNS][ESX_PAGE];

	*x = (struct fsx){ .rand = { seed },
			   .limit = limit,
			   .model = model,
			   .patterns = patterns };
	for (int i = 0; i < PATTERNS; i++)
		esx_fill(patterns[i], i); /* the first is zeros */
	x->fd = esx_file("f", 0);
	x->map = esx_map_huge(x->fd, x->limit);
	x->other = esx_map(x->fd, x->limit, 0);
}

/* By whomever: with more CPUs the scanner leaves the calls little to do. */
static uint64_t merged_so_far(void)
{
	struct esxmem_info info;

	if (!esx_is_here())
		return 0;
	info = esx_info();
	return info.pages_merged + info.zero_merged;
}

static void exercise(uint64_t fixed_seed, const char *large_pages,
		     const char *break_large, size_t limit)
{
	uint64_t ops = tap_scaled(250000, 20000);
	uint64_t merged;
	struct fsx x;

	if (esx_is_here()) {
		esx_set(ESX_SYSFS "/large_pages", large_pages);
		esx_set(ESX_SYSFS "/share/break_large", break_large);
		esx_scanner(true);
	}
	open_all(&x, limit, tap_seed(fixed_seed));
	merged = merged_so_far();
	for (x.op = 0; x.op < ops; x.op++) {
		if (x.op % MERGE_EVERY == MERGE_EVERY - 1)
			op_merge(&x);
		else if (!below(&x, 1000))
			op_truncate(&x);
		else
			one_op(&x);
		if (x.op % VERIFY_EVERY == VERIFY_EVERY - 1)
			verify(&x, "whole file");
	}
	verify(&x, "whole file at the end");
	merged = merged_so_far() - merged;
	tap_note("%llu operations, %llu merge calls, %llu clones, %llu pages merged",
		 (unsigned long long)ops, (unsigned long long)x.merges,
		 (unsigned long long)x.clones, (unsigned long long)merged);
	CHECK(!esx_is_here() || (x.merges >= ops / 2000 && merged > ops / 100 &&
				  x.clones > ops / 100));
}

static void contents_hold_with_4k_pages_1(void)
{
	exercise(1, "never", "pressure", SMALL_SIZE);
}

static void contents_hold_with_4k_pages_2(void)
{
	exercise(2, "never", "pressure", SMALL_SIZE);
}

static void contents_hold_with_2m_pages_3(void)
{
	exercise(3, "always", "always", MAX_SIZE);
}

static void contents_hold_with_2m_pages_4(void)
{
	exercise(4, "always", "pressure", MAX_SIZE);
}

static const struct tap_case cases[] = {
	TAP_CASE(contents_hold_with_4k_pages_1),
	TAP_CASE(contents_hold_with_4k_pages_2),
	TAP_CASE(contents_hold_with_2m_pages_3),
	TAP_CASE(contents_hold_with_2m_pages_4),
};

ESX_MAIN(cases)
