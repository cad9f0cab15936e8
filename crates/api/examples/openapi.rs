//! Prints the OpenAPI document: `cargo run -p foretell-api --example openapi > crates/api/openapi.json`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    use std::io::Write as _;
    let text = foretell_api::openapi().to_pretty_json()?;
    writeln!(std::io::stdout(), "{text}")?;
    Ok(())
}
