/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel that the worker runs on: its files, esxmem's audit.
 */
#ifndef BENCH_HOST_H
#define BENCH_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** host_read() - the text of a file, to be freed; NULL with errno set */
char *host_read(const char *path);

/** host_write() - write to a file that exists; false with errno set */
bool host_write(const char *path, const char *text);

/** host_audit() - violations that esxmem's audit finds; -1 with errno set */
int64_t host_audit(void);

/** host_pretouch() - have each of @megabytes of memory used once; false if not */
bool host_pretouch(size_t megabytes);

/** host_sleep() - for @us microseconds */
void host_sleep(uint64_t us);

/** host_now() - microseconds since some moment */
uint64_t host_now(void);

#endif /* BENCH_HOST_H */
