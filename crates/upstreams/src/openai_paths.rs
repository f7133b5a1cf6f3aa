//! Where OpenAI's API keeps what it has beside chat, for every place that copies it.

use dialect::Service;
use dialect::embed::EmbedCall;
use url::Url;

use crate::Purpose;
use crate::endpoint::Endpoint;

/// What users paste behind the address that is meant.
const TAILS: [&str; 2] = ["/chat/completions", "/responses"];

/// The root of the API at `base`.
pub(crate) fn root(base: &Url, rules: &[config::HeaderRule]) -> Option<Endpoint> {
    Endpoint::new(&without(base, &TAILS), "", rules)
}

/// An address without what users paste behind it.
pub(crate) fn without(base: &Url, tails: &[&str]) -> Url {
    let path = base.path().trim_end_matches('/');
    let bare = tails.iter().find_map(|tail| path.strip_suffix(tail)).unwrap_or(path).to_owned();
    let mut base = base.clone();
    base.set_path(&bare);
    base
}

/// The path below the root; `None` where a kind has an address of its own for the purpose.
pub(crate) fn path(purpose: Purpose) -> Option<&'static str> {
    match purpose {
        Purpose::Generate | Purpose::Compact | Purpose::CountTokens => None,
        Purpose::Embed(EmbedCall::Many | EmbedCall::One) => Some("embeddings"),
        Purpose::Pass(service) => Some(service_path(service)),
    }
}

fn service_path(service: Service) -> &'static str {
    match service {
        Service::ImageGeneration => "images/generations",
        Service::ImageEdit => "images/edits",
        Service::ImageVariation => "images/variations",
        Service::Speech => "audio/speech",
        Service::Transcription => "audio/transcriptions",
        Service::Translation => "audio/translations",
        Service::Rerank => "rerank",
        Service::Moderation => "moderations",
        Service::Search => "alpha/search",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_found_behind_every_address_that_users_write() {
        for base in ["https://a.example/v1", "https://a.example/v1/", "https://a.example/v1/chat/completions"] {
            let root = root(&Url::parse(base).unwrap(), &[]).unwrap();
            assert_eq!(root.below("embeddings").unwrap().address(), "https://a.example/v1/embeddings");
        }
        let bare = root(&Url::parse("https://a.example/").unwrap(), &[]).unwrap();
        assert_eq!(bare.below("embeddings").unwrap().address(), "https://a.example/embeddings");
    }
}
