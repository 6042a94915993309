// SPDX-License-Identifier: GPL-2.0
/*
 * Tracepoints measured a VM's name and copied it later: a rename in between
 * wrote past the record.
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/esx.h"

#define RENAMES 400
#define PAGES 16

static atomic_bool done;

static void set_events(const char *value)
{
	int fd = open("/sys/kernel/tracing/events/esxmem/enable", O_WRONLY);

	CHECK_OK(fd);
	CHECK_EQ(write(fd, value, 1), 1);
	close(fd);
}

static void rename_often(void)
{
	static const char longer[] =
		"a-name-that-is-much-longer-than-the-other-one-and-longer-than-"
		"what-a-record-holds-so-that-it-would-not-fit-in-its-place";

	for (int i = 0; i < RENAMES; i++) {
		CHECK_OK(rename(esx_path("v"), esx_path("%s", longer)));
		CHECK_OK(rename(esx_path("%s", longer), esx_path("v")));
	}
	done = true;
}

static void fault_often(char *map, int fd)
{
	while (!done) {
		for (size_t i = 0; i < PAGES; i++)
			esx_fill(map + i * ESX_PAGE, 1);
		esx_merge(fd, 0, 0);
	}
}

struct ram {
	char *map;
	int fd;
};

static void work(void *arg, unsigned int index)
{
	struct ram *ram = arg;

	if (index)
		fault_often(ram->map, ram->fd);
	else
		rename_often();
}

static void a_vm_can_be_renamed_while_it_is_traced(void)
{
	struct ram ram = { .fd = esx_file("v/ram", PAGES * ESX_PAGE) };

	ram.map = esx_map(ram.fd, PAGES * ESX_PAGE, 0);
	set_events("1");
	host_parallel(2, work, &ram);
	set_events("0");
}

static const struct tap_case cases[] = {
	TAP_CASE(a_vm_can_be_renamed_while_it_is_traced),
};

ESX_MAIN(cases)
