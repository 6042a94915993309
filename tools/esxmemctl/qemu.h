/* SPDX-License-Identifier: GPL-2.0 */
/*
 * QEMU's command line: what it says of guest memory, and how to say instead
 * that guest memory is a file of ours.
 */
#ifndef ESXMEMCTL_QEMU_H
#define ESXMEMCTL_QEMU_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct esx_qemu - what a command line says
 * @ram_bytes: size of the guest's memory
 * @daemonize: QEMU goes into the background
 */
struct esx_qemu {
	uint64_t ram_bytes;
	bool daemonize;
};

bool esx_qemu_parse(char **words, struct esx_qemu *qemu);
char **esx_qemu_add_memory(char **words, const char *path, uint64_t bytes);
void esx_qemu_print(char **words);

#endif /* ESXMEMCTL_QEMU_H */
