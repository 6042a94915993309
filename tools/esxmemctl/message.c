// SPDX-License-Identifier: GPL-2.0
/*
 * What esxmemctl says on stderr, and memory that is always there.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "message.h"

/**
 * esx_error() - say what is wrong and what can be done about it
 * @fmt: as for printf(3), without a newline
 */
void esx_error(const char *fmt, ...)
{
	va_list args;

	fputs("esxmemctl: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
}

/**
 * esx_must() - end the program when an allocation failed
 * @ptr: what the allocation returned
 *
 * Return: @ptr, which is not NULL
 */
void *esx_must(void *ptr)
{
	if (ptr)
		return ptr;
	esx_error("out of memory");
	exit(ESX_FAILED);
}

/**
 * esx_asprintf() - format into fresh memory
 * @fmt: as for printf(3)
 *
 * Return: the text, to be freed; never NULL
 */
char *esx_asprintf(const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	va_end(args);
	return esx_must(text);
}
