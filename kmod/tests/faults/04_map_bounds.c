/* fault 4: CBTMAP neither reads nor writes out of bounds, whatever offset and length are */
#define _GNU_SOURCE
#include <string.h>

#include "source.h"

int main(void)
{
	static const struct {
		uint32_t offset, length;
		int result;
	} cases[] = {
		{ 128, 1, -ENODATA }, { 129, 1, -ENODATA }, { 1000, 8, -ENODATA }, { 0x7fffffff, 1, -ENODATA },
		{ 0x80000000, 0x80000000, -ENODATA }, { 0xffffffff, 1, -ENODATA }, { 0xffffffff, 0xffffffff, -ENODATA },
		{ 0xffffff80, 0x100, -ENODATA }, { 0, 0xffffffff, 128 }, { 1, 0xffffffff, 127 }, { 127, 0xffffff81, 1 },
		{ 0, 129, 128 }, { 127, 2, 1 },
	};
	struct source source = source_open(sh("dev_null 8"));
	uint8_t buffer[4096];
	unsigned int i, j;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(buffer, 0xa5, sizeof(buffer));
		want(cbt_map(source.fd, cases[i].offset, cases[i].length, buffer), cases[i].result);
		for (j = cases[i].result < 0 ? 0 : cases[i].result; j < sizeof(buffer); j++)
			check(buffer[j] == 0xa5, "offset %u length %u: byte %u was written", cases[i].offset,
			      cases[i].length, j);
	}
	return 0;
}
