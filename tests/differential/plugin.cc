// SPDX-License-Identifier: BSL-1.0
//
// A library that is loaded and unloaded. Built twice, with frames of different sizes at the same offsets, so that what
// was learned of one is wrong for the other.

extern "C" int plugin_call(void (*target)(), int depth) {
  volatile char room[ROOM];
  room[0] = 1;
  if (depth == 0) {
    target();
  } else {
    room[0] = static_cast<char>(room[0] + plugin_call(target, depth - 1));
  }
  target();
  return room[0];
}
