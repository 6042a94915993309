// SPDX-License-Identifier: GPL-2.0
/*
 * Doctor: the modules, the file they come from, and what keeps the kernel
 * from taking them.
 */
#include <libkmod.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "command.h"
#include "doctor.h"
#include "kernel.h"
#include "message.h"

#define SECURE_BOOT "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"

/**
 * struct module_file - what is installed for the running kernel
 * @release: of the running kernel
 * @path: the module's file, NULL: there is none
 * @signer: whose key signed it, NULL: nobody's
 */
struct module_file {
	char *release;
	char *path;
	char *signer;
};

static bool exists(const char *path)
{
	char *full = esx_kernel_path("%s", path);
	bool is = !access(full, F_OK);

	free(full);
	return is;
}

static bool read_value(const char *path, char value[ESX_VALUE_MAX])
{
	char *full = esx_kernel_path("%s", path);
	int err;

	memset(value, 0, ESX_VALUE_MAX);
	err = esx_file_read(full, value);
	free(full);
	return !err;
}

/**
 * esx_doctor_is_loaded() - is a module in the kernel?
 * @module: its name
 */
bool esx_doctor_is_loaded(const char *module)
{
	char *path = esx_asprintf("/sys/module/%s", module);
	bool loaded = exists(path);

	free(path);
	return loaded;
}

static char *read_signer(struct kmod_module *module)
{
	struct kmod_list *infos = NULL, *info;
	char *signer = NULL;

	if (kmod_module_get_info(module, &infos) < 0)
		return NULL;
	kmod_list_foreach(info, infos)
		if (!strcmp(kmod_module_info_get_key(info), "signer") && !signer)
			signer = esx_asprintf("%s", kmod_module_info_get_value(info));
	kmod_module_info_free_list(infos);
	return signer;
}

static void find_module_file(struct module_file *file)
{
	struct kmod_list *found = NULL;
	struct kmod_module *module;
	struct kmod_ctx *ctx;
	struct utsname uts;
	char *dir;

	uname(&uts);
	*file = (struct module_file){ .release = esx_asprintf("%s", uts.release) };
	dir = esx_kernel_path("/lib/modules/%s", uts.release);
	ctx = esx_must(kmod_new(dir, NULL));
	free(dir);

	kmod_set_log_priority(ctx, 0);
	if (!kmod_module_new_from_lookup(ctx, "esxmem", &found) && found) {
		module = kmod_module_get_module(found);
		if (kmod_module_get_path(module))
			file->path = esx_asprintf("%s", kmod_module_get_path(module));
		file->signer = read_signer(module);
		kmod_module_unref(module);
		kmod_module_unref_list(found);
	}
	kmod_unref(ctx);
}

static void check_loaded(struct esx_report *report)
{
	char version[ESX_VALUE_MAX];

	if (!esx_doctor_is_loaded("esxmem"))
		esx_report(report, ESX_FAIL, "module", "`modprobe esxmem`",
			   "the module esxmem is not loaded");
	else if (esx_sysfs_read("", "version", version))
		esx_report(report, ESX_FAIL, "module",
			   "mount sysfs at /sys, or look at the kernel log with `dmesg`",
			   "the module is loaded but /sys/kernel/esxmem is missing");
	else if (strcmp(version, ESXMEMCTL_VERSION))
		esx_report(report, ESX_WARN, "module", "install both from one release",
			   "the module is version %s, esxmemctl is " ESXMEMCTL_VERSION, version);
	else
		esx_report(report, ESX_OK, "module", NULL, "esxmem %s is loaded", version);
}

static void check_glue(struct esx_report *report)
{
	if (esx_doctor_is_loaded("esxmem_kvm"))
		esx_report(report, ESX_OK, "module-kvm", NULL, "esxmem_kvm is loaded");
	else
		esx_report(report, ESX_WARN, "module-kvm", "`modprobe esxmem_kvm`",
			   "esxmem_kvm is not loaded: memory is shared, but no VM is attached "
			   "and its nested page faults are not counted");
}

static void check_file(struct esx_report *report, const struct module_file *file)
{
	static const char advice[] = "install the DKMS package, or `make && make modules_install` "
				     "and `depmod`";

	if (file->path)
		esx_report(report, ESX_OK, "module-file", NULL, "%s", file->path);
	else if (esx_doctor_is_loaded("esxmem"))
		esx_report(report, ESX_WARN, "module-file", advice,
			   "the module was loaded by hand: none is installed for kernel %s, so it "
			   "will be missing after the next boot",
			   file->release);
	else
		esx_report(report, ESX_FAIL, "module-file", advice,
			   "no module is installed for kernel %s", file->release);
}

static void check_headers(struct esx_report *report, const struct module_file *file)
{
	char *path = esx_asprintf("/lib/modules/%s/build/Makefile", file->release);
	bool needed = !file->path && !esx_doctor_is_loaded("esxmem");
	char *advice = esx_asprintf("`apt install linux-headers-%s`", file->release);

	if (exists(path))
		esx_report(report, ESX_OK, "headers", NULL, "installed for kernel %s",
			   file->release);
	else
		esx_report(report, needed ? ESX_FAIL : ESX_WARN, "headers", advice,
			   "kernel headers are missing for kernel %s: the module cannot be built",
			   file->release);
	free(advice);
	free(path);
}

/* Why the kernel takes signed modules only, NULL if it takes any. */
static const char *signature_demand(void)
{
	char value[ESX_VALUE_MAX];

	if (read_value("/sys/kernel/security/lockdown", value) && !strstr(value, "[none]"))
		return "the kernel is locked down";
	/* Four bytes of attributes, then 1 for on. */
	if (read_value(SECURE_BOOT, value) && value[4] == 1)
		return "Secure Boot is on";
	if (read_value("/sys/module/module/parameters/sig_enforce", value) && *value == 'Y')
		return "module.sig_enforce is set";
	return NULL;
}

static char *enrol_advice(void)
{
	const char *key = "/var/lib/dkms/mok.pub";

	if (!exists(key) && exists("/var/lib/shim-signed/mok/MOK.der"))
		key = "/var/lib/shim-signed/mok/MOK.der";
	return esx_asprintf("if modprobe says \"Key was rejected by service\", the key that DKMS "
			    "signs with is not enrolled: `mokutil --import %s`, reboot, and "
			    "confirm in the blue screen that comes up",
			    key);
}

static void check_signature(struct esx_report *report, const struct module_file *file)
{
	const char *demand = signature_demand();
	char *advice = enrol_advice();

	if (!demand)
		esx_report(report, ESX_OK, "signature", NULL,
			   "this kernel loads modules without a signature");
	else if (esx_doctor_is_loaded("esxmem"))
		esx_report(report, ESX_OK, "signature", NULL, "%s, and the module was accepted",
			   demand);
	else if (file->signer)
		esx_report(report, ESX_WARN, "signature", advice,
			   "%s: the key '%s' that signed the module must be enrolled", demand,
			   file->signer);
	else
		esx_report(report, ESX_FAIL, "signature", advice,
			   "%s, so the module must be signed, and %s", demand,
			   file->path ? "it is not" : "there is none");
	free(advice);
}

/**
 * esx_doctor_modules() - check what the kernel has loaded and could load
 * @report: where to report
 */
void esx_doctor_modules(struct esx_report *report)
{
	struct module_file file;

	find_module_file(&file);
	check_loaded(report);
	check_glue(report);
	check_file(report, &file);
	check_headers(report, &file);
	check_signature(report, &file);
	free(file.release);
	free(file.path);
	free(file.signer);
}
