// SPDX-License-Identifier: GPL-2.0
/* Tests of the oracle and of the contents; TAP.  Run by test_bench.py. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contents.h"
#include "oracle.h"

static unsigned int number, failed;

static void expect(bool holds, const char *what)
{
	failed += !holds;
	printf("%s %u - oracle: %s\n", holds ? "ok" : "not ok", ++number, what);
}

static struct oracle ask(const struct content *contents, size_t nr)
{
	char page[PAGE];
	uint64_t hashes[64];

	for (size_t i = 0; i < nr; i++) {
		content_write(page, contents[i]);
		hashes[i] = contents[i].kind ? oracle_hash(page) : ORACLE_UNTOUCHED;
	}
	return oracle_ask(hashes, nr);
}

static bool counts(struct oracle o, size_t pages, size_t zero, size_t twins, size_t contents,
		   size_t saved)
{
	return o.pages == pages && o.zero == zero && o.twins == twins && o.contents == contents &&
	       o.saved == saved;
}

static void unique_pages_save_nothing(void)
{
	const struct content some[] = { { 1, KIND_RANDOM }, { 2, KIND_RANDOM }, { 3, KIND_ALIKE } };

	expect(counts(ask(some, 3), 3, 0, 0, 0, 0), "unique pages save nothing");
}

static void equal_pages_keep_one(void)
{
	const struct content some[] = {
		{ 5, KIND_RANDOM }, { 6, KIND_RANDOM }, { 5, KIND_RANDOM }, { 5, KIND_RANDOM },
		{ 9, KIND_ALIKE },  { 9, KIND_ALIKE },	{ 8, KIND_ALIKE },
	};

	expect(counts(ask(some, 7), 7, 0, 5, 2, 3), "equal pages keep one frame");
}

static void zero_pages_keep_none(void)
{
	const struct content some[] = { { 0, KIND_ZERO }, { 4, KIND_RANDOM }, { 0, KIND_ZERO } };

	expect(counts(ask(some, 3), 3, 2, 0, 0, 2), "zero pages keep no frame");
}

static void untouched_pages_do_not_count(void)
{
	const struct content some[] = { { 0, KIND_NONE }, { 0, KIND_NONE }, { 4, KIND_RANDOM } };

	expect(counts(ask(some, 3), 1, 0, 0, 0, 0), "untouched pages do not count");
}

static void alike_pages_differ_at_the_end_alone(void)
{
	char one[PAGE], other[PAGE];

	content_write(one, (struct content){ 1, KIND_ALIKE });
	content_write(other, (struct content){ 2, KIND_ALIKE });
	expect(!memcmp(one, other, PAGE - 8) && memcmp(one, other, PAGE),
	       "alike pages differ in the last 8 bytes alone");
}

static void a_changed_byte_is_noticed(void)
{
	const struct content content = { 77, KIND_RANDOM };
	bool noticed = true;
	char page[PAGE];

	content_write(page, content);
	for (size_t at = 0; at < PAGE; at++) {
		page[at] ^= 1;
		noticed &= !content_is(page, content);
		page[at] ^= 1;
	}
	expect(noticed && content_is(page, content), "a changed byte is noticed");
}

int main(void)
{
	unique_pages_save_nothing();
	equal_pages_keep_one();
	zero_pages_keep_none();
	untouched_pages_do_not_count();
	alike_pages_differ_at_the_end_alone();
	a_changed_byte_is_noticed();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
