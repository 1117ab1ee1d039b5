// SPDX-License-Identifier: GPL-2.0
/*
 * old data that cannot be read from the source fails the image, and the write that overwrites it goes through
 * timeout: 180
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <unistd.h>

#include "source.h"

#define BAD (4 * MIB)

int main(void)
{
	struct source source = source_open(sh("dev_scsi 16 medium_error_start=8192 medium_error_count=8"));
	struct blksnap_snapshot_event event;
	struct blksnap_uuid id;
	char byte;
	int image;

	seed_write(source.fd, source.size, 0, 1);
	id = take_one("/tmp", 64 * MIB, &source);
	image = image_open(source.fd, O_RDONLY);
	write_file("/sys/bus/pseudo/drivers/scsi_debug/opts", "2");

	/* Elsewhere the medium is sound. */
	seed_write(source.fd, MIB, 0, 2);
	seed_check(image, MIB, 0, 1);
	want(image_error(source.fd), 0);

	seed_write(source.fd, MIB, BAD, 2);
	check(image_error(source.fd) < 0, "the image has lost data, and says nothing");
	must(snap_event(control(), &id, 1000, &event));
	check(event.code == BLKSNAP_EVENT_CODE_CORRUPTED, "event %u", event.code);
	check(pread(image, &byte, 1, 8 * MIB) < 0, "a corrupted image is readable");
	seed_write(source.fd, MIB, 10 * MIB, 2);

	write_file("/sys/bus/pseudo/drivers/scsi_debug/opts", "0");
	seed_check(source.fd, MIB, BAD, 2);
	seed_check(source.fd, MIB, 10 * MIB, 2);
	close(image);
	destroy(&id);
	source_close(&source);
	return 0;
}
