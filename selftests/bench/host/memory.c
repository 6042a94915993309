// SPDX-License-Identifier: GPL-2.0
/* Memory to be measured. */
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <lib/esx.h>

#include "memory.h"

static void *map_aligned(size_t size, int flags, int fd)
{
	char *area = CHECK_OK(mmap(NULL, size + ESX_HUGE, PROT_NONE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
	char *aligned = (char *)(((uintptr_t)area + ESX_HUGE - 1) & -ESX_HUGE);

	return CHECK_OK(mmap(aligned, size, PROT_READ | PROT_WRITE, flags | MAP_FIXED, fd, 0));
}

static void *map_anonymous(size_t size, bool huge)
{
	void *start = map_aligned(size, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	CHECK_OK(madvise(start, size, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE));
	CHECK_OK(madvise(start, size, MADV_MERGEABLE));
	return start;
}

static void *map_file(const char *path, size_t size)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	void *start;

	if (fd < 0)
		FAIL("create %s: %s", path, strerror(errno));
	CHECK_OK(ftruncate(fd, size));
	start = map_aligned(size, MAP_SHARED, fd);
	close(fd);
	return start;
}

void *memory_map(const char *what, size_t size)
{
	if (!strcmp(what, "small"))
		return map_anonymous(size, false);
	if (!strcmp(what, "thp"))
		return map_anonymous(size, true);
	return map_file(what, size);
}
