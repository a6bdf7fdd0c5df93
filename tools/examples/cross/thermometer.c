// SPDX-License-Identifier: BSL-1.0
//
// Reads a thermometer four times. A reading that is too hot is set aside, and forgotten there.

#include <stdio.h>
#include <stdlib.h>

struct reading {
  int tenths;
  char note[28];
};

static struct reading* take_reading(int hour) {
  struct reading* reading = malloc(sizeof *reading);
  if (reading == NULL) exit(1);
  reading->tenths = hour == 2 ? 295 : 215 + hour * 20;
  snprintf(reading->note, sizeof reading->note, "%02d:00", hour);
  return reading;
}

int main(void) {
  for (int hour = 0; hour < 4; ++hour) {
    struct reading* reading = take_reading(hour);
    if (reading->tenths > 290) continue;  // the leak
    printf("%s %d.%d\n", reading->note, reading->tenths / 10, reading->tenths % 10);
    free(reading);
  }
  return 0;
}
