/* bosun: see native/README.md. */
#include <string.h>
#include <unistd.h>

#include "carry.h"
#include "guard.h"
#include "init.h"
#include "look.h"
#include "monitor.h"
#include "os.h"
#include "text.h"

#ifndef BOSUN_VERSION
#define BOSUN_VERSION "0.0.0"
#endif

static int version_main(void) {
  char line[64];
  struct text text = TEXT_ON(line);
  text_add(&text, "bosun " BOSUN_VERSION " plan ");
  text_add_number(&text, PLAN_VERSION);
  text_add(&text, "\n");
  return os_write_all(1, text.at, text.used) < 0;
}

static int usage_main(void) {
  static const char usage[] = "usage: bosun monitor | create | carry | look PATH... | init -- PROGRAM [ARGUMENT...] | version\n";
  os_write_all(2, usage, sizeof usage - 1);
  return 2;
}

int main(int argc, char **argv, char **env) {
  /* Large, and mostly never touched: in static storage only pages that are used cost anything. */
  static struct monitor monitor;
  static struct carrier carrier;
  const char *role = argc > 1 ? argv[1] : "";
  bool one_shot = strcmp(role, "create") == 0;
  if (one_shot || strcmp(role, "monitor") == 0) return guard_executable(argv, env) < 0 ? 1 : monitor_main(&monitor, one_shot);
  if (strcmp(role, "carry") == 0) return guard_executable(argv, env) < 0 ? 1 : carry_main(&carrier);
  if (strcmp(role, "look") == 0) return look_main(argv + 2);
  if (strcmp(role, "version") == 0) return version_main();
  if (strcmp(role, "init") != 0) return usage_main();
  int first = argc > 2 && strcmp(argv[2], "--") == 0 ? 3 : 2;
  return first < argc ? init_main(argv + first, env) : usage_main();
}
