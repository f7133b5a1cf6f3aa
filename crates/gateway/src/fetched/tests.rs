//! What was fetched is what it is, and messages say no secret.

use bytes::Bytes;

use super::*;

fn got(content_type: &str, body: &[u8]) -> Fetched {
    Fetched { content_type: Some(content_type.to_owned()), body: Bytes::copy_from_slice(body) }
}

#[test]
fn first_bytes_decide_and_a_page_is_no_picture() {
    let png = b"\x89PNG\r\n\x1a\n0000";
    let kind = |what, fetched: &Fetched| match content(what, "https://h.example/x.md?y", fetched) {
        Some(Content::Bytes(kind, _)) => kind,
        Some(Content::Words(kind, words)) => format!("{kind}: {words}"),
        None => String::new(),
    };
    for (what, content_type, body, expect) in [
        (RemoteKind::Picture, "text/plain", &png[..], "image/png"),
        (RemoteKind::Picture, "image/png", b"<html>", ""),
        (RemoteKind::Picture, "image/svg+xml", b"<svg/>", ""),
        (RemoteKind::Picture, "image/png", b"%PDF-1.7....", ""),
        (RemoteKind::Picture, "", b"", ""),
        (RemoteKind::Document, "application/octet-stream", b"%PDF-1.7....", "application/pdf"),
        (RemoteKind::Document, "text/csv; charset=utf-8", b"a,b", "text/csv: a,b"),
        (RemoteKind::Document, "text/plain", b"\xff\xfe", ""),
        (RemoteKind::Document, "text/html", b"<html>", ""),
        (RemoteKind::Document, "application/json", b"{}", "application/json: {}"),
        (RemoteKind::Document, "application/octet-stream", b"# a", "text/markdown: # a"),
        (RemoteKind::Document, "", b"# a", "text/markdown: # a"),
        (RemoteKind::Document, "application/zip", b"PK", ""),
    ] {
        assert_eq!(kind(what, &got(content_type, body)), expect, "{what:?} {content_type}");
    }
}

#[test]
fn addresses_are_shown_without_secrets() {
    assert_eq!(shown("https://me:pw@h.example/a.png?sig=s3cret#x"), "https://h.example/a.png");
    assert!(shown(&format!("http://h/{}", "a".repeat(5_000))).len() <= 200);
}
