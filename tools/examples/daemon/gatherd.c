// SPDX-License-Identifier: BSL-1.0
//
// gatherd [MILLISECONDS]: takes a reading after each such time, keeps the last one, and forgets every third. SIGTERM
// ends it.

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct reading {
  time_t when;
  char text[40];
};

static volatile sig_atomic_t is_over;

static void end(int signal) {
  (void)signal;
  is_over = 1;
}

static struct reading* take_reading(long number) {
  struct reading* reading = malloc(sizeof *reading);
  if (reading == NULL) exit(1);
  reading->when = time(NULL);
  snprintf(reading->text, sizeof reading->text, "reading %ld", number);
  return reading;
}

int main(int argc, char** argv) {
  const long milliseconds = argc > 1 ? strtol(argv[1], NULL, 10) : 1000;
  const struct timespec pause = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  signal(SIGTERM, end);
  setvbuf(stdout, NULL, _IOLBF, 0);
  struct reading* last = NULL;
  for (long number = 1; !is_over; ++number) {
    struct reading* reading = take_reading(number);
    puts(reading->text);
    if (number % 3 != 0) free(last);  // the leak: every third time
    last = reading;
    nanosleep(&pause, NULL);
  }
  free(last);
  return 0;
}
