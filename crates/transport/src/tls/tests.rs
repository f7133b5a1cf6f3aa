use super::*;
use crate::testing::certificates;

#[test]
fn every_error_names_its_file_and_no_content() {
    let made = certificates();
    let missing = made.folder.path().join("missing.pem");
    let empty = made.folder.path().join("empty.pem");
    std::fs::write(&empty, "nothing here").unwrap();
    let other = certificates();
    let cases = [
        (&missing, &made.key, "missing.pem"),
        (&empty, &made.key, "empty.pem"),
        (&made.certificate, &missing, "missing.pem"),
        (&made.certificate, &empty, "empty.pem"),
        (&made.certificate, &other.key, "key.pem"),
    ];
    for (certificate, key, named) in cases {
        let error = ServerTls::from_files(certificate, key).unwrap_err().to_string();
        assert!(error.contains(named), "{error}");
        assert!(!error.contains("BEGIN") && !error.contains("nothing here"), "{error}");
    }
}

#[test]
fn a_failed_reload_keeps_the_old_identity() {
    let made = certificates();
    let tls = made.server();
    let before = Arc::as_ptr(&tls.current.read().unwrap());
    assert!(tls.reload(&made.certificate, &made.folder.path().join("missing.pem")).is_err());
    assert_eq!(before, Arc::as_ptr(&tls.current.read().unwrap()));
    let clone = tls.clone();
    tls.reload(&made.certificate, &made.key).unwrap();
    assert_ne!(before, Arc::as_ptr(&clone.current.read().unwrap()), "clones follow");
}
