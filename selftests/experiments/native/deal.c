// SPDX-License-Identifier: GPL-2.0
/*
 * deal: times the arithmetic that hands memory out.
 *
 *   deal CLAIMS ROUNDS SEED
 *
 * Half of what the VMs could use is handed out, by the default tax, ROUNDS times.
 * Prints a line of JSON: the CPU time of each round, in nanoseconds, and how many
 * rounds were wrong: a target out of its limits, or another sum than there is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../../../esxmem/tax/price.h"

#define PAGES_PER_GB (1 << 18)
#define SHARES_PER_GB (10 << 10)
#define LARGEST_GB 64
#define TAX_PM 750

static u64 next(u64 *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return *state >> 33;
}

/* Sizes of 1 to LARGEST_GB; in use is any part of it, guaranteed up to an eighth. */
static u64 make_claims(struct esx_claim *claims, u32 nr, u64 seed)
{
	u64 sum = 0;

	for (u32 i = 0; i < nr; i++) {
		u64 gb = 1 + next(&seed) % LARGEST_GB;

		claims[i] = (struct esx_claim){
			.max = gb * PAGES_PER_GB,
			.min = next(&seed) % (gb * PAGES_PER_GB / 8),
			.active = next(&seed) % (gb * PAGES_PER_GB),
			.shares = gb * SHARES_PER_GB,
			.tax_pm = TAX_PM,
		};
		sum += claims[i].max;
	}
	return sum;
}

static u64 cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static bool is_right(const struct esx_claim *claims, u32 nr, u64 pages)
{
	for (u32 i = 0; i < nr; i++) {
		if (claims[i].target < claims[i].min || claims[i].target > claims[i].max)
			return false;
		pages -= claims[i].target;
	}
	return !pages;
}

int main(int argc, char **argv)
{
	u32 nr = argc == 4 ? strtoul(argv[1], NULL, 0) : 0;
	u32 rounds = argc == 4 ? strtoul(argv[2], NULL, 0) : 0;
	struct esx_claim *claims = calloc(nr, sizeof(*claims));
	u32 wrong = 0;
	u64 pages;

	if (!nr || !rounds || !claims) {
		fprintf(stderr, "usage: deal CLAIMS ROUNDS SEED\n");
		return 2;
	}
	pages = make_claims(claims, nr, strtoull(argv[3], NULL, 0)) / 2;
	printf("{\"ns\": [");
	for (u32 i = 0; i < rounds; i++) {
		u64 begin = cpu_ns();

		esx_price_deal(claims, nr, pages);
		printf("%s%llu", i ? ", " : "", cpu_ns() - begin);
		wrong += !is_right(claims, nr, pages);
	}
	printf("], \"wrong\": %u}\n", wrong);
	free(claims);
	return 0;
}
