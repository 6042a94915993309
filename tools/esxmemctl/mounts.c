// SPDX-License-Identifier: GPL-2.0
/*
 * Mounts: where the memory filesystem is, and the memory files of a VM in it.
 *
 * The kernel's mount table is read with libmount.  A --mount DIR of the user
 * must be in it: writing guest memory into a directory of some disk because
 * a mount is missing is the mistake to keep people from.
 */
#include <libmount.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel.h"
#include "message.h"
#include "mounts.h"

static void say_none(void)
{
	esx_error("the memory filesystem is not mounted; "
		  "try `mount -t esxmem -o X-mount.mkdir esxmem /run/esxmem`");
}

static void add_mount(struct esx_mount **mounts, size_t *nr, struct libmnt_fs *fs)
{
	const char *options = mnt_fs_get_options(fs);

	*mounts = esx_must(realloc(*mounts, (*nr + 1) * sizeof(**mounts)));
	(*mounts)[*nr].target = esx_asprintf("%s", mnt_fs_get_target(fs));
	(*mounts)[*nr].options = esx_asprintf("%s", options ? options : "");
	(*nr)++;
}

/**
 * esx_mounts_list() - all mounts of the memory filesystem
 * @mounts: out: the mounts, to be given to esx_mounts_free()
 * @nr: out: how many
 *
 * Return: 0, or -1 when the mount table cannot be read
 */
int esx_mounts_list(struct esx_mount **mounts, size_t *nr)
{
	char *path = esx_kernel_path("/proc/self/mountinfo");
	struct libmnt_iter *iter = esx_must(mnt_new_iter(MNT_ITER_FORWARD));
	struct libmnt_table *table = mnt_new_table_from_file(path);
	struct libmnt_fs *fs;

	*mounts = NULL;
	*nr = 0;
	while (table && !mnt_table_next_fs(table, iter, &fs))
		if (mnt_fs_match_fstype(fs, "esxmem"))
			add_mount(mounts, nr, fs);

	mnt_free_iter(iter);
	mnt_unref_table(table);
	if (!table)
		esx_error("cannot read the mount table %s", path);
	free(path);
	return table ? 0 : -1;
}

/**
 * esx_mounts_free() - undo esx_mounts_list()
 * @mounts: the mounts
 * @nr: how many
 */
void esx_mounts_free(struct esx_mount *mounts, size_t nr)
{
	while (nr--) {
		free(mounts[nr].target);
		free(mounts[nr].options);
	}
	free(mounts);
}

static char *choose_wanted(const struct esx_mount *mounts, size_t nr, const char *wanted)
{
	char *real = realpath(wanted, NULL);
	size_t i;

	for (i = 0; real && i < nr; i++)
		if (!strcmp(mounts[i].target, real))
			return real;
	free(real);
	esx_error("the memory filesystem is not mounted at '%s'; "
		  "`findmnt -t esxmem` shows where it is",
		  wanted);
	return NULL;
}

static char *choose_only(const struct esx_mount *mounts, size_t nr)
{
	if (nr == 1)
		return esx_asprintf("%s", mounts[0].target);
	if (!nr)
		say_none();
	else
		esx_error("the memory filesystem is mounted %zu times, at %s, %s%s; "
			  "say which one with --mount DIR",
			  nr, mounts[0].target, mounts[1].target, nr > 2 ? ", ..." : "");
	return NULL;
}

/**
 * esx_mounts_choose() - the mount that a command works on
 * @wanted: what the user gave with --mount, or NULL
 *
 * Return: the mount point, to be freed; NULL with a message printed
 */
char *esx_mounts_choose(const char *wanted)
{
	struct esx_mount *mounts;
	char *chosen;
	size_t nr;

	if (esx_mounts_list(&mounts, &nr))
		return NULL;
	chosen = wanted ? choose_wanted(mounts, nr, wanted) : choose_only(mounts, nr);
	esx_mounts_free(mounts, nr);
	return chosen;
}

/**
 * esx_mounts_find_vm() - the file or directory that is a VM
 * @name: the VM
 * @wanted: what the user gave with --mount, or NULL for any mount
 *
 * Return: its path, to be freed; NULL when no mount has it, nothing printed
 */
char *esx_mounts_find_vm(const char *name, const char *wanted)
{
	struct esx_mount *mounts;
	char *found = NULL;
	size_t nr, i;

	if (esx_mounts_list(&mounts, &nr))
		return NULL;
	for (i = 0; i < nr && !found; i++) {
		if (wanted && strcmp(wanted, mounts[i].target))
			continue;
		found = esx_asprintf("%s/%s", mounts[i].target, name);
		if (!access(found, F_OK))
			break;
		free(found);
		found = NULL;
	}
	esx_mounts_free(mounts, nr);
	return found;
}

/**
 * esx_mounts_explain_vm() - say why esx_mounts_find_vm() found nothing
 * @name: the VM
 * @advice: what to do if there is such a VM
 */
void esx_mounts_explain_vm(const char *name, const char *advice)
{
	if (esx_sysfs_has_vm(name))
		esx_error("VM '%s' has no file of that name: it was unlinked while in use, or has "
			  "a number because another mount has its name; %s",
			  name, advice);
	else
		esx_error("no VM named '%s'; `esxmemctl vm list` shows them", name);
}
