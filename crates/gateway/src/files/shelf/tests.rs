use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use pool::VaultError;

use super::*;

const KEY: &str = include_str!("../../../../testkit/src/google/second.pem");

/// A store whose documents a test changes under the shelf.
#[derive(Debug, Default)]
struct Drawer(Mutex<BTreeMap<String, Result<String, String>>>);

impl Drawer {
    fn open(&self) -> MutexGuard<'_, BTreeMap<String, Result<String, String>>> {
        self.0.lock().unwrap()
    }

    fn put(&self, name: &str, text: &str) {
        self.open().insert(name.to_owned(), Ok(text.to_owned()));
    }
}

impl Vault for Drawer {
    fn list(&self) -> Result<Vec<Listed>, VaultError> {
        if self.open().contains_key("BROKEN") {
            return Err(VaultError("no such disk".to_owned()));
        }
        Ok(self.open().keys().map(|name| Listed { name: name.clone(), mark: None }).collect())
    }

    fn read(&self, name: &str) -> Result<Option<Secret>, VaultError> {
        let text = self.open().get(name).cloned();
        text.transpose().map(|text| text.map(|text| Secret::new(&text))).map_err(VaultError)
    }

    fn save(&self, name: &str, text: &Secret) -> Result<(), VaultError> {
        self.put(name, text.expose());
        Ok(())
    }

    fn hold(&self, _: &str) -> Result<Option<Box<dyn Send>>, VaultError> {
        Ok(None)
    }
}

fn account(priority: i32) -> String {
    let value = serde_json::json!({
        "type": "vertex", "priority": priority, "project_id": "p",
        "service_account": {"client_email": "a@b", "private_key": KEY},
    });
    value.to_string()
}

fn shelf() -> (Arc<Drawer>, Shelf) {
    let drawer = Arc::new(Drawer::default());
    let shelf = Shelf::new(Arc::<Drawer>::clone(&drawer));
    (drawer, shelf)
}

fn priorities(shelf: &Shelf) -> Vec<i32> {
    shelf.shelved().accounts.iter().map(|account| account.settings.entry.priority).collect()
}

fn told(looked: &Looked) -> String {
    looked.remarks.iter().map(|remark| remark.text.as_str()).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_half_written_file_changes_nothing_until_it_is_whole() {
    let (drawer, mut shelf) = shelf();
    drawer.put("a.json", &account(1));
    drawer.put("b.json", &account(2));
    assert!(shelf.look(true).changed);
    let whole = account(7);
    for cut in [0, 1, whole.len() / 2, whole.len() - 1] {
        drawer.put("a.json", &whole[..cut]);
        let first = shelf.look(true);
        assert!(first.doubtful && !first.changed && first.remarks.is_empty(), "{cut}");
        assert_eq!(priorities(&shelf), [1, 2]);
    }
    // It stays so: that is told, once.
    let second = shelf.look(true);
    assert!(told(&second).contains("a.json") && told(&second).contains("stays as it was"), "{second:?}");
    assert_eq!((shelf.look(true).remarks, priorities(&shelf)), (Vec::new(), vec![1, 2]));
    assert!(shelf.shelved().unread[0].in_use);
    drawer.put("a.json", &whole);
    assert!(shelf.look(true).changed);
    assert_eq!((priorities(&shelf), shelf.shelved().unread), (vec![7, 2], Vec::new()));
}

#[test]
fn a_damaged_file_at_the_start_leaves_the_others_alone() {
    let (drawer, mut shelf) = shelf();
    drawer.put("a.json", "{");
    drawer.put("b.json", &account(2));
    drawer.open().insert("c.json".to_owned(), Err("it cannot be read: permission denied".to_owned()));
    drawer.put("d.json", r#"{"type":"claude","access_token":"hush"}"#);
    let looked = shelf.look(false);
    let words = told(&looked);
    assert!(words.contains("a.json: it ends in the middle") && words.contains("c.json: it cannot be read"), "{words}");
    assert!(words.contains("d.json: accounts of the type `claude`") && !words.contains("hush"), "{words}");
    let trouble: Vec<bool> = looked.remarks.iter().map(|remark| remark.is_trouble).collect();
    assert_eq!(trouble, [true, false, true, false]);
    assert_eq!((priorities(&shelf), shelf.shelved().unread.len()), (vec![2], 3));
    assert_eq!(shelf.look(true).remarks, []);
}

#[test]
fn what_comes_goes_and_comes_back_is_told_each_time() {
    let (drawer, mut shelf) = shelf();
    assert!(!shelf.look(true).changed);
    drawer.put("a.json", &account(1));
    assert!(told(&shelf.look(true)).contains("a.json: the account is read"));
    drawer.put("a.json", &account(2));
    assert!(told(&shelf.look(true)).contains("read anew"));
    drawer.open().clear();
    assert!(told(&shelf.look(true)).contains("gone") && priorities(&shelf).is_empty());
    drawer.put("a.json", &account(3));
    assert!(shelf.look(true).changed);
}

#[test]
fn a_store_that_cannot_be_listed_keeps_all_and_is_told_once() {
    let (drawer, mut shelf) = shelf();
    drawer.put("a.json", &account(1));
    shelf.look(true);
    drawer.put("BROKEN", "");
    let looked = shelf.look(true);
    assert!(!looked.changed && told(&looked).contains("no such disk"));
    assert_eq!((shelf.look(true).remarks, priorities(&shelf)), (Vec::new(), vec![1]));
}

#[test]
fn an_account_that_becomes_another_kind_is_no_longer_used() {
    let (drawer, mut shelf) = shelf();
    drawer.put("a.json", &account(1));
    shelf.look(true);
    drawer.put("a.json", r#"{"type":"qwen"}"#);
    assert!(shelf.look(true).changed && priorities(&shelf).is_empty());
}

#[test]
fn a_disabled_account_has_no_place_but_is_known() {
    let (drawer, mut shelf) = shelf();
    drawer.put("a.json", &account(1).replacen('{', r#"{"disabled":true,"#, 1));
    shelf.look(true);
    let kind = shelf.shelved().accounts[0].kind();
    assert_eq!((shelf.shelved().places(kind).count(), shelf.shelved().unhindered().places(kind).count()), (0, 1));
}
