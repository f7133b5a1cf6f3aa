//! Environment variables of CLIProxyAPI that would be missed: each says what to do instead. Nothing of their values is
//! read or shown. Names that any program may use are left alone.

use crate::environment;

const STORE: &str = "there are no such stores yet; name the folder in which accounts lie in `auth-dir`";

/// Beginnings of names, and what to do instead.
const VARIABLES: &[(&str, &str)] = &[
    (
        "MANAGEMENT_PASSWORD",
        "set BOSPORUS_REMOTE_MANAGEMENT__SECRET_KEY, and BOSPORUS_REMOTE_MANAGEMENT__ALLOW_REMOTE=true for other machines",
    ),
    ("MANAGEMENT_STATIC_PATH", "no panel is read from a folder"),
    ("WRITABLE_PATH", "logs go to standard error, and `auth-dir` names the folder that is written to"),
    ("HOME_JWT", "there is no Home control plane here, by design"),
    ("AMP_API_KEY", "it belonged to an integration that no longer exists"),
    ("PGSTORE_", STORE),
    ("OBJECTSTORE_", STORE),
    ("GITSTORE_", STORE),
];

/// A line for each kind that is set.
pub(crate) fn notes() -> Vec<String> {
    notes_on(&environment::names())
}

fn notes_on(names: &[String]) -> Vec<String> {
    let note = |(start, instead): &(&str, &str)| {
        let fits = |name: &&String| name.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start));
        let whole = |name: &&String| start.ends_with('_') || name.len() == start.len();
        let name = names.iter().filter(fits).find(whole)?;
        let shown: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
        Some(format!("{shown} has no effect: {instead}"))
    };
    VARIABLES.iter().filter_map(note).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_told_once_in_either_case_and_others_are_left_alone() {
        let names = ["PGSTORE_DSN", "PGSTORE_SCHEMA", "home_jwt", "HOME", "HOME_JWT_OF_OTHERS", "DEPLOY", "ä", "AMP"];
        let told = notes_on(&names.map(str::to_owned));
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].starts_with("home_jwt has") && told[1].starts_with("PGSTORE_DSN has"), "{told:?}");
    }
}
