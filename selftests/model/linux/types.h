/* SPDX-License-Identifier: GPL-2.0 */
/* What pure files of esxmem need of the kernel's types, in user space. */
#ifndef MODEL_LINUX_TYPES_H
#define MODEL_LINUX_TYPES_H

#include <stdbool.h>
#include <stddef.h>

typedef unsigned int u32;
typedef unsigned long long u64;

#endif /* MODEL_LINUX_TYPES_H */
