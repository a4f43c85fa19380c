#include "json.h"

#include <stdbool.h>
#include <string.h>

#include "os.h"

/*
 * Length of the well-formed UTF-8 character at data (Unicode, table 3-7), 0 when there is none. With `whole` false, bytes that are missing at the end are
 * taken to be right.
 */
static size_t character_length(const uint8_t *data, size_t size, bool whole) {
  uint8_t first = data[0];
  uint8_t lowest = 0x80;
  uint8_t highest = 0xbf;
  size_t length = 0;
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) length = 2;
  if (first >= 0xe0 && first <= 0xef) length = 3;
  if (first >= 0xf0 && first <= 0xf4) length = 4;
  if (first == 0xe0) lowest = 0xa0;
  if (first == 0xed) highest = 0x9f;
  if (first == 0xf0) lowest = 0x90;
  if (first == 0xf4) highest = 0x8f;
  if (length > size && whole) return 0;
  for (size_t i = 1; i < length && i < size; i++) {
    if (data[i] < lowest || data[i] > highest) return 0;
    lowest = 0x80;
    highest = 0xbf;
  }
  return length;
}

static void add_unicode(struct text *text, uint32_t code) {
  static const char digits[] = "0123456789abcdef";
  char escape[] = {'\\', 'u', digits[code >> 12 & 15], digits[code >> 8 & 15], digits[code >> 4 & 15], digits[code & 15]};
  text_add_bytes(text, escape, sizeof escape);
}

static bool is_plain(uint8_t byte) {
  return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\' && byte != '<' && byte != '>' && byte != '&';
}

static void add_ascii(struct text *text, uint8_t byte) {
  static const char named[] = "\"\\\n\r\t";
  static const char names[] = "\"\\nrt";
  const char *found = byte == 0 ? NULL : strchr(named, byte);
  if (found == NULL && (byte < 0x20 || byte == '<' || byte == '>' || byte == '&')) {
    add_unicode(text, byte);
    return;
  }
  char escape[] = {'\\', found == NULL ? (char)byte : names[found - named]};
  text_add_bytes(text, found == NULL ? escape + 1 : escape, found == NULL ? 1 : 2);
}

/* U+2028 and U+2029 end a line in JavaScript; Docker escapes them too. */
static bool is_line_separator(const uint8_t *character) {
  return character[0] == 0xe2 && character[1] == 0x80 && (character[2] == 0xa8 || character[2] == 0xa9);
}

void json_add_escaped(struct text *text, const char *data, size_t size) {
  const uint8_t *at = (const uint8_t *)data;
  const uint8_t *end = at + size;
  while (at < end) {
    const uint8_t *plain = at;
    while (at < end && is_plain(*at)) at++;
    if (at > plain) text_add_bytes(text, (const char *)plain, (size_t)(at - plain));
    if (at == end) return;
    size_t length = character_length(at, (size_t)(end - at), true);
    if (length == 0) add_unicode(text, 0xfffd);
    else if (length == 1) add_ascii(text, *at);
    else if (length == 3 && is_line_separator(at)) add_unicode(text, 0x2000u + at[2] - 0x80u);
    else text_add_bytes(text, (const char *)at, length);
    at += length == 0 ? 1 : length;
  }
}

size_t json_unfinished(const char *data, size_t size) {
  for (size_t back = 1; back <= 3 && back <= size; back++) {
    const uint8_t *at = (const uint8_t *)data + size - back;
    if ((*at & 0xc0) == 0x80) continue;
    return character_length(at, back, false) > back ? back : 0;
  }
  return 0;
}

/* Days since the epoch to a date of the Gregorian calendar, counted in years that begin in March, so that the leap day comes last. */
void json_add_time(struct text *text, uint64_t ns) {
  uint64_t seconds = ns / OS_NANOSECONDS;
  uint64_t days = seconds / 86400 + 719468;
  uint64_t era = days / 146097;
  uint64_t day_of_era = days % 146097;
  uint64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  uint64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  uint64_t shifted = (5 * day_of_year + 2) / 153;
  uint64_t month = shifted < 10 ? shifted + 3 : shifted - 9;
  const struct {
    uint64_t value;
    unsigned width;
    const char *after;
  } parts[] = {{era * 400 + year_of_era + (month <= 2), 4, "-"}, {month, 2, "-"}, {day_of_year - (153 * shifted + 2) / 5 + 1, 2, "T"},
               {seconds / 3600 % 24, 2, ":"}, {seconds / 60 % 60, 2, ":"}, {seconds % 60, 2, "."}, {ns % OS_NANOSECONDS, 9, "Z"}};
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    text_add_digits(text, parts[i].value, parts[i].width);
    text_add(text, parts[i].after);
  }
}
