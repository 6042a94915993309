// SPDX-License-Identifier: GPL-2.0
/* How long the first store to a page takes. */
#include <stdlib.h>
#include <time.h>
#include <x86intrin.h>

#include <lib/esx.h>

#include "stores.h"

#define IDLE_READINGS 1001

static uint64_t now(void)
{
	unsigned int cpu;
	uint64_t ticks;

	_mm_mfence();
	_mm_lfence();
	ticks = __rdtscp(&cpu);
	_mm_lfence();
	return ticks;
}

static int by_size(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static uint64_t cost_of_reading(void)
{
	uint64_t times[IDLE_READINGS];

	for (size_t i = 0; i < IDLE_READINGS; i++) {
		uint64_t start = now();

		times[i] = now() - start;
	}
	qsort(times, IDLE_READINGS, sizeof(times[0]), by_size);
	return times[IDLE_READINGS / 2];
}

static size_t *shuffled(size_t pages, uint64_t seed)
{
	size_t *order = malloc(pages * sizeof(*order));
	struct rand r = { seed };

	CHECK(order);
	for (size_t i = 0; i < pages; i++) {
		size_t other = rand_below(&r, i + 1);

		order[i] = order[other];
		order[other] = i;
	}
	return order;
}

static uint64_t clock_ns(void)
{
	struct timespec ts;

	CHECK_OK(clock_gettime(CLOCK_MONOTONIC, &ts));
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* Writes down what each store took; returns the length of a tick in ns. */
static double time_each(char *start, size_t pages, const size_t *order, char value, uint64_t *times)
{
	uint64_t idle = cost_of_reading();
	uint64_t ns = clock_ns(), ticks = now();

	for (size_t i = 0; i < pages; i++) {
		volatile char *page = start + order[i] * ESX_PAGE;
		uint64_t begin = now(), taken;

		*page = value;
		taken = now() - begin;
		times[i] = taken > idle ? taken - idle : 0;
	}
	ticks = now() - ticks;
	ns = clock_ns() - ns;
	CHECK(ticks);
	return (double)ns / ticks;
}

static struct stores sum_up(uint64_t *times, size_t pages, double tick)
{
	struct stores result = {};

	qsort(times, pages, sizeof(*times), by_size);
	for (size_t i = 0; i < pages; i++)
		result.mean += times[i] * tick / pages;
	result.median = times[pages / 2] * tick;
	result.p90 = times[pages * 90 / 100] * tick;
	result.p99 = times[pages * 99 / 100] * tick;
	result.highest = times[pages - 1] * tick;
	return result;
}

struct stores stores_time(char *start, size_t pages, uint64_t seed, char value)
{
	uint64_t *times = malloc(pages * sizeof(*times));
	size_t *order = shuffled(pages, seed);
	struct stores result;

	CHECK(times);
	/* So that writing down a time takes no fault of its own. */
	memset(times, 0xff, pages * sizeof(*times));
	result = sum_up(times, pages, time_each(start, pages, order, value, times));
	free(order);
	free(times);
	return result;
}
