/* fault 16: a device in a snapshot cannot be detached, before and after the take */
#define _GNU_SOURCE
#include <fcntl.h>
#include <unistd.h>

#include "source.h"

int main(void)
{
	struct source source = source_open(sh("dev_null 8"));
	struct blksnap_uuid id;
	int image;

	seed_write(source.fd, MIB, 0, 1);
	must(snap_create(control(), "/tmp", 16 * MIB / SECTOR, &id));
	must(snap_add(source.fd, &id));
	want(bf_detach(source.fd), -EBUSY);
	must(snap_take(control(), &id));
	want(bf_detach(source.fd), -EBUSY);
	want(bf_detach_v1(source.fd, "blksnap"), -EBUSY);
	seed_write(source.fd, MIB, 0, 2);
	image = image_open(source.fd, O_RDONLY);
	seed_check(image, MIB, 0, 1);
	close(image);
	must(snap_destroy(control(), &id));
	must(bf_detach(source.fd));
	return 0;
}
