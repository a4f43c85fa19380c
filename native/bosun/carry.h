/* A carrier: brings what comes to some sockets on to other places, until the process that it serves ends (README, "Carriers"). */
#ifndef BOSUN_CARRY_H
#define BOSUN_CARRY_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define CARRY_MAXIMUM_PAIRS 64u
#define CARRY_ADDRESS_BYTES 120u
#define CARRY_STREAMS 2048u
#define CARRY_SESSIONS 256u
#define CARRY_CLIENTS 8u
#define CARRY_NANOSECONDS_A_MS 1000000ull

enum carry_kind { CARRY_STREAM = 1, CARRY_DATAGRAM = 2 };

enum carry_flags {
  CARRY_OPEN = 1, /* from the beginning */
  CARRY_PROCESS = 2,
  CARRY_USERS = 4,
  CARRY_NETWORK = 8,
  CARRY_MOUNTS = 16,
  CARRY_HEADER_V1 = 32,
  CARRY_HEADER_V2 = 64,
};

/* What an event of epoll is about: in the upper half of its data, with an index in the lower. */
enum carry_source { CARRY_ON_CONTROL = 1, CARRY_ON_CLIENT, CARRY_ON_PROCESS, CARRY_ON_LISTENER, CARRY_ON_FRONT, CARRY_ON_BACK, CARRY_ON_SESSION };

struct carry_pair {
  int listener;
  uint32_t kind;
  socklen_t size;
  _Alignas(8) uint8_t address[CARRY_ADDRESS_BYTES];
};

/* One direction: what was read and not yet written lies in a pipe. */
struct carry_way {
  int pipe[2];
  uint32_t pending;
  bool ended;
};

enum carry_state { CARRY_FREE, CARRY_WAITING, CARRY_CONNECTING, CARRY_CONNECTED };

struct carry_stream {
  int front;
  int back;
  uint8_t state;
  bool again;
  uint16_t pair;
  uint64_t until;
  struct carry_way in;
  struct carry_way out;
};

/* Of a client over datagrams: a socket of its own that is connected to the other place. */
struct carry_session {
  int fd;
  uint16_t pair;
  socklen_t size;
  uint64_t used;
  _Alignas(8) uint8_t client[sizeof(struct sockaddr_in6)];
  /* The address of ours that the client knows: an in_pktinfo or in6_pktinfo, as it came. */
  uint32_t info_size;
  _Alignas(8) uint8_t info[24];
};

struct carrier {
  int epoll;
  int control;
  int process;
  uint32_t flags;
  uint32_t pairs;
  uint64_t patience;
  bool open;
  /* Somebody waits, and engines were told. */
  bool called;
  /* Nobody more is let in for now. */
  bool full;
  uint32_t active;
  uint64_t total;
  uint32_t waiting;
  /* Streams beyond have never been used. */
  uint32_t high;
  int spare[2];
  int clients[CARRY_CLIENTS];
  struct carry_pair pair[CARRY_MAXIMUM_PAIRS];
  struct carry_stream stream[CARRY_STREAMS];
  struct carry_session session[CARRY_SESSIONS];
};

int carry_main(struct carrier *carrier);
int carry_watch(struct carrier *carrier, int operation, int fd, uint32_t events, enum carry_source source, uint32_t index);
/* Takes listeners in again, or leaves them. */
void carry_listen(struct carrier *carrier, bool wanted);

void carry_accept(struct carrier *carrier, uint32_t pair);
/* Everybody who waits is turned away. */
void carry_refuse(struct carrier *carrier);
void carry_stream_event(struct carrier *carrier, uint32_t index, bool is_back);
/* Tries what has waited; true: there is more to do at once. */
bool carry_streams_go_on(struct carrier *carrier);
void carry_close_all(struct carrier *carrier);

void carry_datagrams(struct carrier *carrier, uint32_t pair);
void carry_session_event(struct carrier *carrier, uint32_t index);
void carry_expire(struct carrier *carrier, uint64_t now);
void carry_close_sessions(struct carrier *carrier);
uint32_t carry_sessions_in_use(const struct carrier *carrier);

/* The PROXY protocol's header for this connection, of `size` bytes at most; how long it is. */
size_t carry_header(int front, uint32_t flags, uint8_t *at, size_t size);

#endif
