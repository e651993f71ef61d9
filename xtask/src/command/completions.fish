
# `cargo xtask` is completed like `xtask`, in addition to cargo's own completions.
function __fish_cargo_xtask_complete
    set -l words (commandline -opc)
    test "$words[2]" = xtask; and complete -C (string join " " -- (string escape -- $words[2..-1]) (commandline -ct))
end
complete -c cargo -n '__fish_seen_subcommand_from xtask' -f -a '(__fish_cargo_xtask_complete)'
