// SPDX-License-Identifier: GPL-2.0
/* Waits for events of a snapshot, or of all tracked devices. */
#define _GNU_SOURCE
#include "ctl.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static void field(const char *name, unsigned long long value)
{
	printf(json ? ", \"%s\": %llu" : " %s=%llu", name, value);
}

static void device(uint32_t major, uint32_t minor)
{
	printf(json ? ", \"device\": \"%u:%u\"" : " device=%u:%u", major, minor);
}

static void print_event(const struct blksnap_snapshot_event *event)
{
	static const struct {
		uint32_t code;
		const char *name;
	} names[] = {
		{ BLKSNAP_EVENT_CODE_CORRUPTED, "corrupted" }, { BLKSNAP_EVENT_CODE_NO_SPACE, "no-space" },
		{ BLKSNAP_EVENT_CODE_WATERMARK, "watermark" }, { BLKSNAP_EVENT_CODE_CHANGED, "changed" },
		{ BLKSNAP_EVENT_CODE_RESIZED, "resized" }, { BLKSNAP_EVENT_CODE_REMOVED, "removed" },
		{ BLKSNAP_EVENT_CODE_LOST, "lost" },
	};
	union {
		struct blksnap_event_corrupted corrupted;
		struct blksnap_event_no_space no_space;
		struct blksnap_event_watermark watermark;
		struct blksnap_event_changed changed;
		struct blksnap_event_resized resized;
		struct blksnap_event_removed removed;
	} u;
	const char *name = "unknown";
	unsigned int i;

	memcpy(&u, event->data, sizeof(u));
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].code == event->code)
			name = names[i].name;
	printf(json ? "{\"time_ns\": %lld, \"code\": %u, \"event\": \"%s\"" : "time_ns=%lld code=%u event=%s",
	       event->time_label, event->code, name);
	switch (event->code) {
	case BLKSNAP_EVENT_CODE_CORRUPTED:
		device(u.corrupted.dev_id_mj, u.corrupted.dev_id_mn);
		printf(json ? ", \"error\": %d" : " error=%d", u.corrupted.err_code);
		break;
	case BLKSNAP_EVENT_CODE_NO_SPACE:
		field("requested_bytes", u.no_space.requested_nr_sect * 512);
		break;
	case BLKSNAP_EVENT_CODE_WATERMARK:
		field("used_bytes", u.watermark.used_sect * 512);
		field("limit_bytes", u.watermark.limit_sect * 512);
		break;
	case BLKSNAP_EVENT_CODE_CHANGED:
		device(u.changed.dev_id_mj, u.changed.dev_id_mn);
		field("changed_bytes", u.changed.changed_bytes);
		break;
	case BLKSNAP_EVENT_CODE_RESIZED:
		device(u.resized.dev_id_mj, u.resized.dev_id_mn);
		field("old_capacity", u.resized.old_capacity);
		field("new_capacity", u.resized.new_capacity);
		break;
	case BLKSNAP_EVENT_CODE_REMOVED:
		device(u.removed.dev_id_mj, u.removed.dev_id_mn);
		break;
	}
	printf(json ? "}\n" : "\n");
	fflush(stdout);
}

int cmd_events(int argc, char **argv)
{
	static const struct hint hints[] = {
		{ ESRCH, "there is no such snapshot (any more)" },
		{ EINVAL, "the module has no events of devices; see: blksnapctl features" },
		{ 0, NULL }
	};
	struct blksnap_snapshot_event event = { 0 };
	struct blksnap_subscribe subscribe = { 0 };
	uint64_t timeout = UINT32_MAX, count = 0, seen = 0;
	const char *text = NULL;
	int i, ctl;

	for (i = 0; i < argc; i++) {
		if (!strcmp(argv[i], "--timeout") && i + 1 < argc)
			timeout = parse_number(argv[++i], "--timeout");
		else if (!strcmp(argv[i], "--count") && i + 1 < argc)
			count = parse_number(argv[++i], "--count");
		else if (text || (argv[i][0] == '-' && strcmp(argv[i], "--devices")))
			die("events: unexpected '%s'", argv[i]);
		else
			text = argv[i];
	}
	if (!text)
		die("events: of which snapshot? give its id, or --devices");
	if (timeout > UINT32_MAX)
		die("--timeout: at most %u ms", UINT32_MAX);
	if (strcmp(text, "--devices"))
		parse_id(text, &event.id);
	ctl = control_open();
	if (!strcmp(text, "--devices") && ioctl(ctl, IOCTL_BLKSNAP_SUBSCRIBE, &subscribe))
		die_errno(errno, "subscribe to", "events of devices", hints);
	for (;;) {
		event.timeout_ms = timeout;
		if (!ioctl(ctl, IOCTL_BLKSNAP_SNAPSHOT_WAIT_EVENT, &event)) {
			print_event(&event);
			if (++seen == count)
				return 0;
		} else if (errno == ENOENT) {
			if (timeout != UINT32_MAX)
				return seen ? 0 : 1;	/* nothing in time */
		} else if (errno != EINTR) {
			die_errno(errno, "wait for events of", text, hints);
		}
	}
}
