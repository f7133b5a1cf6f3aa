use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::testing::until;

/// Counts itself down when it is dropped.
struct Alive(Arc<AtomicUsize>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn endless(alive: &Arc<AtomicUsize>) -> impl Future<Output = ()> + Send + 'static {
    alive.fetch_add(1, Ordering::SeqCst);
    let guard = Alive(Arc::clone(alive));
    async move {
        std::future::pending::<()>().await;
        drop(guard);
    }
}

#[tokio::test]
async fn idle_waits_for_every_task_and_for_those_that_tasks_start() {
    let (tasks, done) = (Tasks::new(), Arc::new(AtomicUsize::new(0)));
    let (spawner, count) = (tasks.spawner(), Arc::clone(&done));
    tasks.spawn(async move {
        tokio::task::yield_now().await;
        let inner = Arc::clone(&count);
        spawner.spawn(async move {
            tokio::task::yield_now().await;
            inner.fetch_add(1, Ordering::SeqCst);
        });
        count.fetch_add(1, Ordering::SeqCst);
    });
    assert_eq!(tasks.len(), 1);
    tasks.idle().await;
    assert_eq!((done.load(Ordering::SeqCst), tasks.is_empty()), (2, true));
}

#[tokio::test]
async fn aborting_and_dropping_end_tasks_even_where_a_task_holds_a_spawner() {
    let alive = Arc::new(AtomicUsize::new(0));
    let tasks = Tasks::new();
    tasks.spawn(endless(&alive));
    tasks.abort();
    tasks.idle().await;
    assert_eq!(alive.load(Ordering::SeqCst), 0);
    let tasks = Tasks::new();
    let (spawner, task) = (tasks.spawner(), endless(&alive));
    tasks.spawn(async move {
        task.await;
        drop(spawner);
    });
    tokio::task::yield_now().await;
    assert_eq!(alive.load(Ordering::SeqCst), 1);
    drop(tasks);
    until(|| alive.load(Ordering::SeqCst) == 0).await;
}
