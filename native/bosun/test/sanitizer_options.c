/*
 * Linked into the sanitized build only. A monitor has no terminal to complain on, so what the sanitizers find goes to files; and its processes end
 * without going through exit(3), with nothing on a heap that could leak.
 */
#ifndef REPORT_PATH
#define REPORT_PATH "/tmp/bosun-sanitizer"
#endif

const char *__asan_default_options(void);
const char *__ubsan_default_options(void);

const char *__asan_default_options(void) {
  return "detect_leaks=0:log_path=" REPORT_PATH;
}

const char *__ubsan_default_options(void) {
  return "print_stacktrace=1:log_path=" REPORT_PATH;
}
