// SPDX-License-Identifier: GPL-2.0
/* Lines of words. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reply.h"

void words_cut(struct words *words, char *line)
{
	char *rest = line;

	memset(words, 0, sizeof(*words));
	while (words->nr < WORDS_MAX - 1) {
		char *word = strsep(&rest, " ");

		if (!word)
			break;
		if (*word)
			words->word[words->nr++] = word;
	}
}

uint64_t words_number(const struct words *words, unsigned int at, uint64_t otherwise)
{
	return at < words->nr ? strtoull(words->word[at], NULL, 0) : otherwise;
}

bool line_read(int fd, char *line, size_t size)
{
	size_t length = 0;
	char byte;

	for (;;) {
		ssize_t got = read(fd, &byte, 1);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		if (byte == '\n')
			break;
		if (length + 1 < size)
			line[length++] = byte;
	}
	line[length] = 0;
	return true;
}

static void write_all(int fd, const char *bytes, size_t length)
{
	while (length) {
		ssize_t done = write(fd, bytes, length);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			exit(1);
		bytes += done;
		length -= done;
	}
}

void line_write(int fd, const char *fmt, ...)
{
	char *line = NULL;
	va_list args;
	int length;

	va_start(args, fmt);
	length = vasprintf(&line, fmt, args);
	va_end(args);
	if (length < 0)
		exit(1);
	write_all(fd, line, length);
	write_all(fd, "\n", 1);
	free(line);
}
