// SPDX-License-Identifier: GPL-2.0
/*
 * A control device without a kernel: preloaded, it answers the ioctls of
 * /dev/esxmem, and clones files by copying them.
 *
 * FAKE_LOG	each merge call is noted there: offset, length, path of the file;
 *		each call to reclaim: 0, length, path
 * FAKE_ERRNO	every call fails with that error
 * FAKE_CLONE_ERRNO	cloning does
 * FAKE_STOP	the first merge or reclaim call sends SIGINT to its caller
 * FAKE_PINNED	when there is no more to be reclaimed so many pages are pinned
 *
 * A merge call reports one page in four merged and one in four zero.  Of pages
 * every fourth is zero, the others are shared.  20000 pages can be reclaimed, as
 * many of them by merging as by breaking a 2 MB frame for each 256.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "uapi/esxmem.h"

static void answer_info(struct esxmem_info *info)
{
	info->abi_version = ESXMEM_ABI_VERSION;
	info->nr_vms = 3;
	info->nr_files = 4;
	info->size_pages = 1000;
	info->private_pages = 600;
	info->shared_pages = 200;
	info->zero_pages = 50;
	info->huge_pages = 1;
	info->shared_frames = 40;
	info->frames = 640;
}

static void note(int fd, uint64_t offset, uint64_t length)
{
	const char *log = getenv("FAKE_LOG");
	char link[64], path[512] = "";
	FILE *out;

	if (!log)
		return;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (readlink(link, path, sizeof(path) - 1) < 0)
		abort();
	out = fopen(log, "a");
	fprintf(out, "%llu %llu %s\n", (unsigned long long)offset,
		(unsigned long long)length, path);
	fclose(out);
}

static int answer_merge(struct esxmem_merge *merge)
{
	note(merge->fd, merge->offset, merge->length);
	if (merge->size != sizeof(*merge) || merge->flags || merge->reserved ||
	    merge->offset % 4096 || merge->length % 4096) {
		errno = EINVAL;
		return -1;
	}
	if (getenv("FAKE_STOP"))
		raise(SIGINT);
	merge->visited = merge->length / 4096;
	merge->merged = merge->visited / 4;
	merge->zero = merge->visited / 4;
	return 0;
}

static int answer_reclaim(struct esxmem_reclaim *reclaim)
{
	static uint64_t left = 20000;
	const char *pinned = getenv("FAKE_PINNED");
	uint64_t freed = reclaim->length / 4096;

	note(reclaim->fd, 0, reclaim->length);
	if (reclaim->size != sizeof(*reclaim) || reclaim->flags || reclaim->reserved ||
	    reclaim->length % 4096) {
		errno = EINVAL;
		return -1;
	}
	if (freed > left || !reclaim->length) {
		freed = left;
		reclaim->pinned = pinned ? atoi(pinned) : 0;
	}
	left -= freed;
	reclaim->freed = freed;
	reclaim->merged = freed / 2;
	reclaim->broken = freed - freed / 2;
	reclaim->huge_broken = reclaim->broken / 256;
	reclaim->hashed = 2 * freed;
	if (!getenv("FAKE_STOP"))
		return 0;
	raise(SIGINT);
	errno = EINTR;
	return -1;
}

static int answer_pages(const struct esxmem_pages *pages)
{
	uint8_t *states = (uint8_t *)(uintptr_t)pages->states;
	unsigned int i;

	if (pages->size != sizeof(*pages) || !pages->count || pages->count > ESXMEM_PAGES_MAX) {
		errno = EINVAL;
		return -1;
	}
	for (i = 0; i < pages->count; i++)
		states[i] = i % 4 ? ESXMEM_PAGE_SHARED : ESXMEM_PAGE_ZERO;
	return 0;
}

static int clone_file(int to, int from)
{
	const char *error = getenv("FAKE_CLONE_ERRNO");
	char buffer[65536];
	ssize_t got;
	off_t at;

	if (error) {
		errno = atoi(error);
		return -1;
	}
	if (getenv("FAKE_STOP"))
		raise(SIGINT);
	for (at = 0; (got = pread(from, buffer, sizeof(buffer), at)) > 0; at += got)
		if (pwrite(to, buffer, got, at) != got)
			return -1;
	return got;
}

/**
 * ioctl() - in the place of the C library's
 * @fd: any file descriptor
 * @request: a command; those of /dev/esxmem and FICLONE are answered here
 *
 * Return: 0, or -1 with errno set.
 */
int ioctl(int fd, unsigned long request, ...)
{
	int (*real)(int, unsigned long, void *);
	const char *error = getenv("FAKE_ERRNO");
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);

	if (request == FICLONE)
		return clone_file(fd, (intptr_t)arg);
	if (_IOC_TYPE(request) != ESXMEM_IOC_TYPE) {
		real = dlsym(RTLD_NEXT, "ioctl");
		return real(fd, request, arg);
	}
	if (error) {
		errno = atoi(error);
		return -1;
	}
	if (request == ESXMEM_IOC_MERGE)
		return answer_merge(arg);
	if (request == ESXMEM_IOC_RECLAIM)
		return answer_reclaim(arg);
	if (request == ESXMEM_IOC_PAGES)
		return answer_pages(arg);
	if (request == ESXMEM_IOC_INFO) {
		answer_info(arg);
		return 0;
	}
	errno = ENOTTY;
	return -1;
}
