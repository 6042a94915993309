// SPDX-License-Identifier: GPL-2.0
/*
 * Kernel threads of tests.
 *
 * kthread_stop() alone will not do: it cancels a thread that has not run yet.
 */
#include <linux/err.h>
#include <linux/kthread.h>

#include "thread.h"

static int run_thread(void *data)
{
	struct test_thread *thread = data;
	int ret = thread->fn(thread->arg);

	complete(&thread->done);
	/* Stay until joined, so that nothing of the module runs after. */
	set_current_state(TASK_INTERRUPTIBLE);
	while (!kthread_should_stop()) {
		schedule();
		set_current_state(TASK_INTERRUPTIBLE);
	}
	__set_current_state(TASK_RUNNING);
	return ret;
}

/**
 * start_test_thread() - run a function in a thread of its own
 * @test: the test, aborted when there is no thread to be had
 * @thread: filled; must stay until join_test_thread()
 * @fn: the function
 * @arg: its argument
 */
void start_test_thread(struct kunit *test, struct test_thread *thread, int (*fn)(void *arg),
		       void *arg)
{
	thread->fn = fn;
	thread->arg = arg;
	init_completion(&thread->done);
	thread->task = kthread_run(run_thread, thread, "esx_test");
	KUNIT_ASSERT_FALSE(test, IS_ERR(thread->task));
}

/**
 * join_test_thread() - wait for the end of a thread; nothing may have been wrong
 * @test: the test
 * @thread: started by start_test_thread()
 */
void join_test_thread(struct kunit *test, struct test_thread *thread)
{
	wait_for_completion(&thread->done);
	KUNIT_EXPECT_EQ(test, kthread_stop(thread->task), 0);
}
