/* What failed: the one thing that bosun says about an error. */
#ifndef BOSUN_REPORT_H
#define BOSUN_REPORT_H

#include <stddef.h>
#include <stdint.h>

struct report {
  uint32_t op;
  uint32_t index;
  uint32_t error;
  char call[32];
  char object[512];
  char detail[256];
};

#define REPORT_BYTES (12u + 32u + 512u + 256u)

/* Takes down a failure and returns it: error is -errno, call the system call, object the path or name that it was about. */
int report_failure(struct report *report, int error, const char *call, const char *object);
void report_detail(struct report *report, const char *detail, size_t length);
/* The payload of a `failed` frame; out has REPORT_BYTES. Returns its length. */
size_t report_encode(const struct report *report, uint8_t *out);
/* Fails with -EINVAL when the bytes are not what report_encode makes. */
int report_decode(struct report *report, const uint8_t *data, size_t size);

#endif
