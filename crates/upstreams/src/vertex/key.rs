//! A service account's private key, and what is signed with it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};

/// Reads a key in either of its PEM forms. Keys come through clipboards and shells, so spaces and line ends don't
/// matter, written `\n` neither.
pub(super) fn read(pem: &str) -> Result<RsaKeyPair, String> {
    let wrong = |why: &str| format!("its `private_key` {why}");
    let pem = pem.replace("\\n", "\n").replace("\\r", "");
    let (_, rest) = pem.split_once("-----BEGIN ").ok_or_else(|| wrong("is no PEM text"))?;
    let (label, rest) = rest.split_once("-----").ok_or_else(|| wrong("is no PEM text"))?;
    let (body, _) = rest.split_once("-----END").ok_or_else(|| wrong("is cut off"))?;
    let body: String = body.chars().filter(|c| !c.is_whitespace()).collect();
    let der = STANDARD.decode(body).map_err(|_| wrong("is damaged"))?;
    let key = match label.trim() {
        "PRIVATE KEY" => RsaKeyPair::from_pkcs8(&der),
        "RSA PRIVATE KEY" => RsaKeyPair::from_der(&der),
        _ => return Err(wrong("is of another kind than RSA in PKCS#8 or PKCS#1")),
    };
    key.map_err(|_| wrong("is damaged, or no RSA key of 2048 to 4096 bits"))
}

/// A token of header and claims with its signature (RFC 7519 with RS256).
pub(super) fn signed(header: &str, claims: &str, key: &RsaKeyPair) -> Option<String> {
    let mut token = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), token.as_bytes(), &mut signature).ok()?;
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    Some(token)
}
