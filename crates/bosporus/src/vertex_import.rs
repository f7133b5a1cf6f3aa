//! `-vertex-import FILE` of CLIProxyAPI: Google's key file of a service account becomes an account file in `auth-dir`, as
//! that program writes it. Google's own form would serve as it is; this is for scripts that call it.

use std::path::Path;
use std::process::ExitCode;

use gateway::check_account;
use serde_json::{Map, Value, json};

use crate::args::Args;
use crate::seed_flags::Brought;
use crate::{environment, logging, setup};

/// Largest file that is read, in bytes.
const MAX_FILE: u64 = 1 << 20;
/// Longest project in a file's name.
const MAX_NAME: usize = 128;

/// Writes the account file and says where. Nothing is served.
pub(crate) fn run(args: &Args, brought: &Brought) -> Result<ExitCode, String> {
    let shown = brought.file.display();
    let told = |why: String| format!("{shown}: {why}");
    let key = read(&brought.file).map_err(told)?;
    let (name, account) = account(&key, brought.prefix.as_deref()).map_err(told)?;
    let folder = setup::existing(args)?.auth_dir_in(environment::folder("HOME").as_deref());
    let path = folder.join(name);
    if let Ok(old) = std::fs::read_to_string(&path)
        && email(&serde_json::from_str(&old).unwrap_or_default()) != account["email"].as_str()
    {
        return Err(format!("{} is there already and is another account's: move it away first", path.display()));
    }
    let text = serde_json::to_string_pretty(&account).map_err(|error| error.to_string())?;
    config::write_private(&path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    logging::say(&format!("{shown} is imported: {}", path.display()));
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path) -> Result<Map<String, Value>, String> {
    let cannot = |error: std::io::Error| format!("cannot be read: {error}");
    if std::fs::metadata(path).map_err(cannot)?.len() > MAX_FILE {
        return Err("it is larger than 1 MiB".to_owned());
    }
    let bytes = std::fs::read(path).map_err(cannot)?;
    match serde_json::from_slice(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes)) {
        Ok(Value::Object(key)) => Ok(key),
        Ok(_) | Err(_) => Err("it is no JSON object".to_owned()),
    }
}

/// The account file of a key, and what it is called.
fn account(key: &Map<String, Value>, prefix: Option<&str>) -> Result<(String, Value), String> {
    let field = |name: &str| key.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
    let project = field("project_id").ok_or("it names no `project_id`")?;
    let email = field("client_email").ok_or("it names no `client_email`")?;
    let mut account = json!({
        "type": "vertex",
        "service_account": key,
        "project_id": project,
        "email": email,
        "location": "us-central1",
        "label": project,
    });
    let prefix = prefix.map(|prefix| prefix.trim().trim_matches('/')).filter(|prefix| !prefix.is_empty());
    if prefix.is_some_and(|prefix| prefix.contains('/')) {
        return Err("-vertex-import-prefix has no slash in it".to_owned());
    }
    if let Some(prefix) = prefix {
        account["prefix"] = json!(prefix);
    }
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' };
    let name: String = project.chars().take(MAX_NAME).map(plain).collect();
    let name = format!("vertex-{name}.json");
    check_account(&name, &account.to_string())?;
    Ok((name, account))
}

/// Whose an account file is, in either form.
fn email(file: &Value) -> Option<&str> {
    file["email"].as_str().or_else(|| file["client_email"].as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_account_is_told_without_a_word_of_it() {
        for (key, why) in [
            (json!({}), "`project_id`"),
            (json!({"project_id": "p"}), "`client_email`"),
            (json!({"project_id": "p", "client_email": "e"}), "`private_key`"),
            (json!({"project_id": "p", "client_email": "e", "private_key": "hush"}), "PEM"),
        ] {
            let told = account(key.as_object().unwrap(), None).unwrap_err();
            assert!(told.contains(why) && !told.contains("hush"), "{told}");
        }
        let key = json!({"project_id": "p", "client_email": "e"});
        assert!(account(key.as_object().unwrap(), Some("a/b")).unwrap_err().contains("slash"));
    }
}
