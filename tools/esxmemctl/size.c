// SPDX-License-Identifier: GPL-2.0
/*
 * Sizes as people type and read them: powers of 1024.
 *
 * The parser takes what QEMU's -m takes, so that one reading serves both:
 * decimal or 0x numbers, a fraction, one letter of B K M G T P E in either
 * case.
 */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "size.h"

static const char units[] = "BKMGTPE";

/* What a suffix multiplies by; 0 when it is none. */
static uint64_t suffix_factor(const char *suffix, uint64_t unit)
{
	const char *at;

	if (!*suffix)
		return unit;
	at = strchr(units, toupper((unsigned char)*suffix));
	if (!at || suffix[1])
		return 0;
	return 1ULL << (10 * (at - units));
}

static bool parse_fraction(const char *text, uint64_t unit, uint64_t *bytes)
{
	uint64_t factor;
	double value;
	char *end;

	value = strtod(text, &end);
	factor = suffix_factor(end, unit);
	if (end == text || !factor || !isfinite(value) || value * factor >= 0x1p63)
		return false;
	*bytes = (uint64_t)(value * factor);
	return true;
}

static bool parse_whole(const char *text, uint64_t unit, uint64_t *bytes)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	uint64_t value, factor;
	char *end;

	errno = 0;
	value = strtoull(text, &end, hex ? 16 : 10);
	factor = suffix_factor(end, unit);
	if (errno || end == text || !factor)
		return false;
	return !__builtin_mul_overflow(value, factor, bytes) && *bytes <= INT64_MAX;
}

/**
 * esx_size_parse() - read a size
 * @text: what the user typed
 * @unit: what a number without a suffix counts, in bytes
 * @bytes: out: the size
 *
 * Return: whether @text is a size that a file can have
 */
bool esx_size_parse(const char *text, uint64_t unit, uint64_t *bytes)
{
	/* strtoull() would take a sign and blanks. */
	if (!isdigit((unsigned char)*text))
		return false;
	if (strchr(text, '.'))
		return parse_fraction(text, unit, bytes);
	return parse_whole(text, unit, bytes);
}

/**
 * esx_size_parse_word() - read the word SIZE of a command
 * @text: what the user typed
 * @values: what it can be, for the message
 * @bytes: out: the size, whole pages and not 0
 *
 * Return: whether it is one; the message is printed
 */
bool esx_size_parse_word(const char *text, const char *values, uint64_t *bytes)
{
	if (!esx_size_parse(text, 1, bytes) || !*bytes) {
		esx_error("SIZE cannot be '%s'; it is %s", text, values);
		return false;
	}
	if (*bytes % ESX_PAGE_SIZE) {
		esx_error("SIZE cannot be '%s'; it must be a multiple of %lu bytes", text,
			  ESX_PAGE_SIZE);
		return false;
	}
	return true;
}

/**
 * esx_size_text() - a size in at most three digits and a letter
 * @bytes: the size
 *
 * Return: text such as 192M or 1.5G, to be freed
 */
char *esx_size_text(uint64_t bytes)
{
	double value = bytes;
	const char *unit = units;

	/* 1023.5 would be printed as 1024. */
	while (value >= 1023.5 && unit[1]) {
		value /= 1024;
		unit++;
	}
	if (value >= 9.95 || value == (uint64_t)value)
		return esx_asprintf("%.0f%c", value, *unit);
	return esx_asprintf("%.1f%c", value, *unit);
}
