/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's arithmetic, in user space. */
#ifndef MODEL_LINUX_MINMAX_H
#define MODEL_LINUX_MINMAX_H

#define min(a, b)                              \
	({                                     \
		__typeof__(a) _a = (a);        \
		__typeof__(b) _b = (b);        \
		(void)(&_a == &_b);            \
		_a < _b ? _a : _b;             \
	})

#define max(a, b)                              \
	({                                     \
		__typeof__(a) _a = (a);        \
		__typeof__(b) _b = (b);        \
		(void)(&_a == &_b);            \
		_a > _b ? _a : _b;             \
	})

#define clamp(value, lo, hi) min(max(value, lo), hi)

#define min_t(type, a, b) min((type)(a), (type)(b))

#endif /* MODEL_LINUX_MINMAX_H */
