/* SPDX-License-Identifier: GPL-2.0 */
/* The errnos that pure files of esxmem return; the numbers are those of the ABI. */
#ifndef MODEL_LINUX_ERRNO_H
#define MODEL_LINUX_ERRNO_H

#include <asm/errno.h>

#endif /* MODEL_LINUX_ERRNO_H */
