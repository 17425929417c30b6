_attest_completion() {
    local type value help
    COMPREPLY=()
    while IFS=$'\t' read -r type value help; do
        case $type in
            file) compopt -o default ;;
            dir) compopt -o dirnames ;;
            plain)
                printf -v value %q "$value"
                COMPREPLY+=("$value")
                [[ $value == *[:/=] ]] && compopt -o nospace
                ;;
        esac
    done < <(command attest completion bash -- "${COMP_LINE:0:COMP_POINT}" "${COMP_WORDS[COMP_CWORD]}" 2>/dev/null)
}
complete -o nosort -F _attest_completion attest
