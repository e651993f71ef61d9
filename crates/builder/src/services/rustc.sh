#!/bin/sh
# Stands before rustc while the services are built (RUSTC_WRAPPER), so that the same commit gives the same bytes in any
# folder and for any user. Two things would differ otherwise: the paths that panics name, and `-C metadata`, in which
# cargo hashes the place of rust-src and which decides on the names, and so on the order, of symbols.
#
# It works here and not in RUSTFLAGS because cargo hashes RUSTFLAGS, with the absolute paths in it.
set -eu
rustc=$1
shift

# Build scripts and procedural macros run on this machine, and nothing of them reaches the device.
device=
features=
for argument do
    case $argument in
    --target) device=yes ;;
    feature=*) features="$features $argument" ;;
    esac
done
if [ -z "$device" ] || [ -z "${CARGO_CRATE_NAME:-}" ]; then
    exec "$rustc" "$@"
fi

# One crate, in one version, with one set of features: std has its own copies of some crates that the services use.
set -- "$@" --
while [ "$1" != -- ]; do
    case $1 in
    metadata=*) set -- "$@" "metadata=$CARGO_CRATE_NAME-$CARGO_PKG_VERSION-$(printf %s "$features" | cksum | tr ' ' -)" ;;
    *) set -- "$@" "$1" ;;
    esac
    shift
done
shift

# The last prefix that matches wins.
[ -z "${OUT_DIR:-}" ] || set -- "$@" --remap-path-prefix "$OUT_DIR=/out/$CARGO_CRATE_NAME"
exec "$rustc" "$@" \
    --remap-path-prefix "$CARGO_MANIFEST_DIR=/crates/$CARGO_PKG_NAME-$CARGO_PKG_VERSION" \
    --remap-path-prefix "$SLUICE_RUST_SRC=/rust" \
    --remap-path-prefix "$SLUICE_WORKSPACE=/sluice"
