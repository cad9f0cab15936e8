//! Puts the page's files where they are embedded from: the built page of `web/dist`, or one page
//! that says how to build it, so that a build needs no Node.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

const NOT_BUILT: &str = r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Foretell</title>
<style>body { font: 16px/1.5 system-ui; max-width: 40rem; margin: 4rem auto; padding: 0 1rem }</style>
<h1>Foretell runs, and its page is not built</h1>
<p>This binary was built without the page. With Node installed, run</p>
<pre>cargo xtask build</pre>
<p>and start it again. The API is complete without it: see <a href="/docs">its documentation</a>.</p>
</html>
"#;

fn main() -> io::Result<()> {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("page");
    let web = Path::new("../../web");
    let dist = web.join("dist");
    println!("cargo:rerun-if-changed=build.rs");
    if web.is_dir() {
        // Cargo takes a missing path for a changed one and would build anew each time.
        fs::create_dir_all(&dist)?;
        println!("cargo:rerun-if-changed={}", dist.display());
    }
    if out.exists() {
        fs::remove_dir_all(&out)?;
    }
    if dist.join("index.html").is_file() {
        copy(&dist, &out)
    } else {
        fs::create_dir_all(&out)?;
        fs::write(out.join("index.html"), NOT_BUILT)
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
