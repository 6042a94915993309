// SPDX-License-Identifier: GPL-2.0
/*
 * Taking memory from a VM: ESXMEM_IOC_RECLAIM, and why there was no more.
 *
 * It is taken in pieces, so that progress can be shown; each call goes on where
 * the last one stopped.  Ctrl-C ends a call early, with what it did reported.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
 * struct job - a call of `reclaim`
 * @name: the VM
 * @wanted: bytes, 0: all that there is
 * @dev: the control device
 * @fd: the VM's file or directory
 * @tty: show progress
 * @err: why it ended early, a negative errno
 * @sum: what was done
 */
struct job {
	const char *name;
	uint64_t wanted;
	int dev;
	int fd;
	bool tty;
	int err;
	struct esxmem_reclaim sum;
};

static const struct esx_field columns[] = {
	ESX_FIELD("vm", "VM", TEXT, NULL),
	ESX_FIELD("freed", "FREED", COUNT, NULL),
	ESX_FIELD("merged", "MERGED", COUNT, NULL),
	ESX_FIELD("zero", "ZERO", COUNT, NULL),
	ESX_FIELD("broken", "BROKEN", COUNT, NULL),
	ESX_FIELD("huge_broken", "HUGEBROKEN", COUNT, NULL),
	ESX_FIELD("hashed", "HASHED", COUNT, NULL),
	ESX_FIELD("pinned", "PINNED", COUNT, NULL),
	ESX_FIELD("busy", "BUSY", COUNT, NULL),
	ESX_FIELD("changed", "CHANGED", COUNT, NULL),
	ESX_FIELD("skipped", "SKIPPED", COUNT, NULL),
};

static uint64_t freed_bytes(const struct job *job)
{
	return job->sum.freed * ESX_PAGE_SIZE;
}

static bool is_enough(const struct job *job)
{
	return job->wanted && freed_bytes(job) >= job->wanted;
}

/* What stood in the way is told of the last piece: earlier ones met the same pages. */
static void add_counts(struct esxmem_reclaim *sum, const struct esxmem_reclaim *part)
{
	sum->freed += part->freed;
	sum->merged += part->merged;
	sum->zero += part->zero;
	sum->broken += part->broken;
	sum->huge_broken += part->huge_broken;
	sum->hashed += part->hashed;
	sum->pinned = part->pinned;
	sum->busy = part->busy;
	sum->changed = part->changed;
	sum->skipped = part->skipped;
}

static void show_progress(const struct job *job)
{
	char *freed, *of;

	if (!job->tty)
		return;
	freed = esx_size_text(freed_bytes(job));
	of = job->wanted ? esx_size_text(job->wanted) : esx_asprintf("all");
	fprintf(stderr, "\r\033[K%s: %s of %s freed, %llu pages hashed", job->name, freed, of,
		(unsigned long long)job->sum.hashed);
	free(freed);
	free(of);
}

static void clear_progress(const struct job *job)
{
	if (job->tty)
		fputs("\r\033[K", stderr);
}

static uint64_t next_piece(const struct job *job)
{
	uint64_t left = job->wanted - freed_bytes(job);

	return job->wanted && left < PIECE_BYTES ? left : PIECE_BYTES;
}

/* Until there is enough, or a call did not find what it was to. */
static void take(struct job *job)
{
	bool more = true;

	while (more && !job->err && !is_enough(job) && !esx_interrupted()) {
		struct esxmem_reclaim piece = { .fd = job->fd, .length = next_piece(job) };

		job->err = esx_dev_reclaim(job->dev, &piece);
		/* One that a signal ended has counted what it did. */
		if (!job->err || job->err == -EINTR)
			add_counts(&job->sum, &piece);
		more = piece.freed * ESX_PAGE_SIZE >= piece.length;
		show_progress(job);
	}
	clear_progress(job);
	if (esx_interrupted())
		job->err = -EINTR;
}

static void add_reason(json_t *reasons, bool holds, const char *word)
{
	if (holds && json_array_append_new(reasons, json_string(word)))
		esx_must(NULL);
}

/* Words for programs; their order is that of importance. */
static json_t *reasons_of(const struct job *job)
{
	const struct esxmem_reclaim *sum = &job->sum;
	json_t *reasons = esx_must(json_array());

	if (is_enough(job))
		return reasons;
	add_reason(reasons, job->err == -EINTR, "interrupted");
	add_reason(reasons, job->err && job->err != -EINTR, "failed");
	add_reason(reasons, sum->skipped, "no_memory");
	add_reason(reasons, sum->pinned, "pinned");
	add_reason(reasons, sum->busy, "busy");
	add_reason(reasons, sum->changed, "changed");
	add_reason(reasons, !job->err, "exhausted");
	return reasons;
}

static json_t *make_record(const struct job *job)
{
	const struct esxmem_reclaim *sum = &job->sum;
	json_t *record = esx_must(json_object());

	esx_record_set(record, "vm", json_string(job->name));
	esx_record_set_u64(record, "freed", sum->freed);
	esx_record_set_u64(record, "merged", sum->merged);
	esx_record_set_u64(record, "zero", sum->zero);
	esx_record_set_u64(record, "broken", sum->broken);
	esx_record_set_u64(record, "huge_broken", sum->huge_broken);
	esx_record_set_u64(record, "hashed", sum->hashed);
	esx_record_set_u64(record, "pinned", sum->pinned);
	esx_record_set_u64(record, "busy", sum->busy);
	esx_record_set_u64(record, "changed", sum->changed);
	esx_record_set_u64(record, "skipped", sum->skipped);
	return record;
}

static int print_json(const struct job *job)
{
	json_t *top = make_record(job);

	esx_record_set(top, "wanted_bytes",
		       job->wanted ? json_integer((json_int_t)job->wanted) : json_null());
	esx_record_set_u64(top, "freed_bytes", freed_bytes(job));
	esx_record_set(top, "complete",
		       json_boolean(is_enough(job) || (!job->wanted && !job->err)));
	esx_record_set(top, "reasons", reasons_of(job));
	return esx_print_json(top);
}

static int print_table(const struct job *job)
{
	const struct esx_format format = {};
	json_t *records = esx_must(json_array());
	int code;

	if (json_array_append_new(records, make_record(job)))
		esx_must(NULL);
	code = esx_print_all(records, columns, ARRAY_SIZE(columns), &format);
	json_decref(records);
	return code;
}

/* Why pages were left alone, in the order of reasons_of(). */
static char *what_stood_in_the_way(const struct esxmem_reclaim *sum)
{
	if (sum->skipped)
		return esx_asprintf("for %llu pages there was no memory to share them with",
				    (unsigned long long)sum->skipped);
	if (sum->pinned)
		return esx_asprintf("%llu pages are held by I/O", (unsigned long long)sum->pinned);
	if (sum->busy + sum->changed)
		return esx_asprintf("%llu pages are in use: another try may get them",
				    (unsigned long long)(sum->busy + sum->changed));
	return esx_asprintf("no more pages are zero or equal to others, or so few that they are "
			    "not worth a 2 MB frame");
}

static void explain_rest(const struct job *job)
{
	char *freed = esx_size_text(freed_bytes(job)), *wanted, *why;

	if (job->err == -EINTR) {
		esx_error("interrupted; what was freed until then, %s, stays free", freed);
	} else if (job->err == -EPERM) {
		esx_error("taking memory from '%s': permission denied: this needs root", job->name);
	} else if (job->err) {
		esx_dev_explain(job->err);
	} else if (job->wanted) {
		wanted = esx_size_text(job->wanted);
		why = what_stood_in_the_way(&job->sum);
		esx_error("'%s' gave %s of %s: %s", job->name, freed, wanted, why);
		free(wanted);
		free(why);
	}
	free(freed);
}

static int finish(const struct job *job, bool json)
{
	int code = json ? print_json(job) : print_table(job);

	if (is_enough(job))
		return code;
	explain_rest(job);
	return job->err || job->wanted ? ESX_FAILED : code;
}

static int open_vm(const char *name)
{
	char *path = esx_mounts_find_vm(name, NULL);
	int fd;

	if (!path) {
		esx_mounts_explain_vm(name, "nothing can be taken from it by name");
		return -1;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		esx_error("cannot open '%s': %s", path, strerror(errno));
	free(path);
	return fd;
}

static bool parse_wanted(const char *text, uint64_t *bytes)
{
	if (!strcmp(text, "all"))
		return true;
	return esx_size_parse_word(text, "a number of bytes such as 512M, or 'all'", bytes);
}

static int reclaim(const struct esx_command *cmd, int argc, char **argv)
{
	static const struct option longs[] = { { "json", no_argument, NULL, 'j' },
					       { "help", no_argument, NULL, 'h' },
					       {} };
	struct job job = { .tty = isatty(STDERR_FILENO) };
	bool json = false;
	int code;

	while (esx_getopt(cmd, argc, argv, ":jh", longs) != -1)
		json = true;
	if (argc - optind != 2) {
		esx_error("reclaim needs the name of a VM, and a SIZE or 'all'");
		return ESX_MISUSED;
	}
	job.name = argv[optind];
	if (!parse_wanted(argv[optind + 1], &job.wanted))
		return ESX_MISUSED;

	job.dev = esx_dev_open();
	if (job.dev < 0) {
		esx_dev_explain(job.dev);
		return ESX_FAILED;
	}
	job.fd = open_vm(job.name);
	if (job.fd < 0) {
		close(job.dev);
		return ESX_FAILED;
	}
	esx_interrupt_catch();
	take(&job);
	code = finish(&job, json);
	close(job.fd);
	close(job.dev);
	return code;
}

const struct esx_command esx_reclaim_command = {
	.name = "reclaim",
	.args = "NAME SIZE",
	.summary = "Take memory from a VM now, and say why not more",
	.help = "SIZE is a number of bytes such as 512M, or 'all' that there is.  No data is\n"
		"lost: pages are shared, first those in frames of 4 KB, then frames of 2 MB\n"
		"are broken.  A little more may be freed than was asked for.\n"
		"\n"
		"Options:\n"
		"  -j, --json   print JSON\n"
		"  -h, --help   print this\n"
		"\n"
		"The report counts pages of 4096 bytes.  Exit status 1 if less was freed than\n"
		"SIZE.\n",
	.run = reclaim,
};
