
# `cargo xtask` is completed like `xtask`, everything else as cargo's own completions do, which are loaded first.
declare -F _completion_loader >/dev/null && _completion_loader cargo 2>/dev/null
if [[ $(complete -p cargo 2>/dev/null) =~ -F\ ([^ ]+) && ${BASH_REMATCH[1]} != _cargo_or_xtask ]]; then
    _cargo_without_xtask=${BASH_REMATCH[1]}
fi

_cargo_or_xtask() {
    if [[ $COMP_CWORD -gt 1 && ${COMP_WORDS[1]} == xtask ]]; then
        local words=("${COMP_WORDS[@]:1}") cword=$((COMP_CWORD - 1))
        local COMP_WORDS=("${words[@]}") COMP_CWORD=$cword
        _xtask xtask "$2" "$3"
    elif [[ $_cargo_without_xtask ]]; then
        "$_cargo_without_xtask" "$@"
    fi
}

complete -F _cargo_or_xtask -o bashdefault -o default cargo
