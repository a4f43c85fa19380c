#include "report.h"

#include <errno.h>
#include <string.h>

#include "text.h"

static void copy_text(char *to, size_t size, const char *from, size_t length) {
  size_t taken = length < size - 1 ? length : size - 1;
  memcpy(to, from, taken);
  to[taken] = '\0';
}

int report_failure(struct report *report, int error, const char *call, const char *object) {
  report->error = (uint32_t)-error;
  copy_text(report->call, sizeof report->call, call, strlen(call));
  copy_text(report->object, sizeof report->object, object, strlen(object));
  return error;
}

void report_detail(struct report *report, const char *detail, size_t length) {
  copy_text(report->detail, sizeof report->detail, detail, length);
}

size_t report_encode(const struct report *report, uint8_t *out) {
  const char *const texts[] = {report->call, report->object, report->detail};
  put_u32(out, report->op);
  put_u32(out + 4, report->index);
  put_u32(out + 8, report->error);
  size_t used = 12;
  for (size_t i = 0; i < 3; i++) {
    size_t length = strlen(texts[i]) + 1;
    memcpy(out + used, texts[i], length);
    used += length;
  }
  return used;
}

int report_decode(struct report *report, const uint8_t *data, size_t size) {
  struct {
    char *at;
    size_t size;
  } const texts[] = {
      {report->call, sizeof report->call}, {report->object, sizeof report->object}, {report->detail, sizeof report->detail}};
  if (size < 12) return -EINVAL;
  report->op = get_u32(data);
  report->index = get_u32(data + 4);
  report->error = get_u32(data + 8);
  size_t used = 12;
  for (size_t i = 0; i < 3; i++) {
    size_t length = strnlen((const char *)data + used, size - used);
    if (used + length == size) return -EINVAL;
    copy_text(texts[i].at, texts[i].size, (const char *)data + used, length);
    used += length + 1;
  }
  return 0;
}
