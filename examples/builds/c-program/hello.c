#include <stdio.h>

int main(int argc, char **argv) {
  for (int at = 1; at < argc; at++) printf("hello, %s\n", argv[at]);
  return 0;
}
