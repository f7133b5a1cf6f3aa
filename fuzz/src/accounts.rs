//! Account files: anybody's bytes, with a private key among them that nobody may see.

use pool::Secret;
use upstreams::{AccountFile, FileRead};

/// What no message and no `Debug` may show: keys are long texts without spaces.
const SHOWN_AT_MOST: usize = 48;

/// A key of nobody, so that some files are whole.
const KEY: &str = include_str!("../../crates/testkit/src/google/first.pem");

/// Texts to begin with.
const ACCOUNTS: &[&str] = &[
    r#"{"type":"vertex","service_account":{"type":"service_account","project_id":"p","private_key_id":"k","private_key":"-----BEGIN PRIVATE KEY-----\nMIIEvAIBADANBgkqhkiG9w0BAQEFAASCBKYwggSiAgEAAoIBAQC7\n-----END PRIVATE KEY-----\n","client_email":"a@p.iam.gserviceaccount.com","token_uri":"https://oauth2.googleapis.com/token"},"project_id":"p","location":"us-central1","label":"p","priority":"3","excluded_models":["*-pro"]}"#,
    r#"{"type":"service_account","private_key":"-----BEGIN RSA PRIVATE KEY-----","client_email":"a","universe_domain":"x.y"}"#,
    r#"{"type":"claude","access_token":"x","disabled":true}"#,
    r#"{"type":"vertex","headers":{"a":"b"},"proxy_url":"socks5://u:p@h:1","request_scoped_errors":[{"status":400,"match":["x"],"action":"stop"}]}"#,
    r#"{"type":"vertex","model_aliases":[{"name":"a","alias":"b"},{"name":"b","alias":"a"}],"weight":-1}"#,
    r#"{"type":"codex","tokens":{"access_token":"x"},"last_refresh":"2026-01-01T00:00:00Z"}"#,
    r#"{"type":"vertex","service_account":"{}","location":"eu"}"#,
    r#"{"type":7,"disabled":"yes","priority":1e400}"#,
    "\u{feff}{\"type\":\"vertex\"}",
    "{}",
    "[]",
    "",
];

/// What to begin with: texts that are refused for every reason, and whole files in both forms.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let plain = serde_json::json!({"type": "service_account", "project_id": "p", "private_key": KEY,
        "client_email": "a@p.iam.gserviceaccount.com", "token_uri": "https://oauth2.googleapis.com/token"});
    let wrapped = serde_json::json!({"type": "vertex", "service_account": plain, "project_id": "p", "prefix": "a",
        "headers": {"x-a": "b"}, "base_url": "https://v.example", "priority": 3, "max_concurrency": 2});
    let whole = [plain.to_string(), wrapped.to_string()];
    ACCOUNTS.iter().map(|text| text.as_bytes().to_vec()).chain(whole.map(String::into_bytes)).collect()
}

/// A file is read, or refused in words that show nothing of a long text in it.
pub(crate) fn account(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let shown = match AccountFile::read("a.json", &Secret::new(text)) {
        Ok(FileRead::Account(file, odd)) => {
            // Whatever passed the look when it was read makes a place.
            assert!(file.settings.disabled || file.place().is_some(), "a file that was taken leads nowhere");
            format!("{file:?} {odd:?}")
        }
        Ok(FileRead::Foreign(why)) | Err(why) => {
            assert!(!why.is_empty(), "refused without a word");
            why
        }
    };
    let Ok(value) = serde_json::from_str::<serde_json::Value>(text) else { return };
    let inner = value.get("service_account").unwrap_or(&value);
    let key = inner.get("private_key").and_then(serde_json::Value::as_str).unwrap_or_default();
    assert!(key.len() < SHOWN_AT_MOST || !shown.contains(key), "the key is shown");
}
