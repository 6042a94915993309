/* SPDX-License-Identifier: GPL-2.0 */
/*
 * stores: how long the first store to a page takes.
 *
 * A time is the difference of two readings of the processor's time stamp
 * counter, less what two readings with nothing in between differ by.  How long
 * a tick is the wall clock says, over all stores.
 */
#ifndef STORES_H
#define STORES_H

#include <stddef.h>
#include <stdint.h>

/** struct stores - times in nanoseconds */
struct stores {
	double median, p90, p99, highest, mean;
};

/** stores_time() - store to the first byte of each page, in an order by @seed */
struct stores stores_time(char *start, size_t pages, uint64_t seed, char value);

#endif /* STORES_H */
