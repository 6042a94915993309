// SPDX-License-Identifier: GPL-2.0
/*
 * Over little memory the scanner never paid: each pass cost less than what was
 * worth a sleep, and the next began at nothing.
 */
#include <time.h>
#include <unistd.h>

#include "lib/esx.h"

#define PAGES 64
#define RATE 100

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
}

/* The rate is an upper limit: a slow machine can only stay further below. */
static void a_few_unique_pages_are_scanned_within_the_rate(void)
{
	int fd = esx_file("f", PAGES * ESX_PAGE);
	char *map = esx_map(fd, PAGES * ESX_PAGE, 0);
	uint64_t start, scanned, limit;

	esx_scanner(false);
	for (size_t i = 0; i < PAGES; i++)
		esx_fill(map + i * ESX_PAGE, i + 1);
	esx_set(ESX_SYSFS "/share/pages_per_second", "100");
	start = now_ms();
	scanned = esx_info().pages_scanned;
	esx_set(ESX_SYSFS "/share/run", "1");
	sleep(4);
	esx_set(ESX_SYSFS "/share/run", "0");
	scanned = esx_info().pages_scanned - scanned;
	limit = RATE * (now_ms() - start) / 1000 + 2 * PAGES;
	esx_set(ESX_SYSFS "/share/pages_per_second", "20000");
	CHECK(scanned > 0);
	CHECK_MSG(scanned <= limit, "%llu pages, %llu allowed",
		  (unsigned long long)scanned, (unsigned long long)limit);
}

static const struct tap_case cases[] = {
	TAP_CASE(a_few_unique_pages_are_scanned_within_the_rate),
};

ESX_MAIN(cases)
