/* a test that fails */
#include "blksnap.h"

int main(void)
{
	want(-EINVAL, -ENOENT);
	return 0;
}
