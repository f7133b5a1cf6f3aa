//! The key that stays the same through a conversation.

use dialect::{Source, header, user};
use serde::Deserialize;

/// The agent's own header, else the session inside the user id, else the user id.
pub(crate) static SOURCES: [Source; 3] =
    [header("x-claude-code-session-id"), Source::Within(|body| of_user(&user(body)?)), Source::Within(user)];

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
    }

    #[test]
    fn the_agents_header_comes_first_and_a_plain_user_last() {
        let told = |header: Option<&'static str>, user: &str| {
            let header = header.map(http::HeaderValue::from_static);
            let named = header.map(|value| (http::HeaderName::from_static("x-claude-code-session-id"), value));
            let body = format!(r#"{{"metadata":{{"user_id":"{user}"}}}}"#);
            let body = dialect::Body::parse(bytes::Bytes::from(body)).unwrap();
            dialect::session(&SOURCES, &named.into_iter().collect(), &body)
        };
        assert_eq!(told(Some("h"), "u_session_s").as_deref(), Some("h"));
        assert_eq!(told(None, "u_session_s").as_deref(), Some("s"));
        assert_eq!(told(None, "someone").as_deref(), Some("someone"));
        assert_eq!(told(None, ""), None);
    }
}
