// SPDX-License-Identifier: GPL-2.0
/* Files, threads and memory of the kernel. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <esxmem.h>

#include "host.h"

#define CHUNK 65536

char *host_read(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t length = 0;
	char *text = NULL;
	ssize_t got;

	if (fd < 0)
		return NULL;
	do {
		char *more = realloc(text, length + CHUNK + 1);

		if (!more)
			break;
		text = more;
		got = read(fd, text + length, CHUNK);
		length += got > 0 ? got : 0;
	} while (got > 0);
	close(fd);
	if (text)
		text[length] = 0;
	return text;
}

bool host_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done;

	if (fd < 0)
		return false;
	done = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return done;
}

int64_t host_audit(void)
{
	struct esxmem_audit audit = { .size = sizeof(audit) };
	int fd = open("/dev/esxmem", O_RDWR | O_CLOEXEC);
	int err;

	if (fd < 0)
		return -1;
	err = ioctl(fd, ESXMEM_IOC_AUDIT, &audit);
	close(fd);
	return err ? -1 : (int64_t)audit.violations;
}

/* In a process of its own, whose mappings go with it. */
bool host_pretouch(size_t megabytes)
{
	size_t bytes = megabytes << 20;
	int status = -1;
	pid_t child = fork();

	if (!child) {
		void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		_exit(map == MAP_FAILED || madvise(map, bytes, MADV_POPULATE_WRITE));
	}
	return child > 0 && waitpid(child, &status, 0) == child && !status;
}

void host_sleep(uint64_t us)
{
	struct timespec rest = { us / 1000000, us % 1000000 * 1000 };

	while (nanosleep(&rest, &rest) && errno == EINTR)
		;
}

uint64_t host_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000ull + now.tv_nsec / 1000;
}
