// SPDX-License-Identifier: GPL-2.0
/*
 * Text that a terminal may be given, and the room that it takes there.
 *
 * Whoever may make a file in a mount chooses the name of a VM, and with it
 * could steer the terminal of who looks.  So nothing goes to a screen that is
 * not printable in the locale's character set.
 */
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "glyph.h"
#include "message.h"

/* The next character: its bytes, and its columns, or -1 when it is to be hidden. */
static size_t next_glyph(const char *text, int *width)
{
	mbstate_t state = {};
	wchar_t wide;
	size_t len;

	len = mbrtowc(&wide, text, strlen(text), &state);
	if (len == 0 || len == (size_t)-1 || len == (size_t)-2) {
		*width = -1;
		return 1;
	}
	*width = wcwidth(wide);
	return len;
}

/**
 * esx_glyph_clean() - make text fit for a terminal
 * @text: any text
 *
 * Return: the text with a question mark for whatever cannot be printed, to be
 * freed
 */
char *esx_glyph_clean(const char *text)
{
	char *clean = esx_must(malloc(strlen(text) + 1)), *end = clean;
	size_t len;
	int width;

	for (; *text; text += len) {
		len = next_glyph(text, &width);
		/* What has no width of its own would join the next column. */
		if (width <= 0)
			*end++ = '?';
		else
			end = mempcpy(end, text, len);
	}
	*end = '\0';
	return clean;
}

/**
 * esx_glyph_width() - columns that text takes
 * @text: clean text
 *
 * Return: how many
 */
size_t esx_glyph_width(const char *text)
{
	size_t columns = 0;
	int width;

	while (*text) {
		text += next_glyph(text, &width);
		columns += width > 0 ? (size_t)width : 1;
	}
	return columns;
}

/**
 * esx_glyph_fit() - bytes of text that fit
 * @text: clean text
 * @width: columns that there are
 *
 * Return: how many bytes from its beginning
 */
size_t esx_glyph_fit(const char *text, size_t width)
{
	size_t columns = 0, bytes = 0, len;
	int wide;

	while (text[bytes]) {
		len = next_glyph(text + bytes, &wide);
		columns += wide > 0 ? (size_t)wide : 1;
		if (columns > width)
			break;
		bytes += len;
	}
	return bytes;
}

/**
 * esx_glyph_tail() - the end of text, which tells names with a path apart
 * @text: clean text
 * @width: columns that there are, 1 at least
 *
 * Return: the text, or a tilde and its end, to be freed
 */
char *esx_glyph_tail(const char *text, size_t width)
{
	int wide;

	if (esx_glyph_width(text) <= width)
		return esx_asprintf("%s", text);
	while (esx_glyph_width(text) > width - 1)
		text += next_glyph(text, &wide);
	return esx_asprintf("~%s", text);
}
