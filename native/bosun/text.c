#include "text.h"

#include <endian.h>
#include <string.h>

void text_add_bytes(struct text *text, const char *addition, size_t length) {
  size_t room = text->size - 1 - text->used;
  size_t taken = length < room ? length : room;
  memcpy(text->at + text->used, addition, taken);
  text->used += taken;
  text->at[text->used] = '\0';
}

void text_add(struct text *text, const char *addition) {
  text_add_bytes(text, addition, strlen(addition));
}

void text_add_digits(struct text *text, uint64_t number, unsigned width) {
  char digits[24];
  size_t at = sizeof digits;
  while (at > 0 && (number > 0 || sizeof digits - at < width)) {
    digits[--at] = (char)('0' + number % 10);
    number /= 10;
  }
  text_add_bytes(text, digits + at, sizeof digits - at);
}

void text_add_number(struct text *text, int64_t number) {
  if (number < 0) text_add(text, "-");
  text_add_digits(text, number < 0 ? 0 - (uint64_t)number : (uint64_t)number, 1);
}

void put_u32(void *at, uint32_t value) {
  value = htole32(value);
  memcpy(at, &value, sizeof value);
}

void put_u64(void *at, uint64_t value) {
  value = htole64(value);
  memcpy(at, &value, sizeof value);
}

uint32_t get_u32(const void *at) {
  uint32_t value;
  memcpy(&value, at, sizeof value);
  return le32toh(value);
}

uint64_t get_u64(const void *at) {
  uint64_t value;
  memcpy(&value, at, sizeof value);
  return le64toh(value);
}
