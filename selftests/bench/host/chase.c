// SPDX-License-Identifier: GPL-2.0
/*
 * chase: work that a guest's memory makes slow or fast, on several NUMA nodes.
 *
 *   chase MIB AREAS NODE...
 *
 * Takes AREAS areas of MIB on each NODE (-1: wherever the kernel likes), in
 * large pages where the kernel can, says so with a line of JSON, and then reads
 * commands, a letter and a number:
 *
 *   pN	on area N of each node, follow a chain of pointers that goes through all
 *	lines of the area in random order
 *   sN	on area N of each node, read and write the area from end to end
 *   c0	say whether all areas hold what they should
 *
 * and answers each with a line of JSON.  The nodes take turns, there and back,
 * for a slice of well under a millisecond each, in all orders that there are: who
 * comes after whom matters by some per cent.  So whatever else makes the machine
 * slow does so to all of them, and most slices are not disturbed at all.  The
 * answer has what each node took in each turn, in nanoseconds.
 *
 * First touches alternate between the nodes by large pages: of the memory that
 * lies behind them, which differs from place to place, the areas of one number
 * get the same mixture.
 */
#include <linux/mempolicy.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define LINE 64
#define HUGE (2UL << 20)
#define NODES_MAX 3
#define TURNS 768
/* Links that a node takes in half a turn. */
#define CHASE_SLICE 512UL
#define STREAM_SLICE 4096UL

struct link {
	struct link *next;
	uint64_t words[LINE / 8 - 1];
};

struct area {
	struct link *links;
	size_t nr;
	struct link *at; /* where the chase is */
	size_t row; /* where the stream is */
	uint64_t streams; /* that were made */
};

struct memory {
	struct area *areas[NODES_MAX];
	size_t nr_nodes;
	size_t nr_areas;
};

static const unsigned char orders[][NODES_MAX] = {
	{ 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 },
};

#define NR_ORDERS (sizeof(orders) / sizeof(*orders))

_Static_assert(TURNS % NR_ORDERS == 0, "all orders come as often");

static uint64_t times[TURNS][NODES_MAX];

static uint64_t draw(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* Sattolo's shuffle makes one cycle of all links. */
static void tie(struct area *area, uint64_t state)
{
	for (size_t i = 0; i < area->nr; i++)
		area->links[i].next = &area->links[i];
	for (size_t i = area->nr - 1; i; i--) {
		size_t other = draw(&state) % i;
		struct link *next = area->links[i].next;

		area->links[i].next = area->links[other].next;
		area->links[other].next = next;
	}
	area->at = area->links;
}

/* Reserve all areas of a node as one mapping. */
static bool reserve(struct memory *memory, size_t node, size_t size, int numa)
{
	size_t all = memory->nr_areas * size;
	unsigned long mask = 1UL << numa;
	char *base =
		mmap(NULL, all + HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memory->areas[node] = calloc(memory->nr_areas, sizeof(struct area));
	if (base == MAP_FAILED || !memory->areas[node])
		return false;
	base = (char *)(((uintptr_t)base + HUGE - 1) & -HUGE);
	madvise(base, all, MADV_HUGEPAGE);
	if (numa >= 0 && syscall(SYS_mbind, base, all, MPOL_BIND, &mask, 8 * sizeof(mask), 0))
		return false;
	for (size_t nr = 0; nr < memory->nr_areas; nr++)
		memory->areas[node][nr] = (struct area){
			.links = (struct link *)(base + nr * size),
			.nr = size / LINE,
		};
	return true;
}

static void touch_by_turns(struct memory *memory, size_t nr, size_t size)
{
	for (size_t at = 0; at < size; at += HUGE)
		for (size_t i = 0; i < memory->nr_nodes; i++) {
			size_t node = (nr + at / HUGE + i) % memory->nr_nodes;

			*((volatile char *)memory->areas[node][nr].links + at) = 0;
		}
}

static bool take(struct memory *memory, size_t size, char **nodes)
{
	for (size_t node = 0; node < memory->nr_nodes; node++)
		if (!reserve(memory, node, size, atoi(nodes[node])))
			return false;
	for (size_t nr = 0; nr < memory->nr_areas; nr++) {
		touch_by_turns(memory, nr, size);
		/* The same chain on each node. */
		for (size_t node = 0; node < memory->nr_nodes; node++)
			tie(&memory->areas[node][nr], nr);
	}
	return true;
}

static void chase(struct area *area)
{
	struct link *link = area->at;

	for (size_t i = 0; i < CHASE_SLICE; i++)
		link = link->next;
	*(struct link *volatile *)&area->at = link;
}

static void stream(struct area *area)
{
	struct link *links = area->links + area->row;

	for (size_t i = 0; i < STREAM_SLICE; i++)
		for (size_t w = 0; w < LINE / 8 - 1; w++)
			links[i].words[w] += w;
	area->row += STREAM_SLICE;
	if (area->row == area->nr) {
		area->row = 0;
		area->streams++;
	}
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static uint64_t timed(void (*work)(struct area *), struct area *area)
{
	uint64_t start = now_ns();

	work(area);
	return now_ns() - start;
}

static void take_turn(const struct memory *memory, size_t nr, size_t turn,
		      void (*work)(struct area *))
{
	for (size_t step = 0; step < 2 * NODES_MAX; step++) {
		size_t place = step < NODES_MAX ? step : 2 * NODES_MAX - 1 - step;
		size_t node = orders[turn % NR_ORDERS][place];

		if (node < memory->nr_nodes)
			times[turn][node] += timed(work, &memory->areas[node][nr]);
	}
}

static void measure(const struct memory *memory, size_t nr, void (*work)(struct area *),
		    size_t slice)
{
	for (size_t turn = 0; turn < TURNS; turn++)
		for (size_t node = 0; node < memory->nr_nodes; node++)
			times[turn][node] = 0;
	for (size_t turn = 0; turn < TURNS; turn++)
		take_turn(memory, nr, turn, work);

	printf("{\"lines\": %zu, \"ns\": [", 2 * slice);
	for (size_t node = 0; node < memory->nr_nodes; node++)
		for (size_t turn = 0; turn < TURNS; turn++)
			printf("%s%lu", turn ? ", " : node ? "], [" : "[", times[turn][node]);
	printf("]]}\n");
}

/* Whether the chain is one cycle of all links, and the words are what they should be. */
static bool is_sound(const struct area *area)
{
	const struct link *link = area->links;
	size_t steps = 0;

	do {
		for (size_t w = 0; w < LINE / 8 - 1; w++)
			if (link->words[w] != w * area->streams)
				return false;
		link = link->next;
		steps++;
	} while (link != area->links && steps < area->nr);
	return link == area->links && steps == area->nr;
}

/* A command goes through an area a whole number of times. */
static bool all_sound(const struct memory *memory)
{
	for (size_t node = 0; node < memory->nr_nodes; node++)
		for (size_t nr = 0; nr < memory->nr_areas; nr++) {
			const struct area *area = &memory->areas[node][nr];

			if (area->at != area->links || area->row || !is_sound(area))
				return false;
		}
	return true;
}

static bool is_whole(size_t size)
{
	return size && size % HUGE == 0 && 2 * TURNS * CHASE_SLICE % (size / LINE) == 0 &&
	       2 * TURNS * STREAM_SLICE % (size / LINE) == 0;
}

int main(int argc, char **argv)
{
	struct memory memory = { .nr_nodes = argc - 3 };
	size_t size, nr;
	char key;

	if (argc < 4 || memory.nr_nodes > NODES_MAX)
		return 2;
	size = strtoul(argv[1], NULL, 0) << 20;
	memory.nr_areas = strtoul(argv[2], NULL, 0);
	if (!is_whole(size))
		return 2;
	if (!take(&memory, size, argv + 3)) {
		perror("no memory like that");
		return 2;
	}
	printf("{\"pid\": %d}\n", getpid());
	fflush(stdout);
	while (scanf(" %c%zu", &key, &nr) == 2 && nr < memory.nr_areas) {
		if (key == 'p')
			measure(&memory, nr, chase, CHASE_SLICE);
		else if (key == 's')
			measure(&memory, nr, stream, STREAM_SLICE);
		else if (key == 'c')
			printf("{\"sound\": %d}\n", all_sound(&memory));
		fflush(stdout);
	}
	return 0;
}
