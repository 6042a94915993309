// SPDX-License-Identifier: GPL-2.0
/* Names, directories, reading and writing on the memory filesystem. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/esx.h"

static bool exists(const char *name)
{
	struct stat st;

	return !lstat(esx_path("%s", name), &st);
}

static void write_text(int fd, const char *text, off_t offset)
{
	CHECK_EQ(pwrite(fd, text, strlen(text), offset), strlen(text));
}

static void expect_text(int fd, const char *text, off_t offset)
{
	char is[64] = "";

	CHECK_EQ(pread(fd, is, strlen(text), offset), strlen(text));
	CHECK_MSG(!strcmp(is, text), "read \"%s\", expected \"%s\"", is, text);
}

static void create_makes_an_empty_regular_file(void)
{
	int fd = CHECK_OK(open(esx_path("f"), O_RDWR | O_CREAT | O_EXCL, 0640));
	struct stat st;

	CHECK_OK(fstat(fd, &st));
	CHECK(S_ISREG(st.st_mode));
	CHECK_EQ(st.st_mode & 07777, 0640);
	CHECK_EQ(st.st_size, 0);
	CHECK_EQ(st.st_blocks, 0);
	CHECK_EQ(st.st_blksize, 4096);
	CHECK_EQ(st.st_nlink, 1);
}

static void create_refuses_a_name_that_exists(void)
{
	close(esx_file("f", 0));
	CHECK_ERRNO(open(esx_path("f"), O_RDWR | O_CREAT | O_EXCL, 0600),
		    EEXIST);
}

static void open_of_missing_file_fails(void)
{
	CHECK_ERRNO(open(esx_path("f"), O_RDWR), ENOENT);
}

static void open_of_directory_for_writing_fails(void)
{
	CHECK_ERRNO(open(esx_dir(), O_RDWR), EISDIR);
}

static void directories_nest(void)
{
	struct stat st;

	CHECK_OK(mkdir(esx_path("a"), 0755));
	CHECK_OK(mkdir(esx_path("a/b"), 0700));
	CHECK_OK(mkdir(esx_path("a/b/c"), 0755));
	close(esx_file("a/b/c/f", ESX_PAGE));
	CHECK_OK(stat(esx_path("a/b"), &st));
	CHECK(S_ISDIR(st.st_mode));
	CHECK_EQ(st.st_mode & 07777, 0700);
	CHECK_EQ(st.st_nlink, 3);
	CHECK(exists("a/b/c/f"));
}

static unsigned int count_entries(const char *name)
{
	DIR *dir = opendir(esx_path("%s", name));
	unsigned int found = 0;
	struct dirent *entry;

	CHECK(dir);
	while ((entry = readdir(dir)))
		found += entry->d_name[0] != '.';
	closedir(dir);
	return found;
}

static void readdir_lists_every_entry_once(void)
{
	char name[32];

	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "d/file%d", i);
		close(esx_file(name, 0));
	}
	CHECK_EQ(count_entries("d"), 300);
	CHECK_OK(unlink(esx_path("d/file17")));
	CHECK_EQ(count_entries("d"), 299);
}

static void unlink_takes_the_name_away(void)
{
	close(esx_file("f", ESX_PAGE));
	CHECK_OK(unlink(esx_path("f")));
	CHECK(!exists("f"));
	CHECK_ERRNO(unlink(esx_path("f")), ENOENT);
}

static void unlinked_file_lives_until_closed(void)
{
	int fd = esx_file("f", 4 * ESX_PAGE);
	char *map = esx_map(fd, 4 * ESX_PAGE, 0);
	struct stat st;

	esx_fill(map, 1);
	CHECK_OK(unlink(esx_path("f")));
	esx_fill(map + ESX_PAGE, 2);
	CHECK(esx_has(map, 1) && esx_has(map + ESX_PAGE, 2));
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_nlink, 0);
	close(fd);
	CHECK(esx_has(map, 1));
	esx_fill(map + 2 * ESX_PAGE, 3);
	CHECK(esx_has(map + 2 * ESX_PAGE, 3));
}

static void rename_keeps_contents(void)
{
	int fd = esx_file("old", ESX_PAGE);

	write_text(fd, "contents", 0);
	CHECK_OK(rename(esx_path("old"), esx_path("new")));
	CHECK(!exists("old"));
	fd = CHECK_OK(open(esx_path("new"), O_RDONLY));
	expect_text(fd, "contents", 0);
}

static void rename_replaces_a_file(void)
{
	int from = esx_file("from", ESX_PAGE);
	int to = esx_file("to", ESX_PAGE);
	int fd;

	write_text(from, "from", 0);
	write_text(to, "to", 0);
	CHECK_OK(rename(esx_path("from"), esx_path("to")));
	CHECK(!exists("from"));
	fd = CHECK_OK(open(esx_path("to"), O_RDONLY));
	expect_text(fd, "from", 0);
	/* Who has the replaced file open keeps it. */
	expect_text(to, "to", 0);
}

static void rename_of_a_directory_keeps_its_files(void)
{
	int fd = esx_file("old/f", ESX_PAGE);

	write_text(fd, "contents", 0);
	CHECK_OK(rename(esx_path("old"), esx_path("new")));
	CHECK(!exists("old"));
	expect_text(CHECK_OK(open(esx_path("new/f"), O_RDONLY)), "contents", 0);
}

static void rename_over_a_full_directory_fails(void)
{
	close(esx_file("a/f", 0));
	close(esx_file("b/f", 0));
	CHECK_ERRNO(rename(esx_path("a"), esx_path("b")), ENOTEMPTY);
}

static void rename_between_vms_fails(void)
{
	close(esx_file("a/f", ESX_PAGE));
	close(esx_file("b/g", ESX_PAGE));
	CHECK_ERRNO(rename(esx_path("a/f"), esx_path("b/f")), EXDEV);
	CHECK(exists("a/f") && !exists("b/f"));
	CHECK_ERRNO(rename(esx_path("a/f"), esx_path("b/g")), EXDEV);
}

static void rmdir_of_full_directory_fails(void)
{
	close(esx_file("d/f", 0));
	CHECK_ERRNO(rmdir(esx_path("d")), ENOTEMPTY);
	CHECK_OK(unlink(esx_path("d/f")));
	CHECK_OK(rmdir(esx_path("d")));
	CHECK(!exists("d"));
}

static void rmdir_works_while_its_file_is_open(void)
{
	int fd = esx_file("d/f", 2 * ESX_PAGE);
	char *map = esx_map(fd, 2 * ESX_PAGE, 0);

	CHECK_OK(unlink(esx_path("d/f")));
	CHECK_OK(rmdir(esx_path("d")));
	esx_fill(map, 5);
	CHECK(esx_has(map, 5));
}

static void directory_of_a_removed_name_can_be_made_again(void)
{
	int old = esx_file("d/f", ESX_PAGE), new;

	CHECK_OK(unlink(esx_path("d/f")));
	CHECK_OK(rmdir(esx_path("d")));
	new = esx_file("d/f", ESX_PAGE);
	write_text(old, "old", 0);
	write_text(new, "new", 0);
	expect_text(old, "old", 0);
	expect_text(new, "new", 0);
}

static void tmpfile_has_no_name(void)
{
	int fd = CHECK_OK(open(esx_dir(), O_RDWR | O_TMPFILE, 0600));
	char *map;

	CHECK_OK(ftruncate(fd, ESX_PAGE));
	map = esx_map(fd, ESX_PAGE, 0);
	esx_fill(map, 7);
	CHECK(esx_has(map, 7));
	CHECK_EQ(count_entries("."), 0);
}

static void mkstemp_and_unlink_leave_usable_memory(void)
{
	char name[PATH_MAX];
	struct stat st;
	char *map;
	int fd;

	snprintf(name, sizeof(name), "%s", esx_path("qemu_back_mem.ram.XXXXXX"));
	fd = CHECK_OK(mkstemp(name));
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_mode & 07777, 0600);
	CHECK_OK(unlink(name));
	CHECK_OK(ftruncate(fd, 8 * ESX_PAGE));
	map = esx_map(fd, 8 * ESX_PAGE, 0);
	for (int i = 0; i < 8; i++)
		esx_fill(map + i * ESX_PAGE, i + 1);
	for (int i = 0; i < 8; i++)
		CHECK(esx_has(map + i * ESX_PAGE, i + 1));
}

static void write_extends_and_read_stops_at_the_end(void)
{
	int fd = esx_file("f", 0);
	char buffer[16];

	CHECK_EQ(write(fd, "hello", 5), 5);
	CHECK_EQ(lseek(fd, 0, SEEK_END), 5);
	CHECK_EQ(pread(fd, buffer, sizeof(buffer), 0), 5);
	CHECK(!memcmp(buffer, "hello", 5));
	CHECK_EQ(pread(fd, buffer, sizeof(buffer), 5), 0);
	CHECK_EQ(pread(fd, buffer, sizeof(buffer), 1 << 20), 0);
}

static void append_writes_at_the_end(void)
{
	int fd = esx_file("f", 0);
	int appender = CHECK_OK(open(esx_path("f"), O_WRONLY | O_APPEND));

	CHECK_EQ(write(fd, "abc", 3), 3);
	CHECK_EQ(write(appender, "def", 3), 3);
	expect_text(fd, "abcdef", 0);
}

static void read_and_write_cross_pages(void)
{
	int fd = esx_file("f", 0);
	static char out[3 * ESX_PAGE + 123], in[sizeof(out)];
	struct rand r = { tap_seed(1) };

	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = rand_next(&r);
	CHECK_EQ(pwrite(fd, out, sizeof(out), 777), sizeof(out));
	CHECK_EQ(pread(fd, in, sizeof(in), 777), sizeof(in));
	CHECK(!memcmp(in, out, sizeof(in)));
	CHECK_EQ(pread(fd, in, 777, 0), 777);
	CHECK(esx_is_zero(in, 777));
}

static void vectors_are_read_and_written(void)
{
	int fd = esx_file("f", ESX_PAGE);
	char a[3] = "abc", b[4] = "defg", whole[8] = "";
	struct iovec out[] = { { a, 3 }, { b, 4 } };
	struct iovec in[] = { { whole, 2 }, { whole + 2, 5 } };

	CHECK_EQ(pwritev(fd, out, 2, 4090), 7);
	CHECK_EQ(preadv(fd, in, 2, 4090), 7);
	CHECK(!strcmp(whole, "abcdefg"));
}

static void write_is_seen_in_a_mapping_and_back(void)
{
	int fd = esx_file("f", 2 * ESX_PAGE);
	char *map = esx_map(fd, 2 * ESX_PAGE, 0);

	write_text(fd, "by write", 4093);
	CHECK(!memcmp(map + 4093, "by write", 8));
	memcpy(map + 100, "by store", 8);
	expect_text(fd, "by store", 100);
}

static void write_from_the_mapping_itself_works(void)
{
	int fd = esx_file("f", 4 * ESX_PAGE);
	char *map = esx_map(fd, 4 * ESX_PAGE, 0);

	/* The source faults while the file is being written. */
	esx_fill(map + 3 * ESX_PAGE, 9);
	CHECK_OK(madvise(map, 4 * ESX_PAGE, MADV_DONTNEED));
	CHECK_EQ(pwrite(fd, map + 3 * ESX_PAGE, ESX_PAGE, 0), ESX_PAGE);
	CHECK(esx_has(map, 9));
	/* Onto itself. */
	CHECK_EQ(pwrite(fd, map, ESX_PAGE, 0), ESX_PAGE);
	CHECK(esx_has(map, 9));
	/* Into a mapping of what is read. */
	CHECK_EQ(pread(fd, map + ESX_PAGE, ESX_PAGE, 0), ESX_PAGE);
	CHECK(esx_has(map + ESX_PAGE, 9));
}

static void write_from_a_bad_address_fails(void)
{
	int fd = esx_file("f", ESX_PAGE);
	void *closed = mmap(NULL, ESX_PAGE, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char byte;

	CHECK_ERRNO(pwrite(fd, closed, 100, 0), EFAULT);
	CHECK_ERRNO(pread(fd, closed, 100, 0), EFAULT);
	CHECK_EQ(pread(fd, &byte, 1, 0), 1);
	CHECK_EQ(byte, 0);
}

static void sendfile_copies_a_file(void)
{
	int from = esx_file("from", 0), to = esx_file("to", 0);
	size_t length = 5 * ESX_PAGE + 99;
	static char out[5 * ESX_PAGE + 99], in[sizeof(out)];
	struct rand r = { tap_seed(2) };
	off_t offset = 0;

	for (size_t i = 0; i < length; i++)
		out[i] = rand_next(&r);
	CHECK_EQ(pwrite(from, out, length, 0), length);
	while ((size_t)offset < length)
		CHECK(sendfile(to, from, &offset, length - offset) > 0);
	CHECK_EQ(pread(to, in, length, 0), length);
	CHECK(!memcmp(in, out, length));
}

static void truncate_of_unwritable_descriptor_fails(void)
{
	int fd;

	close(esx_file("f", ESX_PAGE));
	fd = CHECK_OK(open(esx_path("f"), O_RDONLY));
	CHECK_ERRNO(ftruncate(fd, 0), EINVAL);
	CHECK_ERRNO(write(fd, "x", 1), EBADF);
	CHECK_ERRNO(fallocate(fd, 0, 0, ESX_PAGE), EBADF);
}

static void open_with_trunc_empties_the_file(void)
{
	int fd = esx_file("f", ESX_PAGE);

	write_text(fd, "text", 0);
	close(CHECK_OK(open(esx_path("f"), O_RDWR | O_TRUNC)));
	CHECK_EQ(lseek(fd, 0, SEEK_END), 0);
	CHECK_EQ(esx_blocks(fd), 0);
}

static void chmod_chown_and_times_hold(void)
{
	struct timespec times[2] = { { 1000, 0 }, { 2000, 0 } };
	int fd = esx_file("f", 0);
	struct stat st;

	CHECK_OK(fchmod(fd, 0604));
	CHECK_OK(fchown(fd, 12, 34));
	CHECK_OK(futimens(fd, times));
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_mode & 07777, 0604);
	CHECK_EQ(st.st_uid, 12);
	CHECK_EQ(st.st_gid, 34);
	CHECK_EQ(st.st_atime, 1000);
	CHECK_EQ(st.st_mtime, 2000);
}

static void modification_time_follows_writes(void)
{
	struct timespec times[2] = { { 1000, 0 }, { 1000, 0 } };
	int fd = esx_file("f", ESX_PAGE);
	struct stat st;

	CHECK_OK(futimens(fd, times));
	write_text(fd, "text", 0);
	CHECK_OK(fstat(fd, &st));
	CHECK(st.st_mtime > 1000);
}

static void other_users_are_refused_by_mode(void)
{
	pid_t child;

	close(esx_file("private", ESX_PAGE));
	CHECK_OK(chmod(esx_path("private"), 0600));
	child = fork();
	if (!child) {
		host_become(65534);
		CHECK_ERRNO(open(esx_path("private"), O_RDWR), EACCES);
		CHECK_ERRNO(open(esx_path("new"), O_RDWR | O_CREAT, 0600),
			    EACCES);
		CHECK_ERRNO(unlink(esx_path("private")), EACCES);
		_exit(0);
	}
	tap_join(child);
}

static void special_files_are_refused(void)
{
	CHECK_ERRNO(mknod(esx_path("c"), S_IFCHR | 0600, makedev(1, 3)), EPERM);
	CHECK_ERRNO(mknod(esx_path("b"), S_IFBLK | 0600, makedev(7, 0)), EPERM);
	CHECK_ERRNO(mknod(esx_path("p"), S_IFIFO | 0600, 0), EPERM);
	CHECK_ERRNO(mknod(esx_path("s"), S_IFSOCK | 0600, 0), EPERM);
	CHECK_ERRNO(symlink("f", esx_path("l")), EPERM);
}

static void size_limit_of_the_process_is_honoured(void)
{
	/* RLIMIT_FSIZE is inherited: a child, to keep the rest free of it. */
	pid_t child = fork();

	if (!child) {
		struct rlimit limit = { 2 * ESX_PAGE, 2 * ESX_PAGE };
		int fd = esx_file("f", ESX_PAGE);

		signal(SIGXFSZ, SIG_IGN);
		CHECK_OK(setrlimit(RLIMIT_FSIZE, &limit));
		CHECK_OK(ftruncate(fd, 2 * ESX_PAGE));
		CHECK_ERRNO(ftruncate(fd, 2 * ESX_PAGE + 1), EFBIG);
		CHECK_ERRNO(pwrite(fd, "x", 1, 2 * ESX_PAGE), EFBIG);
		CHECK_ERRNO(fallocate(fd, 0, 0, 3 * ESX_PAGE), EFBIG);
		_exit(0);
	}
	tap_join(child);
}

static const struct tap_case cases[] = {
	TAP_CASE(create_makes_an_empty_regular_file),
	TAP_CASE(create_refuses_a_name_that_exists),
	TAP_CASE(open_of_missing_file_fails),
	TAP_CASE(open_of_directory_for_writing_fails),
	TAP_CASE(directories_nest),
	TAP_CASE(readdir_lists_every_entry_once),
	TAP_CASE(unlink_takes_the_name_away),
	TAP_CASE(unlinked_file_lives_until_closed),
	TAP_CASE(rename_keeps_contents),
	TAP_CASE(rename_replaces_a_file),
	TAP_CASE(rename_of_a_directory_keeps_its_files),
	TAP_CASE(rename_over_a_full_directory_fails),
	TAP_CASE(rename_between_vms_fails),
	TAP_CASE(rmdir_of_full_directory_fails),
	TAP_CASE(rmdir_works_while_its_file_is_open),
	TAP_CASE(directory_of_a_removed_name_can_be_made_again),
	TAP_CASE(tmpfile_has_no_name),
	TAP_CASE(mkstemp_and_unlink_leave_usable_memory),
	TAP_CASE(write_extends_and_read_stops_at_the_end),
	TAP_CASE(append_writes_at_the_end),
	TAP_CASE(read_and_write_cross_pages),
	TAP_CASE(vectors_are_read_and_written),
	TAP_CASE(write_is_seen_in_a_mapping_and_back),
	TAP_CASE(write_from_the_mapping_itself_works),
	TAP_CASE(write_from_a_bad_address_fails),
	TAP_CASE(sendfile_copies_a_file),
	TAP_CASE(truncate_of_unwritable_descriptor_fails),
	TAP_CASE(open_with_trunc_empties_the_file),
	TAP_CASE(chmod_chown_and_times_hold),
	TAP_CASE(modification_time_follows_writes),
	TAP_CASE(other_users_are_refused_by_mode),
	TAP_CASE(special_files_are_refused),
	TAP_CASE(size_limit_of_the_process_is_honoured),
};

ESX_MAIN(cases)
