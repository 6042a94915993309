/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A holder: a process that holds memory as a guest would, fills it, writes to
 * it again and checks it, when told to.
 *
 * There are many small ones rather than a large one: each page that does not
 * lie beside its neighbour is a mapping of this machine's kernel, which limits
 * their number in a process.
 */
#ifndef BENCH_HOLDER_H
#define BENCH_HOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct holder - as the worker knows it
 * @pid: of the process
 * @to: file descriptor that it reads lines from
 * @from: file descriptor that its answers come by
 * @pages: that it holds
 * @hashes: where it puts the hash of each page, when asked; shared with it
 */
struct holder {
	int pid;
	int to;
	int from;
	size_t pages;
	uint64_t *hashes;
};

/**
 * holder_start() - start one
 * @holder: filled
 * @pages: that it holds
 * @path: of the memory file to hold; NULL: memory that KSM may merge
 *
 * Return: true, or false with errno set.
 */
bool holder_start(struct holder *holder, size_t pages, const char *path);

/** holder_end() - end it and wait for its memory to be free */
void holder_end(struct holder *holder);

/** holder_ask() - pass @line on; @answer, of LINE_MAX_BYTES, is what it says */
bool holder_ask(struct holder *holder, const char *line, char *answer);

#endif /* BENCH_HOLDER_H */
