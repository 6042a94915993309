/* SPDX-License-Identifier: GPL-2.0 */
/*
 * contents: which page of a data set holds what.
 *
 * A page's contents are a number, see esx_fill(); equal numbers are equal
 * pages.  A set depends on its name, its size and its seed alone, so that both
 * sides of a comparison hold the same.
 */
#ifndef CONTENTS_H
#define CONTENTS_H

#include <stddef.h>
#include <stdint.h>

struct contents;

/**
 * contents_find() - the data set called @name, or NULL
 *
 *	unique		no two pages alike
 *	pairs		each page has one twin, in the other half
 *	same		all pages alike
 *	sparse		one page of each 2 MB alike, the others unique
 *	slopes		1, 2, 4 .. 256 pages of each 2 MB alike, in turn
 */
const struct contents *contents_find(const char *name);

/** contents_of() - the number of page @page of @pages */
uint64_t contents_of(const struct contents *contents, size_t page, size_t pages, uint64_t seed);

#endif /* CONTENTS_H */
