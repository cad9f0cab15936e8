//! What the series store costs: appending, sealing, memory, starting, querying, readers beside a writer.
//! Prints one JSON object of figures.
//!
//! `cargo run --release -p foretell-store --example store_bench -- PART`
//!
//! | part | what |
//! | --- | --- |
//! | `append` | append and seal to two hours: samples a CPU-second, octets a sample |
//! | `head` | memory of a million series half an hour after the last seal |
//! | `start` | opening what a killed process left with such a head |
//! | `query` | a day of one series; an hour of a thousand; the ten greatest of 100,000 |
//! | `year` | a year of one series by the hour; folding a day |
//! | `archive` | archiving a day, reading a series of it there, bringing it back |
//! | `import` | files of samples, written and taken in: rows a CPU-second, octets a row |
//! | `readers` | 80,000 samples a second, without and with twenty readers |
//! | `index` | a million series: their memory, loading, finding, counting and knowing them again |
//! | `packs` | files of sealed samples: writing, reading, octets a sample |
//! | `growth SERIES` | how all of this is with so many series |
//! | `beside DEVICES POLLS` | what peers are measured by as well: appending, size, queries |
//! | `send ADDRESS PATH DEVICES POLLS` | gives a peer the same samples, by Prometheus' remote write |
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::indexing_slicing)]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss
)]

mod append;
mod archive;
mod ask;
mod beside;
mod growth;
mod head;
mod import;
mod index;
mod load;
mod packs;
mod proc;
mod query;
mod readers;
mod send;
mod year;

use std::path::Path;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match *arguments {
        ["append"] => append::run(),
        ["head"] => head::run(),
        ["start"] => head::start(),
        ["query"] => query::run(),
        ["readers"] => readers::run(),
        ["year"] => year::run(),
        ["index"] => index::run(),
        ["packs"] => packs::run(),
        ["archive"] => archive::run(),
        ["import"] => import::run(),
        ["growth", series] => growth::run(number(series)),
        ["beside", devices, polls] => beside::run(number(devices), number(polls)),
        ["send", address, path, devices, polls] => {
            send::run((address, path), number(devices), number(polls));
        }
        // What `start` has killed.
        ["fill", folder] => head::fill(Path::new(folder)),
        // What `index` measures.
        ["indexed", folder] => index::registered(Path::new(folder)),
        _ => {
            panic!(
                "which part? append, head, start, query, year, archive, import, readers, index, packs, growth, beside or send"
            )
        }
    }
}

/// A number that was asked for.
fn number<T: std::str::FromStr>(text: &str) -> T {
    let read = text.parse();
    read.unwrap_or_else(|_| panic!("{text} is no number"))
}
