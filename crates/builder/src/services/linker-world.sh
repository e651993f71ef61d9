#!/bin/sh
# Links a service against a world's own start files and libraries.
set -eu

# std asks for libraries that it does not use here; a trimmed world may lack them.
set -- "$@" --
while [ "$1" != -- ]; do
    case $1 in
    -lkvm | -lmemstat | -lprocstat | -ldevstat) ;;
    *) set -- "$@" "$1" ;;
    esac
    shift
done
shift
exec "$SLUICE_CLANG" --target="$SLUICE_CLANG_TARGET" --sysroot="$SLUICE_SYSROOT" -fuse-ld=lld -Wl,--build-id=none "$@"
