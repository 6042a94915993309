// SPDX-License-Identifier: GPL-2.0
/* Sorts the hashes of all pages and counts. */
#include <stdlib.h>
#include <string.h>

#include "contents.h"
#include "oracle.h"

/* Of the zero page, which no other page has. */
#define HASH_ZERO 1UL

/* FNV-1a by words with a final mix: nothing to do with what the kernel uses. */
uint64_t oracle_hash(const void *page)
{
	uint64_t hash = 0xcbf29ce484222325u, any = 0, words[PAGE / 8];

	memcpy(words, page, PAGE);
	for (size_t i = 0; i < PAGE / 8; i++) {
		any |= words[i];
		hash = (hash ^ words[i]) * 0x100000001b3u;
		hash ^= hash >> 29;
	}
	if (!any)
		return HASH_ZERO;
	return hash > HASH_ZERO ? hash : HASH_ZERO + 1;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void count_run(struct oracle *o, uint64_t hash, size_t length)
{
	if (hash == ORACLE_UNTOUCHED)
		return;
	o->pages += length;
	if (hash == HASH_ZERO) {
		o->zero += length;
		o->saved += length;
	} else if (length > 1) {
		o->twins += length;
		o->contents++;
		o->saved += length - 1;
	}
}

struct oracle oracle_ask(uint64_t *hashes, size_t nr)
{
	struct oracle o = {};
	size_t start = 0;

	qsort(hashes, nr, sizeof(*hashes), by_value);
	for (size_t i = 1; i <= nr; i++) {
		if (i < nr && hashes[i] == hashes[start])
			continue;
		count_run(&o, hashes[start], i - start);
		start = i;
	}
	return o;
}
