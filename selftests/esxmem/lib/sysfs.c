// SPDX-License-Identifier: GPL-2.0
/* Knobs and counters in sysfs. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "esx.h"
#include "internal.h"

#define PATHS 8

const char *esx_knob_path(const char *fmt, ...)
{
	static char paths[PATHS][PATH_MAX];
	static unsigned int next;
	char *path = paths[next++ % PATHS];
	va_list args;
	int length;

	length = snprintf(path, PATH_MAX, "%s/", ESX_SYSFS);
	va_start(args, fmt);
	vsnprintf(path + length, PATH_MAX - length, fmt, args);
	va_end(args);
	return path;
}

static const char *knob_of(const char *kind, const char *name, const char *knob)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s%s%s",
		 esx_dir() + strlen(esx_mount_point()) + 1, *name ? "/" : "",
		 name);
	for (char *c = path; *c; c++)
		if (*c == '/')
			*c = '!';
	return esx_knob_path("%s/%s/%s", kind, path, knob);
}

const char *esx_tax_knob(const char *name)
{
	return esx_knob_path("tax/%s", name);
}

const char *esx_vm_knob(const char *name, const char *knob)
{
	return knob_of("vms", name, knob);
}

const char *esx_pool_knob(const char *name, const char *knob)
{
	return knob_of("pools", name, knob);
}

int esx_try_write(const char *path, const void *text, size_t length)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t written;
	int error;

	if (fd < 0)
		return -1;
	written = write(fd, text, length);
	error = errno;
	close(fd);
	errno = error;
	return written < 0 ? -1 : 0;
}

void esx_set(const char *path, const char *value)
{
	if (esx_try_write(path, value, strlen(value)))
		FAIL("write \"%s\" to %s: %s", value, path, strerror(errno));
}

void esx_set_number(const char *path, uint64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
	esx_set(path, text);
}

int esx_try_number(const char *path, uint64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
	return esx_try_write(path, text, strlen(text));
}

const char *esx_get(const char *path)
{
	static char value[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length;

	if (fd < 0)
		FAIL("open %s: %s", path, strerror(errno));
	length = read(fd, value, sizeof(value) - 1);
	if (length < 0)
		FAIL("read %s: %s", path, strerror(errno));
	close(fd);
	value[length] = '\0';
	value[strcspn(value, "\n")] = '\0';
	return value;
}

uint64_t esx_get_number(const char *path)
{
	const char *text = esx_get(path);
	uint64_t number;
	char *end;

	number = strtoull(text, &end, 10);
	if (end == text || *end)
		FAIL("%s holds \"%s\", not a number", path, text);
	return number;
}

void esx_scanner(bool run)
{
	esx_set(ESX_SYSFS "/share/pages_per_second", "0");
	esx_set(ESX_SYSFS "/share/cpu_percent", "100");
	esx_set(ESX_SYSFS "/share/run", run ? "1" : "0");
}

uint64_t esx_figure(const char *name)
{
	return esx_get_number(esx_knob_path("share/%s", name));
}

/* Whoever turns a knob wakes the scanner from its rest between passes. */
static void wake_scanner(void)
{
	const char *path = ESX_SYSFS "/share/order";
	char order[32];

	snprintf(order, sizeof(order), "%s", esx_get(path));
	esx_set(path, order);
}

#define LOOK_US 2000
/* After so many looks at which nothing has changed it must be resting. */
#define REST_LOOKS 8

void esx_wait_scans(unsigned int passes)
{
	uint64_t now = esx_figure("full_scans"), before = now;
	/* The pass that is under way began before now. */
	uint64_t goal = now + passes + 1;

	for (unsigned int looks = 0; now < goal; looks++) {
		if (looks % REST_LOOKS == 0)
			wake_scanner();
		usleep(LOOK_US);
		now = esx_figure("full_scans");
		if (now != before)
			looks = 0;
		before = now;
	}
}

/* Pages of a pool that are not dealt: 6 % and a tenth of that. */
static uint64_t kept(uint64_t pool)
{
	uint64_t high = pool * 60 / 1000;

	return high + high * 10 / 100;
}

void esx_choose_pool(uint64_t bytes)
{
	uint64_t pages = bytes / ESX_PAGE, pool = pages;

	/* What is left changes by a page at the most, so it is met. */
	while (pool - kept(pool) != pages)
		pool++;
	esx_set_number(ESX_SYSFS "/tax/pool_bytes", pool * ESX_PAGE);
}

#define REBALANCE_LOOK_US 10000
#define REBALANCE_LOOKS 3000

void esx_wait_rebalance(void)
{
	const char *count = ESX_SYSFS "/tax/rebalances";
	const char *knob = ESX_SYSFS "/tax/progressive";
	uint64_t before;

	/* The first to end may have begun before now, the second has not. */
	for (int i = 0; i < 2; i++) {
		before = esx_get_number(count);
		esx_set(knob, esx_get(knob));
		for (int look = 0; esx_get_number(count) == before; look++) {
			if (look == REBALANCE_LOOKS)
				FAIL("targets are not computed");
			usleep(REBALANCE_LOOK_US);
		}
	}
}
