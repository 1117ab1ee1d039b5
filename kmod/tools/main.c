// SPDX-License-Identifier: GPL-2.0
/* blksnapctl: change tracking and snapshots of block devices, by hand. */
#define _GNU_SOURCE
#include "ctl.h"
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool json;

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	int min, max;		/* arguments after the name */
	const char *args, *about;
} commands[] = {
	{ "attach", cmd_attach, 1, 2, "[--whole-disk] DEVICE", "start to track changes" },
	{ "detach", cmd_detach, 1, 1, "DEVICE", "stop it" },
	{ "info", cmd_info, 1, 1, "DEVICE", "generation, changes number and size of the change map" },
	{ "map", cmd_map, 1, 6, "[--extents] [--since N] [--output FILE] DEVICE", "the change map, or what changed" },
	{ "dirty", cmd_dirty, 2, 1 << 16, "DEVICE OFFSET:COUNT...", "count these sectors as changed" },
	{ "epoch", cmd_epoch, 1, 1, "DEVICE", "epochs, which do not wrap" },
	{ "threshold", cmd_threshold, 2, 2, "DEVICE SIZE", "raise an event when that much changed; 0: never" },
	{ "create", cmd_create, 3, 3, "--limit SIZE STORAGE", "make an empty snapshot; prints its id" },
	{ "add", cmd_add, 2, 2, "ID DEVICE", "add a device to it" },
	{ "take", cmd_take, 1, 1, "ID", "take it" },
	{ "snapshot", cmd_snapshot, 4, 1 << 16, "--limit SIZE STORAGE DEVICE...", "create, attach, add and take at once" },
	{ "destroy", cmd_destroy, 1, 1, "ID", "drop a snapshot, its images and storage" },
	{ "list", cmd_list, 0, 0, "", "all snapshots" },
	{ "image", cmd_image, 1, 1, "DEVICE", "path of the device's image" },
	{ "release", cmd_release, 2, 4, "on|off DEVICE | range DEVICE OFFSET SIZE", "give up ranges of the image" },
	{ "events", cmd_events, 1, 5, "[--timeout MS] [--count N] ID|--devices", "wait for events" },
	{ "wait", cmd_events, 1, 5, "[--timeout MS] [--count N] ID|--devices", "the same" },
	{ "stat", cmd_stat, 1, 1, "DEVICE|ID", "figures of a device or a snapshot" },
	{ "watermark", cmd_watermark, 2, 2, "ID SIZE", "raise an event when storage holds that much; 0: never" },
	{ "features", cmd_features, 0, 0, "", "what the module can do beyond the first interface" },
	{ "version", cmd_version, 0, 0, "", "version of the module's interface" },
};

#define NR_COMMANDS (sizeof(commands) / sizeof(commands[0]))

void die(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fprintf(stderr, "blksnapctl: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n");
	exit(1);
}

static const struct hint general[] = {
	{ EPERM, "this needs root (CAP_SYS_ADMIN)" },
	{ EACCES, "this needs root (CAP_SYS_ADMIN)" },
	{ ENOTTY, "the module does not know this; is blkfilter loaded, and new enough? try: modprobe blksnap; blksnapctl features" },
	{ ENODEV, "the device is gone" },
	{ ENOMEM, "out of memory" },
	{ EOPNOTSUPP, "not supported for this device; the kernel's log (dmesg) says why" },
	{ 0, NULL }
};

void die_errno(int err, const char *what, const char *object, const struct hint *hints)
{
	const struct hint *h;

	for (h = hints; h && h->err; h++)
		if (h->err == err)
			goto found;
	for (h = general; h->err && h->err != err; h++)
		;
found:
	die("%s %s: %s (%s)%s%s", what, object, strerror(err), strerrorname_np(err) ?: "?",
	    h->text ? ": " : "", h->text ?: "");
}

uint64_t parse_number(const char *text, const char *what)
{
	unsigned long long n;
	char *end;

	errno = 0;
	n = strtoull(text, &end, 0);
	if (errno || end == text || *end || *text == '-')
		die("%s: '%s' is not a number", what, text);
	return n;
}

uint64_t parse_size(const char *text)
{
	static const char units[] = "KMGT";
	unsigned long long n;
	const char *unit;
	char *end;
	int shift = 0;

	errno = 0;
	n = strtoull(text, &end, 0);
	if (errno || end == text || *text == '-')
		die("'%s' is not a size: give bytes, or a number with K, M, G or T", text);
	if (*end) {
		unit = strchr(units, toupper(*end));
		if (!unit || end[1])
			die("'%s' is not a size: give bytes, or a number with K, M, G or T", text);
		shift = 10 * (unit - units + 1);
	}
	if (n << shift >> shift != n)
		die("'%s' is too large", text);
	return n << shift;
}

/* A UUID as RFC 4122 prints it: the bytes in order, with hyphens. */
void parse_id(const char *text, struct blksnap_uuid *id)
{
	const char *p = text;
	unsigned int byte;
	int i;

	for (i = 0; i < 16; i++) {
		if (*p == '-' && (i == 4 || i == 6 || i == 8 || i == 10))
			p++;
		if (!isxdigit(p[0]) || !isxdigit(p[1]) || sscanf(p, "%2x", &byte) != 1)
			die("'%s' is not a snapshot's id; `blksnapctl list` shows them", text);
		id->b[i] = byte;
		p += 2;
	}
	if (*p)
		die("'%s' is not a snapshot's id; `blksnapctl list` shows them", text);
}

const char *id_text(const struct blksnap_uuid *id)
{
	static char text[4][37];
	static int next;
	char *out = text[next++ % 4], *p = out;
	int i;

	for (i = 0; i < 16; i++)
		p += sprintf(p, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", id->b[i]);
	return out;
}

void json_string(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			printf("\\%c", *text);
		else if ((unsigned char)*text < 0x20)
			printf("\\u%04x", *text);
		else
			putchar(*text);
	}
	putchar('"');
}

static void usage(FILE *to)
{
	unsigned int i;

	fprintf(to, "usage: blksnapctl [--json] COMMAND ...\n\n");
	for (i = 0; i < NR_COMMANDS; i++)
		if (strcmp(commands[i].name, "wait"))
			fprintf(to, "  %s %s\n        %s\n", commands[i].name, commands[i].args, commands[i].about);
	fprintf(to, "\nSIZE is in bytes, or with K, M, G, T; sectors are of 512 bytes. See blksnapctl(8).\n");
}

int main(int argc, char **argv)
{
	unsigned int i;
	int arg;

	for (arg = 1; arg < argc && argv[arg][0] == '-'; arg++) {
		if (!strcmp(argv[arg], "--json")) {
			json = true;
		} else if (!strcmp(argv[arg], "--help") || !strcmp(argv[arg], "-h")) {
			usage(stdout);
			return 0;
		} else {
			die("unknown option %s; see blksnapctl --help", argv[arg]);
		}
	}
	if (arg == argc) {
		usage(stderr);
		return 2;
	}
	argv += arg;
	argc -= arg;
	for (i = 0; i < NR_COMMANDS; i++)
		if (!strcmp(argv[0], commands[i].name))
			break;
	if (i == NR_COMMANDS)
		die("unknown command '%s'; see blksnapctl --help", argv[0]);
	for (arg = 1; arg < argc; arg++)
		if (!strcmp(argv[arg], "--help")) {
			printf("usage: blksnapctl [--json] %s %s\n%s\n", commands[i].name, commands[i].args, commands[i].about);
			return 0;
		}
	if (argc - 1 < commands[i].min || argc - 1 > commands[i].max) {
		fprintf(stderr, "usage: blksnapctl [--json] %s %s\n", commands[i].name, commands[i].args);
		return 2;
	}
	arg = commands[i].run(argc - 1, argv + 1);
	if (fflush(stdout) || ferror(stdout))
		die("cannot write the output: %s", strerror(errno));
	return arg;
}
