// SPDX-License-Identifier: BSL-1.0
//
// See libc_calls.h: who and where: NSS with its modules, the resolver (of localhost: there need be no network), and
// what else is read from files of /etc.

#pragma once

#include <aliases.h>
#include <arpa/inet.h>
#include <fstab.h>
#include <grp.h>
#include <gshadow.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/ether.h>
#include <netinet/in.h>
#include <pwd.h>
#include <resolv.h>
#include <rpc/netdb.h>
#include <shadow.h>
#include <ttyent.h>
#include <utmpx.h>

#include "libc_calls.h"

static char room_for_names[20000];

CALL(getpwnam) { MUST(getpwnam("root") != NULL); }
CALL(getpwnam_unknown) { MUST(getpwnam("nobody-of-this-name") == NULL); }
CALL(getpwuid) { MUST(getpwuid(0) != NULL); }
CALL(getpwnam_r) {
  struct passwd entry, *found = NULL;
  getpwnam_r("root", &entry, room_for_names, sizeof room_for_names, &found);
  MUST(found != NULL);
}
CALL(getpwent) {
  setpwent();
  while (getpwent() != NULL) {
  }
  endpwent();
}
CALL(getpwent_left_open) { MUST(getpwent() != NULL); }
CALL(fgetpwent) {
  FILE* file = fopen("/etc/passwd", "r");
  MUST(fgetpwent(file) != NULL);
  fclose(file);
}
CALL(getgrnam) { MUST(getgrnam("root") != NULL); }
CALL(getgrgid) { MUST(getgrgid(0) != NULL); }
CALL(getgrgid_unknown) { MUST(getgrgid(987654) == NULL); }
CALL(getgrgid_r) {
  struct group entry, *found = NULL;
  getgrgid_r(0, &entry, room_for_names, sizeof room_for_names, &found);
  MUST(found != NULL);
}
CALL(getgrent) {
  setgrent();
  while (getgrent() != NULL) {
  }
  endgrent();
}
CALL(fgetgrent) {
  FILE* file = fopen("/etc/group", "r");
  MUST(fgetgrent(file) != NULL);
  fclose(file);
}
CALL(getgrouplist) {
  gid_t groups[100];
  int count = 100;
  getgrouplist("root", 0, groups, &count);
}
CALL(initgroups) { (void)!initgroups("root", 0); }
CALL(getspnam) { (void)hidden(getspnam("root")); }
CALL(getspent) {
  while (getspent() != NULL) {
  }
  endspent();
}
CALL(getsgnam) { (void)hidden(getsgnam("root")); }
CALL(getlogin) { (void)hidden(getlogin()); }
CALL(cuserid) { (void)hidden(cuserid(NULL)); }
CALL(gethostbyname) { MUST(gethostbyname("localhost") != NULL); }
CALL(gethostbyname2) { (void)hidden(gethostbyname2("localhost", AF_INET6)); }
CALL(gethostbyname_unknown) { (void)hidden(gethostbyname("no.such.name.invalid")); }
CALL(gethostbyaddr) {
  const struct in_addr loopback = {htonl(INADDR_LOOPBACK)};
  (void)hidden(gethostbyaddr(&loopback, sizeof loopback, AF_INET));
}
CALL(gethostent) {
  sethostent(1);
  while (gethostent() != NULL) {
  }
  endhostent();
}
CALL(getaddrinfo) {
  struct addrinfo* found = NULL;
  if (getaddrinfo("localhost", "http", NULL, &found) == 0) freeaddrinfo(found);
}
CALL(getaddrinfo_without_service) {
  struct addrinfo* found = NULL;
  if (getaddrinfo("localhost", NULL, NULL, &found) == 0) freeaddrinfo(found);
}
CALL(getaddrinfo_unknown) {
  res_init();
  _res.nscount = 1;  // where nobody is, which is known at once
  _res.nsaddr_list[0] = (struct sockaddr_in){AF_INET, htons(1), {htonl(INADDR_LOOPBACK)}, {0}};
  unsigned char answer[100];
  MUST(res_query("no.such.name.invalid", C_IN, T_A, answer, sizeof answer) < 0);
  struct addrinfo* found = NULL;
  if (getaddrinfo("no.such.name.invalid", NULL, NULL, &found) == 0) freeaddrinfo(found);
}
CALL(getaddrinfo_numeric) {
  struct addrinfo *found = NULL, hints = {.ai_flags = AI_NUMERICHOST | AI_CANONNAME};
  MUST(getaddrinfo("127.0.0.1", "80", &hints, &found) == 0);
  freeaddrinfo(found);
}
CALL(getnameinfo) {
  const struct sockaddr_in loopback = {
      .sin_family = AF_INET, .sin_port = htons(80), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  char host[100], service[100];
  getnameinfo((const struct sockaddr*)&loopback, sizeof loopback, host, sizeof host, service, sizeof service, 0);
}
CALL(getservbyname) { (void)hidden(getservbyname("http", "tcp")); }
CALL(getservbyport) { (void)hidden(getservbyport(htons(80), "tcp")); }
CALL(getservent) {
  (void)hidden(getservent());
  endservent();
}
CALL(getprotobyname) { (void)hidden(getprotobyname("tcp")); }
CALL(getprotobynumber) { (void)hidden(getprotobynumber(6)); }
CALL(getprotoent) {
  (void)hidden(getprotoent());
  endprotoent();
}
CALL(getnetbyname) { (void)hidden(getnetbyname("loopback")); }
CALL(getnetent) {
  (void)hidden(getnetent());
  endnetent();
}
CALL(getrpcbyname) { (void)hidden(getrpcbyname("portmapper")); }
CALL(getaliasbyname) { (void)hidden(getaliasbyname("postmaster")); }
CALL(setnetgrent) {
  char *host, *user, *domain;
  setnetgrent("nobodys-group");
  while (getnetgrent(&host, &user, &domain) == 1) {
  }
  endnetgrent();
}
CALL(innetgr) { (void)!innetgr("group", "host", "user", "domain"); }
CALL(ether_hostton) {
  struct ether_addr address;
  (void)!ether_hostton("localhost", &address);
}
CALL(inet_ntoa) {
  const struct in_addr loopback = {htonl(INADDR_LOOPBACK)};
  (void)hidden(inet_ntoa(loopback));
}
CALL(res_init) { res_init(); }
CALL(res_ninit) {
  static struct __res_state state;
  MUST(res_ninit(&state) == 0);
  res_nclose(&state);
}
CALL(getifaddrs) {
  struct ifaddrs* addresses = NULL;
  if (getifaddrs(&addresses) == 0) freeifaddrs(addresses);
}
CALL(if_nameindex) {
  struct if_nameindex* names = if_nameindex();
  if (names != NULL) if_freenameindex(names);
}
CALL(herror) { herror("said"); }
CALL(gethostid) { (void)!gethostid(); }
CALL(getusershell) {
  while (getusershell() != NULL) {
  }
  endusershell();
}
CALL(getusershell_left_open) { (void)hidden(getusershell()); }
CALL(getfsent) {
  (void)hidden(getfsent());
  endfsent();
}
CALL(getttyent) {
  (void)hidden(getttyent());
  endttyent();
}
CALL(getutxent) {
  setutxent();
  (void)hidden(getutxent());
  endutxent();
}
CALL(utmpxname) { utmpxname("/var/run/another_utmp"); }
