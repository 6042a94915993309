/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sizes as people type and read them: powers of 1024.
 */
#ifndef ESXMEMCTL_SIZE_H
#define ESXMEMCTL_SIZE_H

#include <stdbool.h>
#include <stdint.h>

#define ESX_PAGE_SIZE 4096UL
#define ESX_HUGE_SIZE (512 * ESX_PAGE_SIZE)
#define ESX_MIB (1024UL * 1024)

bool esx_size_parse(const char *text, uint64_t unit, uint64_t *bytes);
bool esx_size_parse_word(const char *text, const char *values, uint64_t *bytes);
char *esx_size_text(uint64_t bytes);

#endif /* ESXMEMCTL_SIZE_H */
