#!/bin/sh
# What cargo calls in place of rustc for crates of ours when the parsers are built: it asks for the
# coverage that libFuzzer is steered by. One that runs while others are built cannot be linked with it.
# Cargo does not see a change of these flags: touch the crates after one.
rustc=$1
shift
case " $* " in
*" --crate-name build_script_"*) exec "$rustc" "$@" ;;
esac
exec "$rustc" "$@" --cfg=fuzzing -Ccodegen-units=1 -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares
