#!/bin/sh
# Links a service for the miniature world: zig brings FreeBSD's start files and stubs of its libc.
set -eu

# std asks for libraries that it does not use here and that zig has no stubs of.
set -- "$@" --
while [ "$1" != -- ]; do
    case $1 in
    -lkvm | -lmemstat | -lprocstat | -ldevstat) ;;
    *) set -- "$@" "$1" ;;
    esac
    shift
done
shift
exec "$SLUICE_ZIG" cc -target "$SLUICE_ZIG_TARGET" -mcpu="$SLUICE_ZIG_CPU" -Wl,--build-id=none "$@"
