// SPDX-License-Identifier: GPL-2.0
/*
 * QEMU's command line.
 *
 * QEMU merges a second -machine into the first, so memory is added by two
 * options at the end and nothing that the user wrote is touched.  What would
 * contradict them is refused, because QEMU's own message would speak of
 * options that the user never gave.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "message.h"
#include "qemu.h"
#include "size.h"

#define BACKEND_ID "esxmem-ram"

/* What QEMU takes for an x86 guest without -m. */
#define DEFAULT_RAM (128 * ESX_MIB)

/* QEMU rounds -m up to this. */
#define RAM_ALIGN 8192UL

/* All options of qemu(1) that no argument follows. */
/* clang-format off */
static const char *const flags[] = {
	"S", "alt-grab", "async-teardown", "audio-help", "ctrl-grab", "curses",
	"daemonize", "enable-fips", "enable-hax", "enable-hvf", "enable-kvm",
	"enable-sync-profile", "full-screen", "h", "help", "mem-prealloc", "no-acpi",
	"no-fd-bootchk", "no-hpet", "no-kvm", "no-quit", "no-reboot", "no-shutdown",
	"no-user-config", "nodefaults", "nographic", "old-param", "one-insn-per-tb",
	"only-migratable", "portrait", "preconfig", "s", "sdl", "semihosting",
	"singlestep", "snapshot", "usb", "version", "win2k-hack", "xen-attach",
	"xen-domid-restrict",
};
/* clang-format on */

/**
 * struct option_word - an option of a command line
 * @name: without its dashes; "" for the name of a disk image
 * @value: what follows it, "" if nothing does
 */
struct option_word {
	const char *name;
	const char *value;
};

static bool is_flag(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(flags); i++)
		if (!strcmp(flags[i], name))
			return true;
	return false;
}

static bool next_option(char ***words, struct option_word *option)
{
	const char *word = **words;

	if (!word)
		return false;
	(*words)++;
	*option = (struct option_word){ .name = "", .value = "" };
	if (*word != '-')
		return true;
	option->name = word + (word[1] == '-' ? 2 : 1);
	if (!is_flag(option->name) && **words)
		option->value = *(*words)++;
	return true;
}

static char *get_json_part(const char *value, const char *key)
{
	json_t *object = json_loads(value, 0, NULL);
	const char *text = json_string_value(json_object_get(object, key));
	char *part = text ? esx_asprintf("%s", text) : NULL;

	json_decref(object);
	return part;
}

/* Length of a part of a,b=c in which a doubled comma stands for a comma. */
static size_t part_length(const char *part)
{
	size_t len = 0;

	while (part[len] && (part[len] != ',' || part[len + 1] == ','))
		len += part[len] == ',' ? 2 : 1;
	return len;
}

static bool part_is(const char *part, size_t len, const char *key)
{
	size_t key_len = strlen(key);

	return len > key_len && part[key_len] == '=' && !strncmp(part, key, key_len);
}

/**
 * get_part() - a part of an option's value
 * @value: the value: first,key=value,... or a JSON object
 * @key: which part
 * @implied: whether a first part without a key is this one
 *
 * Return: the part, to be freed, NULL if there is none
 */
static char *get_part(const char *value, const char *key, bool implied)
{
	const char *part = value;
	size_t len;

	if (*value == '{')
		return get_json_part(value, key);
	for (;;) {
		len = part_length(part);
		if (part_is(part, len, key))
			return esx_asprintf("%.*s", (int)(len - strlen(key) - 1),
					    part + strlen(key) + 1);
		if (implied && part == value && len && !memchr(part, '=', len))
			return esx_asprintf("%.*s", (int)len, part);
		if (!part[len])
			return NULL;
		part += len + 1;
	}
}

static bool has_part(const char *value, const char *key)
{
	char *part = get_part(value, key, false);

	free(part);
	return part;
}

/* Does a -device refer to this memory backend?  Then it is no main memory. */
static bool is_used_by_device(char **words, const char *id)
{
	struct option_word option;
	bool used = false;
	char *memdev;

	while (!used && next_option(&words, &option)) {
		if (strcmp(option.name, "device"))
			continue;
		memdev = get_part(option.value, "memdev", false);
		used = memdev && !strcmp(memdev, id);
		free(memdev);
	}
	return used;
}

static bool check_object(char **words, const char *value)
{
	char *type = get_part(value, "qom-type", true), *id = get_part(value, "id", false);
	bool good = true;

	if (id && !strcmp(id, BACKEND_ID)) {
		esx_error("the id " BACKEND_ID " in '-object %s' is what run uses itself; "
			  "take another",
			  value);
		good = false;
	} else if (type && !strncmp(type, "memory-backend-", strlen("memory-backend-")) &&
		   !(id && is_used_by_device(words, id))) {
		esx_error("'-object %s' gives the guest memory of its own; leave it out, run "
			  "adds the memory",
			  value);
		good = false;
	}
	free(type);
	free(id);
	return good;
}

static bool check_machine(const char *value)
{
	if (has_part(value, "memory-backend")) {
		esx_error("'-machine %s' names a memory backend; leave memory-backend= out, run "
			  "adds it",
			  value);
		return false;
	}
	if (has_part(value, "memory.size")) {
		esx_error("'-machine %s' sets the memory size; use -m instead", value);
		return false;
	}
	return true;
}

static bool check_numa(const char *value)
{
	if (!has_part(value, "memdev"))
		return true;
	esx_error("'-numa %s' gives a node memory of its own; leave memdev= out, or write all "
		  "memory-backend-file objects yourself and start QEMU without `esxmemctl run`",
		  value);
	return false;
}

static bool check_option(char **words, const struct option_word *option)
{
	if (!strcmp(option->name, "mem-path")) {
		esx_error("'-mem-path %s' gives the guest private memory, which cannot be shared; "
			  "leave it out, run adds the memory",
			  option->value);
		return false;
	}
	if (!strcmp(option->name, "object"))
		return check_object(words, option->value);
	if (!strcmp(option->name, "machine") || !strcmp(option->name, "M"))
		return check_machine(option->value);
	if (!strcmp(option->name, "numa"))
		return check_numa(option->value);
	return true;
}

/* Takes over the size of an -m; the last one counts. */
static bool parse_ram(const char *value, struct esx_qemu *qemu)
{
	char *size = get_part(value, "size", true);
	uint64_t bytes;
	bool good;

	if (!size)
		return true;
	good = esx_size_parse(size, ESX_MIB, &bytes) && bytes <= INT64_MAX - RAM_ALIGN;
	if (!good)
		esx_error("cannot read the memory size '%s' in '-m %s'; write it as 512 (MiB), "
			  "512M, 4G or size=4G,...",
			  size, value);
	else if (bytes)
		qemu->ram_bytes = (bytes + RAM_ALIGN - 1) / RAM_ALIGN * RAM_ALIGN;
	free(size);
	return good;
}

/**
 * esx_qemu_parse() - read QEMU's command line
 * @words: what follows the name of the program, ended by NULL
 * @qemu: out: what it says
 *
 * Return: whether memory can be added to it; if not a message is printed
 */
bool esx_qemu_parse(char **words, struct esx_qemu *qemu)
{
	bool has_config = false, has_ram = false;
	struct option_word option;
	char **rest = words;

	*qemu = (struct esx_qemu){ .ram_bytes = DEFAULT_RAM };
	while (next_option(&rest, &option)) {
		if (!check_option(words, &option))
			return false;
		if (!strcmp(option.name, "m")) {
			has_ram = true;
			if (!parse_ram(option.value, qemu))
				return false;
		}
		if (!strcmp(option.name, "readconfig"))
			has_config = true;
		if (!strcmp(option.name, "daemonize"))
			qemu->daemonize = true;
	}
	if (has_config && !has_ram) {
		esx_error("-readconfig may set the memory size where run does not see it; "
			  "give it with -m");
		return false;
	}
	return true;
}

/* A comma inside a value is written twice. */
static char *double_commas(const char *text)
{
	char *doubled = esx_must(malloc(2 * strlen(text) + 1)), *out = doubled;

	for (; *text; text++) {
		if (*text == ',')
			*out++ = ',';
		*out++ = *text;
	}
	*out = '\0';
	return doubled;
}

/**
 * esx_qemu_add_memory() - make a file the guest's memory
 * @words: the command line with the name of the program, ended by NULL
 * @path: the file
 * @bytes: its size
 *
 * align=2M makes QEMU map the file where 2 MB frames can be mapped as such.
 *
 * Return: the longer command line, ended by NULL
 */
char **esx_qemu_add_memory(char **words, const char *path, uint64_t bytes)
{
	char *escaped = double_commas(path);
	char **longer;
	size_t nr = 0;

	while (words[nr])
		nr++;
	longer = esx_must(calloc(nr + 5, sizeof(*longer)));
	memcpy(longer, words, nr * sizeof(*longer));
	longer[nr++] = "-object";
	longer[nr++] = esx_asprintf("memory-backend-file,id=" BACKEND_ID
				    ",size=%llu,mem-path=%s,share=on,align=2M",
				    (unsigned long long)bytes, escaped);
	longer[nr++] = "-machine";
	longer[nr++] = "memory-backend=" BACKEND_ID;
	free(escaped);
	return longer;
}

static void print_quoted(const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_-+=./,:@%";

	if (*word && !word[strspn(word, plain)]) {
		fputs(word, stdout);
		return;
	}
	putchar('\'');
	for (; *word; word++) {
		if (*word == '\'')
			fputs("'\\''", stdout);
		else
			putchar(*word);
	}
	putchar('\'');
}

/**
 * esx_qemu_print() - print a command line that a shell reads back
 * @words: the command line, ended by NULL
 */
void esx_qemu_print(char **words)
{
	for (; *words; words++) {
		print_quoted(*words);
		putchar(words[1] ? ' ' : '\n');
	}
}
