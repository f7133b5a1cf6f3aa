//! What is left of an account's credit, as places tell whoever asks with the account's own key. It sends nothing, and
//! knows nothing of when somebody asks. What an answer does not say in the words of the place's own documents it does
//! not say at all.

use dialect::splice::Pieces;
use http::{HeaderName, Request};
use hub::Fault;
use pool::Secret;
use serde_json::Value;
use url::Url;

use config::HeaderRule;

use crate::endpoint::{Endpoint, credential};

/// Where an account's credit is told, and how the answer is read.
#[derive(Clone, Debug)]
pub struct Gauge {
    endpoint: Endpoint,
    key: (HeaderName, &'static str),
    form: &'static Form,
}

/// What a reading says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credit {
    /// There is some.
    Some,
    /// It is used up.
    Nothing,
}

/// How a place tells it.
#[derive(Debug)]
pub(crate) struct Form {
    from: From,
    path: &'static str,
    read: fn(&Value) -> Option<Credit>,
    /// Where this was read.
    #[cfg_attr(not(test), expect(dead_code, reason = "for whoever reads the table"))]
    pub(crate) source: &'static str,
    /// When.
    #[cfg_attr(not(test), expect(dead_code, reason = "for whoever reads the table"))]
    pub(crate) checked: &'static str,
}

/// Below what a path lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    /// The address that the configuration names.
    Base,
    /// The host, whatever the address has behind it.
    Host,
}

/// A key has a limit of its own or none; what the account has left is told to management keys alone.
pub(crate) static OPENROUTER: Form = Form {
    from: From::Base,
    path: "key",
    read: |told| number(told.pointer("/data/limit_remaining")?).map(credit),
    source: "openrouter.ai/docs/api/reference/limits",
    checked: "2026-11-21",
};

pub(crate) static DEEPSEEK: Form = Form {
    from: From::Host,
    path: "user/balance",
    read: |told| told.get("is_available")?.as_bool().map(|some| if some { Credit::Some } else { Credit::Nothing }),
    source: "api-docs.deepseek.com/api/get-user-balance",
    checked: "2026-11-21",
};

/// At zero or below nothing is answered.
pub(crate) static MOONSHOT: Form = Form {
    from: From::Host,
    path: "v1/users/me/balance",
    read: |told| number(told.pointer("/data/available_balance")?).map(credit),
    source: "platform.moonshot.ai/docs/api/balance",
    checked: "2026-11-21",
};

pub(crate) static SILICONFLOW: Form = Form {
    from: From::Host,
    path: "v1/user/info",
    read: |told| number(told.pointer("/data/totalBalance")?).map(credit),
    source: "docs.siliconflow.com/en/api-reference/userinfo/get-user-info",
    checked: "2026-11-21",
};

impl Gauge {
    /// For a place at `base`; `None` where the whole is no address.
    pub(crate) fn new(
        base: &Url,
        rules: &[HeaderRule],
        key: (HeaderName, &'static str),
        form: &'static Form,
    ) -> Option<Self> {
        let mut base = base.clone();
        base.set_query(None);
        if form.from == From::Host {
            base.set_path("");
        }
        Some(Self { endpoint: Endpoint::new(&base, form.path, rules)?, key, form })
    }

    /// Asks what is left.
    ///
    /// # Errors
    /// When the key fits in no request.
    pub fn request(&self, secret: &Secret) -> Result<Request<Pieces>, Fault> {
        let (name, scheme) = &self.key;
        Ok(self.endpoint.get(credential(name.clone(), scheme, secret)?))
    }

    /// Reads the answer; `None` when it does not say.
    pub fn read(&self, body: &[u8]) -> Option<Credit> {
        (self.form.read)(&serde_json::from_slice(body).ok()?)
    }
}

fn credit(left: f64) -> Credit {
    if left > 0.0 { Credit::Some } else { Credit::Nothing }
}

/// A finite number, bare or as text.
fn number(value: &Value) -> Option<f64> {
    let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok());
    number.filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gauge(base: &str, form: &'static Form) -> Gauge {
        Gauge::new(&Url::parse(base).unwrap(), &[], (http::header::AUTHORIZATION, "Bearer "), form).unwrap()
    }

    #[test]
    fn each_place_is_asked_where_its_documents_say() {
        for (base, form, address) in [
            ("https://openrouter.ai/api/v1", &OPENROUTER, "https://openrouter.ai/api/v1/key"),
            ("https://api.deepseek.com", &DEEPSEEK, "https://api.deepseek.com/user/balance"),
            ("https://api.deepseek.com/beta/?a=b", &DEEPSEEK, "https://api.deepseek.com/user/balance"),
            ("https://api.moonshot.cn/v1", &MOONSHOT, "https://api.moonshot.cn/v1/users/me/balance"),
            ("https://api.siliconflow.cn/v1/", &SILICONFLOW, "https://api.siliconflow.cn/v1/user/info"),
        ] {
            let request = gauge(base, form).request(&Secret::new("k")).unwrap();
            assert_eq!((request.method().as_str(), request.uri().to_string().as_str()), ("GET", address));
            assert_eq!(request.headers()["authorization"], "Bearer k");
            assert!(!form.source.is_empty() && form.checked.starts_with("2026-"));
        }
    }

    #[test]
    fn a_reading_says_what_the_documents_say_and_nothing_else() {
        let some = Some(Credit::Some);
        let nothing = Some(Credit::Nothing);
        for (form, body, said) in [
            (&OPENROUTER, r#"{"data":{"limit":10,"limit_remaining":0.5,"usage":9.5}}"#, some),
            (&OPENROUTER, r#"{"data":{"limit":10,"limit_remaining":-0.1}}"#, nothing),
            (&OPENROUTER, r#"{"data":{"limit":null,"limit_remaining":null}}"#, None),
            (&DEEPSEEK, r#"{"is_available":true,"balance_infos":[]}"#, some),
            (&DEEPSEEK, r#"{"is_available":false,"balance_infos":[{"total_balance":"1.00"}]}"#, nothing),
            (&DEEPSEEK, r#"{"is_available":"true"}"#, None),
            (&MOONSHOT, r#"{"code":0,"data":{"available_balance":49.5,"cash_balance":-3},"status":true}"#, some),
            (&MOONSHOT, r#"{"code":0,"data":{"available_balance":0},"status":true}"#, nothing),
            (&SILICONFLOW, r#"{"code":20000,"data":{"balance":"0.88","totalBalance":"88.88"}}"#, some),
            (&SILICONFLOW, r#"{"code":20000,"data":{"totalBalance":"0"}}"#, nothing),
            (&SILICONFLOW, r#"{"data":{"totalBalance":"NaN"}}"#, None),
            (&SILICONFLOW, r#"{"data":{"totalBalance":"inf"}}"#, None),
            (&MOONSHOT, "[]", None),
            (&MOONSHOT, "<html>", None),
            (&MOONSHOT, "", None),
        ] {
            assert_eq!(gauge("https://host.example/v1", form).read(body.as_bytes()), said, "{body}");
        }
    }
}
