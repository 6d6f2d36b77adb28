#!/usr/bin/env bash
# Stands before rustc, for the packages of this workspace alone: what they
# execute is counted, what they depend on is the same as in any other build.
# Not in sh: dash drops variables whose names are no identifiers, such as
# CARGO_BIN_EXE_gozon-orders.
exec "$@" -C instrument-coverage
