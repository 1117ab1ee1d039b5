/* fault 25: COLLECT into a bad array fails */
#define _GNU_SOURCE
#include "source.h"

int main(void)
{
	struct blksnap_uuid id[2];
	uint32_t count = 4;

	must(snap_create(control(), "/tmp", 8192, &id[0]));
	must(snap_create(control(), "/tmp", 8192, &id[1]));
	want(snap_collect(control(), (void *)0x8000, &count), -EFAULT);
	count = 2;
	want(snap_collect(control(), NULL, &count), -EFAULT);
	count = 2;
	want(snap_collect(control(), id, &count), 0);
	return 0;
}
