// SPDX-License-Identifier: BSL-1.0
//
// A real program: Lua builds tables, strings and closures, and lets go of them. --rows N (60000).

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "bench.h"

static const char* const kScript =
    "local rows = ...\n"
    "local people = {}\n"
    "for i = 1, rows do\n"
    "  people[i] = {name = 'person ' .. i, tags = {i % 7, i % 11}, age = function() return i % 90 end}\n"
    "end\n"
    "table.sort(people, function(a, b) return a.name < b.name end)\n"
    "local groups = {}\n"
    "for _, p in ipairs(people) do\n"
    "  local age = p.age()\n"
    "  groups[age] = groups[age] or {}\n"
    "  table.insert(groups[age], p.name:upper())\n"
    "end\n"
    "local bytes = 0\n"
    "for _, names in pairs(groups) do bytes = bytes + #table.concat(names, ',') end\n"
    "return bytes\n";

int main(int argc, char** argv) {
  const long rows = option(argc, argv, "--rows", 60000);
  maybe_mtrace(argc, argv);
  const double cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID), wall = clock_ns(CLOCK_MONOTONIC);
  lua_State* lua = luaL_newstate();
  luaL_openlibs(lua);
  if (luaL_loadstring(lua, kScript) != LUA_OK) die("lua: the script");
  lua_pushinteger(lua, rows);
  if (lua_pcall(lua, 1, 1, 0) != LUA_OK) die(lua_tostring(lua, -1));
  if (lua_tointeger(lua, -1) < rows) die("lua: the result");
  lua_close(lua);
  printf("cpu_ns %.0f\nwall_ns %.0f\n", clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu, clock_ns(CLOCK_MONOTONIC) - wall);
  printf("peak_kib %ld\n", status_kib("VmHWM:"));
  return 0;
}
