/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Included before each pure file of esxmem: stands in for esxmem/compat.h and for
 * what kernel headers define by the way.
 */
#ifndef MODEL_KERNEL_H
#define MODEL_KERNEL_H

/* The guard of esxmem/compat.h: it is about kernels. */
#define _ESXMEM_COMPAT_H

#define ESX_EXPORT_FOR_TESTS(sym) _Static_assert(sizeof(&(sym)), "a function")

#define static_assert _Static_assert

#define U64_MAX 0xffffffffffffffffULL
#define PAGE_SHIFT 12
#define PAGE_SIZE 4096UL
#define DIV_ROUND_UP_ULL(n, d) (((n) + (d) - 1) / (d))

#endif /* MODEL_KERNEL_H */
