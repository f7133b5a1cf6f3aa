use async_compression::tokio::bufread::{BrotliEncoder, DeflateEncoder, GzipEncoder, ZlibEncoder, ZstdEncoder};
use proptest::prelude::*;

use super::*;
use crate::body::decode;

/// The ways to pack, by the name in the header; `deflate` in both of its forms.
pub(crate) const WAYS: [(&str, Way); 5] = [
    ("gzip", |bytes| pull(Box::pin(GzipEncoder::new(std::io::Cursor::new(bytes))))),
    ("deflate", |bytes| pull(Box::pin(ZlibEncoder::new(std::io::Cursor::new(bytes))))),
    ("deflate", |bytes| pull(Box::pin(DeflateEncoder::new(std::io::Cursor::new(bytes))))),
    ("br", |bytes| pull(Box::pin(BrotliEncoder::new(std::io::Cursor::new(bytes))))),
    ("zstd", |bytes| pull(Box::pin(ZstdEncoder::new(std::io::Cursor::new(bytes))))),
];

pub(crate) type Way = fn(Bytes) -> Bytes;

fn pull(mut encoder: BoxReader) -> Bytes {
    let mut out = BytesMut::new();
    while read_now(encoder.as_mut(), &mut out).unwrap() > 0 {}
    out.freeze()
}

fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap()
}

#[test]
fn identity_and_nothing_give_the_same_bytes() {
    let body = Bytes::from(vec![1, 2, 3]);
    for encoding in [None, Some(header("identity")), Some(header(" IDENTITY ,")), Some(header(""))] {
        assert_eq!(decode(body.clone(), encoding.as_ref(), 3).unwrap().as_ptr(), body.as_ptr());
        assert!(matches!(decode(body.clone(), encoding.as_ref(), 2), Err(BodyError::TooLarge { limit: 2 })));
    }
}

#[test]
fn stacked_codings_are_undone_in_reverse() {
    let text = Bytes::from_static(b"stacked stacked stacked");
    let [(_, gzip), _, _, (_, brotli), (_, zstd)] = WAYS;
    let packed = zstd(brotli(gzip(text.clone())));
    assert_eq!(decode(packed.clone(), Some(&header("gzip, br, zstd")), 1000).unwrap(), text);
    assert!(decode(packed.clone(), Some(&header("zstd, br, gzip")), 1000).is_err());
    let error = decode(packed, Some(&header("gzip, gzip, gzip, gzip")), 1000).unwrap_err();
    assert_eq!(error.status(), 415);
}

#[test]
fn a_bomb_is_stopped_at_the_limit() {
    let zeroes = Bytes::from(vec![0; 32 * 1024 * 1024]);
    for (name, pack) in WAYS {
        let packed = pack(zeroes.clone());
        assert!(packed.len() < 100_000, "{name}: {}", packed.len());
        let error = decode(packed, Some(&header(name)), 1024 * 1024).unwrap_err();
        assert!(matches!(error, BodyError::TooLarge { .. }), "{name}: {error}");
        assert_eq!(error.status(), 413);
    }
}

#[test]
fn the_limit_is_exact() {
    let text = Bytes::from(vec![b'x'; 70_000]);
    for (name, pack) in WAYS {
        assert_eq!(decode(pack(text.clone()), Some(&header(name)), 70_000).unwrap(), text, "{name}");
        assert!(decode(pack(text.clone()), Some(&header(name)), 69_999).is_err(), "{name}");
    }
}

#[test]
fn the_unknown_is_415_and_the_corrupt_400() {
    let error = decode(Bytes::from_static(b"x"), Some(&header("snappy")), 10).unwrap_err();
    assert_eq!((error.status().as_u16(), error.to_string().contains("snappy")), (415, true));
    for (name, pack) in WAYS {
        let error = decode(Bytes::from_static(b"\xffnot packed at all"), Some(&header(name)), 1000).unwrap_err();
        assert_eq!(error.status(), 400, "{name}: {error}");
        let packed = pack(Bytes::from_static(b"a text that will be cut off somewhere"));
        let cut = packed.slice(..packed.len() - 5);
        assert_eq!(decode(cut, Some(&header(name)), 1000).map(|_| name).unwrap_err().status(), 400, "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_was_packed_comes_back(bytes: Vec<u8>, way in 0..WAYS.len()) {
        let (name, pack) = WAYS[way];
        let bytes = Bytes::from(bytes);
        let back = decode(pack(bytes.clone()), Some(&header(name)), bytes.len().max(1) + 1000);
        prop_assert_eq!(back.unwrap(), bytes);
    }

    #[test]
    fn no_input_panics(bytes: Vec<u8>, way in 0..WAYS.len()) {
        let _ = decode(Bytes::from(bytes), Some(&header(WAYS[way].0)), 10_000);
    }
}
