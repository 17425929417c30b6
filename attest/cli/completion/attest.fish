function __attest_completion
    set -l words (commandline -opc) (commandline -ct)
    for line in (command attest completion fish -- $words 2>/dev/null)
        set -l parts (string split \t -- $line)
        switch $parts[1]
            case file
                __fish_complete_path $words[-1]
            case dir
                __fish_complete_directories $words[-1]
            case plain
                echo $parts[2]\t$parts[3]
        end
    end
end
complete --no-files --command attest --arguments '(__attest_completion)'
