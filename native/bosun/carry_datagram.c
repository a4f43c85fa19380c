#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "carry.h"
#include "os.h"

#define LARGEST 65536u
#define IDLE_NS (120 * (uint64_t)OS_NANOSECONDS)
#define DATAGRAMS 64
#define INFO_SPACE CMSG_SPACE(24)
#define LEVEL_IP 0
#define LEVEL_IPV6 41
#define IP_INFO 8
#define IPV6_INFO 50

/* Both directions use it, one datagram at a time. */
static uint8_t data[LARGEST];

static void end(struct carry_session *session) {
  os_close(&session->fd);
  session->used = 0;
}

uint32_t carry_sessions_in_use(const struct carrier *carrier) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < CARRY_SESSIONS; i++) count += carrier->session[i].used != 0;
  return count;
}

void carry_close_sessions(struct carrier *carrier) {
  for (uint32_t i = 0; i < CARRY_SESSIONS; i++) {
    if (carrier->session[i].used != 0) end(&carrier->session[i]);
  }
}

void carry_expire(struct carrier *carrier, uint64_t now) {
  for (uint32_t i = 0; i < CARRY_SESSIONS; i++) {
    struct carry_session *session = &carrier->session[i];
    if (session->used != 0 && now - session->used > IDLE_NS) end(session);
  }
}

static struct carry_session *find(struct carrier *carrier, uint32_t pair, const void *client, socklen_t size) {
  for (uint32_t i = 0; i < CARRY_SESSIONS; i++) {
    struct carry_session *session = &carrier->session[i];
    if (session->used != 0 && session->pair == pair && session->size == size && memcmp(session->client, client, size) == 0) return session;
  }
  return NULL;
}

/* A new one takes the place of the one that was silent the longest. */
static struct carry_session *begin(struct carrier *carrier, uint32_t at, const void *client, socklen_t size) {
  const struct carry_pair *pair = &carrier->pair[at];
  struct carry_session *session = &carrier->session[0];
  for (uint32_t i = 1; i < CARRY_SESSIONS && session->used != 0; i++) {
    if (carrier->session[i].used < session->used) session = &carrier->session[i];
  }
  if (session->used != 0) end(session);
  sa_family_t family;
  memcpy(&family, pair->address, sizeof family);
  *session = (struct carry_session){.fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), .pair = (uint16_t)at, .size = size};
  if (session->fd < 0) return NULL;
  memcpy(session->client, client, size);
  bool ready = syscall(SYS_connect, session->fd, pair->address, pair->size) == 0 &&
               carry_watch(carrier, EPOLL_CTL_ADD, session->fd, EPOLLIN, CARRY_ON_SESSION, (uint32_t)(session - carrier->session)) == 0;
  if (!ready) {
    end(session);
    return NULL;
  }
  carrier->total++;
  return session;
}

/* Keeps the address of ours that this was sent to. The link that it came by does not matter. */
static void remember(struct carry_session *session, struct msghdr *header) {
  for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part != NULL; part = CMSG_NXTHDR(header, part)) {
    bool is_ip = part->cmsg_level == LEVEL_IP && part->cmsg_type == IP_INFO;
    bool is_ipv6 = part->cmsg_level == LEVEL_IPV6 && part->cmsg_type == IPV6_INFO;
    size_t size = part->cmsg_len - CMSG_LEN(0);
    if ((!is_ip && !is_ipv6) || size > sizeof session->info) continue;
    memcpy(session->info, CMSG_DATA(part), size);
    session->info_size = (uint32_t)size;
    /* ipi_ifindex is first, ipi6_ifindex last. */
    memset(session->info + (is_ip ? 0 : size - 4), 0, 4);
  }
}

void carry_datagrams(struct carrier *carrier, uint32_t pair) {
  for (int count = 0; count < DATAGRAMS; count++) {
    _Alignas(8) uint8_t client[sizeof(struct sockaddr_in6)];
    _Alignas(struct cmsghdr) uint8_t control[INFO_SPACE * 2];
    struct iovec part = {.iov_base = data, .iov_len = sizeof data};
    struct msghdr header = {
      .msg_name = client, .msg_namelen = sizeof client, .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    memset(client, 0, sizeof client);
    ssize_t size = recvmsg(carrier->pair[pair].listener, &header, MSG_DONTWAIT);
    if (size < 0) return;
    if (header.msg_namelen > sizeof client) continue;
    struct carry_session *session = find(carrier, pair, client, header.msg_namelen);
    if (session == NULL) session = begin(carrier, pair, client, header.msg_namelen);
    if (session == NULL) continue;
    remember(session, &header);
    session->used = os_clock(CLOCK_MONOTONIC);
    /* Datagrams get lost. */
    send(session->fd, data, (size_t)size, MSG_DONTWAIT | MSG_NOSIGNAL);
  }
}

static void answer(struct carrier *carrier, struct carry_session *session, size_t size) {
  _Alignas(struct cmsghdr) uint8_t control[INFO_SPACE] = {0};
  struct iovec part = {.iov_base = data, .iov_len = size};
  struct msghdr header = {.msg_name = session->client, .msg_namelen = session->size, .msg_iov = &part, .msg_iovlen = 1};
  if (session->info_size > 0) {
    bool is_ip = session->info_size == 12;
    header.msg_control = control;
    header.msg_controllen = CMSG_SPACE(session->info_size);
    struct cmsghdr *info = CMSG_FIRSTHDR(&header);
    info->cmsg_level = is_ip ? LEVEL_IP : LEVEL_IPV6;
    info->cmsg_type = is_ip ? IP_INFO : IPV6_INFO;
    info->cmsg_len = CMSG_LEN(session->info_size);
    memcpy(CMSG_DATA(info), session->info, session->info_size);
  }
  sendmsg(carrier->pair[session->pair].listener, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void carry_session_event(struct carrier *carrier, uint32_t index) {
  struct carry_session *session = &carrier->session[index];
  for (int count = 0; count < DATAGRAMS && session->used != 0; count++) {
    ssize_t size = recv(session->fd, data, sizeof data, MSG_DONTWAIT);
    /* Nobody serves there: the client is not told, as it would not be told by a network. */
    if (size < 0) return;
    session->used = os_clock(CLOCK_MONOTONIC);
    answer(carrier, session, (size_t)size);
  }
}
