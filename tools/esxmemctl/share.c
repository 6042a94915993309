// SPDX-License-Identifier: GPL-2.0
/*
 * Sharing now: ESXMEM_IOC_MERGE over VMs or over a range of a file.
 *
 * A file is merged in pieces, so that progress can be shown and Ctrl-C ends
 * the work soon with its report.  Nothing is lost by the cut: what the first
 * piece files as a hint, a later one finds.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "interrupt.h"
#include "kernel.h"
#include "message.h"
#include "mounts.h"
#include "record.h"
#include "size.h"

#define PIECE_BYTES (64 * ESX_MIB)

/**
 * struct range - what to merge of a file
 * @offset: first byte
 * @length: bytes, 0: up to the end
 */
struct range {
	uint64_t offset;
	uint64_t length;
};

/**
 * struct job - a call of `share now`
 * @dev: the control device
 * @tty: show progress
 * @failed: something was not merged
 * @records: a record for each target
 * @total: sum over the targets
 */
struct job {
	int dev;
	bool tty;
	bool failed;
	json_t *records;
	struct esxmem_merge total;
};

static const struct esx_field columns[] = {
	ESX_FIELD("target", "TARGET", TEXT, NULL),
	ESX_FIELD("visited", "VISITED", COUNT, NULL),
	ESX_FIELD("merged", "MERGED", COUNT, NULL),
	ESX_FIELD("zero", "ZERO", COUNT, NULL),
	ESX_FIELD("hints", "HINTS", COUNT, NULL),
	ESX_FIELD("already", "ALREADY", COUNT, NULL),
	ESX_FIELD("pinned", "PINNED", COUNT, NULL),
	ESX_FIELD("busy", "BUSY", COUNT, NULL),
	ESX_FIELD("changed", "CHANGED", COUNT, NULL),
	ESX_FIELD("huge_broken", "HUGEBROKEN", COUNT, NULL),
	ESX_FIELD("skipped", "SKIPPED", COUNT, NULL),
};

static void add_counts(struct esxmem_merge *sum, const struct esxmem_merge *part)
{
	sum->visited += part->visited;
	sum->merged += part->merged;
	sum->zero += part->zero;
	sum->hints += part->hints;
	sum->already += part->already;
	sum->pinned += part->pinned;
	sum->busy += part->busy;
	sum->changed += part->changed;
	sum->huge_broken += part->huge_broken;
	sum->skipped += part->skipped;
}

static json_t *make_record(const char *target, const struct esxmem_merge *sum)
{
	json_t *record = esx_must(json_object());

	esx_record_set(record, "target", json_string(target));
	esx_record_set_u64(record, "visited", sum->visited);
	esx_record_set_u64(record, "merged", sum->merged);
	esx_record_set_u64(record, "zero", sum->zero);
	esx_record_set_u64(record, "hints", sum->hints);
	esx_record_set_u64(record, "already", sum->already);
	esx_record_set_u64(record, "pinned", sum->pinned);
	esx_record_set_u64(record, "busy", sum->busy);
	esx_record_set_u64(record, "changed", sum->changed);
	esx_record_set_u64(record, "huge_broken", sum->huge_broken);
	esx_record_set_u64(record, "skipped", sum->skipped);
	return record;
}

static void show_progress(const struct job *job, const char *path, uint64_t done, uint64_t end,
			  const struct esxmem_merge *sum)
{
	char *at, *of;

	if (!job->tty)
		return;
	at = esx_size_text(done);
	of = esx_size_text(end);
	fprintf(stderr, "\r\033[K%s: %s of %s, %llu pages merged, %llu zero", path, at, of,
		(unsigned long long)sum->merged, (unsigned long long)sum->zero);
	free(at);
	free(of);
}

static void clear_progress(const struct job *job)
{
	if (job->tty)
		fputs("\r\033[K", stderr);
}

static void explain_merge(const char *path, int err)
{
	if (err == -EINVAL)
		esx_error("'%s' is not on the memory filesystem; `findmnt -t esxmem` shows "
			  "where that is",
			  path);
	else if (err == -EPERM)
		esx_error("sharing '%s': permission denied: this needs root", path);
	else
		esx_dev_explain(err);
}

/* Where the range ends now: the file may be cut while it is worked on. */
static uint64_t range_end(int fd, const struct range *range)
{
	struct stat st;
	uint64_t end;

	if (fstat(fd, &st))
		return 0;
	end = (uint64_t)st.st_size & ~(ESX_PAGE_SIZE - 1);
	if (range->length && range->offset + range->length < end)
		end = range->offset + range->length;
	return end;
}

static int merge_pieces(struct job *job, int fd, const char *path, const struct range *range,
			struct esxmem_merge *sum)
{
	uint64_t at = range->offset, end;
	int err = 0;

	while (!err && !esx_interrupted() && at < (end = range_end(fd, range))) {
		struct esxmem_merge piece = { .fd = fd, .offset = at };

		piece.length = end - at < PIECE_BYTES ? end - at : PIECE_BYTES;
		err = esx_dev_merge(job->dev, &piece);
		/* A piece that a signal ended has counted what it did. */
		if (!err || err == -EINTR)
			add_counts(sum, &piece);
		at += piece.length;
		show_progress(job, path, at, end, sum);
	}
	clear_progress(job);
	return esx_interrupted() ? 0 : err;
}

static int merge_file(struct job *job, const char *path, const struct range *range,
		      struct esxmem_merge *sum)
{
	int fd, err;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0) {
		err = -errno;
		esx_error("cannot open '%s': %s", path, strerror(-err));
		return err;
	}
	err = merge_pieces(job, fd, path, range, sum);
	if (err)
		explain_merge(path, err);
	close(fd);
	return err;
}

static bool is_directory(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

static bool is_regular(const char *path)
{
	struct stat st;

	return !lstat(path, &st) && S_ISREG(st.st_mode);
}

/* The files that are directly in a VM's directory. */
static int merge_directory(struct job *job, const char *path, struct esxmem_merge *sum)
{
	static const struct range whole = {};
	struct dirent *entry;
	int err = 0;
	DIR *dir;

	dir = opendir(path);
	if (!dir) {
		err = -errno;
		esx_error("cannot open '%s': %s", path, strerror(-err));
		return err;
	}
	while (!err && !esx_interrupted() && (entry = readdir(dir))) {
		char *file = esx_asprintf("%s/%s", path, entry->d_name);

		if (is_regular(file))
			err = merge_file(job, file, &whole, sum);
		free(file);
	}
	closedir(dir);
	return err;
}

static void merge_target(struct job *job, const char *target, const char *path,
			 const struct range *range)
{
	struct esxmem_merge sum = {};
	int err;

	if (esx_interrupted())
		return;
	if (is_directory(path))
		err = merge_directory(job, path, &sum);
	else
		err = merge_file(job, path, range, &sum);
	if (err)
		job->failed = true;
	add_counts(&job->total, &sum);
	if (json_array_append_new(job->records, make_record(target, &sum)))
		esx_must(NULL);
}

static void merge_vm(struct job *job, const char *name)
{
	static const struct range whole = {};
	char *path = esx_mounts_find_vm(name, NULL);

	if (path) {
		merge_target(job, name, path, &whole);
		free(path);
		return;
	}
	job->failed = true;
	esx_mounts_explain_vm(name, "use --file, or leave it to the scanner");
}

static void merge_all(struct job *job)
{
	char **names;
	size_t nr, i;
	int err;

	err = esx_sysfs_vms(&names, &nr);
	if (err) {
		esx_sysfs_explain(err);
		job->failed = true;
		return;
	}
	for (i = 0; i < nr; i++)
		merge_vm(job, names[i]);
	esx_sysfs_free_vms(names, nr);
}

static int print_json(const struct job *job)
{
	json_t *top = esx_must(json_object()), *total = make_record("total", &job->total);

	json_object_del(total, "target");
	esx_record_set(top, "targets", json_incref(job->records));
	esx_record_set(top, "total", total);
	esx_record_set(top, "complete", json_boolean(!job->failed && !esx_interrupted()));
	return esx_print_json(top);
}

static int print_table(const struct job *job)
{
	const struct esx_format format = {};

	if (!json_array_size(job->records))
		return ESX_DONE;
	if (json_array_size(job->records) > 1 &&
	    json_array_append_new(job->records, make_record("total", &job->total)))
		esx_must(NULL);
	return esx_print_all(job->records, columns, ARRAY_SIZE(columns), &format);
}

static int finish(struct job *job, bool json)
{
	int code = json ? print_json(job) : print_table(job);

	json_decref(job->records);
	close(job->dev);
	if (esx_interrupted())
		esx_error("interrupted; what was shared until then stays shared");
	return esx_interrupted() || job->failed ? ESX_FAILED : code;
}

static bool parse_bytes(const char *option, const char *text, uint64_t *bytes)
{
	if (!esx_size_parse(text, 1, bytes)) {
		esx_error("%s cannot be '%s'; it is a number of bytes such as 8192 or 2M", option,
			  text);
		return false;
	}
	if (*bytes % ESX_PAGE_SIZE) {
		esx_error("%s cannot be '%s'; it must be a multiple of %lu bytes", option, text,
			  ESX_PAGE_SIZE);
		return false;
	}
	return true;
}

/**
 * struct request - what the command line of `share now` asks for
 * @json: report as JSON
 * @all: all VMs
 * @file: this file, or NULL
 * @ranged: @range was given
 * @range: part of @file
 */
struct request {
	bool json;
	bool all;
	const char *file;
	bool ranged;
	struct range range;
};

static int check_request(const struct request *request, int nr_names)
{
	if (!!nr_names + request->all + !!request->file != 1) {
		esx_error("share now needs either names of VMs, or --all, or --file PATH; "
			  "`esxmemctl vm list` shows the VMs");
		return ESX_MISUSED;
	}
	if (request->ranged && !request->file) {
		esx_error("--offset and --length are for --file alone");
		return ESX_MISUSED;
	}
	if (request->ranged && is_directory(request->file)) {
		esx_error("'%s' is a directory, which has no --offset and no --length",
			  request->file);
		return ESX_MISUSED;
	}
	return ESX_DONE;
}

static int parse_request(const struct esx_command *cmd, int argc, char **argv,
			 struct request *request)
{
	static const struct option longs[] = { { "json", no_argument, NULL, 'j' },
					       { "all", no_argument, NULL, 'a' },
					       { "file", required_argument, NULL, 'f' },
					       { "offset", required_argument, NULL, 'O' },
					       { "length", required_argument, NULL, 'L' },
					       { "help", no_argument, NULL, 'h' },
					       {} };
	int c;

	while ((c = esx_getopt(cmd, argc, argv, ":jaf:h", longs)) != -1) {
		switch (c) {
		case 'j':
			request->json = true;
			break;
		case 'a':
			request->all = true;
			break;
		case 'f':
			request->file = optarg;
			break;
		case 'O':
			request->ranged = true;
			if (!parse_bytes("--offset", optarg, &request->range.offset))
				return ESX_MISUSED;
			break;
		case 'L':
			request->ranged = true;
			if (!parse_bytes("--length", optarg, &request->range.length))
				return ESX_MISUSED;
			break;
		}
	}
	return check_request(request, argc - optind);
}

/* The kernel would say EINVAL; say what is wrong instead. */
static bool range_fits(const struct request *request)
{
	struct stat st;
	uint64_t end;

	if (!request->ranged || stat(request->file, &st))
		return true;
	end = request->range.offset + request->range.length;
	if (request->range.offset < (uint64_t)st.st_size && end <= (uint64_t)st.st_size)
		return true;
	esx_error("the range ends beyond '%s', which has %llu bytes", request->file,
		  (unsigned long long)st.st_size);
	return false;
}

static int share_now(const struct esx_command *cmd, int argc, char **argv)
{
	struct job job = { .tty = isatty(STDERR_FILENO) };
	struct request request = {};
	int code;

	code = parse_request(cmd, argc, argv, &request);
	if (code)
		return code;
	if (!range_fits(&request))
		return ESX_FAILED;
	job.dev = esx_dev_open();
	if (job.dev < 0) {
		esx_dev_explain(job.dev);
		return ESX_FAILED;
	}
	job.records = esx_must(json_array());

	esx_interrupt_catch();
	if (request.all)
		merge_all(&job);
	else if (request.file)
		merge_target(&job, request.file, request.file, &request.range);
	for (; optind < argc; optind++)
		merge_vm(&job, argv[optind]);
	return finish(&job, request.json);
}

const struct esx_command esx_share_now_command = {
	.name = "share now",
	.args = "NAME... | --all | --file PATH [--offset N] [--length N]",
	.summary = "Share memory now, and report what was done",
	.help = "Options:\n"
		"  -a, --all           all VMs\n"
		"  -f, --file PATH     one memory file, or the files of a directory\n"
		"      --offset N      start there, a multiple of 4096; 2M and the like work\n"
		"      --length N      so many bytes, default: up to the end\n"
		"  -j, --json          print JSON\n"
		"  -h, --help          print this\n"
		"\n"
		"The report counts pages of 4096 bytes.  VMs whose background sharing is\n"
		"off are shared, too.\n",
	.run = share_now,
};
