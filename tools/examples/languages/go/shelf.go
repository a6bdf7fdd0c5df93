// Lends two books, and gets one back.
package main

/*
#include <stdlib.h>

static char *lend(size_t bytes) {
  return malloc(bytes);
}
*/
import "C"

import (
	"fmt"
	"unsafe"
)

func main() {
	first := C.lend(1237)
	C.lend(1237)
	C.free(unsafe.Pointer(first))
	fmt.Println("1 lent")
}
