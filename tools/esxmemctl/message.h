/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What esxmemctl says on stderr, and memory that is always there.
 */
#ifndef ESXMEMCTL_MESSAGE_H
#define ESXMEMCTL_MESSAGE_H

#define ESX_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

void esx_error(const char *fmt, ...) ESX_PRINTF(1, 2);
char *esx_asprintf(const char *fmt, ...) ESX_PRINTF(1, 2);
void *esx_must(void *ptr);

#endif /* ESXMEMCTL_MESSAGE_H */
