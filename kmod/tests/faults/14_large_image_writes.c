/* fault 14: direct writes to the image that cross chunk edges store the right data */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "source.h"

#define SIZE (16 * MIB)

int main(void)
{
	static const uint64_t offsets[] = { 0, MIB - 4096, 3 * MIB + 131072, 5 * MIB + 512, 9 * MIB - 512, 13 * MIB };
	struct source source = source_open(sh("dev_null 16"));
	uint8_t *expected = io_alloc(SIZE), *got = io_alloc(SIZE);
	struct blksnap_uuid id;
	unsigned int i;
	int image;

	seed_write(source.fd, SIZE, 0, 1);
	seed_fill(expected, SIZE, 0, 1);
	id = take_one("/tmp", 64 * MIB, &source);
	image = image_open(source.fd, O_RDWR | O_DIRECT);
	/* some of it was copied before, some not */
	seed_write(source.fd, 300 << 10, 3 * MIB, 2);
	for (i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		seed_fill(expected + offsets[i], MIB, offsets[i], 10 + i);
		write_all(image, expected + offsets[i], MIB, offsets[i]);
	}
	seed_write(source.fd, 2 * MIB, 8 * MIB, 3);
	read_all(image, got, SIZE, 0);
	for (i = 0; i < SIZE; i += 512)
		check(!memcmp(got + i, expected + i, 512), "the image differs at %u", i);
	seed_check(source.fd, MIB, 0, 1);	/* and the source knows nothing of it */
	want(image_error(source.fd), 0);
	destroy(&id);
	return 0;
}
