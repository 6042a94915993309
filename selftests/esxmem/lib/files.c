// SPDX-License-Identifier: GPL-2.0
/* Files, mappings and contents on the memory filesystem. */
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "esx.h"
#include "internal.h"

#define PATHS 8

static char case_dir[PATH_MAX];

const char *esx_mount_point(void)
{
	const char *dir = getenv("ESX_TEST_DIR");

	return dir ? dir : "/run/esxmem";
}

bool esx_is_here(void)
{
	struct statfs fs;

	CHECK_OK(statfs(esx_mount_point(), &fs));
	return fs.f_type == ESXMEM_MAGIC;
}

const char *esx_dir(void)
{
	return case_dir;
}

void esx_set_dir(const char *name)
{
	snprintf(case_dir, sizeof(case_dir), "%s/%s", esx_mount_point(), name);
}

const char *esx_path(const char *fmt, ...)
{
	static char paths[PATHS][PATH_MAX];
	static unsigned int next;
	char *path = paths[next++ % PATHS];
	va_list args;
	int length;

	length = snprintf(path, PATH_MAX, "%s/", case_dir);
	va_start(args, fmt);
	vsnprintf(path + length, PATH_MAX - length, fmt, args);
	va_end(args);
	return path;
}

static void make_parents(const char *name)
{
	char part[PATH_MAX];

	for (const char *end = strchr(name, '/'); end;
	     end = strchr(end + 1, '/')) {
		snprintf(part, sizeof(part), "%.*s", (int)(end - name), name);
		if (mkdir(esx_path("%s", part), 0755) && errno != EEXIST)
			FAIL("mkdir %s: %s", part, strerror(errno));
	}
}

int esx_file(const char *name, size_t size)
{
	int fd;

	make_parents(name);
	fd = open(esx_path("%s", name), O_RDWR | O_CREAT | O_EXCL, 0644);
	if (fd < 0)
		FAIL("create %s: %s", name, strerror(errno));
	CHECK_OK(ftruncate(fd, size));
	return fd;
}

int esx_vm_file(const char *vm, size_t size)
{
	char name[300];

	snprintf(name, sizeof(name), "%s/ram", vm);
	return esx_file(name, size);
}

void *esx_map(int fd, size_t length, off_t offset)
{
	void *map = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			 offset);

	if (map == MAP_FAILED)
		FAIL("mmap: %s", strerror(errno));
	return map;
}

void *esx_map_huge(int fd, size_t length)
{
	char *area = mmap(NULL, length + ESX_HUGE, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *aligned, *map;

	if (area == MAP_FAILED)
		FAIL("mmap: %s", strerror(errno));
	aligned = (char *)(((uintptr_t)area + ESX_HUGE - 1) & -ESX_HUGE);
	map = mmap(aligned, length, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_FIXED, fd, 0);
	if (map == MAP_FAILED)
		FAIL("mmap: %s", strerror(errno));
	return map;
}

void esx_fill(void *page, uint64_t id)
{
	uint64_t words[ESX_PAGE / 8];
	struct rand r = { id };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		words[i] = id ? rand_next(&r) : 0;
	memcpy(page, words, ESX_PAGE);
}

bool esx_has(const void *page, uint64_t id)
{
	char expected[ESX_PAGE];

	esx_fill(expected, id);
	return !memcmp(page, expected, ESX_PAGE);
}

bool esx_is_zero(const void *start, size_t length)
{
	const char *bytes = start;

	return !length ||
	       (!bytes[0] && !memcmp(bytes, bytes + 1, length - 1));
}

uint64_t esx_blocks(int fd)
{
	struct stat st;

	CHECK_OK(fstat(fd, &st));
	return st.st_blocks;
}

static sigjmp_buf touch_return;

static void touch_failed(int signal)
{
	siglongjmp(touch_return, signal);
}

static int signal_of(volatile char *address, bool write)
{
	struct sigaction action = { .sa_handler = touch_failed }, bus, segv;
	int signal;

	sigaction(SIGBUS, &action, &bus);
	sigaction(SIGSEGV, &action, &segv);
	signal = sigsetjmp(touch_return, 1);
	if (!signal) {
		if (write)
			*address = 1;
		else
			(void)*address;
	}
	sigaction(SIGBUS, &bus, NULL);
	sigaction(SIGSEGV, &segv, NULL);
	return signal;
}

int esx_signal_of_read(const volatile void *address)
{
	return signal_of((volatile char *)address, false);
}

int esx_signal_of_write(volatile void *address)
{
	return signal_of(address, true);
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *walk)
{
	(void)st;
	(void)type;
	(void)walk;
	return remove(path);
}

int esx_remove_tree(const char *path)
{
	return nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

uint64_t esx_mixed_id(size_t i)
{
	if (i % 8 == 7)
		return 0;
	return i % 2 ? 1 + i : 1 + i / 4 * 4;
}

void esx_fill_mixed(char *map, size_t pages)
{
	for (size_t i = 0; i < pages; i++)
		esx_fill(map + i * ESX_PAGE, esx_mixed_id(i));
}

void esx_expect_mixed(const char *map, size_t pages)
{
	for (size_t i = 0; i < pages; i++)
		CHECK_MSG(esx_has(map + i * ESX_PAGE, esx_mixed_id(i)), "page %zu has changed",
			  i);
}
