#!/usr/bin/env bash
# Stands in for rustdoc: its JSON is not stable yet, so the stable compiler gives
# it to nobody but those who ask in this way. For rustdoc alone, not for rustc:
# build scripts look at this variable, and everything would be compiled again.
RUSTC_BOOTSTRAP=1 exec rustdoc "$@" -Z unstable-options --output-format json
