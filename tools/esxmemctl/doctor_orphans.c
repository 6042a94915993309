// SPDX-License-Identifier: GPL-2.0
/*
 * Doctor: memory files that no process maps.
 *
 * QEMU does not remove a file that it made, so each VM that ended without
 * somebody tidying up leaves one, and with it its memory.
 */
#include <ftw.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "doctor.h"
#include "message.h"
#include "mounts.h"
#include "procs.h"
#include "size.h"

/* More than this many are counted, not named. */
#define NAMED_MAX 10

/**
 * struct memory_file - a file found in a mount
 * @path: where
 * @bytes: memory that it holds
 */
struct memory_file {
	char *path;
	unsigned long long bytes;
};

/* nftw() hands its callback no pointer. */
static struct memory_file *files;
static struct esx_use *uses;
static size_t nr_files;

static int collect(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)ftw;
	if (type != FTW_F || !S_ISREG(st->st_mode))
		return 0;
	files = esx_must(realloc(files, (nr_files + 1) * sizeof(*files)));
	uses = esx_must(realloc(uses, (nr_files + 1) * sizeof(*uses)));
	files[nr_files].path = esx_asprintf("%s", path);
	files[nr_files].bytes = st->st_blocks * 512ULL;
	uses[nr_files] = (struct esx_use){ .dev = st->st_dev, .ino = st->st_ino };
	nr_files++;
	return 0;
}

static void report_orphan(struct esx_report *report, const struct memory_file *file)
{
	char *advice = esx_asprintf("if its VM has ended, `rm %s`; if a VMM is still to be "
				    "started on it, leave it",
				    file->path);
	char *size = esx_size_text(file->bytes);

	esx_report(report, ESX_WARN, "orphans", advice, "no process maps %s, which holds %s",
		   file->path, size);
	free(size);
	free(advice);
}

static void report_orphans(struct esx_report *report)
{
	size_t orphans = 0, i;

	for (i = 0; i < nr_files; i++)
		if (!uses[i].user && orphans++ < NAMED_MAX)
			report_orphan(report, &files[i]);
	if (orphans > NAMED_MAX)
		esx_report(report, ESX_WARN, "orphans", NULL, "and %zu more files",
			   orphans - NAMED_MAX);
	if (!nr_files)
		esx_report(report, ESX_OK, "orphans", NULL, "there are no memory files");
	else if (!orphans)
		esx_report(report, ESX_OK, "orphans", NULL, "all memory files (%zu) are in use",
			   nr_files);
}

static void forget_files(void)
{
	while (nr_files)
		free(files[--nr_files].path);
	free(files);
	free(uses);
	files = NULL;
	uses = NULL;
}

/**
 * esx_doctor_orphans() - look for memory files that no process maps
 * @report: where to report
 */
void esx_doctor_orphans(struct esx_report *report)
{
	struct esx_mount *mounts;
	size_t nr, i;

	if (esx_mounts_list(&mounts, &nr))
		return;
	for (i = 0; i < nr; i++)
		nftw(mounts[i].target, collect, 16, FTW_PHYS | FTW_MOUNT);
	esx_mounts_free(mounts, nr);

	/* Files of processes that cannot be looked at would be called orphans. */
	if (nr_files && !esx_procs_find_users(uses, nr_files))
		esx_report(report, ESX_WARN, "orphans", "run as root",
			   "not checked: only root sees what all processes map");
	else
		report_orphans(report);
	forget_files();
}
