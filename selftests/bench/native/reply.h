/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Lines of words, as the driver and the worker, and the worker and its holders,
 * exchange them: one line is asked, one line is answered, "ok ..." or
 * "fail ...".
 */
#ifndef BENCH_REPLY_H
#define BENCH_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINE_MAX_BYTES 2048
#define WORDS_MAX 64

/**
 * struct words - a line cut at its blanks
 * @nr: how many
 * @word: each; those beyond @nr are NULL
 */
struct words {
	unsigned int nr;
	char *word[WORDS_MAX];
};

/** words_cut() - cut @line, which is changed, at its blanks */
void words_cut(struct words *words, char *line);

/** words_number() - the word at @at as a number, or @otherwise if there is none */
uint64_t words_number(const struct words *words, unsigned int at, uint64_t otherwise);

/** line_read() - read a line from @fd without its end; false at the end */
bool line_read(int fd, char *line, size_t size);

/** line_write() - write a line to @fd, made as by printf() */
void line_write(int fd, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif /* BENCH_REPLY_H */
