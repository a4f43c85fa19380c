/*
 * Test oracle: builds a filter with libseccomp from lines on standard input and writes its BPF program to standard output.
 *
 *   default ACTION          arch TOKEN (native is always there)
 *   rule ACTION NAME COUNT [INDEX OPERATOR VALUE VALUE2]...      numbers in C notation
 */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fail(const char *what, int result)
{
	fprintf(stderr, "%s: %s\n", what, strerror(-result));
	exit(1);
}

static unsigned long long number(void)
{
	char text[64];

	if (scanf("%63s", text) != 1)
		fail("number", -EINVAL);
	return strtoull(text, NULL, 0);
}

int main(void)
{
	scmp_filter_ctx filter = NULL;
	char word[64];
	int result;

	while (scanf("%63s", word) == 1) {
		if (strcmp(word, "default") == 0) {
			filter = seccomp_init((uint32_t)number());
		} else if (strcmp(word, "arch") == 0) {
			result = seccomp_arch_add(filter, (uint32_t)number());
			if (result != 0 && result != -EEXIST)
				fail("arch", result);
		} else {
			struct scmp_arg_cmp args[6];
			uint32_t action = (uint32_t)number();
			unsigned int count;
			int nr;

			if (scanf("%63s", word) != 1)
				fail("name", -EINVAL);
			nr = seccomp_syscall_resolve_name(word);
			count = (unsigned int)number();
			if (count > 6)
				fail("count", -EINVAL);
			for (unsigned int i = 0; i < count; i++) {
				args[i].arg = (unsigned int)number();
				args[i].op = (enum scmp_compare)number();
				args[i].datum_a = number();
				args[i].datum_b = number();
			}
			result = nr == __NR_SCMP_ERROR ? 0 : seccomp_rule_add_array(filter, action, nr, count, args);
			if (result != 0 && result != -EEXIST)
				fail(word, result);
		}
	}
	result = seccomp_export_bpf(filter, 1);
	if (result != 0)
		fail("export", result);
	seccomp_release(filter);
	return 0;
}
