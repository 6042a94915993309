// SPDX-License-Identifier: GPL-2.0
#include "held.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "esx.h"

#define WHERE "/tmp/esxmem-test-held"
#define FILE_NODE 2
#define MAX_READS 64
/* A request and its header; writes are refused, so none is large. */
#define REQUEST_SIZE (64UL << 10)
#define MAX_PAGES 256

/*
 * Lives in memory that the case shares with the server, which is a process of
 * its own: its end, which follows that of the case, closes the connection and
 * so frees whoever still waits for an answer.
 */
struct held {
	int fd; /* the server's */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool released;
	unsigned int nr_reads;
	struct {
		uint64_t unique, offset;
		uint32_t size;
	} reads[MAX_READS];
};

static void reply(struct held *held, uint64_t unique, int error,
		  const void *data, size_t size)
{
	struct fuse_out_header head = {
		.len = sizeof(head) + size,
		.error = -error,
		.unique = unique,
	};
	struct iovec parts[] = { { &head, sizeof(head) },
				 { (void *)data, size } };

	/* ENOENT: whoever waited was killed. */
	if (writev(held->fd, parts, size ? 2 : 1) < 0 && errno != ENOENT)
		FAIL("answer to FUSE: %s", strerror(errno));
}

static void answer_read(struct held *held, uint64_t unique, uint64_t offset,
			uint32_t size)
{
	char *data = malloc(size);

	for (uint32_t done = 0; done < size; done += ESX_PAGE)
		esx_fill(data + done, held_id((offset + done) / ESX_PAGE));
	reply(held, unique, 0, data, size);
	free(data);
}

static struct fuse_attr attributes(uint64_t node)
{
	return (struct fuse_attr){
		.ino = node,
		.size = node == FILE_NODE ? HELD_SIZE : 0,
		.mode = node == FILE_NODE ? S_IFREG | 0600 : S_IFDIR | 0700,
		.nlink = 1,
		.blksize = ESX_PAGE,
	};
}

static void answer_init(struct held *held, uint64_t unique)
{
	struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION,
		.minor = FUSE_KERNEL_MINOR_VERSION,
		.flags = FUSE_MAX_PAGES | FUSE_BIG_WRITES,
		.max_write = MAX_PAGES * ESX_PAGE,
		.max_pages = MAX_PAGES,
		.max_background = MAX_READS,
	};

	reply(held, unique, 0, &out, sizeof(out));
}

static void answer_lookup(struct held *held, uint64_t unique)
{
	struct fuse_entry_out out = {
		.nodeid = FILE_NODE,
		.generation = 1,
		.attr = attributes(FILE_NODE),
	};

	reply(held, unique, 0, &out, sizeof(out));
}

static void answer_getattr(struct held *held, uint64_t unique, uint64_t node)
{
	struct fuse_attr_out out = { .attr = attributes(node) };

	reply(held, unique, 0, &out, sizeof(out));
}

static void answer_open(struct held *held, uint64_t unique)
{
	struct fuse_open_out out = { .open_flags = FOPEN_DIRECT_IO };

	reply(held, unique, 0, &out, sizeof(out));
}

static void keep_read(struct held *held, uint64_t unique,
		      const struct fuse_read_in *in)
{
	bool released;

	pthread_mutex_lock(&held->lock);
	released = held->released;
	if (!released) {
		CHECK(held->nr_reads < MAX_READS);
		held->reads[held->nr_reads].unique = unique;
		held->reads[held->nr_reads].offset = in->offset;
		held->reads[held->nr_reads].size = in->size;
		held->nr_reads++;
		pthread_cond_broadcast(&held->changed);
	}
	pthread_mutex_unlock(&held->lock);
	if (released)
		answer_read(held, unique, in->offset, in->size);
}

static void serve_one(struct held *held, const struct fuse_in_header *in)
{
	switch (in->opcode) {
	case FUSE_INIT:
		answer_init(held, in->unique);
		break;
	case FUSE_LOOKUP:
		answer_lookup(held, in->unique);
		break;
	case FUSE_GETATTR:
		answer_getattr(held, in->unique, in->nodeid);
		break;
	case FUSE_OPEN:
		answer_open(held, in->unique);
		break;
	case FUSE_READ:
		keep_read(held, in->unique, (const void *)(in + 1));
		break;
	case FUSE_FLUSH:
	case FUSE_RELEASE:
		reply(held, in->unique, 0, NULL, 0);
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break; /* want no answer */
	default:
		reply(held, in->unique, ENOSYS, NULL, 0);
	}
}

static void *serve(void *arg)
{
	static char request[REQUEST_SIZE + MAX_PAGES * ESX_PAGE]
		__attribute__((aligned(8)));
	struct held *held = arg;

	for (;;) {
		ssize_t length = read(held->fd, request, sizeof(request));

		if (length > 0)
			serve_one(held, (void *)request);
		else if (errno != EINTR && errno != ENOENT && errno != EAGAIN)
			return NULL; /* ENODEV: unmounted */
	}
}

static void answer_when_released(struct held *held)
{
	pthread_mutex_lock(&held->lock);
	while (!held->released)
		pthread_cond_wait(&held->changed, &held->lock);
	pthread_mutex_unlock(&held->lock);
	/* No read is kept any more, so the list holds still. */
	for (unsigned int i = 0; i < held->nr_reads; i++)
		answer_read(held, held->reads[i].unique, held->reads[i].offset,
			    held->reads[i].size);
}

static void be_server(struct held *held)
{
	pthread_t thread;

	CHECK_OK(prctl(PR_SET_PDEATHSIG, SIGKILL));
	if (pthread_create(&thread, NULL, serve, held))
		FAIL("pthread_create");
	answer_when_released(held);
	pthread_join(thread, NULL);
}

static struct held *make_held(void)
{
	struct held *held = host_shared(sizeof(*held));
	pthread_mutexattr_t shared_lock;
	pthread_condattr_t shared_condition;

	pthread_mutexattr_init(&shared_lock);
	pthread_mutexattr_setpshared(&shared_lock, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&held->lock, &shared_lock);
	pthread_condattr_init(&shared_condition);
	pthread_condattr_setpshared(&shared_condition, PTHREAD_PROCESS_SHARED);
	pthread_cond_init(&held->changed, &shared_condition);
	return held;
}

struct held *held_start(void)
{
	struct held *held = make_held();
	char options[128];

	held->fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (held->fd < 0)
		tap_skip("fuse: /dev/fuse: %s", strerror(errno));
	host_private_mounts();
	if (mkdir(WHERE, 0700) && errno != EEXIST)
		FAIL("mkdir %s: %s", WHERE, strerror(errno));
	snprintf(options, sizeof(options),
		 "fd=%d,rootmode=40000,user_id=0,group_id=0", held->fd);
	CHECK_OK(mount("held", WHERE, "fuse.held", 0, options));
	switch (fork()) {
	case -1:
		FAIL("fork: %s", strerror(errno));
	case 0:
		be_server(held);
		_exit(0);
	}
	close(held->fd);
	return held;
}

int held_open(struct held *held)
{
	(void)held;
	return CHECK_OK(open(WHERE "/file", O_RDONLY | O_DIRECT));
}

void held_wait(struct held *held, unsigned int requests)
{
	pthread_mutex_lock(&held->lock);
	while (held->nr_reads < requests)
		pthread_cond_wait(&held->changed, &held->lock);
	pthread_mutex_unlock(&held->lock);
}

void held_release(struct held *held)
{
	pthread_mutex_lock(&held->lock);
	held->released = true;
	pthread_cond_broadcast(&held->changed);
	pthread_mutex_unlock(&held->lock);
}
