/* a test that is killed by a signal */
#include <signal.h>

int main(void)
{
	return raise(SIGSEGV);
}
