/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tap: runs the cases of a test program and reports in TAP 13.
 *
 * Each case runs in a process of its own, so that a crash is a failure of that
 * case and nothing it opened or mapped outlives it.  A failed check ends the
 * case; it may be called from any thread and from children that the case
 * forked (the case then sees the child's exit status, see tap_join()).
 *
 * Program options: -l lists the cases, with the CPUs each needs; patterns
 * choose cases by name.  Exit status: 0 all passed, 1 one failed, 4 none
 * failed and one was skipped.
 */
#ifndef ESX_TAP_H
#define ESX_TAP_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define TAP_PASS 0
#define TAP_FAIL 1
#define TAP_SKIP 4

/**
 * struct tap_case - one behaviour
 * @name: says what holds, as in cow_second_writer_keeps_own_copy
 * @run: returns if it holds
 * @cpus: CPUs without which the case proves nothing; 0 is 1
 */
struct tap_case {
	const char *name;
	void (*run)(void);
	unsigned int cpus;
};

/**
 * struct tap_hooks - what happens around each case, in the parent
 * @before: prepares; what it returns other than NULL fails the case
 * @after: checks what the case left and cleans up; likewise
 */
struct tap_hooks {
	const char *(*before)(const struct tap_case *c);
	const char *(*after)(const struct tap_case *c);
};

/** tap_main() - run the chosen cases; the program's main() returns the result */
int tap_main(int argc, char **argv, const struct tap_case *cases, size_t nr,
	     const struct tap_hooks *hooks);

/** tap_note() - print a diagnostic line */
void tap_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** tap_skip() - end the case: something is missing */
void tap_skip(const char *fmt, ...)
	__attribute__((format(printf, 1, 2), noreturn));

/** tap_fail_at() - end the case: it failed; use the macros below */
void tap_fail_at(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), noreturn));

/** tap_join() - wait for a child of the case and require that it passed */
void tap_join(pid_t child);

/** tap_scaled() - the number of operations for the machine at hand */
uint64_t tap_scaled(uint64_t full, uint64_t debug);

/** tap_seed() - a fixed seed, or ESX_TEST_SEED; printed */
uint64_t tap_seed(uint64_t fixed);

#define FAIL(...) tap_fail_at(__FILE__, __LINE__, __VA_ARGS__)

#define CHECK(cond)                                       \
	do {                                              \
		if (!(cond))                              \
			FAIL("%s does not hold", #cond);  \
	} while (0)

#define CHECK_MSG(cond, ...)               \
	do {                               \
		if (!(cond))               \
			FAIL(__VA_ARGS__); \
	} while (0)

#define CHECK_EQ(is, expected)                                          \
	do {                                                            \
		long long is_ = (long long)(is);                        \
		long long expected_ = (long long)(expected);            \
		if (is_ != expected_)                                   \
			FAIL("%s is %lld, expected %s = %lld", #is, is_, \
			     #expected, expected_);                     \
	} while (0)

/* The value of a call that says -1 and errno on failure. */
#define CHECK_OK(call)                                                       \
	({                                                                   \
		__typeof__(call) ok_ = (call);                               \
		if ((long)ok_ == -1)                                         \
			FAIL("%s: %s", #call, strerror(errno));              \
		ok_;                                                         \
	})

#define CHECK_ERRNO(call, expected)                                          \
	do {                                                                 \
		errno = 0;                                                   \
		if ((long)(call) != -1)                                      \
			FAIL("%s succeeded, expected %s", #call, #expected); \
		if (errno != (expected))                                     \
			FAIL("%s: %s, expected %s", #call, strerror(errno),  \
			     #expected);                                     \
	} while (0)

/* A case named like its function, and one that needs several CPUs. */
#define TAP_CASE(function) { #function, function, 1 }
#define TAP_CASE_CPUS(function, cpus) { #function, function, cpus }

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif /* ESX_TAP_H */
