#!/bin/sh
# Writes the manual page and the completions of the command to a folder.
set -eu
dir=$1
mkdir -p "$dir"
bin=$dir/.runtimefix
go build -o "$bin" ./cmd/runtimefix
"$bin" man > "$dir/runtimefix.1"
"$bin" completion bash > "$dir/runtimefix.bash"
"$bin" completion zsh > "$dir/_runtimefix"
"$bin" completion fish > "$dir/runtimefix.fish"
rm "$bin"
