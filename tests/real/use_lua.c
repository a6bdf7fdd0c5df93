// SPDX-License-Identifier: BSL-1.0
//
// Runs a Lua script that makes strings, tables, closures and coroutines.

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "modes.h"

static const char* const kScript =
    "words = {}\n"
    "for i = 1, 3000 do words[#words + 1] = string.format('word %d', i * 7919 % 3000) end\n"
    "table.sort(words)\n"
    "local function counter() local n = 0; return function() n = n + 1; return n end end\n"
    "counters = {}\n"
    "for i = 1, 500 do counters[i] = counter(); counters[i]() end\n"
    "local sum = 0\n"
    "for n in coroutine.wrap(function() for i = 1, 100 do coroutine.yield(i) end end) do sum = sum + n end\n"
    "assert(sum == 5050)\n"
    "text = table.concat(words, ','):gsub('%d+', function(d) return '<' .. d .. '>' end)\n"
    "assert(#text > 30000)\n"
    "collectgarbage(); collectgarbage()\n"
    "return #words\n";

static NOINLINE void leak_state(void) {
  lua_State* forgotten;
  LEAK_HERE(forgotten = luaL_newstate());
  MUST(forgotten != NULL);
}

int main(int argc, char** argv) {
  lua_State* lua = luaL_newstate();
  luaL_openlibs(lua);
  MUST(luaL_dostring(lua, kScript) == LUA_OK);
  MUST(lua_tointeger(lua, -1) == 3000);
  may_end_here(argc, argv);
  if (wants(argc, argv, "leak")) leak_state();
  lua_close(lua);
  return 0;
}
