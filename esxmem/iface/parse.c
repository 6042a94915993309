// SPDX-License-Identifier: GPL-2.0
/*
 * Reading what was written to a sysfs file.  Whatever is wrong with it is
 * EINVAL, so that a writer has one errno to know.
 */
#include <linux/ctype.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/kstrtox.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "parse.h"

/**
 * esx_parse_u32() - read a decimal number
 * @text: a number, perhaps with a newline behind it
 * @max: the largest that is allowed
 * @value: where to
 *
 * Return: 0 or -EINVAL.
 */
int esx_parse_u32(const char *text, u32 max, u32 *value)
{
	u32 parsed;

	if (kstrtou32(text, 10, &parsed) || parsed > max)
		return -EINVAL;
	*value = parsed;
	return 0;
}

/**
 * esx_parse_u32_or_default() - read a decimal number, or the word default
 * @text: either, perhaps with a newline behind it
 * @max: the largest number that is allowed
 * @value: where to; U32_MAX for the word
 *
 * Return: 0 or -EINVAL.
 */
int esx_parse_u32_or_default(const char *text, u32 max, u32 *value)
{
	if (!sysfs_streq(text, "default"))
		return esx_parse_u32(text, max, value);
	*value = U32_MAX;
	return 0;
}

/**
 * esx_emit_u32_or_default() - show what esx_parse_u32_or_default() reads
 * @buf: the page of the sysfs file
 * @value: a number, or U32_MAX for the word default
 *
 * Return: how long the text is.
 */
ssize_t esx_emit_u32_or_default(char *buf, u32 value)
{
	return value == U32_MAX ? sysfs_emit(buf, "default\n") : sysfs_emit(buf, "%u\n", value);
}

/**
 * esx_parse_pages() - read a number of bytes that is one of whole pages
 * @text: a number, perhaps with a newline behind it
 * @pages: where to
 *
 * Return: 0 or -EINVAL.
 */
int esx_parse_pages(const char *text, u64 *pages)
{
	u64 bytes;

	if (kstrtou64(text, 10, &bytes) || bytes % PAGE_SIZE)
		return -EINVAL;
	*pages = bytes >> PAGE_SHIFT;
	return 0;
}

/**
 * esx_parse_bool() - read a switch
 * @text: 0 or 1, perhaps with a newline behind it
 * @value: where to
 *
 * Stricter than kstrtobool(), which takes every word that begins with a "y".
 *
 * Return: 0 or -EINVAL.
 */
int esx_parse_bool(const char *text, bool *value)
{
	u32 number;
	int err = esx_parse_u32(text, 1, &number);

	if (!err)
		*value = number;
	return err;
}

/**
 * esx_parse_line() - read one line of printable ASCII
 * @text: the text, perhaps with a newline behind it
 * @len: of @text
 * @line: where to, without the newline
 * @size: of @line, with room for the terminator
 *
 * Return: 0, or -EINVAL when it is too long or holds anything else.
 */
int esx_parse_line(const char *text, size_t len, char *line, size_t size)
{
	size_t i;

	if (len && text[len - 1] == '\n')
		len--;
	if (len >= size)
		return -EINVAL;
	for (i = 0; i < len; i++) {
		if (!isascii(text[i]) || !isprint(text[i]))
			return -EINVAL;
	}
	memcpy(line, text, len);
	line[len] = '\0';
	return 0;
}
