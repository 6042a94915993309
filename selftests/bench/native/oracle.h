/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The oracle: knows from the contents alone what could be shared, and nothing
 * of who shares it.
 */
#ifndef BENCH_ORACLE_H
#define BENCH_ORACLE_H

#include <stddef.h>
#include <stdint.h>

#define ORACLE_UNTOUCHED 0UL

/**
 * struct oracle - what is in some pages
 * @pages: that were ever written to
 * @zero: of which are zero
 * @twins: of which are not zero and equal to another
 * @contents: different contents among @twins
 * @saved: frames that sharing all of it gives back: zero pages need none
 */
struct oracle {
	size_t pages;
	size_t zero;
	size_t twins;
	size_t contents;
	size_t saved;
};

/** oracle_hash() - of the page at @page; never ORACLE_UNTOUCHED */
uint64_t oracle_hash(const void *page);

/** oracle_ask() - count; sorts the @nr hashes, one of each page */
struct oracle oracle_ask(uint64_t *hashes, size_t nr);

#endif /* BENCH_ORACLE_H */
