/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's arithmetic of 64 bits, in user space. */
#ifndef MODEL_LINUX_MATH64_H
#define MODEL_LINUX_MATH64_H

#include <linux/types.h>

static inline u64 mul_u64_u64_div_u64(u64 a, u64 b, u64 divisor)
{
	return (unsigned __int128)a * b / divisor;
}

#endif /* MODEL_LINUX_MATH64_H */
