
# Cargo's own completions call this function for `cargo xtask`.
_cargo-xtask() { _xtask "$@" }
