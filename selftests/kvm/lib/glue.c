// SPDX-License-Identifier: GPL-2.0
/* What the tests ask of esxmem_kvm and of the modules it stands on. */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libkmod.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "glue.h"

#define YOUNG "/sys/kernel/debug/esxmem_kvm/young"
#define CLEAR_YOUNG "/sys/kernel/debug/esxmem_kvm/clear_young"
#define MACHINES "/sys/kernel/debug/kvm"

/* A detector of what never comes, not a limit on speed. */
#define LOOKS 12000
#define LOOK_US 10000

void *glue_memory(const char *name, size_t pages)
{
	int fd = esx_file(name, pages * ESX_PAGE);
	void *start = esx_map_huge(fd, pages * ESX_PAGE);

	close(fd);
	return start;
}

bool glue_is_attached(const char *name)
{
	return esx_get_number(esx_vm_knob(name, "attached"));
}

void glue_wait_attached(const char *name, bool attached)
{
	for (int look = 0; look < LOOKS; look++) {
		if (glue_is_attached(name) == attached)
			return;
		usleep(LOOK_US);
	}
	FAIL("%s is never %s", name, attached ? "attached" : "detached");
}

int glue_attach(int fd)
{
	struct esxmem_attach_kvm attach = {
		.size = sizeof(attach),
		.kvm_fd = fd,
	};

	return ioctl(esx_ctl(), ESXMEM_IOC_ATTACH_KVM, &attach);
}

uint64_t glue_violations(const char *name)
{
	return esx_get_number(esx_vm_knob(name, "ept_violations"));
}

uint64_t glue_vcpu_time(const char *name)
{
	return esx_get_number(esx_vm_knob(name, "vcpu_time_ns"));
}

uint64_t glue_young(pid_t pid)
{
	FILE *file = fopen(YOUNG, "r");
	uint64_t young;
	char line[4096];
	int of;

	if (!file)
		FAIL("open %s: %s", YOUNG, strerror(errno));
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%d %" SCNu64, &of, &young) != 2)
			FAIL("%s says \"%s\"", YOUNG, line);
		if (of == pid) {
			fclose(file);
			return young;
		}
	}
	FAIL("%s does not know process %d", YOUNG, pid);
}

void glue_clear_young(void)
{
	esx_set(CLEAR_YOUNG, "1");
}

bool glue_machine_exists(int fd)
{
	char path[128];

	snprintf(path, sizeof(path), MACHINES "/%d-%d", gettid(), fd);
	return !access(path, F_OK);
}

int glue_unload(const char *name)
{
	struct kmod_ctx *ctx = kmod_new(NULL, NULL);
	struct kmod_module *module;
	int err = kmod_module_new_from_name(ctx, name, &module);

	if (err < 0)
		FAIL("%s: %s", name, strerror(-err));
	/* A refusal may be what the case wants. */
	kmod_set_log_priority(ctx, 0);
	err = kmod_module_remove_module(module, 0);
	kmod_module_unref(module);
	kmod_unref(ctx);
	return err;
}

void glue_load(void)
{
	struct kmod_ctx *ctx = kmod_new(NULL, NULL);
	const char *dir = getenv("LAB_MODULES");
	struct kmod_module *module;
	char path[4096];
	int err;

	if (!dir)
		FAIL("LAB_MODULES does not say where the modules are");
	snprintf(path, sizeof(path), "%s/esxmem_kvm.ko", dir);
	err = kmod_module_new_from_path(ctx, path, &module);
	if (!err)
		err = kmod_module_insert_module(module, 0, NULL);
	if (err < 0)
		FAIL("insert %s: %s", path, strerror(-err));
	kmod_module_unref(module);
	kmod_unref(ctx);
}

void glue_load_vendor(const char *name)
{
	struct kmod_ctx *ctx = kmod_new(NULL, NULL);
	struct kmod_module *module;
	int err = kmod_module_new_from_name(ctx, name, &module);

	if (!err)
		err = kmod_module_probe_insert_module(module, 0, NULL, NULL,
						      NULL, NULL);
	if (err < 0)
		FAIL("insert %s: %s", name, strerror(-err));
	kmod_module_unref(module);
	kmod_unref(ctx);
}

static bool is_loaded(const char *name)
{
	struct kmod_ctx *ctx = kmod_new(NULL, NULL);
	struct kmod_module *module;
	bool loaded;

	CHECK(!kmod_module_new_from_name(ctx, name, &module));
	loaded = kmod_module_get_initstate(module) == KMOD_MODULE_LIVE;
	kmod_module_unref(module);
	kmod_unref(ctx);
	return loaded;
}

const char *glue_vendor(void)
{
	if (is_loaded("kvm_amd"))
		return "kvm_amd";
	return is_loaded("kvm_intel") ? "kvm_intel" : NULL;
}

/* Of both, what the case left, or NULL. */
static const char *what_is_left(void)
{
	const char *left = NULL;
	struct dirent *entry;
	FILE *young;
	DIR *dir;

	young = fopen(YOUNG, "r");
	if (!young)
		return "esxmem_kvm is not there";
	if (fgetc(young) != EOF)
		left = "a guest is left";
	fclose(young);

	dir = opendir(MACHINES);
	if (!dir)
		return "KVM is not there";
	while ((entry = readdir(dir)))
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			left = "a machine is left";
	closedir(dir);
	return left;
}

static const char *hook_after(const struct tap_case *c)
{
	const char *left = what_is_left();

	for (int look = 0; left && look < LOOKS / 10; look++) {
		usleep(LOOK_US);
		left = what_is_left();
	}
	return left ? left : esx_hooks.after(c);
}

static const char *hook_before(const struct tap_case *c)
{
	return esx_hooks.before(c);
}

const struct tap_hooks glue_hooks = {
	.before = hook_before,
	.after = hook_after,
};
