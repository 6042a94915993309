// SPDX-License-Identifier: GPL-2.0
/* What the scanner's threads cost. */
#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>

#include "esx.h"

#define NAME "esxmem_scand/"

/* Threads come and go: what cannot be read any more is passed over. */
static bool read_line(const char *pid, const char *file, char *line, int size)
{
	char path[300];
	FILE *stream;
	bool got;

	snprintf(path, sizeof(path), "/proc/%s/%s", pid, file);
	stream = fopen(path, "r");
	if (!stream)
		return false;
	got = fgets(line, size, stream);
	fclose(stream);
	return got;
}

static void add_thread(struct esx_scand *sum, const char *pid)
{
	uint64_t run, wait;
	char line[128];

	if (!read_line(pid, "comm", line, sizeof(line)) ||
	    strncmp(line, NAME, strlen(NAME)))
		return;
	sum->threads++;
	if (!read_line(pid, "schedstat", line, sizeof(line)))
		return;
	if (sscanf(line, "%" SCNu64 " %" SCNu64, &run, &wait) != 2)
		FAIL("/proc/%s/schedstat holds \"%s\"", pid, line);
	sum->run_ns += run;
	sum->wait_ns += wait;
}

struct esx_scand esx_scand(void)
{
	struct esx_scand sum = {};
	struct dirent *entry;
	DIR *dir = opendir("/proc");

	CHECK(dir);
	while ((entry = readdir(dir)))
		if (isdigit((unsigned char)entry->d_name[0]))
			add_thread(&sum, entry->d_name);
	closedir(dir);
	return sum;
}
