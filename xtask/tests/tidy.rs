//! The house rules hold for this tree.

#[test]
fn the_house_is_tidy() {
    let findings = xtask::tidy::run(&xtask::root()).unwrap();
    assert!(findings.problems.is_empty(), "\n{}", findings.problems.join("\n"));
}
