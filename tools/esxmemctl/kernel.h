/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel, as esxmemctl sees it: the files below /sys/kernel/esxmem and
 * the ioctls of /dev/esxmem.  Nothing else in the program opens either.
 *
 * Functions return 0 or a negative errno and print nothing, but for the
 * esx_*_explain() functions, which turn an errno into a sentence.
 *
 * For tests ESXMEM_TEST_ROOT names a directory that is put before every path
 * of the kernel's: /sys, /dev, /proc, /lib/modules.
 */
#ifndef ESXMEMCTL_KERNEL_H
#define ESXMEMCTL_KERNEL_H

#include <stdbool.h>
#include <stddef.h>

#include "uapi/esxmem.h"

#define ESX_VALUE_MAX 4096

/* A value of ESX_VALUE_MAX bytes at most, its newline cut off. */
int esx_file_read(const char *path, char value[ESX_VALUE_MAX]);

char *esx_kernel_path(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

bool esx_sysfs_present(void);
int esx_sysfs_read(const char *dir, const char *file, char value[ESX_VALUE_MAX]);
int esx_sysfs_write(const char *dir, const char *file, const char *value);
bool esx_sysfs_denied(void);
void esx_sysfs_explain(int err);

/* Names of VMs and pools have a slash where sysfs has an exclamation mark. */
char *esx_sysfs_vm_dir(const char *name);
bool esx_sysfs_has_vm(const char *name);
int esx_sysfs_vms(char ***names, size_t *nr);
char *esx_sysfs_pool_dir(const char *name);
bool esx_sysfs_has_pool(const char *name);
int esx_sysfs_pools(char ***names, size_t *nr);
void esx_sysfs_free_vms(char **names, size_t nr);

int esx_dev_open(void);
int esx_dev_info(int dev, struct esxmem_info *info);
int esx_dev_merge(int dev, struct esxmem_merge *merge);
int esx_dev_pages(int dev, struct esxmem_pages *pages);
int esx_dev_reclaim(int dev, struct esxmem_reclaim *reclaim);
void esx_dev_explain(int err);

#endif /* ESXMEMCTL_KERNEL_H */
