/* SPDX-License-Identifier: GPL-2.0 */
/* memory: a region aligned to 2 MB, of anonymous memory or of a new file. */
#ifndef MEMORY_H
#define MEMORY_H

#include <stddef.h>

/**
 * memory_map() - map @size bytes
 * @what: "small", anonymous memory in 4 KB pages; "thp", in 2 MB pages where
 *	the kernel can; or the path of a file to make
 * @size: a multiple of 2 MB
 *
 * Anonymous memory is offered to KSM.  Whatever goes wrong ends the program.
 */
void *memory_map(const char *what, size_t size);

#endif /* MEMORY_H */
