/* SPDX-License-Identifier: GPL-2.0 */
/* Limits of the kernel's types, in user space. */
#ifndef MODEL_LINUX_LIMITS_H
#define MODEL_LINUX_LIMITS_H

#define U32_MAX 0xffffffffU

#endif /* MODEL_LINUX_LIMITS_H */
