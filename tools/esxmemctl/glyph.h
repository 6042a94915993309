/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Text that a terminal may be given, and the room that it takes there.
 */
#ifndef ESXMEMCTL_GLYPH_H
#define ESXMEMCTL_GLYPH_H

#include <stddef.h>

char *esx_glyph_clean(const char *text);
size_t esx_glyph_width(const char *text);
size_t esx_glyph_fit(const char *text, size_t width);
char *esx_glyph_tail(const char *text, size_t width);

#endif /* ESXMEMCTL_GLYPH_H */
