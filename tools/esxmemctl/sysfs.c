// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/esxmem: one value per file.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel.h"
#include "message.h"

static bool denied;

static char *sysfs_path(const char *dir, const char *file)
{
	return esx_kernel_path("/sys/kernel/esxmem%s%s/%s", *dir ? "/" : "", dir, file);
}

static bool is_dots(const char *name)
{
	return !strcmp(name, ".") || !strcmp(name, "..");
}

static int filter_vms(const struct dirent *entry)
{
	return !is_dots(entry->d_name);
}

static void replace(char *text, char from, char to)
{
	for (; *text; text++)
		if (*text == from)
			*text = to;
}

/**
 * esx_kernel_path() - where the kernel shows something
 * @fmt: an absolute path, as for printf(3)
 *
 * Return: the path, to be freed
 */
char *esx_kernel_path(const char *fmt, ...)
{
	const char *root = getenv("ESXMEM_TEST_ROOT");
	char *path, *full;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&path, fmt, args) < 0)
		path = NULL;
	va_end(args);
	full = esx_asprintf("%s%s", root ? root : "", (char *)esx_must(path));
	free(path);
	return full;
}

/**
 * esx_file_read() - read a small file of the kernel's
 * @path: the file
 * @value: out: its text without the newline at the end
 *
 * Return: 0 or a negative errno
 */
int esx_file_read(const char *path, char value[ESX_VALUE_MAX])
{
	ssize_t len;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	len = read(fd, value, ESX_VALUE_MAX - 1);
	if (len < 0)
		len = -errno;
	close(fd);
	if (len < 0)
		return (int)len;

	value[len] = '\0';
	if (len && value[len - 1] == '\n')
		value[len - 1] = '\0';
	return 0;
}

/**
 * esx_sysfs_present() - is the module's directory there?
 */
bool esx_sysfs_present(void)
{
	char *path = sysfs_path("", "");
	bool present = !access(path, F_OK);

	free(path);
	return present;
}

/**
 * esx_sysfs_read() - read a value
 * @dir: directory below /sys/kernel/esxmem, may be empty
 * @file: the file in it
 * @value: out: the value
 *
 * Return: 0 or a negative errno
 */
int esx_sysfs_read(const char *dir, const char *file, char value[ESX_VALUE_MAX])
{
	char *path = sysfs_path(dir, file);
	int err = esx_file_read(path, value);

	if (err == -EACCES || err == -EPERM)
		denied = true;
	free(path);
	return err;
}

/**
 * esx_sysfs_denied() - was any value withheld because of who is asking?
 */
bool esx_sysfs_denied(void)
{
	return denied;
}

/**
 * esx_sysfs_write() - write a value
 * @dir: directory below /sys/kernel/esxmem, may be empty
 * @file: the file in it
 * @value: the value without a newline
 *
 * Return: 0 or a negative errno
 */
int esx_sysfs_write(const char *dir, const char *file, const char *value)
{
	char *path = sysfs_path(dir, file);
	int fd, err = 0;

	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	free(path);
	if (fd < 0)
		return -errno;
	/* The newline is what makes an empty value a write at all. */
	if (dprintf(fd, "%s\n", value) < 0)
		err = -errno;
	close(fd);
	return err;
}

/**
 * esx_sysfs_explain() - say why sysfs did not answer
 * @err: what a sysfs function returned
 */
void esx_sysfs_explain(int err)
{
	if (!esx_sysfs_present())
		esx_error("/sys/kernel/esxmem is missing: the module is not loaded; "
			  "try `modprobe esxmem`, then `esxmemctl doctor`");
	else if (err == -EACCES || err == -EPERM)
		esx_error("permission denied: this needs root");
	else
		esx_error("/sys/kernel/esxmem: %s; `esxmemctl doctor` may tell more",
			  strerror(-err));
}

static char *dir_of(const char *kind, const char *name)
{
	char *dir = esx_asprintf("%s/%s", kind, name);

	replace(dir + strlen(kind) + 1, '/', '!');
	return dir;
}

static bool has_dir(const char *kind, const char *name)
{
	char *dir, *path;
	bool has;

	if (!*name || is_dots(name))
		return false;
	dir = dir_of(kind, name);
	path = sysfs_path(dir, "");
	has = !access(path, F_OK);
	free(path);
	free(dir);
	return has;
}

static int list_dirs(const char *kind, char ***names, size_t *nr)
{
	char *path = sysfs_path(kind, "");
	struct dirent **entries;
	int found, i;

	found = scandir(path, &entries, filter_vms, versionsort);
	free(path);
	if (found < 0)
		return -errno;

	*nr = found;
	*names = esx_must(calloc(found + 1, sizeof(**names)));
	for (i = 0; i < found; i++) {
		(*names)[i] = esx_asprintf("%s", entries[i]->d_name);
		replace((*names)[i], '!', '/');
		free(entries[i]);
	}
	free(entries);
	return 0;
}

/**
 * esx_sysfs_vm_dir() - directory of a VM below /sys/kernel/esxmem
 * @name: the VM
 *
 * Return: the directory, to be freed
 */
char *esx_sysfs_vm_dir(const char *name)
{
	return dir_of("vms", name);
}

/**
 * esx_sysfs_pool_dir() - likewise, of a resource pool
 * @name: the pool
 */
char *esx_sysfs_pool_dir(const char *name)
{
	return dir_of("pools", name);
}

/**
 * esx_sysfs_has_vm() - does the kernel know this VM?
 * @name: the VM
 */
bool esx_sysfs_has_vm(const char *name)
{
	return has_dir("vms", name);
}

/**
 * esx_sysfs_has_pool() - does the kernel know this resource pool?
 * @name: the pool
 */
bool esx_sysfs_has_pool(const char *name)
{
	return has_dir("pools", name);
}

/**
 * esx_sysfs_vms() - the VMs that the kernel knows, sorted by name
 * @names: out: their names, to be given to esx_sysfs_free_vms()
 * @nr: out: how many
 *
 * Return: 0 or a negative errno
 */
int esx_sysfs_vms(char ***names, size_t *nr)
{
	return list_dirs("vms", names, nr);
}

/**
 * esx_sysfs_pools() - likewise the resource pools
 * @names: out: their names, to be given to esx_sysfs_free_vms()
 * @nr: out: how many
 *
 * Return: 0 or a negative errno
 */
int esx_sysfs_pools(char ***names, size_t *nr)
{
	return list_dirs("pools", names, nr);
}

/**
 * esx_sysfs_free_vms() - undo esx_sysfs_vms() or esx_sysfs_pools()
 * @names: the names
 * @nr: how many
 */
void esx_sysfs_free_vms(char **names, size_t nr)
{
	while (nr--)
		free(names[nr]);
	free(names);
}
