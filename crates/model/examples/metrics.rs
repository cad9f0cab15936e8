//! Prints `docs/guide/metrics.md`: the table of metrics as a page. Run by `cargo xtask codegen`.
#![allow(clippy::print_stdout)]

use foretell_model::Metric;
use foretell_model::metric::Kind;

fn main() {
    println!("# What is measured");
    println!();
    println!("Generated from `crates/model/src/metric.rs` by `cargo xtask codegen`; do not edit.");
    println!();
    println!(
        "Values are stored as read, in base units. A counter is asked for as a rate per second."
    );
    println!();
    println!("| metric | kind | unit | what it is |");
    println!("| --- | --- | --- | --- |");
    for metric in Metric::all() {
        let row = metric.row();
        let kind = match row.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::State => "state",
        };
        println!("| `{}` | {kind} | {} | {} |", row.name, row.unit, row.help);
    }
}
