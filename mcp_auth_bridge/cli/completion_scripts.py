"""The scripts that complete command lines in bash, zsh and fish. Each asks the program itself on every TAB."""

from collections.abc import Mapping

_BASH = r"""
# bash completion of mcp-auth-bridge. In ~/.bashrc: eval "$(mcp-auth-bridge completion bash)"
_mcp_auth_bridge() {
    local found IFS=$'\n'
    COMPREPLY=()
    while IFS= read -r found; do
        case $found in
            :files) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$2")) ;;
            :folders) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -d -- "$2")) ;;
            *) printf -v found %q "$found"; COMPREPLY+=("$found") ;;
        esac
    done < <(printf %s "${COMP_LINE:0:COMP_POINT}" | "$1" completion bash --line 2>/dev/null)
}
complete -F _mcp_auth_bridge mcp-auth-bridge
"""

_ZSH = r"""
#compdef mcp-auth-bridge
# zsh completion of mcp-auth-bridge. In ~/.zshrc, after compinit: eval "$(mcp-auth-bridge completion zsh)"
_mcp_auth_bridge() {
    local found
    local -a values shown
    while IFS= read -r found; do
        case $found in
            :files) _files; return ;;
            :folders) _files -/; return ;;
        esac
        values+=("${found%%$'\t'*}")
        shown+=("${found/$'\t'/  -- }")
    done < <(print -rn -- "${(j: :)words[1,CURRENT-1]} $PREFIX" | ${(Q)words[1]} completion zsh --line 2>/dev/null)
    (( $#values )) && compadd -l -d shown -a values
}
if [[ $funcstack[1] == _mcp_auth_bridge ]]; then
    _mcp_auth_bridge "$@"
else
    compdef _mcp_auth_bridge mcp-auth-bridge
fi
"""

_FISH = r"""
# fish completion of mcp-auth-bridge. In ~/.config/fish/config.fish: mcp-auth-bridge completion fish | source
function __mcp_auth_bridge_complete
    set -l program (commandline -opc)[1]
    set -l found (commandline -cp | $program completion fish --line 2>/dev/null)
    switch "$found[1]"
        case ':files'
            __fish_complete_path (commandline -ct)
        case ':folders'
            __fish_complete_directories (commandline -ct)
        case '*'
            printf '%s\n' $found
    end
end
complete -c mcp-auth-bridge -f -a '(__mcp_auth_bridge_complete)'
"""

SCRIPTS: Mapping[str, str] = {"bash": _BASH.lstrip("\n"), "zsh": _ZSH.lstrip("\n"), "fish": _FISH.lstrip("\n")}
"""The script for each shell."""
