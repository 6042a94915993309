// SPDX-License-Identifier: GPL-2.0
/* Which mappings are allowed, and what the refused ones are told. */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/esx.h"

#define SIZE (4 * ESX_PAGE)

static void *map_as(int fd, int prot, int flags)
{
	return mmap(NULL, SIZE, prot, flags, fd, 0);
}

static void shared_mappings_are_allowed(void)
{
	int fd = esx_file("f", SIZE);
	char *writable, *readable;

	writable = map_as(fd, PROT_READ | PROT_WRITE, MAP_SHARED);
	CHECK(writable != MAP_FAILED);
	readable = map_as(fd, PROT_READ, MAP_SHARED);
	CHECK(readable != MAP_FAILED);
	esx_fill(writable, 1);
	CHECK(esx_has(readable, 1));
	CHECK(map_as(fd, PROT_NONE, MAP_SHARED) != MAP_FAILED);
	CHECK(map_as(fd, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE) !=
	      MAP_FAILED);
}

static void writable_private_mapping_is_refused(void)
{
	int fd = esx_file("f", SIZE);

	CHECK_ERRNO(map_as(fd, PROT_READ | PROT_WRITE, MAP_PRIVATE),
		    EOPNOTSUPP);
	CHECK_ERRNO(map_as(fd, PROT_WRITE, MAP_PRIVATE), EOPNOTSUPP);
}

static void readable_private_mapping_is_allowed_and_stays_so(void)
{
	int fd = esx_file("f", SIZE);
	char *shared = esx_map(fd, SIZE, 0);
	char *map = map_as(fd, PROT_READ, MAP_PRIVATE);

	CHECK(map != MAP_FAILED);
	esx_fill(shared, 3);
	CHECK(esx_has(map, 3));
	CHECK_ERRNO(mprotect(map, SIZE, PROT_READ | PROT_WRITE), EACCES);
}

static void executable_mapping_is_refused(void)
{
	int fd = esx_file("f", SIZE);

	CHECK_ERRNO(map_as(fd, PROT_READ | PROT_EXEC, MAP_SHARED), EPERM);
	CHECK_ERRNO(map_as(fd, PROT_EXEC, MAP_SHARED), EPERM);
	CHECK_ERRNO(map_as(fd, PROT_READ | PROT_EXEC, MAP_PRIVATE), EPERM);
}

static void mapping_cannot_be_made_executable(void)
{
	int fd = esx_file("f", SIZE);
	char *map = esx_map(fd, SIZE, 0);

	CHECK_ERRNO(mprotect(map, SIZE, PROT_READ | PROT_EXEC), EACCES);
	CHECK_ERRNO(mprotect(map, SIZE, PROT_READ | PROT_WRITE | PROT_EXEC),
		    EACCES);
	CHECK_OK(mprotect(map, SIZE, PROT_READ));
	CHECK_OK(mprotect(map, SIZE, PROT_READ | PROT_WRITE));
	esx_fill(map, 1);
}

static void mapping_of_a_read_only_descriptor_cannot_be_written(void)
{
	char *map;
	int fd;

	close(esx_file("f", SIZE));
	fd = CHECK_OK(open(esx_path("f"), O_RDONLY));
	CHECK_ERRNO(map_as(fd, PROT_READ | PROT_WRITE, MAP_SHARED), EACCES);
	map = map_as(fd, PROT_READ, MAP_SHARED);
	CHECK(map != MAP_FAILED);
	CHECK(esx_is_zero(map, SIZE));
	CHECK_ERRNO(mprotect(map, SIZE, PROT_READ | PROT_WRITE), EACCES);
}

static void read_only_mapping_faults_on_write(void)
{
	int fd = esx_file("f", SIZE);
	char *map = esx_map(fd, SIZE, 0);

	esx_fill(map, 1);
	CHECK_OK(mprotect(map, SIZE, PROT_READ));
	CHECK_EQ(esx_signal_of_write(map), SIGSEGV);
	CHECK(esx_has(map, 1));
}

static void execution_of_a_file_is_refused(void)
{
	static const char script[] = "#!/bin/true\n";
	char *argv[] = { "f", NULL };
	int fd = esx_file("f", 0);

	CHECK_EQ(pwrite(fd, script, strlen(script), 0), strlen(script));
	CHECK_OK(fchmod(fd, 0755));
	close(fd);
	CHECK_ERRNO(execv(esx_path("f"), argv), EACCES);
}

static void fork_shares_the_memory(void)
{
	int fd = esx_file("f", SIZE);
	char *map = esx_map(fd, SIZE, 0);
	pid_t child;

	esx_fill(map, 1);
	child = fork();
	if (!child) {
		CHECK(esx_has(map, 1));
		esx_fill(map, 2);
		esx_fill(map + ESX_PAGE, 3);
		_exit(0);
	}
	tap_join(child);
	CHECK(esx_has(map, 2));
	CHECK(esx_has(map + ESX_PAGE, 3));
}

static void mlock_makes_all_present(void)
{
	int fd = esx_file("f", SIZE);
	char *map = esx_map(fd, SIZE, 0);
	unsigned char present[SIZE / ESX_PAGE];

	CHECK_OK(mlock(map, SIZE));
	esx_fill(map, 1);
	CHECK(esx_has(map, 1));
	CHECK_OK(mincore(map, SIZE, present));
	CHECK_OK(munlock(map, SIZE));
}

static void msync_returns_without_doing(void)
{
	int fd = esx_file("f", SIZE);
	char *map = esx_map(fd, SIZE, 0);

	esx_fill(map, 1);
	CHECK_OK(msync(map, SIZE, MS_SYNC));
	CHECK_OK(msync(map, SIZE, MS_ASYNC));
	CHECK_OK(fsync(fd));
	CHECK_OK(fdatasync(fd));
	CHECK(esx_has(map, 1));
}

/* How many lines of the kernel log since @kmsg was opened have @text. */
static unsigned int log_lines(int kmsg, const char *text)
{
	unsigned int found = 0;
	char line[8192];
	ssize_t length;

	for (;;) {
		length = read(kmsg, line, sizeof(line) - 1);
		if (length < 0 && errno == EPIPE)
			continue;
		if (length <= 0)
			return found;
		line[length] = '\0';
		found += !!strstr(line, text);
	}
}

static int open_log(int whence)
{
	int kmsg = CHECK_OK(open("/dev/kmsg", O_RDONLY | O_NONBLOCK));

	CHECK_OK(lseek(kmsg, 0, whence));
	return kmsg;
}

static void refusal_is_explained_in_the_kernel_log(void)
{
	int fd = esx_file("f", SIZE);

	CHECK_ERRNO(map_as(fd, PROT_READ | PROT_WRITE, MAP_PRIVATE),
		    EOPNOTSUPP);
	/* An earlier refusal may have been the one that was logged. */
	CHECK(log_lines(open_log(SEEK_SET), "share=on") >= 1);
}

static void refusals_do_not_flood_the_kernel_log(void)
{
	int fd = esx_file("f", SIZE);
	int kmsg = open_log(SEEK_END);
	unsigned int lines;

	for (int i = 0; i < 1000; i++)
		CHECK_ERRNO(map_as(fd, PROT_READ | PROT_WRITE, MAP_PRIVATE),
			    EOPNOTSUPP);
	lines = log_lines(kmsg, "share=on");
	CHECK_MSG(lines < 100, "%u lines for 1000 refusals", lines);
}

static const struct tap_case cases[] = {
	TAP_CASE(shared_mappings_are_allowed),
	TAP_CASE(writable_private_mapping_is_refused),
	TAP_CASE(readable_private_mapping_is_allowed_and_stays_so),
	TAP_CASE(executable_mapping_is_refused),
	TAP_CASE(mapping_cannot_be_made_executable),
	TAP_CASE(mapping_of_a_read_only_descriptor_cannot_be_written),
	TAP_CASE(read_only_mapping_faults_on_write),
	TAP_CASE(execution_of_a_file_is_refused),
	TAP_CASE(fork_shares_the_memory),
	TAP_CASE(mlock_makes_all_present),
	TAP_CASE(msync_returns_without_doing),
	TAP_CASE(refusal_is_explained_in_the_kernel_log),
	TAP_CASE(refusals_do_not_flood_the_kernel_log),
};

ESX_MAIN(cases)
