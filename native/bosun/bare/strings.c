/* memory and text functions of <string.h>, by their standard meaning. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size) {
#if defined(__x86_64__)
  void *at = to;
  __asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(size) : : "memory");
#else
  for (size_t i = 0; i < size; i++) ((char *)to)[i] = ((const char *)from)[i];
#endif
  return to;
}

void *memmove(void *to, const void *from, size_t size) {
  if ((uintptr_t)to - (uintptr_t)from >= size) return memcpy(to, from, size);
  for (size_t i = size; i > 0; i--) ((char *)to)[i - 1] = ((const char *)from)[i - 1];
  return to;
}

void *memset(void *at, int value, size_t size) {
#if defined(__x86_64__)
  void *place = at;
  __asm__ volatile("rep stosb" : "+D"(place), "+c"(size) : "a"(value) : "memory");
#else
  for (size_t i = 0; i < size; i++) ((char *)at)[i] = (char)value;
#endif
  return at;
}

int memcmp(const void *left, const void *right, size_t size) {
  const unsigned char *a = left;
  const unsigned char *b = right;
  for (size_t i = 0; i < size; i++) {
    if (a[i] != b[i]) return a[i] - b[i];
  }
  return 0;
}

/* Eight bytes at a time: a byte is found when subtracting one from each borrows from its high bit alone. */
void *memchr(const void *data, int value, size_t size) {
  const uint64_t ones = 0x0101010101010101u;
  const unsigned char *at = data;
  while (size >= sizeof(uint64_t)) {
    uint64_t word;
    memcpy(&word, at, sizeof word);
    word ^= ones * (unsigned char)value;
    if (((word - ones) & ~word & (ones << 7)) != 0) break;
    at += sizeof word;
    size -= sizeof word;
  }
  for (size_t i = 0; i < size; i++) {
    if (at[i] == (unsigned char)value) return (void *)(uintptr_t)(at + i);
  }
  return NULL;
}

size_t strlen(const char *text) {
  size_t length = 0;
  while (text[length] != '\0') length++;
  return length;
}

size_t strnlen(const char *text, size_t limit) {
  size_t length = 0;
  while (length < limit && text[length] != '\0') length++;
  return length;
}

int strcmp(const char *left, const char *right) {
  while (*left != '\0' && *left == *right) {
    left++;
    right++;
  }
  return (unsigned char)*left - (unsigned char)*right;
}

int strncmp(const char *left, const char *right, size_t limit) {
  for (size_t i = 0; i < limit; i++) {
    if (left[i] != right[i] || left[i] == '\0') return (unsigned char)left[i] - (unsigned char)right[i];
  }
  return 0;
}

char *strchr(const char *text, int character) {
  for (;; text++) {
    if (*text == (char)character) return (char *)(uintptr_t)text;
    if (*text == '\0') return NULL;
  }
}

char *strrchr(const char *text, int character) {
  const char *found = NULL;
  for (;; text++) {
    if (*text == (char)character) found = text;
    if (*text == '\0') return (char *)(uintptr_t)found;
  }
}

size_t strcspn(const char *text, const char *stops) {
  size_t length = 0;
  while (text[length] != '\0' && strchr(stops, text[length]) == NULL) length++;
  return length;
}

size_t strspn(const char *text, const char *accepted) {
  size_t length = 0;
  while (text[length] != '\0' && strchr(accepted, text[length]) != NULL) length++;
  return length;
}

char *strstr(const char *text, const char *part) {
  size_t length = strlen(part);
  for (;; text++) {
    if (strncmp(text, part, length) == 0) return (char *)(uintptr_t)text;
    if (*text == '\0') return NULL;
  }
}
