#!/bin/sh
# SPDX-License-Identifier: BSL-1.0
#
# The long form of the soak test, in a build folder that has been built.
#
#   run.sh BUILD [SECONDS] [SEED]
set -eu
export SOAK_SECONDS="${2:-1800}" SOAK_SEED="${3:-1}"
exec nice "$1/tests/soak/soak_test"
