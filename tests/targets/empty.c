// SPDX-License-Identifier: BSL-1.0
//
// A program that does nothing.

int main(void) { return 0; }
