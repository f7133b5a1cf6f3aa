//! Work on a list, a few at a time, inside the caller's own future: whoever drops it ends the work.

use std::sync::{Mutex, PoisonError};

/// Does `work` with each, four at a time, from the last to the first; what came of them, in the order of their ends.
pub(crate) async fn each<T, R, F: Future<Output = R>>(items: Vec<T>, work: impl Fn(T) -> F) -> Vec<R> {
    let (waiting, done) = (Mutex::new(items), Mutex::new(Vec::new()));
    let lane = || async {
        loop {
            let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(item) = next else { return };
            let result = work(item).await;
            done.lock().unwrap_or_else(PoisonError::into_inner).push(result);
        }
    };
    tokio::join!(lane(), lane(), lane(), lane());
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}
