// SPDX-License-Identifier: BSL-1.0
//
// What assembly_<processor>.S defines.

#pragma once

extern "C" {
void call_without_tables(void (*target)());
void call_with_wild_fp(void (*target)());
void call_with_known_wild_fp(void (*target)());
void call_with_wrong_table(void (*target)());
void call_with_frame_in_another(void (*target)());
void call_with_fp_in_another(void (*target)());
#if !defined(__x86_64__)
void call_with_address_below(void (*target)());
void call_with_address_apart(void (*target)());
#endif
void call_outermost(void (*target)());
void call_from_outermost(void (*target)(), unsigned frames);  // at most 31
void call_on_stack(void (*target)(), void* top);
void start_on_stack(void (*target)(), void* top);
void return_from_signal();  // (riscv64 does not ask where to return to)
}
