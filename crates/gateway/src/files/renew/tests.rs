//! Whoever issues credentials is slow, silent or wrong, and other processes want the same: on paused time, with a real
//! folder of documents.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use pool::{Credential, Secret};
use transport::client::ClientOptions;
use upstreams::Renewable;

use super::super::Folder;
use super::super::purse::Purses;
use super::*;

/// What the issuer does when it is asked.
type Does = Box<dyn Fn(&Document) -> Option<Result<Renewed, Refused>> + Send + Sync>;

/// An issuer; `None` is silence for ever.
struct Issuer {
    does: Does,
    rewrites: bool,
    asked: AtomicUsize,
    /// The documents that it was asked with.
    seen: Mutex<Vec<String>>,
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Issuer")
    }
}

impl Authority for Issuer {
    fn renew<'a>(
        &'a self,
        _: &'a dyn Http,
        document: &'a Document,
        _: SystemTime,
    ) -> BoxFuture<'a, Result<Renewed, Refused>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.seen.lock().unwrap().push(document.text.expose().to_owned());
        let does = (self.does)(document);
        Box::pin(async move {
            match does {
                Some(done) => done,
                None => std::future::pending().await,
            }
        })
    }

    /// `good:NAME` holds a credential of that name.
    fn at_hand(&self, document: &Document) -> Option<Credential> {
        document.text.expose().strip_prefix("good:").map(lasting)
    }

    fn lead(&self) -> Duration {
        Duration::from_secs(300)
    }

    fn rewrites(&self) -> bool {
        self.rewrites
    }
}

fn lasting(name: &str) -> Credential {
    Credential { secret: Secret::new(name), expires: Some(SystemTime::now() + Duration::from_secs(3600)) }
}

fn renewed(name: &str, document: Option<&str>) -> Option<Result<Renewed, Refused>> {
    Some(Ok(Renewed { credential: lasting(name), document: document.map(Secret::new) }))
}

fn refused(is_final: bool) -> Option<Result<Renewed, Refused>> {
    let fault = of_account(FaultKind::UpstreamRefused, "the sign-in has ended");
    Some(Err(Refused { fault, is_final }))
}

/// An account in a folder, and who issues its credentials.
struct Home {
    issuer: &'static Issuer,
    purses: Purses,
    purse: Arc<Purse>,
    client: Client,
    site: Site,
    folder: tempfile::TempDir,
}

const NAME: &str = "a.json";

impl Home {
    fn new(
        rewrites: bool,
        does: impl Fn(&Document) -> Option<Result<Renewed, Refused>> + Send + Sync + 'static,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(NAME), "old").unwrap();
        let vault: Arc<dyn Vault> = Arc::new(Folder::new(folder.path()));
        let issuer: &'static Issuer = Box::leak(Box::new(Issuer {
            does: Box::new(does),
            rewrites,
            asked: AtomicUsize::new(0),
            seen: Mutex::default(),
        }));
        let purses = Purses::default();
        let document = Document { name: NAME.into(), text: Secret::new("old") };
        let renewable = Renewable { authority: issuer, document, print: Secret::new("print") };
        let purse = purses.of(&AccountId::new("kind:a"), &renewable, Some(&vault));
        Self { issuer, purses, purse, client: Client::new(ClientOptions::default()), site: Site::new("a"), folder }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join(NAME)
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.file()).unwrap()
    }

    fn asked(&self) -> usize {
        self.issuer.asked.load(Ordering::SeqCst)
    }

    async fn secret(&self) -> Result<String, Fault> {
        self.purse.secret(&self.client, &self.site).await.map(|secret| secret.expose().to_owned())
    }

    /// Another process's look at the folder.
    fn other(&self) -> Folder {
        Folder::new(self.folder.path())
    }
}

#[tokio::test(start_paused = true)]
async fn silence_ends_in_time_for_all_that_wait_and_blames_the_account() {
    let home = Home::new(false, |_| None);
    let began = Instant::now();
    let fifty = (0..50).map(|_| home.secret());
    for heard in lanes_of(fifty).await {
        let fault = heard.unwrap_err();
        assert_eq!((fault.kind, fault.blame), (FaultKind::UpstreamTimeout, Blame::Account));
        assert!(crate::fallback::may_help(&fault), "another account is tried");
    }
    assert_eq!((home.asked(), began.elapsed()), (1, EXCHANGE));
    // The next one that needs it asks again.
    home.secret().await.unwrap_err();
    assert_eq!(home.asked(), 2);
}

/// Awaits all together.
async fn lanes_of<T>(all: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut all: Vec<_> = all.map(|one| (Box::pin(one), None)).collect();
    std::future::poll_fn(|cx| {
        for (one, done) in all.iter_mut().filter(|(_, done)| done.is_none()) {
            if let std::task::Poll::Ready(value) = one.as_mut().poll(cx) {
                *done = Some(value);
            }
        }
        if all.iter().all(|(_, done)| done.is_some()) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    all.into_iter().filter_map(|(_, done)| done).collect()
}

/// A peer that takes the connection and says nothing, as the real sender meets it.
#[tokio::test(start_paused = true)]
async fn a_token_endpoint_that_never_answers_is_given_up() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/token", listener.local_addr().unwrap());
    let home = Home::new(false, |_| None);
    let sender = Sender { client: &home.client, site: &home.site, authority: home.issuer };
    let began = Instant::now();
    let fault = sender.send(http::Request::post(url).body(Bytes::new()).unwrap()).await.unwrap_err();
    assert_eq!((fault.kind, fault.blame), (FaultKind::UpstreamTimeout, Blame::Account));
    assert!(began.elapsed() <= EXCHANGE, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_hangs_up_loses_no_credential() {
    let home = Home::new(true, |_| renewed("new", Some("good:new")));
    {
        let mut call = Box::pin(home.secret());
        let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(call.as_mut().poll(cx).is_pending()));
        assert!(polled.await);
    }
    home.purses.finish().await;
    assert_eq!((home.text().as_str(), home.asked()), ("good:new", 1));
    assert_eq!(home.secret().await.unwrap(), "new");
    assert_eq!(home.asked(), 1);
}

#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn what_is_rewritten_is_safe_whole_and_the_owners_before_it_is_used_and_others_are_kept_off() {
    use std::os::unix::fs::PermissionsExt as _;
    let elsewhere: &'static Mutex<Option<Folder>> = Box::leak(Box::default());
    let home = Home::new(true, move |_| {
        let other = elsewhere.lock().unwrap();
        assert!(other.as_ref().unwrap().hold(NAME).unwrap().is_none(), "two processes renew at once");
        renewed("new", Some("good:new"))
    });
    *elsewhere.lock().unwrap() = Some(home.other());
    std::fs::set_permissions(home.file(), std::fs::Permissions::from_mode(0o644)).unwrap();
    let before = std::fs::File::open(home.file()).unwrap();
    assert_eq!(home.secret().await.unwrap(), "new");
    assert_eq!(home.text(), "good:new");
    assert_eq!(std::fs::metadata(home.file()).unwrap().permissions().mode() & 0o777, 0o600);
    // In one step: who had opened the old document reads all of the old one.
    assert_eq!(std::io::read_to_string(before).unwrap(), "old");
    assert!(home.other().hold(NAME).unwrap().is_some(), "the lock is given back");
    let left: Vec<_> = std::fs::read_dir(home.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "document and locks, and nothing half written: {left:?}");
    // The watch brings our own writing back: that is nothing new.
    let own = Document { name: NAME.into(), text: Secret::new("good:new") };
    assert!(!home.purse.take_document(&own));
}

#[tokio::test(start_paused = true)]
async fn what_another_process_renewed_meanwhile_is_taken_and_nobody_is_asked() {
    let home = Home::new(true, |_| renewed("ours", Some("good:ours")));
    let held = home.other().hold(NAME).unwrap().unwrap();
    let (other, file) = (home.other(), home.file());
    let ends = async move {
        sleep(Duration::from_secs(3)).await;
        assert!(file.exists());
        other.save(NAME, &Secret::new("good:theirs")).unwrap();
        drop(held);
    };
    let (secret, ()) = tokio::join!(home.secret(), ends);
    assert_eq!((secret.unwrap().as_str(), home.asked()), ("theirs", 0));
    assert_eq!(home.text(), "good:theirs");
}

#[tokio::test(start_paused = true)]
async fn another_process_that_never_ends_is_not_waited_for_for_ever() {
    let home = Home::new(true, |_| renewed("ours", None));
    let _held = home.other().hold(NAME).unwrap().unwrap();
    let began = Instant::now();
    let fault = home.secret().await.unwrap_err();
    assert_eq!((fault.kind, fault.blame), (FaultKind::UpstreamTimeout, Blame::Account));
    assert!(fault.to_string().contains("another process"), "{fault}");
    assert!(began.elapsed() >= OTHERS && began.elapsed() <= OTHERS * 2, "{:?}", began.elapsed());
    assert_eq!(home.asked(), 0, "a renewal without the lock would use up what the other one holds");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_for_good_is_believed_when_the_store_holds_nothing_newer() {
    let home = Home::new(true, |document| match document.text.expose() {
        "newer" => renewed("new", Some("good:new")),
        _ => refused(true),
    });
    assert!(home.secret().await.is_err());
    assert!(home.secret().await.is_err());
    assert_eq!(home.asked(), 1, "what has ended is not asked for again");
    assert!(home.purse.ended().is_some());
    // Somebody has signed in anew, which no watch has told yet: only a click makes us look.
    std::fs::write(home.file(), "newer").unwrap();
    assert!(home.secret().await.is_err());
    assert!(home.purse.revive() && !home.purse.revive());
    assert_eq!(home.secret().await.unwrap(), "new");
    assert_eq!(*home.issuer.seen.lock().unwrap(), ["old", "newer"]);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_for_good_of_what_was_replaced_meanwhile_is_asked_again_with_the_new_one() {
    let file: &'static Mutex<PathBuf> = Box::leak(Box::default());
    let home = Home::new(false, move |document| match document.text.expose() {
        "old" => {
            std::fs::write(&*file.lock().unwrap(), "newer").unwrap();
            refused(true)
        }
        _ => renewed("new", None),
    });
    *file.lock().unwrap() = home.file();
    assert_eq!(home.secret().await.unwrap(), "new");
    assert_eq!((home.asked(), home.purse.ended().is_none()), (2, true));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_may_pass_is_asked_again_by_the_next() {
    let home = Home::new(false, |_| refused(false));
    for asked in 1..=3 {
        assert!(home.secret().await.is_err());
        assert_eq!(home.asked(), asked);
    }
    assert!(home.purse.ended().is_none());
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_written_down_is_used_all_the_same() {
    let home = Home::new(true, |_| renewed("new", Some("good:new")));
    // A folder in the file's place: it can be replaced by nobody.
    std::fs::remove_file(home.file()).unwrap();
    std::fs::create_dir_all(home.file().join("x")).unwrap();
    assert_eq!(home.secret().await.unwrap(), "new");
    assert_eq!(home.purse.document().text.expose(), "good:new", "the next renewal goes on from it");
}
