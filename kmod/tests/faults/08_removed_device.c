/* fault 8: a device that vanishes before the take fails it, and the others are not left marked as taken */
#define _GNU_SOURCE
#include <fcntl.h>
#include <unistd.h>

#include "source.h"

int main(void)
{
	struct source s[3];
	struct blksnap_snapshotinfo info;
	struct blksnap_uuid id, next;
	int gone, i;

	for (gone = 0; gone < 3; gone++) {
		must(snap_create(control(), "/tmp", 8 * MIB / SECTOR, &id));
		for (i = 0; i < 3; i++) {
			s[i] = source_open(sh("dev_null 4"));
			must(snap_add(s[i].fd, &id));
		}
		sh("null_remove %s", s[gone].path);
		check(snap_take(control(), &id) < 0, "a take without one of its devices");
		for (i = 0; i < 3; i++) {
			if (i == gone)
				continue;
			seed_write(s[i].fd, MIB, 0, 5);
			must(snap_info(s[i].fd, &info));
			check(!info.image[0], "an image of a take that failed");
		}
		must(snap_destroy(control(), &id));
		must(snap_create(control(), "/tmp", 8 * MIB / SECTOR, &next));
		for (i = 0; i < 3; i++)
			if (i != gone)
				must(snap_add(s[i].fd, &next));
		must(snap_take(control(), &next));
		must(snap_destroy(control(), &next));
		for (i = 0; i < 3; i++) {
			if (i != gone)
				must(bf_detach(s[i].fd));
			close(s[i].fd);
		}
	}
	return 0;
}
