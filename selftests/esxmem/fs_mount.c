// SPDX-License-Identifier: GPL-2.0
/* Mounting: options, capacity, what statfs says, who may mount. */
#include <fcntl.h>
#include <linux/falloc.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/esx.h"

/* Where cases mount; gone with the case, as its mounts are private. */
#define WHERE "/tmp/esxmem-test-mount"

static int mount_at(const char *options)
{
	return mount("esxmem", WHERE, "esxmem", 0, options);
}

static void mount_with(const char *options)
{
	host_private_mounts();
	if (mkdir(WHERE, 0755) && errno != EEXIST)
		FAIL("mkdir %s: %s", WHERE, strerror(errno));
	if (mount_at(options))
		FAIL("mount -o %s: %s", options, strerror(errno));
}

static void leave_mount(void)
{
	CHECK_OK(umount(WHERE));
}

static int file_of(const char *name, off_t size)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), WHERE "/%s", name);
	fd = CHECK_OK(open(path, O_RDWR | O_CREAT, 0600));
	CHECK_OK(ftruncate(fd, size));
	return fd;
}

static struct statfs fs_of(const char *path)
{
	struct statfs fs;

	CHECK_OK(statfs(path, &fs));
	return fs;
}

static void statfs_tells_type_and_page_size(void)
{
	struct statfs fs = fs_of(esx_dir());

	CHECK_EQ(fs.f_type, 0x4553584d);
	CHECK_EQ(fs.f_bsize, 4096);
	CHECK(fs.f_blocks > 0);
	CHECK(fs.f_bfree <= fs.f_blocks);
	CHECK(fs.f_bavail <= fs.f_bfree);
	CHECK(fs.f_namelen >= 255);
}

static void statfs_follows_use(void)
{
	struct statfs fs;
	char *map;
	int fd;

	mount_with("size=4M");
	fs = fs_of(WHERE);
	CHECK_EQ(fs.f_blocks, 1024);
	CHECK_EQ(fs.f_bfree, 1024);
	fd = file_of("f", 1 << 20);
	CHECK_EQ(fs_of(WHERE).f_bfree, 1024);
	map = esx_map(fd, 1 << 20, 0);
	for (int i = 0; i < 100; i++)
		esx_fill(map + i * ESX_PAGE, i + 1);
	CHECK_EQ(fs_of(WHERE).f_bfree, 924);
	CHECK_OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			   50 * ESX_PAGE));
	CHECK_EQ(fs_of(WHERE).f_bfree, 974);
	CHECK_OK(ftruncate(fd, 0));
	CHECK_EQ(fs_of(WHERE).f_bfree, 1024);
}

static void write_over_capacity_fails(void)
{
	static char chunk[1 << 20];
	int fd;

	mount_with("size=1M");
	fd = file_of("f", 0);
	memset(chunk, 'x', sizeof(chunk));
	CHECK_EQ(pwrite(fd, chunk, sizeof(chunk), 0), sizeof(chunk));
	CHECK_ERRNO(pwrite(fd, "x", 1, sizeof(chunk)), ENOSPC);
	/* What was there can still be written. */
	CHECK_EQ(pwrite(fd, "y", 1, 5000), 1);
}

static void touch_over_capacity_is_a_bus_error(void)
{
	char *map;
	int fd;

	mount_with("size=1M");
	fd = file_of("f", 2 << 20);
	map = esx_map(fd, 2 << 20, 0);
	for (int i = 0; i < 256; i++)
		CHECK_EQ(esx_signal_of_write(map + i * ESX_PAGE), 0);
	CHECK_EQ(esx_signal_of_write(map + 256 * ESX_PAGE), SIGBUS);
	/* Reading a hole takes no memory. */
	CHECK_EQ(esx_signal_of_read(map + 300 * ESX_PAGE), 0);
	CHECK_OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			   ESX_PAGE));
	CHECK_EQ(esx_signal_of_write(map + 256 * ESX_PAGE), 0);
}

static void allocate_over_capacity_fails(void)
{
	int fd;

	mount_with("size=1M");
	fd = file_of("f", 0);
	CHECK_ERRNO(fallocate(fd, 0, 0, 2 << 20), ENOSPC);
	CHECK_OK(fallocate(fd, 0, 0, 1 << 20));
	CHECK_EQ(fs_of(WHERE).f_bfree, 0);
}

static void large_pages_respect_capacity(void)
{
	char *map;
	int fd;

	esx_set(ESX_SYSFS "/large_pages", "always");
	mount_with("size=3M");
	fd = file_of("f", 4 << 20);
	map = esx_map_huge(fd, 4 << 20);
	for (int i = 0; i < 768; i++)
		CHECK_EQ(esx_signal_of_write(map + i * ESX_PAGE), 0);
	CHECK_EQ(esx_signal_of_write(map + 768 * ESX_PAGE), SIGBUS);
}

static void inodes_are_limited(void)
{
	char path[64];
	int made = 0;

	mount_with("nr_inodes=10");
	for (; made < 20; made++) {
		int fd;

		snprintf(path, sizeof(path), WHERE "/f%d", made);
		fd = open(path, O_RDWR | O_CREAT, 0600);
		if (fd < 0)
			break;
		close(fd);
	}
	CHECK_EQ(errno, ENOSPC);
	CHECK_MSG(made == 9 || made == 10, "%d files made of 10 inodes", made);
	CHECK_ERRNO(mkdir(WHERE "/d", 0700), ENOSPC);
	CHECK_EQ(fs_of(WHERE).f_files, 10);
	CHECK_EQ(fs_of(WHERE).f_ffree, 0);
	CHECK_OK(unlink(WHERE "/f0"));
	CHECK_OK(mkdir(WHERE "/d", 0700));
}

static void mode_uid_and_gid_are_honoured(void)
{
	struct stat st;

	mount_with("mode=0751,uid=12,gid=34");
	CHECK_OK(stat(WHERE, &st));
	CHECK_EQ(st.st_mode & 07777, 0751);
	CHECK_EQ(st.st_uid, 12);
	CHECK_EQ(st.st_gid, 34);
}

/* The options of WHERE as /proc/mounts has them. */
static const char *shown_options(void)
{
	static char line[1024];
	FILE *file = fopen("/proc/self/mounts", "r");

	CHECK(file);
	while (fgets(line, sizeof(line), file))
		if (strstr(line, " " WHERE " "))
			break;
	fclose(file);
	return line;
}

static void options_are_shown(void)
{
	static const char *const shown[] = { "size=",	  "nr_inodes=20",
					     "mode=0?",	  "uid=12",
					     "gid=34",	  "salt=host",
					     "min=4096k", "max=6144k",
					     "shares=77", "tax=0" };
	const char *line;

	mount_with("size=8M,nr_inodes=20,mode=0701,uid=12,gid=34,salt=host,"
		   "min=4M,max=6M,shares=77,tax=0");
	line = shown_options();
	CHECK(strstr(line, " esxmem "));
	for (size_t i = 0; i < ARRAY_SIZE(shown); i++) {
		if (!strcmp(shown[i], "mode=0?"))
			CHECK_MSG(strstr(line, "mode=701") ||
					  strstr(line, "mode=0701"),
				  "mode not in %s", line);
		else
			CHECK_MSG(strstr(line, shown[i]), "%s not in %s",
				  shown[i], line);
	}
}

static void bad_options_are_refused(void)
{
	static const char *const bad[] = {
		"size=",	"size=x",     "size=-1",     "size=1Q",
		"nr_inodes=x",	"nr_inodes=", "mode=9",	     "mode=x",
		"mode=077777",	"uid=x",      "gid=x",	     "uid=-1",
		"salt=none",	"salt=",      "salt",	     "nonsense",
		"nonsense=1",	"size",	      "gid=4294967295",
		"min=x",	"min=",	      "min=4097",    "min",
		"shares=x",	"shares=-1",  "shares",	     "shares=1000000001",
		"max=x",	"max=",	      "max=1",	     "max",
		"max=-1",	"tax=x",      "tax=-1",	     "tax",
		"tax=",		"tax=100",    "tax=4294967295",
		/* As a whole. */
		"min=8M,max=4M",	      "max=4M,min=4100k",
		"size=4M,min=8M",	      "min=4100k,size=4M",
	};

	host_private_mounts();
	if (mkdir(WHERE, 0755) && errno != EEXIST)
		FAIL("mkdir %s: %s", WHERE, strerror(errno));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		errno = 0;
		CHECK_MSG(mount_at(bad[i]) == -1, "mount -o %s succeeded",
			  bad[i]);
		CHECK_MSG(errno == EINVAL, "mount -o %s: %s", bad[i],
			  strerror(errno));
	}
	CHECK_OK(mount_at("salt=vm"));
}

static void sizes_take_suffixes(void)
{
	mount_with("size=1024k");
	CHECK_EQ(fs_of(WHERE).f_blocks, 256);
	leave_mount();
	mount_with("size=1G");
	CHECK_EQ(fs_of(WHERE).f_blocks, 1 << 18);
}

static int remount(const char *options)
{
	return mount("esxmem", WHERE, "esxmem", MS_REMOUNT, options);
}

static void remount_changes_the_capacity(void)
{
	int fd;

	mount_with("size=1M");
	fd = file_of("f", 0);
	CHECK_OK(fallocate(fd, 0, 0, 1 << 20));
	CHECK_OK(remount("size=2M"));
	CHECK_EQ(fs_of(WHERE).f_blocks, 512);
	CHECK_OK(fallocate(fd, 0, 0, 2 << 20));
	CHECK_ERRNO(fallocate(fd, 0, 0, 3 << 20), ENOSPC);
}

/* 8 MiB, 20 bytes for each of its pages, and 64 KiB. */
static void minimum_of_the_mount_is_asked_for_by_new_vms(void)
{
	const char *reserved = esx_knob_path("tax/reserved_bytes");
	const char *pool = esx_knob_path("tax/pool_bytes");
	uint64_t need = (2048 + 10 + 16) * ESX_PAGE;
	int fd;

	mount_with("min=8M,shares=5");
	CHECK_EQ(esx_get_number(reserved), 0);
	file_of("first", 1 << 30);
	CHECK_EQ(esx_get_number(reserved), need);
	/* Room for less than another one. */
	esx_set(pool, "12582912");
	fd = file_of("second", 2 << 20);
	CHECK_ERRNO(ftruncate(fd, 8 << 20), ENOSPC);
	CHECK_OK(remount("min=0"));
	file_of("third", 8 << 20);
	CHECK_EQ(esx_get_number(reserved), need + (512 + 3 + 16) * ESX_PAGE);
	/* What VMs have stays with them. */
	fd = file_of("first", 0);
	CHECK_OK(ftruncate(fd, 1 << 30));
	CHECK_EQ(esx_get_number(reserved), need + (512 + 3 + 16) * ESX_PAGE);
}

static bool is_shown(const char *option)
{
	return strstr(shown_options(), option);
}

/* The new options count with the old ones, and none is taken when they do not fit. */
static void remount_checks_parameters_as_a_whole(void)
{
	mount_with("size=64M,min=8M,max=16M");
	CHECK_ERRNO(remount("max=4M"), EINVAL);
	CHECK_ERRNO(remount("min=32M,shares=5"), EINVAL);
	CHECK_ERRNO(remount("size=4M"), EINVAL);
	CHECK_ERRNO(remount("min=4M,max=2M,tax=5"), EINVAL);
	CHECK_ERRNO(remount("shares=6,tax=100"), EINVAL);
	CHECK(is_shown("size=65536k") && is_shown("min=8192k") && is_shown("max=16384k"));
	CHECK(!is_shown("shares=") && !is_shown("tax="));
	CHECK_OK(remount("min=32M,max=48M,tax=5"));
	CHECK(is_shown("min=32768k") && is_shown("max=49152k") && is_shown("tax=5"));
	CHECK_OK(remount("max=0"));
	CHECK(!is_shown("max="));
}

static uint64_t knob_of(const char *vm, const char *knob)
{
	return esx_get_number(esx_knob_path("vms/%s/%s", vm, knob));
}

static void parameters_of_the_mount_are_those_of_new_vms(void)
{
	mount_with("min=4M,max=8M,shares=5,tax=12");
	file_of("mount-test-one", 16 << 20);
	CHECK_OK(remount("min=0,max=0,shares=6,tax=0"));
	file_of("mount-test-two", 16 << 20);
	CHECK_EQ(knob_of("mount-test-one", "min_bytes"), 4 << 20);
	CHECK_EQ(knob_of("mount-test-one", "max_bytes"), 8 << 20);
	CHECK_EQ(knob_of("mount-test-one", "shares"), 5);
	CHECK_EQ(knob_of("mount-test-one", "tax_percent"), 12);
	CHECK_EQ(knob_of("mount-test-two", "min_bytes"), 0);
	CHECK_EQ(knob_of("mount-test-two", "max_bytes"), 0);
	CHECK_EQ(knob_of("mount-test-two", "shares"), 6);
	CHECK_EQ(knob_of("mount-test-two", "tax_percent"), 0);
}

static void remount_does_not_allow_execution(void)
{
	int fd;

	mount_with("");
	CHECK_OK(remount(""));
	fd = file_of("f", ESX_PAGE);
	CHECK_ERRNO(mmap(NULL, ESX_PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd,
			 0),
		    EPERM);
}

static void remount_below_use_is_refused(void)
{
	int fd;

	mount_with("size=2M,nr_inodes=10");
	fd = file_of("f", 0);
	CHECK_OK(fallocate(fd, 0, 0, 2 << 20));
	CHECK_ERRNO(remount("size=1M"), EINVAL);
	CHECK_EQ(fs_of(WHERE).f_blocks, 512);
	CHECK_ERRNO(remount("size=x"), EINVAL);
	CHECK_ERRNO(remount("nr_inodes=1"), EINVAL);
}

static void umount_is_refused_while_open_or_mapped(void)
{
	char *map;
	int fd;

	mount_with("");
	fd = file_of("f", ESX_PAGE);
	CHECK_ERRNO(umount(WHERE), EBUSY);
	map = esx_map(fd, ESX_PAGE, 0);
	close(fd);
	CHECK_ERRNO(umount(WHERE), EBUSY);
	CHECK_OK(munmap(map, ESX_PAGE));
	CHECK_OK(umount(WHERE));
}

static void detached_mount_lives_while_mapped(void)
{
	char *map;
	int fd;

	mount_with("");
	fd = file_of("f", 4 * ESX_PAGE);
	map = esx_map(fd, 4 * ESX_PAGE, 0);
	esx_fill(map, 1);
	close(fd);
	CHECK_OK(umount2(WHERE, MNT_DETACH));
	esx_fill(map + ESX_PAGE, 2);
	CHECK(esx_has(map, 1) && esx_has(map + ESX_PAGE, 2));
}

static void two_mounts_have_files_of_their_own(void)
{
	int fd;

	mount_with("");
	fd = file_of("f", ESX_PAGE);
	CHECK_EQ(pwrite(fd, "one", 3, 0), 3);
	CHECK_OK(mkdir("/tmp/esxmem-test-mount2", 0755));
	CHECK_OK(mount("esxmem", "/tmp/esxmem-test-mount2", "esxmem", 0, ""));
	CHECK_ERRNO(open("/tmp/esxmem-test-mount2/f", O_RDWR), ENOENT);
	CHECK_OK(umount("/tmp/esxmem-test-mount2"));
	CHECK_OK(rmdir("/tmp/esxmem-test-mount2"));
}

static void mount_in_a_user_namespace_is_refused(void)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS))
		FAIL("unshare: %s", strerror(errno));
	CHECK_ERRNO(mount("esxmem", "/tmp", "esxmem", 0, ""), EPERM);
}

static void mount_by_a_plain_user_is_refused(void)
{
	host_become(65534);
	CHECK_ERRNO(mount("esxmem", "/tmp", "esxmem", 0, ""), EPERM);
}

static const struct tap_case cases[] = {
	TAP_CASE(statfs_tells_type_and_page_size),
	TAP_CASE(statfs_follows_use),
	TAP_CASE(write_over_capacity_fails),
	TAP_CASE(touch_over_capacity_is_a_bus_error),
	TAP_CASE(allocate_over_capacity_fails),
	TAP_CASE(large_pages_respect_capacity),
	TAP_CASE(inodes_are_limited),
	TAP_CASE(mode_uid_and_gid_are_honoured),
	TAP_CASE(options_are_shown),
	TAP_CASE(bad_options_are_refused),
	TAP_CASE(sizes_take_suffixes),
	TAP_CASE(remount_changes_the_capacity),
	TAP_CASE(minimum_of_the_mount_is_asked_for_by_new_vms),
	TAP_CASE(remount_checks_parameters_as_a_whole),
	TAP_CASE(parameters_of_the_mount_are_those_of_new_vms),
	TAP_CASE(remount_does_not_allow_execution),
	TAP_CASE(remount_below_use_is_refused),
	TAP_CASE(umount_is_refused_while_open_or_mapped),
	TAP_CASE(detached_mount_lives_while_mapped),
	TAP_CASE(two_mounts_have_files_of_their_own),
	TAP_CASE(mount_in_a_user_namespace_is_refused),
	TAP_CASE(mount_by_a_plain_user_is_refused),
};

ESX_MAIN(cases)
