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
CALL(sgetspent) { MUST(sgetspent("root:x:1:2:3:4:5:6:7") != NULL); }
CALL(sgetsgent) { MUST(sgetsgent("group:x:a,b:c,d") != NULL); }
static FILE* file_with(const char* name, const char* line) {
  FILE* file = fopen(name, "w+");
  fputs(line, file);
  rewind(file);
  return file;
}
CALL(fgetspent) {
  FILE* file = file_with("shadow", "root:x:1:2:3:4:5:6:7\n");
  MUST(fgetspent(file) != NULL);
  fclose(file);
}
CALL(fgetsgent) {
  FILE* file = file_with("gshadow", "group:x:a:b\n");
  MUST(fgetsgent(file) != NULL);
  fclose(file);
}
CALL(getutxline) {
  struct utmpx entry = {.ut_line = "tty1"};
  setutxent();
  (void)hidden(getutxline(&entry));
  (void)hidden(getutxid(&entry));
  endutxent();
}
CALL(getrpcent) {
  setrpcent(1);
  (void)hidden(getrpcent());
  (void)hidden(getrpcbynumber(100000));
  endrpcent();
}
CALL(getservent_left_open) {
  setservent(1);
  (void)hidden(getservent());
}
CALL(getaliasent) {
  setaliasent();
  (void)hidden(getaliasent());
  endaliasent();
}
CALL(gethostbyname_r) {
  struct hostent entry, *found = NULL;
  int error;
  gethostbyname_r("localhost", &entry, room_for_names, sizeof room_for_names, &found, &error);
  const struct in_addr loopback = {htonl(INADDR_LOOPBACK)};
  gethostbyaddr_r(&loopback, sizeof loopback, AF_INET, &entry, room_for_names, sizeof room_for_names, &found, &error);
}
CALL(getnetbyaddr) { (void)hidden(getnetbyaddr(127, AF_INET)); }
#if __GLIBC_MINOR__ != 31  // that one loses a block here, as Valgrind says, too
CALL(getaddrinfo_mapped) {
  struct addrinfo *found = NULL, hints = {.ai_flags = AI_CANONNAME | AI_ADDRCONFIG | AI_V4MAPPED | AI_ALL};
  hints.ai_family = AF_INET6;
  if (getaddrinfo("localhost", NULL, &hints, &found) == 0) freeaddrinfo(found);
}
#endif
CALL(getaddrinfo_international) {
  struct addrinfo *found = NULL, hints = {.ai_flags = AI_IDN | AI_CANONIDN | AI_CANONNAME | AI_NUMERICHOST};
  if (getaddrinfo("b\xc3\xbc.invalid", NULL, &hints, &found) == 0) freeaddrinfo(found);
}
CALL(resolver_options) {
  setenv("RES_OPTIONS", "ndots:3 timeout:1", 1);
  setenv("LOCALDOMAIN", "a.invalid b.invalid", 1);
  res_init();
  (void)hidden(gethostbyname("localhost"));
}
CALL(host_aliases) {
  FILE* file = fopen("aliases", "w");
  fputs("another localhost\n", file);
  fclose(file);
  setenv("HOSTALIASES", "./aliases", 1);
  (void)hidden(gethostbyname("another"));
}
CALL(ruserok) { (void)!ruserok("localhost", 0, "root", "root"); }
// (A host that refuses it is asked for half a minute.)
CALL(rcmd) {
  char name[] = "255.255.255.255", *host = name;
  MUST(rcmd(&host, htons(1), "root", "root", "true", NULL) < 0);
}
CALL(rexec) {
  char name[] = "255.255.255.255", *host = name;
  MUST(rexec(&host, htons(1), "root", "root", "true", NULL) < 0);
}
CALL(getpass) {
  if (setsid() > 0) (void)hidden(getpass("from standard input, as there is no terminal: "));
}
