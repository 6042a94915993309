// SPDX-License-Identifier: GPL-2.0
/*
 * Clones: memory files that begin as another one is, and share its frames.
 *
 * The kernel does it in one call for each clone, so that a clone shows its
 * source at one moment; a signal ends the work between two clones.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "interrupt.h"
#include "kernel.h"
#include "memfile.h"
#include "message.h"
#include "mounts.h"
#include "procs.h"
#include "record.h"
#include "size.h"

/**
 * struct request - what the command line asks for
 * @json: report as JSON
 * @force: overwrite what exists
 * @mount: where names without a slash are, or NULL
 */
struct request {
	bool json;
	bool force;
	const char *mount;
};

/**
 * struct source - the file to be cloned
 * @path: where it is
 * @fd: open for reading
 * @st: its attributes
 */
struct source {
	char *path;
	int fd;
	struct stat st;
};

static const struct esx_field columns[] = {
	ESX_FIELD("clone", "CLONE", TEXT, NULL),
	ESX_FIELD("size_bytes", "SIZE", BYTES, NULL),
	ESX_FIELD("shared_bytes", "SHARED", BYTES, NULL),
	ESX_FIELD("zero_bytes", "ZERO", BYTES, NULL),
	ESX_FIELD("private_bytes", "PRIVATE", BYTES, NULL),
};

/* A word with a slash is a path, another one a name in the mount. */
static char *path_of(const char *word, const struct request *request)
{
	char *mount, *path;

	if (strchr(word, '/'))
		return esx_asprintf("%s", word);
	if (!esx_memfile_check_name(word))
		return NULL;
	mount = esx_mounts_choose(request->mount);
	if (!mount)
		return NULL;
	path = esx_asprintf("%s/%s", mount, word);
	free(mount);
	return path;
}

static bool is_on_mount(const struct stat *st)
{
	struct esx_mount *mounts;
	bool found = false;
	struct stat root;
	size_t nr, i;

	if (esx_mounts_list(&mounts, &nr))
		return false;
	for (i = 0; i < nr && !found; i++)
		found = !stat(mounts[i].target, &root) && root.st_dev == st->st_dev;
	esx_mounts_free(mounts, nr);
	return found;
}

static bool open_source(struct source *source)
{
	source->fd = open(source->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (source->fd < 0 || fstat(source->fd, &source->st)) {
		esx_error("cannot open '%s': %s", source->path, strerror(errno));
		return false;
	}
	if (!S_ISREG(source->st.st_mode)) {
		esx_error("'%s' is not a memory file; name the file, of a VM that is a directory "
			  "each one in it",
			  source->path);
		return false;
	}
	if (!is_on_mount(&source->st)) {
		esx_error("'%s' is not on the memory filesystem; `findmnt -t esxmem` shows where "
			  "that is",
			  source->path);
		return false;
	}
	return true;
}

/* A clone shares frames, and a mount's limit counts its own files alone. */
static bool is_beside(const char *path, const struct source *source)
{
	const char *slash = strrchr(path, '/');
	char *dir = esx_asprintf("%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
	struct stat st;
	int err = stat(dir, &st) ? errno : 0;

	free(dir);
	if (err)
		esx_error("cannot create '%s': %s", path, strerror(err));
	else if (st.st_dev != source->st.st_dev)
		esx_error("'%s' is not in the mount of '%s'; a clone and its source must be in one",
			  path, source->path);
	else
		return true;
	return false;
}

static bool may_overwrite(const char *path, const struct source *source)
{
	struct esx_use use;
	struct stat st;

	if (lstat(path, &st) || !S_ISREG(st.st_mode)) {
		esx_error("'%s' is not a memory file", path);
		return false;
	}
	if (st.st_dev == source->st.st_dev && st.st_ino == source->st.st_ino) {
		esx_error("'%s' and '%s' are the same file", source->path, path);
		return false;
	}
	use = (struct esx_use){ .dev = st.st_dev, .ino = st.st_ino };
	esx_procs_find_users(&use, 1);
	if (!use.user)
		return true;
	esx_error("'%s' is the memory of process %d; end that first", path, (int)use.user);
	return false;
}

static int open_clone(const char *path, const struct source *source, bool force, bool *created)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	*created = fd >= 0;
	if (fd >= 0)
		return fd;
	if (errno == EEXIST && !force) {
		esx_error("'%s' exists; take another name, or use --force to overwrite it", path);
		return -1;
	}
	if (errno == EEXIST && !may_overwrite(path, source))
		return -1;
	if (errno == EEXIST)
		fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		esx_error("cannot create '%s': %s", path, strerror(errno));
	return fd;
}

static void explain_clone(const char *path, const struct source *source, int err)
{
	if (err == ENOSPC)
		esx_error("no room for a clone of '%s' at '%s': the size= option of the mount "
			  "counts what its files hold, shared or not; `df` shows it",
			  source->path, path);
	else if (err == EOPNOTSUPP || err == ENOTTY)
		esx_error("cannot clone '%s': the loaded module cannot; install it from the "
			  "release of esxmemctl (" ESXMEMCTL_VERSION ")",
			  source->path);
	else
		esx_error("cannot clone '%s' to '%s': %s", source->path, path, strerror(err));
}

static int fill_clone(int fd, const struct source *source)
{
	struct stat st;

	if (fstat(fd, &st))
		return errno;
	if (st.st_size > source->st.st_size && ftruncate(fd, source->st.st_size))
		return errno;
	if (ioctl(fd, FICLONE, source->fd))
		return errno;
	return fchmod(fd, source->st.st_mode & 07777) ? errno : 0;
}

static void set_counts(json_t *record, const uint64_t *pages)
{
	esx_record_set_u64(record, "shared_bytes", pages[ESXMEM_PAGE_SHARED] * ESX_PAGE_SIZE);
	esx_record_set_u64(record, "zero_bytes", pages[ESXMEM_PAGE_ZERO] * ESX_PAGE_SIZE);
	esx_record_set_u64(record, "private_bytes",
			   (pages[ESXMEM_PAGE_PRIVATE] + pages[ESXMEM_PAGE_HUGE]) * ESX_PAGE_SIZE);
}

static void set_unknown(json_t *record)
{
	esx_record_set(record, "shared_bytes", json_null());
	esx_record_set(record, "zero_bytes", json_null());
	esx_record_set(record, "private_bytes", json_null());
}

/* How much of the file is what; 0, or a negative errno, as when not root. */
static int count_pages(int fd, uint64_t nr, uint64_t *pages)
{
	static uint8_t states[ESXMEM_PAGES_MAX];
	int dev = esx_dev_open(), err = 0;
	uint64_t at, i;

	if (dev < 0)
		return dev;
	for (at = 0; !err && at < nr; at += ESXMEM_PAGES_MAX) {
		struct esxmem_pages arg = { .fd = fd, .offset = at * ESX_PAGE_SIZE };

		arg.count = nr - at < ESXMEM_PAGES_MAX ? nr - at : ESXMEM_PAGES_MAX;
		arg.states = (uintptr_t)states;
		err = esx_dev_pages(dev, &arg);
		for (i = 0; !err && i < arg.count; i++)
			if (states[i] <= ESXMEM_PAGE_HUGE)
				pages[states[i]]++;
	}
	close(dev);
	return err;
}

static json_t *describe(const char *word, int fd, const struct source *source)
{
	uint64_t nr = (source->st.st_size + ESX_PAGE_SIZE - 1) / ESX_PAGE_SIZE;
	uint64_t pages[ESXMEM_PAGE_HUGE + 1] = {};
	json_t *record = esx_must(json_object());

	esx_record_set(record, "clone", json_string(word));
	esx_record_set_u64(record, "size_bytes", source->st.st_size);
	if (count_pages(fd, nr, pages))
		set_unknown(record);
	else
		set_counts(record, pages);
	return record;
}

/* Returns what is known of the clone; NULL with a message printed. */
static json_t *clone_to(const char *word, const struct source *source,
			const struct request *request)
{
	char *path = path_of(word, request);
	json_t *record = NULL;
	bool created;
	int fd, err;

	if (!path)
		return NULL;
	fd = is_beside(path, source) ? open_clone(path, source, request->force, &created) : -1;
	if (fd >= 0) {
		err = fill_clone(fd, source);
		if (err)
			explain_clone(path, source, err);
		else
			record = describe(word, fd, source);
		if (err && created)
			unlink(path);
		close(fd);
	}
	free(path);
	return record;
}

static int print_report(const char *word, json_t *records, bool complete, bool json)
{
	const struct esx_format format = {};
	json_t *top;

	if (json) {
		top = esx_must(json_object());
		esx_record_set(top, "source", json_string(word));
		esx_record_set(top, "clones", json_incref(records));
		esx_record_set(top, "complete", json_boolean(complete));
		return esx_print_json(top);
	}
	return json_array_size(records) ?
		       esx_print_all(records, columns, ARRAY_SIZE(columns), &format) :
		       ESX_DONE;
}

static int clone_all(char **words, int nr, const struct source *source,
		     const struct request *request)
{
	json_t *records = esx_must(json_array()), *record;
	bool tty = isatty(STDERR_FILENO), failed = false;
	int i, code;

	for (i = 1; i < nr && !esx_interrupted(); i++) {
		if (tty)
			fprintf(stderr, "\r\033[K%s: clone %d of %d", words[0], i, nr - 1);
		record = clone_to(words[i], source, request);
		failed |= !record;
		if (record && json_array_append_new(records, record))
			esx_must(NULL);
	}
	if (tty)
		fputs("\r\033[K", stderr);
	code = print_report(words[0], records, !failed && i == nr, request->json);
	json_decref(records);
	if (i < nr)
		esx_error("interrupted; the clones that were made stay");
	return failed || i < nr ? ESX_FAILED : code;
}

static void parse_request(const struct esx_command *cmd, int argc, char **argv,
			  struct request *request)
{
	static const struct option longs[] = { { "json", no_argument, NULL, 'j' },
					       { "force", no_argument, NULL, 'f' },
					       { "mount", required_argument, NULL, 'm' },
					       { "help", no_argument, NULL, 'h' },
					       {} };
	int c;

	while ((c = esx_getopt(cmd, argc, argv, ":jfm:h", longs)) != -1) {
		switch (c) {
		case 'j':
			request->json = true;
			break;
		case 'f':
			request->force = true;
			break;
		case 'm':
			request->mount = optarg;
			break;
		}
	}
}

static int clone(const struct esx_command *cmd, int argc, char **argv)
{
	struct request request = {};
	struct source source = { .fd = -1 };
	int code = ESX_FAILED, i;

	parse_request(cmd, argc, argv, &request);
	if (argc - optind < 2) {
		esx_error("clone needs a source and one destination or more, as in "
			  "`esxmemctl clone template web1 web2`");
		return ESX_MISUSED;
	}
	for (i = optind; i < argc; i++)
		if (!strchr(argv[i], '/') && !esx_memfile_check_name(argv[i]))
			return ESX_MISUSED;

	esx_interrupt_catch();
	source.path = path_of(argv[optind], &request);
	if (source.path && open_source(&source))
		code = clone_all(argv + optind, argc - optind, &source, &request);
	if (source.fd >= 0)
		close(source.fd);
	free(source.path);
	return code;
}

const struct esx_command esx_clone_command = {
	.name = "clone",
	.args = "SOURCE DEST... [--force] [--mount DIR] [--json]",
	.summary = "Make memory files that share all frames of another one",
	.help = "Options:\n"
		"  -f, --force       overwrite files that exist and that nobody maps\n"
		"  -m, --mount DIR   the mount in which names are, if there are several\n"
		"  -j, --json        print JSON\n"
		"  -h, --help        print this\n"
		"\n"
		"A word with a slash in it is a path, another one a name in the root of the\n"
		"mount.  Source and clones must be in one mount.  A clone shows its source at\n"
		"one moment, takes no memory but for what is written later on either side, and\n"
		"lasts when the source goes.\n",
	.run = clone,
};
