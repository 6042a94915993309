// SPDX-License-Identifier: GPL-2.0
/*
 * chase: work that a guest's memory makes slow or fast.
 *
 *   chase MIB
 *
 * Takes MIB of memory in large pages where the kernel can, and then reads
 * letters:
 *
 *   p	follow a chain of pointers, which goes through all lines of the memory
 *	in random order, for CHASES times a turn
 *   s	read and write the memory from end to end STREAMS times
 *   c	say whether the memory holds what it should
 *
 * and answers each with a line of JSON.  It takes no times: two guests that do
 * the same work at the same time are compared by what their host spent on each.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define LINE 64
#define HUGE (2UL << 20)
#define CHASES 6
#define STREAMS 100

struct link {
	struct link *next;
	uint64_t words[LINE / 8 - 1];
};

struct memory {
	struct link *links;
	size_t nr;
	uint64_t streams; /* that were made */
};

static uint64_t draw(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* Sattolo's shuffle makes one cycle of all links. */
static void tie(struct memory *memory)
{
	uint64_t state = 1;

	for (size_t i = 0; i < memory->nr; i++)
		memory->links[i].next = &memory->links[i];
	for (size_t i = memory->nr - 1; i; i--) {
		size_t other = draw(&state) % i;
		struct link *next = memory->links[i].next;

		memory->links[i].next = memory->links[other].next;
		memory->links[other].next = next;
	}
}

static bool take(struct memory *memory, size_t size)
{
	char *area =
		mmap(NULL, size + HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (area == MAP_FAILED)
		return false;
	area = (char *)(((uintptr_t)area + HUGE - 1) & -HUGE);
	madvise(area, size, MADV_HUGEPAGE);
	memory->links = (struct link *)area;
	memory->nr = size / LINE;
	tie(memory);
	return true;
}

static void chase(const struct memory *memory)
{
	const struct link *volatile end;
	const struct link *link = memory->links;
	size_t steps = CHASES * memory->nr;

	for (size_t i = 0; i < steps; i++)
		link = link->next;
	end = link;
	printf("{\"lines\": %zu, \"closed\": %d}\n", steps, end == memory->links);
}

static void stream(struct memory *memory)
{
	for (size_t turn = 0; turn < STREAMS; turn++)
		for (size_t i = 0; i < memory->nr; i++)
			for (size_t w = 0; w < LINE / 8 - 1; w++)
				memory->links[i].words[w] += w;
	memory->streams += STREAMS;
	printf("{\"lines\": %zu}\n", STREAMS * memory->nr);
}

/* Whether the chain is one cycle of all links, and the words are what they should be. */
static bool is_sound(const struct memory *memory)
{
	const struct link *link = memory->links;
	size_t steps = 0;

	do {
		for (size_t w = 0; w < LINE / 8 - 1; w++)
			if (link->words[w] != w * memory->streams)
				return false;
		link = link->next;
		steps++;
	} while (link != memory->links && steps < memory->nr);
	return link == memory->links && steps == memory->nr;
}

int main(int argc, char **argv)
{
	struct memory memory = {};

	if (argc != 2 || !take(&memory, strtoul(argv[1], NULL, 0) << 20))
		return 2;
	for (int key; (key = getchar()) != EOF;) {
		if (key == 'p')
			chase(&memory);
		else if (key == 's')
			stream(&memory);
		else if (key == 'c')
			printf("{\"sound\": %d}\n", is_sound(&memory));
		fflush(stdout);
	}
	return 0;
}
