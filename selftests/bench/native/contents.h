/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is in a page: a kind and a number.  Pages of equal kind and number are
 * equal, and no others are.  Nothing but these two is stored: contents are
 * made again to be checked.
 */
#ifndef BENCH_CONTENTS_H
#define BENCH_CONTENTS_H

#include <stdbool.h>
#include <stdint.h>

#define PAGE 4096UL

/**
 * enum kind - of a page's contents
 * @KIND_NONE: never touched
 * @KIND_ZERO: all zero
 * @KIND_RANDOM: the words of a generator that starts from the number
 * @KIND_ALIKE: the same in all pages of the kind but for the last 8 bytes
 */
enum kind {
	KIND_NONE,
	KIND_ZERO,
	KIND_RANDOM,
	KIND_ALIKE,
};

/**
 * struct content - of a page
 * @number: which one of its kind; below 2^56
 * @kind: an enum kind
 */
struct content {
	uint64_t number : 56;
	uint64_t kind : 8;
};

/** content_write() - make the page at @page hold @content, writing all of it */
void content_write(void *page, struct content content);

/** content_is() - does the page at @page hold @content? */
bool content_is(const void *page, struct content content);

/** content_draw() - the next of a row of random numbers, whose state is @state */
uint64_t content_draw(uint64_t *state);

#endif /* BENCH_CONTENTS_H */
