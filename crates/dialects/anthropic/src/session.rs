//! The key that stays the same through a conversation (facts/cliproxyapi.md 6.3).

use http::HeaderMap;
use serde::Deserialize;

/// Longest session key that is used, in bytes; a longer one is no key but a payload.
const MAX: usize = 512;

/// The session of a request: the agent's own header, else the session inside the user id, else the user id.
pub(crate) fn of_request(headers: &HeaderMap, user: Option<&str>) -> Option<String> {
    let header = headers.get("x-claude-code-session-id").and_then(|value| value.to_str().ok());
    let own = header.filter(|text| !text.is_empty()).map(str::to_owned);
    own.or_else(|| user.and_then(of_user))
        .or_else(|| user.map(str::to_owned))
        .filter(|key| !key.is_empty() && key.len() <= MAX)
}

/// The session id inside a user id: a JSON record in newer agents, `..._session_<id>` in older ones.
pub(crate) fn of_user(user: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct User {
        session_id: Option<String>,
    }
    let session = match serde_json::from_str::<User>(user) {
        Ok(record) => record.session_id,
        Err(_) => user.rsplit_once("_session_").map(|(_, session)| session.to_owned()),
    };
    session.filter(|session| !session.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_is_found_in_each_form_of_the_user_id() {
        assert_eq!(of_user(r#"{"device_id":"d","session_id":"s-1"}"#).as_deref(), Some("s-1"));
        assert_eq!(of_user("user_ab_account__session_s-2").as_deref(), Some("s-2"));
        assert_eq!(of_user("someone"), None);
        assert_eq!(of_user("42"), None);
        assert_eq!(of_request(&HeaderMap::new(), Some("someone")).as_deref(), Some("someone"));
    }

    #[test]
    fn the_agents_header_comes_first() {
        let mut headers = HeaderMap::new();
        headers.insert("x-claude-code-session-id", http::HeaderValue::from_static("h"));
        assert_eq!(of_request(&headers, Some("u_session_s")).as_deref(), Some("h"));
        assert_eq!(of_request(&headers, None).as_deref(), Some("h"));
    }
}
