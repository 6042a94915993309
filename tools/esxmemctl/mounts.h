/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Mounts: where the memory filesystem is, and the memory files of a VM in it.
 */
#ifndef ESXMEMCTL_MOUNTS_H
#define ESXMEMCTL_MOUNTS_H

#include <stddef.h>

/**
 * struct esx_mount - a mounted memory filesystem
 * @target: where
 * @options: its options, separated by commas
 */
struct esx_mount {
	char *target;
	char *options;
};

int esx_mounts_list(struct esx_mount **mounts, size_t *nr);
void esx_mounts_free(struct esx_mount *mounts, size_t nr);
char *esx_mounts_choose(const char *wanted);
char *esx_mounts_find_vm(const char *name, const char *wanted);
void esx_mounts_explain_vm(const char *name, const char *advice);

#endif /* ESXMEMCTL_MOUNTS_H */
