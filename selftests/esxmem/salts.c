// SPDX-License-Identifier: GPL-2.0
/* Who may share with whom: salts, groups, and the switch of a VM. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/esx.h"

#define PAGES 256
#define SIZE (PAGES * ESX_PAGE)
#define WHERE "/tmp/esxmem-test-salt"

/* Files of two VMs with the same contents. */
struct two_vms {
	int a, b;
	char *map_a, *map_b;
};

static void fill_both(struct two_vms *v)
{
	v->map_a = esx_map(v->a, SIZE, 0);
	v->map_b = esx_map(v->b, SIZE, 0);
	for (size_t i = 0; i < PAGES; i++) {
		/* Some zeros, but nothing twice within one VM. */
		esx_fill(v->map_a + i * ESX_PAGE, i % 16 ? i : 0);
		esx_fill(v->map_b + i * ESX_PAGE, i % 16 ? i : 0);
	}
}

static struct two_vms two_vms(void)
{
	struct two_vms v = { esx_file("a/ram", SIZE), esx_file("b/ram", SIZE),
			     NULL, NULL };

	fill_both(&v);
	return v;
}

static void merge_all(const struct two_vms *v)
{
	for (int pass = 0; pass < 2; pass++) {
		esx_merge(v->a, 0, 0);
		esx_merge(v->b, 0, 0);
	}
}

static void expect_shared(const struct two_vms *v, size_t pages)
{
	CHECK_EQ(esx_count(v->a, 0, PAGES, ESXMEM_PAGE_SHARED), pages);
	CHECK_EQ(esx_count(v->b, 0, PAGES, ESXMEM_PAGE_SHARED), pages);
}

static void expect_contents(const struct two_vms *v)
{
	for (size_t i = 0; i < PAGES; i++) {
		CHECK(esx_has(v->map_a + i * ESX_PAGE, i % 16 ? i : 0));
		CHECK(esx_has(v->map_b + i * ESX_PAGE, i % 16 ? i : 0));
	}
}

#define NONZERO (PAGES - PAGES / 16)

static void vms_share_nothing_by_default(void)
{
	struct two_vms v = two_vms();
	uint64_t frames = esx_info().shared_frames;

	merge_all(&v);
	expect_shared(&v, 0);
	CHECK_EQ(esx_info().shared_frames, frames);
	CHECK_EQ(esx_audit().bad_salts, 0);
	expect_contents(&v);
}

static void scanner_keeps_vms_apart_too(void)
{
	struct two_vms v = two_vms();

	esx_scanner(true);
	esx_wait_scans(4);
	expect_shared(&v, 0);
	CHECK_EQ(esx_audit().bad_salts, 0);
}

static void zero_pages_are_given_up_whatever_the_salt(void)
{
	struct two_vms v = two_vms();

	merge_all(&v);
	CHECK_EQ(esx_count(v.a, 0, PAGES, ESXMEM_PAGE_ZERO), PAGES / 16);
	CHECK_EQ(esx_count(v.b, 0, PAGES, ESXMEM_PAGE_ZERO), PAGES / 16);
}

static void join_group(const char *vm, const char *group)
{
	esx_set(esx_vm_knob(vm, "group"), group);
}

static void vms_of_one_group_share(void)
{
	struct two_vms v = two_vms();

	join_group("a", "trusted");
	join_group("b", "trusted");
	merge_all(&v);
	expect_shared(&v, NONZERO);
	CHECK_EQ(esx_audit().bad_salts, 0);
	expect_contents(&v);
}

static void vms_of_different_groups_share_nothing(void)
{
	struct two_vms v = two_vms();

	join_group("a", "one");
	join_group("b", "two");
	merge_all(&v);
	expect_shared(&v, 0);
}

static void a_group_is_not_its_neighbour_without_one(void)
{
	struct two_vms v = two_vms();

	join_group("a", "one");
	merge_all(&v);
	expect_shared(&v, 0);
}

static void leaving_the_group_unshares_first(void)
{
	struct two_vms v = two_vms();

	join_group("a", "trusted");
	join_group("b", "trusted");
	merge_all(&v);
	expect_shared(&v, NONZERO);
	join_group("b", "\n");
	CHECK_EQ(esx_count(v.b, 0, PAGES, ESXMEM_PAGE_SHARED), 0);
	CHECK_EQ(esx_audit().bad_salts, 0);
	expect_contents(&v);
	merge_all(&v);
	CHECK_EQ(esx_count(v.b, 0, PAGES, ESXMEM_PAGE_SHARED), 0);
	expect_contents(&v);
}

static void changing_the_group_moves_the_sharing(void)
{
	struct two_vms v = two_vms();

	join_group("a", "one");
	join_group("b", "two");
	merge_all(&v);
	expect_shared(&v, 0);
	join_group("b", "one");
	merge_all(&v);
	expect_shared(&v, NONZERO);
	join_group("a", "three");
	CHECK_EQ(esx_count(v.a, 0, PAGES, ESXMEM_PAGE_SHARED), 0);
	merge_all(&v);
	CHECK_EQ(esx_count(v.a, 0, PAGES, ESXMEM_PAGE_SHARED), 0);
	CHECK_EQ(esx_audit().bad_salts, 0);
	expect_contents(&v);
}

static void changing_the_group_while_merging_is_safe(void)
{
	struct two_vms v = two_vms();

	esx_scanner(true);
	for (int i = 0; i < 50; i++) {
		join_group("a", i % 3 ? "trusted" : "\n");
		join_group("b", i % 2 ? "trusted" : "other");
		merge_all(&v);
		CHECK_EQ(esx_audit().bad_salts, 0);
	}
	expect_contents(&v);
}

static void group_is_read_back(void)
{
	two_vms();
	CHECK(!strcmp(esx_get(esx_vm_knob("a", "group")), ""));
	join_group("a", "trusted\n");
	CHECK(!strcmp(esx_get(esx_vm_knob("a", "group")), "trusted"));
	join_group("a", "\n");
	CHECK(!strcmp(esx_get(esx_vm_knob("a", "group")), ""));
}

static int file_on_mount(const char *vm, uid_t uid)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), WHERE "/%s", vm);
	CHECK_OK(mkdir(path, 0755));
	CHECK_OK(chown(path, uid, -1));
	snprintf(path, sizeof(path), WHERE "/%s/ram", vm);
	fd = CHECK_OK(open(path, O_RDWR | O_CREAT, 0600));
	CHECK_OK(fchown(fd, uid, -1));
	CHECK_OK(ftruncate(fd, SIZE));
	return fd;
}

/*
 * A VM's salt is settled by whoever creates its first file, so that is done
 * under the user's id.
 */
static int file_of_user(const char *vm, uid_t uid)
{
	int fd;

	CHECK_OK(setresuid(-1, uid, 0));
	fd = file_on_mount(vm, uid);
	CHECK_OK(setresuid(-1, 0, 0));
	return fd;
}

static struct two_vms on_mount(const char *options, uid_t uid_a, uid_t uid_b)
{
	struct two_vms v = {};

	host_private_mounts();
	if (mkdir(WHERE, 0755) && errno != EEXIST)
		FAIL("mkdir %s: %s", WHERE, strerror(errno));
	CHECK_OK(mount("esxmem", WHERE, "esxmem", 0, options));
	CHECK_OK(chmod(WHERE, 0777));
	v.a = file_of_user("salt-a", uid_a);
	v.b = file_of_user("salt-b", uid_b);
	fill_both(&v);
	merge_all(&v);
	return v;
}

static void salt_host_lets_all_vms_of_the_mount_share(void)
{
	struct two_vms v = on_mount("salt=host", 0, 1000);

	expect_shared(&v, NONZERO);
	expect_contents(&v);
}

static void salt_uid_lets_vms_of_one_user_share(void)
{
	struct two_vms v = on_mount("salt=uid", 1000, 1000);

	expect_shared(&v, NONZERO);
	expect_contents(&v);
}

static void salt_uid_keeps_users_apart(void)
{
	struct two_vms v = on_mount("salt=uid", 1000, 1001);

	expect_shared(&v, 0);
}

static void salt_vm_keeps_vms_of_one_user_apart(void)
{
	struct two_vms v = on_mount("salt=vm", 1000, 1000);

	expect_shared(&v, 0);
}

/* One VM for each file in the mount's root. */
static void files_in_the_root_are_vms_of_their_own(void)
{
	char path[2][256];
	struct two_vms v;

	for (int i = 0; i < 2; i++)
		snprintf(path[i], sizeof(path[i]), "%s/root-vm-%d",
			 esx_mount_point(), i);
	v.a = CHECK_OK(open(path[0], O_RDWR | O_CREAT | O_EXCL, 0600));
	v.b = CHECK_OK(open(path[1], O_RDWR | O_CREAT | O_EXCL, 0600));
	CHECK_OK(ftruncate(v.a, SIZE));
	CHECK_OK(ftruncate(v.b, SIZE));
	CHECK_OK(access(esx_knob_path("vms/root-vm-0/size_bytes"), F_OK));
	/* The names must be gone if the case fails. */
	CHECK_OK(unlink(path[0]));
	CHECK_OK(unlink(path[1]));
	fill_both(&v);
	merge_all(&v);
	expect_shared(&v, 0);
}

static void a_vm_switched_off_is_left_to_the_calls(void)
{
	int fd = esx_file("a/ram", SIZE);
	char *map = esx_map(fd, SIZE, 0);

	for (size_t i = 0; i < PAGES; i++)
		esx_fill(map + i * ESX_PAGE, 1 + i % 4);
	esx_set(esx_vm_knob("a", "share"), "0");
	esx_scanner(true);
	esx_wait_scans(3);
	CHECK_EQ(esx_count(fd, 0, PAGES, ESXMEM_PAGE_PRIVATE), PAGES);
	esx_merge(fd, 0, 0);
	CHECK_EQ(esx_count(fd, 0, PAGES, ESXMEM_PAGE_SHARED), PAGES);
}

static void a_vm_switched_on_again_is_scanned(void)
{
	int fd = esx_file("a/ram", SIZE);
	char *map = esx_map(fd, SIZE, 0);

	for (size_t i = 0; i < PAGES; i++)
		esx_fill(map + i * ESX_PAGE, 1 + i % 4);
	esx_set(esx_vm_knob("a", "share"), "0");
	esx_scanner(true);
	esx_wait_scans(1);
	esx_set(esx_vm_knob("a", "share"), "1");
	esx_wait_scans(2);
	CHECK_EQ(esx_count(fd, 0, PAGES, ESXMEM_PAGE_SHARED), PAGES);
}

static const struct tap_case cases[] = {
	TAP_CASE(vms_share_nothing_by_default),
	TAP_CASE(scanner_keeps_vms_apart_too),
	TAP_CASE(zero_pages_are_given_up_whatever_the_salt),
	TAP_CASE(vms_of_one_group_share),
	TAP_CASE(vms_of_different_groups_share_nothing),
	TAP_CASE(a_group_is_not_its_neighbour_without_one),
	TAP_CASE(leaving_the_group_unshares_first),
	TAP_CASE(changing_the_group_moves_the_sharing),
	TAP_CASE(changing_the_group_while_merging_is_safe),
	TAP_CASE(group_is_read_back),
	TAP_CASE(salt_host_lets_all_vms_of_the_mount_share),
	TAP_CASE(salt_uid_lets_vms_of_one_user_share),
	TAP_CASE(salt_uid_keeps_users_apart),
	TAP_CASE(salt_vm_keeps_vms_of_one_user_apart),
	TAP_CASE(files_in_the_root_are_vms_of_their_own),
	TAP_CASE(a_vm_switched_off_is_left_to_the_calls),
	TAP_CASE(a_vm_switched_on_again_is_scanned),
};

ESX_MAIN(cases)
