# Short names for the commands of CONTRIBUTING.md; nothing here is needed to build or test.

# Builds and starts the gateway.
run *args:
    cargo run --release -- {{args}}

# Everything that continuous integration runs, or the stages named.
test *stages:
    scripts/test {{stages}}

# The quick loop: unit tests of one crate.
unit crate:
    cargo test --package bosporus-{{crate}}

fmt:
    cargo fmt --all

lint:
    cargo clippy --workspace --all-targets -- -D warnings
    cargo xtask tidy

# Accept what the translations give now as the golden files.
golden:
    cargo xtask golden

# The product against a bare proxy; writes bench/RESULTS.md.
bench *args:
    cargo run --release --manifest-path bench/Cargo.toml -- {{args}}

# The build for packages: profile-guided where the tool chain can.
release *args:
    scripts/release {{args}}

# Advisories too; needs cargo-deny.
deny:
    cargo deny check
