/* fault 22: a snapshot without a storage's name is refused */
#define _GNU_SOURCE
#include "source.h"

int main(void)
{
	struct blksnap_uuid id;
	uint32_t count = 0;
	int ret = snap_create(control(), "", 8192, &id);

	check(ret == -ENOENT || ret == -EINVAL, "CREATE with an empty name: %s", result_name(ret));
	want(snap_collect(control(), NULL, &count), 0);
	check(!count, "%u snapshots", count);
	return 0;
}
