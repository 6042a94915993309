// SPDX-License-Identifier: GPL-2.0
/*
 * Inserting and removing the modules: refused while they are in use, and
 * nothing is left after.
 *
 * The modules come from ESX_MODULE_DIR, or LAB_MODULES.  This takes away the
 * mount that the other programs use, and puts it back.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/esx.h"

#define PAGES 256
#define SIZE (PAGES * ESX_PAGE)

static const char *module_path(const char *name)
{
	const char *dir = getenv("ESX_MODULE_DIR");
	static char path[4096];

	if (!dir)
		dir = getenv("LAB_MODULES");
	if (!dir)
		FAIL("neither ESX_MODULE_DIR nor LAB_MODULES is set");
	snprintf(path, sizeof(path), "%s/%s.ko", dir, name);
	return path;
}

static bool is_loaded(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/module/%s", name);
	return !access(path, F_OK);
}

static void insert(const char *name)
{
	int fd = open(module_path(name), O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		FAIL("open %s: %s", module_path(name), strerror(errno));
	if (syscall(SYS_finit_module, fd, "", 0))
		FAIL("insert %s: %s", name, strerror(errno));
	close(fd);
}

static int try_remove(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK);
}

/* The last reference may go a moment after its user. */
static void remove_module(const char *name)
{
	for (int look = 0; try_remove(name); look++) {
		CHECK_MSG((errno == EAGAIN || errno == EBUSY) && look < 200,
			  "remove %s: %s", name, strerror(errno));
		usleep(20000);
	}
}

static void expect_remove_refused(const char *while_what)
{
	errno = 0;
	CHECK_MSG(try_remove("esxmem") == -1, "removed while %s", while_what);
	CHECK_MSG(errno == EAGAIN || errno == EBUSY, "while %s: %s", while_what,
		  strerror(errno));
}

static bool have_glue(void)
{
	return !access(module_path("esxmem_kvm"), F_OK) && is_loaded("kvm");
}

static void insert_all(void)
{
	insert("esxmem");
	if (have_glue())
		insert("esxmem_kvm");
}

static void remove_all(void)
{
	if (is_loaded("esxmem_kvm")) {
		expect_remove_refused("esxmem_kvm is loaded");
		remove_module("esxmem_kvm");
	}
	remove_module("esxmem");
	CHECK(!is_loaded("esxmem"));
	CHECK(access("/dev/esxmem", F_OK) == -1);
	CHECK(access(ESX_SYSFS, F_OK) == -1);
}

static void mount_it(void)
{
	if (mkdir(esx_mount_point(), 0755) && errno != EEXIST)
		FAIL("mkdir: %s", strerror(errno));
	CHECK_OK(mount("esxmem", esx_mount_point(), "esxmem", 0, ""));
}

static void umount_it(void)
{
	CHECK_OK(umount(esx_mount_point()));
}

/* What the other programs find is what they left. */
static void put_back(void)
{
	if (!is_loaded("esxmem"))
		insert("esxmem");
	if (have_glue() && !is_loaded("esxmem_kvm"))
		insert("esxmem_kvm");
	umount2(esx_mount_point(), MNT_DETACH);
	mount_it();
}

static const char *after_each(const struct tap_case *c)
{
	pid_t child = fork();
	int status;

	(void)c;
	if (!child) {
		put_back();
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || status)
		return "the modules could not be put back";
	return NULL;
}

static int make_file(const char *name)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", esx_mount_point(), name);
	fd = CHECK_OK(open(path, O_RDWR | O_CREAT, 0600));
	CHECK_OK(ftruncate(fd, SIZE));
	return fd;
}

/*
 * Merges at least a page.  A worker that unmaps the pages at this moment holds
 * all of them, and the call leaves them alone; another may have been faster.
 */
static void merge_some(int ctl, int fd)
{
	struct esxmem_merge merge = { .size = sizeof(merge), .fd = fd };

	for (int i = 0; i < 1000; i++) {
		CHECK_OK(ioctl(ctl, ESXMEM_IOC_MERGE, &merge));
		if (merge.merged + merge.zero + merge.already)
			return;
		usleep(1000);
	}
	FAIL("visited %llu, hints %llu, pinned %llu, busy %llu, changed %llu, skipped %llu",
	     (unsigned long long)merge.visited, (unsigned long long)merge.hints,
	     (unsigned long long)merge.pinned, (unsigned long long)merge.busy,
	     (unsigned long long)merge.changed, (unsigned long long)merge.skipped);
}

/* A short life of guest memory; leaves it mapped and open. */
static char *use(int fd)
{
	char *map = esx_map(fd, SIZE, 0);
	int ctl = CHECK_OK(open("/dev/esxmem", O_RDWR));

	for (size_t i = 0; i < PAGES; i++)
		esx_fill(map + i * ESX_PAGE, i % 20);
	merge_some(ctl, fd);
	for (size_t i = 0; i < PAGES; i += 3)
		esx_fill(map + i * ESX_PAGE, i);
	for (size_t i = 0; i < PAGES; i++)
		CHECK(esx_has(map + i * ESX_PAGE, i % 3 ? i % 20 : i));
	expect_remove_refused("the device is open");
	close(ctl);
	return map;
}

static void cycle(unsigned int number)
{
	char *map;
	int fd;

	insert_all();
	mount_it();
	expect_remove_refused("mounted");
	fd = make_file("ram");
	esx_set(ESX_SYSFS "/large_pages", number % 2 ? "always" : "never");
	map = use(fd);
	expect_remove_refused("open");
	close(fd);
	expect_remove_refused("mapped");
	if (number % 4 == 0) {
		/* The mapping alone keeps the module. */
		CHECK_OK(umount2(esx_mount_point(), MNT_DETACH));
		expect_remove_refused("mapped, the mount detached");
		CHECK_OK(munmap(map, SIZE));
	} else {
		CHECK_OK(munmap(map, SIZE));
		/* With the file, and what it holds, still there. */
		umount_it();
	}
	remove_all();
}

static void start_unloaded(void)
{
	umount_it();
	remove_all();
}

static void removal_is_refused_while_in_use(void)
{
	start_unloaded();
	cycle(0);
	cycle(1);
}

static void a_hundred_cycles_leave_nothing_behind(void)
{
	unsigned int cycles = tap_scaled(100, 100);
	uint64_t before, after;

	start_unloaded();
	for (unsigned int i = 0; i < 10; i++) /* warm up caches */
		cycle(i);
	before = host_settled_free_kib();
	for (unsigned int i = 0; i < cycles; i++)
		cycle(i);
	after = host_settled_free_kib();
	tap_note("%u cycles; %llu KiB free before, %llu after", cycles,
		 (unsigned long long)before, (unsigned long long)after);
	CHECK(after + 256 >= before);
}

static void check_removal_while_scanning(const char *workers)
{
	start_unloaded();
	for (int i = 0; i < 5; i++) {
		char *map;
		int fd;

		insert_all();
		mount_it();
		esx_set(ESX_SYSFS "/share/workers", workers);
		esx_scanner(true);
		fd = make_file("ram");
		map = use(fd);
		CHECK_OK(munmap(map, SIZE));
		close(fd);
		umount_it();
		remove_all();
	}
}

static void removal_stops_a_busy_scanner(void)
{
	check_removal_while_scanning("1");
}

static void removal_stops_many_busy_workers(void)
{
	check_removal_while_scanning("7");
	CHECK_EQ(esx_scand().threads, 0);
}

/* The end of a VM and a knob each ask for new targets, a moment later. */
static void removal_forgets_targets_that_are_due(void)
{
	start_unloaded();
	for (int i = 0; i < 20; i++) {
		int fd;

		insert_all();
		mount_it();
		esx_set(ESX_SYSFS "/tax/period_seconds", "1");
		fd = make_file("ram");
		esx_set(ESX_SYSFS "/vms/ram/min_bytes", "4096");
		close(fd);
		/* Now and then the work has begun. */
		usleep(i * 1000);
		umount_it();
		remove_all();
	}
}

static void a_bad_mount_keeps_no_reference(void)
{
	umount_it();
	CHECK_ERRNO(mount("esxmem", esx_mount_point(), "esxmem", 0, "size=x"),
		    EINVAL);
	remove_all();
}

static const struct tap_case cases[] = {
	TAP_CASE(removal_is_refused_while_in_use),
	TAP_CASE(a_bad_mount_keeps_no_reference),
	TAP_CASE(removal_stops_a_busy_scanner),
	TAP_CASE(removal_stops_many_busy_workers),
	TAP_CASE(removal_forgets_targets_that_are_due),
	TAP_CASE(a_hundred_cycles_leave_nothing_behind),
};

int main(int argc, char **argv)
{
	static const struct tap_hooks hooks = { .after = after_each };

	return tap_main(argc, argv, cases, ARRAY_SIZE(cases), &hooks);
}
