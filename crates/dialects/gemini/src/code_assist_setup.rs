//! What Gemini CLI asks of Code Assist besides answers, told as it is here: there is no account to set up, no
//! experiment, no administrator and no telemetry. Shapes: google-gemini/gemini-cli, code_assist/types.ts (2026-08-21).

use bytes::BytesMut;
use dialect::{Catalogue, HttpReply, ModelCard, Object};
use http::StatusCode;

/// The plan of everybody here.
const TIER: &str = r#"{"id":"standard-tier","name":"Bosporus","description":"Models by way of this gateway","userDefinedCloudaicompanionProject":false,"isDefault":true,"hasOnboardedPreviously":true}"#;

fn ok(body: impl Into<bytes::Bytes>) -> HttpReply {
    HttpReply::json(StatusCode::OK, body)
}

/// Who the user is: somebody who needs no setting up.
pub(crate) fn load() -> HttpReply {
    ok(format!(r#"{{"currentTier":{TIER},"allowedTiers":[{TIER}],"cloudaicompanionProject":"bosporus"}}"#))
}

/// Setting up a user is done before it began.
pub(crate) fn onboard() -> HttpReply {
    ok(r#"{"done":true,"response":{"cloudaicompanionProject":{"id":"bosporus","name":"Bosporus"}}}"#)
}

/// No experiments.
pub(crate) fn experiments() -> HttpReply {
    ok(r#"{"experimentIds":[],"flags":[]}"#)
}

/// Nobody administers the program from here.
pub(crate) fn admin_controls() -> HttpReply {
    ok(r#"{"adminControlsApplicable":false}"#)
}

/// Nothing is collected, whatever is asked.
pub(crate) fn setting() -> HttpReply {
    ok(r#"{"cloudaicompanionProject":"bosporus","freeTierDataCollectionOptin":false}"#)
}

/// Metrics are taken and dropped.
pub(crate) fn nothing() -> HttpReply {
    ok("{}")
}

/// Quotas by model. None is kept here, so all of it is left; programs use the list to learn which models they may ask.
#[derive(Debug)]
pub(crate) struct Quota;

impl Catalogue for Quota {
    fn list(&self, models: &[ModelCard], _: &str) -> HttpReply {
        let mut out = BytesMut::with_capacity(32 + models.len() * 72);
        let mut body = Object::open(&mut out);
        body.array("buckets", models, bucket);
        body.close();
        ok(out.freeze())
    }

    fn one(&self, model: &ModelCard) -> HttpReply {
        self.list(std::slice::from_ref(model), "")
    }
}

fn bucket(model: &ModelCard, out: &mut BytesMut) {
    let mut bucket = Object::open(out);
    bucket.text("modelId", &model.id);
    bucket.text("tokenType", "REQUESTS");
    bucket.number("remainingFraction", 1);
    bucket.close();
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn every_answer_is_json_that_the_program_knows() {
        let read = |reply: &HttpReply| serde_json::from_slice::<Value>(&reply.body).unwrap();
        let loaded = read(&load());
        assert_eq!(loaded["currentTier"]["id"], "standard-tier");
        assert!(loaded["cloudaicompanionProject"].as_str().unwrap().parse::<u64>().is_err());
        assert_eq!(read(&onboard())["done"], true);
        assert_eq!(read(&admin_controls())["adminControlsApplicable"], false);
        for reply in [experiments(), setting(), nothing()] {
            assert!(read(&reply).is_object());
        }
        let card = ModelCard::new("a/b", "x", &dialect::ModelTraits::default());
        assert_eq!(read(&Quota.list(&[card], ""))["buckets"][0]["modelId"], "a/b");
    }
}
