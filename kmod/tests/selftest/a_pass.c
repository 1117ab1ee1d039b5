/* a test that passes */
#include "blksnap.h"
#include "pattern.h"
#include <stdlib.h>

int main(void)
{
	char *buf = io_alloc(4096);

	pattern_fill(buf, 8, 8, 3, 1, 2);
	pattern_check(buf, 8, 8, 2, 3, 3);
	buf[700] ^= 1;
	check(pattern_state(buf, 8, 2) == PATTERN_GOOD, "the first sector is untouched");
	check(pattern_state(buf + 512, 9, 2) == PATTERN_TORN, "a flipped bit shows");
	check(pattern_state(buf + 1024, 11, 2) == PATTERN_MISPLACED, "a moved sector shows");
	return 0;
}
