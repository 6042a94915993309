/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reading what was written to a sysfs file, and showing it in the same words.
 */
#ifndef _ESXMEM_IFACE_PARSE_H
#define _ESXMEM_IFACE_PARSE_H

#include <linux/types.h>

int esx_parse_u32(const char *text, u32 max, u32 *value);
int esx_parse_u32_or_default(const char *text, u32 max, u32 *value);
ssize_t esx_emit_u32_or_default(char *buf, u32 value);
int esx_parse_pages(const char *text, u64 *pages);
int esx_parse_bool(const char *text, bool *value);
int esx_parse_line(const char *text, size_t len, char *line, size_t size);

#endif /* _ESXMEM_IFACE_PARSE_H */
