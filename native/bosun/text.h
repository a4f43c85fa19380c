/* Text put together in a buffer of fixed size; what does not fit is cut off, and the buffer always ends with NUL. */
#ifndef BOSUN_TEXT_H
#define BOSUN_TEXT_H

#include <stddef.h>
#include <stdint.h>

struct text {
  char *at;
  size_t size;
  size_t used;
};

#define TEXT_ON(array) {.at = (array), .size = sizeof(array), .used = 0}

void text_add(struct text *text, const char *addition);
void text_add_bytes(struct text *text, const char *addition, size_t length);
void text_add_number(struct text *text, int64_t number);
/* Fixed width, filled with zeros on the left. */
void text_add_digits(struct text *text, uint64_t number, unsigned width);

/* Little-endian numbers in wire formats. */
void put_u32(void *at, uint32_t value);
void put_u64(void *at, uint64_t value);
uint32_t get_u32(const void *at);
uint64_t get_u64(const void *at);

#endif
