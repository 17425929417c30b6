#!/bin/sh
# Checks a key in a KMS, or any other signer URI, with attest itself: sh docs/sign/kms-check.sh [--generate] URI
# With --generate, it creates the key first. It changes nothing else, and writes only to a temporary directory.
# The command is $ATTEST, by default attest. It ends with 0 only if every check passed.
set -u
generate=
if [ "${1-}" = --generate ]; then generate=yes; shift; fi
if [ $# -ne 1 ]; then echo "usage: sh kms-check.sh [--generate] URI" >&2; exit 2; fi
uri=$1
attest=${ATTEST:-attest}
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 2' HUP INT TERM
passed=0 failed=0

# check EXIT-CODE WORD TEXT COMMAND...: the command must end with this code (a pattern), and print the word.
check() {
    code=$1 word=$2 text=$3
    shift 3
    "$@" >"$work/out" 2>"$work/err"
    got=$?
    case $got in
    $code)
        if [ -z "$word" ] || grep -qF -e "$word" "$work/out" "$work/err"; then
            passed=$((passed + 1))
            echo "passed: $text"
            return 0
        fi
        ;;
    esac
    failed=$((failed + 1))
    echo "FAILED: $text (exit $got, expected $code${word:+ and \"$word\"})"
    sed 's/^/    /' "$work/err"
    return 1
}

with() { case $uri in *\?*) echo "$uri&$1" ;; *) echo "$uri?$1" ;; esac; }

if [ -n "$generate" ]; then
    check 0 "" "a new key is generated" "$attest" key generate "$uri" --format json || exit 1
    made=$(sed -n 's/.*"signer": *"\([^"]*\)".*/\1/p' "$work/out" | head -n 1)
    check "[34]" exists "the same key is not generated again" "$attest" key generate "$uri"
    uri=${made:-$uri}
    echo "        $uri"
fi

check 0 "valid:" "the key signs, and its public key verifies the signature" "$attest" key check "$uri" || exit 1
sed -n 's/^  \(version\|algorithm\|keyid\) /        \1 /p' "$work/out"
algorithm=$(sed -n 's/^  algorithm *//p' "$work/out")

check 0 "BEGIN PUBLIC KEY" "the public key can be exported" "$attest" key export "$uri"
cp "$work/out" "$work/key.pem"
printf 'hello\n' >"$work/app.txt"
printf 'bye\n' >"$work/other.txt"
printf '{"good": true}\n' >"$work/small.json"
{ printf '{"large": "'; head -c 300000 /dev/zero | tr '\0' x; printf '"}\n'; } >"$work/large.json"
type=https://example.com/kms-check/v1
check 0 "" "a trust bundle with the exported key" \
    "$attest" trust init --anchor check --key "$work/key.pem" --algorithm "$algorithm" -o "$work/trust.json"
for size in small large; do
    check 0 "" "a $size statement is built" \
        "$attest" build "$work/app.txt" --type $type --predicate "$work/$size.json" -o "$work/$size.statement.json"
done
check 0 "" "a statement is signed" "$attest" sign "$work/small.statement.json" --signer "$uri" -o "$work/small.intoto.json"
check 0 "verified:" "the attestation is verified by the exported key" \
    "$attest" verify "$work/small.intoto.json" --trust "$work/trust.json" --artifact "$work/app.txt"
check 1 "" "another artifact is refused" \
    "$attest" verify "$work/small.intoto.json" --trust "$work/trust.json" --artifact "$work/other.txt"
if "$attest" sign "$work/large.statement.json" --signer "$uri" -o "$work/large.intoto.json" >/dev/null 2>"$work/err"; then
    check 0 "verified:" "a statement of 300 KB is signed and verified" \
        "$attest" verify "$work/large.intoto.json" --trust "$work/trust.json" --artifact "$work/app.txt"
else
    check 4 data-too-large "a statement of 300 KB is too large for this key, and the error says so" \
        "$attest" sign "$work/large.statement.json" --signer "$uri"
fi
case $uri in
*algorithm=*) ;;
*)
    other=ed25519
    if [ "$algorithm" = ed25519 ]; then other=ecdsa-sha2-nistp256; fi
    check 4 key-algorithm-mismatch "an algorithm that the key is not for is refused" "$attest" key check "$(with "algorithm=$other")"
    ;;
esac

echo "$passed passed, $failed failed: $uri"
[ "$failed" -eq 0 ]
