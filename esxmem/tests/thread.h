/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Kernel threads of tests.
 */
#ifndef _ESXMEM_TESTS_THREAD_H
#define _ESXMEM_TESTS_THREAD_H

#include <kunit/test.h>
#include <linux/completion.h>

struct task_struct;

/**
 * struct test_thread - a thread that runs once
 */
struct test_thread {
	/** @fn: what it does; returns how often something was wrong. */
	int (*fn)(void *arg);
	/** @arg: for @fn. */
	void *arg;
	/** @task: the thread. */
	struct task_struct *task;
	/** @done: @fn has returned. */
	struct completion done;
};

void start_test_thread(struct kunit *test, struct test_thread *thread, int (*fn)(void *arg),
		       void *arg);
void join_test_thread(struct kunit *test, struct test_thread *thread);

#endif /* _ESXMEM_TESTS_THREAD_H */
