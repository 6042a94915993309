// SPDX-License-Identifier: GPL-2.0
/* Resource pools: what directories are, what they reserve, who gets what in them. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/esx.h"

#define MIB (1UL << 20)
#define WHERE "/tmp/esxmem-test-pools"

static void end_vm(const char *vm, int fd)
{
	CHECK_OK(unlink(esx_path("%s/ram", vm)));
	close(fd);
}

static void make_dir(const char *name)
{
	CHECK_OK(mkdir(esx_path("%s", name), 0755));
}

static bool is_pool(const char *name)
{
	return !access(esx_pool_knob(name, "members"), F_OK);
}

static uint64_t pool_value(const char *pool, const char *knob)
{
	return esx_get_number(esx_pool_knob(pool, knob));
}

static void set_pool(const char *pool, const char *knob, uint64_t number)
{
	esx_set_number(esx_pool_knob(pool, knob), number);
}

static void set_vm(const char *vm, const char *knob, uint64_t number)
{
	esx_set_number(esx_vm_knob(vm, knob), number);
}

static uint64_t target(const char *vm)
{
	return esx_get_number(esx_vm_knob(vm, "target_bytes"));
}

static uint64_t reserved(void)
{
	return esx_get_number(esx_tax_knob("reserved_bytes"));
}

/* VMs and pools end a moment after their last file. */
static void expect_reserved(uint64_t bytes)
{
	for (int look = 0; reserved() != bytes; look++) {
		CHECK_MSG(look < 500, "%llu bytes are reserved, expected %llu",
			  (unsigned long long)reserved(), (unsigned long long)bytes);
		usleep(10000);
	}
}

/* 20 bytes a page, and 64 KiB. */
static uint64_t with_overhead(uint64_t bytes)
{
	uint64_t pages = bytes / ESX_PAGE;

	return bytes + ((pages * 20 + ESX_PAGE - 1) / ESX_PAGE + 16) * ESX_PAGE;
}

static bool reason_is(const char *path, const char *reason)
{
	return !strcmp(esx_get(path), reason);
}

/* What the file pool of a VM says is the name of a directory in pools/. */
static bool is_in(const char *vm, const char *pool)
{
	char name[512];

	snprintf(name, sizeof(name), "%s", esx_get(esx_vm_knob(vm, "pool")));
	return !strcmp(esx_pool_knob(pool, "members"), esx_knob_path("pools/%s/members", name));
}

static void directories_above_vms_are_pools(void)
{
	make_dir("a");
	CHECK(!is_pool("a"));
	CHECK(is_pool(""));
	make_dir("a/b");
	CHECK(is_pool("a") && !is_pool("a/b"));
	CHECK_EQ(pool_value("a", "members"), 0);
	esx_vm_file("a/b", MIB);
	esx_vm_file("a/c", MIB);
	CHECK_EQ(pool_value("a", "members"), 2);
	CHECK(is_in("a/b", "a"));
	/* Files beside subdirectories are a VM in the pool. */
	esx_vm_file("a", MIB);
	CHECK_EQ(pool_value("a", "members"), 3);
	CHECK(is_in("a", "a"));
	make_dir("a/c/d");
	CHECK(is_pool("a/c") && is_in("a/c", "a/c"));
	esx_vm_file("a/c/d", MIB);
	CHECK_EQ(pool_value("a/c", "members"), 2);
	CHECK_EQ(pool_value("a", "members"), 4);
	CHECK_EQ(pool_value("", "members"), 4);
}

/* Nobody has said anything of any of these directories. */
static void pools_without_parameters_change_nothing(void)
{
	esx_vm_file("a", 64 * MIB);
	esx_vm_file("libvirt/qemu/1-b", 64 * MIB);
	esx_vm_file("libvirt/qemu/2-c", 64 * MIB);
	set_vm("libvirt/qemu/1-b", "shares", 1280);
	set_vm("libvirt/qemu/2-c", "shares", 0);
	set_vm("libvirt/qemu/2-c", "min_bytes", 6 * MIB);
	esx_choose_pool(66 * MIB);
	esx_wait_rebalance();
	/* As without directories, see params.c: 60 MiB in proportion 1:2, and 6 MiB. */
	CHECK_EQ(target("a"), 20 * MIB);
	CHECK_EQ(target("libvirt/qemu/1-b"), 40 * MIB);
	CHECK_EQ(target("libvirt/qemu/2-c"), 6 * MIB);
	CHECK_EQ(reserved(), with_overhead(6 * MIB));
	CHECK_EQ(pool_value("libvirt", "target_bytes"), 46 * MIB);
	CHECK_EQ(pool_value("libvirt", "effective_shares"), 1280);
	CHECK(reason_is(esx_pool_knob("libvirt", "target_reason"), "none"));
	/* They are seen when something is said, and not any more when it is taken back. */
	set_pool("libvirt", "shares", 640);
	esx_wait_rebalance();
	CHECK_EQ(target("a"), 33 * MIB);
	esx_set(esx_pool_knob("libvirt", "shares"), "default");
	esx_wait_rebalance();
	CHECK_EQ(target("a"), 20 * MIB);
}

static void shares_divide_between_pools_then_within(void)
{
	esx_vm_file("gold/a", 64 * MIB);
	esx_vm_file("gold/b", 64 * MIB);
	esx_vm_file("gold/inner/c", 64 * MIB);
	esx_vm_file("gold/inner/d", 64 * MIB);
	esx_vm_file("bronze/e", 64 * MIB);
	set_pool("gold", "shares", 300);
	set_pool("bronze", "shares", 100);
	set_pool("gold/inner", "shares", 320);
	set_vm("gold/inner/c", "shares", 3);
	set_vm("gold/inner/d", "shares", 1);
	esx_choose_pool(80 * MIB);
	esx_wait_rebalance();
	/* 60 and 20; of the 60 two parts for each VM and one for inner; of that 3:1. */
	CHECK_EQ(pool_value("gold", "target_bytes"), 60 * MIB);
	CHECK_EQ(target("gold/a"), 24 * MIB);
	CHECK_EQ(target("gold/b"), 24 * MIB);
	CHECK_EQ(target("gold/inner/c"), 9 * MIB);
	CHECK_EQ(target("gold/inner/d"), 3 * MIB);
	CHECK_EQ(target("bronze/e"), 20 * MIB);
	CHECK_EQ(pool_value("gold", "effective_shares"), 300);
}

static void limits_of_a_pool_hold(void)
{
	esx_vm_file("capped/a", 64 * MIB);
	esx_vm_file("capped/b", 64 * MIB);
	esx_vm_file("safe/c", 64 * MIB);
	esx_vm_file("d", 64 * MIB);
	set_pool("capped", "max_bytes", 16 * MIB);
	set_pool("safe", "min_bytes", 40 * MIB);
	esx_choose_pool(76 * MIB);
	esx_wait_rebalance();
	CHECK_EQ(target("capped/a"), 8 * MIB);
	CHECK_EQ(target("capped/b"), 8 * MIB);
	CHECK_EQ(target("safe/c"), 40 * MIB);
	CHECK_EQ(target("d"), 20 * MIB);
	CHECK(reason_is(esx_pool_knob("capped", "target_reason"), "max"));
	CHECK(reason_is(esx_pool_knob("safe", "target_reason"), "min"));
	/* However much there is. */
	esx_set(esx_tax_knob("pool_bytes"), "0");
	esx_wait_rebalance();
	CHECK_EQ(pool_value("capped", "target_bytes"), 16 * MIB);
	CHECK_EQ(target("d"), 64 * MIB);
}

static void members_reserve_from_their_pool_first(void)
{
	make_dir("pool");
	make_dir("pool/first");
	set_pool("pool", "min_bytes", 16 * MIB);
	CHECK_EQ(reserved(), 16 * MIB);
	CHECK_EQ(pool_value("pool", "reserved_bytes"), 16 * MIB);
	esx_vm_file("pool/a", 64 * MIB);
	set_vm("pool/a", "min_bytes", 8 * MIB);
	CHECK_EQ(reserved(), 16 * MIB);
	esx_set_number(esx_tax_knob("pool_bytes"), 24 * MIB);
	/* The rest comes from the host, as far as it has any. */
	esx_vm_file("pool/b", 64 * MIB);
	CHECK_ERRNO(esx_try_number(esx_vm_knob("pool/b", "min_bytes"), 16 * MIB), ENOSPC);
	set_vm("pool/b", "min_bytes", 12 * MIB);
	CHECK_EQ(reserved(), with_overhead(8 * MIB) + with_overhead(12 * MIB));
	CHECK_EQ(pool_value("pool", "reserved_bytes"), reserved());
	CHECK_ERRNO(esx_try_number(esx_pool_knob("pool", "min_bytes"), 32 * MIB), ENOSPC);
	CHECK_EQ(pool_value("pool", "min_bytes"), 16 * MIB);
	set_vm("pool/a", "min_bytes", 0);
	set_vm("pool/b", "min_bytes", 0);
	CHECK_EQ(reserved(), 16 * MIB);
	set_pool("pool", "min_bytes", 0);
	CHECK_EQ(reserved(), 0);
}

static void maximum_bounds_what_is_guaranteed(void)
{
	int fd = esx_vm_file("pool/inner/vm", 8 * MIB);
	uint64_t refusals = esx_get_number(esx_tax_knob("refusals"));

	set_pool("pool", "max_bytes", 8 * MIB);
	/* All of it, and the overhead is not the guests'. */
	set_vm("pool/inner/vm", "min_bytes", 8 * MIB);
	CHECK_ERRNO(esx_try_number(esx_pool_knob("pool", "max_bytes"), 4 * MIB), ENOSPC);
	CHECK_ERRNO(esx_try_number(esx_pool_knob("pool/inner", "min_bytes"), 12 * MIB), ENOSPC);
	esx_vm_file("pool/other", 8 * MIB);
	CHECK_ERRNO(esx_try_number(esx_vm_knob("pool/other", "min_bytes"), ESX_PAGE), ENOSPC);
	CHECK_EQ(esx_get_number(esx_tax_knob("refusals")), refusals + 3);
	/* A file that grows into its VM's minimum asks as well. */
	CHECK_OK(ftruncate(fd, 4 * MIB));
	set_vm("pool/other", "min_bytes", 4 * MIB);
	CHECK_ERRNO(ftruncate(fd, 8 * MIB), ENOSPC);
	CHECK_EQ(lseek(fd, 0, SEEK_END), 4 * MIB);
	set_pool("pool", "max_bytes", 12 * MIB);
	CHECK_OK(ftruncate(fd, 8 * MIB));
}

static void expect_refused(const char *path, const char *text, int expected)
{
	char before[64];

	snprintf(before, sizeof(before), "%s", esx_get(path));
	errno = 0;
	CHECK_MSG(esx_try_write(path, text, strlen(text)) == -1, "%s takes \"%s\"", path, text);
	CHECK_MSG(errno == expected, "%s, \"%s\": %s", path, text, strerror(errno));
	CHECK_MSG(!strcmp(esx_get(path), before), "%s has become \"%s\" by \"%s\"", path,
		  esx_get(path), text);
}

static void garbage_is_refused(void)
{
	static const char *const texts[] = {
		"x",
		"-1",
		"+ 1",
		"1 2",
		"0x10",
		"1.5",
		"4096k",
		"18446744073709551616",
		"Default",
		"defaults",
		"NaN",
		"1\n2",
		"18446744073709551615",
	};
	static const char *const knobs[] = { "min_bytes", "max_bytes", "shares" };
	static const char *const figures[] = {
		"members",	"effective_shares", "reserved_bytes", "target_bytes",
		"active_bytes", "rho_ppm",	    "target_reason",
	};

	esx_vm_file("pool/vm", MIB);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		for (size_t j = 0; j < ARRAY_SIZE(knobs); j++)
			expect_refused(esx_pool_knob("pool", knobs[j]), texts[i], EINVAL);
	expect_refused(esx_pool_knob("pool", "shares"), "1000000001", EINVAL);
	expect_refused(esx_pool_knob("pool", "min_bytes"), "4097", EINVAL);
	expect_refused(esx_pool_knob("pool", "min_bytes"), "default", EINVAL);
	/* More than there can be. */
	expect_refused(esx_pool_knob("pool", "min_bytes"), "9223372036854771712", ENOSPC);
	set_pool("pool", "max_bytes", 8 * MIB);
	expect_refused(esx_pool_knob("pool", "min_bytes"), "8392704", EINVAL);
	set_pool("pool", "min_bytes", 4 * MIB);
	expect_refused(esx_pool_knob("pool", "max_bytes"), "4190208", EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(figures); i++) {
		CHECK(*esx_get(esx_pool_knob("pool", figures[i])));
		CHECK_ERRNO(esx_try_write(esx_pool_knob("pool", figures[i]), "1", 1), EACCES);
	}
	CHECK_ERRNO(esx_try_write(esx_vm_knob("pool/vm", "pool"), "x", 1), EACCES);
}

static void a_pool_ends_with_its_directory_and_last_vm(void)
{
	int fd = esx_vm_file("pool/inner/vm", MIB), dir;

	set_pool("pool", "min_bytes", 4 * MIB);
	set_pool("pool/inner", "min_bytes", 8 * MIB);
	CHECK_EQ(reserved(), 8 * MIB);
	CHECK_OK(unlink(esx_path("pool/inner/vm/ram")));
	CHECK_OK(rmdir(esx_path("pool/inner/vm")));
	CHECK_OK(rmdir(esx_path("pool/inner")));
	CHECK_OK(rmdir(esx_path("pool")));
	/* As long as somebody has the file open it is a VM, in a pool. */
	CHECK_EQ(pool_value("pool", "members"), 1);
	CHECK_EQ(pool_value("pool/inner", "min_bytes"), 8 * MIB);
	close(fd);
	expect_reserved(0);
	CHECK(!is_pool("pool") && !is_pool("pool/inner"));

	make_dir("pool");
	make_dir("pool/sub");
	set_pool("pool", "min_bytes", 4 * MIB);
	dir = CHECK_OK(open(esx_path("pool"), O_RDONLY | O_DIRECTORY));
	CHECK_OK(rmdir(esx_path("pool/sub")));
	CHECK_OK(rmdir(esx_path("pool")));
	CHECK(is_pool("pool"));
	close(dir);
	expect_reserved(0);
	CHECK(!is_pool("pool"));
	/* A file that never had a name is a VM all the same. */
	make_dir("pool");
	make_dir("pool/sub");
	fd = CHECK_OK(open(esx_path("pool/sub"), O_TMPFILE | O_RDWR, 0600));
	CHECK_EQ(pool_value("pool", "members"), 1);
	close(fd);
}

/* Twice the same directory: what was said of the first does not go for the second. */
static void a_new_directory_is_a_new_pool(void)
{
	int fd = esx_vm_file("pool/vm", MIB);

	set_pool("pool", "min_bytes", 4 * MIB);
	set_pool("pool", "shares", 7);
	end_vm("pool/vm", fd);
	CHECK_OK(rmdir(esx_path("pool/vm")));
	CHECK_OK(rmdir(esx_path("pool")));
	expect_reserved(0);
	esx_vm_file("pool/vm", MIB);
	CHECK_EQ(pool_value("pool", "min_bytes"), 0);
	CHECK(!strcmp(esx_get(esx_pool_knob("pool", "shares")), "default"));
}

static void a_renamed_pool_keeps_all_but_its_name(void)
{
	esx_vm_file("old/inner/vm", 16 * MIB);
	set_pool("old", "min_bytes", 4 * MIB);
	set_pool("old/inner", "shares", 7);
	CHECK_OK(rename(esx_path("old"), esx_path("new")));
	CHECK(!is_pool("old") && !is_pool("old/inner"));
	CHECK_EQ(pool_value("new", "min_bytes"), 4 * MIB);
	CHECK_EQ(pool_value("new/inner", "shares"), 7);
	CHECK_EQ(pool_value("new", "members"), 1);
	CHECK(is_in("new/inner/vm", "new/inner"));
	CHECK_EQ(reserved(), 4 * MIB);
}

static void a_vm_that_moves_changes_its_pool(void)
{
	esx_vm_file("from/vm", 64 * MIB);
	esx_vm_file("from/stays", 64 * MIB);
	esx_vm_file("to/sub/other", 64 * MIB);
	set_pool("from", "max_bytes", 32 * MIB);
	set_pool("from", "min_bytes", 4 * MIB);
	set_vm("from/vm", "min_bytes", 8 * MIB);
	esx_wait_rebalance();
	CHECK_EQ(target("from/vm") + target("from/stays"), 32 * MIB);
	CHECK_OK(rename(esx_path("from/vm"), esx_path("to/vm")));
	CHECK_EQ(pool_value("from", "members"), 1);
	CHECK_EQ(pool_value("to", "members"), 2);
	CHECK_EQ(pool_value("", "members"), 3);
	CHECK(is_in("to/vm", "to"));
	/* The one keeps its minimum, the other has what came. */
	CHECK_EQ(reserved(), 4 * MIB + with_overhead(8 * MIB));
	CHECK_EQ(pool_value("to", "reserved_bytes"), with_overhead(8 * MIB));
	esx_wait_rebalance();
	CHECK_EQ(target("to/vm"), 64 * MIB);
	CHECK_EQ(target("from/stays"), 32 * MIB);

	/* Into one that was none, and with a pool in it. */
	make_dir("fresh");
	CHECK_OK(rename(esx_path("to/sub"), esx_path("fresh/sub")));
	CHECK(is_pool("fresh") && is_pool("fresh/sub"));
	CHECK_EQ(pool_value("fresh", "members"), 1);
	CHECK_EQ(pool_value("to", "members"), 1);
}

static void a_move_without_room_is_refused(void)
{
	esx_vm_file("a/vm", 16 * MIB);
	esx_vm_file("b/vm2", 16 * MIB);
	make_dir("b/taken");
	make_dir("b/taken/x");
	make_dir("b/empty");
	set_pool("a", "min_bytes", 8 * MIB);
	set_vm("a/vm", "min_bytes", 8 * MIB);
	set_pool("b", "max_bytes", 4 * MIB);
	CHECK_ERRNO(rename(esx_path("a/vm"), esx_path("b/vm")), ENOSPC);
	set_pool("b", "max_bytes", 8 * MIB);
	/* The host's pool has no room for it beside the minimum of the pool it leaves. */
	esx_set_number(esx_tax_knob("pool_bytes"), 12 * MIB);
	CHECK_ERRNO(rename(esx_path("a/vm"), esx_path("b/vm")), ENOSPC);
	CHECK_ERRNO(rename(esx_path("a/vm"), esx_path("b/taken")), ENOTEMPTY);
	CHECK(is_in("a/vm", "a"));
	CHECK_EQ(pool_value("a", "members"), 1);
	CHECK_EQ(pool_value("b", "members"), 1);
	CHECK_EQ(reserved(), with_overhead(8 * MIB));
	esx_set(esx_tax_knob("pool_bytes"), "0");
	CHECK_OK(rename(esx_path("a/vm"), esx_path("b/empty")));
	CHECK_EQ(pool_value("b", "members"), 2);
	CHECK_EQ(reserved(), 8 * MIB + with_overhead(8 * MIB));
}

static void directories_nest_only_so_deep(void)
{
	char path[512] = "d";
	unsigned int depth = 2;

	make_dir("d");
	/* The case's own is the first. */
	while (depth < 32) {
		strcat(path, "/d");
		make_dir(path);
		depth++;
	}
	strcat(path, "/e");
	CHECK_ERRNO(mkdir(esx_path("%s", path), 0755), ENAMETOOLONG);
	make_dir("top");
	make_dir("top/sub");
	/* Nor by moving. */
	CHECK_ERRNO(rename(esx_path("d"), esx_path("top/d")), ENAMETOOLONG);
	CHECK(is_pool("d/d"));
	path[strlen(path) - 4] = '\0';
	CHECK_OK(rename(esx_path("top/sub"), esx_path("%s/s", path)));
}

static int mount_options(const char *options, int flags)
{
	return mount("esxmem", WHERE, "esxmem", flags, options);
}

/* The minima of all VMs of a mount together are never more than it can store. */
static void size_of_a_mount_bounds_its_minima(void)
{
	int fd;

	host_private_mounts();
	if (mkdir(WHERE, 0755) && errno != EEXIST)
		FAIL("mkdir %s: %s", WHERE, strerror(errno));
	CHECK_OK(mount_options("size=16M,min=8M", 0));
	for (int i = 0; i < 2; i++) {
		char name[64];

		snprintf(name, sizeof(name), WHERE "/pools-test-%d", i);
		fd = CHECK_OK(open(name, O_RDWR | O_CREAT, 0600));
		CHECK_OK(ftruncate(fd, 32 * MIB));
		close(fd);
	}
	CHECK_OK(mkdir(WHERE "/d", 0700));
	fd = CHECK_OK(open(WHERE "/d/ram", O_RDWR | O_CREAT, 0600));
	CHECK_ERRNO(ftruncate(fd, ESX_PAGE), ENOSPC);
	CHECK_ERRNO(mount_options("size=15M", MS_REMOUNT), EINVAL);
	CHECK_OK(mount_options("size=32M", MS_REMOUNT));
	CHECK_OK(ftruncate(fd, 32 * MIB));
	CHECK_EQ(reserved(), 3 * with_overhead(8 * MIB));
	close(fd);
	/* All goes with the mount. */
	CHECK_OK(umount(WHERE));
	expect_reserved(0);
}

static void unmounting_ends_all_pools(void)
{
	host_private_mounts();
	if (mkdir(WHERE, 0755) && errno != EEXIST)
		FAIL("mkdir %s: %s", WHERE, strerror(errno));
	CHECK_OK(mount_options("", 0));
	CHECK_OK(mkdir(WHERE "/pools-test", 0700));
	CHECK_OK(mkdir(WHERE "/pools-test/in", 0700));
	CHECK_OK(mkdir(WHERE "/pools-test/in/vm", 0700));
	close(CHECK_OK(open(WHERE "/pools-test/in/vm/ram", O_RDWR | O_CREAT, 0600)));
	esx_set_number(esx_knob_path("pools/pools-test!in/min_bytes"), 4 * MIB);
	esx_set_number(esx_knob_path("pools/pools-test/min_bytes"), 8 * MIB);
	CHECK_EQ(reserved(), 8 * MIB);
	CHECK_OK(umount(WHERE));
	expect_reserved(0);
	CHECK(access(esx_knob_path("pools/pools-test"), F_OK));
}

static void touch_vm(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT, 0600);

	if (fd < 0)
		return;
	if (ftruncate(fd, MIB))
		CHECK_EQ(errno, ENOSPC);
	close(fd);
}

static void read_target(const char *pool)
{
	int fd = open(esx_pool_knob(pool, "target_bytes"), O_RDONLY);
	char text[64];

	if (fd < 0)
		return;
	if (read(fd, text, sizeof(text)) < 0)
		CHECK_EQ(errno, ENODEV);
	close(fd);
}

/* Who comes and goes, moves, sets and reads, all at once, on names that all use. */
static void shake(void *arg, unsigned int index)
{
	const unsigned int nr = *(unsigned int *)arg;
	struct rand rand = { .state = index };
	static const char *const pools[] = { "p", "q", "p/s", "q/s", "r" };
	char path[2][512];

	for (unsigned int i = 0; i < nr; i++) {
		for (int j = 0; j < 2; j++)
			snprintf(path[j], sizeof(path[j]), "%s/%s/vm%u", esx_dir(),
				 pools[rand_below(&rand, ARRAY_SIZE(pools))],
				 (unsigned int)rand_below(&rand, 3));
		switch (rand_below(&rand, 8)) {
		case 0:
		case 1:
			mkdir(path[0], 0755);
			strcat(path[0], "/ram");
			touch_vm(path[0]);
			break;
		case 2:
			rename(path[0], path[1]);
			break;
		case 3:
			*strrchr(path[0], '/') = '\0';
			*strrchr(path[1], '/') = '\0';
			rename(path[0], path[1]);
			break;
		case 4:
			esx_remove_tree(path[0]);
			break;
		case 5:
			*strrchr(path[0], '/') = '\0';
			mkdir(path[0], 0755);
			break;
		case 6:
			esx_try_number(esx_pool_knob(pools[rand_below(&rand, ARRAY_SIZE(pools))],
						     rand_below(&rand, 2) ? "min_bytes" :
									    "max_bytes"),
				       rand_below(&rand, 4) * MIB);
			break;
		default:
			read_target(pools[rand_below(&rand, ARRAY_SIZE(pools))]);
		}
	}
}

static void everything_at_once_leaves_nothing(void)
{
	unsigned int nr = tap_scaled(2000, 200);

	esx_set(esx_tax_knob("period_seconds"), "1");
	make_dir("p");
	make_dir("q");
	make_dir("r");
	make_dir("p/s");
	make_dir("q/s");
	host_parallel(4, shake, &nr);
	CHECK_OK(esx_remove_tree(esx_dir()));
	expect_reserved(0);
	CHECK(!is_pool("p") && !is_pool("q") && !is_pool(""));
	CHECK_OK(mkdir(esx_dir(), 0755));
}

static const struct tap_case cases[] = {
	TAP_CASE(directories_above_vms_are_pools),
	TAP_CASE(pools_without_parameters_change_nothing),
	TAP_CASE(shares_divide_between_pools_then_within),
	TAP_CASE(limits_of_a_pool_hold),
	TAP_CASE(members_reserve_from_their_pool_first),
	TAP_CASE(maximum_bounds_what_is_guaranteed),
	TAP_CASE(garbage_is_refused),
	TAP_CASE(a_pool_ends_with_its_directory_and_last_vm),
	TAP_CASE(a_new_directory_is_a_new_pool),
	TAP_CASE(a_renamed_pool_keeps_all_but_its_name),
	TAP_CASE(a_vm_that_moves_changes_its_pool),
	TAP_CASE(a_move_without_room_is_refused),
	TAP_CASE(directories_nest_only_so_deep),
	TAP_CASE(size_of_a_mount_bounds_its_minima),
	TAP_CASE(unmounting_ends_all_pools),
	TAP_CASE_CPUS(everything_at_once_leaves_nothing, 2),
};

ESX_MAIN(cases)
