// SPDX-License-Identifier: GPL-2.0
/*
 * Memory files: create, for VMMs that want the file to be there, and remove.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "memfile.h"
#include "message.h"
#include "mounts.h"
#include "params.h"
#include "procs.h"
#include "size.h"

static void explain_create(const char *path, uint64_t size, int err)
{
	const char *name = strrchr(path, '/') + 1;
	char *wanted = esx_size_text(size);

	if (err == EEXIST)
		esx_error("'%s' exists; take another name, or `esxmemctl remove %s` if no VM "
			  "uses it",
			  path, name);
	else if (err == ENOSPC || err == ENOMEM || err == EFBIG)
		esx_error("no room for %s at '%s' (%s); `df` shows the limit of the mount, and "
			  "its size= option raises it; `dmesg` says if the VM was not admitted",
			  wanted, path, strerror(err));
	else if (err == EACCES || err == EPERM)
		esx_error("may not create '%s': %s; be root, or mount with uid=, gid= and mode= "
			  "that fit you",
			  path, strerror(err));
	else
		esx_error("cannot create '%s' of %s: %s", path, wanted, strerror(err));
	free(wanted);
}

/**
 * esx_memfile_check_name() - is this a name for a VM that is one file?
 * @name: the name
 *
 * Prints a message if it is not.
 */
bool esx_memfile_check_name(const char *name)
{
	const char *c;

	for (c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("._+:@-", *c))
			break;
	if (*name && !*c && *name != '.' && *name != '-' && strlen(name) <= NAME_MAX)
		return true;
	esx_error("'%s' cannot be the name of a VM; take letters, digits and . _ + : @ -, "
		  "and neither . nor - in front",
		  name);
	return false;
}

/* Give a file that was just made its parameters and its size. */
static int fill_file(int fd, const char *path, uint64_t size, const struct esx_params *params)
{
	const char *name = strrchr(path, '/') + 1;
	int err;

	if (esx_params_apply(params, name))
		return -1;
	if (!ftruncate(fd, (off_t)size))
		return 0;
	err = errno;
	if (err != ENOSPC || !esx_params_explain_refusal(name, size))
		explain_create(path, size, err);
	return -1;
}

/**
 * esx_memfile_create() - make a memory file
 * @path: where
 * @size: how large; a hole, which takes no memory
 * @params: of the VM, checked
 *
 * Return: a file descriptor, or -1 with a message printed and no file made
 */
int esx_memfile_create(const char *path, uint64_t size, const struct esx_params *params)
{
	int fd;

	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		explain_create(path, size, errno);
		return -1;
	}
	if (!fill_file(fd, path, size, params))
		return fd;
	unlink(path);
	close(fd);
	return -1;
}

static int create(const struct esx_command *cmd, int argc, char **argv)
{
	static const struct option longs[] = { { "mount", required_argument, NULL, 'm' },
					       ESX_PARAM_OPTIONS,
					       { "help", no_argument, NULL, 'h' },
					       {} };
	char *mount, *path, *wanted = NULL;
	struct esx_params params = {};
	uint64_t size;
	int fd, c;

	while ((c = esx_getopt(cmd, argc, argv, ":m:h", longs)) != -1)
		if (!esx_params_take(&params, c, optarg))
			wanted = optarg;
	if (optind + 2 != argc) {
		esx_error("create needs a name and a size, as in `esxmemctl create web1 4G`");
		return ESX_MISUSED;
	}
	if (!esx_memfile_check_name(argv[optind]) ||
	    !esx_size_parse_word(argv[optind + 1], "a number of bytes such as 512M or 4G", &size) ||
	    esx_params_check(&params, size))
		return ESX_MISUSED;
	mount = esx_mounts_choose(wanted);
	if (!mount)
		return ESX_FAILED;

	path = esx_asprintf("%s/%s", mount, argv[optind]);
	fd = esx_memfile_create(path, size, &params);
	if (fd >= 0)
		close(fd);
	free(path);
	free(mount);
	return fd < 0 ? ESX_FAILED : ESX_DONE;
}

/* Does anybody map the file?  What cannot be seen counts as no. */
static pid_t find_user(const struct stat *st)
{
	struct esx_use use = { .dev = st->st_dev, .ino = st->st_ino };

	esx_procs_find_users(&use, 1);
	return use.user;
}

static int remove_file(const char *path, bool force)
{
	struct stat st;
	pid_t user;

	if (lstat(path, &st)) {
		esx_error("no memory file '%s': %s", path, strerror(errno));
		return ESX_FAILED;
	}
	if (!S_ISREG(st.st_mode)) {
		esx_error("'%s' is not a memory file; a VM that is a directory is removed by who "
			  "made it (libvirt, when the VM stops)",
			  path);
		return ESX_FAILED;
	}
	user = force ? 0 : find_user(&st);
	if (user) {
		esx_error("'%s' is the memory of process %d; end that first, or use --force to "
			  "take its name away",
			  path, (int)user);
		return ESX_FAILED;
	}
	if (unlink(path)) {
		esx_error("cannot remove '%s': %s", path, strerror(errno));
		return ESX_FAILED;
	}
	return ESX_DONE;
}

static int remove_files(const struct esx_command *cmd, int argc, char **argv)
{
	static const struct option longs[] = { { "mount", required_argument, NULL, 'm' },
					       { "force", no_argument, NULL, 'f' },
					       { "help", no_argument, NULL, 'h' },
					       {} };
	char *mount, *path, *wanted = NULL;
	int c, i, code = ESX_DONE;
	bool force = false;

	while ((c = esx_getopt(cmd, argc, argv, ":m:fh", longs)) != -1) {
		if (c == 'm')
			wanted = optarg;
		else
			force = true;
	}
	if (optind == argc) {
		esx_error("remove needs the name of a memory file");
		return ESX_MISUSED;
	}
	for (i = optind; i < argc; i++)
		if (!esx_memfile_check_name(argv[i]))
			return ESX_MISUSED;
	mount = esx_mounts_choose(wanted);
	if (!mount)
		return ESX_FAILED;

	for (i = optind; i < argc; i++) {
		path = esx_asprintf("%s/%s", mount, argv[i]);
		if (remove_file(path, force))
			code = ESX_FAILED;
		free(path);
	}
	free(mount);
	return code;
}

const struct esx_command esx_create_command = {
	.name = "create",
	.args = "NAME SIZE [options]",
	.summary = "Make a memory file, for a VMM that does not make it itself",
	.help = "Options:\n" ESX_PARAM_HELP "  -m, --mount DIR    the mount, if there are several\n"
		"  -h, --help         print this\n"
		"\n"
		"SIZE is in bytes, or has a suffix: 512M, 4G.  The file takes no memory until\n"
		"it is used.  A minimum is reserved at once, or the file is not made.  For\n"
		"cloud-hypervisor:\n"
		"  esxmemctl create web1 4G\n"
		"  cloud-hypervisor --memory size=0 \\\n"
		"    --memory-zone id=m0,size=4G,file=/run/esxmem/web1,shared=on ...\n",
	.run = create,
};

const struct esx_command esx_remove_command = {
	.name = "remove",
	.args = "NAME... [--force] [--mount DIR]",
	.summary = "Remove memory files that no VM uses",
	.help = "Options:\n"
		"  -f, --force       also if a process maps it: its memory then lasts until it\n"
		"                    ends, but has no name\n"
		"  -m, --mount DIR   the mount, if there are several\n"
		"  -h, --help        print this\n",
	.run = remove_files,
};
