/* fault 9: no answer carries bytes that the module did not set */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "source.h"

static void zero(const void *buf, size_t from, size_t to, const char *what)
{
	const uint8_t *b = buf;
	size_t i;

	for (i = from; i < to; i++)
		check(!b[i], "%s: byte %zu is %#x", what, i, b[i]);
}

int main(void)
{
	struct source source = source_open(sh("dev_null 8"));
	struct blksnap_snapshotinfo snap;
	struct blksnap_snapshot_event event;
	struct blksnap_cbtinfo info;
	struct blksnap_uuid id;

	memset(&info, 0xff, sizeof(info));
	must(cbt_info(source.fd, &info));
	zero(&info, 33, 40, "CBTINFO");

	memset(&snap, 0xff, sizeof(snap));
	must(snap_info(source.fd, &snap));
	zero(&snap, 0, sizeof(snap), "SNAPSHOTINFO without a snapshot");
	id = take_one("/tmp", MIB, &source);
	memset(&snap, 0xff, sizeof(snap));
	must(snap_info(source.fd, &snap));
	zero(&snap, 4 + strlen((char *)snap.image), sizeof(snap), "SNAPSHOTINFO");

	/* an overflow: first what could not be had, then what broke by it */
	seed_write(source.fd, 6 * MIB, 0, 1);
	memset(&event, 0xff, sizeof(event));
	event.id = id;
	event.timeout_ms = 60000;
	check(!ioctl(control(), IOCTL_BLKSNAP_SNAPSHOT_WAIT_EVENT, &event), "no event: %s", errno_name(errno));
	printf("event %u\n", event.code);
	zero(event.data, event.code == BLKSNAP_EVENT_CODE_NO_SPACE ? sizeof(struct blksnap_event_no_space) :
	     sizeof(struct blksnap_event_corrupted), sizeof(event.data), "WAIT_EVENT");
	return 0;
}
