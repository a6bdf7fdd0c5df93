// SPDX-License-Identifier: BSL-1.0
//
// A real program: sqlite fills a database in memory and queries it. --rows N (20000).

#include <sqlite3.h>

#include "bench.h"

static void execute(sqlite3* db, const char* sql) {
  if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) die(sqlite3_errmsg(db));
}

static sqlite3_stmt* prepare(sqlite3* db, const char* sql) {
  sqlite3_stmt* statement;
  if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK) die(sqlite3_errmsg(db));
  return statement;
}

static void fill(sqlite3* db, int rows) {
  execute(db, "CREATE TABLE part(id INTEGER PRIMARY KEY, name TEXT, weight INTEGER)");
  execute(db, "CREATE INDEX by_name ON part(name)");
  execute(db, "BEGIN");
  sqlite3_stmt* insert = prepare(db, "INSERT INTO part(name, weight) VALUES(?, ?)");
  for (int i = 0; i < rows; ++i) {
    char name[40];
    snprintf(name, sizeof name, "part number %d", (int)((long)i * 7919 % rows));
    sqlite3_bind_text(insert, 1, name, -1, SQLITE_TRANSIENT);
    sqlite3_bind_int(insert, 2, i % 97);
    if (sqlite3_step(insert) != SQLITE_DONE || sqlite3_reset(insert) != SQLITE_OK) die("insert");
  }
  sqlite3_finalize(insert);
  execute(db, "COMMIT");
}

static long query(sqlite3* db, int rows) {
  long found = 0;
  sqlite3_stmt* sorted = prepare(db, "SELECT weight, count(*), max(upper(name)) FROM part GROUP BY weight ORDER BY 3");
  while (sqlite3_step(sorted) == SQLITE_ROW) ++found;
  sqlite3_finalize(sorted);
  // A program that prepares each query anew: most of sqlite's allocations are here.
  for (int i = 0; i < rows; i += 4) {
    sqlite3_stmt* one = prepare(db, "SELECT name || '!' FROM part WHERE name = ? AND weight >= 0");
    char name[40];
    snprintf(name, sizeof name, "part number %d", i);
    sqlite3_bind_text(one, 1, name, -1, SQLITE_TRANSIENT);
    while (sqlite3_step(one) == SQLITE_ROW) found += sqlite3_column_bytes(one, 0) > 0;
    sqlite3_finalize(one);
  }
  return found;
}

int main(int argc, char** argv) {
  const int rows = (int)option(argc, argv, "--rows", 20000);
  maybe_mtrace(argc, argv);
  const double cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID), wall = clock_ns(CLOCK_MONOTONIC);
  sqlite3* db;
  if (sqlite3_open(":memory:", &db) != SQLITE_OK) die("sqlite");
  fill(db, rows);
  if (query(db, rows) == 0) die("nothing found");
  sqlite3_close(db);
  printf("cpu_ns %.0f\nwall_ns %.0f\n", clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu, clock_ns(CLOCK_MONOTONIC) - wall);
  printf("peak_kib %ld\n", status_kib("VmHWM:"));
  return 0;
}
