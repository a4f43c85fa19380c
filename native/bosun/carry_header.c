/* The PROXY protocol of HAProxy (doc/proxy-protocol.txt, sections 2.1 and 2.2). */
#include <netinet/in.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "carry.h"
#include "text.h"

struct end {
  _Alignas(8) uint8_t address[sizeof(struct sockaddr_in6)];
};

static uint16_t port_of(const struct end *end) {
  return (uint16_t)(end->address[2] << 8 | end->address[3]);
}

/* IPv4: four bytes from 4 on; IPv6: sixteen from 8 on (ip(7), ipv6(7)). */
static const uint8_t *bytes_of(const struct end *end, bool is_ipv6) {
  return end->address + (is_ipv6 ? 8 : 4);
}

static void add_hexadecimal(struct text *text, unsigned value) {
  static const char digits[] = "0123456789abcdef";
  bool begun = false;
  for (int shift = 12; shift >= 0; shift -= 4) {
    unsigned digit = value >> shift & 15u;
    begun = begun || digit != 0 || shift == 0;
    if (begun) text_add_bytes(text, &digits[digit], 1);
  }
}

static void add_address(struct text *text, const struct end *end, bool is_ipv6) {
  const uint8_t *bytes = bytes_of(end, is_ipv6);
  for (unsigned i = 0; i < (is_ipv6 ? 8u : 4u); i++) {
    if (i > 0) text_add(text, is_ipv6 ? ":" : ".");
    if (is_ipv6) add_hexadecimal(text, (unsigned)bytes[2 * i] << 8 | bytes[2 * i + 1]);
    else text_add_number(text, bytes[i]);
  }
  text_add(text, " ");
}

static size_t first_version(const struct end *from, const struct end *to, sa_family_t family, uint8_t *at, size_t size) {
  struct text text = {.at = (char *)at, .size = size};
  bool is_ipv6 = family == AF_INET6;
  if (family != AF_INET && !is_ipv6) {
    text_add(&text, "PROXY UNKNOWN\r\n");
    return text.used;
  }
  text_add(&text, is_ipv6 ? "PROXY TCP6 " : "PROXY TCP4 ");
  add_address(&text, from, is_ipv6);
  add_address(&text, to, is_ipv6);
  text_add_number(&text, port_of(from));
  text_add(&text, " ");
  text_add_number(&text, port_of(to));
  text_add(&text, "\r\n");
  return text.used;
}

static size_t second_version(const struct end *from, const struct end *to, sa_family_t family, uint8_t *at) {
  static const uint8_t signature[12] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};
  bool is_ipv6 = family == AF_INET6;
  bool is_known = family == AF_INET || is_ipv6;
  size_t one = is_ipv6 ? 16 : 4;
  size_t size = is_known ? 2 * one + 4 : 0;
  memcpy(at, signature, sizeof signature);
  at[12] = 0x21;
  at[13] = is_ipv6 ? 0x21 : is_known ? 0x11 : 0;
  at[14] = 0;
  at[15] = (uint8_t)size;
  if (!is_known) return 16;
  memcpy(at + 16, bytes_of(from, is_ipv6), one);
  memcpy(at + 16 + one, bytes_of(to, is_ipv6), one);
  memcpy(at + 16 + 2 * one, from->address + 2, 2);
  memcpy(at + 18 + 2 * one, to->address + 2, 2);
  return 16 + size;
}

size_t carry_header(int front, uint32_t flags, uint8_t *at, size_t size) {
  struct end from = {{0}};
  struct end to = {{0}};
  socklen_t from_size = sizeof from.address;
  socklen_t to_size = sizeof to.address;
  sa_family_t family = AF_UNSPEC;
  if ((flags & (CARRY_HEADER_V1 | CARRY_HEADER_V2)) == 0) return 0;
  if (syscall(SYS_getpeername, front, from.address, &from_size) == 0 && syscall(SYS_getsockname, front, to.address, &to_size) == 0)
    memcpy(&family, from.address, sizeof family);
  return (flags & CARRY_HEADER_V2) != 0 ? second_version(&from, &to, family, at) : first_version(&from, &to, family, at, size);
}
