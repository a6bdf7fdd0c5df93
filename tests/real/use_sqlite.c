// SPDX-License-Identifier: BSL-1.0
//
// Fills a database of sqlite's and queries it.

#include <sqlite3.h>

#include "modes.h"

static void execute(sqlite3* db, const char* sql) { MUST(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK); }

static void fill(sqlite3* db) {
  execute(db,
          "CREATE TABLE guest(id INTEGER PRIMARY KEY, name TEXT, age INTEGER); CREATE INDEX by_name ON guest(name)");
  execute(db, "BEGIN");
  sqlite3_stmt* insert;
  MUST(sqlite3_prepare_v2(db, "INSERT INTO guest(name, age) VALUES(?, ?)", -1, &insert, NULL) == SQLITE_OK);
  for (int i = 0; i < 5000; ++i) {
    char name[40];
    snprintf(name, sizeof name, "guest number %d", i * 7919 % 5000);
    sqlite3_bind_text(insert, 1, name, -1, SQLITE_TRANSIENT);
    sqlite3_bind_int(insert, 2, i % 90);
    MUST(sqlite3_step(insert) == SQLITE_DONE && sqlite3_reset(insert) == SQLITE_OK);
  }
  sqlite3_finalize(insert);
  execute(db, "COMMIT");
}

static sqlite3_stmt* query(sqlite3* db, int rows) {
  sqlite3_stmt* select;
  const char* sql =
      "SELECT a.name, count(*) FROM guest a JOIN guest b ON a.age = b.age AND b.id < 200 "
      "GROUP BY a.name ORDER BY a.name DESC";
  MUST(sqlite3_prepare_v2(db, sql, -1, &select, NULL) == SQLITE_OK);
  for (int i = 0; i < rows; ++i) MUST(sqlite3_step(select) == SQLITE_ROW);
  return select;
}

static NOINLINE void leak_statement(sqlite3* db) {
  char* text;
  LEAK_HERE(text = sqlite3_mprintf("%s of %p", "a text that nobody frees", (void*)0));
  MUST(text != NULL && db != NULL);
}

int main(int argc, char** argv) {
  sqlite3* db;
  MUST(sqlite3_open("guests.db", &db) == SQLITE_OK);
  execute(db, "DROP TABLE IF EXISTS guest");
  fill(db);
  sqlite3_stmt* select = query(db, 1000);
  may_end_here(argc, argv);
  if (wants(argc, argv, "leak")) leak_statement(db);
  sqlite3_finalize(select);
  MUST(sqlite3_close(db) == SQLITE_OK);
  sqlite3_shutdown();
  return 0;
}
