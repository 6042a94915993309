// SPDX-License-Identifier: GPL-2.0
/*
 * The worker: does in the User-Mode kernel what the driver asks for, line by
 * line over the serial line.  All policy is the driver's.
 *
 *   get PATH...		the first word of each file, "-" where there is none
 *   set PATH VALUE
 *   cat PATH			the text, its line ends as vertical tabs
 *   new PAGES [PATH]		start a holder, of a memory file or for KSM
 *   tell HOLDER COMMAND...	see holder.c
 *   all COMMAND...		the same to each holder
 *   drop			end the holders
 *   mkdir PATH
 *   files NR BYTES PATH	make files PATH0, PATH1 ... of that size
 *   unlink PATH
 *   oracle			over all holders, after "all hash"
 *   until MS EACH TARGET PATH...	look each so many ms until the sum of these figures reaches
 *				TARGET; a figure after "-" is taken off
 *   event MS PATH COMMAND...	do the command and wait until that figure has grown; answers with
 *				how many microseconds both took
 *   pause MS
 *   audit			esxmem's; answers how many violations
 *   pretouch MB		use each page of memory once
 *
 * Several commands on a line are parted by ";", and so are the answers.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "contents.h"
#include "holder.h"
#include "host.h"
#include "oracle.h"
#include "reply.h"

#define HOLDERS_MAX 256
#define ANSWER_MAX (1 << 18)
/* Between two looks for an event's effect. */
#define EVENT_LOOK_US 200

static struct holder holders[HOLDERS_MAX];
static unsigned int nr_holders;

static char answer[ANSWER_MAX];
static size_t answer_length;

static void __attribute__((format(printf, 1, 2))) say(const char *fmt, ...)
{
	size_t room = sizeof(answer) - answer_length;
	va_list args;
	int length;

	va_start(args, fmt);
	length = vsnprintf(answer + answer_length, room, fmt, args);
	va_end(args);
	if (length > 0)
		answer_length += (size_t)length < room ? (size_t)length : room - 1;
}

static void say_error(const char *what)
{
	say("fail %s: %s", what, strerror(errno));
}

static void get(const struct words *w)
{
	say("ok");
	for (unsigned int i = 1; i < w->nr; i++) {
		char *text = host_read(w->word[i]);

		say(" %s", text && *text ? strtok(text, " \t\n") : "-");
		free(text);
	}
}

static void set(const struct words *w)
{
	if (w->nr != 3 || !host_write(w->word[1], w->word[2]))
		say_error(w->nr > 1 ? w->word[1] : "set");
	else
		say("ok");
}

static void cat(const struct words *w)
{
	char *text = w->nr == 2 ? host_read(w->word[1]) : NULL;

	if (!text) {
		say_error("cat");
		return;
	}
	for (char *at = text; *at; at++)
		if (*at == '\n' || *at == ';')
			*at = *at == ';' ? ',' : '\v';
	say("ok %s", text);
	free(text);
}

static void new_holder(const struct words *w)
{
	size_t pages = words_number(w, 1, 0);

	if (!pages || nr_holders == HOLDERS_MAX)
		say("fail too many holders, or no pages");
	else if (!holder_start(&holders[nr_holders], pages, w->word[2]))
		say_error("holder");
	else
		say("ok %u", nr_holders++);
}

static void ask(struct holder *holder, const char *line)
{
	char said[LINE_MAX_BYTES] = "";

	if (!holder_ask(holder, line, said))
		say(" fail a holder died");
	else if (!strncmp(said, "ok", 2))
		say("%s", said + 2);
	else
		say(" %s", said);
}

static void join(char *line, size_t size, const struct words *w, unsigned int from)
{
	size_t length = 0;

	line[0] = 0;
	for (unsigned int i = from; i < w->nr && length < size; i++)
		length += snprintf(line + length, size - length, "%s%s", i > from ? " " : "",
				   w->word[i]);
}

static void tell(const struct words *w)
{
	unsigned int which = words_number(w, 1, HOLDERS_MAX);
	char line[LINE_MAX_BYTES];

	if (which >= nr_holders) {
		say("fail no such holder");
		return;
	}
	join(line, sizeof(line), w, 2);
	say("ok");
	ask(&holders[which], line);
}

static void tell_all(const struct words *w)
{
	char line[LINE_MAX_BYTES];

	join(line, sizeof(line), w, 1);
	say("ok");
	for (unsigned int i = 0; i < nr_holders; i++)
		ask(&holders[i], line);
}

static void drop(void)
{
	while (nr_holders)
		holder_end(&holders[--nr_holders]);
	say("ok");
}

static void make_directory(const struct words *w)
{
	if (w->nr != 2 || (mkdir(w->word[1], 0700) && errno != EEXIST))
		say_error("mkdir");
	else
		say("ok");
}

static bool make_file(const char *path, size_t bytes)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool done;

	if (fd < 0)
		return false;
	done = !ftruncate(fd, bytes);
	close(fd);
	return done;
}

static void make_files(const struct words *w)
{
	unsigned int nr = words_number(w, 1, 0);
	char path[LINE_MAX_BYTES];

	if (w->nr != 4) {
		say("fail files");
		return;
	}
	for (unsigned int i = 0; i < nr; i++) {
		snprintf(path, sizeof(path), "%s%u", w->word[3], i);
		if (!make_file(path, words_number(w, 2, 0))) {
			say_error(path);
			return;
		}
	}
	say("ok");
}

static void unlink_file(const struct words *w)
{
	if (w->nr != 2 || unlink(w->word[1]))
		say_error("unlink");
	else
		say("ok");
}

static void oracle(void)
{
	struct oracle o;
	uint64_t *all;
	size_t nr = 0;

	for (unsigned int i = 0; i < nr_holders; i++)
		nr += holders[i].pages;
	all = malloc(nr * sizeof(*all));
	if (!all) {
		say_error("oracle");
		return;
	}
	nr = 0;
	for (unsigned int i = 0; i < nr_holders; i++) {
		memcpy(all + nr, holders[i].hashes, holders[i].pages * sizeof(*all));
		nr += holders[i].pages;
	}
	o = oracle_ask(all, nr);
	free(all);
	say("ok %zu %zu %zu %zu %zu", o.pages, o.zero, o.twins, o.contents, o.saved);
}

/* A file that is held open: its path costs nothing at each look. */
struct figure {
	int fd;
	int sign;
};

static unsigned int open_figures(struct figure *figures, const struct words *w, unsigned int from)
{
	unsigned int nr = 0;

	for (unsigned int i = from; i < w->nr; i++) {
		bool minus = w->word[i][0] == '-';
		int fd = open(w->word[i] + minus, O_RDONLY | O_CLOEXEC);

		if (fd >= 0)
			figures[nr++] = (struct figure){ fd, minus ? -1 : 1 };
	}
	return nr;
}

static long long sum_of(const struct figure *figures, unsigned int nr)
{
	long long sum = 0;
	char text[64];

	for (unsigned int i = 0; i < nr; i++) {
		ssize_t got = pread(figures[i].fd, text, sizeof(text) - 1, 0);

		text[got > 0 ? got : 0] = 0;
		sum += figures[i].sign * strtoll(text, NULL, 10);
	}
	return sum;
}

static void until(const struct words *w)
{
	uint64_t limit = words_number(w, 1, 0) * 1000, start = host_now();
	uint64_t each = words_number(w, 2, 0) * 1000;
	long long target = words_number(w, 3, 0), sum;
	struct figure figures[WORDS_MAX];
	unsigned int nr = open_figures(figures, w, 4);

	for (;;) {
		sum = sum_of(figures, nr);
		if (sum >= target || host_now() - start >= limit)
			break;
		host_sleep(each);
	}
	while (nr)
		close(figures[--nr].fd);
	say("ok %d %lld %llu", sum >= target, sum, (unsigned long long)(host_now() - start));
}

static void obey_words(const struct words *w);

static void event(const struct words *w)
{
	uint64_t limit = words_number(w, 1, 0) * 1000, start;
	struct words command = { .nr = w->nr > 3 ? w->nr - 3 : 0 };
	int fd = w->nr > 3 ? open(w->word[2], O_RDONLY | O_CLOEXEC) : -1;
	struct figure figure = { fd, 1 };
	long long before;

	if (fd < 0) {
		say_error("event");
		return;
	}
	memcpy(command.word, w->word + 3, command.nr * sizeof(command.word[0]));
	before = sum_of(&figure, 1);
	start = host_now();
	obey_words(&command);
	while (sum_of(&figure, 1) <= before && host_now() - start < limit)
		host_sleep(EVENT_LOOK_US);
	say(" %llu", (unsigned long long)(host_now() - start));
	close(fd);
}

static void audit(void)
{
	int64_t violations = host_audit();

	if (violations < 0)
		say_error("audit");
	else
		say("ok %lld", (long long)violations);
}

static void rest(const struct words *w)
{
	host_sleep(words_number(w, 1, 0) * 1000);
	say("ok");
}

static void pretouch(const struct words *w)
{
	if (host_pretouch(words_number(w, 1, 0)))
		say("ok");
	else
		say("fail pretouch");
}

static const struct command {
	const char *name;
	void (*with_words)(const struct words *w);
	void (*without)(void);
} commands[] = {
	{ "get", .with_words = get },
	{ "set", .with_words = set },
	{ "cat", .with_words = cat },
	{ "new", .with_words = new_holder },
	{ "tell", .with_words = tell },
	{ "all", .with_words = tell_all },
	{ "drop", .without = drop },
	{ "mkdir", .with_words = make_directory },
	{ "files", .with_words = make_files },
	{ "unlink", .with_words = unlink_file },
	{ "oracle", .without = oracle },
	{ "until", .with_words = until },
	{ "event", .with_words = event },
	{ "pause", .with_words = rest },
	{ "audit", .without = audit },
	{ "pretouch", .with_words = pretouch },
};

static void obey_words(const struct words *w)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (!w->nr || strcmp(w->word[0], commands[i].name))
			continue;
		if (commands[i].without)
			commands[i].without();
		else
			commands[i].with_words(w);
		return;
	}
	say("fail unknown command");
}

static void obey(char *line)
{
	struct words words;

	words_cut(&words, line);
	obey_words(&words);
}

static int open_serial(void)
{
	int fd = open("/dev/ttyS0", O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct termios mode;

	if (fd < 0 || tcgetattr(fd, &mode))
		return -1;
	cfmakeraw(&mode);
	return tcsetattr(fd, TCSANOW, &mode) ? -1 : fd;
}

int main(void)
{
	static char line[1 << 16];
	int serial = open_serial();
	char *rest_of_line, *one;

	if (serial < 0) {
		perror("/dev/ttyS0");
		return 1;
	}
	line_write(serial, "ok ready");
	while (line_read(serial, line, sizeof(line))) {
		answer_length = 0;
		answer[0] = 0;
		rest_of_line = line;
		while ((one = strsep(&rest_of_line, ";"))) {
			if (one != line)
				say(";");
			obey(one);
		}
		line_write(serial, "%s", answer);
	}
	return 0;
}
