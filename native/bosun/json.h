/* The two values that log lines are made of. */
#ifndef BOSUN_JSON_H
#define BOSUN_JSON_H

#include "text.h"

/* The inside of a JSON string, escaped as Docker's json-file driver does; bytes that are not UTF-8 become U+FFFD. At most six bytes for each. */
void json_add_escaped(struct text *text, const char *data, size_t size);
/* RFC 3339 in UTC with nine digits of a second. */
void json_add_time(struct text *text, uint64_t ns);
/* How many bytes at the end are the beginning of a character whose rest is missing: 0 to 3. */
size_t json_unfinished(const char *data, size_t size);

#endif
