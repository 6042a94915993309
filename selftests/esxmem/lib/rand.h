/* SPDX-License-Identifier: GPL-2.0 */
/* rand: numbers that depend on the seed alone (splitmix64). */
#ifndef ESX_RAND_H
#define ESX_RAND_H

#include <stdint.h>

struct rand {
	uint64_t state;
};

static inline uint64_t rand_next(struct rand *r)
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* A number below @limit; the bias is of no matter for limits this small. */
static inline uint64_t rand_below(struct rand *r, uint64_t limit)
{
	return rand_next(r) % limit;
}

#endif /* ESX_RAND_H */
