// SPDX-License-Identifier: GPL-2.0
/*
 * old data that cannot be read from the source fails the image, but only if it is overwritten, and the write goes through
 * timeout: 180
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "source.h"

/* Behind some sound units of a chunk. */
#define CHUNK (4 * MIB)
#define BAD (CHUNK + 32768)
#define UNIT 4096

static struct source source;

static pid_t write_aside(uint64_t at)
{
	pid_t pid = fork();

	if (!pid) {
		seed_write(source.fd, UNIT, at, 2);
		_exit(0);
	}
	usleep(300000);
	return pid;
}

/*
 * Writes up to the bad unit, one behind the other, are read ahead of: that fails, and what
 * has to be kept is read again by itself, by each of two writers that met there.
 */
static void go_up_to_bad(int image)
{
	pid_t reads_ahead, waits_for_it;
	int status;

	for (uint64_t at = CHUNK; at < CHUNK + 4 * UNIT; at += UNIT)
		seed_write(source.fd, UNIT, at, 2);
	sh("dmsetup suspend bad");
	reads_ahead = write_aside(CHUNK + 4 * UNIT);
	waits_for_it = write_aside(CHUNK + 5 * UNIT);
	sh("dmsetup resume bad");
	check(waitpid(reads_ahead, &status, 0) == reads_ahead && !status, "a write failed");
	check(waitpid(waits_for_it, &status, 0) == waits_for_it && !status, "a write failed");
	for (uint64_t at = CHUNK + 6 * UNIT; at < BAD; at += UNIT)
		seed_write(source.fd, UNIT, at, 2);
	want(image_error(source.fd), 0);
	seed_check(image, BAD - CHUNK, CHUNK, 1);
}

int main(void)
{
	struct blksnap_snapshot_event event;
	struct blksnap_uuid id;
	char byte;
	int image;

	source = source_open(sh("d=$(dev_scsi 16 medium_error_start=8256 medium_error_count=8); dm_linear bad $d"));
	seed_write(source.fd, source.size, 0, 1);
	id = take_one("/tmp", 64 * MIB, &source);
	image = image_open(source.fd, O_RDONLY);
	write_file("/sys/bus/pseudo/drivers/scsi_debug/opts", "2");

	/* Elsewhere the medium is sound. */
	seed_write(source.fd, MIB, 0, 2);
	seed_check(image, MIB, 0, 1);
	want(image_error(source.fd), 0);
	go_up_to_bad(image);

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
