//! What answers carry that comes from the place and from no language: the clouds and the gateways in front of a model
//! add headers of their own. The engine reads these lists and knows none of the names.

/// The headers in which places name their requests, for a ticket there; the first that is there is meant.
pub static REQUEST_IDS: [&str; 6] =
    ["request-id", "x-request-id", "x-goog-request-id", "apim-request-id", "x-amzn-requestid", "cf-ray"];

/// How the headers begin with which other gateways sign their answers. Our answers are not theirs.
pub static SIGNATURES: [&str; 6] = ["x-litellm-", "helicone-", "x-portkey-", "cf-aig-", "x-kong-", "x-bt-"];
