//! Prints `docs/formats/series.md`: every metric as it is kept. Run by `cargo xtask codegen`.
#![allow(clippy::print_stdout)]

use model::Metric;
use model::metric::Kind;

const INTRODUCTION: &str = "\
A series is a device, a metric and labels; its samples are an instant and a value each. What is \
measured is one table in the code, and this page is made of it.

On disk a metric is its name: in the registry of series beside the device and the labels, from where \
the samples' blocks are found. Its place in the table is never stored. A metric keeps its name, unit \
and kind for ever; another unit is another metric. Where the samples are is told in [log](log.md) and \
[blocks](blocks.md).

- **kind**: a `counter` is kept as it was read, an unsigned integer of 64 bits, exact; it grows, \
wraps, and restarts with the device. A `gauge` is a floating-point number of 64 bits (IEEE 754), never \
NaN nor infinite. A `state` is one of a few numbers with a name each, kept as a counter is; no mean is \
taken of it.
- **unit**: the base unit in which values are kept; a state has none.
";

fn main() {
    println!("# Series");
    println!();
    println!("Generated from `crates/model/src/metric.rs` by `cargo xtask codegen`; do not edit.");
    println!();
    println!("{INTRODUCTION}");
    println!("| metric | unit | kind | what it is |");
    println!("| --- | --- | --- | --- |");
    for metric in Metric::all() {
        let row = metric.row();
        let kind = match row.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::State => "state",
        };
        println!("| `{}` | {} | {kind} | {} |", row.name, row.unit, row.help);
    }
}
