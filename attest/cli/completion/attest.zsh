#compdef attest
_attest_completion() {
    local type value help
    local -a closed open described
    while IFS=$'\t' read -r type value help; do
        case $type in
            file) _path_files ;;
            dir) _path_files -/ ;;
            plain)
                if [[ $value == *[:/=] ]]; then
                    open+=("$value")
                elif [[ -n $help ]]; then
                    described+=("${value//:/\\:}:$help")
                else
                    closed+=("$value")
                fi
                ;;
        esac
    done < <(command attest completion zsh -- "${(@Q)words[1,CURRENT]}" 2>/dev/null)
    (( $#described )) && _describe -V 'attest' described
    (( $#closed )) && compadd -V attest -a closed
    (( $#open )) && compadd -V attest -S '' -a open
    return 0
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _attest_completion "$@"
else
    compdef _attest_completion attest
fi
