// SPDX-License-Identifier: GPL-2.0
/*
 * Processes, as /proc shows them.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "kernel.h"
#include "message.h"
#include "procs.h"

static int filter_pids(const struct dirent *entry)
{
	return isdigit((unsigned char)entry->d_name[0]);
}

static int list_pids(struct dirent ***entries)
{
	char *path = esx_kernel_path("/proc");
	int nr = scandir(path, entries, filter_pids, NULL);

	free(path);
	return nr;
}

static void free_pids(struct dirent **entries, int nr)
{
	while (nr-- > 0)
		free(entries[nr]);
	free(entries);
}

static void mark_users(const char *line, pid_t pid, struct esx_use *uses, size_t nr)
{
	unsigned int major, minor;
	unsigned long ino;
	size_t i;

	if (sscanf(line, "%*s %*s %*s %x:%x %lu", &major, &minor, &ino) != 3 || !ino)
		return;
	for (i = 0; i < nr; i++)
		if (uses[i].ino == ino && uses[i].dev == makedev(major, minor))
			uses[i].user = pid;
}

/* false: the process does not let itself be looked at */
static bool scan_maps(const char *pid, struct esx_use *uses, size_t nr)
{
	char *path = esx_kernel_path("/proc/%s/maps", pid), *line = NULL;
	FILE *maps = fopen(path, "re");
	size_t size = 0;

	free(path);
	/* A process that has ended maps nothing. */
	if (!maps)
		return errno == ENOENT || errno == ESRCH;
	while (getline(&line, &size, maps) > 0)
		mark_users(line, atoi(pid), uses, nr);
	free(line);
	fclose(maps);
	return true;
}

/**
 * esx_procs_find_users() - find out which files are mapped by a process
 * @uses: the files; user is filled in
 * @nr: how many
 *
 * Return: whether all processes could be looked at
 */
bool esx_procs_find_users(struct esx_use *uses, size_t nr)
{
	struct dirent **entries;
	bool complete = true;
	int nr_pids, i;

	nr_pids = list_pids(&entries);
	if (nr_pids < 0)
		return false;
	for (i = 0; i < nr_pids; i++)
		if (!scan_maps(entries[i]->d_name, uses, nr))
			complete = false;
	free_pids(entries, nr_pids);
	return complete;
}

/* The kernel's name of a process: of the program, or of the script. */
static bool has_name(const char *pid, const char *name)
{
	char *path = esx_kernel_path("/proc/%s/comm", pid);
	char value[ESX_VALUE_MAX];
	bool is;

	is = !esx_file_read(path, value) && !strcmp(value, name);
	free(path);
	return is;
}

/**
 * esx_procs_find_name() - find a process by the name of its program
 * @name: the name, of 15 characters at most
 *
 * Return: a process, 0 when there is none
 */
pid_t esx_procs_find_name(const char *name)
{
	struct dirent **entries;
	pid_t found = 0;
	int nr, i;

	nr = list_pids(&entries);
	if (nr < 0)
		return 0;
	for (i = 0; i < nr && !found; i++)
		if (has_name(entries[i]->d_name, name))
			found = atoi(entries[i]->d_name);
	free_pids(entries, nr);
	return found;
}
