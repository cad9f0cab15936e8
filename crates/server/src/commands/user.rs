//! `foretell user`: changes users while the server is stopped.

use crate::cli;
use crate::config::load;
use crate::exit::{Exit, UsageError};
use crate::{clock, complain, logging, secrets, server};
use anyhow::Context as _;
use api::auth::password;
use model::credential::Secret;
use std::io::IsTerminal as _;
use store::Store;

/// Runs it.
pub fn run(user: &cli::User) -> anyhow::Result<Exit> {
    let cli::User::SetPassword {
        name,
        password_env,
        password_file,
        config,
        data_dir,
    } = user;
    logging::start_quiet()?;
    let flags = load::Flags {
        data_dir: data_dir.clone(),
        ..load::Flags::default()
    };
    let settings = load::load(config.as_deref(), &load::environment(), &flags)?.settings;
    anyhow::ensure!(
        settings.data_dir.is_dir(),
        UsageError(format!(
            "there is no data folder {}",
            settings.data_dir.display()
        ))
    );
    let password_given = match secrets::from(password_env.as_deref(), password_file.as_deref())? {
        Some(given) => given,
        None => ask()?,
    };
    if let Some(objection) = password::objection(password_given.reveal()) {
        return Err(UsageError(format!("the password is not taken: {objection}")).into());
    }
    let hash = password::hash(&password_given).context("the password could not be hashed")?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let options = server::options::store(&settings);
        let (store, _) = Store::open(options, clock::real()).await?;
        let account = store
            .accounts
            .named(name)
            .await?
            .with_context(|| format!("there is no user {name}"))?;
        store.accounts.set_password(account, hash).await?;
        store.close().await?;
        anyhow::Ok(())
    })?;
    complain(&format!(
        "{name} has a new password and is signed out everywhere"
    ));
    Ok(Exit::Done)
}

/// Reads the password from standard input: a line.
fn ask() -> anyhow::Result<Secret> {
    if std::io::stdin().is_terminal() {
        complain("new password (it will be shown as you type; --password-file does not show it):");
    }
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(Secret::new(line.trim_end_matches(['\n', '\r']).to_owned()))
}
