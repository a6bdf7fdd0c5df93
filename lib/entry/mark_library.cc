// SPDX-License-Identifier: BSL-1.0
//
// The mark of libleakdir.so (shared/mark.h). All of that file is leakdir's, so nothing is said of where its code lies.

#include "shared/mark.h"

static_assert(static_cast<int>(leakdir::kMarkOfLibrary) == 3);

LEAKDIR_MARK(3, ".", ".", "leakdir_hooks_on_behalf");
