# Builds the binaries of the images, in two steps:
#
#   build.sh dependencies   what others wrote, from the stubs: a layer of its own
#   build.sh binaries       our own crates, those in $BINARIES, into /binaries
#
# The layer alone makes a build on a new machine that has it (a registry, say, as
# the builder's cache) compile no dependency. Where the builder's cache mount has
# lasted, too, only the crates that changed are compiled again.
set -eu

build() { cargo build --release --locked --bins "$@"; }

dependencies() {
  build --package gozon-shop --package gozon-gateway --package gozon-orders --package gozon-payments
  # Of the stubs nothing may be taken for the real crates.
  rm -rf target/release/.fingerprint/gozon-* target/release/deps/*gozon* target/release/gozon*
}

binaries() {
  # What was built is remembered for all of them together.
  cache=/cache/$(echo "$BINARIES" | tr ' ' +)
  mkdir -p "$cache"
  layer=$(sha256sum Cargo.lock target/layer | sha256sum)
  if [ "$(cat "$cache/layer" 2>/dev/null)" != "$layer" ]; then
    rm -rf "${cache:?}"/*
    cp -a target "$cache/target"
    : >"$cache/built"
    echo "$layer" >"$cache/layer"
  fi

  # Cargo asks for the time of a file, and times say nothing here: another clone
  # on this machine uses the same cache. So what differs from what was built last
  # is new, and everything else is old.
  sources() { find . -path ./target -prune -o -type f "$@"; }
  sources -exec sha256sum {} + | LC_ALL=C sort >/tmp/sources
  sources -exec touch --date=@1 {} +
  LC_ALL=C comm -13 "$cache/built" /tmp/sources | cut -c 67- | tr '\n' '\0' | xargs -0 -r touch
  # Before the build: when it fails, what changed is still new for the next one.
  LC_ALL=C comm -12 "$cache/built" /tmp/sources >/tmp/unchanged
  cp /tmp/unchanged "$cache/built"
  set --
  for package in $BINARIES; do set -- "$@" --package "$package"; done
  CARGO_TARGET_DIR=$cache/target build "$@"
  cp /tmp/sources "$cache/built"

  mkdir /binaries
  for package in $BINARIES; do
    install -m 755 "$cache/target/release/${package%-shop}" /binaries/
  done
}

case $1 in
dependencies)
  dependencies
  date >target/layer
  ;;
binaries) binaries ;;
*) echo "build.sh: no such step: $1" >&2 && exit 2 ;;
esac
